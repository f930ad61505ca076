"""Keeping named places of one's own, and sharing them."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QVBoxLayout, QWidget

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.widgets import button, row

_FILES = "Named places (*.json)"


class NamesPanel(QWidget):
    """Buttons that keep, open and save the named places of a desk."""

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-names")
        self._desk = desk
        self.keep = button(
            "Keep as a named place …", "keep-place", "Name the style that the canvas has now, to return to it"
        )
        self.open = button(
            "Open …", "open-places", "Add the named places of a file (JSON) that was saved with this model"
        )
        self.save = button("Save …", "save-places", "Write all named places of this model to a file (JSON)")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.keep)
        column.addLayout(row(self.open, self.save))
        self.keep.clicked.connect(self.ask_name)
        self.open.clicked.connect(self.ask_open)
        self.save.clicked.connect(self.ask_save)
        desk.anchors_changed.connect(self._show)
        desk.painter.model_changed.connect(self._show)
        self._show()

    def ask_name(self) -> None:
        """Ask what to call the present style, and keep it."""
        name, given = QInputDialog.getText(self, "Keep as a named place", "Name:")
        name = name.strip()
        if given and name and (name not in self._desk.anchors.names or self._may_replace(name)):
            self.keep_as(name)

    def keep_as(self, name: str) -> None:
        """Keep the style that the canvas has under a name."""
        try:
            self._desk.add_anchor(self._desk.here(name))
        except HistosynthError as error:
            self._desk.painter.failed.emit(str(error))
        else:
            self._desk.painter.told.emit(f"Kept {name!r} for {self._desk.anchors.model}.")

    def ask_open(self) -> None:
        """Ask for a file of named places and add them."""
        path, _ = QFileDialog.getOpenFileName(self, "Named places", "", _FILES)
        if path:
            self.open_file(path)

    def open_file(self, path: str | Path) -> None:
        """Add the named places of a file, or say why not."""
        before = len(self._desk.anchors)
        try:
            self._desk.open_anchors(path)
        except HistosynthError as error:
            self._desk.painter.failed.emit(str(error))
        else:
            new = len(self._desk.anchors) - before
            self._desk.painter.told.emit(f"Read {Path(path).name}: {new} new named places.")

    def ask_save(self) -> None:
        """Ask for a file and write all named places to it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save named places", "", _FILES)
        if path:
            self.save_file(path if path.lower().endswith(".json") else f"{path}.json")

    def save_file(self, path: str | Path) -> None:
        """Write all named places to a file, or say why not."""
        try:
            self._desk.save_anchors(path)
        except HistosynthError as error:
            self._desk.painter.failed.emit(str(error))
        else:
            self._desk.painter.told.emit(f"Saved {len(self._desk.anchors)} named places in {path}.")

    def _may_replace(self, name: str) -> bool:
        yes = QMessageBox.StandardButton.Yes
        answer = QMessageBox.question(self, "Keep as a named place", f"Replace the place {name!r}?")
        return bool(answer == yes)

    def _show(self) -> None:
        has_model = self._desk.painter.model is not None
        self.keep.setEnabled(has_model)
        self.open.setEnabled(has_model)
        self.save.setEnabled(len(self._desk.anchors) > 0)
