"""The controller behind the dock: it holds the model, the layers, the drawing thread and all connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import HistosynthError, ModelError
from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui import layers, prepare
from napari_histosynth.ui.drawing import DrawingThread
from napari_histosynth.ui.follow import LabelsFollower
from napari_histosynth.ui.layoutnote import with_note
from napari_histosynth.ui.look import Looks
from napari_histosynth.ui.lookchanges import LookChanges
from napari_histosynth.ui.lookdesk import LookDesk
from napari_histosynth.ui.models import engine_maker, load_cached
from napari_histosynth.ui.painters import painters
from napari_histosynth.ui.reports import Begun, Failed, Idle, Patch, Preview, Report, Strays, Told
from napari_histosynth.ui.save import Painting
from napari_histosynth.ui.savequeue import SaveQueue
from napari_histosynth.ui.stage import Stage
from napari_histosynth.ui.succession import layer_for, pieces_of
from napari_histosynth.ui.tasks import Tasks
from napari_histosynth.ui.turns import Turns

if TYPE_CHECKING:
    from napari_histosynth.core.tiles import Window
    from napari_histosynth.paint.model import PaintModel


class Painter(QObject, LookChanges):
    """Paints one canvas in one viewer: follows its labels and keeps its H&E up to date.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to paint.
    load : callable
        Loads a model by name or folder.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    turns : Turns
        What is still to be done to the layers, in pieces.
    model_changed, canvas_changed, look_changed : Signal
        The model, the layers, or the seeds are others now.
    progressed : Signal of float
        Share of the drawing that is done; 1 when nothing is left to draw.
    stroke_drawn : Signal of float
        Milliseconds from an edit to its pixels.
    previewed : Signal
        A preview of another look is shown; see :meth:`preview_look`.
    held_changed : Signal of int
        About how many pixels were put off, by the user or by an error.
    told, warned, failed : Signal of str
        One sentence: what is worth knowing, was not done as it stands, or went wrong and left the picture be.
    """

    model_changed = Signal()
    canvas_changed = Signal()
    look_changed = Signal()
    progressed = Signal(float)
    stroke_drawn = Signal(float)
    previewed = Signal()
    held_changed = Signal(int)
    told = Signal(str)
    warned = Signal(str)
    failed = Signal(str)
    _reported = Signal(object)
    _orphaned = Signal(str, object)

    def __init__(
        self,
        viewer: Any,
        load: Callable[[str | Path], PaintModel] = load_cached,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.model: PaintModel | None = None
        self.model_path: str | Path = ""  # what it was loaded by
        self.looks = Looks()
        self.desk = LookDesk()
        self.stage: Stage | None = None
        self.tasks = Tasks(self)
        self.turns = Turns(self)
        self._load = load
        self._thread = DrawingThread(self._reported.emit)
        self._reported.connect(self._on_report)
        self._orphaned.connect(self._on_orphaned, Qt.ConnectionType.QueuedConnection)
        self._follower: LabelsFollower | None = None
        self._scene = 0
        self._finished = 0  # orders to the thread that it has carried out
        self._asked = 0  # orders to the thread when a snapshot was asked for last
        self._unseen = False  # pixels that the thumbnail does not show yet
        self._told = Told()
        self.saving = SaveQueue(self.tasks, self.told.emit, self.failed.emit)
        self._closed = False
        viewer.layers.events.removed.connect(self._on_layer_removed)
        painters.add(self)

    # ---- model

    def choose_model(self, name_or_path: str | Path, then: Callable[[], object] = bool) -> None:
        """Load a model in the background and draw with it.

        Parameters
        ----------
        name_or_path : str or Path
            As for :func:`napari_histosynth.load_model`.
        then : callable, optional
            Called once it is there.
        """

        def ready(model: PaintModel) -> None:
            self._use(model, name_or_path)
            then()

        what = f"Loading {Path(name_or_path).name}"
        self.tasks.run(what, lambda: self._load(name_or_path), ready, self._refuse_model)

    def _use(self, model: PaintModel, path: str | Path) -> None:
        """Take a model into use, converting the canvas first if its classes or its scale are others."""
        before, stage = self.model, self.stage
        if stage is not None and before is not None and not prepare.draws_the_same(before, model):
            data, name = stage.labels.data, stage.labels.name

            def ready(labels: Labels) -> None:
                self._take_model(model, path)
                self.model_changed.emit()
                if self.stage is stage:
                    stage.touched = True  # the labels of the other scheme are kept, out of sight
                    self.new_canvas(labels)

            work = partial(prepare.converted, data, before, model, name)
            self.tasks.run("Converting the canvas", work, ready, self._refuse_model)
            return
        self._take_model(model, path)
        if stage is not None and model is not before:
            self._told.forget_strays()
            self._begin()
        self.model_changed.emit()

    def _take_model(self, model: PaintModel, path: str | Path) -> None:
        """Hold a model; a style that was given for another is none for it."""
        self.model, self.model_path = model, path
        if self.looks.leave_other_models(model):
            self.look_changed.emit()

    def _refuse_model(self, sentence: str) -> None:
        """Say why a model is not used; whoever shows the choice goes back to what is in use."""
        self.failed.emit(sentence)
        self.model_changed.emit()

    def _needs_model(self) -> PaintModel:
        """Return the model, or raise ModelError."""
        if self.model is None:
            raise ModelError("No model is loaded; choose one first.")
        return self.model

    # ---- canvas

    def new_canvas(
        self,
        labels: Labels,
        name: str = layers.LABELS_NAME,
        *,
        translate: Sequence[float] | None = None,
        fit: bool = True,
    ) -> None:
        """Put up a new canvas in ``turns``: in the layers of the one before, unless somebody painted there.

        Parameters
        ----------
        labels : ndarray
            uint8 (y, x) in the model's scheme and scale; becomes the data of a Labels layer.
        name, translate, fit
            Name of that layer; where its first pixel lies (y, x), in um; whether to bring all of it in sight.
        """
        model = self._needs_model()
        self.turns.finish()
        before = self._release()
        self._take_up(layer_for(labels, name, translate, model, self.viewer, before), before)
        if fit:
            self.turns.add(self.viewer.reset_view)

    def paint_on(self, layer: Any) -> None:
        """Paint on a Labels layer that is there already, in place.

        Raises
        ------
        HistosynthError
            If no model is loaded, or the layer cannot be a canvas; see :func:`prepare.origin_of_layer`.
        """
        model = self._needs_model()
        prepare.origin_of_layer(layer, model)
        self.turns.finish()
        before = self._release()
        layers.dress(layer, model.scheme, model.um_per_px)
        self._take_up(layer, before)
        assert self.stage is not None
        self.stage.touched = True  # somebody's work: never removed by us

    def _take_up(self, layer: Any, before: Stage | None) -> None:
        """Follow and draw a layer; have it and its picture put up, and those before put away."""
        model = self._needs_model()
        if before is not None and before.labels is not layer:
            self.turns.add(*before.put_away())
            before = None
        self.stage = Stage(self.viewer, layer, model.um_per_px, self, before)
        self._told.forget_strays()
        if self.looks.renewed_for_canvas():
            self.look_changed.emit()
        self._begin()
        self._follower = LabelsFollower(
            layer, edited=self._on_edited, compare=self._on_compare, replaced=self._on_replaced
        )
        self.canvas_changed.emit()
        self.turns.add(*pieces_of(self.stage, model))

    def _let_be(self) -> None:
        """Let go of the present canvas, leaving its layers as they are."""
        self._release()
        self.progressed.emit(1.0)
        self.canvas_changed.emit()

    def _release(self) -> Stage | None:
        """Stop following and drawing; return what was painted on."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        stage, self.stage = self.stage, None
        if stage is not None:
            self._thread.end()
            self.desk.clear()
            self._scene += 1
            self.saving.give_up()
            stage.close()
            stage.deleteLater()
        return stage

    def _begin(self) -> None:
        """Draw all of the present labels anew."""
        assert self.stage is not None
        self._scene += 1
        self.saving.give_up()
        self._thread.look_at(self.stage.view())
        model, labels = self._needs_model(), self.stage.labels.data
        make = engine_maker(model, self.looks.present, self.desk)
        self.stage.shape = labels.shape
        self._thread.begin(self._scene, labels, model.scheme, make, self.stage.pyramid)
        self.progressed.emit(0.0)

    # ---- drawing

    def stop_drawing(self) -> None:
        """Put off what is left to draw."""
        self._thread.hold()

    def draw_rest(self) -> None:
        """Draw what was put off."""
        self.progressed.emit(0.0)
        self._thread.resume()

    @property
    def is_drawing(self) -> bool:
        """Whether anything is being put up or drawn, or an edit may still have to be."""
        return self.stage is not None and (self._finished != self._thread.orders or self.turns.is_busy)

    # ---- saving

    def save(self, files: dict[str, Path]) -> None:
        """Save the canvas once all of it is drawn.

        Parameters
        ----------
        files : dict of str to Path
            Where to write each of :data:`napari_histosynth.ui.save.KINDS` that is wanted; what is there is
            replaced, so ask first.
        """
        if self.stage is None:
            self.failed.emit("There is no canvas to save; make one first.")
            return
        self.saving.add(files)
        self._thread.ask_snapshot()
        self._asked = self._thread.orders

    # ---- what comes in

    def _on_edited(self, window: Window) -> None:
        if self.stage is not None:
            self.stage.touched = True
            self._thread.look_at(self.stage.view())
            self._thread.edited(window)

    def _on_compare(self) -> None:
        if self.stage is not None:
            self._thread.look_at(self.stage.view())
            self._thread.compare()

    def _on_replaced(self) -> None:
        """Follow a layer to its new data, if it can still be painted on."""
        stage, model = self.stage, self._needs_model()
        if stage is None:
            return
        try:
            prepare.origin_of_layer(stage.labels, model)
        except HistosynthError as error:
            self.failed.emit(str(error))
            self._let_be()
            return
        stage.touched = True
        if stage.labels.data.shape == stage.shape:
            self._thread.compare(stage.labels.data)
        else:
            self._begin()
            self.canvas_changed.emit()

    def _on_report(self, report: Report) -> None:
        """Act on what the drawing thread says, on the main thread."""
        if self._closed or self.stage is None or report.scene != self._scene:
            return
        if isinstance(report, Begun):
            if self.stage.take(report.pyramid):
                self.canvas_changed.emit()
        elif isinstance(report, Patch):
            self._told.forget_failure()
            self.stage.show(soon=report.sketch or report.since is not None)
            self._thread.look_at(self.stage.view())
            if report.since is not None:
                self.stage.touched = True
                self.stroke_drawn.emit((time.perf_counter() - report.since) * 1000)
            self._unseen = True
            self.progressed.emit(report.done)
        elif isinstance(report, Preview):
            self.stage.show(soon=True)
            self._thread.look_at(self.stage.view())
            self.previewed.emit()
        elif isinstance(report, Idle):
            if report.orders >= self._asked:
                self.saving.give_up()
            if self._unseen:
                self.stage.refresh_thumbnail()
            self._unseen = False
            self._finished = report.orders
            self.held_changed.emit(report.held)
            self.progressed.emit(1.0)
        elif isinstance(report, Strays):
            if new := self._told.new_strays(report):
                self.warned.emit(self._needs_model().scheme.describe_strays(new))
        elif isinstance(report, Failed):
            if self._told.is_new_failure(report):
                self.failed.emit(report.sentence)
        else:
            scheme = self._needs_model().scheme
            made = with_note(report.provenance, self.stage.labels)
            self.saving.write(Painting(report.pixels, report.labels, scheme, made))

    def _on_layer_removed(self, event: Any) -> None:
        """Let go of the canvas when one of its layers is removed."""
        if self.stage is not None and self.stage.holds(event.value):
            what = "labels" if event.value is self.stage.labels else "H&E"
            other = self.stage.picture if event.value is self.stage.labels else self.stage.labels
            self.stage.sheet.removed = event.value is self.stage.labels
            self._let_be()
            self._orphaned.emit(what, other)

    def _on_orphaned(self, what: str, other: Any) -> None:
        """Say that a layer is gone, unless all are: the viewer closes, or its user cleans up."""
        if not self._closed and other in self.viewer.layers:
            self.told.emit(f"The {what} layer was removed, so nothing is drawn any more; make a new canvas.")

    def close(self) -> None:
        """Disconnect everything and stop the threads; layers stay as they are. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        painters.remove(self)
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.turns.drop()
        self._release()
        self._thread.close()
        self.tasks.close()
