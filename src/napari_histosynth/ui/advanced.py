"""Where and in which number format the model computes, for those who want to choose."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_histosynth.core.device import DEVICES, PRECISIONS
from napari_histosynth.ui.models import ModelLoader
from napari_histosynth.ui.painter import Painter


class AdvancedPanel(QWidget):
    """Chooses device and precision, and loads the model anew with them.

    Parameters
    ----------
    painter : Painter
        Whose model it is.
    loader : ModelLoader
        What loads it.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, painter: Painter, loader: ModelLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("advanced")
        self._painter, self._loader = painter, loader
        self.device = _box("device", DEVICES, "Where to compute: auto takes a GPU if there is one")
        self.precision = _box(
            "precision",
            PRECISIONS,
            "Number format: auto takes bf16 where that is faster, fp32 elsewhere; the two differ by little",
        )
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Device", self.device)
        layout.addRow("Precision", self.precision)
        for box in (self.device, self.precision):
            box.activated.connect(self._choose)
        painter.model_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show what the present model was loaded with, also after a choice that could not be had."""
        self._loader.device, self._loader.precision = self._loader.used
        for box, value in zip((self.device, self.precision), self._loader.used, strict=True):
            box.setCurrentText(value)

    def _choose(self) -> None:
        """Load the model anew."""
        self._loader.device, self._loader.precision = self.device.currentText(), self.precision.currentText()
        if self._loader.last is not None:
            self._painter.choose_model(self._loader.last)


def _box(name: str, values: tuple[str, ...], tip: str) -> QComboBox:
    """Return a choice between words."""
    box = QComboBox()
    box.setObjectName(name)
    box.addItems(list(values))
    box.setToolTip(tip)
    return box
