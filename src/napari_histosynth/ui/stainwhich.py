"""Which nuclei are to be positive: the network decides, a share, shares by class, or what is painted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.stainsteering import Asked, mask_of_layer
from napari_histosynth.ui.widgets import small

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme

_TITLES = {
    "network": "the network decides",
    "share": "a share of all nuclei",
    "classes": "shares by class (canvas)",
    "painted": "what is painted",
}


class WhichPanel(QWidget):
    """Asks which nuclei are to be positive.

    Parameters
    ----------
    desk : StainDesk
        Has the canvas and its labels.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    changed : Signal
        Something else is asked for.
    """

    changed = Signal()

    def __init__(self, desk: StainDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stain-which")
        self._desk = desk
        self._can = False
        self._layer: Any = None  # the picture that is chosen
        self.way = choice_box("stain-way", "Which nuclei are positive", "Which nuclei are to be positive")
        for way, title in _TITLES.items():
            self.way.addItem(title, way)
        self.way.setCurrentIndex(self.way.findData("share"))  # left to itself, a network dares no brown
        self.share = _percent("stain-share", "Share of positive nuclei", 20)
        self.epithelium = _percent("stain-share-epithelium", "Share of positive nuclei in epithelium", 30)
        self.stroma = _percent("stain-share-stroma", "Share of positive nuclei elsewhere", 5)
        self.seed = QSpinBox()
        self.seed.setObjectName("stain-seed")
        self.seed.setAccessibleName("Seed")
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setToolTip("Other nuclei, as many, for another number")
        self.painted = choice_box(
            "stain-painted", "Layer that is painted", "Labels or Shapes layer: nuclei inside are positive"
        )
        self.note = small("stain-which-note")
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        for title, widget in (
            ("Positive", self.way),
            ("Share", self.share),
            ("Epithelium", self.epithelium),
            ("Elsewhere", self.stroma),
            ("Seed", self.seed),
            ("Inside of", self.painted),
        ):
            self.form.addRow(title, widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self.form)
        column.addWidget(self.note)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_layers)
        self.way.currentIndexChanged.connect(self._show)
        for box in (self.share, self.epithelium, self.stroma, self.seed):
            box.valueChanged.connect(self.changed)
        self.way.currentIndexChanged.connect(self.changed)
        self.painted.currentIndexChanged.connect(self.changed)
        self.list_layers()

    # ---- what is asked for

    def asked(self) -> Asked:
        """Return what is asked for, now."""
        way = str(self.way.currentData()) if self._can else "network"
        labels, scheme = self._labels()
        layer = self.painted.currentData()
        mask = None
        if layer is not None and self._layer is not None:
            data = self._layer.data
            shape = (data[0] if self._layer.multiscale else data).shape
            mask = mask_of_layer(layer, self._layer, (int(shape[0]), int(shape[1])))
        return Asked(
            way,
            self.share.value() / 100,
            {} if scheme is None else self._shares(scheme),
            self.seed.value(),
            mask,
            None if labels is None else partial(np.asarray, labels.data),
            scheme,
        )

    def _shares(self, scheme: TissueScheme) -> dict[int, float]:
        """Return the share of each class."""
        epithelium, rest = self.epithelium.value() / 100, self.stroma.value() / 100
        return {
            entry.index: epithelium if _is_epithelium(entry.name) else rest
            for entry in scheme.classes
            if entry.index != scheme.background and entry.name != "nuclei"
        }

    def _labels(self) -> tuple[Any, TissueScheme | None]:
        """Return the labels of the canvas, if that is what is chosen."""
        painter = self._desk.painter
        if painter is None or painter.stage is None or painter.model is None:
            return None, None
        if painter.stage.picture is not self._layer:
            return None, None
        return painter.stage.labels, painter.model.scheme

    # ---- what there is

    def set_picture(self, layer: Any, can: bool) -> None:
        """Ask for a picture, if the model can be steered."""
        self._layer, self._can = layer, can
        self._show()

    def list_layers_soon(self, _event: Any = None) -> None:
        """List the layers once napari is done with what it does."""
        self._later.start(0)

    def list_layers(self) -> None:
        """List the layers that somebody may have painted nuclei into."""
        from napari.layers import Labels, Shapes

        before = self.painted.currentData()
        painter = self._desk.painter
        own = None if painter is None or painter.stage is None else painter.stage.labels
        layers = [
            layer
            for layer in self._desk.viewer.layers
            if isinstance(layer, (Labels, Shapes)) and layer is not own and layer.ndim == 2
        ]
        self.painted.blockSignals(True)
        self.painted.clear()
        for layer in layers:
            self.painted.addItem(layer.name, layer)
        kept = next((i for i, layer in enumerate(layers) if layer is before), 0)
        self.painted.setCurrentIndex(kept if layers else -1)
        self.painted.blockSignals(False)
        self._show()

    def _show(self) -> None:
        """Show what the way that is chosen takes."""
        way = self.way.currentData()
        takes = {
            self.share: way == "share",
            self.epithelium: way == "classes",
            self.stroma: way == "classes",
            self.seed: way in ("share", "classes"),
            self.painted: way == "painted",
        }
        for widget, wanted in takes.items():
            widget.setVisible(wanted)
            label = self.form.labelForField(widget)
            if isinstance(label, QLabel):
                label.setVisible(wanted)
        self.setEnabled(self._can)
        if not self._can:
            note = "The model and direction that are chosen cannot be told which nuclei are positive."
        elif way == "classes" and self._labels()[0] is None:
            note = "Shares by class take the canvas as the picture, since its labels tell the classes."
        elif way == "painted" and self.painted.count() == 0:
            note = "Add a Labels or Shapes layer, and paint over the nuclei that are to be positive."
        else:
            note = ""
        self.note.setText(note)
        self.note.setVisible(bool(note))


def _is_epithelium(name: str) -> bool:
    """Return whether a class is epithelium of any kind."""
    return "epitheli" in name and not name.startswith("non-")


def _percent(name: str, accessible: str, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(accessible)
    box.setRange(0, 100)
    box.setDecimals(1)
    box.setValue(value)
    box.setSuffix(" %")
    box.setToolTip(f"{accessible}, 0 to 100 %")
    return box
