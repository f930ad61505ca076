"""Maps of one class alone: does what a model draws on them repeat, measured against real tissue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.study.real import GLASS, TISSUE, RealArea
from napari_histosynth.study.repetition import Repetition, measure

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.model import PaintModel

SIZES = {512: 4, 1024: 2}
"""Sides of the flat maps in pixels, and how many looks are drawn of each."""

VISIBLE_GRAY = 1.0
"""Contrast of a repetition, in gray levels, below which nobody sees it."""

SIGNIFICANT = 0.05
"""Share of textures that do not repeat and are yet found as high."""


@dataclass(frozen=True)
class FlatClass:
    """What was measured of one class.

    Attributes
    ----------
    index : int
        The class.
    name : str
        Its name.
    drawn : tuple of Repetition
        Of each flat map.
    real : tuple of Repetition
        Of flat areas of real tissue, or of real glass for the background.
    example : ndarray
        uint8 (512, 512, 3), the first flat map.
    worst : ndarray
        uint8 (y, x, 3), the flat map that repeats most.
    """

    index: int
    name: str
    drawn: tuple[Repetition, ...]
    real: tuple[Repetition, ...]
    example: npt.NDArray[np.uint8]
    worst: npt.NDArray[np.uint8]

    @property
    def peak(self) -> float:
        """Median height of the peaks over what chance gives."""
        return float(np.median([one.excess for one in self.drawn]))

    @property
    def highest(self) -> float:
        """Greatest height of a peak over what chance gives."""
        return max(one.excess for one in self.drawn)

    @property
    def p(self) -> float:
        """Median share of textures without repetition that reach the peak."""
        return float(np.median([one.p for one in self.drawn]))

    @property
    def visible(self) -> float:
        """Median contrast of what repeats beyond chance, in gray levels."""
        return float(np.median([one.visible for one in self.drawn]))

    @property
    def real_peak(self) -> float | None:
        """Median height of the peaks in real areas; None without any."""
        return float(np.median([one.excess for one in self.real])) if self.real else None

    @property
    def bound(self) -> float:
        """Height that nine real areas in ten stay below; never less than 1, where chance ends."""
        return max(1.0, float(np.quantile([one.excess for one in self.real], 0.9)) if self.real else 1.0)

    @property
    def repeats(self) -> bool:
        """Whether large areas of it look repeated: higher than real, beyond chance, and to be seen."""
        return self.peak > self.bound and self.p <= SIGNIFICANT and self.visible >= VISIBLE_GRAY


def measure_real(
    areas: Mapping[str, Sequence[RealArea]], progress: Callable[[float], None] | None = None
) -> dict[str, tuple[Repetition, ...]]:
    """Measure how much real areas repeat, by kind."""
    count, done = sum(map(len, areas.values())), 0
    found: dict[str, tuple[Repetition, ...]] = {}
    for kind, several in areas.items():
        measured = []
        for number, area in enumerate(several):
            measured.append(measure(area.image, area.um_per_px, mask=area.mask, seed=number))
            done += 1
            if progress is not None:
                progress(done / count)
        found[kind] = tuple(measured)
    return found


def measure_flat(
    model: PaintModel,
    real: Mapping[str, tuple[Repetition, ...]],
    *,
    sizes: Mapping[int, int] | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[FlatClass]:
    """Draw maps of each class alone in several looks and measure how much they repeat.

    Parameters
    ----------
    model : PaintModel
        What draws.
    real : mapping of str to tuple of Repetition
        From :func:`measure_real`: glass is set beside the background, tissue beside all other classes.
    sizes : mapping of int to int, optional
        How many looks of maps of which side in pixels; :data:`SIZES` if not given.
    seed : int
        Of the first look and noise; the others follow.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    list of FlatClass
        By index.
    """
    sizes = SIZES if sizes is None else sizes
    total, done = model.scheme.n_classes * sum(side**2 * looks for side, looks in sizes.items()), 0
    found = []
    for index, name in enumerate(model.scheme.names):
        drawn: list[tuple[Repetition, npt.NDArray[np.uint8]]] = []
        for side, looks in sizes.items():
            labels = np.full((side, side), index, np.uint8)
            for look in range(looks):
                picture = Canvas(model, labels, seed=seed + look).render()
                drawn.append((measure(picture, model.um_per_px, seed=look), picture))
                done += side**2
                if progress is not None:
                    progress(done / total)
        worst = max(drawn, key=lambda one: one[0].excess)
        kind = GLASS if index == model.scheme.background else TISSUE
        found.append(
            FlatClass(
                index,
                name,
                tuple(one for one, _ in drawn),
                tuple(real.get(kind, ())),
                drawn[0][1],
                worst[1],
            )
        )
    return found


def stroma_of(scheme: TissueScheme) -> int:
    """Return the class that stroma of the real fields is compared with."""
    for name in ("non-epithelium", "loose stroma", "non-reactive stroma"):
        if name in scheme.names:
            return scheme.index_of(name)
    return next(index for index in range(scheme.n_classes) if index != scheme.background)
