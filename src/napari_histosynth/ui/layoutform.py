"""Which tissue: model, grade, seed and size, and the button that puts it on the canvas."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_histosynth.ui.jobs import JobRow
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutwork import LARGEST, NO_MODEL, SMALLEST, Place, grades_of, layout_cards
from napari_histosynth.ui.newcanvas import SizeFields
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelCard

_SEEDS = 2**31 - 1
_USUAL = 512  # px


class LayoutForm(QWidget):
    """Says which tissue is to be laid out.

    Parameters
    ----------
    desk : LayoutDesk
        Has it laid out.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    cards : dict of str to ModelCard
        The models that there are, by name.
    changed : Signal
        Something else is asked for.
    """

    changed = Signal()

    def __init__(self, desk: LayoutDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-form")
        self._desk = desk
        self.cards: dict[str, ModelCard] = {}
        self.model = choice_box("layout-model", "Model", "Model of layouts that draws")
        self.grade = choice_box("layout-grade", "Grade", "Grade of the tissue; any: the seed chooses")
        self.seed = QSpinBox()
        self.seed.setObjectName("layout-seed")
        self.seed.setAccessibleName("Seed")
        self.seed.setRange(0, _SEEDS)
        self.seed.setToolTip(
            "Which tissue: the same seed, grade and size are the same tissue. Enter draws it"
        )
        self.next = button("Next", "layout-next", "The tissue of the next seed (Alt+N, in all of the window)")
        self.dice = button("Dice", "layout-dice", "Another seed, by chance")
        self.size_fields = SizeFields(desk.um_per_px)
        self._limit_size()
        self.size_fields.set_shape(desk.shape or (_USUAL, _USUAL))
        self.nuclei = QCheckBox("with nuclei")
        self.nuclei.setObjectName("layout-nuclei")
        self.nuclei.setChecked(True)
        self.nuclei.setToolTip("Place nuclei in epithelium and stroma, where the canvas's model knows them")
        self.go = button(
            "New tissue",
            "layout-go",
            "Put this tissue on the canvas, to be painted as H&E at once: one step of undo. Another size is "
            "a new canvas",
        )
        self.job_row = JobRow(desk.job, "Stop; the canvas stays as it is")
        self.note = small("layout-note")
        self._build()
        self._connect()
        self.list_models()

    def _build(self) -> None:
        """Lay out the widgets."""
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Model", self.model)
        form.addRow("Grade", self.grade)
        seeds = QWidget()
        seeds.setLayout(row(self.seed, self.next, self.dice))
        form.addRow("Seed", seeds)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addWidget(self.size_fields)
        column.addWidget(self.nuclei)
        column.addWidget(self.go)
        column.addWidget(self.job_row)
        column.addWidget(self.note)

    def _connect(self) -> None:
        """Connect what is pressed, and what is shown."""
        desk = self._desk
        self.model.currentIndexChanged.connect(self._on_model)
        self.grade.currentIndexChanged.connect(self.changed)
        self.size_fields.width_px.valueChanged.connect(self.changed)
        self.size_fields.height_px.valueChanged.connect(self.changed)
        self.go.clicked.connect(self.begin)
        self.next.clicked.connect(self.go_next)
        self.dice.clicked.connect(self.throw)
        line = self.seed.lineEdit()
        assert line is not None
        line.returnPressed.connect(self.begin)
        self._shape = desk.shape
        for signal in (desk.job.begun, desk.job.ended, desk.changed):
            signal.connect(self._show)

    # ---- what is asked for

    @property
    def place(self) -> Place:
        """The tissue that is asked for."""
        return Place(self.seed.value(), str(self.grade.currentData() or ""))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width that are asked for, in px."""
        return self.size_fields.shape

    @property
    def with_nuclei(self) -> bool:
        """Whether nuclei are asked for."""
        return self.nuclei.isChecked()

    def begin(self) -> None:
        """Have the tissue laid out."""
        self._desk.new(self.place, self.shape, self.with_nuclei)

    def go_next(self) -> None:
        """Have the tissue of the next seed laid out, unless some is being drawn."""
        if not self._desk.job.is_busy:
            self.seed.setValue((self.seed.value() + 1) % _SEEDS)
            self.begin()

    def throw(self) -> None:
        """Take another seed."""
        self.seed.setValue(random.randrange(10_000))  # few digits: one can tell it to others

    def take(self, place: Place) -> None:
        """Ask for the seed of a layout; its grade is the one that is chosen already."""
        self.seed.setValue(place.seed)

    # ---- what there is

    def list_models(self) -> None:
        """Look for models again."""
        self.cards = layout_cards()
        before = self.model.currentText()
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems(list(self.cards))
        self.model.setCurrentIndex(max(0, self.model.findText(before)) if self.cards else -1)
        self.model.blockSignals(False)
        self._on_model()

    def _on_model(self) -> None:
        """Offer the grades of the model."""
        card, before = self.cards.get(self.model.currentText()), self.grade.currentText()
        self.grade.blockSignals(True)
        self.grade.clear()
        self.grade.addItem("any", "")
        for grade in () if card is None else grades_of(card):
            self.grade.addItem(grade, grade)
        self.grade.setCurrentIndex(max(0, self.grade.findText(before)))
        self.grade.blockSignals(False)
        self._desk.use("" if card is None else card.name)
        self._show()
        self.changed.emit()

    def _limit_size(self) -> None:
        """Offer the sides that layouts may have."""
        fields = self.size_fields
        for px in (fields.width_px, fields.height_px):
            px.setRange(SMALLEST, LARGEST)
        fields.common.insertItem(0, f"{SMALLEST} × {SMALLEST} px", SMALLEST)
        fields.common.setToolTip("Size of the tissue; that of the canvas there is changes it in place")

    def _show(self) -> None:
        """Offer what can be done now, at the canvas's scale and size."""
        desk, busy = self._desk, self._desk.job.is_busy
        self.size_fields.set_scale(desk.um_per_px)
        fits = desk.shape is not None and all(SMALLEST <= side <= LARGEST for side in desk.shape)
        if desk.shape is not None and desk.shape != self._shape and fits:
            self.size_fields.set_shape(desk.shape)
        self._shape = desk.shape
        for widget in (self.go, self.next):
            widget.setEnabled(bool(self.cards) and not busy)
        self.nuclei.setVisible(desk.can_have_nuclei)
        self.note.setText("" if self.cards else NO_MODEL)
        self.note.setVisible(not self.cards)
