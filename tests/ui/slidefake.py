"""A slide that draws plain colors: what its levels show tells at a glance which tile it is of."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.slide.levels import LEVELS, TILE, level_shape
from napari_histosynth.slide.store import SlideKey


class FakeStore:
    """Tiles in memory, as if on a disk."""

    def __init__(self, path: Any) -> None:
        self.path, self.note = path, {}
        self.tiles: dict[tuple[int, int, int], np.ndarray] = {}
        self.size = (0, 0)

    def finished(self, level: int) -> np.ndarray:
        there = np.zeros([-(-side // TILE) for side in level_shape(self.size, level)], bool)
        for place in self.tiles:
            if place[0] == level:
                there[place[1:]] = True
        return there

    def put(self, place: Any, tile: np.ndarray) -> None:
        self.tiles[tuple(place)] = tile


class FakeSlide:
    """Draws a tile in a moment, each level in a gray of its own; level 8 is there from the beginning.

    Parameters
    ----------
    size : tuple of int
        Height and width at level 0.
    seconds : float
        That a tile takes.
    at_once : int
        Tiles that are asked for at once.
    """

    def __init__(
        self, size: tuple[int, int] = (4096, 6144), seconds: float = 0.0, seed: int = 7, at_once: int = 2
    ) -> None:
        self.size, self.seed, self.setting, self.seconds = size, seed, "fast", seconds
        self.at_once = at_once
        self.model = SimpleNamespace(name="fake", sha256="0" * 64, precision="fp32")
        self.key = SlideKey("fake", "0" * 64, "fp32", seed, size, "fast", None, "1" * 64)
        self.layout = np.zeros(level_shape(size, 6), np.uint8)
        self.layout[: self.layout.shape[0] // 2] = 1
        self.store: Any = None
        self.order: list[tuple[int, int, int]] = []
        self.threads: set[bool] = set()
        self.error: Exception | None = None
        self._tiles: dict[tuple[int, int, int], np.ndarray] = {}

    def tiles_needed(self, level: int, row: int, col: int) -> list[tuple[int, int, int]]:
        if level == 8:
            return []
        if level % 2:
            children = [(level - 1, 2 * row + down, 2 * col + right) for down in (0, 1) for right in (0, 1)]
            return [one for one in children if self._window(one).intersect(self._all(level - 1)).area]
        return [(level + 2, row // 4, col // 4)]

    def has(self, level: int, row: int, col: int) -> bool:
        return level == 8 or (level, row, col) in self._tiles

    def tile(self, level: int, row: int, col: int) -> np.ndarray:
        place = (level, row, col)
        if level != 8 and place not in self._tiles:
            for need in self.tiles_needed(*place):
                self.tile(*need)
            time.sleep(self.seconds)
            if self.error is not None:
                raise self.error
            self.order.append(place)
            self.threads.add(threading.current_thread() is threading.main_thread())
            self._tiles[place] = self._pixels(place)
            if self.store is not None:
                self.store.put(place, self._tiles[place])
        return self._pixels(place)

    def read(self, level: int, window: Window) -> np.ndarray:
        return self._put_together(level, window, self.tile)

    def glance(self, level: int, window: Window) -> np.ndarray:
        return self._put_together(level, window, self._seen)

    def begin_store(self, path: Any, note: Any = None) -> None:
        self.store = FakeStore(path)
        self.store.size = self.size
        path.mkdir()

    def _seen(self, level: int, row: int, col: int) -> np.ndarray:
        if self.has(level, row, col):
            return self._pixels((level, row, col))
        coarser = level
        while not self.has(coarser, row, col):
            coarser, row, col = coarser + 1, row // 2, col // 2
        return np.full((TILE, TILE, 3), gray(coarser), np.uint8)

    def _pixels(self, place: tuple[int, int, int]) -> np.ndarray:
        inside = self._window(place).intersect(self._all(place[0]))
        return np.full((*inside.shape, 3), gray(place[0]), np.uint8)

    def _put_together(self, level: int, window: Window, get: Any) -> np.ndarray:
        window = window.intersect(self._all(level))
        out = np.empty((*window.shape, 3), np.uint8)
        for part in tile_windows(window, TILE):
            row, col = part.y0 // TILE, part.x0 // TILE
            cut = part.relative_to(self._window((level, row, col)))
            out[part.relative_to(window).slices] = get(level, row, col)[cut.slices]
        return out

    def _window(self, place: tuple[int, int, int]) -> Window:
        _, row, col = place
        return Window(row * TILE, (row + 1) * TILE, col * TILE, (col + 1) * TILE)

    def _all(self, level: int) -> Window:
        return Window.of_shape(level_shape(self.size, level))


def gray(level: int) -> int:
    """Return the gray of a level."""
    assert 0 <= level < LEVELS
    return 40 + 20 * level
