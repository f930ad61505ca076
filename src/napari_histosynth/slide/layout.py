"""What lies where on a slide: glass, connective tissue, mucosa, tumor and muscle, at 32 um a pixel.

A layout is a label map, uint8 (y, x), in the classes of the tissue scheme ``slide-layout``, at level 6
(:data:`~napari_histosynth.slide.levels.LAYOUT_LEVEL`). It is drawn from a seed, read from a real overview
(``layoutread.py``), or painted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layoutclasses import CLASSES, GLASS, MUCOSA, MUSCLE, SCHEME, TISSUE, TUMOR
from napari_histosynth.slide.layoutread import layout_of_picture
from napari_histosynth.slide.levels import LAYOUT_LEVEL

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "CLASSES",
    "GLASS",
    "MUCOSA",
    "MUSCLE",
    "SCHEME",
    "TISSUE",
    "TUMOR",
    "fractions",
    "layout_of_picture",
]


def fractions(layout: npt.NDArray[np.uint8], window: Window, level: int) -> npt.NDArray[np.float32]:
    """Return how much of each class a window of a slide holds.

    Above the layout's level pixels are means of its cells; below it they lie bilinearly between the centers
    of cells. All weights are binary fractions, so that the values depend on position alone, bit for bit.

    Parameters
    ----------
    layout : ndarray
        uint8 (y, x), classes at the layout's level.
    window : Window
        Pixels of ``level``; may reach beyond the slide, where there is glass.
    level : int
        Zoom level of the window, 0 or more.

    Returns
    -------
    ndarray
        float32 (5, height, width); over the classes it adds up to 1.
    """
    if level >= LAYOUT_LEVEL:
        side = 2 ** (level - LAYOUT_LEVEL)
        cells = _cells(layout, window.refine(side)).reshape(window.height, side, window.width, side)
        counts = [np.count_nonzero(cells == kind, axis=(1, 3)) for kind in range(CLASSES)]
        return np.asarray(np.stack(counts) / side**2, np.float32)
    side = 2 ** (LAYOUT_LEVEL - level)
    top, down = _between(window.y0, window.y1, side)
    left, right = _between(window.x0, window.x1, side)
    known = Window(top[0], top[-1] + 2, left[0], left[-1] + 2) if not window.is_empty else Window(0, 2, 0, 2)
    cells = _cells(layout, known)
    rows, columns = top - known.y0, left - known.x0
    out = np.empty((CLASSES, *window.shape), np.float32)
    for kind in range(CLASSES):
        held = (cells == kind).astype(np.float32)
        held = held[:, columns] * (1 - right) + held[:, columns + 1] * right
        out[kind] = held[rows] * (1 - down[:, None]) + held[rows + 1] * down[:, None]
    return out


def _between(start: int, stop: int, side: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the cell whose center lies before each pixel, and how far on to the next the pixel lies."""
    twice = 2 * np.arange(start, stop, dtype=np.int64) + 1 - side
    before = twice // (2 * side)
    return before, ((twice - 2 * side * before) / (2 * side)).astype(np.float32)


def _cells(layout: npt.NDArray[np.uint8], window: Window) -> npt.NDArray[np.uint8]:
    """Return a window of the layout; beyond the border there is glass."""
    cells = np.full(window.shape, GLASS, np.uint8)
    inside = window.clip(layout.shape)
    if not inside.is_empty:
        cells[inside.relative_to(window).slices] = layout[inside.slices]
    return cells
