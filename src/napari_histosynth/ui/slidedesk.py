"""What the parts of the dock "Synthetic slide" share: the viewer, and the slide that is drawn in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.ui import slidework
from napari_histosynth.ui.jobs import Job
from napari_histosynth.ui.slidelayer import SlideLayer
from napari_histosynth.ui.slidelevels import SlideLevels, levels_in
from napari_histosynth.ui.turns import Turns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.slide.overlay import Patch
    from napari_histosynth.ui.slidework import Recipe

LARGE = 192 << 20
"""Bytes of all tiles from which memory does not hold a slide: it has to be kept to be drawn whole."""


class SlideDesk(QObject):
    """Has one slide drawn in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    shown : SlideLayer or None
        The slide.
    job : Job
        What begins, keeps and opens slides.
    changed : Signal
        Another slide is shown, or none, or it is kept elsewhere.
    progressed : Signal
        More is drawn, or something else is in sight.
    painted : Signal of object
        A window of level 0 was painted over, or what was painted there was taken back.
    said : Signal of str
        One sentence.
    failed : Signal of str
        One sentence about what went wrong; what there was is as it was.
    """

    changed = Signal()
    progressed = Signal()
    painted = Signal(object)
    said = Signal(str)
    failed = Signal(str)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.shown: SlideLayer | None = None
        self.job = Job(self)
        self._turns = Turns(self)
        self._closed = False
        self._last_failure = ""

    @property
    def levels(self) -> SlideLevels | None:
        """The slide, None if there is none."""
        return None if self.shown is None else self.shown.levels

    @property
    def store(self) -> Any:
        """Where the slide is kept, None if nowhere."""
        return None if self.shown is None else self.shown.levels.slide.store

    @property
    def must_be_kept(self) -> bool:
        """Whether the slide is kept nowhere, and too large to be drawn whole in memory."""
        levels = self.levels
        return levels is not None and self.store is None and 4 * levels.shape[0] * levels.shape[1] > LARGE

    # ---- slides

    def new(self, recipe: Recipe, layout: npt.NDArray[np.uint8] | None = None) -> bool:
        """Begin a slide in the background, and show it; return whether that was begun.

        Parameters
        ----------
        recipe : Recipe
            Which.
        layout : ndarray, optional
            uint8 (y, x) at 32 um a px, painted by somebody; drawn from the seed by default.
        """
        work = partial(slidework.new_slide, recipe, layout)
        return self._start("A new slide", work, self._show)

    def open(self, path: Path) -> bool:
        """Open a slide that is kept in a folder; return whether that was begun."""
        return self._start(f"Opening {path.name}", partial(slidework.open_slide, path), self._show)

    def keep(self, path: Path) -> bool:
        """Keep the slide in a folder from now on; return whether that was begun."""
        shown = self.shown
        if shown is None:
            return False

        def kept(path: Path) -> None:
            self.said.emit(f"The slide is kept in {path}.")
            self.changed.emit()

        return self._start(
            f"Keeping it in {path.name}", partial(slidework.keep_slide, shown.levels, path), kept
        )

    def _start(self, what: str, work: Any, then: Any) -> bool:
        begun = self.job.start(what, work, then, self._refuse)
        if not begun:
            self.failed.emit("Another slide is being made ready; wait for it, or cancel it.")
        return begun

    def _refuse(self, sentence: str) -> None:
        if self._closed:
            return
        if sentence.endswith("was cancelled."):
            self.said.emit(sentence)
        else:
            self.failed.emit(sentence)
        self.changed.emit()

    def _show(self, levels: SlideLevels) -> None:
        """Show a slide that was made ready; the one before makes room."""
        if self._closed:
            return
        before = self._put_away()
        self._take(SlideLayer(self.viewer, levels, parent=self), fit=True)
        if before is not None and before.layer in self.viewer.layers:
            overlay = before.levels.overlay
            if len(overlay) and overlay.folder is None:
                before.layer.visible = False
                self.said.emit(
                    "What was painted into the slide before is kept nowhere, so its layer stays, unseen."
                )
            else:
                self.viewer.layers.remove(before.layer)
        # bars repaint the window at once: in a turn of its own, after napari has painted the new layer
        self._turns.add(self.changed.emit)

    def adopt(self) -> None:
        """Go on with a slide that is in the viewer already, left by a dock that was closed."""
        for layer in self.viewer.layers:
            levels = levels_in(layer)
            if levels is not None and levels.owner is None:
                self._take(SlideLayer(self.viewer, levels, layer, self), fit=False)
                self.changed.emit()
                return

    def _take(self, shown: SlideLayer, *, fit: bool) -> None:
        shown.levels.owner = self
        shown.progressed.connect(self.progressed)
        shown.failed.connect(self._on_failed)
        shown.removed.connect(self._on_removed)
        self.shown = shown
        shown.show(fit=fit)

    def _put_away(self) -> SlideLayer | None:
        """Let go of the slide; its layer stays."""
        shown, self.shown = self.shown, None
        if shown is not None:
            shown.close()
            shown.levels.owner = None
        return shown

    # ---- what is painted

    def paint(self, patch: Patch) -> None:
        """Lay a painted field over the slide.

        Raises
        ------
        SaveError
            If it cannot be kept.
        """
        if self.shown is not None:
            self.shown.levels.overlay.add(patch)
            self._on_painted(patch.window)

    def take_back(self) -> None:
        """Take the field away that was painted last."""
        window = None if self.shown is None else self.shown.levels.overlay.take_back()
        if window is not None:
            self._on_painted(window)

    def _on_painted(self, window: Any) -> None:
        assert self.shown is not None
        self.shown.painted(window)
        self.painted.emit(window)
        self.changed.emit()

    # ---- what happens

    def _on_failed(self, sentence: str) -> None:
        """Say why no more is drawn, once: each look elsewhere tries again."""
        if sentence != self._last_failure:
            self._last_failure = sentence
            self.failed.emit(sentence)
        self.progressed.emit()

    def _on_removed(self) -> None:
        shown, self.shown = self.shown, None
        if shown is not None:
            shown.levels.owner = None
        self.changed.emit()

    def close(self) -> None:
        """Stop drawing; the layer stays. Harmless when repeated."""
        self._closed = True
        self._turns.drop()
        self.job.cancel()
        self._put_away()
