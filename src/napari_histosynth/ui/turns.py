"""Work on the main thread in pieces, so that the window answers in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

_PAUSE = 15  # ms: time for Qt to repaint what the last piece changed, and to take mouse and keys


class Turns(QObject):
    """Runs pieces of work in the order given, each in a turn of the event loop of its own.

    What napari does for one layer cannot be split, but two layers need not come in one go.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pieces: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._next)

    @property
    def is_busy(self) -> bool:
        """Whether any piece is left."""
        return bool(self._pieces)

    def add(self, *pieces: Callable[[], object]) -> None:
        """Run pieces after those that are left."""
        self._pieces.extend(pieces)
        if self._pieces and not self._timer.isActive():
            self._timer.start()

    def finish(self) -> None:
        """Run all that are left at once."""
        self._timer.stop()
        while self._pieces:
            self._pieces.popleft()()

    def drop(self) -> None:
        """Run none of those that are left."""
        self._timer.stop()
        self._pieces.clear()

    def _next(self) -> None:
        """Run one piece."""
        if not self._pieces:
            return
        piece = self._pieces.popleft()
        try:
            piece()
        finally:  # an error is told by napari, and the others go on
            if self._pieces and not self._timer.isActive():
                self._timer.start()
