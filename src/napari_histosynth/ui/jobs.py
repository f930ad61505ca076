"""One piece of long work at a time: in a thread of its own, with its progress and a way to stop it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QWidget

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.ui.widgets import ProgressBar, button, row

_log = logging.getLogger(__name__)
T = TypeVar("T")
Tell = Callable[[float], None]
Asked = Callable[[], bool]

_MOMENT = 300  # ms of work before a progress bar appears


class Job(QObject):
    """Runs one function at a time in a thread, and calls back on the main thread.

    Parameters
    ----------
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    begun : Signal
        Work has begun.
    progressed : Signal of float
        Share that is done.
    ended : Signal
        It was done, failed, or was stopped.
    """

    begun = Signal()
    progressed = Signal(float)
    ended = Signal()
    _over = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._over.connect(self._call_back)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being done."""
        return self._thread is not None

    def start(
        self,
        what: str,
        work: Callable[[Tell, Asked], T],
        then: Callable[[T], object],
        failed: Callable[[str], object],
    ) -> bool:
        """Begin work, if none is being done; return whether it was begun.

        Parameters
        ----------
        what : str
            What is being done, for the sentence of an error.
        work : callable
            Runs in the thread. It is given what to tell its progress to, and what to ask whether to stop.
        then : callable
            Called on the main thread with what it returns.
        failed : callable
            Called on the main thread with one sentence instead, if it raises; that it was stopped is one.
        """
        if self.is_busy:
            return False
        stop = self._stop = threading.Event()

        def tell(share: float) -> None:
            if not stop.is_set():
                self._emit(self.progressed, share)

        def run() -> None:
            try:
                result = work(tell, stop.is_set)
            except Exception as error:
                sentence = _sentence(what, error)
                self._emit(self._over, lambda: failed(sentence))
            else:
                self._emit(self._over, lambda: then(result))

        self._thread = threading.Thread(target=run, name="histosynth-job", daemon=True)
        self.begun.emit()
        self._thread.start()
        return True

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def _emit(self, signal: Any, *values: Any) -> None:
        """Emit from the thread, unless the window was closed meanwhile."""
        try:
            signal.emit(*values)
        except RuntimeError:
            _log.debug("Nobody waits for this work any more")

    def _call_back(self, callback: Callable[[], object]) -> None:
        """Run a callback on the main thread."""
        self._thread = None
        self.ended.emit()
        callback()


class JobRow(QWidget):
    """How far a job is, and a button that stops it; hidden while there is nothing to wait for.

    Parameters
    ----------
    job : Job
        What is shown.
    tip : str
        What stopping does.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, job: Job, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ProgressBar()
        self.bar.setFixedHeight(10)
        self.bar.setToolTip("How much is done")
        self.stop = button("Cancel", "cancel", tip)
        layout = row(self.bar, self.stop)
        self.setLayout(layout)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_MOMENT)
        self._wait.timeout.connect(self.show)
        self.hide()
        self.stop.clicked.connect(job.cancel)
        job.begun.connect(self._begin)
        job.progressed.connect(lambda share: self.bar.setValue(round(100 * share)))
        job.ended.connect(self._end)

    def _begin(self) -> None:
        self.bar.setValue(0)
        self._wait.start()

    def _end(self) -> None:
        self._wait.stop()
        self.hide()


def _sentence(what: str, error: Exception) -> str:
    """Return one sentence about an error; the log gets the rest of what nobody foresaw."""
    if isinstance(error, Cancelled):
        return f"{what} was cancelled."
    if isinstance(error, HistosynthError):
        return str(error)
    _log.error("%s failed", what, exc_info=error)
    first = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
    return f"{what} failed: {first}."
