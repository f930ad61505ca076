"""Pictures along a way as one stack: each drawn when it is first looked at, and kept while there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    from napari_histosynth.paint.canvas import Canvas

#: Bytes of drawn pictures that are kept.
MOST_BYTES = 512 * 2**20

Pixels = npt.NDArray[np.uint8]


class LazyStack:
    """A stack (steps, y, x, rgb) whose steps are drawn only where they are asked for.

    The pixels of a step are those that the canvas would show. All methods may be called from any thread;
    one step is drawn at a time, and none twice while it is kept.

    Parameters
    ----------
    make : callable
        Returns the canvas of a step, by its number.
    count : int
        How many steps there are, 1 or more.
    window : Window
        What of the canvas is shown.
    most_bytes : int
        Drawn pictures that are kept; the last one always is, those looked at longest ago go first.

    Raises
    ------
    ModelError
        If there is no step, or the window is empty.
    """

    def __init__(
        self, make: Callable[[int], Canvas], count: int, window: Window, most_bytes: int = MOST_BYTES
    ) -> None:
        if count < 1 or window.is_empty:
            raise ModelError(f"A stack needs a step and pixels, not {count} steps of {window.shape} px.")
        self._make, self._window, self._most = make, window, most_bytes
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._access, self._turn = threading.Lock(), threading.Lock()
        self.shape = (count, *window.shape, 3)
        self.dtype = np.dtype(np.uint8)
        self.drawn = 0

    def __len__(self) -> int:
        """Count the steps."""
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes: 4."""
        return len(self.shape)

    @property
    def kept_bytes(self) -> int:
        """Bytes of pictures that are kept now."""
        with self._access:
            return sum(picture.nbytes for picture in self._kept.values())

    def kept(self, number: int) -> Pixels | None:
        """Return the picture of a step if it is there, and count it as looked at."""
        with self._access:
            picture = self._kept.get(number)
            if picture is not None:
                self._kept.move_to_end(number)
        return picture

    def picture(
        self,
        number: int,
        *,
        cancel: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Pixels:
        """Return the picture of a step, drawn if it is not there; read-only.

        Parameters
        ----------
        number : int
            0 to the number of steps less 1.
        cancel, progress
            See :meth:`~napari_histosynth.paint.canvas.Canvas.render`.

        Returns
        -------
        ndarray
            uint8 (y, x, 3).

        Raises
        ------
        ModelError
            If there is no such step.
        Cancelled
            If ``cancel`` returned true; nothing is kept of it.
        """
        number = self._checked(number)
        with self._turn:
            if (there := self.kept(number)) is not None:
                return there
            picture = self._make(number).render(self._window, cancel=cancel, progress=progress)
            picture.flags.writeable = False
            with self._access:
                self.drawn += 1
                self._kept[number] = picture
                while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self._most:
                    self._kept.popitem(last=False)
        return picture

    def sketch(self, number: int, factor: int, *, cancel: Callable[[], bool] | None = None) -> Pixels | None:
        """Sketch a step at a fraction of the resolution, None if that is no faster.

        See :meth:`~napari_histosynth.paint.canvas.Canvas.sketch`; ``factor`` is 2, 4, 8 or 16.
        """
        number, window = self._checked(number), self._window
        canvas = self._make(number)
        # a sketch begins at multiples of its own pixels
        outer = Window(window.y0 // factor * factor, window.y1, window.x0 // factor * factor, window.x1)
        ends = [-(-end // factor) * factor for end in (outer.y1, outer.x1)]
        outer = Window(outer.y0, ends[0], outer.x0, ends[1]).clip(canvas.shape)
        drawn = canvas.sketch(outer, factor, cancel=cancel)
        if drawn is None:
            return None
        rows, columns = (
            np.arange(low - start, high - start) // factor
            for low, high, start in (
                (window.y0, window.y1, outer.y0),
                (window.x0, window.x1, outer.x0),
            )
        )
        return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def dask(self) -> Any:
        """Return the stack as a dask array, uint8 (steps, y, x, 3), a chunk for each step.

        Computing a chunk draws its step, unless it is kept.
        """
        import dask.array as da
        from dask.delayed import delayed

        draw = delayed(self.picture, pure=False)
        steps = [da.from_delayed(draw(number), self.shape[1:], self.dtype) for number in range(len(self))]
        return da.stack(steps)

    def _checked(self, number: int) -> int:
        if not 0 <= number < len(self):
            raise ModelError(f"A stack of {len(self)} steps has no step {number}.")
        return int(number)
