"""A small map of a slide: what is drawn at which level, and where one is; a click goes there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import um_of
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slidelevels import FINER, SlideLevels

Pixels = npt.NDArray[np.uint8]

TINTS = {2: (255, 120, 0), 0: (0, 150, 70)}
"""Color that a drawn tile of a level is tinted in; coarser ones come with the overview."""

_TINT = 0.35
_TALLEST = 220  # px
_FRAME = QColor("#1f6feb")


def map_of(levels: SlideLevels) -> Pixels:
    """Return the overview of a slide with what is drawn tinted, the finest level on top; uint8 (y, x, 3)."""
    picture = levels.base.astype(np.float32)
    height, width = picture.shape[:2]
    for level in FINER:
        if level not in TINTS:
            continue
        side = 2**level  # a tile of 256 px is so many pixels of the overview wide
        done = np.kron(levels.done[level], np.ones((side, side), bool))[:height, :width]
        there = np.zeros((height, width), bool)
        there[: done.shape[0], : done.shape[1]] = done
        picture[there] = (1 - _TINT) * levels.base[there] + _TINT * np.array(TINTS[level], np.float32)
    return np.asarray(np.rint(picture), np.uint8)


def legend() -> str:
    """Return what the tints mean, as rich text."""
    marks = (
        f'<span style="color: rgb{color}">■</span> {um_of(level):g} µm' for level, color in TINTS.items()
    )
    return "drawn at " + "&nbsp; ".join(marks) + " per pixel"


class SlideMap(QWidget):
    """Shows what of a slide is drawn, and goes where one clicks.

    Parameters
    ----------
    desk : SlideDesk
        Has the slide.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, desk: SlideDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-map")
        self.setAccessibleName("Map of the slide")
        self.setToolTip("What is drawn, and where you are; click or drag to go there")
        self.setCursor(Qt.CursorShape.CrossCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._desk = desk
        self._pixels: Pixels | None = None  # the image reads its memory
        self._image: QImage | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(250)
        self._soon.timeout.connect(self.renew)
        desk.progressed.connect(self._on_progress)
        desk.changed.connect(self._on_changed)
        self._on_changed()

    def renew(self) -> None:
        """Draw the map anew."""
        levels = self._desk.levels
        self._image = None
        if levels is not None:
            self._pixels = np.ascontiguousarray(map_of(levels))
            height, width = self._pixels.shape[:2]
            self._image = QImage(
                self._pixels.data,
                width,
                height,
                3 * width,
                QImage.Format.Format_RGB888,  # type: ignore[call-overload]
            )
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that Qt asks for."""
        return QSize(280, self.heightForWidth(280))

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height that shows all of the slide."""
        levels = self._desk.levels
        if levels is None:
            return 0
        height, across = levels.shape
        return int(min(_TALLEST, max(40, width * height / across)))

    def place_at(self, x: float, y: float) -> tuple[float, float] | None:
        """Return which pixel (y, x) of level 0 lies under a pixel of the map, None without a slide."""
        levels = self._desk.levels
        if levels is None:
            return None
        frame = self._frame(levels)
        (height, width), (left, top) = levels.shape, (frame.left(), frame.top())
        across = min(max((x - left) / frame.width(), 0.0), 1.0)
        down = min(max((y - top) / frame.height(), 0.0), 1.0)
        return down * height, across * width

    def rectangle(self) -> QRectF | None:
        """Return what is in sight, in pixels of the map."""
        shown = self._desk.shown
        window: Window | None = None if shown is None else shown.in_view()
        if shown is None or window is None:
            return None
        frame, (height, width) = self._frame(shown.levels), shown.levels.shape
        across, down = frame.width() / width, frame.height() / height
        return QRectF(
            frame.left() + window.x0 * across,
            frame.top() + window.y0 * down,
            max(3.0, window.width * across),
            max(3.0, window.height * down),
        )

    def _frame(self, levels: SlideLevels) -> QRectF:
        """Return where the slide lies on the widget."""
        height, width = levels.shape
        scale = min(self.width() / width, self.height() / height)
        across, down = max(1.0, width * scale), max(1.0, height * scale)
        return QRectF((self.width() - across) / 2, (self.height() - down) / 2, across, down)

    # ---- what happens

    def _on_progress(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _on_changed(self) -> None:
        self.setVisible(self._desk.levels is not None)
        self.updateGeometry()
        self.renew()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Paint the map and what is in sight."""
        levels = self._desk.levels
        if levels is None or self._image is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._frame(levels), self._image)
        rectangle = self.rectangle()
        if rectangle is not None:
            painter.setPen(QPen(_FRAME, 2))
            painter.drawRect(rectangle)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Go where the mouse is pressed."""
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Follow the mouse that is dragged."""
        self._go(event)

    def _go(self, event: Any) -> None:
        if event is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        at: QPointF = event.position()
        place = self.place_at(at.x(), at.y())
        if place is not None and self._desk.shown is not None:
            self._desk.shown.go_to(*place)
            self.update()
