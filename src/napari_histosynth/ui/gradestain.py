"""The stain as a handle of its own: its colors, and where another may come from."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_histosynth.core.stain import stain_colors
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FRESH = 10_000
_PICTURES = "H&E pictures (*.png *.jpg *.jpeg *.tif *.tiff *.bmp *.webp *.svs);;All files (*)"


class StainPanel(QWidget):
    """Shows and sets the stain of a :class:`~napari_histosynth.ui.gradedesk.GradeDesk`.

    Attributes
    ----------
    swatches : list of QLabel
        The colors of nuclei, of what eosin stains, and of glass.
    """

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-stain")
        self._desk = desk
        self._chance = random.Random()
        self._shown: bytes | None = None
        self.swatches: list[QLabel] = []
        colors = QHBoxLayout()
        colors.setSpacing(4)
        for title, tip in (
            ("nuclei", "Color of what hematoxylin stains strongly"),
            ("eosin", "Color of what eosin stains: stroma, cytoplasm, muscle"),
            ("glass", "Color of empty glass"),
        ):
            swatch = QLabel(title)
            swatch.setObjectName(f"stain-{title}")
            swatch.setToolTip(tip)
            swatch.setMinimumHeight(26)
            swatch.setContentsMargins(6, 0, 6, 0)
            colors.addWidget(swatch, 1)
            self.swatches.append(swatch)
        self.of_seed = button("Stain of seed", "stain-of-seed", "The stain that the look's number has")
        self.fresh = button("New stain", "stain-new", "Another stain of real slides; the tissue stays")
        self.of_picture = button("Of a picture …", "stain-of-picture", "The stain of an H&E picture")
        self.note = small("stain-note")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(colors)
        column.addLayout(row(self.of_seed, self.fresh, self.of_picture))
        column.addWidget(self.note)
        self.of_seed.clicked.connect(lambda: desk.set_stain(None))
        self.fresh.clicked.connect(self.take_new)
        self.of_picture.clicked.connect(self.ask_picture)
        desk.anchors_changed.connect(self._show)
        desk.moved.connect(self._show)
        self._show()

    def take_new(self) -> None:
        """Take the stain of a seed drawn by chance."""
        model = self._desk.painter.model
        if model is not None:
            self._desk.set_stain(model.sample_latent(self._chance.randrange(_FRESH))[model.style_size :])

    def ask_picture(self) -> None:
        """Ask for an H&E picture and take its stain."""
        path, _ = QFileDialog.getOpenFileName(self, "Picture whose stain is to be taken", "", _PICTURES)
        if path:
            self.take_picture(path)

    def take_picture(self, path: str | Path) -> None:
        """Read the stain of a picture in the background, and take it."""
        desk, painter = self._desk, self._desk.painter
        model = painter.model

        def work() -> npt.NDArray[np.float32]:
            from napari_histosynth.core.stain import read_stain
            from napari_histosynth.io import read_image

            return read_stain(read_image(path))

        def take(stain: npt.NDArray[np.float32]) -> None:
            if painter.model is model:
                desk.set_stain(stain)

        tell: Callable[[str], None] = painter.failed.emit
        painter.tasks.run(f"Reading the stain of {Path(path).name}", work, take, tell)

    def _show(self) -> None:
        """Show the colors of the present stain, if the model has it apart."""
        model = self._desk.painter.model
        apart = model is not None and model.has_stain
        for widget in (*self.swatches, self.of_seed, self.fresh, self.of_picture):
            widget.setEnabled(apart)
        self.note.setVisible(not apart and model is not None)
        if model is None:
            return
        if not apart:
            self.note.setText(f"{model.name} has no stain apart: it is a part of the look.")
            self._shown = None
            for swatch in self.swatches:
                swatch.setStyleSheet("")
            return
        stain = self._desk.stain()
        if stain.tobytes() == self._shown:
            return
        self._shown = stain.tobytes()
        for swatch, (red, green, blue) in zip(self.swatches, stain_colors(stain).tolist(), strict=True):
            ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else "white"
            swatch.setStyleSheet(f"background: rgb({red}, {green}, {blue}); color: {ink}; font-size: 11px;")
