"""The look of a real picture for the canvas: dropped on the dock, opened, or from a layer; then fitted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.latent.anchors import Anchor
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.hepicture import he_of_layer
from napari_histosynth.ui.hetaken import TakenHe, in_words, take_file, take_layer
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.tissuechoice import TissueChoice
from napari_histosynth.ui.widgets import button, row, small

STEPS = 60
"""Steps that a look is fitted in."""

_FILES = "Pictures and slides (*.png *.jpg *.jpeg *.tif *.tiff *.svs *.bmp *.webp);;All files (*)"
_SIDE = 88  # px of the small picture
_HINT = "Drop a picture of H&E here"


class DropPlace(QLabel):
    """A place to drop a picture's file on, which then shows the picture.

    Attributes
    ----------
    dropped : Signal of Path
        A file was dropped.
    """

    dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("drop-place")
        self.setAcceptDrops(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setText(_HINT)
        self.setFixedSize(_SIDE + 8, _SIDE + 8)
        self.setToolTip("Drop the file of an H&E picture here: the canvas takes on its look")
        self._mark(False)

    def show_picture(self, rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        """Show the middle of a picture, uint8 (y, x, 3), small."""
        from PIL import Image

        side = min(rgb.shape[:2])
        top, left = ((length - side) // 2 for length in rgb.shape[:2])
        square = Image.fromarray(rgb[top : top + side, left : left + side])
        pixels = np.asarray(square.resize((_SIDE, _SIDE), Image.Resampling.BOX))
        image = QImage(pixels.tobytes(), _SIDE, _SIDE, 3 * _SIDE, QImage.Format.Format_RGB888)
        self.setPixmap(QPixmap.fromImage(image))  # a copy: the bytes may go

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take files only."""
        if event is not None and _file_of(event) is not None:
            self._mark(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look as before."""
        self._mark(False)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Pass the file on."""
        self._mark(False)
        path = None if event is None else _file_of(event)
        if event is not None and path is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)

    def _mark(self, over: bool) -> None:
        color = "#4c9aff" if over else "#777"
        self.setStyleSheet(
            f"#drop-place {{border: 1px dashed {color}; border-radius: 4px; font-size: 11px;}}"
        )


class PictureStyle(QWidget):
    """Gives the canvas of a desk the look of a real picture.

    Parameters
    ----------
    desk : GradeDesk
        Takes the look on; the way then leads on from it.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    taken : TakenHe or None
        The picture whose look was taken last.
    job : Job
        What reads and fits.
    """

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-picture")
        self._desk = desk
        self.taken: TakenHe | None = None
        self._stained = False  # whether the desk's stain is that of a picture
        self.job = Job(self)
        self.place = DropPlace()
        self.open = button("From a picture …", "from-picture", "Open the file of an H&E picture or slide")
        self.layers = QComboBox()
        self.layers.setObjectName("from-layer")
        self.layers.setToolTip("Take the look of an H&E picture that is open in the viewer")
        self.layers.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.scale = QDoubleSpinBox()
        self.scale.setObjectName("picture-scale")
        self.scale.setRange(0.05, 20)
        self.scale.setDecimals(3)
        self.scale.setSingleStep(0.05)
        self.scale.setKeyboardTracking(False)
        self.scale.setSuffix(" µm per pixel")
        self.scale.setToolTip(
            "Scale of the picture: about 0.25 with a 40x objective, 0.5 with 20x, 1 with 10x. Correct it "
            "where the file does not say it; the look is read anew"
        )
        self.stain = QCheckBox("Its stain, too")
        self.stain.setObjectName("picture-stain")
        self.stain.setChecked(True)
        self.stain.setToolTip("Whether the canvas takes on the picture's colors, or only its tissue")
        self.tissue = TissueChoice()
        self.tissue.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # its lines are long
        self.refine = button(
            "Refine",
            "refine",
            "Fit the look until tissue drawn from the picture's labels looks like it; the picture is labeled "
            "first, which takes a moment",
        )
        self.keep = button(
            "Keep as a named place …",
            "keep-picture",
            "Name this look, so that ways can lead to it and from it",
        )
        self.job_row = JobRow(self.job, "Stop; the canvas keeps the look that it has")
        self.status = small("picture-status")
        self._build()
        self._connect()
        self._show_layers()
        self._show()

    def _build(self) -> None:
        """Lay the panel out: the picture on the left, what can be done with it beside and below."""
        choices = QVBoxLayout()
        for widget in (self.open, self.layers, self.scale, self.stain):
            choices.addWidget(widget)
        choices.addStretch(1)
        top = QHBoxLayout()
        top.addWidget(self.place, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(choices, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.tissue)
        column.addLayout(row(self.refine, self.keep))
        column.addWidget(self.job_row)
        column.addWidget(self.status)

    def _connect(self) -> None:
        desk, viewer = self._desk, self._desk.painter.viewer
        self.open.clicked.connect(self.ask)
        self.place.dropped.connect(self.take_file)
        self.layers.activated.connect(self._take_listed)
        self.scale.valueChanged.connect(self._rescale)
        self.stain.toggled.connect(self._put_on)
        self.refine.clicked.connect(self.fit)
        self.keep.clicked.connect(self.ask_name)
        self.job.begun.connect(self._show)
        self.job.ended.connect(self._show)
        desk.painter.model_changed.connect(self._on_model)
        listed = self._show_layers
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(listed)
            self.destroyed.connect(lambda _=None, event=event: event.disconnect(listed))
        self.destroyed.connect(self.job.cancel)

    # ---- taking a look

    def ask(self) -> None:
        """Ask for a picture's file and take its look."""
        chosen, _ = QFileDialog.getOpenFileName(self, "An H&E picture to take the look of", "", _FILES)
        if chosen:
            self.take_file(Path(chosen))

    def take_file(self, path: Path) -> None:
        """Take the look of H&E in a file, in the background."""
        if (model := self._desk.painter.model) is not None:
            self._read(path.name, partial(take_file, path, model))

    def take_layer(self, layer: Any) -> None:
        """Take the look of H&E in an Image layer, in the background."""
        model = self._desk.painter.model
        if model is None:
            return
        try:
            picture = he_of_layer(layer)
        except HistosynthError as error:
            self.status.setText(str(error))
            return
        self._read(picture.name, partial(take_layer, picture, model))

    def _take_listed(self, index: int) -> None:
        name = self.layers.itemData(index)
        layers = self._desk.painter.viewer.layers
        if name is not None and name in layers:
            self.take_layer(layers[name])
        self.layers.setCurrentIndex(0)  # the same one can be taken again

    def _rescale(self, um_per_px: float) -> None:
        if self.taken is not None and abs(um_per_px - self.taken.um_per_px) > 5e-4:
            self._read(self.taken.name, partial(self.taken.at_scale, um_per_px))

    def _read(self, name: str, work: Callable[[], TakenHe]) -> None:
        """Read a look in the thread, then let the canvas take it on."""
        self.status.setText(f"Reading the look of {name} …")
        begun = self.job.start(f"Reading {name}", lambda *_: work(), self._take, self.status.setText)
        if not begun:
            self.status.setText("Another picture is being read or fitted; wait for it, or cancel it.")

    def _take(self, taken: TakenHe) -> None:
        """Hold a picture and its look, and let the canvas take it on."""
        if taken.model is not self._desk.painter.model:
            self.status.setText("Another model was chosen meanwhile; take the picture again.")
            return
        self.taken = taken
        self.place.show_picture(taken.rgb)
        self.place.setToolTip(f"{taken.name}: drop another picture here")
        self.scale.blockSignals(True)
        self.scale.setValue(taken.um_per_px)
        self.scale.blockSignals(False)
        if not self._put_on():
            return
        if taken.fitted is not None:
            self.status.setText(in_words(taken.fitted))
        elif taken.assumed:
            self.status.setText(
                f"The canvas has the look of {taken.name}, taken for {taken.um_per_px:g} µm per pixel since "
                "it does not say; correct that above."
            )
        else:
            self.status.setText(f"The canvas has the look of {taken.name}.")

    def _put_on(self, _on: bool = True) -> bool:
        """Let the canvas take on the look, with or without the stain; return whether it could."""
        if self.taken is None:
            return False
        stain = self.taken.stain if self.stain.isChecked() else None
        try:
            if stain is None and self._stained:
                self._desk.set_stain(None)  # that of another picture, or of this one before
            self._stained = stain is not None
            self._desk.go_to(self.taken.style, self.taken.name, stain)
        except HistosynthError as error:
            self.status.setText(str(error))
            return False
        self._show()
        return True

    # ---- fitting

    def fit(self) -> None:
        """Fit the look to the picture, which is labeled first."""
        taken = self.taken
        if taken is None:
            return
        hints = self.tissue.hints

        def work(tell: Tell, is_cancelled: Asked) -> TakenHe:
            from napari_histosynth.latent.fitting import fit_unlabeled

            fitted = fit_unlabeled(
                taken.model,
                taken.rgb,
                um_per_px=taken.um_per_px,
                tissue=hints,
                steps=STEPS,
                tell=tell,
                is_cancelled=is_cancelled,
            )
            return taken.refined(fitted)

        self.status.setText(f"Labeling {taken.name} and fitting the look to it …")
        self.job.start("Fitting the look", work, self._take, self.status.setText)

    # ---- naming

    def ask_name(self) -> None:
        """Ask for a name and keep the look under it."""
        if self.taken is None:
            return
        offered = Path(self.taken.name).stem
        name, given = QInputDialog.getText(
            self, "Keep as a named place", "What is this look to be called?", text=offered
        )
        if given and name.strip():
            self.keep_as(name.strip())

    def keep_as(self, name: str) -> None:
        """Keep the look as a named place of the model."""
        if self.taken is None:
            return
        try:
            self._desk.add_anchor(Anchor(name, self.taken.style, source=self.taken.name))
        except HistosynthError as error:
            self.status.setText(str(error))
        else:
            self.status.setText(f"Kept as {name}: choose it as an end of the way.")

    # ---- what is shown

    def _on_model(self) -> None:
        """Forget a picture whose look was read by another model."""
        model = self._desk.painter.model
        if self.taken is not None and self.taken.model is not model:
            self.taken = None
            self.place.setText(_HINT)
            self.status.setText("")
        self._show()

    def _show_layers(self, _event: Any = None) -> None:
        """List the open pictures that are not the canvas's own."""
        painter = self._desk.painter
        own = None if painter.stage is None else painter.stage.picture
        self.layers.clear()
        self.layers.addItem("From an open layer …", None)
        for layer in painter.viewer.layers:
            plane = getattr(layer, "rgb", False) and getattr(layer, "ndim", 0) == 2
            if plane and layer is not own:
                self.layers.addItem(layer.name, layer.name)
        self._show()

    def _show(self) -> None:
        """Offer what can be done now."""
        from napari_histosynth.paint.tenclasses import takes_ten_classes

        model, busy = self._desk.painter.model, self.job.is_busy
        reads = model is not None and model.encoder is not None
        self.place.setEnabled(reads)  # also while busy: what is disabled turns gray
        self.open.setEnabled(reads and not busy)
        self.layers.setEnabled(reads and not busy and self.layers.count() > 1)
        self.scale.setVisible(self.taken is not None)
        self.scale.setEnabled(not busy)
        self.stain.setVisible(model is not None and model.has_stain)
        fits = self.taken is not None and model is not None and model.preset == "local"
        self.tissue.setVisible(fits and model is not None and takes_ten_classes(model.scheme))
        self.refine.setEnabled(fits and not busy)
        self.keep.setEnabled(self.taken is not None)
        if model is not None and model.encoder is None:
            self.status.setText(
                f"{model.name} has no encoder, so it reads no pictures; choose another model."
            )


def _file_of(event: Any) -> Path | None:
    """Return the file that is dragged, None if it is something else."""
    data = event.mimeData()
    urls = data.urls() if data is not None and data.hasUrls() else []
    return Path(urls[0].toLocalFile()) if urls and urls[0].isLocalFile() else None
