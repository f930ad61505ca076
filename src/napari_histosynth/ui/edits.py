"""Large changes of a Labels layer, written bit by bit so that the window never stands still."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer

from napari_histosynth.core.tiles import tile_windows
from napari_histosynth.paint.tools import Edit
from napari_histosynth.ui.protect import protection_of

Part = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.integer[Any]]]
"""Rows, columns and new values of some pixels."""

_SIDE = 320  # px; some 15 ms for napari to write and show
_PAUSE = 1  # ms between parts: strokes and clicks come in between


def parts_of(edit: Edit, dtype: npt.DTypeLike) -> list[Part]:
    """Return the pixels that an edit changes, cut into tiles; takes a moment, so not for the main thread."""
    parts = []
    changed = edit.changed
    for tile in tile_windows(edit.window, _SIDE):
        cut = tile.relative_to(edit.window).slices
        rows, columns = np.nonzero(changed[cut])
        if rows.size:
            values = edit.after[cut][rows, columns].astype(dtype)
            parts.append((rows + tile.y0, columns + tile.x0, values))
    return parts


class EditWriter(QObject):
    """Writes one change after another into Labels layers, each one step of the layer's history.

    A part of the change is written at each turn of the event loop. Whoever presses a button of the mouse on
    the layer in the meantime, or wants to undo, waits for the rest, so that steps do not mix.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer: Any = None
        self._parts: list[Part] = []
        self._step: AbstractContextManager[None] | None = None
        self._then: Callable[[], None] | None = None
        self._data: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self.write_part)

    @property
    def is_busy(self) -> bool:
        """Whether something is being written."""
        return self._step is not None

    def write(self, layer: Any, parts: list[Part], then: Callable[[], None]) -> None:
        """Write a change, and call ``then`` when it is all there."""
        self.finish()
        layer = getattr(layer, "__wrapped__", layer)  # napari hands plugins proxies of layers
        self._layer, self._parts, self._then, self._data = layer, parts[::-1], then, layer.data
        self._step = layer.block_history()
        self._step.__enter__()
        layer.mouse_drag_callbacks.insert(0, self._on_press)
        for name in ("undo", "redo"):
            setattr(layer, name, self._after_writing(name))
        self.write_part()
        if self.is_busy:
            self._timer.start()

    def finish(self) -> None:
        """Write all that is left, at once."""
        while self.is_busy:
            self.write_part()

    def write_part(self) -> None:
        """Write the next part; end the step after the last. Harmless when nothing is left."""
        if self._step is None:
            return
        if self._parts and self._layer.data is self._data:
            rows, columns, values = self._parts.pop()
            with protection_of(self._layer).lifted():  # tools spare classes by themselves
                self._layer.data_setitem((rows, columns), values)
        else:
            self._parts.clear()  # the layer got other data: there is nothing to write to
        if not self._parts:
            self._end()

    def _end(self) -> None:
        """Close the step of history and let the layer go."""
        self._timer.stop()
        layer, step, then = self._layer, self._step, self._then
        assert step is not None
        self._step = self._layer = self._then = self._data = None
        layer.mouse_drag_callbacks.remove(self._on_press)
        for name in ("undo", "redo"):
            layer.__dict__.pop(name, None)
        step.__exit__(None, None, None)
        if then is not None:
            then()

    def _on_press(self, layer: Any, event: Any) -> None:
        self.finish()

    def _after_writing(self, name: str) -> Callable[[], None]:
        """Return undo or redo that waits for the end of what is being written."""

        def run() -> None:
            layer = self._layer
            self.finish()
            getattr(layer, name)()

        return run
