"""The way from one grade to another as a film, a strip of pictures, or a layer with a slider."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QMessageBox,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.latent.film import FILM_ENDINGS, save_film
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.gradeplan import FilmPlan, plan_film
from napari_histosynth.ui.gradestack import StackLayer
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.widgets import button, row, small

_FILTERS = {
    ".mp4": "Film (*.mp4)",
    ".gif": "Animated GIF (*.gif)",
    ".png": "Strip of pictures (*.png)",
}
_DRAWN = 0.97  # share of the work that drawing is


class FilmBar(QWidget):
    """Saves the way of a desk as a film or a strip, or lays it over the canvas as a stack.

    Parameters
    ----------
    desk : GradeDesk
        Has the way, the stain and the strengths; its painter has the canvas.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What saves.
    stacks : list of StackLayer
        The stacks that were laid and are still there.
    """

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-film")
        self._desk = desk
        self._last = Path.home() / "grades.mp4"
        self.stacks: list[StackLayer] = []
        self.job = Job(self)
        self.count = QSpinBox()
        self.count.setObjectName("film-frames")
        self.count.setRange(2, 120)
        self.count.setValue(9)
        self.count.setToolTip("Pictures from the first grade to the second, both included")
        self.per_second = QDoubleSpinBox()
        self.per_second.setObjectName("film-per-second")
        self.per_second.setRange(0.5, 60)
        self.per_second.setDecimals(1)
        self.per_second.setValue(8)
        self.per_second.setSuffix(" a second")
        self.per_second.setToolTip("How fast a film goes; a strip has no speed")
        self.back = QCheckBox("There and back")
        self.back.setObjectName("film-back")
        self.back.setChecked(True)
        self.back.setToolTip("A film goes back the way it came, so that it runs on without a jump")
        self.part = QComboBox()
        self.part.setObjectName("film-part")
        self.part.addItem("all of the canvas", False)
        self.part.addItem("what is in sight", True)
        self.part.setToolTip("What of the canvas is drawn; zoom in for a part of it")
        self.save = button(
            "Save film …",
            "save-film",
            "Draw every step and save them as MP4, GIF, or side by side as PNG; painting can go on meanwhile",
        )
        self.stack = button(
            "As a stack layer",
            "stack-layer",
            "A layer with napari's slider as the grade; each step is drawn when you go there",
        )
        self.job_row = JobRow(self.job, "Stop; no file is written")
        self.status = small("film-status")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Pictures", self.count)
        form.addRow("Speed", self.per_second)
        form.addRow("Part", self.part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addWidget(self.back)
        column.addLayout(row(self.save, self.stack))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.save.clicked.connect(self.ask)
        self.stack.clicked.connect(self.lay_stack)
        self.job.begun.connect(self._show)
        self.job.ended.connect(self._show)
        for changed in (desk.moved, desk.anchors_changed, desk.painter.canvas_changed):
            changed.connect(self._show)
        self.destroyed.connect(self.job.cancel)
        self._show()

    # ---- what to draw

    @property
    def shares(self) -> list[float]:
        """Shares of the way that are drawn: the ends and what lies evenly between."""
        return [float(t) for t in np.linspace(0, 1, self.count.value())]

    def plan(self) -> FilmPlan | None:
        """Return what is to be drawn, None if that cannot be: the status says why."""
        try:
            return plan_film(self._desk, self.shares, in_sight=bool(self.part.currentData()))
        except HistosynthError as error:
            self.status.setText(str(error))
            return None

    # ---- films

    def ask(self) -> None:
        """Ask for a file and save the film."""
        first = self._last.suffix.lower()
        filters = [_FILTERS[first], *(text for ending, text in _FILTERS.items() if ending != first)]
        chosen, taken = QFileDialog.getSaveFileName(
            self,
            "Save the way as a film",
            str(self._last),
            ";;".join(filters),
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked below, for the name with its ending
        )
        if not chosen:
            return
        path = _with_ending(Path(chosen), taken)
        if not path.exists() or self._may_replace(path):
            self.save_to(path)

    def _may_replace(self, path: Path) -> bool:
        answer = QMessageBox.question(
            self,
            "Replace?",
            f"{path.name} is already in {path.parent}. Replace?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def save_to(self, path: Path) -> None:
        """Draw all steps in the background and write them to a file, as its ending says."""
        plan = self.plan()
        if plan is None:
            return
        self._last = path
        per_second, back = self.per_second.value(), self.back.isChecked()

        def work(tell: Tell, is_cancelled: Asked) -> Path:
            frames = list(plan.frames(lambda share: tell(_DRAWN * share), is_cancelled))
            if is_cancelled():
                raise Cancelled("Saving the film was cancelled.")
            save_film(path, frames, per_second=per_second, back=back)
            return path

        self.status.setText(f"Drawing {len(plan.looks)} pictures for {path.name} …")
        self.job.start("Saving the film", work, self._saved, self.status.setText)

    def _saved(self, path: Path) -> None:
        self.status.setText(f"Saved {path.name} in {path.parent}.")

    # ---- stacks

    def lay_stack(self) -> None:
        """Lay the way over the canvas, as a layer whose slider is the grade."""
        plan, painter = self.plan(), self._desk.painter
        if plan is None or painter.stage is None:
            return
        name = "{} to {}".format(*self._desk.ends)
        if self._desk.carried is not None:
            name = f"{self._desk.carried}: {name}"
        stack = StackLayer(painter.viewer, painter.stage, plan, name)
        self.stacks = [one for one in self.stacks if one.layer in painter.viewer.layers]
        self.stacks.append(stack)
        stack.looked_at.connect(self._show_step)
        stack.failed.connect(self.status.setText)
        stack.show(min(max(self._desk.share, 0.0), 1.0), painter.stage.labels)

    def _show_step(self, caption: str) -> None:
        self.status.setText(f"The slider below the canvas is at {caption}.")

    # ---- what is shown

    def _show(self, *_: object) -> None:
        """Offer what can be done now."""
        can = self._desk.way() is not None and self._desk.painter.stage is not None
        for widget in (self.save, self.stack):
            widget.setEnabled(can and not (widget is self.save and self.job.is_busy))


def _with_ending(path: Path, taken: str) -> Path:
    """Return a file's name with an ending of a film: the one typed, else that of the filter taken."""
    if path.suffix.lower() in FILM_ENDINGS:
        return path
    ending = next((ending for ending, text in _FILTERS.items() if text == taken), ".mp4")
    return path.with_name(path.name + ending)
