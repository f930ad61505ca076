"""Saves a slide: all of it as OME-Zarr or OME-TIFF, or what is in sight as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMessageBox, QVBoxLayout, QWidget

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slidelevels import SlideLevels
from napari_histosynth.ui.widgets import button, row, small

ENDINGS = {".ome.tif": "OME-TIFF, for QuPath and others", ".ome.zarr": "OME-Zarr 0.5"}
"""Formats of a whole slide, by the end of a file's name."""


class SlideSavePanel(QWidget):
    """Saves the slide of a desk.

    Parameters
    ----------
    desk : SlideDesk
        Has the slide.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What saves.
    """

    def __init__(self, desk: SlideDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-save")
        self._desk = desk
        self._last = Path.home()
        self.job = Job(self)
        self.whole = button(
            "Save all …",
            "slide-save-all",
            "Draw all of the slide and save it as OME-TIFF or OME-Zarr, with what was painted into it",
        )
        self.view = button(
            "Save the view …",
            "slide-save-view",
            "Save what is in sight as PNG, at the magnification that is shown, drawn to the end",
        )
        self.job_row = JobRow(self.job, "Stop; no file is written")
        self.status = small("slide-save-status")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.whole, self.view))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.whole.clicked.connect(self.ask_whole)
        self.view.clicked.connect(self.ask_view)
        for signal in (self.job.begun, self.job.ended, desk.changed):
            signal.connect(self._show)
        self._show()

    def ask_whole(self) -> None:
        """Ask for a file, and save all of the slide."""
        path = self._asked("Save the slide", ENDINGS)
        if path is not None:
            self.save_whole(path)

    def ask_view(self) -> None:
        """Ask for a file, and save what is in sight."""
        path = self._asked("Save what is in sight", {".png": "PNG"})
        if path is not None:
            self.save_view(path)

    def save_whole(self, path: Path) -> None:
        """Draw what is not drawn, and write a file as its ending says, in the background."""
        levels = self._desk.levels
        if levels is None:
            return
        if self._desk.must_be_kept:
            self._desk.failed.emit(
                "The slide is larger than memory holds; keep it in a folder first, then save all of it."
            )
            return

        def work(tell: Tell, is_cancelled: Asked) -> Path:
            from napari_histosynth.slide.export import export_slide

            export_slide(levels.source, path, noted(levels), is_cancelled=is_cancelled, progress=tell)
            return path

        self._start(path, work)

    def save_view(self, path: Path) -> None:
        """Write what is in sight as PNG, in the background."""
        shown = self._desk.shown
        sight = None if shown is None else shown.in_view()
        if shown is None or sight is None:
            self._desk.failed.emit("No slide is in sight; begin one, or go back to it.")
            return
        level, levels = shown.level, shown.levels

        def work(tell: Tell, is_cancelled: Asked) -> Path:
            from napari_histosynth.slide.export import export_window

            export_window(
                levels.source,
                path,
                sight,
                noted(levels),
                level=level,
                is_cancelled=is_cancelled,
                progress=tell,
            )
            return path

        self._start(path, work)

    def _start(self, path: Path, work: Any) -> None:
        def saved(path: Path) -> None:
            self.status.setText(f"Saved {path.name} in {path.parent}.")

        def refused(sentence: str) -> None:
            self.status.setText(sentence)
            if not sentence.endswith("was cancelled."):
                self._desk.failed.emit(sentence)

        self._last = path.parent
        self.status.setText(f"Drawing and saving {path.name} …")
        self.job.start(f"Saving {path.name}", work, saved, refused)

    def _asked(self, title: str, endings: dict[str, str]) -> Path | None:
        """Return the file that somebody chose, None if that was given up."""
        levels = self._desk.levels
        if levels is None:
            return None
        first = next(iter(endings))
        chosen, taken = QFileDialog.getSaveFileName(
            self,
            title,
            str(self._last / f"slide-{levels.slide.seed}{first}"),
            ";;".join(f"{name} (*{ending})" for ending, name in endings.items()),
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked below, for the name with its ending
        )
        if not chosen:
            return None
        path = Path(chosen)
        if not path.name.lower().endswith((*endings, ".tif", ".tiff", ".zarr")):
            ending = next((ending for ending in endings if f"*{ending})" in taken), first)
            path = path.with_name(path.name + ending)
        return path if not path.exists() or self._may_replace(path) else None

    def _may_replace(self, path: Path) -> bool:
        answer = QMessageBox.question(
            self,
            "Replace?",
            f"{path.name} is already in {path.parent}. Replace?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _show(self) -> None:
        for one in (self.whole, self.view):
            one.setEnabled(self._desk.shown is not None and not self.job.is_busy)


def noted(levels: SlideLevels) -> Provenance:
    """Return what is noted in files that show a slide: how it was made, and that it was painted into."""
    store = levels.slide.store
    note = {} if store is None else dict(store.note)
    if len(levels.overlay):
        note["painted"] = len(levels.overlay)
    made: Provenance = levels.slide.key.provenance(note)
    return made
