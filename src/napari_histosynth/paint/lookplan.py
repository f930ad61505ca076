"""Looks over a canvas as a plan: which there are, where, and how far classes go along."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError, ModelError
from napari_histosynth.paint.lookmap import LookMap, Place
from napari_histosynth.paint.lookregions import Regions
from napari_histosynth.paint.strengthmap import StrengthMap, Strengths, strengths_by_name

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

#: Looks that a map has at most: more colors cannot be told apart.
MOST_LOOKS = 24
DEFAULT_WIDTH_UM = 150.0


@dataclass(frozen=True, eq=False)
class NamedLook:
    """A look with a name, and where it is from.

    Attributes
    ----------
    latent : ndarray
        float32 (d,).
    name : str
        For people.
    seed : int or None
        Seed that the latent was drawn from, if it was.
    picture : str or None
        Name of the H&E picture that it was read from, if it was.
    """

    latent: npt.NDArray[np.float32]
    name: str = ""
    seed: int | None = None
    picture: str | None = None

    @classmethod
    def of_seed(cls, model: PaintModel, seed: int, name: str = "") -> NamedLook:
        """Return the look that a model draws from a seed."""
        return cls(model.sample_latent(seed), name or f"seed {seed}", seed)


@dataclass(frozen=True, eq=False)
class ClassStrengths:
    """How much of the way from a beginning to the canvas's own look each class goes.

    Attributes
    ----------
    start : NamedLook
        The beginning. Its stain is of no account: that of the canvas's own look is everywhere.
    classes : dict of str to float
        0 to 1 by names of the model's classes, or their beginnings; those not named stay at the beginning.
    """

    start: NamedLook
    classes: dict[str, float]


@dataclass(frozen=True, eq=False)
class LookPlan:
    """Which looks a canvas has where; :meth:`build` makes the map of latents from it.

    Attributes
    ----------
    um_per_px : float
        Scale of the positions and of the regions.
    looks : tuple of NamedLook
        Looks 1, 2, ...; up to :data:`MOST_LOOKS`.
    places : tuple of Place
        Points that carry looks.
    regions : ndarray or None
        uint8 (y, x), the size of the canvas: 0 for its own look, n for look n.
    width_um : float
        Over which distance one look gives way to another.
    own : NamedLook or None
        The canvas's own look, where the plan says it.
    strengths : ClassStrengths or None
        How much of their way to the canvas's own look classes go, where that is not all of it.
    """

    um_per_px: float
    looks: tuple[NamedLook, ...] = ()
    places: tuple[Place, ...] = ()
    regions: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    width_um: float = DEFAULT_WIDTH_UM
    own: NamedLook | None = None
    strengths: ClassStrengths | None = None

    def build(
        self,
        model: PaintModel,
        own: npt.NDArray[np.float32],
        shape: tuple[int, int],
        labels: npt.NDArray[np.uint8] | None = None,
    ) -> LookMap:
        """Make the map of latents for a canvas.

        Parameters
        ----------
        model : PaintModel
            What draws; a local one.
        own : ndarray
            float32 (d,), the canvas's own look.
        shape : tuple of int
            Height and width of the canvas at the model's scale. Positions and regions follow if the plan is
            at another scale.
        labels : ndarray, optional
            uint8 (y, x), those of the canvas, not copied. Strengths by class follow them.

        Raises
        ------
        ModelError
            If the model has one latent for all of a canvas, or there are strengths by class and no labels.
        LabelMapError
            If the regions are of another size.
        """
        from napari_histosynth.paint.network import LocalGenerator

        if not isinstance(model.generator, LocalGenerator):
            raise ModelError(
                f"The model {model.name!r} has one look for all of a canvas; choose a model of the preset "
                "'local'."
            )
        fitted = self.fitted(model.um_per_px, shape)
        stride = model.generator.stride
        regions = None
        if fitted.regions is not None:
            regions = Regions(fitted.regions, stride, self.width_um / model.um_per_px)
        layout: dict[str, Any] = {
            "places": fitted.places,
            "regions": regions,
            "width_um": self.width_um,
            "um_per_px": model.um_per_px,
            "stride": stride,
        }
        looks = [look.latent for look in self.looks]
        if self.strengths is None:
            return LookMap(own, looks, **layout)
        if labels is None:
            raise ModelError("Looks with strengths by class follow the labels; give those of the canvas.")
        size = model.style_size
        start = np.concatenate([self.strengths.start.latent[:size], own[size:]])
        by_class = strengths_by_name(self.strengths.classes, model.scheme.names)
        return StrengthMap(own, looks, by_class=Strengths(start, by_class, labels), **layout)

    def fitted(self, um_per_px: float, shape: tuple[int, int]) -> LookPlan:
        """Return the plan at another scale, for a canvas of a given height and width.

        Raises
        ------
        LabelMapError
            If the regions are of another size.
        """
        factor = self.um_per_px / um_per_px
        places = tuple(
            replace(at, y=(at.y + 0.5) * factor - 0.5, x=(at.x + 0.5) * factor - 0.5) for at in self.places
        )
        regions = None if self.regions is None else _fitted(self.regions, shape, factor)
        return replace(self, um_per_px=um_per_px, places=places, regions=regions)


def _fitted(regions: npt.NDArray[np.uint8], shape: tuple[int, int], factor: float) -> npt.NDArray[np.uint8]:
    """Return regions in the size of a canvas, or say that they are of another one."""
    if regions.shape == shape:
        return regions
    expected = tuple(side * factor for side in regions.shape)
    if any(abs(one - other) > 1 + factor for one, other in zip(expected, shape, strict=True)):
        raise LabelMapError(
            f"The map of regions is {regions.shape[1]} x {regions.shape[0]} px, which is not the size of the "
            f"canvas ({round(shape[1] / factor)} x {round(shape[0] / factor)} px at that scale); make it "
            "that size."
        )
    rows, columns = (
        np.minimum((np.arange(to) * (of / to) + of / to / 2).astype(int), of - 1)
        for of, to in zip(regions.shape, shape, strict=True)
    )
    return regions[np.ix_(rows, columns)]
