"""Nine layouts to choose from, drawn small as they come, and chosen by mouse or keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

Pixels = npt.NDArray[np.uint8]

COUNT, ACROSS = 9, 3
SIDE = 92
"""Pixels a side of a thumbnail."""

_GAP = 4
_CHOSEN, _NEAR = QColor(0, 140, 255), QColor(255, 176, 0)
_EMPTY = QColor(128, 128, 128, 60)


class LayoutGrid(QWidget):
    """Shows nine small pictures; one of them has the cursor, and one is chosen.

    The mouse chooses by a click. Arrow keys move the cursor, Enter or Space chooses, A and B make what is
    under it an end of a way, and page keys go to the nine after and before.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    cursor_cell : int
        Cell under the cursor, 0 to 8.
    chosen : int
        Cell that was chosen, -1 for none.
    picked : Signal of int
        A cell was chosen.
    ended : Signal of int and str
        A cell was made an end: "A" or "B".
    turned : Signal of int
        Pages to go: 1 or -1.
    """

    picked = Signal(int)
    ended = Signal(int, str)
    turned = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-grid")
        self.setAccessibleName("Nine layouts to choose from")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(False)
        self.cursor_cell = 0
        self.chosen = -1
        self._images: list[tuple[Pixels, QImage] | None] = [None] * COUNT
        self._captions = [""] * COUNT

    # ---- what is shown

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return room for three by three thumbnails."""
        side = ACROSS * SIDE + (ACROSS - 1) * _GAP + 4
        return QSize(side, side)

    def cell(self, index: int) -> QRectF:
        """Return where a cell is, in pixels of the widget."""
        y, x = divmod(index, ACROSS)
        return QRectF(2 + x * (SIDE + _GAP), 2 + y * (SIDE + _GAP), SIDE, SIDE)

    def cell_at(self, at: Any) -> int:
        """Return the cell under a point, -1 for none."""
        return next((index for index in range(COUNT) if self.cell(index).contains(at)), -1)

    def show_picture(self, index: int, picture: Pixels | None) -> None:
        """Show a picture, uint8 (SIDE, SIDE, 3), in a cell; None while it is drawn."""
        if picture is None:
            self._images[index] = None
        else:
            kept = np.ascontiguousarray(picture)  # the image reads its memory
            height, width = kept.shape[:2]
            made = QImage(kept.data, width, height, 3 * width, QImage.Format.Format_RGB888)  # type: ignore[call-overload]
            self._images[index] = (kept, made)
        self.update()

    def is_shown(self, index: int) -> bool:
        """Return whether a cell has its picture."""
        return self._images[index] is not None

    def set_caption(self, index: int, caption: str) -> None:
        """Set what is said of a cell."""
        self._captions[index] = caption

    def caption(self, index: int) -> str:
        """Return what is said of a cell."""
        return self._captions[index]

    def choose(self, index: int) -> None:
        """Mark a cell as chosen, -1 for none; says nothing about it."""
        self.chosen = index
        if index >= 0:
            self.cursor_cell = index
        self.update()

    # ---- mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Choose what is clicked."""
        index = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.setFocus()
            self.choose(index)
            self.picked.emit(index)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move the cursor, choose, make an end, or go to another page."""
        keys, key = Qt.Key, event.key()
        steps = {keys.Key_Left: (0, -1), keys.Key_Right: (0, 1), keys.Key_Up: (-1, 0), keys.Key_Down: (1, 0)}
        if key in steps:
            y, x = (
                here + step for here, step in zip(divmod(self.cursor_cell, ACROSS), steps[key], strict=True)
            )
            if 0 <= y < ACROSS and 0 <= x < ACROSS:
                self.cursor_cell = y * ACROSS + x
                self.update()
        elif key in (keys.Key_Return, keys.Key_Enter, keys.Key_Space):
            self.choose(self.cursor_cell)
            self.picked.emit(self.cursor_cell)
        elif key in (keys.Key_A, keys.Key_B):
            self.ended.emit(self.cursor_cell, "A" if key == keys.Key_A else "B")
        elif key in (keys.Key_PageDown, keys.Key_PageUp):
            self.turned.emit(1 if key == keys.Key_PageDown else -1)
        else:
            super().keyPressEvent(event)

    def event(self, event: Any) -> bool:
        """Say what lies under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            index = self.cell_at(_f(event.pos()))
            if index >= 0 and self._captions[index]:
                keys = "Click or Enter: on the canvas. A, B: end of the way"
                QToolTip.showText(event.globalPos(), f"{self._captions[index]}\n{keys}", self)
            else:
                QToolTip.hideText()
            return True
        return bool(super().event(event))

    def focusInEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Show the cursor."""
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Hide the cursor."""
        self.update()
        super().focusOutEvent(event)

    # ---- paint

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint the pictures, what is chosen, and the cursor."""
        pen = QPainter(self)
        pen.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for index, kept in enumerate(self._images):
            cell = self.cell(index)
            if kept is None:
                pen.fillRect(cell, _EMPTY)
            else:
                pen.drawImage(cell, kept[1])
            if index == self.chosen:
                pen.setPen(QPen(_CHOSEN, 3))
                pen.drawRect(cell.adjusted(1, 1, -1, -1))
            if index == self.cursor_cell and self.hasFocus():
                pen.setPen(QPen(_NEAR, 2, Qt.PenStyle.DotLine))
                pen.drawRect(cell.adjusted(4, 4, -4, -4))
        pen.end()


def _f(point: QPoint) -> Any:
    """Return a point with fractions."""
    return QPointF(point)
