"""Padlocks: buttons that protect classes, and show which are protected."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QToolButton

from napari_histosynth.ui.protect import MODIFIER, Protection, protection_of

KEY = "K"
"""Locks or unlocks the class under the cursor."""

_SIDE = 16  # px


class Locks(QObject):
    """Padlocks for the classes of a scheme, each pressed while its class is protected.

    Parameters
    ----------
    parent : QObject
        Qt parent.

    Attributes
    ----------
    buttons : list of QToolButton
        By class index.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QToolButton] = []
        self._protection: Protection | None = None

    def set_classes(self, names: tuple[str, ...]) -> list[QToolButton]:
        """Make padlocks for other classes, and return them; who called places them."""
        for button in self.buttons:
            button.deleteLater()
        self.buttons = [_padlock(index, name) for index, name in enumerate(names)]
        for index, button in enumerate(self.buttons):
            button.clicked.connect(lambda pressed, index=index: self._press(index, pressed))
        self._show()
        return self.buttons

    def follow(self, layer: Any) -> None:
        """Show and set what is protected in a Labels layer; None for no layer."""
        if self._protection is not None:
            self._protection.changed.disconnect(self._show)
        self._protection = None if layer is None else protection_of(layer)
        if self._protection is not None:
            self._protection.changed.connect(self._show)
        self._show()

    def _press(self, index: int, pressed: bool) -> None:
        if self._protection is not None:
            self._protection.set_locked(index, pressed)

    def _show(self) -> None:
        """Press the padlocks of the classes that are protected now."""
        for index, button in enumerate(self.buttons):
            button.setChecked(self._protection is not None and self._protection.keeps(index))


def toggle_under_cursor(viewer: Any, layer: Any) -> None:
    """Lock or unlock the class of a Labels layer under the cursor."""
    value = layer.get_value(viewer.cursor.position, world=True)
    if value is not None:
        protection = protection_of(layer)
        protection.set_locked(int(value), int(value) not in protection.locked)


def _padlock(index: int, name: str) -> QToolButton:
    """Return the padlock of a class."""
    button = QToolButton()
    button.setObjectName(f"lock-{index}")
    button.setCheckable(True)
    button.setAutoRaise(True)
    button.setIcon(_icon())
    button.setIconSize(QSize(_SIDE, _SIDE))
    button.setFixedWidth(_SIDE + 6)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
    button.setToolTip(
        f"Protect {name} from brush, fill, polygon and tissue tools (key {KEY} over it on the canvas). "
        f"{MODIFIER} held when a stroke begins protects all but the class it begins on."
    )
    return button


def _icon() -> QIcon:
    """Return a padlock, open and faint, or shut and orange."""
    icon = QIcon()
    for state, color, shut in (
        (QIcon.State.Off, QColor(128, 128, 128, 150), False),
        (QIcon.State.On, QColor("#ffb000"), True),
    ):
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Active, QIcon.Mode.Selected):
            icon.addPixmap(_drawing(color, shut), mode, state)
    return icon


def _drawing(color: QColor, shut: bool) -> QPixmap:
    """Return the drawing of a padlock."""
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(color, 2))
    top = 2.0 if shut else 1.0
    painter.drawArc(QRectF(4.5, top, 7, 8), 0, 180 * 16)
    painter.drawLine(QPointF(4.5, top + 4), QPointF(4.5, 8))
    if shut:
        painter.drawLine(QPointF(11.5, top + 4), QPointF(11.5, 8))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(2.5, 7.5, 11, 7), 1.5, 1.5)
    painter.end()
    return pixmap
