"""Saves a stained picture, drawn to the end, with what made it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QMessageBox, QVBoxLayout, QWidget

from napari_histosynth.core.errors import Cancelled, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.stain.translator import Translator

ENDINGS = {".png": "PNG", ".ome.tif": "OME-TIFF, for QuPath and others", ".ome.zarr": "OME-Zarr 0.5"}
"""Formats, by the end of a file's name."""

_DRAWN = 0.9  # share of the work that drawing is


class SavePanel(QWidget):
    """Saves the stain of a desk.

    Parameters
    ----------
    desk : StainDesk
        Has the stain.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What saves.
    """

    def __init__(self, desk: StainDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stain-save")
        self._desk = desk
        self._last = Path.home() / "stained.ome.tif"
        self.job = Job(self)
        self.go = button(
            "Save the stained picture …",
            "stain-save-go",
            "Draw all of it and save it as PNG, OME-TIFF or OME-Zarr, with a note of what made it; one can "
            "go on meanwhile",
        )
        self.job_row = JobRow(self.job, "Stop; no file is written")
        self.status = small("stain-save-status")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.go))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.go.clicked.connect(self.ask)
        for signal in (self.job.begun, self.job.ended, desk.changed):
            signal.connect(self._show)
        self._show()

    def ask(self) -> None:
        """Ask for a file, and save."""
        chosen, taken = QFileDialog.getSaveFileName(
            self,
            "Save the stained picture",
            str(self._last),
            ";;".join(f"{title} (*{ending})" for ending, title in ENDINGS.items()),
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked below, for the name with its ending
        )
        if not chosen:
            return
        path = Path(chosen)
        if not path.name.lower().endswith((*ENDINGS, ".ome.tiff", ".tif", ".tiff")):
            ending = next((ending for ending in ENDINGS if f"*{ending})" in taken), ".ome.tif")
            path = path.with_name(path.name + ending)
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
        """Draw what is not drawn, and write a file as its ending says, in the background."""
        shown, steering = self._desk.shown, self._desk.steering
        if shown is None:
            return
        self._last = path
        translator, (first, second), name = shown.translator, shown.stains, shown.source.name
        extra: dict[str, Any] = {
            "from": name,
            "from_stain": first,
            "stain": second,
            "statistics": translator.method,
        }
        if steering is not None:
            extra |= {"nuclei": steering.asked.way, "index_asked": round(steering.index, 6)}
        made = Provenance(
            model=translator.model.name,
            model_sha256=translator.model.sha256,
            seed=None if steering is None else steering.asked.seed,
            um_per_px=translator.um_per_px,
            size=translator.shape,
            extra=extra,
        )

        def work(tell: Tell, is_cancelled: Asked) -> Path:
            save_stained(path, translator, made, second, tell, is_cancelled)
            return path

        self.status.setText(f"Drawing and saving {path.name} …")
        self.job.start(f"Saving {path.name}", work, self._saved, self.status.setText)

    def _saved(self, path: Path) -> None:
        self.status.setText(f"Saved {path.name} in {path.parent}.")

    def _show(self) -> None:
        self.go.setEnabled(self._desk.shown is not None and not self.job.is_busy)


def save_stained(
    path: Path, translator: Translator, made: Provenance, stain: str, tell: Tell, is_cancelled: Asked
) -> None:
    """Draw all of a picture, a tile at a time, and write it; memory follows the tile. In a thread.

    Raises
    ------
    SaveError
        If the name or the disk does not allow it.
    Cancelled
        If ``is_cancelled`` returned true; no file is left.
    """
    from napari_histosynth.core.atomic import reason_of
    from napari_histosynth.io.kinds import file_kind
    from napari_histosynth.io.streamed import check_streamed, save_streamed
    from napari_histosynth.io.tilefolder import TileFolder, pyramid_of

    check_streamed(path, translator.shape)
    scratch = None
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        finished = TileFolder(scratch / "level-0", translator.shape)
        windows = list(tile_windows(Window.of_shape(translator.shape), finished.tile))
        for done, window in enumerate(windows, 1):
            if is_cancelled():
                raise Cancelled("Saving was cancelled.")
            pixels = translator.translate(window, is_cancelled=is_cancelled)
            finished.write(window.y0 // finished.tile, window.x0 // finished.tile, pixels)
            tell(_DRAWN * done / len(windows))
        levels = [finished] if file_kind(path) == "picture" else pyramid_of(finished, scratch)
        save_streamed(
            path, levels, made, name=stain, progress=lambda share: tell(_DRAWN + (1 - _DRAWN) * share)
        )
    except OSError as error:
        raise SaveError(f"Cannot write {path}: {reason_of(error)}.") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
