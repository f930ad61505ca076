"""The thread that draws: takes what is out of date, newest first, and reports finished pixels.

It knows neither napari nor Qt: orders go in by method calls from any thread, reports come out through a
callback that is called on the drawing thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.ui.dirty import CELL, DirtyCells
from napari_histosynth.ui.pyramid import cut_pieces, level_count
from napari_histosynth.ui.reports import Failed, Idle, Patch, Report, Snapshot, Strays
from napari_histosynth.ui.shadow import Shadow

TILE = 384
"""Side of what is drawn at once, in pixels: what a stroke may have to wait for."""

_PATIENCE = 1.0  # s: a window that takes longer is given up when a newer edit comes

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """What the thread needs of :class:`napari_histosynth.paint.canvas.Canvas`."""

    def affected(self, window: Window) -> Window:
        """Return the pixels that change with the labels of a window."""

    def render(
        self, window: Window | None = None, *, cancel: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.uint8]:
        """Draw a window."""

    def provenance(self) -> Provenance:
        """Return what made the picture."""


EngineMaker = Callable[[Labels], Engine]
"""Builds the engine on a label map that it reads anew at each render."""


Amendment = Callable[[Any], list[Window]]
"""Changes something about the engine besides its labels, and returns what has to be drawn again."""


@dataclass
class _Orders:
    """What was asked for since the thread last looked; newer orders replace or join older ones."""

    begin: tuple[int, Any, TissueScheme, EngineMaker] | None = None
    remake: EngineMaker | None = None
    amend: Amendment | None = None
    source: Any = None
    edits: list[Window] = field(default_factory=list)
    compare: bool = False
    since: float | None = None
    hold: bool = False
    resume: bool = False
    snapshot: bool = False
    end: bool = False


@dataclass
class _Scene:
    """A canvas being painted: its labels, its engine, and what of it is out of date."""

    number: int
    source: Any
    shadow: Shadow
    engine: Engine
    stale: DirtyCells  # after a new canvas or a new look
    urgent: DirtyCells  # after an edit
    held: DirtyCells  # stopped by the user, or failed
    levels: int
    most: int = 0  # cells at the fullest since the last rest
    since: float | None = None
    focus: tuple[float, float] | None = None
    resting: bool = False
    failed: bool = False  # what is held waits for the next edit, not for the user

    @property
    def waiting(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.urgent) or bool(self.stale)


class DrawingThread:
    """Draws one canvas at a time and keeps it up to date.

    Parameters
    ----------
    report : callable
        Called on the drawing thread with each :data:`Report`.
    tile : int
        Side in pixels of what is drawn at once.
    """

    def __init__(self, report: Callable[[Report], None], tile: int = TILE) -> None:
        self._report = report
        self._tile = tile
        self._wake = threading.Condition()
        self._orders = _Orders()
        self._ordered = False
        self._given = 0
        self._closing = False
        self._thread: threading.Thread | None = None
        self._scene: _Scene | None = None
        self._view: Window | None = None

    # ---- orders, from any thread

    def begin(self, scene: int, source: Any, scheme: TissueScheme, make: EngineMaker) -> None:
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
        """
        with self._wake:
            self._orders = _Orders(begin=(scene, source, scheme, make))
            self._notify()

    def remake(self, make: EngineMaker) -> None:
        """Draw the same labels anew by another engine: another seed, latent or model."""
        with self._wake:
            self._orders.remake = make
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

    def look_at(self, view: Window | None) -> None:
        """Say what is in sight: it is drawn first."""
        self._view = view

    def hold(self) -> None:
        """Put off what is left to draw."""
        with self._wake:
            self._orders.hold = True
            self._notify()

    def resume(self) -> None:
        """Draw what was put off."""
        with self._wake:
            self._orders.resume = True
            self._notify()

    def ask_snapshot(self) -> None:
        """Ask for a :class:`Snapshot` once all is drawn, put off or not."""
        with self._wake:
            self._orders.snapshot = self._orders.resume = True
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
            if not (scene.waiting or scene.resting or self._ordered):
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
                self._scene = self._started(*orders.begin)
            scene = self._scene
            if scene is None:
                return False
            scene.resting = False
            self._follow(scene, orders)
            if orders.remake is not None:
                scene.engine = orders.remake(scene.shadow.labels)
                scene.stale.add(Window.of_shape(scene.shadow.labels.shape))
                scene.held.clear()
                scene.focus, scene.failed = None, False
            if orders.amend is not None:
                for window in orders.amend(scene.engine):
                    scene.urgent.add(window)
                    scene.focus = ((window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2)
        except Exception as error:
            self._report(Failed(number, _sentence(error)))
            return False
        if orders.resume:
            scene.stale.merge(scene.held)
            scene.failed = False
        if orders.hold:
            scene.held.merge(scene.stale)
            scene.held.merge(scene.urgent)
        return orders.snapshot

    def _started(self, number: int, source: Any, scheme: TissueScheme, make: EngineMaker) -> _Scene:
        """Copy the labels, build the engine, and mark everything as out of date."""
        shadow = Shadow(source, scheme)
        shape = (shadow.labels.shape[0], shadow.labels.shape[1])
        stale, urgent, held = (DirtyCells(shape) for _ in range(3))
        engine = make(shadow.labels)
        stale.add(Window.of_shape(shape))
        if shadow.strays:
            self._report(Strays(number, shadow.strays))
        return _Scene(number, source, shadow, engine, stale, urgent, held, level_count(shape))

    def _follow(self, scene: _Scene, orders: _Orders) -> None:
        """Copy what was edited and mark what it changes."""
        if orders.source is not None:
            scene.source = orders.source
        windows: list[Window | None] = [None] if orders.compare else list(orders.edits)
        strays: dict[int, int] = {}
        for window in windows:
            changes = scene.shadow.update(scene.source, window)
            strays.update(changes.strays)
            for changed in changes.windows:
                scene.urgent.add(scene.engine.affected(changed))
                scene.focus = ((changed.y0 + changed.y1) / 2, (changed.x0 + changed.x1) / 2)
                scene.since = orders.since  # what is newest is drawn next, so its delay is what one sees
        if strays:
            self._report(Strays(scene.number, strays))
        if scene.failed and scene.urgent:
            scene.stale.merge(scene.held)
            scene.failed = False

    def _snapshot(self, scene: _Scene) -> None:
        """Report the finished labels."""
        try:
            provenance = scene.engine.provenance()
        except Exception as error:
            self._report(Failed(scene.number, _sentence(error)))
        else:
            self._report(Snapshot(scene.number, scene.shadow.labels.copy(), provenance))

    def _draw(self, scene: _Scene) -> None:
        """Draw one window and report it."""
        scene.most = max(scene.most, len(scene.urgent) + len(scene.stale))
        edited = bool(scene.urgent)
        window = (scene.urgent if edited else scene.stale).take(self._tile, self._view, scene.focus)
        if window is None:
            return
        started = time.perf_counter()

        def superseded() -> bool:
            newer = self._closing or (self._ordered and (not edited or self._orders.hold))
            return newer or (self._ordered and time.perf_counter() - started > _PATIENCE)

        try:
            pixels = scene.engine.render(window, cancel=superseded)
            pieces = cut_pieces(window, pixels, scene.levels)
        except Cancelled:
            (scene.urgent if edited else scene.stale).add(window)
            return
        except Exception as error:
            for cells in (scene.urgent, scene.stale):
                scene.held.merge(cells)
            scene.held.add(window)
            scene.failed = True
            self._report(Failed(scene.number, _sentence(error)))
            return
        scene.stale.discard(window)
        scene.held.discard(window)
        left = len(scene.urgent) + len(scene.stale)
        since = scene.since if edited else None
        self._report(Patch(scene.number, pieces, since, 1 - left / max(scene.most, 1)))
        if edited and not scene.urgent:
            scene.since = None


def _sentence(error: Exception) -> str:
    """Return one sentence about an error for the user; the log gets the rest."""
    if isinstance(error, HistosynthError):
        return str(error)
    _log.exception("Drawing failed", exc_info=error)
    first = str(error).strip().split("\n")[0].rstrip(".")
    detail = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return f"Drawing failed ({detail}); the picture stays as it was, and the next edit tries again."
