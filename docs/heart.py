"""A heartbeat in the window that finds out for how long it stands still."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from qtpy.QtCore import Qt, QTimer


class Heart:
    """Beats in Qt's event loop and finds how long the main thread was held between two beats.

    What the machine gave to other programs in that time does not count, where Linux says what that was.
    """

    def __init__(self) -> None:
        self._stat = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(2)
        self.restart()

    def restart(self) -> None:
        """Forget what was."""
        self.longest = 0.0
        """Longest hold since the last start, in seconds."""
        self._last, self._waited = time.perf_counter(), self._delay()

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()

    def _delay(self) -> float:
        """Return how long this thread has waited for a processor, in seconds."""
        try:
            return int(self._stat.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _beat(self) -> None:
        now, waited = time.perf_counter(), self._delay()
        self.longest = max(self.longest, now - self._last - (waited - self._waited))
        self._last, self._waited = now, waited
