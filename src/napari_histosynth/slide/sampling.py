"""Means, enlargements and places of planes, float32, that are the same bits in every window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.slide.levels import STEP

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

    Plane = npt.NDArray[np.float32]
    Numbers = npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]

#: Steps a unit that places are rounded to.
_FINE = np.float32(512)


def places_seen(window: Window, scale: float, bends: Sequence[Plane]) -> tuple[Plane, Plane]:
    """Return where pixels of a window look, down and right of its corner, float32 (height, width), in units.

    To the 512th of a unit, from the corner of the window: differences are exact, whatever the window.

    Parameters
    ----------
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    bends : sequence of ndarray
        float32 (height, width), how far down and right of itself each pixel looks, in units.
    """
    down, right = (np.rint(_FINE * bend) * (1 / _FINE) for bend in bends)
    y, x = ((np.arange(side) + 0.5) * scale for side in window.shape)
    return (down + y[:, None]).astype(np.float32), (right + x).astype(np.float32)


def pixels_of_boxes(
    window: Window, top: Numbers, bottom: Numbers, left: Numbers, right: Numbers
) -> tuple[Places, Places, Places]:
    """Return the pixels of a window that each of some boxes touches, box by box, row by row.

    Parameters
    ----------
    window : Window
        Pixels.
    top, bottom, left, right : ndarray
        float64 (n,), sides of the boxes, in pixels of the same plane.

    Returns
    -------
    rows, cols, box : ndarray
        int64 (k,), counted from the corner of the window; and of which box each is.
    """
    y0, y1 = (np.clip(at, window.y0, window.y1).astype(np.int64) for at in (np.floor(top), np.ceil(bottom)))
    x0, x1 = (np.clip(at, window.x0, window.x1).astype(np.int64) for at in (np.floor(left), np.ceil(right)))
    wide = np.maximum(x1 - x0, 0)
    count = np.maximum(y1 - y0, 0) * wide
    box = np.repeat(np.arange(len(count)), count)
    down, over = np.divmod(np.arange(len(box)) - (np.cumsum(count) - count)[box], wide[box])
    return y0[box] + down - window.y0, x0[box] + over - window.x0, box


def mean_around(values: Plane, radius: int) -> Plane:
    """Return the mean over a square around each pixel, (y - 2 radius, x - 2 radius, c)."""
    for axis in (0, 1):
        count = values.shape[axis] - 2 * radius
        total = _from(values, axis, 0, count).copy()
        for by in range(1, 2 * radius + 1):
            total += _from(values, axis, by, count)
        values = total * np.float32(1 / (2 * radius + 1))
    return values


def mean_of_blocks(values: Plane) -> Plane:
    """Return the means of blocks of 4 x 4 pixels, (y / 4, x / 4, c)."""
    height, width, colors = values.shape
    rows = values.reshape(height // STEP, STEP, width, colors)
    rows = (rows[:, 0] + rows[:, 1]) + (rows[:, 2] + rows[:, 3])
    cols = rows.reshape(height // STEP, width // STEP, STEP, colors)
    total = (cols[:, :, 0] + cols[:, :, 1]) + (cols[:, :, 2] + cols[:, :, 3])
    return np.asarray(total * np.float32(1 / STEP**2), np.float32)


def repeated(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Enlarge (y, x, c) four times, in squares of one color."""
    return np.repeat(np.repeat(values, STEP, 0), STEP, 1)


def halved_by_means(values: Plane) -> Plane:
    """Return the means of blocks of 2 x 2 pixels."""
    rows = values[::2] + values[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25), np.float32)


def enlarged_by(values: Plane, rim: int) -> Plane:
    """Enlarge (y, x, c) four times, bilinearly, without the rim, at least 1."""
    for axis in (0, 1):
        count, shape = values.shape[axis] - 2 * rim, list(values.shape)
        shape[axis : axis + 1] = [count, STEP]
        out = np.empty(shape, np.float32)
        here = _from(values, axis, rim, count)
        for part in range(STEP):
            off = 2 * part + 1 - STEP  # from the middle of the pixel, in eighths of it
            other = _from(values, axis, rim + (1 if off > 0 else -1), count)
            share = np.float32(abs(off) / (2 * STEP))
            out[(slice(None),) * (axis + 1) + (part,)] = here * (1 - share) + other * share
        shape[axis : axis + 2] = [count * STEP]
        values = out.reshape(shape)
    return values


def _from(values: Plane, axis: int, first: int, count: int) -> Plane:
    """Return so many rows, or columns where the axis is 1, from one on."""
    return values[(slice(None),) * axis + (slice(first, first + count),)]
