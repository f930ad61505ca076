"""Labels from H&E: one click turns the picture in a layer into a label map to paint on."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDialog, QProgressDialog, QPushButton

from napari_histosynth.core.errors import Cancelled, HistosynthError, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, get_scheme
from napari_histosynth.paint.weak import UNKNOWN, Hints, hints_of
from napari_histosynth.ui import prepare
from napari_histosynth.ui.collector import collections_put_off
from napari_histosynth.ui.hedialog import HeDialog
from napari_histosynth.ui.hepicture import HePicture, he_of_layer, window_in_sight
from napari_histosynth.ui.painter import Painter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.paint.segment import Segmenter
    from napari_histosynth.ui.paint import PaintDock

TIP = (
    "Make a label map of the selected H&E picture, in the classes of the model: background, stroma, "
    "epithelium, nuclei by a network; ten classes by rules"
)

_LOOKED_AT = 1024  # px a side at the model's scale that the look is read from

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Found:
    """A label map in a model's scheme and scale, the look of its picture, and what it was made of."""

    labels: Labels
    latent: npt.NDArray[np.float32] | None
    picture: HePicture
    model: PaintModel


@dataclass(frozen=True, eq=False)
class _Order:
    """A picture to label for a model, and what its tissue is known to be if that takes ten classes."""

    picture: HePicture
    model: PaintModel
    hints: Hints | None


class LabelsFromHe(QObject):
    """Labels the H&E of a layer in a thread and puts the label map up as a canvas.

    Parameters
    ----------
    painter : Painter
        What paints.
    window : PaintDock
        Parent of the dialogs; has the looks on the canvas.

    Attributes
    ----------
    button : QPushButton
        Starts it.
    """

    _progressed = Signal(float)
    _ended = Signal(object)

    def __init__(self, painter: Painter, window: PaintDock) -> None:
        super().__init__(window)
        self._painter, self._window = painter, window
        self._work: threading.Thread | None = None
        self._stop = threading.Event()
        self._bar: QProgressDialog | None = None
        self._tissue = UNKNOWN  # what was chosen last
        self.button = QPushButton("Labels from H&&E")
        self.button.setObjectName("labels-from-he")
        self.button.setToolTip(TIP)
        self.button.clicked.connect(self.begin)
        self._progressed.connect(self._show_progress)
        self._ended.connect(self._end)

    @property
    def is_busy(self) -> bool:
        """Whether a picture is being labeled."""
        return self._work is not None

    def begin(self, _checked: bool = False) -> None:
        """Label the selected picture, asking what its layer does not say."""
        model = self._painter.model
        if model is None:
            show_error("No model is loaded yet; wait a moment, or choose one.")
            return
        if self.is_busy:
            show_error("A picture is being labeled already; wait for it, or stop it.")
            return
        try:
            picture = he_of_layer(self._chosen_layer())
        except HistosynthError as error:
            show_error(str(error))
            return
        answered = self._asked(picture, model)
        if answered is not None:
            self._start(answered)

    def label(self, picture: HePicture) -> bool:
        """Label a picture whose scale and part are known, without asking; return whether that was begun."""
        from napari_histosynth.paint.tenclasses import takes_ten_classes

        model = self._painter.model
        if model is None or self.is_busy:
            show_error("Paint tissue has no model yet, or labels another picture; wait a moment.")
            return False
        ten = takes_ten_classes(model.scheme)
        self._start(_Order(picture, model, hints_of(self._tissue) if ten else None))
        return True

    def stop(self) -> None:
        """Stop labeling; nothing is put up."""
        self._stop.set()

    def _chosen_layer(self) -> Any:
        """Return the selected Image layer, or the only one that is RGB and not drawn by us."""
        from napari.layers import Image

        viewer, stage = self._painter.viewer, self._painter.stage
        active = viewer.layers.selection.active
        drawn = None if stage is None else stage.picture
        if isinstance(active, Image):
            return active
        others = [one for one in viewer.layers if isinstance(one, Image) and one.rgb and one is not drawn]
        if len(others) != 1:
            raise ImageError(
                "Select the layer of an H&E picture first; open one by dropping its file on the window."
            )
        return others[0]

    def _asked(self, picture: HePicture, model: PaintModel) -> _Order | None:
        """Return what to label with all known, asking if it is not; None if that was refused."""
        from napari_histosynth.paint.canvas import MAX_SIDE
        from napari_histosynth.paint.scaledpicture import COARSEST, FINEST
        from napari_histosynth.paint.tenclasses import MOST_PX, takes_ten_classes

        known = picture.um_per_px is not None and FINEST <= picture.um_per_px <= COARSEST
        ten = takes_ten_classes(model.scheme)
        most = MOST_PX if ten else MAX_SIDE
        if known and not ten and max(picture.shape_at(model.um_per_px)) <= most:
            return _Order(picture, model, None)
        in_sight = window_in_sight(picture.layer)
        tissue = self._tissue if ten else None
        dialog = HeDialog(picture, in_sight, model.um_per_px, most, tissue, self._window)
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return None
        self._tissue = dialog.tissue or self._tissue
        return _Order(dialog.picture, model, None if dialog.tissue is None else hints_of(dialog.tissue))

    def _start(self, order: _Order) -> None:
        """Label a picture in a thread of its own, so that others' work goes on."""
        picture = order.picture
        self._stop.clear()
        bar = QProgressDialog(f"Labeling {picture.name} …", "Stop", 0, 100, self._window)
        bar.setObjectName("labeling")
        bar.setWindowTitle("Labels from H&E")
        bar.setWindowModality(Qt.WindowModality.NonModal)
        bar.setMinimumDuration(500)
        bar.setAutoReset(False)
        bar.setAutoClose(False)
        bar.canceled.connect(self.stop)
        bar.setValue(0)
        self._bar = bar
        self.button.setEnabled(False)
        self._work = threading.Thread(
            target=self._label, args=(order,), name="histosynth-labels-from-he", daemon=True
        )
        self._work.start()

    def _label(self, order: _Order) -> None:
        """Label a picture and bring the map to the model; runs in the thread."""
        from napari_histosynth.paint.tenclasses import SCHEME, ten_classes

        result: _Found | str | None
        picture, model = order.picture, order.model
        try:
            segmenter = load_segmenter_cached()
            pixels, um_per_px, window = picture.source(segmenter.um_per_px)
            watched: dict[str, Any] = {"cancel": self._stop.is_set, "progress": self._tell}
            scheme = segmenter.scheme
            if order.hints is None:
                labels = segmenter.segment(pixels, um_per_px, window, keep_scale=False, **watched)
            else:
                scheme = get_scheme(SCHEME)
                labels, _ = ten_classes(
                    segmenter, pixels, um_per_px, window, tissue=order.hints, keep_scale=False, **watched
                )
            shown = picture.um_per_px or um_per_px
            scale = shown * picture.part.height / labels.shape[0]
            origin = prepare.Origin(labels, scheme, scale, picture.name, True)
            fitted = prepare.fitted(origin, model, nuclei=False)
            result = _Found(fitted, _look_of(pixels, um_per_px, window, model), picture, model)
        except Cancelled:
            result = None
        except HistosynthError as error:
            result = str(error)
        except Exception as error:
            _log.error("Labeling %s failed", picture.name, exc_info=error)
            first = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
            result = f"Labeling {picture.name} failed: {first}."
        try:
            self._ended.emit(result)
        except RuntimeError:  # the window was closed meanwhile
            _log.debug("Nobody waits for the labels of %s any more", picture.name)

    def _tell(self, share: float) -> None:
        """Pass progress on to the main thread."""
        if not self._stop.is_set():
            self._progressed.emit(share)

    def _show_progress(self, share: float) -> None:
        if self._bar is not None and not self._stop.is_set():
            self._bar.setValue(round(99 * share))

    def _end(self, result: _Found | str | None) -> None:
        """Put up the labels, or say why there are none."""
        self._work = None
        self.button.setEnabled(True)
        if self._bar is not None:
            self._bar.canceled.disconnect(self.stop)
            self._bar.close()
            self._bar.deleteLater()
            self._bar = None
        if isinstance(result, str):
            show_error(result)
        elif result is not None and self._painter.model is not result.model:
            show_error("Another model was chosen meanwhile; press the button again for labels that fit it.")
        elif result is not None:
            self._put_up(result)

    def _put_up(self, found: _Found) -> None:
        """Lay the labels over their picture, as a layer to paint on."""
        from napari_histosynth.ui.fieldwork import look_plan

        viewer, picture, model = self._painter.viewer, found.picture, found.model
        layer = picture.layer
        if layer in viewer.layers and layer.scale[-1] == 1 and picture.um_per_px not in (None, 1.0):
            layer.scale = (picture.um_per_px,) * 2  # now that it is known: both lie on one another
        corner = (picture.part.y0, picture.part.x0)
        pixel = [float(step) for step in layer.scale[-2:]]
        # the picture's layer has its origin at the middle of its first pixel, as napari has it
        translate = [
            float(start) + (at - 0.5) * step + model.um_per_px / 2
            for start, at, step in zip(layer.translate[-2:], corner, pixel, strict=True)
        ]
        name = f"Tissue of {picture.name}"
        in_sight = picture.window is not None  # who chose a part by looking at it goes on looking at it
        self._painter.new_canvas(found.labels, name, translate=translate, fit=not in_sight)
        stage = self._painter.stage
        assert stage is not None
        stage.touched = True  # labels that took a moment to find: never removed by us
        plan = look_plan(found.labels.shape, found.latent, picture.name, model.um_per_px)
        if plan is not None:
            self._window.look_map.lay(plan)
        show_info(f"{picture.name} became a label map of {stage.shape[1]} × {stage.shape[0]} px.")


def _look_of(
    pixels: Any, um_per_px: float, window: Window, model: PaintModel
) -> npt.NDArray[np.float32] | None:
    """Return the latent of the middle of a picture; None where the model reads none, or it is tiny."""
    from napari_histosynth.paint.inputs import latent_of_picture

    if model.encoder is None:
        return None
    half = round(_LOOKED_AT * max(1.0, model.um_per_px / um_per_px)) // 2
    y, x = (window.y0 + window.y1) // 2, (window.x0 + window.x1) // 2
    middle = Window(y - half, y + half, x - half, x + half).intersect(window)
    try:
        return latent_of_picture(pixels[middle.slices], um_per_px, model)
    except ImageError:  # a few pixels have no look
        return None


@lru_cache(maxsize=1)
def load_segmenter_cached() -> Segmenter:
    """Return the segmenter, loaded once."""
    with collections_put_off():
        from napari_histosynth.paint.segment import load_segmenter

        return load_segmenter()
