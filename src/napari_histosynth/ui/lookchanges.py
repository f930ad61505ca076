"""The part of a painter that changes the look: seeds, styles, and what lies on the desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_histosynth.ui.look import Look, Looks
from napari_histosynth.ui.models import engine_maker
from napari_histosynth.ui.previews import Ingredient

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.ui.drawing import DrawingThread
    from napari_histosynth.ui.lookdesk import LookDesk
    from napari_histosynth.ui.stage import Stage


class LookChanges:
    """What :class:`~napari_histosynth.ui.painter.Painter` does about its look."""

    looks: Looks
    desk: LookDesk
    stage: Stage | None
    model: PaintModel | None
    look_changed: Any
    progressed: Any
    _thread: DrawingThread
    shown: Look | None = None  # what is previewed in place of the present look
    _previewed = False

    @property
    def is_previewing(self) -> bool:
        """Whether another look than the present one is shown for a moment."""
        return self._previewed

    def choose_look(self, look: Look) -> None:
        """Draw with other seeds, or in a style that is given."""
        self._redraw_if(self.looks.choose(look))

    def preview_look(self, look: Look, blend: Sequence[tuple[float, Look]] = ()) -> None:
        """Show what is in sight in another look, or nearly, and soon another one; then choose one.

        It is no step back. Until :meth:`choose_look` is called, nothing else is drawn.

        Parameters
        ----------
        look : Look
            What is to be shown.
        blend : sequence of (float, Look)
            Looks whose pictures, mixed by these weights, are much like it: what takes long is mixed of them.
        """
        if self.stage is not None and self.model is not None:
            self._previewed, self.shown = True, look
            self._thread.look_at(self.stage.view())
            parts = [
                Ingredient(weight, one, engine_maker(self.model, one, self.desk)) for weight, one in blend
            ]
            self._thread.preview(engine_maker(self.model, look, self.desk), parts)

    def end_previews(self) -> None:
        """Draw the present look again if another was previewed, and none chosen after it."""
        if self._previewed:
            self._redraw_if(False)

    def new_look(self) -> None:
        """Draw with new seeds where they are not locked."""
        self._redraw_if(self.looks.renew())

    def look_back(self) -> None:
        """Draw with the look before this one."""
        self._redraw_if(self.looks.back())

    def redraw_looks(self) -> None:
        """Draw what is others by what now lies on the desk."""
        if self.stage is not None:
            self._thread.look_at(self.stage.view())
            self._thread.amend(self.desk.amend)

    def _redraw_if(self, changed: bool) -> None:
        """Draw all anew if the look has changed, or another was shown meanwhile."""
        self.shown = None
        if (changed or self._previewed) and self.stage is not None and self.model is not None:
            self._previewed = False
            self._thread.look_at(self.stage.view())
            self._thread.remake(engine_maker(self.model, self.looks.present, self.desk))
            self.progressed.emit(0.0)
        self.look_changed.emit()
