"""What is out of date on a canvas, and which part of it to draw next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

CELL = 16
"""Side of a cell in pixels: the generator's stride, so that whole cells cost no more than parts of them."""


class DirtyCells:
    """The out-of-date part of a canvas, as square cells of :data:`CELL` pixels.

    Strokes, fills, undo and a new look all come down to cells to draw again. They are handed out in windows
    of bounded size, those in view first and from the place of interest outwards, so that a stroke on a
    canvas of any size waits for no more than one window.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the canvas in pixels.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._cells: npt.NDArray[np.bool_] = np.zeros((-(-shape[0] // CELL), -(-shape[1] // CELL)), bool)

    def __len__(self) -> int:
        """Return how many cells are out of date."""
        return int(np.count_nonzero(self._cells))

    def __bool__(self) -> bool:
        """Return whether any cell is out of date."""
        return bool(self._cells.any())

    @property
    def cells(self) -> npt.NDArray[np.bool_]:
        """Which cells are out of date, bool (rows, columns); not to be written to."""
        return self._cells

    def count(self, view: Window | None) -> int:
        """Return how many cells are out of date in a window of pixels; on all of the canvas by default."""
        if view is None:
            return len(self)
        return int(np.count_nonzero(self._cells[self._of(view).slices]))

    def add(self, window: Window) -> None:
        """Mark every cell that a window touches, inside the canvas."""
        self._cells[self._of(window).slices] = True

    def discard(self, window: Window) -> None:
        """Unmark the cells of a window that :meth:`take` handed out."""
        self._cells[self._of(window).slices] = False

    def clear(self) -> None:
        """Unmark all cells."""
        self._cells[:] = False

    def merge(self, other: DirtyCells) -> None:
        """Take over all cells of another record of the same canvas, and empty that one."""
        self._cells |= other._cells
        other.clear()

    def take(self, tile: int, view: Window | None, focus: tuple[float, float] | None) -> Window | None:
        """Hand out a window to draw and unmark it.

        Parameters
        ----------
        tile : int
            Side that a window has at most, about, in pixels; what is little larger is not cut.
        view : Window, optional
            What is in sight; cells there go first.
        focus : tuple of float
            Place in pixels (y, x) to begin from, by default the middle of the view.

        Returns
        -------
        Window or None
            Its corners are multiples of :data:`CELL`, or on the canvas's border; None if nothing is left.
        """
        rows, columns = self._candidates(view)
        if not len(rows):
            return None
        if focus is None:
            seen = Window.of_shape(self._shape) if view is None else view
            focus = ((seen.y0 + seen.y1) / 2, (seen.x0 + seen.x1) / 2)
        side = max(1, tile // CELL)
        if max(np.ptp(rows), np.ptp(columns)) + 1 > side * 3 // 2:
            down, across = rows // side, columns // side
            distance = np.hypot(
                (down + 0.5) * side - focus[0] / CELL, (across + 0.5) * side - focus[1] / CELL
            )
            nearest = int(np.argmin(distance))
            inside = (down == down[nearest]) & (across == across[nearest])
            rows, columns = rows[inside], columns[inside]
        found = Window(int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
        self._cells[found.slices] = False
        return found.refine(CELL).clip(self._shape)

    def _of(self, window: Window) -> Window:
        """Return the window of cells that a window of pixels touches."""
        return window.clip(self._shape).coarsen(CELL)

    def _candidates(self, view: Window | None) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return rows and columns of the dirty cells in view, or of all where there are none in view."""
        if view is not None and not view.clip(self._shape).is_empty:
            seen = self._of(view)
            rows, columns = np.nonzero(self._cells[seen.slices])
            if len(rows):
                return rows + seen.y0, columns + seen.x0
        rows, columns = np.nonzero(self._cells)
        return rows, columns
