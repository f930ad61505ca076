"""From a slide to the paint canvas and back: a field becomes labels, is edited, and joins the slide."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import UM_PER_PX
from napari_histosynth.slide.overlay import Patch
from napari_histosynth.ui.docked import dock_painter
from napari_histosynth.ui.hepicture import he_of_layer
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.painters import painter_of
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slidefieldback import PaintedField, field_in, patch_of, window_on
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row, small

SIDES = (512, 1024, 2048)  # px of level 0

_REST = 0.4  # s


class PaintPanel(QWidget):
    """Sends fields of a slide to the canvas, and paints them back.

    Parameters
    ----------
    desk : SlideDesk
        Has the slide.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What paints back.
    """

    def __init__(self, desk: SlideDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-paint")
        self._desk = desk
        self.job = Job(self)
        self._waiting: tuple[Any, Window] | None = None  # a painter, and the field that it is to get
        self._painter: Any = None  # that slides make way for
        self._sent: tuple[Any, npt.NDArray[np.uint8]] | None = None  # layer of a field, its labels at first
        self.side = choice_box(
            "slide-field-side", "Side of the field", "How much of the middle of the view is sent"
        )
        for side in SIDES:
            self.side.addItem(f"{side * UM_PER_PX / 1000:.2g} mm", side)
        self.side.setCurrentIndex(1)
        self.send = button(
            "Field to the canvas",
            "slide-send",
            "Turn the middle of the view into a label map in Paint tissue, to edit it there, in its own look",
        )
        self.only_edited = QCheckBox("only where it was edited")
        self.only_edited.setObjectName("slide-only-edited")
        self.only_edited.setChecked(True)
        self.only_edited.setToolTip(
            "Take only what was edited on the canvas and a little around it, not all of the field"
        )
        self.back = button(
            "Paint back",
            "slide-paint-back",
            "Lay the canvas over the slide where it came from, with a soft border, at all magnifications",
        )
        self.undo = button("Take back", "slide-take-back", "Take away the field that was painted back last")
        self.job_row = JobRow(self.job, "Stop; the slide stays as it is")
        self.status = small("slide-paint-status")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.side, self.send))
        column.addWidget(self.only_edited)
        column.addLayout(row(self.back, self.undo))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.send.clicked.connect(self.send_field)
        self.back.clicked.connect(self.paint_back)
        self.undo.clicked.connect(self.take_back)
        for signal in (desk.changed, self.job.begun, self.job.ended):
            signal.connect(self.show_state)
        self.show_state()

    # ---- there

    def send_field(self) -> None:
        """Label the middle of the view, as a canvas of the dock that paints."""
        shown = self._desk.shown
        sight = None if shown is None else shown.in_view()
        if shown is None or sight is None:
            self._desk.failed.emit("No slide is in sight; begin one, or go back to it.")
            return
        window = field_in(sight, int(self.side.currentData()), shown.levels.shape)
        dock = dock_painter(self._desk.viewer)
        self._let_go()
        self._waiting = (dock, window)
        dock.painter.model_changed.connect(self._label)
        dock.painter.canvas_changed.connect(self._on_canvas)
        if dock.painter.model is None:
            self._say("Paint tissue loads its model …")
        else:
            self._label()

    def _label(self) -> None:
        """Have the field labeled, once there is a model."""
        shown = self._desk.shown
        if self._waiting is None or shown is None:
            return
        dock, window = self._waiting
        if dock.painter.model is None:
            return
        dock.painter.model_changed.disconnect(self._label)
        try:
            picture = he_of_layer(shown.layer).asked(UM_PER_PX, window)
        except HistosynthError as error:
            self._desk.failed.emit(str(error))
            return
        if dock.opener.from_he.label(picture):
            self._say("The field is drawn and labeled; it appears as a canvas in Paint tissue.")

    def _on_canvas(self) -> None:
        """Remember the labels of the field as they come."""
        if self._waiting is None or self._desk.shown is None:
            return
        dock, window = self._waiting
        stage = dock.painter.stage
        if stage is None:
            return
        um = dock.painter.model.um_per_px
        where = window_on(self._desk.shown.layer, stage.labels, stage.shape, um)
        if max(abs(one - other) for one, other in zip(where, window, strict=True)) > 2 + um / UM_PER_PX:
            return  # another canvas
        self._let_go()
        self._make_way_for(dock.painter)
        self._sent = (stage.labels, np.array(stage.labels.data))
        self._say("Edit the field in Paint tissue, then paint it back.")

    def _let_go(self) -> None:
        """Wait for no canvas any more."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        painter = waiting[0].painter
        for signal, slot in ((painter.model_changed, self._label), (painter.canvas_changed, self._on_canvas)):
            with suppress(TypeError, RuntimeError):  # not connected any more, or the dock is gone
                signal.disconnect(slot)

    def _make_way_for(self, painter: Any) -> None:
        """Draw no tile of the slide for a moment after each stroke: strokes go first."""
        before, self._painter = self._painter, painter
        if before is painter:
            return
        if before is not None:
            with suppress(TypeError, RuntimeError):
                before.stroke_drawn.disconnect(self._rest)
        if painter is not None:
            painter.stroke_drawn.connect(self._rest)

    def _rest(self, _milliseconds: float) -> None:
        if self._desk.shown is not None:
            self._desk.shown.drawer.rest(_REST)

    # ---- and back

    def paint_back(self) -> None:
        """Lay the canvas over the slide."""
        try:
            field = self._field()
        except HistosynthError as error:
            self._desk.failed.emit(str(error))
            return
        shown = self._desk.shown
        assert shown is not None
        size = shown.levels.shape

        def work(_tell: Tell, _is_cancelled: Asked) -> Patch:
            return patch_of(field, size)

        def painted(patch: Patch) -> None:
            if self._desk.shown is not shown:
                return
            try:
                self._desk.paint(patch)
            except HistosynthError as error:
                self._desk.failed.emit(str(error))
                return
            self._say("The field is painted into the slide, at all magnifications.")

        self.job.start("Painting back", work, painted, self._desk.failed.emit)

    def _field(self) -> PaintedField:
        """Return what is to be painted back.

        Raises
        ------
        ImageError
            If there is none, or it is not drawn to the end.
        """
        painter, shown = painter_of(self._desk.viewer), self._desk.shown
        if shown is None or painter is None or painter.stage is None or painter.model is None:
            raise ImageError(
                "There is no canvas to paint back; send a field of the slide to the canvas first."
            )
        if painter.is_drawing:
            raise ImageError("The canvas is still being drawn; paint back once it is.")
        stage = painter.stage
        labels = np.asarray(stage.labels.data)
        edited = None
        if self.only_edited.isChecked():
            if self._sent is None or self._sent[0] is not stage.labels or self._sent[1].shape != labels.shape:
                raise ImageError(
                    "What was edited on this canvas is not known: it was not sent from here; without the "
                    "tick all of it is painted back."
                )
            edited = labels != self._sent[1]
        where = window_on(shown.layer, stage.labels, stage.shape, painter.model.um_per_px)
        return PaintedField(np.array(stage.pixels), where, edited)

    def take_back(self) -> None:
        """Take away what was painted back last."""
        try:
            self._desk.take_back()
        except OSError as error:
            self._desk.failed.emit(f"The field cannot be taken back: {error.strerror or error}.")
            return
        self._say("The field that was painted last is taken away.")

    def close_down(self) -> None:
        """Let go of the canvas and the thread."""
        self._let_go()
        self._make_way_for(None)
        self.job.cancel()

    def show_state(self) -> None:
        """Offer what can be done now."""
        levels = self._desk.levels
        self.send.setEnabled(levels is not None)
        self.back.setEnabled(levels is not None and not self.job.is_busy)
        self.undo.setEnabled(levels is not None and len(levels.overlay) > 0 and not self.job.is_busy)

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)
