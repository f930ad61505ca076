"""A canvas as the drawing thread holds it: labels, engine, picture, and what of it is out of date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.ui.dirty import CELL, DirtyCells
from napari_histosynth.ui.previews import Ingredient, Previews
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.shadow import Shadow
from napari_histosynth.ui.sketches import Sketches, View

_PRIOR_SPEED = 1.5e6  # px/s: what a laptop draws, until it is known what this machine does
_SMOOTHING = 0.2  # share of the newest measurement in the speed


class Engine(Protocol):
    """What the thread needs of :class:`napari_histosynth.paint.canvas.Canvas`."""

    def affected(self, window: Window) -> Window:
        """Return the pixels that change with the labels of a window."""

    def render(
        self, window: Window | None = None, *, cancel: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.uint8]:
        """Draw a window."""

    def sketch(
        self, window: Window, factor: int, *, cancel: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """Sketch a window at a fraction of the resolution, if that is any faster."""

    def provenance(self) -> Provenance:
        """Return what made the picture."""


EngineMaker = Callable[[Labels], Engine]
"""Builds the engine on a label map that it reads anew at each render."""


@dataclass
class Scene:
    """A canvas being painted.

    Attributes
    ----------
    number : int
        That all reports about it carry.
    source : array_like
        The layer's data.
    shadow : Shadow
        Labels as they were drawn last.
    engine : Engine
        What draws.
    pyramid : Pyramid
        The picture.
    stale, urgent, held : DirtyCells
        Out of date after a new canvas or look; after an edit; put off by the user, or by an error.
    sketches : Sketches
        Where the picture shows a sketch.
    most : int
        Cells at the fullest since the last rest.
    since : float, optional
        When the oldest edit came that is not drawn.
    focus : tuple of float, optional
        Where was edited last (y, x).
    resting, failed : bool
        Whether nothing is left to draw, and whether what is held waits for the next edit, not for the user.
    sketchable : bool
        Whether the engine can sketch, as far as is known.
    previewing : bool
        Whether the look changes all the time; nothing but previews and edits is drawn then.
    previews : Previews or None
        What shows these, and remembers what was drawn for them.
    speed : float
        Pixels a second.
    """

    number: int
    source: Any
    shadow: Shadow
    engine: Engine
    pyramid: Pyramid
    stale: DirtyCells
    urgent: DirtyCells
    held: DirtyCells
    sketches: Sketches
    most: int = 0
    since: float | None = None
    focus: tuple[float, float] | None = None
    resting: bool = False
    failed: bool = False
    sketchable: bool = True
    previewing: bool = False
    previews: Previews | None = None
    speed: float = _PRIOR_SPEED

    @classmethod
    def started(
        cls, number: int, source: Any, scheme: TissueScheme, make: EngineMaker, pyramid: Pyramid | None
    ) -> Scene:
        """Copy the labels, build the engine, and mark everything as out of date.

        Parameters
        ----------
        number : int
            Number of the scene.
        source : array_like
            The layer's data, (y, x) of any integer dtype.
        scheme : TissueScheme
            Scheme of the labels.
        make : callable
            Builds the engine.
        pyramid : Pyramid, optional
            Picture to draw over, of the same shape; a blank one by default.
        """
        shadow = Shadow(source, scheme)
        shape = (shadow.labels.shape[0], shadow.labels.shape[1])
        if pyramid is None:
            pyramid = Pyramid(shape)
        stale, urgent, held = (DirtyCells(shape) for _ in range(3))
        scene = cls(
            number, source, shadow, make(shadow.labels), pyramid, stale, urgent, held, Sketches(shape)
        )
        stale.add(Window.of_shape(shape))
        return scene

    @property
    def waiting(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.urgent) or bool(self.stale)

    @property
    def left(self) -> int:
        """Cells that are still to be drawn."""
        return len(self.urgent) + len(self.stale)

    @property
    def dirty(self) -> DirtyCells:
        """What is to be drawn next: edits before all else."""
        return self.urgent or self.stale

    def remake(self, make: EngineMaker) -> None:
        """Take another engine into use, for which everything is out of date."""
        whole = Window.of_shape(self.shadow.labels.shape)
        self.engine = make(self.shadow.labels)
        self.stale.add(whole)
        self.sketches.forget(whole)
        self.held.clear()
        self.focus, self.failed, self.sketchable = None, False, True
        self.previewing = False

    def preview(
        self,
        make: EngineMaker,
        blend: Sequence[Ingredient],
        view: View | None,
        cancel: Callable[[], bool],
    ) -> Window | None:
        """Show what is in sight by another engine, as well as that goes in a moment.

        Returns
        -------
        Window or None
            What is shown; None if there is nothing yet.
        """
        if not self.previewing:
            self.previewing = True
            self.stale.clear()
            self.held.clear()
        if self.previews is None:
            self.previews = Previews(self.pyramid, self.shadow.labels)
        self.engine = make(self.shadow.labels)
        found = self.previews.show(self.engine, blend, view, self.speed, cancel)
        if found is None:
            return None
        self.speed = found.speed  # the next drag begins with what this one has learned
        return found.window

    def end_previews(self) -> None:
        """Draw by the present engine what was only previewed."""
        if self.previewing:
            self.previewing = False
            whole = Window.of_shape(self.shadow.labels.shape)
            self.stale.add(whole)
            self.sketches.forget(whole)

    def follow(self, window: Window | None, since: float | None) -> dict[int, int]:
        """Copy what was edited in a window, or anywhere, and mark what it changes.

        Returns
        -------
        dict of int to int
            Values outside the scheme among the changes, and how many pixels hold them.
        """
        changes = self.shadow.update(self.source, window)
        for changed in changes.windows:
            self.mark(self.engine.affected(changed), changed, since)
        return changes.strays

    def mark(self, affected: Window, changed: Window, since: float | None) -> None:
        """Note that a window is out of date by a change in another one, at a time."""
        self.previews = None  # of other labels or looks
        self.urgent.add(affected)
        self.sketches.forget(affected)
        self.focus = ((changed.y0 + changed.y1) / 2, (changed.x0 + changed.x1) / 2)
        self.since = since  # what is newest is drawn next, so its delay is what one sees

    def worth_sketching(self, view: View | None, patience: float) -> Window | None:
        """Return what is to be sketched, if drawing what is in sight takes longer than ``patience`` s."""
        if not self.sketchable:
            return None
        dirty = self.dirty
        in_sight = dirty.count(None if view is None else view.window) * CELL**2
        return self.sketches.missing(dirty, view) if in_sight / self.speed > patience else None

    def draw(self, window: Window, cancel: Callable[[], bool]) -> None:
        """Draw a window, put it into the picture, and learn how fast that goes."""
        started = time.perf_counter()
        self.pyramid.write(window, self.engine.render(window, cancel=cancel))
        speed = window.area / max(time.perf_counter() - started, 1e-6)
        self.speed += _SMOOTHING * (speed - self.speed)
        self.stale.discard(window)
        self.held.discard(window)

    def sketch(self, window: Window, view: View | None, cancel: Callable[[], bool]) -> bool:
        """Sketch a window into the picture where it is out of date; return whether it could be sketched."""
        pixels = self.engine.sketch(window, self.sketches.factor(view), cancel=cancel)
        self.sketchable = pixels is not None
        if pixels is not None:
            self.sketches.put(self.pyramid, window, view, pixels, self.dirty)
        return self.sketchable
