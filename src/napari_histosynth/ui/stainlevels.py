"""Pixels of a stained picture on all levels, as far as they are there: what is asked for is given at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.io.halving import halved
from napari_histosynth.ui.pyramid import LARGEST_PLAIN

Pixels = npt.NDArray[np.uint8]
Place = tuple[int, int]

KEPT_BYTES = 768 << 20
"""Bytes of tiles that are kept; what was looked at longest ago goes first."""

COARSEST = 512
"""Largest side of the coarsest level, which is always there: napari holds all of it."""


def level_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return height and width of each level, halved and rounded up from one to the next.

    One level up to 2,048 px a side, else as many as it takes to :data:`COARSEST`.
    """
    shapes = [shape]
    if max(shape) > LARGEST_PLAIN:
        while max(shapes[-1]) > COARSEST:
            height, width = shapes[-1]
            shapes.append((-(-height // 2), -(-width // 2)))
    return shapes


class StainLevels:
    """Tiles of a picture that is drawn piece by piece, from any thread.

    The coarsest level is an array that is always there. Of finer ones, tiles are kept; what is missing is
    given as the coarser pixels show it.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the finest level.
    tile : int
        Side of the tiles that are drawn, on the finest level; a multiple of two to the number of levels.
    most_bytes : int
        How much is kept besides the coarsest level.

    Attributes
    ----------
    shapes : list of tuple of int
        Height and width of each level, the finest first.
    base : ndarray
        uint8 (y, x, 3), the coarsest level; white at first.
    """

    def __init__(self, shape: tuple[int, int], tile: int, most_bytes: int = KEPT_BYTES) -> None:
        self.shapes, self.tile = level_shapes(shape), tile
        self.base: Pixels = np.full((*self.shapes[-1], 3), 255, np.uint8)
        self._most, self._bytes = most_bytes, 0
        self._lock = threading.RLock()
        self._tiles: OrderedDict[tuple[int, Place], Pixels] = OrderedDict()
        self._exact: list[set[Place]] = [set() for _ in self.shapes]  # drawn tiles that each level shows
        self._stale: set[Place] = set()  # drawn, but of what the picture was before

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level."""
        return self.shapes[0]

    @property
    def count(self) -> int:
        """Tiles of the finest level."""
        rows, columns = (-(-side // self.tile) for side in self.shape)
        return rows * columns

    @property
    def drawn(self) -> int:
        """How many of them the coarsest level shows as they are now."""
        with self._lock:
            return len(self._exact[-1])

    def window(self, place: Place) -> Window:
        """Return where a tile of the finest level lies."""
        top, left = place[0] * self.tile, place[1] * self.tile
        return Window(top, top + self.tile, left, left + self.tile).clip(self.shape)

    def places(self, window: Window) -> Iterator[Place]:
        """Yield the tiles of the finest level that a window of it touches, row by row."""
        window = window.clip(self.shape)
        if window.is_empty:
            return
        for row in range(window.y0 // self.tile, -(-window.y1 // self.tile)):
            for column in range(window.x0 // self.tile, -(-window.x1 // self.tile)):
                yield row, column

    def beneath(self, window: Window) -> int:
        """Count the tiles of the finest level that a window of it touches."""
        window = window.clip(self.shape)
        rows, columns = window.coarsen(self.tile).shape
        return 0 if window.is_empty else rows * columns

    def missing(self, window: Window, level: int = 0) -> list[Place]:
        """Return the tiles under a window of the finest level that a level does not show as they are."""
        with self._lock:
            exact = self._exact[level]
            return [place for place in self.places(window) if place not in exact]

    def unseen(self, window: Window, level: int) -> list[Window]:
        """Return the parts of a window of a level, in its pixels, of which it holds nothing at all."""
        if level >= len(self.shapes) - 1:
            return []
        with self._lock:
            return [
                tile
                for part in tile_windows(window.clip(self.shapes[level]), self.tile)
                if (level, self._place(part)) not in self._tiles
                and not (tile := self._tile_of(level, self._place(part))).is_empty
            ]

    # ---- what comes in

    def put(self, place: Place, pixels: Pixels) -> None:
        """Show a drawn tile of the finest level, uint8 (y, x, 3), on all levels."""
        window = self.window(place)
        with self._lock:
            self._stale.discard(place)
            for level in range(len(self.shapes)):
                if level:
                    pixels, window = halved(pixels), window.coarsen(2)
                self._write(level, window, pixels)
                self._exact[level].add(place)
            self._drop_oldest()

    def put_sketch(self, level: int, window: Window, pixels: Pixels) -> None:
        """Show what is not drawn yet: a tile of a level, where that level shows nothing better."""
        with self._lock:
            last = len(self.shapes) - 1
            if level < last and (level, self._place(window)) in self._tiles:
                return
            pixels = np.array(pixels)
            shown = self._exact[level] | self._stale
            for place in shown & set(self.places(window.refine(2**level))):
                part = self._part(level, place).intersect(window)
                if not part.is_empty:
                    pixels[part.relative_to(window).slices] = self._present(level, part)
            self._write(level, window, pixels)
            self._drop_oldest()

    def outdate(self, window: Window) -> list[Place]:
        """Note that a window of the finest level is to be drawn anew; its old pixels stay until then."""
        with self._lock:
            outdated = [place for place in self.places(window) if place in self._exact[-1]]
            self._stale |= set(outdated)
            for exact in self._exact:
                exact.difference_update(outdated)
            return outdated

    def forget_sketches(self) -> None:
        """Let go of the tiles between the finest and the coarsest level that show nothing drawn."""
        with self._lock:
            for key in list(self._tiles):
                fine = self._tile_of(*key).refine(2 ** key[0])
                if (self._exact[key[0]] | self._stale).isdisjoint(self.places(fine)):
                    self._bytes -= self._tiles.pop(key).nbytes

    # ---- what is asked for

    def read(self, level: int, window: Window) -> Pixels:
        """Return what there is of a window of a level, in its pixels, at once: uint8 (y, x, 3)."""
        with self._lock:
            return self._present(level, window)

    def _present(self, level: int, window: Window) -> Pixels:
        if level == len(self.shapes) - 1:
            return self.base[window.slices]
        out = np.empty((*window.shape, 3), np.uint8)
        for part in tile_windows(window, self.tile):
            key = (level, self._place(part))
            tile = self._tiles.get(key)
            if tile is None:
                pixels = self._enlarged(level, part)
            else:
                self._tiles.move_to_end(key)
                pixels = tile[part.relative_to(self._tile_of(level, key[1])).slices]
            out[part.relative_to(window).slices] = pixels
        return out

    def _enlarged(self, level: int, window: Window) -> Pixels:
        """Return a window of a level as the next coarser one shows it."""
        coarse = window.coarsen(2).clip(self.shapes[level + 1])
        twice = self._present(level + 1, coarse).repeat(2, axis=0).repeat(2, axis=1)
        return twice[window.relative_to(coarse.refine(2)).slices]

    def _write(self, level: int, window: Window, pixels: Pixels) -> None:
        """Write into a level; a tile that is not there begins as the coarser level shows it."""
        if level == len(self.shapes) - 1:
            self.base[window.slices] = pixels
            return
        for part in tile_windows(window, self.tile):
            key = (level, self._place(part))
            where = self._tile_of(level, key[1])
            cut = pixels[part.relative_to(window).slices]
            tile = self._tiles.get(key)
            if tile is None:
                tile = np.array(cut) if part == where else np.array(self._enlarged(level, where))
                self._tiles[key] = tile
                self._bytes += tile.nbytes
            tile[part.relative_to(where).slices] = cut
            self._tiles.move_to_end(key)

    def _drop_oldest(self) -> None:
        while self._bytes > self._most and len(self._tiles) > 1:
            (level, place), tile = self._tiles.popitem(last=False)
            self._bytes -= tile.nbytes
            fine = self._tile_of(level, place).refine(2**level)
            self._exact[level].difference_update(self.places(fine))

    def _place(self, window: Window) -> Place:
        """Return which tile of its level a window begins in."""
        return window.y0 // self.tile, window.x0 // self.tile

    def _tile_of(self, level: int, place: Place) -> Window:
        """Return where a tile of a level lies, in its pixels."""
        top, left = place[0] * self.tile, place[1] * self.tile
        return Window(top, top + self.tile, left, left + self.tile).clip(self.shapes[level])

    def _part(self, level: int, place: Place) -> Window:
        """Return where a tile of the finest level lies on another."""
        return self.window(place).coarsen(2**level)
