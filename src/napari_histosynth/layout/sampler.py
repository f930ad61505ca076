"""New tissue by number: label maps with their H&E, of any grade and size, and what lies between two."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError, ModelError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.layout.classes import check_target, in_scheme, with_nuclei
from napari_histosynth.layout.finish import finished, resampled
from napari_histosynth.layout.flow import START
from napari_histosynth.layout.grading import laid_over, shares_of
from napari_histosynth.layout.redraw import drawn_field, drawn_plane
from napari_histosynth.layout.spread import (
    Cells,
    lattice_middles,
    lattice_shape,
    seeded_latents,
)

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

Floats = npt.NDArray[np.float32]
Progress = Callable[[float], None]

#: Pixels a side that a layout may have.
LEAST, MOST = 64, 8192
#: Micrometers a pixel that a layout may have.
FINEST, COARSEST = 0.05, 8.0

_GRADES = 0x1A72  # stream of the noise that chooses a grade
_KIN = math.sqrt(0.5)  # how alike to a given latent those around it are


@dataclass(frozen=True, eq=False)
class Layout:
    """New tissue.

    Attributes
    ----------
    labels : ndarray
        uint8 (y, x), of :attr:`scheme`.
    image : ndarray
        uint8 (y, x, 3), the H&E that was drawn with it: rough, since it is enlarged; paint models draw it
        better.
    um_per_px : float
        Of both.
    seed : int
        Of latents, grade and nuclei.
    grade : str
        In full; empty of mixtures, and of models without grades.
    latent : ndarray
        float32 (d,); of a layout larger than a field, that in its middle.
    weights : ndarray
        float32 (g,), of the grades, there.
    scheme : str
        Name of the scheme of the labels.
    nuclei : bool
        Whether nuclei were placed in it.
    cells : Cells
        All latents that it grew from.
    """

    labels: npt.NDArray[np.uint8]
    image: npt.NDArray[np.uint8]
    um_per_px: float
    seed: int
    grade: str
    latent: Floats
    weights: Floats
    scheme: str
    nuclei: bool
    cells: Cells


class Sampler:
    """Makes new tissue. Everything is a function of its arguments: same model and arguments, same bytes.

    Parameters
    ----------
    model : LayoutModel
        What draws.
    """

    def __init__(self, model: LayoutModel) -> None:
        self.model = model

    def sample(
        self,
        seed: int,
        *,
        grade: str = "",
        mixture: Mapping[str, float] | npt.ArrayLike | None = None,
        size_px: tuple[int, int] = (512, 512),
        um_per_px: float = 0.62,
        nuclei: bool = False,
        scheme: str = "colon-2",
        progress: Progress = lambda share: None,
    ) -> Layout:
        """Make a layout.

        Parameters
        ----------
        seed : int
            Chooses it.
        grade : str
            Name of a grade of the model or how it begins; "" for one that the seed chooses.
        mixture : mapping of str to float or array_like, optional
            Instead of a grade: shares of several, of which only proportions matter; or float (g,); or
            float (rows, columns, g), laid over a layout that is larger than a field, so that the grade
            changes over it.
        size_px : tuple of int
            Height and width, 64 to 8192.
        um_per_px : float
            Micrometers a pixel.
        nuclei : bool
            Whether nuclei are placed by rule, for schemes that have them.
        scheme : str
            Of the labels: one with epithelium and non-epithelium, or ``colon-10``.
        progress : callable
            Told the share that is done, 0 to 1; what it raises ends the work.

        Returns
        -------
        Layout
            Up to the size of the model's fields the middle of one; larger ones are drawn from many latents.

        Raises
        ------
        ModelError
            If the grade is unknown or a mixture does not fit.
        ImageError
            If size or scale is out of range.
        SchemeError
            If the scheme is none that layouts can be in.
        """
        places = self._places(size_px, um_per_px)
        shape = (1, 1) if places is None else lattice_shape(places)
        weights = self._weights(seed, grade, mixture, places)
        latents = seeded_latents(seed, shape, self.model.latent_size)
        return self._drawn(seed, Cells(latents, weights), size_px, um_per_px, nuclei, scheme, progress)

    def at(
        self,
        latent: npt.ArrayLike,
        weights: npt.ArrayLike,
        *,
        seed: int = 0,
        size_px: tuple[int, int] = (512, 512),
        um_per_px: float = 0.62,
        nuclei: bool = False,
        scheme: str = "colon-2",
        kept: float = START,
        progress: Progress = lambda share: None,
    ) -> Layout:
        """Make the layout of a latent.

        Parameters
        ----------
        latent : array_like
            float (d,).
        weights : array_like
            float (g,), of the grades, 0 or more; only proportions matter.
        seed : int
            Of nuclei; of a layout larger than a field also of the latents around that in the middle, which
            are half this one and half of their own.
        size_px, um_per_px, nuclei, scheme, progress
            As for :meth:`sample`.
        kept : float
            How much a flow keeps of what the GAN has laid out, 0 to 1; ``FOUND`` of :mod:`.layout.flow` for
            what the encoder has found in a picture, so that it is like that picture.

        Raises
        ------
        HistosynthError
            As :meth:`sample`, or if latent or weights have another length or hold what is no number.
        """
        z = self.model.checked(np.asarray(latent)[None], self.model.latent_size, "A latent")[0]
        places = self._places(size_px, um_per_px)
        shape = (1, 1) if places is None else lattice_shape(places)
        told = self._weights(seed, "", weights, places)
        if places is None:
            latents = z[None, None]
        else:
            length = np.linalg.norm(z) / math.sqrt(len(z))
            own = seeded_latents(seed, shape, self.model.latent_size) * np.float32(length)
            latents = np.asarray(_KIN * z + _KIN * own, np.float32)
            latents[shape[0] // 2, shape[1] // 2] = z
        if not 0 <= kept <= 1:
            raise ModelError(f"How much is kept of what was laid out must be 0 to 1, not {kept:g}.")
        return self._drawn(seed, Cells(latents, told, kept), size_px, um_per_px, nuclei, scheme, progress)

    def between(
        self,
        first: Layout,
        second: Layout,
        t: float,
        *,
        spherical: bool = True,
        progress: Progress = lambda share: None,
    ) -> Layout:
        """Make the layout a share of the way from one to another: glands move, crowd and break up.

        Parameters
        ----------
        first, second : Layout
            Of this model, of one size, scale and scheme.
        t : float
            0 for the first, 1 for the second.
        spherical : bool
            Whether latents go along great circles, on which they keep their usual length, or straight.
            Weights of grades go straight.
        progress : callable
            As for :meth:`sample`.

        Raises
        ------
        ModelError
            If the two do not fit, or ``t`` is not 0 to 1.
        """
        from napari_histosynth.latent.space import between

        if not 0 <= t <= 1:
            raise ModelError(f"The share of the way between two layouts must be 0 to 1, not {t:g}.")
        for what, one, other in (
            ("pixels a side", first.labels.shape, second.labels.shape),
            ("um a pixel", first.um_per_px, second.um_per_px),
            ("scheme", first.scheme, second.scheme),
            ("latents", first.cells.latents.shape, second.cells.latents.shape),
        ):
            if one != other:
                raise ModelError(f"Two layouts between which others lie differ in {what}: {one} and {other}.")
        a, b = first.cells, second.cells
        if t in (0, 1):
            cells = b if t else a
        else:
            size = a.latents.shape[-1]
            pairs = zip(a.latents.reshape(-1, size), b.latents.reshape(-1, size), strict=True)
            latents = np.stack([between(one, other, t, spherical=spherical) for one, other in pairs])
            weights = np.asarray((1 - t) * a.weights + t * b.weights, np.float32)
            kept = (1 - t) * a.kept + t * b.kept
            cells = Cells(latents.reshape(a.latents.shape), weights, kept)
        size_px = (first.labels.shape[0], first.labels.shape[1])
        return self._drawn(first.seed, cells, size_px, first.um_per_px, first.nuclei, first.scheme, progress)

    def joining(
        self,
        labels: npt.NDArray[np.uint8],
        inside: npt.NDArray[np.bool_],
        seed: int,
        weights: Floats,
        um_per_px: float,
        progress: Progress = lambda share: None,
    ) -> npt.NDArray[np.uint8]:
        """Make tissue for a region that goes on where what is around it ends.

        Parameters
        ----------
        labels : ndarray
            uint8 (y, x), in the model's scheme.
        inside : ndarray
            bool (y, x), the region.
        seed : int
            Chooses the tissue.
        weights : ndarray
            float32 (g,), of the grades.
        um_per_px : float
            Micrometers a pixel.
        progress : callable
            As for :meth:`sample`.

        Returns
        -------
        ndarray
            uint8 (y, x), in the model's scheme; outside of the region nearly what was there.

        Raises
        ------
        ModelError
            If the model has no flow.
        ImageError
            If size or scale is out of range.
        """
        model = self.model
        _check_size(labels.shape, um_per_px, least=1)
        if model.flow is None:
            raise ModelError(f"{model.name!r} has no flow to join tissue to what is around it with.")
        factor = model.drawn_um_per_px / um_per_px  # pixels here for one of the model
        height, width = labels.shape
        cell = model.cell * model.fineness
        places = math.ceil(height / factor / cell), math.ceil(width / factor / cell)
        shape = lattice_shape(places)
        cells = Cells(
            seeded_latents(seed, shape, model.latent_size),
            laid_over(weights, shape),
        )
        drawn = Window(0, places[0] * cell, 0, places[1] * cell)
        one_hot = np.arange(model.scheme.n_classes)[:, None, None] == labels
        planes = np.concatenate([one_hot, inside[None]]).astype(np.float32)
        seen = resampled(planes, drawn, factor, (0.0, 0.0), max(0.5 * factor, 1e-3))
        known = 2 * seen[:-1] - 1, seen[-1] > 0.05
        image, amounts = drawn_plane(model, cells, places, lambda done: progress(0.9 * done), known)
        made, _ = finished(image, amounts, model.scheme, model.drawn_um_per_px, (height, width), um_per_px)
        progress(1.0)
        return made

    def weights_of(self, seed: int, grade: str = "") -> Floats:
        """Return the weights of a grade, float32 (g,); without one, of the grade that a seed chooses.

        Raises
        ------
        ModelError
            If the grade is unknown.
        """
        count = len(self.model.grades)
        if grade or not count:
            return self.model.grade_weights(grade)
        chosen = gaussian(seed, _GRADES, 0, Window(0, 1, 0, count))[0].argmax()
        return np.asarray(np.eye(count)[chosen], np.float32)

    def provenance(self, layout: Layout) -> Provenance:
        """Return what made a layout."""
        shares = {
            name: round(float(share), 4)
            for name, share in zip(self.model.grades, layout.weights, strict=True)
        }
        return Provenance(
            model=self.model.name,
            model_sha256=self.model.sha256,
            seed=layout.seed,
            latent_sha256=hashlib.sha256(layout.cells.latents.astype("<f4").tobytes()).hexdigest(),
            um_per_px=layout.um_per_px,
            size=(layout.labels.shape[0], layout.labels.shape[1]),
            extra={
                "grade": layout.grade,
                "grades": shares,
                "scheme": layout.scheme,
                "nuclei": layout.nuclei,
                **({"kept": round(layout.cells.kept, 4)} if self.model.flow else {}),
                "device": self.model.device.type,
                "precision": self.model.precision,
            },
        )

    def _places(self, size_px: tuple[int, int], um_per_px: float) -> tuple[int, int] | None:
        """Return how many places of a base a canvas has; None where it fits into a field."""
        _check_size(size_px, um_per_px)
        factor = um_per_px / self.model.um_per_px
        sides = [side * factor for side in size_px]
        # scales that are rounded must not make a field a pixel too small
        if max(sides) < self.model.size + 0.5:
            return None
        rows, columns = (math.ceil(side / self.model.cell - 1e-6) for side in sides)
        return rows, columns

    def _weights(
        self,
        seed: int,
        grade: str,
        mixture: Mapping[str, float] | npt.ArrayLike | None,
        places: tuple[int, int] | None,
    ) -> Floats:
        """Return the weights of the grades at each latent, float32 (rows, columns, g)."""
        model = self.model
        shape = (1, 1) if places is None else lattice_shape(places)
        middles = None if places is None else (lattice_middles(places[0]), lattice_middles(places[1]))
        if mixture is None:
            return laid_over(self.weights_of(seed, grade), shape)
        if grade:
            raise ModelError(f"Either a grade or a mixture says what tissue it is, not both ({grade!r}).")
        return laid_over(shares_of(mixture, model), shape, middles)

    def _drawn(
        self,
        seed: int,
        cells: Cells,
        size_px: tuple[int, int],
        um_per_px: float,
        nuclei: bool,
        scheme: str,
        progress: Progress,
    ) -> Layout:
        """Draw what grows from latents."""
        model = self.model
        target = get_scheme(scheme)
        check_target(model.scheme, target, nuclei)
        size_px = int(size_px[0]), int(size_px[1])
        places = self._places(size_px, um_per_px)
        row, column = cells.middle
        weights = cells.weights[row, column]
        start = (0.0, 0.0)
        if places is None:
            image, labels = drawn_field(model, cells.latents[0, 0], cells.weights[0, 0], cells.kept)
            factor = um_per_px / model.drawn_um_per_px
            start = (model.drawn_size - size_px[0] * factor) / 2, (model.drawn_size - size_px[1] * factor) / 2
        else:
            image, labels = drawn_plane(model, cells, places, lambda done: progress(0.6 * done))
        made, picture = finished(
            image,
            labels,
            model.scheme,
            model.drawn_um_per_px,
            size_px,
            um_per_px,
            start,
            lambda done: progress(0.6 + 0.2 * done),
        )
        told = dict(zip(model.grades, weights.tolist(), strict=True))
        made = in_scheme(made, model.scheme, target, told)
        if nuclei:
            made = with_nuclei(made, target, um_per_px, seed, told, lambda done: progress(0.8 + 0.2 * done))
        progress(1.0)
        even = bool((cells.weights == weights).all()) and weights.size > 0 and weights.max() == 1
        grade = model.grades[int(weights.argmax())] if even else ""
        latent = cells.latents[row, column]
        return Layout(made, picture, um_per_px, seed, grade, latent, weights, scheme, nuclei, cells)


def _check_size(size_px: tuple[int, ...], um_per_px: float, least: int = LEAST) -> None:
    """Raise ImageError where no layout has such a size or scale."""
    if not FINEST <= um_per_px <= COARSEST:
        raise ImageError(
            f"A layout has {FINEST:g} to {COARSEST:g} um a pixel, not {um_per_px:g}; choose one in between."
        )
    for side in size_px:
        if int(side) != side or not least <= side <= MOST:
            raise ImageError(f"A layout has {least} to {MOST:,} px a side, not {side:,}; choose another.")
