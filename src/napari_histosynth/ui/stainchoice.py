"""What is stained, by which model, which way, at which scale; and the button that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.ui.jobs import JobRow
from napari_histosynth.ui.layers import layer_um_per_px
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.stainmodels import NO_MODEL, stain_cards
from napari_histosynth.ui.stainsteering import Asked
from napari_histosynth.ui.widgets import ProgressBar, button, row, small

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_histosynth.zoo import ModelCard

USUAL_UM = 0.5
"""Scale of pictures that do not say theirs: a 20x objective."""


class StainChoice(QWidget):
    """Chooses a picture and a model, and lays the stain over the picture.

    Parameters
    ----------
    desk : StainDesk
        What stains.
    asked : callable
        Returns which nuclei are to be positive.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    cards : dict of str to ModelCard
        The models that there are, by name.
    changed : Signal
        Another picture, model or direction is chosen.
    """

    changed = Signal()

    def __init__(self, desk: StainDesk, asked: Callable[[], Asked], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stain-choice")
        self._desk, self._asked = desk, asked
        self.cards: dict[str, ModelCard] = {}
        self.picture = choice_box(
            "stain-picture", "Picture", "RGB picture to stain: canvas, picture or slide"
        )
        self.model = choice_box("stain-model", "Model", "Model of two stains that draws")
        self.direction = choice_box("stain-direction", "Direction", "Which stain is drawn from which")
        self.scale = QDoubleSpinBox()
        self.scale.setObjectName("stain-scale")
        self.scale.setAccessibleName("Scale of the picture")
        self.scale.setRange(0.05, 4)
        self.scale.setDecimals(3)
        self.scale.setSingleStep(0.05)
        self.scale.setValue(USUAL_UM)
        self.scale.setKeyboardTracking(False)
        self.scale.setSuffix(" µm per pixel")
        self.scale.setToolTip("Scale of the picture")
        self.go = button(
            "Stain",
            "stain-go",
            "Lay the other stain over the picture: what is in sight is drawn first. Press again after a "
            "change of model, direction, scale or positive nuclei; the old stain stays until the new one "
            "is drawn",
        )
        self.job_row = JobRow(desk.job, "Stop; the picture keeps the stain that it has")
        self.bar = ProgressBar()
        self.bar.setObjectName("stain-drawn")
        self.bar.setAccessibleName("How much is drawn")
        self.bar.setFixedHeight(6)
        self.bar.setToolTip("How much is drawn: of a small picture all, of a slide what is in sight")
        self.note = small("stain-choice-note")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Picture", self.picture)
        form.addRow("Scale", self.scale)
        form.addRow("Model", self.model)
        form.addRow("Stain", self.direction)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addWidget(self.note)
        column.addLayout(row(self.go))
        column.addWidget(self.job_row)
        column.addWidget(self.bar)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_pictures)
        self.picture.currentIndexChanged.connect(self._on_picture)
        self.model.currentIndexChanged.connect(self._on_model)
        self.direction.currentIndexChanged.connect(self.changed)
        self.go.clicked.connect(self.stain)
        desk.job.begun.connect(self._show)
        desk.job.ended.connect(self._show)
        desk.progressed.connect(self._show)
        desk.changed.connect(self._show)
        self.list_models()
        self.list_pictures()

    # ---- what is chosen

    @property
    def layer(self) -> Any:
        """The picture that is chosen, None if there is none."""
        return self.picture.currentData()

    @property
    def card(self) -> ModelCard | None:
        """The model that is chosen."""
        return self.cards.get(self.model.currentText())

    @property
    def is_reverse(self) -> bool:
        """Whether the model's second stain is turned into its first."""
        return bool(self.direction.currentData())

    def choose(self, layer: Any) -> None:
        """Choose a picture."""
        self.list_pictures()
        row_of = next((i for i in range(self.picture.count()) if self.picture.itemData(i) is layer), -1)
        if row_of >= 0:
            self.picture.setCurrentIndex(row_of)

    def stain(self) -> None:
        """Lay the stain over the picture."""
        if self.card is None:
            self._desk.said.emit(NO_MODEL)
            return
        self._desk.said.emit("")
        self._desk.stain(
            self.layer, self.card.name, self.scale.value(), reverse=self.is_reverse, asked=self._asked()
        )

    # ---- what there is

    def list_models(self) -> None:
        """Look for models again."""
        self.cards = stain_cards()
        before = self.model.currentText()
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems(list(self.cards))
        self.model.setCurrentIndex(max(0, self.model.findText(before)) if self.cards else -1)
        self.model.blockSignals(False)
        self._on_model()

    def list_pictures_soon(self, _event: Any = None) -> None:
        """List the pictures once napari is done with what it does."""
        self._later.start(0)

    def list_pictures(self) -> None:
        """List the RGB layers, the canvas's first, those that were drawn here last."""
        before, shown = self.layer, self._desk.shown
        drawn = None if shown is None else shown.layer
        layers = sorted(self._desk.pictures(), key=lambda layer: layer is drawn)
        self.picture.blockSignals(True)
        self.picture.clear()
        for layer in layers:
            own = " (canvas)" if layer is self._desk.canvas else ""
            self.picture.addItem(f"{layer.name}{own}", layer)
        kept = next((i for i, layer in enumerate(layers) if layer is before), 0)
        self.picture.setCurrentIndex(kept if layers else -1)
        self.picture.blockSignals(False)
        if self.layer is not before:
            self._on_picture()
        self._show()

    def _on_picture(self) -> None:
        """Take the scale that the picture says."""
        known = None if self.layer is None else layer_um_per_px(self.layer)
        inside = known is not None and self.scale.minimum() <= known <= self.scale.maximum()
        if known is not None and inside:
            self.scale.setValue(known)
        self.scale.setToolTip(
            "Scale of the picture, as it says itself; correct it where that is wrong"
            if inside
            else "The picture does not say its scale: about 0.25 with a 40x objective, 0.5 with 20x, 1 with "
            "10x"
        )
        self._show()
        self.changed.emit()

    def _on_model(self) -> None:
        """Offer both ways of the model."""
        card, before = self.card, self.direction.currentIndex()
        self.direction.clear()
        if card is not None:
            first, second = card.stains
            self.direction.addItem(f"{first} to {second}", False)
            self.direction.addItem(f"{second} to {first}", True)
            self.direction.setCurrentIndex(max(before, 0))
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """Offer what can be done now, and say what cannot."""
        busy, shown = self._desk.job.is_busy, self._desk.shown
        self.go.setEnabled(self.card is not None and self.layer is not None and not busy)
        share = 1.0 if shown is None else shown.share
        self.bar.setVisible(shown is not None and share < 1)
        self.bar.setValue(round(100 * share))
        if self.card is None:
            note = NO_MODEL
        elif self.layer is None:
            note = "No RGB picture is open yet; open one, or make a canvas in Paint tissue."
        elif shown is not None and shown.is_sketch:
            note = "This is a sketch by colors: so much is in sight. Zoom in to see it drawn."
        else:
            note = ""
        self.note.setText(note)
        self.note.setVisible(bool(note))


def choice_box(name: str, accessible: str, tip: str) -> QComboBox:
    """Return a box of choices whose long lines do not widen the dock."""
    box = QComboBox()
    box.setObjectName(name)
    box.setAccessibleName(accessible)
    box.setToolTip(tip)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return box
