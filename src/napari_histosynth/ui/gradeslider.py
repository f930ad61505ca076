"""The slider between two grades: a colored way, hatched where it goes beyond its ends."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QBrush, QColor, QLinearGradient, QPainter, QPen
from qtpy.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from napari_histosynth.latent.space import BEYOND

Color = tuple[int, int, int]

STEPS = 1000
"""Steps of the slider from one end of the way to the other."""

_SETTLED = 250  # ms after the last key until the picture is drawn
_SIDE, _GROOVE, _RADIUS = 10, 10, 8  # px
_GRAY: Color = (140, 140, 140)


class GradeSlider(QAbstractSlider):
    """A slider from a quarter of the way before the first to a quarter past the second end.

    Arrow keys go a hundredth of the way, page keys a tenth, Home and End to its ends.

    Attributes
    ----------
    beyond : float
        How far the slider goes past either end, as a share of the way.
    gone : Signal of float and bool
        Share of the way that was chosen, -0.25 to 1.25, and whether more is about to follow: the mouse is
        down, or a key was pressed just now.
    """

    gone = Signal(float, bool)
    beyond = BEYOND

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-slider")
        self.setAccessibleName("Share of the way between two grades")
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setRange(round(-self.beyond * STEPS), round((1 + self.beyond) * STEPS))
        self.setSingleStep(STEPS // 100)
        self.setPageStep(STEPS // 10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Drag from one grade to the other: coarsely while you drag, drawn when you let go. Hatched: "
            "beyond the grades that real pictures have. Arrow keys: 1 %, page keys: 10 %, Home and End: the "
            "ends."
        )
        self._colors = (_GRAY, _GRAY)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLED)
        self._settle.timeout.connect(self._let_go)
        self.valueChanged.connect(self._on_value)

    def show_share(self, share: float) -> None:
        """Show a share of the way; says nothing about it."""
        before = self.blockSignals(True)
        self.setValue(round(share * STEPS))
        self.blockSignals(before)
        self.update()

    def set_colors(self, first: Color | None, second: Color | None) -> None:
        """Color the way by its ends' grades; gray where there is none."""
        self._colors = (first or _GRAY, second or _GRAY)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return room for the groove and the marks below."""
        return QSize(220, 2 * _RADIUS + 22)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the least room."""
        return QSize(120, self.sizeHint().height())

    def place_of(self, share: float) -> QPointF:
        """Return where a share of the way is, in pixels of the widget."""
        along = (share + self.beyond) / (1 + 2 * self.beyond)
        return QPointF(_SIDE + along * (self.width() - 2 * _SIDE), _RADIUS + 2)

    # ---- mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take the handle, wherever one presses."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._settle.stop()
            self.setSliderDown(True)
            self._go_to(event)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Drag the handle."""
        if self.isSliderDown():
            self._go_to(event)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let the handle go: the picture is drawn."""
        if self.isSliderDown() and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)
            self._let_go()

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Go to the ends of the way by Home and End, beyond them by the other keys."""
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: STEPS}
        if event.key() in ends:
            self.setValue(ends[event.key()])
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Turn the wheel only where one has clicked before: else one scrolls the dock."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _go_to(self, event: Any) -> None:
        along = (event.position().x() - _SIDE) / max(1, self.width() - 2 * _SIDE)
        value = round((along * (1 + 2 * self.beyond) - self.beyond) * STEPS)
        for end in (0, STEPS):  # the grades themselves are easy to hit
            if abs(self.place_of(value / STEPS).x() - self.place_of(end / STEPS).x()) < 3:
                value = end
        if value == self.value():
            self._on_value()
        self.setValue(value)

    def _on_value(self) -> None:
        self.update()
        self.gone.emit(self.value() / STEPS, True)
        if not self.isSliderDown():
            self._settle.start()

    def _let_go(self) -> None:
        self._settle.stop()
        self.gone.emit(self.value() / STEPS, False)

    # ---- paint

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint the way, hatched beyond its ends, with its marks and the handle."""
        pen = QPainter(self)
        pen.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isEnabled():
            pen.setOpacity(0.4)
        text = self.palette().windowText().color()
        low, first, second, high = (self.place_of(t) for t in (-self.beyond, 0, 1, 1 + self.beyond))
        top = first.y() - _GROOVE / 2
        colors = [QColor(*color) for color in self._colors]
        for start, end, color in ((low, first, colors[0]), (second, high, colors[1])):
            part = QRectF(start.x(), top, end.x() - start.x(), _GROOVE)
            pale = QColor(color)
            pale.setAlpha(60)
            pen.fillRect(part, pale)
            pen.fillRect(part, QBrush(text, Qt.BrushStyle.BDiagPattern))
        gradient = QLinearGradient(first, second)
        gradient.setColorAt(0, colors[0])
        gradient.setColorAt(1, colors[1])
        pen.fillRect(QRectF(first.x(), top, second.x() - first.x(), _GROOVE), gradient)
        small = self.font()
        small.setPointSizeF(max(7.0, small.pointSizeF() * 0.8))
        pen.setFont(small)
        for share in sorted({0.0 - self.beyond, 0.0, 0.5, 1.0, 1 + self.beyond}):
            x = self.place_of(share).x()
            pen.setPen(QPen(text, 2 if share in (0, 1) else 1))
            long = 5 if share in (0, 1) else 2
            pen.drawLine(QPointF(x, top + _GROOVE + 2), QPointF(x, top + _GROOVE + 2 + long))
            box = QRectF(x - 30, top + _GROOVE + 7, 60, 14)
            box.moveLeft(min(max(box.left(), 0), self.width() - box.width()))
            align = Qt.AlignmentFlag.AlignHCenter
            if share == -self.beyond:
                align = Qt.AlignmentFlag.AlignLeft
            elif share == 1 + self.beyond:
                align = Qt.AlignmentFlag.AlignRight
            pen.drawText(box, align, f"{share * 100:.0f} %")
        handle = self.place_of(self.value() / STEPS)
        pen.setPen(QPen(QColor(0, 140, 255) if self.hasFocus() else QColor(40, 40, 40), 2))
        pen.setBrush(QColor(255, 255, 255))
        pen.drawEllipse(handle, _RADIUS - 1, _RADIUS - 1)
        pen.end()
