"""Pictures that are drawn piece by piece, as napari reads them: what is asked for is given at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

Pixels = npt.NDArray[np.uint8]


class Levels(Protocol):
    """A picture of several levels, some of it perhaps not drawn yet.

    Attributes
    ----------
    shapes : sequence of tuple of int
        Height and width of each level, the finest first.
    tile : int
        Side of the tiles that napari's views are widened to.
    """

    @property
    def shapes(self) -> Sequence[tuple[int, int]]:
        """Height and width of each level."""

    @property
    def tile(self) -> int:
        """Side of a tile."""

    def read(self, level: int, window: Window) -> Pixels:
        """Return what there is of a window of a level, in its pixels, at once: uint8 (y, x, 3)."""


class LevelView:
    """A level as napari reads it, uint8 (y, x, 3), or (y, x, 4) where a curtain hides a part of it.

    Parameters
    ----------
    levels : Levels
        The picture.
    level : int
        Which of its levels.
    curtain : callable, optional
        Paints over what is read: given uint8 (y, x, 3), its window and the level, returns uint8 (y, x, 4).

    Attributes
    ----------
    levels : Levels
        The picture.
    """

    dtype, ndim = np.dtype(np.uint8), 3

    def __init__(
        self, levels: Levels, level: int, curtain: Callable[[Pixels, Window, int], Pixels] | None = None
    ) -> None:
        self.levels, self._level, self._curtain = levels, level, curtain
        self.shape = (*levels.shapes[level], 3 if curtain is None else 4)
        self.size = int(np.prod(self.shape))
        self.chunks = (levels.tile, levels.tile, self.shape[2])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return what there is now, at once."""
        keys: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
        rows, columns, *rest = keys + (slice(None),) * (3 - len(keys))
        (y0, y1, ys), (x0, x1, xs) = _steps(rows, self.shape[0]), _steps(columns, self.shape[1])
        window = Window(y0, max(y0, y1), x0, max(x0, x1))
        if window.is_empty:
            pixels: Any = np.empty((*window.shape, self.shape[2]), np.uint8)
        else:
            pixels = self.levels.read(self._level, window)
            if self._curtain is not None:
                pixels = self._curtain(pixels, window, self._level)
        pixels = pixels[(slice(None, None, ys), slice(None, None, xs), *rest)]
        for axis, index in ((1, columns), (0, rows)):
            if not isinstance(index, slice):
                pixels = pixels.take(0, axis=axis)
        return pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return what there is of all of it."""
        pixels: npt.NDArray[Any] = self[:]
        return pixels if dtype is None else pixels.astype(dtype)


def _steps(index: Any, length: int) -> tuple[int, int, int]:
    """Return first, end and step of a slice or an index."""
    if isinstance(index, slice):
        return index.indices(length)
    number = range(length)[int(index)]
    return number, number + 1, 1
