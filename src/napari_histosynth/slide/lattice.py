"""The tiles of a slide: where they lie, which of them hold a window, and what lies beyond the border.

Tiles are cut along a lattice of 256 px that is anchored at the corner of the slide, on every level. Beyond
the border of the slide there is its mirror image, of pixels and of the layout alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_histosynth.core.mirror import mirrored_index
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.levels import TILE, level_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


class Place(NamedTuple):
    """A tile: level, row and column."""

    level: int
    row: int
    col: int

    @property
    def window(self) -> Window:
        """Its pixels on its level; the last of a row or column reach beyond the slide."""
        top, left = self.row * TILE, self.col * TILE
        return Window(top, top + TILE, left, left + TILE)

    @property
    def children(self) -> list[Place]:
        """The four tiles of the next finer level that cover it; some may lie off the slide."""
        return [
            Place(self.level - 1, 2 * self.row + down, 2 * self.col + right)
            for down in (0, 1)
            for right in (0, 1)
        ]


def counts(size: tuple[int, int], level: int) -> tuple[int, int]:
    """Return how many rows and columns of tiles a level has."""
    rows, cols = (-(-side // TILE) for side in level_shape(size, level))
    return rows, cols


def is_on(size: tuple[int, int], place: Place) -> bool:
    """Return whether a tile holds a pixel of the slide."""
    rows, cols = counts(size, place.level)
    return 0 <= place.row < rows and 0 <= place.col < cols


def places_in(level: int, window: Window) -> list[Place]:
    """Return the tiles that a window of a level touches, row by row."""
    if window.is_empty:
        return []
    cells = window.coarsen(TILE)
    return [Place(level, row, col) for row in range(cells.y0, cells.y1) for col in range(cells.x0, cells.x1)]


def places_around(size: tuple[int, int], level: int, window: Window) -> list[Place]:
    """Return the tiles that :func:`pixels_around` reads."""
    return places_in(level, _known(size, level, window)[0])


def pixels_around(size: tuple[int, int], level: int, window: Window, tiles: Mapping[Place, Pixels]) -> Pixels:
    """Return a window of a level, which may reach beyond the slide, from finished tiles.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    level : int
        Of the window.
    window : Window
        Any window.
    tiles : mapping
        Holds at least the tiles of :func:`places_around`, cropped to the slide.

    Returns
    -------
    ndarray
        uint8 (height, width, 3).
    """
    known, rows, cols = _known(size, level, window)
    pixels = np.empty((*known.shape, 3), np.uint8)
    for place in places_in(level, known):
        part = place.window.intersect(known)
        pixels[part.relative_to(known).slices] = tiles[place][part.relative_to(place.window).slices]
    return pixels if known == window else np.ascontiguousarray(pixels[np.ix_(rows, cols)])


def layout_around(
    size: tuple[int, int], layout: npt.NDArray[np.uint8], level: int, window: Window
) -> npt.NDArray[np.float32]:
    """Return the class fractions of a window of a level, which may reach beyond the slide.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    layout : ndarray
        uint8 (y, x), the whole.
    level : int
        Of the window.
    window : Window
        Any window.

    Returns
    -------
    ndarray
        float32 (5, height, width).
    """
    known, rows, cols = _known(size, level, window)
    held = fractions(layout, known, level)
    return held if known == window else np.ascontiguousarray(held[:, rows[:, None], cols])


def _known(
    size: tuple[int, int], level: int, window: Window
) -> tuple[Window, npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return the part of the slide that a window shows, and its rows and columns in that part."""
    height, width = level_shape(size, level)
    if window.clip((height, width)) == window:
        return window, np.arange(window.height), np.arange(window.width)
    rows = mirrored_index(np.arange(window.y0, window.y1), height)
    cols = mirrored_index(np.arange(window.x0, window.x1), width)
    known = Window(int(rows.min()), int(rows.max()) + 1, int(cols.min()), int(cols.max()) + 1)
    return known, rows - known.y0, cols - known.x0
