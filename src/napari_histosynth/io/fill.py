"""Polygons to pixels: a pixel is inside where its center is, so that pixel corners come out exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

Ring = npt.NDArray[np.float64]
"""Outline of a polygon, float64 (n, 2), (x, y) in pixels from the top left corner of the map."""

_STRIP_PIXELS = 1 << 22


class CrossingError(ValueError):
    """An outline crosses itself, so that inside and outside are not told apart."""


def ring_area(ring: Ring) -> float:
    """Return the area inside a ring, in square pixels."""
    x, y = ring[:, 0], ring[:, 1]
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2


def fill_polygon(rings: list[Ring], shape: tuple[int, int]) -> tuple[Window, npt.NDArray[np.bool_]]:
    """Find the pixels of a polygon.

    Parameters
    ----------
    rings : list of ndarray
        Outlines, float64 (n, 2), finite: the outer one, then those of the holes. Whether the first point is
        repeated at the end makes no difference.
    shape : tuple of int
        Height and width of the map; what lies beyond is cut off.

    Returns
    -------
    window : Window
        The smallest rectangle of pixels that holds the polygon; may be empty.
    mask : ndarray
        bool of the window's shape: the pixels whose centers are inside. A center on the border belongs to the
        polygon on its right (or below), as pixels on a lattice do.

    Raises
    ------
    CrossingError
        If a ring crosses itself such that it matters to some pixel.
    """
    window = _bounds(rings[0], shape)
    mask = np.zeros((max(0, window.height), max(0, window.width)), dtype=bool)
    if window.is_empty:
        return window, mask
    for strip, inside in _fill_ring(rings[0], window):
        mask[strip.relative_to(window).slices] = inside
    for hole in rings[1:]:
        bounds = _bounds(hole, shape).intersect(window)
        if not bounds.is_empty:
            for strip, inside in _fill_ring(hole, bounds):
                mask[strip.relative_to(window).slices] &= ~inside
    return window, mask


def _bounds(ring: Ring, shape: tuple[int, int]) -> Window:
    """Return the pixels whose centers lie within the ring's bounding box, inside the map."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    x0, x1 = (int(side) for side in _first_center(np.array([low[0], high[0]]), shape[1]))
    y0, y1 = (int(side) for side in _first_center(np.array([low[1], high[1]]), shape[0]))
    return Window(y0, y1, x0, x1)


def _first_center(places: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    """Return the first pixel whose center is at a place or after it, 0 to ``size``."""
    return np.clip(np.ceil(places - 0.5), 0, size).astype(np.int64)


def _fill_ring(ring: Ring, window: Window) -> list[tuple[Window, npt.NDArray[np.bool_]]]:
    """Return which pixels of a window are inside a ring, in strips of rows."""
    start, end = ring, np.roll(ring, -1, axis=0)
    upward = start[:, 1] > end[:, 1]
    top, bottom = np.where(upward[:, None], end, start), np.where(upward[:, None], start, end)
    first = np.maximum(_first_center(top[:, 1], window.y1), window.y0)
    last = np.maximum(_first_center(bottom[:, 1], window.y1), window.y0)
    # every side once for each row of centers that it crosses
    counts = last - first
    side = np.repeat(np.arange(len(ring)), counts)
    rows = np.arange(len(side)) - np.repeat(np.cumsum(counts) - counts, counts) + first[side]
    share = (rows + 0.5 - top[side, 1]) / (bottom[side, 1] - top[side, 1])
    crossings = top[side, 0] + share * (bottom[side, 0] - top[side, 0])
    columns = np.maximum(_first_center(crossings, window.x1), window.x0) - window.x0
    signs = np.where(upward[side], -1, 1)
    order = np.argsort(rows, kind="stable")
    rows, columns, signs = rows[order], columns[order], signs[order]
    strips = []
    height = max(1, _STRIP_PIXELS // (window.width + 1))
    seen = {0}
    for y0 in range(window.y0, window.y1, height):
        strip = window._replace(y0=y0, y1=min(y0 + height, window.y1))
        part = slice(*np.searchsorted(rows, (strip.y0, strip.y1)))
        steps = np.zeros((strip.height, strip.width + 1), dtype=np.int32)
        np.add.at(steps, (rows[part] - y0, columns[part]), signs[part])
        turns = np.cumsum(steps, axis=1, out=steps)[:, :-1]
        seen |= {int(turns.min()), int(turns.max())}
        strips.append((strip, turns != 0))
    # A simple ring goes round its inside once, in one sense. Where it crosses itself, the numbers of turns of
    # the sides that meet there are n - 1, n and n + 1, which zero and one number more cannot all be.
    if max(seen) - min(seen) > 1:
        raise CrossingError
    return strips
