"""The layout that is nearest to a picture with its labels (Beers et al., Figure 4), as an end of the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.hepicture import he_of_layer
from napari_histosynth.ui.jobs import Asked, Tell
from napari_histosynth.ui.layers import layer_scheme
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutway import ENDS
from napari_histosynth.ui.layoutwork import Place
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row

_CANVAS = "canvas"
_ALIKE = 0.02  # by how much the shapes of picture and labels may differ


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture with its labels.

    Attributes
    ----------
    image : array_like
        uint8 (y, x, 3), perhaps lazy.
    labels : ndarray
        (y, x), of any integer dtype, perhaps of another size.
    scheme : TissueScheme
        Of the labels.
    um_per_px : float
        Of the picture.
    name : str
        What it is called.
    """

    image: Any
    labels: npt.NDArray[Any]
    scheme: TissueScheme
    um_per_px: float
    name: str

    def read(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return picture and labels of one size.

        Raises
        ------
        HistosynthError
            If labels hold no classes of their scheme.
        """
        from napari_histosynth.paint.resample import resample_labels

        image = np.array(self.image[:, :])[..., :3]
        labels = self.scheme.check(np.array(self.labels))
        shape = (image.shape[0], image.shape[1])
        return image, labels if labels.shape == shape else resample_labels(labels, shape)


class FromPanel(QWidget):
    """Finds the layout nearest to a picture, and makes it an end of the way.

    Parameters
    ----------
    desk : LayoutDesk
        Has model and canvas.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    found : Signal of object and str
        A layout (Place) was found for an end: "A" or "B".
    """

    found = Signal(object, str)

    def __init__(self, desk: LayoutDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-from")
        self._desk = desk
        self.picture = choice_box(
            "layout-picture", "Picture", "H&E to find the nearest layout of: the canvas, or an RGB layer"
        )
        self.labels = choice_box(
            "layout-labels", "Labels", "Its labels: those of the canvas, or a Labels layer"
        )
        self.go = {
            end: button(
                f"As {end}", f"layout-from-{end}", f"Find the nearest layout and make it end {end} of the way"
            )
            for end in ENDS
        }
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Picture", self.picture)
        form.addRow("Labels", self.labels)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addLayout(row(*self.go.values()))
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_layers)
        for end, pressed in self.go.items():
            pressed.clicked.connect(lambda _=False, end=end: self.find_nearest(end))
        for signal in (desk.job.begun, desk.job.ended):
            signal.connect(self._show)
        desk.changed.connect(self.list_layers)
        self.list_layers()

    def find_nearest(self, end: str) -> None:
        """Find the nearest layout of what is chosen, in a thread."""
        desk, model = self._desk, self._desk.model
        if not model:
            desk.failed.emit(layoutwork.NO_MODEL)
            return
        try:
            pair = self.pair()
        except HistosynthError as error:
            desk.failed.emit(str(error))
            return

        def work(tell: Tell, is_cancelled: Asked) -> Place:
            go_on = layoutwork.stoppable(tell, is_cancelled)
            sampler = layoutwork.load_sampler_cached(model)
            go_on(0.4)
            image, labels = pair.read()
            go_on(0.6)
            return layoutwork.nearest(sampler, image, labels, pair.scheme, pair.um_per_px, pair.name)

        def take(place: Place) -> None:
            desk.said.emit(f"{end} is the layout {place.caption}.")
            self.found.emit(place, end)

        desk.start(f"Reading {pair.name}", work, take)

    def pair(self) -> Pair:
        """Return the picture and the labels that are chosen.

        Raises
        ------
        ImageError
            If there are none, they do not fit, or the picture does not say its scale.
        """
        painter = self._desk.painter
        stage = None if painter is None else painter.stage
        picture, labels = self.picture.currentData(), self.labels.currentData()
        if picture is None or labels is None:
            raise ImageError(
                "There is no picture with labels; make a canvas, or open H&E with its label map."
            )
        canvas = stage is not None and painter is not None and painter.model is not None
        if picture == _CANVAS and canvas:
            assert painter is not None and painter.model is not None and stage is not None  # noqa: PT018
            if painter.is_drawing:
                raise ImageError("The canvas is still being drawn; find its layout once it is.")
            image, um_per_px, name = stage.pixels, painter.model.um_per_px, "the canvas"
        else:
            taken = he_of_layer(picture)
            if taken.um_per_px is None:
                raise ImageError(
                    f'The layer "{taken.name}" does not say its scale; set its scale in um first.'
                )
            image, um_per_px, name = taken.levels[0], taken.um_per_px, taken.name
        layer = stage.labels if labels == _CANVAS and stage is not None else labels
        scheme = layer_scheme(layer)
        if scheme is None:
            raise ImageError(
                f'The layer "{layer.name}" does not say its classes; paint on it in Paint tissue first.'
            )
        data = layer.data
        high, wide = (one / other for one, other in zip(data.shape[-2:], image.shape[:2], strict=True))
        if data.ndim != 2 or abs(high / wide - 1) > _ALIKE:
            raise ImageError(
                f'The labels "{layer.name}" are not those of {name}: their shapes differ; choose others.'
            )
        return Pair(image, data, scheme, um_per_px, name)

    # ---- what there is

    def list_layers_soon(self, _event: Any = None) -> None:
        """List layers once napari is done with what it does."""
        self._later.start(0)

    def list_layers(self) -> None:
        """Offer the canvas, RGB layers and Labels layers."""
        from napari.layers import Image, Labels

        painter = self._desk.painter
        stage = None if painter is None else painter.stage
        others = [one for one in self._desk.viewer.layers if stage is None or not stage.holds(one)]
        for box, kind in ((self.picture, Image), (self.labels, Labels)):
            chosen = box.currentText()
            box.clear()
            if stage is not None:
                box.addItem("the canvas", _CANVAS)
            for layer in others:
                flat = layer.rgb if isinstance(layer, Image) and kind is Image else not layer.multiscale
                if isinstance(layer, kind) and flat:
                    box.addItem(str(layer.name), layer)
            box.setCurrentIndex(max(0, box.findText(chosen)) if box.count() else -1)
        self._show()

    def _show(self) -> None:
        can = bool(self._desk.model) and not self._desk.job.is_busy
        for pressed in self.go.values():
            pressed.setEnabled(can and self.picture.count() > 0 and self.labels.count() > 0)
