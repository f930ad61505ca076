"""The legend of the map of looks: a button for each grade or source, as many a row as fit."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QToolButton, QWidget

from napari_histosynth.latent.atlaskey import MapKey
from napari_histosynth.ui.atlaspaint import swatch

_GAP = 2


class AtlasLegend(QWidget):
    """What colors and shapes stand for, with counts; a click shows the points of one entry alone.

    Attributes
    ----------
    lit : Signal of int
        The entry that is to be shown alone, -1 for all.
    buttons : list of QToolButton
        One for each entry.
    """

    lit = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("atlas-legend")
        self.buttons: list[QToolButton] = []

    def show_key(self, key: MapKey | None) -> None:
        """Show the entries of a key."""
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.buttons = []
        for number, entry in enumerate(() if key is None else key.entries):
            button = QToolButton(self)
            button.setObjectName(f"atlas-entry-{number}")
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIcon(QIcon(swatch(entry.color, entry.shape, self.devicePixelRatioF())))
            button.setIconSize(QSize(13, 13))
            button.setText(f"{entry.title} ({entry.count})")
            button.setToolTip(f"{entry.count} pictures: {entry.title}. Click: these alone, or all again.")
            button.setCheckable(True)
            button.setAutoRaise(True)
            button.setStyleSheet("font-size: 12px; padding: 0px 2px;")
            button.clicked.connect(lambda on, number=number: self._choose(number, on))
            button.show()
            self.buttons.append(button)
        self._arrange()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Fill the rows anew."""
        super().resizeEvent(event)
        self._arrange()

    def _choose(self, number: int, on: bool) -> None:
        for other, button in enumerate(self.buttons):
            button.setChecked(on and other == number)
        self.lit.emit(number if on else -1)

    def _arrange(self) -> None:
        """Lay the buttons in rows."""
        left = top = tallest = 0
        for button in self.buttons:
            hint = button.sizeHint()
            width = min(hint.width(), max(self.width(), 1))
            if left and left + width > self.width():
                left, top = 0, top + tallest + _GAP
                tallest = 0
            button.setGeometry(left, top, width, hint.height())
            left, tallest = left + width + _GAP, max(tallest, hint.height())
        self.setFixedHeight(top + tallest)
