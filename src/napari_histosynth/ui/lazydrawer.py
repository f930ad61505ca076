"""The threads behind a picture that is drawn piece by piece: they draw what is in sight, and then rest."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.tiles import Window

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sight:
    """What somebody looks at.

    Attributes
    ----------
    window : Window
        In pixels of the finest level.
    level : int
        The level that is shown.
    """

    window: Window
    level: int = 0


class LazyDrawer(QObject):
    """Does what is to be drawn, in threads that live as long as there is any.

    Parameters
    ----------
    what : str
        What it does, for the sentence of an error: ``"Staining"``.
    parent : QObject, optional
        Qt parent.
    at_once : int
        How many tasks are done at once, each by a thread of its own.

    Attributes
    ----------
    landed : Signal
        There are new pixels.
    rested : Signal
        Nothing that is wanted is left to draw.
    failed : Signal of str
        One sentence why no more is drawn.
    """

    landed = Signal()
    rested = Signal()
    failed = Signal(str)

    def __init__(self, what: str, parent: QObject | None = None, at_once: int = 1) -> None:
        super().__init__(parent)
        self._what, self._at_once = what, at_once
        self._order = threading.RLock()
        self._threads: set[threading.Thread] = set()
        self._closed = self._failed = self._drew = False
        self._sight: Sight | None = None
        self._rest_until = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether anything is being drawn."""
        return bool(self._threads)

    # ---- what it is told, on the main thread

    def look_at(self, sight: Sight | None) -> None:
        """Draw what is looked at first; what left the view, and is not begun, is not drawn."""
        with self._order:
            if sight != self._sight:
                self._turn_to(sight)
            self._sight = sight
        self._wake()

    def rest(self, seconds: float) -> None:
        """Begin no tile for a moment: something else is more urgent."""
        self._rest_until = time.perf_counter() + seconds

    def close(self) -> None:
        """Draw no more. Harmless when repeated."""
        self._closed = True

    def wait(self, seconds: float = 5.0) -> None:
        """Wait until the threads are gone."""
        until = time.perf_counter() + seconds
        for thread in tuple(self._threads):
            thread.join(max(0.0, until - time.perf_counter()))

    # ---- what is drawn: by those who know

    def _task(self) -> Callable[[], None] | None:
        """Return what is to be done next, None if nothing is; called in a thread, ``_order`` held.

        It is asked again as soon as something was done: what was waited for may be there.
        """
        raise NotImplementedError

    def _turn_to(self, sight: Sight | None) -> None:
        """Notice that somebody looks elsewhere; ``_order`` is held."""

    # ---- the threads

    def _wake(self) -> None:
        with self._order:
            while len(self._threads) < self._at_once and not self._closed and not self._failed:
                thread = threading.Thread(target=self._run, name="histosynth-drawer", daemon=True)
                self._threads.add(thread)
                thread.start()

    def _run(self) -> None:
        """Draw what is wanted until nothing is: a thread that waited would keep the viewer alive."""
        while True:
            while not self._closed and time.perf_counter() < self._rest_until:
                time.sleep(0.02)
            with self._order:
                task = None if self._closed or self._failed else self._next()
                if task is None:
                    self._threads.discard(threading.current_thread())
                    rested = self._drew and not self._threads
                    self._drew = self._drew and not rested
                    break
            try:
                task()
                self._drew = True
            except Cancelled:
                continue
            except Exception as error:
                self._fail(error)
            self._wake()
        if rested and not self._closed:
            self._emit(self.rested)

    def _next(self) -> Callable[[], None] | None:
        """Return what is to be done next, without ending the thread where that cannot be found out."""
        try:
            return self._task()
        except Exception as error:
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, HistosynthError)
        if not known:
            _log.error("%s failed", self._what, exc_info=error)
        with self._order:
            if self._failed:  # what befell one thread befalls the others
                return
            self._failed = True
        first = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
        self._emit(self.failed, str(error) if known else f"{self._what} failed: {first}.")

    def _emit(self, signal: Any, *values: Any) -> None:
        try:
            signal.emit(*values)
        except RuntimeError:  # the window was closed meanwhile
            _log.debug("Nobody looks at this picture any more")


def distance(window: Window, y: float, x: float) -> float:
    """Return how far the middle of a window is from a place, squared."""
    return ((window.y0 + window.y1) / 2 - y) ** 2 + ((window.x0 + window.x1) / 2 - x) ** 2
