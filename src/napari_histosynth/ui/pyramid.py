"""The picture on screen, in memory, with smaller copies where it is large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

Pixels = npt.NDArray[np.uint8]

LARGEST_PLAIN = 2048
"""Up to this side a picture has one level: a refresh uploads all of what is shown, so beyond it
(84 ms at 8,192 px) smaller copies make it cheaper (20 ms at any size)."""

_LARGEST_COARSEST = 1024
_MOST_LEVELS = 5  # 2**4 = 16 px: what windows are aligned to, so that every level has its own pixels of them


@dataclass(frozen=True, eq=False)
class Piece:
    """New pixels for one level: where, in that level's pixels, and uint8 (h, w, 3)."""

    level: int
    window: Window
    pixels: Pixels


def level_count(shape: tuple[int, int]) -> int:
    """Return how many levels, halving from one to the next, a picture of a shape is kept in."""
    side, count = max(shape), 1
    if side <= LARGEST_PLAIN:
        return 1
    while side > _LARGEST_COARSEST and count < _MOST_LEVELS:
        side, count = -(-side // 2), count + 1
    return count


def cut_pieces(window: Window, pixels: Pixels, levels: int) -> list[Piece]:
    """Average new pixels down to all levels.

    Parameters
    ----------
    window : Window
        Where they belong; corners are multiples of 16, or lie on the picture's border.
    pixels : ndarray
        uint8 (h, w, 3).
    levels : int
        How many levels the picture has.

    Returns
    -------
    list of Piece
        One a level, finest first.
    """
    pieces = [Piece(0, window, pixels)]
    for level in range(1, levels):
        above = pieces[-1].pixels
        padding = ((0, above.shape[0] % 2), (0, above.shape[1] % 2), (0, 0))
        even = np.pad(above, padding, mode="edge").astype(np.uint16)
        total = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
        pieces.append(Piece(level, window.coarsen(2**level), ((total + 2) >> 2).astype(np.uint8)))
    return pieces


class Pyramid:
    """A blank picture, uint8 (h, w, 3), in as many levels as its size asks for.

    Filling the memory of a large one takes a moment: build it off the main thread, and show
    :meth:`placeholder` until then.

    Parameters
    ----------
    shape : tuple of int
        Height and width in pixels.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.levels: list[Pixels] = [np.full(size, 255, np.uint8) for size in _level_shapes(shape)]

    @classmethod
    def placeholder(cls, shape: tuple[int, int]) -> Pyramid:
        """Return a white picture that takes no memory and cannot be written to."""
        blank = cls.__new__(cls)
        blank.levels = [np.broadcast_to(np.uint8(255), size) for size in _level_shapes(shape)]
        return blank

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.levels[0].shape[:2]
        return height, width

    @property
    def data(self) -> Pixels | list[Pixels]:
        """What a napari image layer takes: the picture, or the list of its levels."""
        return self.levels[0] if len(self.levels) == 1 else self.levels

    def write(self, window: Window, pixels: Pixels) -> None:
        """Put new pixels in place, on every level; see :func:`cut_pieces`."""
        for piece in cut_pieces(window, pixels, len(self.levels)):
            self.levels[piece.level][piece.window.slices] = piece.pixels


def _level_shapes(shape: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Return the array shape of each level, finest first."""
    count = level_count(shape)
    return [(-(-shape[0] // 2**level), -(-shape[1] // 2**level), 3) for level in range(count)]
