"""The way from one layout to another: its ends, and what the canvas takes on while one moves along it."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.jobs import Asked, Job, Tell
from napari_histosynth.ui.layoutdesk import LayoutDesk, noted_change
from napari_histosynth.ui.layoutput import Change, data_of, locked_of
from napari_histosynth.ui.layoutwork import Made, Place, Sheet

ENDS = ("A", "B")


class LayoutWay(QObject):
    """Moves the canvas of a desk from one layout to another.

    While one drags, what lies between is drawn in a thread, the newest wish next, and shown in no step of
    history; the H&E follows as it follows strokes. Let go, it is one step of undo.

    Parameters
    ----------
    desk : LayoutDesk
        Has model and canvas.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    ends : dict of str to Place
        The layouts, by "A" and "B".
    share : float
        Where one is, 0 at A to 1 at B.
    job : Job
        What draws.
    moved : Signal
        Ends or share are others now.
    previewed : Signal
        A preview is shown.
    """

    moved = Signal()
    previewed = Signal()

    def __init__(self, desk: LayoutDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.ends: dict[str, Place] = {}
        self.share = 0.0
        self.nuclei = True
        self.job = Job(self)
        self._wish: tuple[float, bool] | None = None
        self._fitted: dict[tuple[Place, Sheet], Made] = {}  # ends as they are on the canvas
        self._model = desk.model
        self._closed = False
        self._soon = QTimer(self)  # once what was drawn is shown
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._next)
        self.job.ended.connect(self._soon.start)
        desk.changed.connect(self._on_desk)

    @property
    def is_whole(self) -> bool:
        """Whether both ends are there."""
        return all(end in self.ends for end in ENDS)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being drawn or written, or waits for it."""
        return self.job.is_busy or self._wish is not None or self.desk.putter.is_busy

    def set_end(self, end: str, place: Place) -> None:
        """Let the way begin ("A") or end ("B") at a layout; the canvas stays as it is."""
        self.ends[end] = place
        self.share = float(ENDS.index(end))
        self.moved.emit()

    def swap(self) -> None:
        """Turn the way around, staying where one is."""
        turned = zip(ENDS, ENDS[::-1], strict=True)
        self.ends = {end: self.ends[other] for end, other in turned if other in self.ends}
        self.share = 1 - self.share
        self.moved.emit()

    def take_canvas(self, end: str) -> None:
        """Let the way begin or end at what is on the canvas."""
        made = self.desk.on_canvas()
        if made is None:
            self.desk.failed.emit(
                "The canvas shows no layout that was drawn here; find its nearest layout with From H&E."
            )
        else:
            self.set_end(end, made.place)

    def set_share(self, share: float, dragging: bool = False) -> None:
        """Go to a share of the way, and let the canvas take it on.

        Parameters
        ----------
        share : float
            0 to 1; what lies outside is taken to the nearest.
        dragging : bool
            Whether another follows at once: only a preview is shown then.
        """
        self.share = float(min(max(share, 0.0), 1.0))
        self.moved.emit()
        if self.is_whole:
            self._wish = (self.share, dragging)
            self._next()

    def made_ends(self, sampler: Any, sheet: Sheet, is_cancelled: Asked) -> tuple[Made, Made]:
        """Return both ends on a sheet; in a thread."""
        keys = [(self.ends[end], sheet) for end in ENDS]
        for key in keys:
            if key not in self._fitted:
                self._fitted[key] = layoutwork.draw(sampler, *key, layoutwork.ignored, is_cancelled)
        first, second = (self._fitted[key] for key in keys)
        self._fitted = dict(zip(keys, (first, second), strict=True))
        return first, second

    def close(self) -> None:
        """Draw no more; a preview gives way to what was there. Harmless when repeated."""
        if self._closed:
            return
        self._closed, self._wish = True, None
        self._soon.stop()
        self.job.cancel()
        self.desk.putter.take_back(self.desk.painter)
        self.desk.changed.disconnect(self._on_desk)

    # ---- inside

    def _next(self) -> None:
        """Draw what is wished for, unless something is being drawn."""
        if self.job.is_busy or self._wish is None or self._closed:
            return
        desk, sheet = self.desk, self.desk.canvas_sheet(self.nuclei)
        share, dragging = self._wish
        self._wish = None
        if sheet is None or desk.painter is None or desk.painter.model is None:
            desk.failed.emit("There is no canvas that could follow; make new tissue first.")
            return
        desk.putter.finish()
        data, locked, model = data_of(desk.painter), locked_of(desk.painter), desk.model
        before = desk.putter.before
        places = {end: _note_of_end(place) for end, place in self.ends.items()}

        def work(tell: Tell, is_cancelled: Asked) -> tuple[Made, Change | None]:
            sampler = layoutwork.load_sampler_cached(model)
            first, second = self.made_ends(sampler, sheet, is_cancelled)
            made = layoutwork.between(sampler, first, second, share, tell, is_cancelled)
            if dragging:
                return made, None
            more = {"between": {**places, "share": share}} if 0 < share < 1 else {}
            return made, noted_change(sampler, made, data, locked, before, **more)

        def show(done: tuple[Made, Change | None]) -> None:
            made, change = done
            painter = desk.painter
            if self._closed or painter is None:
                return
            if change is not None:
                desk.show((made, change))
            elif data is not None and desk.putter.preview(painter, made.layout.labels, data, locked):
                self.previewed.emit()

        self.job.start("The way between two layouts", work, show, self._refuse)

    def _refuse(self, sentence: str) -> None:
        self.desk.putter.take_back(self.desk.painter)
        self.desk.refuse(sentence)

    def _on_desk(self) -> None:
        """Forget layouts of another model."""
        if self.desk.model != self._model:
            self._model = self.desk.model
            self.ends, self.share, self._wish = {}, 0.0, None
            self._fitted.clear()
        self.moved.emit()


def _note_of_end(place: Place) -> dict[str, Any]:
    """Return what tells an end from others, as JSON can hold it."""
    note: dict[str, Any] = {"seed": place.seed, "grade": place.grade}
    if place.latent is not None:
        note["latent"] = [float(str(np.float32(number))) for number in place.latent]
    return note
