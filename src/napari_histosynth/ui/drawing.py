"""The thread that draws: takes what is out of date, newest first, and reports finished pixels.

It knows neither napari nor Qt: orders go in by method calls from any thread, reports come out through a
callback that is called on the drawing thread.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.ui.dirty import CELL
from napari_histosynth.ui.previews import Ingredient
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.reports import Begun, Failed, Idle, Patch, Preview, Report, Snapshot, Strays
from napari_histosynth.ui.scene import EngineMaker, Scene
from napari_histosynth.ui.sketches import View

TILE = 384
"""Side of what is drawn at once, in pixels: what a stroke may have to wait for."""

_PATIENCE = 1.0  # s: a window that takes longer is given up when a newer edit comes
_SKETCH_AFTER = 0.3  # s: if drawing what is in sight takes longer, it is sketched first

_log = logging.getLogger(__name__)


Amendment = Callable[[Any], list[Window]]
"""Changes something about the engine besides its labels, and returns what has to be drawn again."""


@dataclass
class _Orders:
    """What was asked for since the thread last looked; newer orders replace or join older ones."""

    begin: tuple[int, Any, TissueScheme, EngineMaker, Pyramid | None] | None = None
    remake: EngineMaker | None = None
    preview: tuple[EngineMaker, Sequence[Ingredient]] | None = None
    amend: Amendment | None = None
    source: Any = None
    edits: list[Window] = field(default_factory=list)
    compare: bool = False
    since: float | None = None
    hold: bool = False
    resume: bool = False
    snapshot: bool = False
    end: bool = False


class DrawingThread:
    """Draws one canvas at a time and keeps it up to date.

    Parameters
    ----------
    report : callable
        Called on the drawing thread with each :data:`Report`.
    tile : int
        Side in pixels of what is drawn at once.
    sketch_after : float
        What is in sight is sketched first if drawing it takes longer, in seconds.
    """

    def __init__(
        self, report: Callable[[Report], None], tile: int = TILE, sketch_after: float = _SKETCH_AFTER
    ) -> None:
        self._report = report
        self._tile, self._sketch_after = tile, sketch_after
        self._wake = threading.Condition()
        self._orders = _Orders()
        self._ordered = False
        self._given = 0
        self._closing = False
        self._thread: threading.Thread | None = None
        self._scene: Scene | None = None
        self._view: View | None = None

    # ---- orders, from any thread

    def begin(
        self,
        scene: int,
        source: Any,
        scheme: TissueScheme,
        make: EngineMaker,
        pyramid: Pyramid | None = None,
    ) -> None:
        """Start on a new canvas, dropping whatever was being drawn.

        Parameters
        ----------
        scene : int
            Number that all reports about it carry.
        source : array_like
            The layer's data, (y, x) of any integer dtype.
        scheme : TissueScheme
            Scheme of the labels.
        make : callable
            Builds the engine.
        pyramid : Pyramid, optional
            Picture to draw over, of the source's shape; a blank one by default.
        """
        with self._wake:
            self._orders = _Orders(begin=(scene, source, scheme, make, pyramid))
            self._notify()

    def remake(self, make: EngineMaker) -> None:
        """Draw the same labels anew by another engine: another seed, latent or model."""
        with self._wake:
            self._orders.remake, self._orders.preview = make, None
            self._notify()

    def preview(self, make: EngineMaker, blend: Sequence[Ingredient] = ()) -> None:
        """Show the same labels by another engine, or nearly, and draw nothing else until :meth:`remake`.

        One that is not yet begun is replaced by the next; one that is begun is brought to its end, or a hand
        that never rests would see nothing.
        """
        with self._wake:
            self._orders.remake, self._orders.preview = None, (make, blend)
            self._notify()

    def amend(self, change: Amendment) -> None:
        """Change the engine, on the drawing thread, and draw what that affects.

        One that is not yet carried out is replaced: ``change`` brings all up to date each time.
        """
        with self._wake:
            self._orders.amend = change
            self._notify()

    def edited(self, window: Window) -> None:
        """Say that labels may have changed in a window."""
        with self._wake:
            self._orders.edits.append(window)
            self._edited_now()

    def compare(self, source: Any = None) -> None:
        """Say that labels may have changed anywhere, and that they now are ``source``, if it is given."""
        with self._wake:
            self._orders.compare = True
            if source is not None:
                self._orders.source = source
            self._edited_now()

    def look_at(self, view: View | None) -> None:
        """Say what is in sight: it is drawn first, from the mouse or the middle outwards."""
        self._view = view

    def hold(self) -> None:
        """Put off what is left to draw."""
        with self._wake:
            self._orders.hold, self._orders.resume = True, False  # the last word counts
            self._notify()

    def resume(self) -> None:
        """Draw what was put off."""
        with self._wake:
            self._orders.hold, self._orders.resume = False, True
            self._notify()

    def ask_snapshot(self) -> None:
        """Ask for a :class:`Snapshot` once all is drawn, put off or not."""
        with self._wake:
            self._orders.hold, self._orders.resume, self._orders.snapshot = False, True, True
            self._notify()

    def end(self) -> None:
        """Drop the canvas; nothing more is reported about it."""
        with self._wake:
            self._orders = _Orders(end=True)
            self._notify()

    def close(self, timeout: float = 5.0) -> None:
        """Stop the thread and wait for it, ``timeout`` seconds at most."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    @property
    def orders(self) -> int:
        """How many orders were given so far."""
        return self._given

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _edited_now(self) -> None:
        """Note when the first edit that is not yet drawn came; the lock is held."""
        if self._orders.since is None:
            self._orders.since = time.perf_counter()
        self._notify()

    def _notify(self) -> None:
        """Wake the thread, or start it at the first order; the lock is held."""
        self._ordered = True
        self._given += 1
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="histosynth-drawing", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    # ---- the drawing thread

    def _run(self) -> None:
        """Obey, draw a window, look for orders again."""
        asked = False  # a snapshot, of this scene
        while True:
            scene = self._scene
            with self._wake:
                while not (self._closing or self._ordered or (scene and scene.waiting)):
                    self._wake.wait()
                if self._closing:
                    return
                orders, self._orders, self._ordered = self._orders, _Orders(), False
                given = self._given
            asked = self._obey(orders) or (asked and self._scene is scene)
            scene = self._scene
            if scene is None:
                continue
            if scene.waiting:
                scene.resting = False
                self._draw(scene)
            if not (scene.waiting or scene.resting or scene.previewing or self._ordered):
                scene.resting, scene.most, scene.since = True, 0, None
                if asked and not scene.held:
                    self._snapshot(scene)
                asked = False
                self._report(Idle(scene.number, len(scene.held) * CELL**2, given))

    def _obey(self, orders: _Orders) -> bool:
        """Bring the scene up to date with the orders; return whether a snapshot is wanted."""
        if orders.end:
            self._scene = None
        number = orders.begin[0] if orders.begin else self._scene.number if self._scene else -1
        try:
            if orders.begin:
                self._scene = None
                self._scene = Scene.started(*orders.begin)
                self._report(Begun(number, self._scene.pyramid))
                if self._scene.shadow.strays:
                    self._report(Strays(number, self._scene.shadow.strays))
            scene = self._scene
            if scene is None:
                return False
            scene.resting = False
            self._follow(scene, orders)
            if orders.remake is not None:
                scene.remake(orders.remake)
            if orders.preview is not None:
                self._preview(scene, *orders.preview)
            if orders.amend is not None:
                for window in orders.amend(scene.engine):
                    scene.mark(window, window, scene.since)
        except Exception as error:
            self._report(Failed(number, _sentence(error)))
            return False
        if orders.snapshot:
            scene.end_previews()
        if orders.resume:
            scene.stale.merge(scene.held)
            scene.failed = False
        if orders.hold:
            scene.held.merge(scene.stale)
            scene.held.merge(scene.urgent)
        return orders.snapshot

    def _preview(self, scene: Scene, make: EngineMaker, blend: Sequence[Ingredient]) -> None:
        """Show what is in sight by another engine, unless something else than the next preview comes."""

        def superseded() -> bool:
            newer = self._orders
            return self._closing or newer.end or newer.begin is not None or newer.remake is not None

        with contextlib.suppress(Cancelled):
            if (window := scene.preview(make, blend, self._view, superseded)) is not None:
                self._report(Preview(scene.number, window))

    def _follow(self, scene: Scene, orders: _Orders) -> None:
        """Copy what was edited and mark what it changes."""
        if orders.source is not None:
            scene.source = orders.source
        windows: list[Window | None] = [None] if orders.compare else list(orders.edits)
        strays: dict[int, int] = {}
        for window in windows:
            strays.update(scene.follow(window, orders.since))
        if strays:
            self._report(Strays(scene.number, strays))
        if scene.failed and scene.urgent:
            scene.stale.merge(scene.held)
            scene.failed = False

    def _snapshot(self, scene: Scene) -> None:
        """Report a copy of the finished canvas."""
        try:
            provenance = scene.engine.provenance()
            pixels, labels = scene.pyramid.levels[0].copy(), scene.shadow.labels.copy()
        except Exception as error:
            self._report(Failed(scene.number, _sentence(error)))
        else:
            self._report(Snapshot(scene.number, pixels, labels, provenance))

    def _draw(self, scene: Scene) -> None:
        """Sketch or draw one window and report it."""
        scene.most = max(scene.most, scene.left)
        view, dirty, edited = self._view, scene.dirty, bool(scene.urgent)
        started = time.perf_counter()
        focus = scene.focus if edited or view is None or view.pointer is None else view.pointer

        def superseded() -> bool:
            newer = self._closing or (self._ordered and (not edited or self._orders.hold))
            return newer or (self._ordered and time.perf_counter() - started > _PATIENCE)

        if self._sketch(scene, view, superseded):
            return
        window = dirty.take(self._tile, None if view is None else view.window, focus)
        if window is None:
            return
        try:
            scene.draw(window, superseded)
        except Cancelled:
            dirty.add(window)
            return
        except Exception as error:
            for cells in (scene.urgent, scene.stale):
                scene.held.merge(cells)
            scene.held.add(window)
            scene.failed = True
            self._report(Failed(scene.number, _sentence(error)))
            return
        since = scene.since if edited else None
        self._report(Patch(scene.number, window, since, 1 - scene.left / max(scene.most, 1)))
        if edited and not scene.urgent:
            scene.since = None

    def _sketch(self, scene: Scene, view: View | None, superseded: Callable[[], bool]) -> bool:
        """Sketch what is in sight if that is worth it and not yet done; return whether it was begun."""
        window = scene.worth_sketching(view, self._sketch_after)
        if window is None:
            return False
        try:
            if not scene.sketch(window, view, superseded):
                return False
        except Cancelled:
            return True  # new orders come first
        except Exception as error:  # drawing it properly will tell what is wrong, if anything is
            _log.warning("Sketching failed: %s", error)
            scene.sketchable = False
            return False
        done = 1 - scene.left / max(scene.most, 1)
        since = scene.since if scene.urgent else None
        self._report(Patch(scene.number, window, since, done, sketch=True))
        return True


def _sentence(error: Exception) -> str:
    """Return one sentence about an error for the user; the log gets the rest."""
    if isinstance(error, HistosynthError):
        return str(error)
    _log.exception("Drawing failed", exc_info=error)
    first = str(error).strip().split("\n")[0].rstrip(".")
    detail = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return f"Drawing failed ({detail}); the picture stays as it was, and the next edit tries again."
