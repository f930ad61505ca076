"""What the mouse points at on the map of looks, and the looks that are most like the present one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_histosynth.ui.widgets import heading

#: Sides on the screen, in pixels.
LARGE, SMALL = 176, 74
_MOST = 12

Pixels = npt.NDArray[np.uint8]


class AtlasCard(QWidget):
    """A large thumbnail of what is pointed at, with a few words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("atlas-card")
        self.picture = QLabel()
        self.picture.setObjectName("atlas-thumbnail")
        self.picture.setFixedSize(LARGE, LARGE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFrameShape(QFrame.Shape.StyledPanel)
        self.picture.setToolTip(
            "Synthetic: a small field, always the same, drawn in the look that the mouse points at"
        )
        self.title = QLabel()
        self.title.setObjectName("atlas-title")
        self.title.setWordWrap(True)
        self.lines = QLabel()
        self.lines.setObjectName("atlas-lines")
        self.lines.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self.title)
        words.addWidget(self.lines)
        words.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.picture)
        layout.addLayout(words, 1)
        self.show_picture(None)

    def show_words(self, title: str, lines: Sequence[str]) -> None:
        """Say what it is."""
        self.title.setText(f"<b>{title}</b>")
        self.lines.setText("<br>".join(lines))

    def show_picture(self, pixels: Pixels | None) -> None:
        """Show a thumbnail, uint8 (y, x, 3), or that it is still to come."""
        if pixels is None:
            self.picture.setPixmap(QPixmap())
        else:
            self.picture.setPixmap(pixmap_of(pixels, LARGE, self.devicePixelRatioF()))


class NearestRow(QWidget):
    """The looks of the map that are most like the present one; a click takes one.

    Attributes
    ----------
    chosen : Signal of int
        The number of the picture whose look was clicked.
    pointed : Signal of int
        The one under the mouse, -1 for none.
    resized : Signal
        There is room for more, or for fewer.
    numbers : list of int
        The pictures shown, the nearest first.
    """

    chosen = Signal(int)
    pointed = Signal(int)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("atlas-nearest")
        self.numbers: list[int] = []
        self._fitted = 0
        self.buttons = [_Tile(self, place) for place in range(_MOST)]
        self.heading = heading("Most like the canvas", "click to take one")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for button in self.buttons:
            row.addWidget(button)
            button.hide()
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.heading)
        layout.addLayout(row)
        self.setFixedHeight(SMALL + 34)
        # tiles come and go by the width that there is: they must not ask for one
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def room(self) -> int:
        """How many fit side by side."""
        return int(min(max((self.width() + 4) // (SMALL + 10), 1), _MOST))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Tell if another number fits."""
        before = self._fitted
        super().resizeEvent(event)
        self._fitted = self.room
        if self._fitted != before:
            self.resized.emit()

    def show_numbers(self, numbers: Sequence[int], words: Sequence[str]) -> None:
        """Show other pictures of the map; their thumbnails come by :meth:`show_picture`."""
        changed = [int(number) for number in numbers] != self.numbers
        self.numbers = [int(number) for number in numbers]
        for place, button in enumerate(self.buttons):
            button.setVisible(place < len(self.numbers))
            if place < len(self.numbers):
                button.setToolTip(f"{words[place]}. Click to take this look.")
                if changed:
                    button.setIcon(QIcon())

    def show_picture(self, place: int, pixels: Pixels) -> None:
        """Show the thumbnail, uint8 (y, x, 3), of the so-manieth picture."""
        self.buttons[place].setIcon(QIcon(pixmap_of(pixels, SMALL, self.devicePixelRatioF())))


class _Tile(QToolButton):
    """A thumbnail that can be clicked."""

    def __init__(self, row: NearestRow, place: int) -> None:
        super().__init__(row)
        self.setObjectName(f"atlas-near-{place}")
        self.setIconSize(QSize(SMALL, SMALL))
        self.setFixedSize(SMALL + 6, SMALL + 6)
        self.setAutoRaise(True)
        self._row, self._place = row, place
        self.clicked.connect(self._choose)

    def _choose(self) -> None:
        if self._place < len(self._row.numbers):
            self._row.chosen.emit(self._row.numbers[self._place])

    def enterEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Say which one the mouse is on."""
        super().enterEvent(event)
        if self._place < len(self._row.numbers):
            self._row.pointed.emit(self._row.numbers[self._place])

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Say that the mouse is on none."""
        super().leaveEvent(event)
        self._row.pointed.emit(-1)


def pixmap_of(pixels: Pixels, side: int, ratio: float = 1.0) -> QPixmap:
    """Return a picture, uint8 (y, x, 3), for the screen, at most so many pixels wide and tall."""
    kept = np.ascontiguousarray(pixels)
    height, width = kept.shape[:2]
    image = QImage(kept.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    pixmap = QPixmap.fromImage(image.copy())  # the bytes above go with this function
    wanted = round(side * ratio)
    if (pixmap.width(), pixmap.height()) != (wanted, wanted):
        smooth = Qt.TransformationMode.SmoothTransformation
        pixmap = pixmap.scaled(wanted, wanted, Qt.AspectRatioMode.KeepAspectRatio, smooth)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
