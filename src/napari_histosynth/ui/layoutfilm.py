"""The way from one layout to another as a film or a strip of pictures, in the look that the canvas has."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFileDialog, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_histosynth.latent.film import FILM_ENDINGS
from napari_histosynth.ui.jobs import Job, JobRow
from napari_histosynth.ui.layoutfilming import film_work
from napari_histosynth.ui.layoutway import LayoutWay
from napari_histosynth.ui.widgets import button, row, small

_FILTERS = {
    ".mp4": "Film (*.mp4)",
    ".gif": "Animated GIF (*.gif)",
    ".png": "Strip of pictures (*.png)",
}


class LayoutFilm(QWidget):
    """Saves the way between two layouts.

    Parameters
    ----------
    way : LayoutWay
        The way.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What draws and saves.
    """

    def __init__(self, way: LayoutWay, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-film")
        self._way = way
        self._last = Path.home() / "tissue.mp4"
        self.job = Job(self)
        self.count = QSpinBox()
        self.count.setObjectName("layout-film-count")
        self.count.setRange(2, 200)
        self.count.setValue(25)
        self.count.setToolTip("How many pictures from A to B")
        self.per_second = QDoubleSpinBox()
        self.per_second.setObjectName("layout-film-speed")
        self.per_second.setRange(0.5, 60)
        self.per_second.setValue(8)
        self.per_second.setSuffix(" a second")
        self.per_second.setToolTip("Pictures a second of films")
        self.back = QCheckBox("there and back")
        self.back.setObjectName("layout-film-back")
        self.back.setChecked(True)
        self.back.setToolTip("A film goes back the way it came, so that it runs on without a jump")
        self.save = button(
            "Save film …",
            "layout-film-save",
            "Draw every step at the size of the canvas, in its look, and save them as MP4, GIF, or side by "
            "side as PNG",
        )
        self.job_row = JobRow(self.job, "Stop; no file is written")
        self.status = small("layout-film-status")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Pictures", self.count)
        form.addRow("Speed", self.per_second)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addLayout(row(self.back, self.save))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.save.clicked.connect(self.ask)
        for signal in (self.job.begun, self.job.ended, way.moved):
            signal.connect(self._show)
        self._show()

    def ask(self) -> None:
        """Ask for a file, and save the film there; who chose one that is there has agreed to replace it."""
        chosen, taken = QFileDialog.getSaveFileName(
            self, "Save the way as a film", str(self._last), ";;".join(_FILTERS.values())
        )
        if chosen:
            path = Path(chosen)
            if path.suffix.lower() not in FILM_ENDINGS:
                ending = next((ending for ending, text in _FILTERS.items() if text == taken), ".mp4")
                path = path.with_name(path.name + ending)
                if path.exists():
                    self.status.setText(f"{path.name} is there already; choose another name, or that one.")
                    return
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Draw all steps in the background, and write them as the name's ending says."""
        work = film_work(
            self._way,
            path,
            count=self.count.value(),
            per_second=self.per_second.value(),
            back=self.back.isChecked(),
            failed=self.status.setText,
        )
        if work is not None:
            self._last = path
            self.status.setText(f"Drawing {self.count.value()} pictures for {path.name} …")
            self.job.start("Saving the film", work, self._saved, self.status.setText)

    def _saved(self, path: Path) -> None:
        self.status.setText(f"Saved {path.name} in {path.parent}.")

    def _show(self) -> None:
        can = self._way.is_whole and self._way.desk.shape is not None
        self.save.setEnabled(can and not self.job.is_busy)
