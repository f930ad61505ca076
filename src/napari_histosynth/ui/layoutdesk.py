"""The controller behind the dock "New tissue": which layouts there are, and what of them is on the canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.docked import dock_painter
from napari_histosynth.ui.jobs import Asked, Job, Tell
from napari_histosynth.ui.layoutnote import note_of
from napari_histosynth.ui.layoutput import CanvasPutter, Change, change_of, data_of, locked_of
from napari_histosynth.ui.layoutwork import Made, Place, Sheet
from napari_histosynth.ui.painters import painter_of, painters

if TYPE_CHECKING:
    from napari_histosynth.ui.painter import Painter

Answer = Callable[[], object]
_DRAWN = 0.9  # share of the work that drawing is
_RECENT, _SMALL = 7, 1 << 21  # layouts that are remembered, and px of those that are
_ALIKE, _STEP = 0.6, 4  # share of pixels by which a canvas is known again, of each fourth


class LayoutDesk(QObject):
    """Lays out tissue on the canvas of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the canvas is, or is to be.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    model : str
        Name of the model of layouts in use; empty if there is none.
    job : Job
        What draws, fills and reads.
    putter : CanvasPutter
        What writes to the canvas.
    changed : Signal
        Model, canvas or what is on it are others now.
    said, failed : Signal of str
        One sentence: what happened, or what went wrong and left everything as it was.
    """

    changed = Signal()
    said = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.model = ""
        self.job = Job(self)
        self.putter = CanvasPutter(self)
        self._recent: list[Made] = []
        self._painter: Painter | None = None
        self._waiting: tuple[Painter, Answer] | None = None
        self._closed = False
        painters.changed.connect(self._follow)
        self._follow()

    # ---- canvas

    @property
    def painter(self) -> Painter | None:
        """What paints in the viewer, None if nothing does."""
        return self._painter

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of the canvas, None without one."""
        stage = None if self._painter is None else self._painter.stage
        return None if stage is None else stage.shape

    @property
    def um_per_px(self) -> float:
        """Scale of the canvas, or of what it would have."""
        model = None if self._painter is None else self._painter.model
        return layoutwork.PLAIN_UM if model is None else model.um_per_px

    @property
    def can_have_nuclei(self) -> bool:
        """Whether the canvas's model knows nuclei; true without one, since the usual model does."""
        model = None if self._painter is None else self._painter.model
        return model is None or "nuclei" in model.scheme.names

    def sheet(self, shape: tuple[int, int], nuclei: bool) -> Sheet:
        """Return the sheet for a canvas of a size; see :meth:`needs_painter`."""
        model = None if self._painter is None else self._painter.model
        return Sheet(shape, nuclei=False) if model is None else Sheet.of(model, shape, nuclei)

    def canvas_sheet(self, nuclei: bool) -> Sheet | None:
        """Return the sheet of the canvas that there is, None without one."""
        return None if self.shape is None else self.sheet(self.shape, nuclei)

    def needs_painter(self, then: Answer) -> None:
        """Do something once there is a model that paints; the dock that paints is opened if there is none."""
        painter = self._painter
        if painter is None:
            dock_painter(self.viewer)
            painter = self._painter
        if painter is None:
            self.failed.emit("Nothing paints in this window; open Paint tissue.")
        elif painter.model is not None:
            then()
        else:
            self.said.emit("Paint tissue loads its model …")
            self._let_go()
            self._waiting = (painter, then)
            painter.model_changed.connect(self._go_on)

    def _go_on(self) -> None:
        if self._waiting is not None and self._waiting[0].model is not None:
            then = self._waiting[1]
            self._let_go()
            then()

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[0].model_changed.disconnect(self._go_on)

    # ---- layouts

    def use(self, model: str) -> None:
        """Lay out by another model from now on."""
        if model != self.model:
            self.model = model
            self._recent.clear()
            self.changed.emit()

    def new(self, place: Place, shape: tuple[int, int], nuclei: bool) -> None:
        """Put a layout on the canvas: one step of undo, or a new canvas where the size is another."""

        def begin() -> None:
            self.start("New tissue", self._drawing(place, self.sheet(shape, nuclei)), self.show)

        if not self.model:
            self.failed.emit(layoutwork.NO_MODEL)
        else:
            self.needs_painter(begin)

    def _drawing(self, place: Place, sheet: Sheet) -> Callable[[Tell, Asked], tuple[Made, Change]]:
        """Return what draws a layout and works out what it changes."""
        model, data, locked = self.model, data_of(self._painter), locked_of(self._painter)

        def work(tell: Tell, is_cancelled: Asked) -> tuple[Made, Change]:
            sampler = layoutwork.load_sampler_cached(model)
            made = layoutwork.draw(sampler, place, sheet, lambda share: tell(_DRAWN * share), is_cancelled)
            return made, noted_change(sampler, made, data, locked)

        return work

    def show(self, done: tuple[Made, Change]) -> None:
        """Put what was drawn on the canvas."""
        made, change = done
        painter = self._painter
        if self._closed or painter is None or painter.model is None:
            return
        fits = made.sheet.scheme == painter.model.scheme
        if not fits or not self.putter.put(painter, change, partial(self._is_there, made)):
            self.failed.emit("The canvas became another one meanwhile; nothing was done.")

    def _is_there(self, made: Made) -> None:
        self._recent = [*self._recent[-_RECENT:], made] if made.layout.labels.size <= _SMALL else [made]
        self.said.emit(f"On the canvas: {made.place.caption}.")
        self.changed.emit()

    def on_canvas(self) -> Made | None:
        """Return the layout that the canvas shows, edited or not; None if it is none that was drawn here."""
        data = data_of(self._painter)
        best, agreed = None, _ALIKE
        for made in self._recent:
            labels = made.layout.labels
            if data is not None and labels.shape == data.shape:
                share = float(np.mean(labels[::_STEP, ::_STEP] == data[::_STEP, ::_STEP]))
                if share >= agreed:
                    best, agreed = made, share
        return best

    def start(self, what: str, work: Callable[[Tell, Asked], Any], then: Callable[[Any], object]) -> bool:
        """Begin work, unless other work is being done: that is said then. Return whether it was begun."""
        if self.job.is_busy:
            self.failed.emit("Tissue is being drawn already; wait for it, or cancel it.")
            return False
        self.putter.finish()
        self.said.emit(f"{what} …")
        return self.job.start(what, work, then, self.refuse)

    def refuse(self, sentence: str) -> None:
        """Say why something was not done."""
        if not self._closed:
            (self.said if sentence.endswith("was cancelled.") else self.failed).emit(sentence)

    # ---- whose canvas it is

    def _follow(self) -> None:
        """Take up another painter, if there is another."""
        painter = painter_of(self.viewer)
        if painter is self._painter:
            return
        self._leave()
        self._painter = painter
        if painter is not None:
            painter.canvas_changed.connect(self._on_canvas)
            painter.model_changed.connect(self.changed)
        self._on_canvas()

    def _leave(self) -> None:
        painter, self._painter = self._painter, None
        self._let_go()
        if painter is not None:
            painter.canvas_changed.disconnect(self._on_canvas)
            painter.model_changed.disconnect(self.changed)

    def _on_canvas(self) -> None:
        self.changed.emit()

    def close(self) -> None:
        """Let go of the canvas, and stop all work. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        painters.changed.disconnect(self._follow)
        self.job.cancel()
        self.putter.finish()
        self._leave()


def noted_change(
    sampler: Any,
    made: Made,
    data: npt.NDArray[Any] | None,
    locked: frozenset[int],
    before: npt.NDArray[Any] | None = None,
    **more: Any,
) -> Change:
    """Work out what a layout changes on a canvas, with a note of it; in a thread.

    See :func:`.layoutput.change_of` and :func:`.layoutnote.note_of`.
    """
    change = change_of(made.layout.labels, None, data, locked, before)
    return replace(change, note=note_of(made, sampler.model, change.labels, **more))
