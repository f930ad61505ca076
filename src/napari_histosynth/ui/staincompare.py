"""Source and stain compared: a blend, a curtain, and a key that shows and hides the stain."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFormLayout, QSlider, QVBoxLayout, QWidget

from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.widgets import row, small

KEY = "V"
"""Shows or hides the stain."""

_STEPS = 1000


class ComparePanel(QWidget):
    """Compares the stain of a desk with its source.

    Parameters
    ----------
    desk : StainDesk
        Has the stain.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, desk: StainDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stain-compare")
        self._desk = desk
        self.blend = _slider("stain-blend", "Blend", 100, 100)
        self.blend.setToolTip("How much of the stain is seen over its source: left nothing, right all")
        self.hang = QCheckBox("Curtain")
        self.hang.setObjectName("stain-curtain")
        self.hang.setAccessibleName("Curtain")
        self.hang.setToolTip(
            "Left of a divider the source, right of it the stain; drag the divider in the picture, or here"
        )
        self.curtain = _slider("stain-divider", "Place of the divider", _STEPS, _STEPS // 2)
        self.curtain.setToolTip("Where the divider is")
        self.note = small("stain-compare-note")
        self.note.setText(f"The key {KEY} over the picture shows and hides the stain.")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Blend", self.blend)
        form.addRow(self.hang, self.curtain)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addLayout(row(self.note))
        self.blend.valueChanged.connect(self._blend)
        self.hang.toggled.connect(self._hang)
        self.curtain.valueChanged.connect(self._hang)
        desk.curtain_moved.connect(self._follow_mouse)
        desk.changed.connect(self._on_change)
        desk.viewer.bind_key(KEY, lambda _viewer: self.toggle(), overwrite=True)
        self._on_change()

    def toggle(self) -> None:
        """Show the stain, or hide it."""
        if self._desk.shown is not None:
            layer = self._desk.shown.layer
            layer.visible = not layer.visible

    def let_go(self) -> None:
        """Give the key back to napari."""
        self._desk.viewer.bind_key(KEY, None, overwrite=True)

    def _blend(self, percent: int) -> None:
        if self._desk.shown is not None:
            self._desk.shown.layer.opacity = percent / 100

    def _hang(self, _value: int | bool = False) -> None:
        self.curtain.setEnabled(self.hang.isChecked() and self._desk.shown is not None)
        if self._desk.shown is not None:
            share = self.curtain.value() / _STEPS if self.hang.isChecked() else None
            if share is not None:
                self._desk.lay_over()
            self._desk.shown.hang_curtain(share)

    def _follow_mouse(self, share: float) -> None:
        self.curtain.blockSignals(True)
        self.curtain.setValue(round(share * _STEPS))
        self.curtain.blockSignals(False)

    def _on_change(self) -> None:
        """Treat another stain as the one before."""
        there = self._desk.shown is not None
        for widget in (self.blend, self.hang, self.curtain):
            widget.setEnabled(there)
        self._blend(self.blend.value())
        self._hang()


def _slider(name: str, accessible: str, most: int, value: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setObjectName(name)
    slider.setAccessibleName(accessible)
    slider.setRange(0, most)
    slider.setValue(value)
    return slider
