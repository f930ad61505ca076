"""The link between a canvas and its stain: what is drawn of the one is followed by the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.ui.painters import painter_of, painters

if TYPE_CHECKING:
    from napari_histosynth.ui.painter import Painter

Pixels = npt.NDArray[np.uint8]

_BLOCK = 256  # px: what is compared at once; changes far apart stay apart


class CanvasLink(QObject):
    """Keeps a copy of a canvas's H&E, and tells where the canvas has become another.

    The copy is what is stained: it changes only when somebody asks :meth:`changes`, so that no tile is drawn
    of half a stroke.

    Parameters
    ----------
    painter : Painter
        What draws the canvas.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    pixels : ndarray
        uint8 (y, x, 3), the copy; what has not been asked for is white.
    stirred : Signal
        Something may be different.
    stroke : Signal
        An edit was just drawn.
    gone : Signal
        The canvas is gone, or has another size.
    """

    stirred = Signal()
    stroke = Signal()
    gone = Signal()

    def __init__(self, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        assert painter.stage is not None
        self.painter, self.layer = painter, painter.stage.picture
        self.labels: Any = painter.stage.labels
        self._there: Pixels = painter.stage.pixels
        self.pixels: Pixels = np.zeros(self._there.shape, np.uint8)  # memory that nobody touches yet
        self._begun = False
        self._closed = False
        self.also: Callable[[list[Window]], list[Window]] = lambda windows: windows
        painter.progressed.connect(self._on_progress)
        painter.stroke_drawn.connect(self._on_stroke)
        painter.canvas_changed.connect(self._on_canvas)
        painters.changed.connect(self._on_canvas)

    def changes(self) -> list[Window]:
        """Copy what is different, and return where; in any thread, but in one at a time."""
        there, found = self._there, []
        if not self._begun:
            self._begun = True
            self.pixels[...] = 255
        if not there.flags.writeable:  # a placeholder: nothing is drawn yet
            return []
        for block in tile_windows(Window.of_shape(self.pixels.shape), _BLOCK):
            new = np.array(there[block.slices])
            kept = self.pixels[block.slices]
            if np.array_equal(new, kept):
                continue
            box = Window.of_mask((new != kept).any(axis=2))
            kept[...] = new
            found.append(box.shift(block.y0, block.x0))
        return self.also(found)

    def close(self) -> None:
        """Follow no more. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self.painter.progressed.disconnect(self._on_progress)
        self.painter.stroke_drawn.disconnect(self._on_stroke)
        self.painter.canvas_changed.disconnect(self._on_canvas)
        painters.changed.disconnect(self._on_canvas)

    def _on_progress(self, _share: float) -> None:
        self._look()
        if not self._closed:
            self.stirred.emit()

    def _on_stroke(self, _milliseconds: float) -> None:
        self.stroke.emit()

    def _on_canvas(self) -> None:
        self._look()

    def _look(self) -> None:
        """Take up the picture that the canvas has now, or let go of it."""
        stage = self.painter.stage
        known = painter_of(self.painter.viewer) is self.painter
        if (
            stage is None
            or not known
            or stage.picture is not self.layer
            or stage.pixels.shape != self.pixels.shape
        ):
            self._end()
        else:
            self._there, self.labels = stage.pixels, stage.labels

    def _end(self) -> None:
        self.close()
        self.gone.emit()
