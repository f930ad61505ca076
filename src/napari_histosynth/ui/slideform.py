"""Which slide: its seed, size, kind and setting, and the buttons that begin, open and keep it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_histosynth.ui.jobs import JobRow
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slidework import KINDS, NO_MODEL, SETTINGS, Recipe, pixels_of, slide_cards
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelCard

USUAL_MM = 20.48  # 40,960 px
ENDING = ".ome.zarr"

_SEEDS = 2**31 - 1


class SlideForm(QWidget):
    """Says which slide is to be drawn.

    Parameters
    ----------
    desk : SlideDesk
        Has it drawn.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    cards : dict of str to ModelCard
        The models that there are, by name.
    """

    def __init__(self, desk: SlideDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-form")
        self._desk = desk
        self._last = Path.home()
        self.cards: dict[str, ModelCard] = {}
        self.seed = QSpinBox()
        self.seed.setObjectName("slide-seed")
        self.seed.setAccessibleName("Seed")
        self.seed.setRange(0, _SEEDS)
        self.seed.setToolTip(
            "Which slide: the same seed, size and kind are the same slide, whenever and wherever"
        )
        self.dice = button("Dice", "slide-dice", "Another seed, by chance")
        self.width_mm, self.height_mm = (_millimeters(side) for side in ("width", "height"))
        self.kind = choice_box("slide-kind", "Kind", "What the slide shows")
        self.setting = choice_box(
            "slide-setting",
            "Setting",
            "Fast: a network is evaluated once a tile. Diffusion: in many steps a tile, to compare",
        )
        self.model = choice_box("slide-model", "Model", "Model of slides that draws")
        for box, names in ((self.kind, KINDS), (self.setting, SETTINGS)):
            for key, name in names.items():
                box.addItem(name, key)
        self.go = button("New slide", "slide-new", "Begin this slide: its overview is there in seconds")
        self.open = button(
            "Open …", "slide-open", "Open a slide that was kept in a folder, and go on drawing it"
        )
        self.keep = button(
            "Keep in …",
            "slide-keep",
            "Keep what is drawn in a folder (OME-Zarr) from now on; it can be opened again, by others too",
        )
        self.job_row = JobRow(desk.job, "Stop; the slide that is shown stays")
        self.kept = small("slide-kept")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Seed", _boxed(row(self.seed, self.dice)))
        form.addRow("Size, mm", _boxed(row(self.width_mm, self.height_mm)))
        form.addRow("Kind", self.kind)
        form.addRow("Setting", self.setting)
        form.addRow("Model", self.model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addLayout(row(self.go, self.open, self.keep))
        column.addWidget(self.job_row)
        column.addWidget(self.kept)
        self.dice.clicked.connect(self.throw)
        self.go.clicked.connect(self.begin)
        self.open.clicked.connect(self.ask_open)
        self.keep.clicked.connect(self.ask_keep)
        for signal in (desk.job.begun, desk.job.ended, desk.changed):
            signal.connect(self._show)
        self.list_models()

    # ---- what is asked for

    @property
    def recipe(self) -> Recipe:
        """The slide that is asked for."""
        size = pixels_of(self.height_mm.value()), pixels_of(self.width_mm.value())
        return Recipe(
            self.seed.value(),
            size,
            self.kind.currentData(),
            self.setting.currentData(),
            self.model.currentText(),
        )

    def throw(self) -> None:
        """Take another seed."""
        self.seed.setValue(random.randrange(10_000))  # few digits: one can tell it to others

    def begin(self) -> None:
        """Begin the slide."""
        if not self.cards:
            self._desk.failed.emit(NO_MODEL)
            return
        self._desk.said.emit("")
        self._desk.new(self.recipe)

    def list_models(self) -> None:
        """Look for models again."""
        self.cards = slide_cards()
        before = self.model.currentText()
        self.model.clear()
        self.model.addItems(list(self.cards))
        self.model.setCurrentIndex(max(0, self.model.findText(before)) if self.cards else -1)
        self._show()

    # ---- folders

    def ask_open(self) -> None:
        """Ask for the folder of a slide, and open it."""
        chosen = QFileDialog.getExistingDirectory(self, "Open a slide", str(self._last))
        if chosen:
            self._last = Path(chosen).parent
            self._desk.said.emit("")
            self._desk.open(Path(chosen))

    def ask_keep(self) -> bool:
        """Ask for a folder, and keep the slide there; return whether that was begun."""
        name = str(self._last / f"slide-{self.seed.value()}{ENDING}")
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Keep the slide in",
            name,
            f"OME-Zarr (*{ENDING})",
            options=QFileDialog.Option.DontConfirmOverwrite,  # nothing is replaced
        )
        if not chosen:
            return False
        path = Path(chosen)
        if path.suffix != ".zarr":
            path = path.with_name(path.name + ENDING)
        self._last = path.parent
        return self._desk.keep(path)

    def _show(self) -> None:
        """Offer what can be done now, and say where the slide is kept."""
        busy, shown, store = self._desk.job.is_busy, self._desk.shown, self._desk.store
        self.go.setEnabled(bool(self.cards) and not busy)
        self.open.setEnabled(not busy)
        self.keep.setEnabled(shown is not None and store is None and not busy)
        text = ""
        if not self.cards:
            text = NO_MODEL
        elif store is not None:
            text = f"Kept in {store.path.name}, in {store.path.parent}."
        elif shown is not None:
            text = "Kept in memory alone: what is looked at longest ago is drawn again when it is needed."
        self.kept.setText(text)
        self.kept.setVisible(bool(text))


def _millimeters(side: str) -> QDoubleSpinBox:
    """Return a field for the width or height of a slide."""
    field = QDoubleSpinBox()
    field.setObjectName(f"slide-{side}")
    field.setAccessibleName(f"{side.capitalize()} of the slide")
    field.setRange(0.5, 200)
    field.setDecimals(2)
    field.setValue(USUAL_MM)
    field.setKeyboardTracking(False)
    field.setToolTip(f"{side.capitalize()} of the slide in mm; 20.48 are 40,960 px at full magnification")
    return field


def _boxed(layout: object) -> QWidget:
    """Return a widget that holds a layout."""
    widget = QWidget()
    widget.setLayout(layout)  # type: ignore[arg-type]
    return widget
