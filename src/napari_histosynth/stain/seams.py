"""How much the borders of tiles show in a picture that was drawn in tiles.

Across a border the picture changes from one pixel to the next by so much on average, and by so much within
the tiles, a step or two away, where the tissue is the same. Their ratio is 1 where nothing shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window

#: How far from a border the change within a tile is looked at, in steps: 1 and 2 on either side.
STEPS = (-2, -1, 1, 2)

_LENGTH = 2048  # px of a border that are read at once


@dataclass(frozen=True)
class SeamMeasure:
    """Mean absolute difference of neighbors across borders, over that just inside; 1.0 is no seam.

    Attributes
    ----------
    horizontal : float
        Of the borders that run horizontally, between tiles above one another; nan if there are none.
    vertical : float
        Of those that run vertically.
    ratio : float
        Of both together.
    pixels : int
        Pixels along all borders.
    error : float
        Standard error of ``ratio``, from the borders' spread.
    """

    horizontal: float
    vertical: float
    ratio: float
    pixels: int
    error: float


def seam_measure(picture: Any, tile: int, *, step: int = 1, start: tuple[int, int] = (0, 0)) -> SeamMeasure:
    """Measure how much the borders of tiles show.

    Parameters
    ----------
    picture : array_like
        (y, x) or (y, x, channels), any numbers; of lazy arrays only bands along the borders are read.
    tile : int
        Side of the tiles in px, at least ``6 * step``.
    step : int
        Distance in px to where the change is compared: 1 and 2 steps on either side. Networks that double the
        resolution may leave a faint lattice of their own, of which no border is to blame: the stride of the
        generator compares pixels at the same place in it.
    start : tuple of int
        Row and column of a corner of the lattice of tiles.

    Returns
    -------
    SeamMeasure
        Ratios of sums over all borders, so that glass, which has hardly any change, hardly counts.

    Raises
    ------
    ImageError
        If the picture holds no border, or tiles are too small to have an inside.
    """
    if tile < 6 * step:
        raise ImageError(
            f"Tiles of {tile} px have no inside to compare with; measure tiles of {6 * step} or more."
        )
    shape = picture.shape[:2]
    sums = []
    for axis in (0, 1):
        borders = range(start[axis] % tile or tile, shape[axis] - 3 * step, tile)
        sums.append([_changes(picture, axis, at, step) for at in borders if at >= 3 * step])
    if not any(sums):
        raise ImageError(
            f"The picture of {shape[1]} x {shape[0]} px holds no border of tiles of {tile} px; measure a "
            "larger one."
        )
    horizontal, vertical = (_ratio(pairs) for pairs in sums)
    pairs = sums[0] + sums[1]
    pixels = len(sums[0]) * shape[1] + len(sums[1]) * shape[0]
    return SeamMeasure(horizontal, vertical, _ratio(pairs), pixels, _error(pairs))


def _changes(picture: Any, axis: int, at: int, step: int) -> tuple[float, float]:
    """Return the mean changes across a border and beside it, summed along the border."""
    across, inside = 0.0, 0.0
    length = picture.shape[1 - axis]
    reach = 2 * step
    for low in range(0, length, _LENGTH):
        high = min(low + _LENGTH, length)
        band = (
            Window(at - reach - 1, at + reach + 1, low, high)
            if axis == 0
            else Window(low, high, at - reach - 1, at + reach + 1)
        )
        values = np.asarray(picture[band.slices], np.float64)
        change = np.abs(np.diff(values, axis=axis))  # change[k] is that from pixel k to pixel k + 1
        along = change.mean(tuple(range(2, change.ndim))) if change.ndim > 2 else change
        lines = along.sum(1 - axis)
        across += float(lines[reach])
        inside += float(np.mean([lines[reach + offset * step] for offset in STEPS]))
    return across, inside


def _ratio(pairs: list[tuple[float, float]]) -> float:
    """Return changes across borders over those inside; 1 where nothing changes at all."""
    if not pairs:
        return math.nan
    across, inside = (sum(column) for column in zip(*pairs, strict=True))
    if inside == 0:
        return 1.0 if across == 0 else math.inf
    return float(across / inside)


def _error(pairs: list[tuple[float, float]]) -> float:
    """Return the standard error of the ratio of sums over borders."""
    if len(pairs) < 2:
        return math.nan
    values = np.array(pairs)
    across, inside = values.T
    if not inside.any():
        return 0.0
    residual = across - _ratio(pairs) * inside
    return float(residual.std(ddof=1) / math.sqrt(len(pairs)) / inside.mean())
