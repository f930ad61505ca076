"""The Ki-67 labelling index: how many nuclei are positive, of how many, with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.findnuclei import TILE, Nuclei, search
from napari_histosynth.stain.levels import Levels

if TYPE_CHECKING:
    import numpy.typing as npt

#: Largest picture, in pixels, whose nuclei are also given pixel by pixel unless asked otherwise.
MOST_LABELED = 2**26

#: Where positive begins between the densities of negative nuclei (hematoxylin) and of clearly positive ones
#: (DAB), as a share of their geometric mean: about as much brown as a negative nucleus is blue. Both have
#: a part in it, so that a change of either stain moves it half as much.
_SHARE = 0.75

_Z95 = 1.959963984540054  # standard normal quantile of 97.5 %


@dataclass(frozen=True)
class Ki67Settings:
    """How nuclei are counted.

    Attributes
    ----------
    threshold : float or None
        Mean DAB density (optical density, base 10, above glass) above which a nucleus is positive; None reads
        it from the picture: about as much DAB as its negative nuclei have hematoxylin.
    levels : Levels or None
        Stain colors and contrast to go by; None reads them from the picture. Those of a whole slide make the
        counts of its parts agree.
    """

    threshold: float | None = None
    levels: Levels | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None:
            checked_threshold(self.threshold)


@dataclass(frozen=True, eq=False)
class Ki67Count:
    """Nuclei of a picture, counted.

    Attributes
    ----------
    nuclei : Nuclei
        All of them, positive or not.
    labels : ndarray or None
        int32 (y, x) in the picture's pixels: number of the nucleus, from 1 in the order of ``nuclei``, 0
        none. None for pictures too large for it.
    area_mm2, tissue_mm2 : float
        What was looked at, and how much of the picture holds any stain.
    threshold : float
        Mean DAB density above which a nucleus is positive.
    levels : Levels
        Stain colors and contrast that it went by.
    um_per_px : float
        Scale of the picture.
    """

    nuclei: Nuclei
    labels: npt.NDArray[np.int32] | None
    area_mm2: float
    tissue_mm2: float
    threshold: float
    levels: Levels
    um_per_px: float

    @property
    def total(self) -> int:
        """Nuclei."""
        return len(self.nuclei)

    @property
    def positive(self) -> int:
        """Positive nuclei."""
        return int(np.count_nonzero(self.nuclei.positive))

    @property
    def negative(self) -> int:
        """Negative nuclei."""
        return self.total - self.positive

    @property
    def index(self) -> float:
        """Share of nuclei that are positive, 0 to 1; NaN where there are none."""
        return self.positive / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the index (Wilson); NaN where there are no nuclei."""
        return wilson(self.positive, self.total)

    @property
    def per_mm2(self) -> float:
        """Nuclei per mm2 of what was looked at; NaN where that is nothing."""
        return self.total / self.area_mm2 if self.area_mm2 else math.nan

    def with_threshold(self, threshold: float) -> Ki67Count:
        """Return the count with another threshold; nuclei are not looked for again.

        Raises
        ------
        ImageError
            If it is no optical density.
        """
        threshold = checked_threshold(threshold)
        return replace(self, nuclei=self.nuclei.above(threshold), threshold=threshold)


def count_ki67(
    rgb: Any,
    um_per_px: float | None,
    *,
    settings: Ki67Settings | None = None,
    mask: npt.ArrayLike | None = None,
    labels: bool | None = None,
    outlines: bool = False,
    tile: int = TILE,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Ki67Count:
    """Count the positive and negative nuclei of a picture stained with hematoxylin and DAB.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3): an array, or anything with ``shape`` and ``dtype`` that slices give arrays of, of
        which no more than a window is read at once.
    um_per_px : float
        Its scale, 0.05 to 1.
    settings : Ki67Settings, optional
        Threshold and levels; by default all is read from the picture.
    mask : array_like, optional
        (y, x), nonzero where nuclei count: those whose centers lie there.
    labels : bool, optional
        Whether to say which pixels are whose; by default for pictures of up to 67 megapixels.
    outlines : bool
        Whether to trace the nuclei.
    tile : int
        Side, in pixels of 0.5 um, of what is looked at at once; it changes memory, not the count.
    cancel : callable, optional
        Asked now and then whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    Ki67Count

    Raises
    ------
    ImageError
        If the picture, its scale or the mask cannot be used; the sentence says what to give instead.
    Cancelled
        If ``cancel`` returned true.
    """
    settings = settings or Ki67Settings()
    chosen = None if mask is None else _checked_mask(mask, rgb)
    if labels is None:
        shape = getattr(rgb, "shape", (0, 0))
        labels = len(shape) == 3 and shape[0] * shape[1] <= MOST_LABELED
    found = search(
        rgb,
        um_per_px,
        levels=settings.levels,
        labels=labels,
        outlines=outlines,
        tile=tile,
        cancel=cancel,
        progress=progress,
    )
    assert um_per_px is not None  # search has looked at it
    nuclei, numbers = found.nuclei, found.labels
    pixels = rgb.shape[0] * rgb.shape[1]
    if chosen is not None:
        pixels = int(np.count_nonzero(chosen))
        y, x = (np.clip(np.rint(axis).astype(int), 0, side - 1) for axis, side in
                zip((nuclei.y, nuclei.x), chosen.shape, strict=True))  # fmt: skip
        kept = chosen[y, x]
        nuclei = nuclei.where(kept)
        if numbers is not None:
            number = np.zeros(len(kept) + 1, np.int32)
            number[1:][kept] = np.arange(1, len(nuclei) + 1)
            numbers = number[numbers]
    threshold = usual_threshold(found.levels) if settings.threshold is None else settings.threshold
    return Ki67Count(
        nuclei.above(threshold),
        numbers,
        pixels * um_per_px**2 * 1e-6,
        found.tissue_mm2,
        threshold,
        found.levels,
        um_per_px,
    )


def usual_threshold(levels: Levels) -> float:
    """Return the DAB density from which nuclei are positive, by the picture's own stains."""
    return _SHARE * math.sqrt(levels.hematoxylin * levels.dab)


def wilson(positive: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (J. Am. Stat. Assoc. 22 (1927) 209); NaN of nothing.

    Parameters
    ----------
    positive, total : int
        How many of how many.
    """
    if total == 0:
        return math.nan, math.nan
    share, z2 = positive / total, _Z95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return (0.0 if positive == 0 else middle - half), (1.0 if positive == total else middle + half)


def checked_threshold(threshold: float) -> float:
    """Return a threshold of DAB density.

    Raises
    ------
    ImageError
        If it is no optical density.
    """
    if not (math.isfinite(threshold) and 0 <= threshold <= 3):
        raise ImageError(f"A DAB threshold of {threshold:g} is no optical density; give 0 to 3, or none.")
    return float(threshold)


def _checked_mask(mask: npt.ArrayLike, rgb: Any) -> npt.NDArray[np.bool_]:
    """Return where nuclei count.

    Raises
    ------
    ImageError
        If it has another size than the picture.
    """
    chosen = np.asarray(mask) != 0
    size = tuple(getattr(rgb, "shape", ())[:2])
    if chosen.shape != size:
        raise ImageError(f"The mask is {chosen.shape}, but the picture is {size}; they must agree in size.")
    return np.asarray(chosen, bool)
