"""Work that takes a moment, off the main thread: loading, reading, saving."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import HistosynthError

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks(QObject):
    """Runs functions one after another in a thread, and calls back on the main thread.

    Attributes
    ----------
    busy : Signal of str
        Says what is being done when it begins, and nothing when all is done.
    """

    busy = Signal(str)
    _finished = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="histosynth-tasks")
        self._closed = False
        self._running = 0
        self._finished.connect(self._call_back)

    def run(
        self, what: str, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[str], None]
    ) -> None:
        """Run ``work`` in the thread.

        Parameters
        ----------
        what : str
            What is being done, for the status line: ``"Loading colon-3class"``.
        work : callable
            Runs in the thread.
        then : callable
            Called on the main thread with the result.
        failed : callable
            Called on the main thread with one sentence instead, if ``work`` raises.
        """
        self._running += 1
        self.busy.emit(f"{what} …")
        future = self._pool.submit(work)
        future.add_done_callback(lambda done: self._hand_over(what, done, then, failed))

    @property
    def is_busy(self) -> bool:
        """Whether anything is being done."""
        return self._running > 0

    def close(self) -> None:
        """Call back no more. What has begun comes to its end by itself: a file is saved, or it is not."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hand_over(
        self, what: str, done: Future[Any], then: Callable[[Any], None], failed: Callable[[str], None]
    ) -> None:
        """Pass a result to the main thread."""
        if self._closed:
            return
        try:
            result = done.result()
        except CancelledError:
            return
        except Exception as error:
            sentence = _sentence(what, error)
            self._finished.emit(lambda: failed(sentence))
        else:
            self._finished.emit(lambda: then(result))

    def _call_back(self, callback: Callable[[], None]) -> None:
        """Run a callback on the main thread."""
        if self._closed:
            return
        self._running -= 1
        if self._running == 0:
            self.busy.emit("")
        callback()


def _sentence(what: str, error: Exception) -> str:
    """Return one sentence about an error."""
    if isinstance(error, HistosynthError):
        return str(error)
    _log.error("%s failed", what, exc_info=error)
    first = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
    return f"{what} failed: {first}."
