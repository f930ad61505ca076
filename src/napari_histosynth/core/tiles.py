"""Windows on a pixel lattice: pure integer geometry, shared by every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Window(NamedTuple):
    """A half-open rectangle of pixels, ``y0 <= y < y1`` and ``x0 <= x < x1``, at one pyramid level.

    Coordinates may be negative: engines look beyond the border of a canvas.
    """

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def of_shape(cls, shape: tuple[int, ...]) -> Window:
        """Return the window of a whole array of the given ``(y, x, ...)`` shape."""
        return cls(0, int(shape[0]), 0, int(shape[1]))

    @classmethod
    def of_mask(cls, mask: npt.NDArray[np.generic]) -> Window:
        """Return the smallest window that holds all of (y, x) that is true or not 0; empty if nothing is."""
        import numpy as np  # the commands ask for windows long before they need arrays

        rows = np.flatnonzero(mask.any(axis=1))
        if not rows.size:
            return cls(0, 0, 0, 0)
        columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
        return cls(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return self.x1 - self.x0

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` in pixels."""
        return self.height, self.width

    @property
    def area(self) -> int:
        """Pixels inside; 0 when empty."""
        return 0 if self.is_empty else self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index an array with the window; only for windows without negative coordinates."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def is_empty(self) -> bool:
        """Whether the window holds no pixel."""
        return self.y1 <= self.y0 or self.x1 <= self.x0

    def grow(self, pixels: int) -> Window:
        """Return the window widened by ``pixels`` on each side."""
        return Window(self.y0 - pixels, self.y1 + pixels, self.x0 - pixels, self.x1 + pixels)

    def shift(self, dy: int, dx: int) -> Window:
        """Return the window moved by ``dy`` rows and ``dx`` columns."""
        return Window(self.y0 + dy, self.y1 + dy, self.x0 + dx, self.x1 + dx)

    def relative_to(self, other: Window) -> Window:
        """Return the window in the coordinates of ``other``'s top left corner."""
        return self.shift(-other.y0, -other.x0)

    def intersect(self, other: Window) -> Window:
        """Return the pixels that both windows hold; may be empty."""
        return Window(
            max(self.y0, other.y0), min(self.y1, other.y1), max(self.x0, other.x0), min(self.x1, other.x1)
        )

    def clip(self, shape: tuple[int, ...]) -> Window:
        """Return the part inside an array of ``shape``; may be empty."""
        return self.intersect(Window.of_shape(shape))

    def unite(self, other: Window) -> Window:
        """Return the smallest window that holds both; an empty one adds nothing."""
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        return Window(
            min(self.y0, other.y0), max(self.y1, other.y1), min(self.x0, other.x0), max(self.x1, other.x1)
        )

    def align(self, stride: int) -> Window:
        """Return the smallest window holding this one whose coordinates are multiples of ``stride``."""
        return Window(
            self.y0 // stride * stride,
            -(-self.y1 // stride) * stride,
            self.x0 // stride * stride,
            -(-self.x1 // stride) * stride,
        )

    def coarsen(self, factor: int) -> Window:
        """Return the smallest window of a lattice ``factor`` times coarser that covers this one."""
        return Window(self.y0 // factor, -(-self.y1 // factor), self.x0 // factor, -(-self.x1 // factor))

    def refine(self, factor: int) -> Window:
        """Return the same rectangle on a lattice ``factor`` times finer."""
        return Window(self.y0 * factor, self.y1 * factor, self.x0 * factor, self.x1 * factor)


def tile_windows(window: Window, tile: int) -> Iterator[Window]:
    """Cut a window along a lattice of square tiles that is anchored at the origin.

    The cut depends on position alone, so that overlapping windows share tile borders.

    Parameters
    ----------
    window : Window
        What to cover.
    tile : int
        Side of a tile in pixels, at least 1.

    Yields
    ------
    Window
        Parts of ``window``, row by row; together they cover it once.
    """
    if window.is_empty:
        return
    for row in range(window.y0 // tile, -(-window.y1 // tile)):
        for col in range(window.x0 // tile, -(-window.x1 // tile)):
            whole = Window(row * tile, (row + 1) * tile, col * tile, (col + 1) * tile)
            yield whole.intersect(window)
