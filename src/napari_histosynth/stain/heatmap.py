"""Where a slide proliferates: the index on a grid, smoothed, and the hot spot.

The hot spot is the disk of a given area with the greatest index among those that lie in the picture and hold
enough nuclei: a few nuclei at a rim would win otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.ki67 import wilson

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.findnuclei import Nuclei

    Floats = npt.NDArray[np.float32]

CELL_UM = 250.0
"""Side of a cell of the map."""

HOT_SPOT_MM2 = 1.0
"""Area of the hot spot."""

LEAST_NUCLEI = 500
"""Nuclei that a hot spot holds at least: what guidelines for breast ask to be counted."""

_SMOOTH = 0.7  # of a cell's side, standard deviation
_LEAST_HERE = 10.0  # nuclei, smoothed, below which a cell has no index
_STEPS = 16  # of the hot spot's middle, a radius
_MOST_BINS = 4096  # a side, when middles are tried


@dataclass(frozen=True)
class HotSpot:
    """The disk of highest index.

    Attributes
    ----------
    y, x, radius : float
        Middle and radius in pixels of the picture, from its corner.
    positive, total : int
        Nuclei in it.
    area_mm2 : float
        Its area.
    """

    y: float
    x: float
    radius: float
    positive: int
    total: int
    area_mm2: float

    def shifted(self, y: float, x: float) -> HotSpot:
        """Return the same disk, so many pixels further down and to the right."""
        return replace(self, y=self.y + y, x=self.x + x)

    @property
    def index(self) -> float:
        """Share that is positive."""
        return self.positive / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the index as that of any field; chosen as the highest, it is optimistic."""
        return wilson(self.positive, self.total)


@dataclass(frozen=True, eq=False)
class HeatMap:
    """The index on a grid.

    Attributes
    ----------
    index : ndarray
        float32 (rows, columns), smoothed; NaN where there are too few nuclei.
    total : ndarray
        int32 (rows, columns), nuclei in each cell.
    cell_px : float
        Side of a cell in pixels of the picture; the first begins at its corner.
    hot_spot : HotSpot or None
        None if the picture is smaller than one, or no place has enough nuclei.
    """

    index: Floats
    total: npt.NDArray[np.int32]
    cell_px: float
    hot_spot: HotSpot | None


def heat_map(
    nuclei: Nuclei,
    shape: tuple[int, int],
    *,
    cell_um: float = CELL_UM,
    hot_spot_mm2: float = HOT_SPOT_MM2,
    least_nuclei: int = LEAST_NUCLEI,
) -> HeatMap:
    """Map the index over a picture and find its hot spot.

    Parameters
    ----------
    nuclei : Nuclei
        With a threshold chosen.
    shape : tuple of int
        Height and width of the picture in px.
    cell_um : float
        Side of a cell, 10 or more.
    hot_spot_mm2 : float
        Area of the hot spot, 0.001 to 100.
    least_nuclei : int
        Nuclei that it holds at least, 1 or more.

    Returns
    -------
    HeatMap

    Raises
    ------
    ImageError
        If a size is out of range.
    """
    from scipy import ndimage as ndi

    if not 10 <= cell_um < math.inf:
        raise ImageError(f"Cells of {cell_um:g} um are too small for a map; give 10 um or more.")
    if not 1e-3 <= hot_spot_mm2 <= 100:
        raise ImageError(f"A hot spot of {hot_spot_mm2:g} mm2 is out of range; give 0.001 to 100 mm2.")
    if least_nuclei < 1:
        raise ImageError(f"A hot spot of at least {least_nuclei} nuclei is none; give 1 or more.")
    cell = cell_um / nuclei.um_per_px
    positive, total = _binned(nuclei, shape, cell)
    smooth = [ndi.gaussian_filter(n.astype(float), _SMOOTH, mode="constant") for n in (positive, total)]
    # a smoothed count is a mean over about this many cells
    kernel = 4 * math.pi * _SMOOTH**2
    enough = (smooth[1] * kernel >= _LEAST_HERE) & (total > 0)
    index = np.full(total.shape, np.nan, np.float32)
    index[enough] = smooth[0][enough] / smooth[1][enough]
    return HeatMap(index, total, cell, find_hot_spot(nuclei, shape, hot_spot_mm2, least_nuclei))


def find_hot_spot(
    nuclei: Nuclei,
    shape: tuple[int, int],
    area_mm2: float = HOT_SPOT_MM2,
    least_nuclei: int = LEAST_NUCLEI,
) -> HotSpot | None:
    """Find the disk of an area that has the highest index; see :func:`heat_map`.

    Returns
    -------
    HotSpot or None
        Of equal ones the one with more nuclei, then the first in reading order.
    """
    from scipy import signal

    radius = math.sqrt(area_mm2 * 1e6 / math.pi) / nuclei.um_per_px
    if 2 * radius > min(shape) or len(nuclei) < least_nuclei:
        return None
    bin_px = max(radius / _STEPS, max(shape) / _MOST_BINS)
    counts = np.stack(_binned(nuclei, shape, bin_px)).astype(float)
    reach = math.ceil(radius / bin_px)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (y * y + x * x <= (radius / bin_px) ** 2).astype(float)
    positive, total = (np.rint(signal.fftconvolve(plane, disk, mode="same")) for plane in counts)
    rows, columns = ((np.arange(side) + 0.5) * bin_px for side in total.shape)
    inside = _inside(rows, radius, shape[0])[:, None] & _inside(columns, radius, shape[1])[None]
    # disks of bins are not quite the disks themselves, so the best few are counted exactly
    rough = np.where(inside & (total >= 0.9 * least_nuclei), positive / np.maximum(total, 1), -1.0)
    order = np.lexsort((np.arange(rough.size), -total.ravel(), -rough.ravel()))[:200]
    best: HotSpot | None = None
    for place in order[rough.ravel()[order] >= 0]:
        row, column = divmod(int(place), rough.shape[1])
        spot = _counted(nuclei, float(rows[row]), float(columns[column]), radius, area_mm2)
        if spot.total >= least_nuclei and (
            best is None or (spot.index, spot.total) > (best.index, best.total)
        ):
            best = spot
    return best


def _counted(nuclei: Nuclei, y: float, x: float, radius: float, area_mm2: float) -> HotSpot:
    """Count the nuclei of a disk."""
    within = (nuclei.y + 0.5 - y) ** 2 + (nuclei.x + 0.5 - x) ** 2 <= radius**2
    positive = int(np.count_nonzero(nuclei.positive & within))
    return HotSpot(y, x, radius, positive, int(np.count_nonzero(within)), area_mm2)


def _inside(middles: npt.NDArray[np.float64], radius: float, side: int) -> npt.NDArray[np.bool_]:
    """Return which middles of disks leave them inside; the most central one where rounding leaves none."""
    inside = (middles >= radius) & (middles <= side - radius)
    if not inside.any():
        inside[np.argmin(np.abs(middles - side / 2))] = True
    return np.asarray(inside, bool)


def _binned(
    nuclei: Nuclei, shape: tuple[int, int], side: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return positive and all nuclei in each square of a grid."""
    rows, columns = (max(1, math.ceil(length / side)) for length in shape)
    row = np.clip(((nuclei.y + 0.5) / side).astype(int), 0, rows - 1)
    column = np.clip(((nuclei.x + 0.5) / side).astype(int), 0, columns - 1)
    flat = row * columns + column
    counts = [
        np.bincount(flat[chosen], minlength=rows * columns).reshape(rows, columns).astype(np.int32)
        for chosen in (nuclei.positive, np.ones(len(nuclei), bool))
    ]
    return counts[0], counts[1]
