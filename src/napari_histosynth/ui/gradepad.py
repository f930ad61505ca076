"""A pad between three or four named places: a handle that is dragged with mouse or keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_histosynth.latent.space import corner_weights

Color = tuple[int, int, int]

_STEP, _LARGE = 0.02, 0.1  # of a side, by an arrow key, and with Shift
_SETTLED = 250  # ms after the last key until the picture is drawn
_SIDE, _TEXT, _RADIUS = 14, 16, 8  # px
_PLACES = {3: ((0.0, 0.5), (1.0, 0.0), (1.0, 1.0)), 4: ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))}


class GradePad(QWidget):
    """A triangle or square with a place at each corner.

    Attributes
    ----------
    gone : Signal of list and bool
        Weight of each corner, and whether more is about to follow: the mouse is down, or a key was pressed
        just now.
    weights : ndarray
        float (corners,), where the handle is.
    """

    gone = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-pad")
        self.setAccessibleName("Mixture of named places")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Drag between the places, or use the arrow keys (with Shift in larger steps)")
        self._names: tuple[str, ...] = ("", "", "")
        self._colors: tuple[Color, ...] = ((140, 140, 140),) * 3
        self.weights = np.full(3, 1 / 3)
        self._y, self._x = 2 / 3, 0.5
        self._down = self._touched = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLED)
        self._settle.timeout.connect(self._let_go)

    def set_corners(self, names: Sequence[str], colors: Sequence[Color]) -> None:
        """Have other places at the corners, 3 or 4; the handle goes to the middle if their number changes."""
        if len(names) != len(self._names):
            self._y, self._x = (2 / 3, 0.5) if len(names) == 3 else (0.5, 0.5)
        self._names, self._colors = tuple(names), tuple(colors)
        self._touched = False
        self.weights = corner_weights(self._y, self._x, len(names))
        self.update()

    def show_away(self) -> None:
        """Show that the canvas is elsewhere."""
        self._touched = False
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a square's room, with names above and below."""
        return QSize(220, 170)

    def place_of(self, weights: Sequence[float]) -> QPointF:
        """Return where a mixture is, in pixels of the widget."""
        y, x = np.asarray(weights) @ np.array(_PLACES[len(weights)])
        frame = self._frame()
        return QPointF(frame.x() + x * frame.width(), frame.y() + y * frame.height())

    # ---- mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the handle, wherever one presses."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._down = True
            self._drag(event)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Drag the handle."""
        if self._down:
            self._drag(event)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let the handle go: the picture is drawn."""
        if self._down and event.button() == Qt.MouseButton.LeftButton:
            self._down = False
            self._let_go()

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move the handle by the arrow keys."""
        step = _LARGE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else _STEP
        ways = {
            Qt.Key.Key_Up: (-step, 0.0),
            Qt.Key.Key_Down: (step, 0.0),
            Qt.Key.Key_Left: (0.0, -step),
            Qt.Key.Key_Right: (0.0, step),
        }
        if event.key() not in ways:
            super().keyPressEvent(event)
            return
        down, right = ways[event.key()]
        self._go_to(self._y + down, self._x + right)
        self._settle.start()

    def _drag(self, event: Any) -> None:
        frame, at = self._frame(), event.position()
        self._go_to((at.y() - frame.y()) / frame.height(), (at.x() - frame.x()) / frame.width())

    def _go_to(self, y: float, x: float) -> None:
        """Go to a place, or the nearest on the pad."""
        self.weights = corner_weights(y, x, len(self._names))
        self._y, self._x = (float(one) for one in self.weights @ np.array(_PLACES[len(self._names)]))
        self._say(True)

    def _let_go(self) -> None:
        self._say(False)

    def _say(self, dragging: bool) -> None:
        self._settle.stop()
        self._touched = True
        self.update()
        self.gone.emit([float(weight) for weight in self.weights], dragging)

    # ---- paint

    def _frame(self) -> QRectF:
        side = min(self.width() - 2 * _SIDE, 200)
        left = (self.width() - side) / 2
        return QRectF(left, _TEXT + 6, side, self.height() - 2 * _TEXT - 12)

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint the pad, its places and the handle."""
        pen = QPainter(self)
        pen.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isEnabled():
            pen.setOpacity(0.4)
        text = self.palette().windowText().color()
        corners = [self.place_of(list(row)) for row in np.eye(len(self._names))]
        outline = corners if len(corners) == 3 else [corners[number] for number in (0, 1, 3, 2)]
        pen.setPen(QPen(text, 1))
        pen.setBrush(self.palette().base())
        pen.drawPolygon(QPolygonF(outline))
        handle = self.place_of(list(self.weights))
        small = self.font()
        small.setPointSizeF(max(7.0, small.pointSizeF() * 0.8))
        pen.setFont(small)
        metrics = pen.fontMetrics()
        for at, name, color, weight in zip(corners, self._names, self._colors, self.weights, strict=True):
            line = QColor(*color)
            pen.setPen(QPen(line, 1 + 4 * float(weight)))
            pen.drawLine(handle, at)
            pen.setPen(QPen(text, 1))
            pen.setBrush(line)
            pen.drawEllipse(at, 5, 5)
            above = at.y() < self.height() / 2
            middle = len(corners) == 3 and above
            wide = self.width() - 8 if middle else self.width() / 2 - 6
            left = 4 if middle or at.x() < self.width() / 2 else self.width() / 2 + 2
            box = QRectF(left, at.y() - _TEXT - 6 if above else at.y() + 6, wide, _TEXT)
            align = Qt.AlignmentFlag.AlignHCenter if middle else Qt.AlignmentFlag.AlignLeft
            if not middle and at.x() > self.width() / 2:
                align = Qt.AlignmentFlag.AlignRight
            pen.drawText(box, align, metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(wide)))
        pen.setPen(QPen(QColor(0, 140, 255) if self.hasFocus() else QColor(40, 40, 40), 2))
        pen.setBrush(QColor(255, 255, 255) if self._touched else QColor(170, 170, 170))
        pen.drawEllipse(handle, _RADIUS - 1, _RADIUS - 1)
        pen.end()
