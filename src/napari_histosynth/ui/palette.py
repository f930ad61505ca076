"""The classes to paint with: a button, a key and a padlock each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QWidget

from napari_histosynth.core.tissue import TissueClass, TissueScheme
from napari_histosynth.ui.locks import KEY as LOCK_KEY
from napari_histosynth.ui.locks import Locks, toggle_under_cursor

KEYS = "0123456789G"
"""Keys of the classes, by index. G as in glass: in colon-10, class 10 is the background. In a Labels layer
napari has no use of its own for G, as it has for B, E, F, L, M, P, V, X and Z."""

KEYS_NOTE = f"H hides the labels, {LOCK_KEY} protects"
"""What the other keys do, for the dock's heading."""

_SWATCH = 14  # px
_HALF_WIDTH = 134  # px: what a button may have where two stand side by side
_PAINTING_MODES = ("paint", "fill", "polygon")


class Palette(QWidget):
    """Buttons for the classes of a scheme, in their colors.

    Attributes
    ----------
    buttons : list of QPushButton
        The buttons, by class index.
    locks : Locks
        The padlocks beside them.
    chosen : Signal of int
        Index of the class that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QPushButton] = []
        self.locks = Locks(self)
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
        for lock in self.locks.buttons:
            self._grid.removeWidget(lock)
        self.buttons = [_class_button(entry) for entry in scheme.classes]
        columns = 2 if all(button.sizeHint().width() <= _HALF_WIDTH for button in self.buttons) else 1
        for index, button in enumerate(self.buttons):
            self._group.addButton(button, index)
            self._grid.addWidget(button, index // columns, 2 * (index % columns))
        for index, lock in enumerate(self.locks.set_classes(scheme.names)):
            self._grid.addWidget(lock, index // columns, 2 * (index % columns) + 1)

    def bind(self, viewer: Any, labels: Any, others: list[Any], scheme: TissueScheme) -> Callable[[], None]:
        """Bind keys as :func:`bind_keys` does, and show what is protected in the labels, until undone."""
        unbind = bind_keys(viewer, labels, others, scheme)
        self.locks.follow(labels)

        def let_go() -> None:
            self.locks.follow(None)
            unbind()

        return let_go

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
    """Let keys choose classes, protect them and hide the labels, while one of the layers is active.

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

    def lock_or_unlock(_: Any) -> None:
        toggle_under_cursor(viewer, labels)

    for layer in (labels, *others):
        for index, key in enumerate(KEYS[: scheme.n_classes]):
            layer.bind_key(key, chooser(index), overwrite=True)
            bound.append((layer, key))
        for key, action in (("H", hide_or_show), (LOCK_KEY, lock_or_unlock)):
            layer.bind_key(key, action, overwrite=True)
            bound.append((layer, key))

    def unbind() -> None:
        if labels.opacity == 0:
            labels.opacity = opacity[0]
        for layer, key in bound:
            layer.bind_key(key, None, overwrite=True)
        bound.clear()

    return unbind


def _class_button(entry: TissueClass) -> QPushButton:
    """Return the button for a class: swatch, key, name."""
    key = KEYS[entry.index] if entry.index < len(KEYS) else ""
    button = QPushButton(_swatch(entry.color), f"{key}  {entry.name}".strip())
    button.setObjectName(f"class-{entry.index}")
    button.setCheckable(True)
    button.setIconSize(QSize(_SWATCH, _SWATCH))
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
    button.setStyleSheet(
        "QPushButton { text-align: left; padding: 4px 6px; }"
        "QPushButton:checked { border: 2px solid palette(highlight); padding: 2px 4px; font-weight: bold; }"
    )
    shortcut = f" (key {key})" if key else ""
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
