"""The buttons that save a canvas: everything at once, or one file."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QMessageBox, QPushButton, QWidget

from napari_histosynth.io.kinds import has_ending
from napari_histosynth.ui.save import FORMATS, KINDS, clean_stem, file_names, files_of_looks

_TITLES = {
    ".png": "PNG",
    ".ome.tif": "OME-TIFF, for QuPath and others",
    ".ome.zarr": "OME-Zarr 0.5",
    ".geojson": "Annotations of QuPath",
    ".json": "JSON",
}


class SaveButton(QWidget):
    """Asks where to save, and never replaces a file without a question.

    Attributes
    ----------
    wanted : Signal of dict
        Files to write, by kind, as :func:`napari_histosynth.ui.save.save_painting` takes them.
    """

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._last = Path.home() / "tissue"
        everything = QPushButton("Save all …")
        everything.setObjectName("save")
        everything.setToolTip(
            "Save H&E, labels (indices and colors), looks and provenance under one name: all or none"
        )
        single = QPushButton("Save one …")
        single.setObjectName("save-one")
        single.setToolTip("Save the H&E, the labels or the provenance alone")
        menu = QMenu(self)
        for kind, (_, title) in KINDS.items():
            action = menu.addAction(f"{title} …")
            assert action is not None
            action.triggered.connect(lambda _=False, kind=kind: self.ask_one(kind))
        single.setMenu(menu)
        everything.clicked.connect(self.ask_all)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(everything)
        layout.addWidget(single)

    def ask_all(self) -> None:
        """Ask for a name and save everything under it."""
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Save H&E, labels and provenance",
            str(self._last),
            "Name for all files (*)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # the name is not yet that of a file
        )
        if not chosen:
            return
        files = file_names(clean_stem(chosen))
        taken = _taken(files)
        if taken and not self._may_replace(taken, Path(chosen).parent):
            return
        self._last = clean_stem(chosen)
        self.wanted.emit(files)

    def ask_one(self, kind: str) -> None:
        """Ask for a file name and save one kind of file."""
        _, title = KINDS[kind]
        chosen, taken = QFileDialog.getSaveFileName(
            self,
            f"Save {title}",
            str(file_names(self._last)[kind]),
            ";;".join(f"{_TITLES[suffix]} (*{suffix})" for suffix in FORMATS[kind]),
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked below, for the name with its ending
        )
        if not chosen:
            return
        path = _with_ending(Path(chosen), kind, taken)
        taken_names = _taken({kind: path})
        if taken_names and not self._may_replace(taken_names, path.parent):
            return
        self._last = clean_stem(path)
        self.wanted.emit({kind: path})

    def _may_replace(self, names: list[str], folder: Path) -> bool:
        """Ask whether files may be replaced."""
        there = "is" if len(names) == 1 else "are"
        answer = QMessageBox.question(
            self,
            "Replace?",
            f"{', '.join(names)} {there} already in {folder}. Replace?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        return bool(answer == QMessageBox.StandardButton.Yes)


def _taken(files: dict[str, Path]) -> list[str]:
    """Return the names that are there already of files to save, and of the looks that go with labels."""
    looks = files_of_looks(files["labels"]) if "labels" in files else ()
    return [path.name for path in (*files.values(), *looks) if path.exists()]


def _with_ending(path: Path, kind: str, taken: str) -> Path:
    """Return a file's name with an ending of its kind: the one typed, else that of the filter taken."""
    suffix = next((suffix for suffix in FORMATS[kind] if f"*{suffix})" in taken), FORMATS[kind][0])
    usual = path.name.lower().endswith(".png") and suffix != ".png"
    if usual:  # the name that was offered, under another filter
        path = path.with_name(path.name[: -len(".png")])
    elif has_ending(path, FORMATS[kind]):
        return path
    return path.with_name(path.name + suffix)
