"""A napari window for benchmarks: a heartbeat that finds what holds it up, and a mouse."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

LIMIT = 600.0  # s


class Heart:
    """Beats every 5 ms in Qt's event loop and notes the gaps between beats, in seconds.

    Parameters
    ----------
    computed : bool
        Count only what the main thread computed, not what it waited for.
    """

    def __init__(self, computed: bool = False) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._stat: int | None = None
        with contextlib.suppress(OSError):
            self._stat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self._clock = time.thread_time if computed else time.perf_counter
        self._computed = computed
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)
        self.restart()

    def restart(self) -> None:
        """Forget all gaps."""
        self.gaps: list[float] = []
        self._last, self._waited = self._clock(), self._delay()

    def _delay(self) -> float:
        """Return how long this thread has waited for a processor, in seconds, if that is in the gaps."""
        if self._computed or self._stat is None:
            return 0.0
        try:
            return int(os.pread(self._stat, 100, 0).split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _beat(self) -> None:
        now, waited = self._clock(), self._delay()
        self.gaps.append(max(0.0, now - self._last - (waited - self._waited)))
        self._last, self._waited = now, waited


def spin(ready: Callable[[], bool], limit: float = LIMIT, every: int = 2) -> float:
    """Let the event loop run until something is true; return how long that took, in seconds.

    Parameters
    ----------
    ready : callable
        Whether it is true; asked ``every`` so many ms. What takes a while should be asked seldom.
    limit : float
        Seconds after which it ends anyway.
    every : int
        Milliseconds.
    """
    from qtpy.QtCore import QEventLoop, QTimer

    begin = time.perf_counter()
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if ready() or time.perf_counter() - begin > limit else None)
    timer.start(every)
    loop.exec()
    timer.stop()
    return time.perf_counter() - begin


def rest(seconds: float) -> None:
    """Let the event loop run for a while."""
    begin = time.perf_counter()
    spin(lambda: time.perf_counter() - begin >= seconds)


class Hand:
    """A mouse over napari's canvas; places are shares of its width and height."""

    def __init__(self, viewer: Any) -> None:
        self.widget = viewer.window._qt_viewer.canvas.native

    def _point(self, across: float, down: float) -> Any:
        from qtpy.QtCore import QPoint

        return QPoint(int(self.widget.width() * across), int(self.widget.height() * down))

    def click(self, across: float, down: float) -> None:
        """Press and release the left button."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        place = self._point(across, down)
        QTest.mouseMove(self.widget, place)
        QTest.mousePress(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        QTest.mouseRelease(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def drag(self, across: float, down: float, moves: int = 30) -> None:
        """Draw a line of so many moves, 16 ms apart."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        place = self._point(across, down)
        QTest.mouseMove(self.widget, place)
        QTest.mousePress(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        for _ in range(moves):
            rest(0.016)
            place += QPoint(4, 2)
            QTest.mouseMove(self.widget, place)
        QTest.mouseRelease(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def undo(self) -> None:
        """Press Ctrl+Z."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.keyClick(self.widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
