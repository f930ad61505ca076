"""The classes to paint with: a button each, and the keys 0 to 9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QWidget

from napari_histosynth.core.tissue import TissueClass, TissueScheme

_SWATCH = 14  # px
_HALF_WIDTH = 158  # px: what a button may have where two stand side by side
_PAINTING_MODES = ("paint", "fill", "polygon")


class Palette(QWidget):
    """Buttons for the classes of a scheme, in their colors.

    Attributes
    ----------
    buttons : list of QPushButton
        The buttons, by class index.
    chosen : Signal of int
        Index of the class that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QPushButton] = []
        self._scheme: TissueScheme | None = None
        self._group = QButtonGroup(self)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._group.idClicked.connect(self.chosen)

    def set_scheme(self, scheme: TissueScheme) -> None:
        """Show the classes of a scheme."""
        if scheme == self._scheme:
            return
        self._scheme = scheme
        for button in self.buttons:
            self._group.removeButton(button)
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons = [_class_button(entry) for entry in scheme.classes]
        columns = 2 if all(button.sizeHint().width() <= _HALF_WIDTH for button in self.buttons) else 1
        for index, button in enumerate(self.buttons):
            self._group.addButton(button, index)
            self._grid.addWidget(button, index // columns, index % columns)

    def show_chosen(self, index: int) -> None:
        """Mark the class that the brush holds; none if there is no such class."""
        self._group.setExclusive(False)
        for number, button in enumerate(self.buttons):
            button.setChecked(number == index)
        self._group.setExclusive(True)


def choose_class(viewer: Any, layer: Any, index: int) -> None:
    """Give the brush of a Labels layer a class, and have it ready to paint."""
    if layer in viewer.layers:
        viewer.layers.selection.active = layer
    layer.selected_label = index
    if str(layer.mode) not in _PAINTING_MODES:
        layer.mode = "paint"


def bind_keys(viewer: Any, labels: Any, others: list[Any], scheme: TissueScheme) -> Callable[[], None]:
    """Let the keys 0 to 9 choose classes, and H hide the labels, while one of the layers is active.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    labels : napari.layers.Labels
        Layer that is painted on.
    others : list of napari layers
        Further layers that the keys are bound to.
    scheme : TissueScheme
        Whose classes the keys are for.

    Returns
    -------
    callable
        Takes the keys away again.
    """
    bound: list[tuple[Any, str]] = []

    def chooser(index: int) -> Callable[[Any], None]:
        return lambda _: choose_class(viewer, labels, index)

    opacity = [1.0]

    def hide_or_show(_: Any) -> None:
        # invisible by opacity, not by the eye: a hidden layer cannot be painted on
        if labels.opacity > 0:
            opacity[0] = labels.opacity
            labels.opacity = 0.0
        else:
            labels.opacity = opacity[0]

    for layer in (labels, *others):
        for index in range(min(10, scheme.n_classes)):
            layer.bind_key(str(index), chooser(index), overwrite=True)
            bound.append((layer, str(index)))
        layer.bind_key("H", hide_or_show, overwrite=True)
        bound.append((layer, "H"))

    def unbind() -> None:
        if labels.opacity == 0:
            labels.opacity = opacity[0]
        for layer, key in bound:
            layer.bind_key(key, None, overwrite=True)
        bound.clear()

    return unbind


def _class_button(entry: TissueClass) -> QPushButton:
    """Return the button for a class: swatch, key, name."""
    key = f"{entry.index}  " if entry.index < 10 else ""
    button = QPushButton(_swatch(entry.color), f"{key}{entry.name}")
    button.setObjectName(f"class-{entry.index}")
    button.setCheckable(True)
    button.setIconSize(QSize(_SWATCH, _SWATCH))
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
    button.setStyleSheet(
        "QPushButton { text-align: left; padding: 4px 6px; }"
        "QPushButton:checked { border: 2px solid palette(highlight); padding: 2px 4px; font-weight: bold; }"
    )
    shortcut = f" (key {entry.index})" if entry.index < 10 else ""
    about = f": {entry.description}" if entry.description else ""
    button.setToolTip(f"Paint {entry.name}{shortcut}{about}")
    return button


def _swatch(color: str) -> QIcon:
    """Return a square of a color with a thin rim, so that white shows on white."""
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(color))
    painter = QPainter(pixmap)
    painter.setPen(QColor("#808080"))
    painter.drawRect(0, 0, _SWATCH - 1, _SWATCH - 1)
    painter.end()
    return QIcon(pixmap)
