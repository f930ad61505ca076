"""Thumbnails drawn in a thread: the newest wish first, what was drawn kept, nothing else waited for."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

_log = logging.getLogger(__name__)

#: Thumbnails that are kept: at 176 px a side, 37 MB.
KEPT = 400
#: Wishes that are remembered; older ones belong to places that the mouse has long left.
_WISHES = 24

Pixels = npt.NDArray[np.uint8]
Draw = Callable[[npt.NDArray[np.float32]], Pixels]


class Thumbnailer(QObject):
    """Draws thumbnails on request.

    Parameters
    ----------
    draw : callable
        Draws a latent, uint8 (side, side, 3); called in the thread.
    kept : int
        How many are kept.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    made : Signal of object
        The key of a thumbnail that is there now.
    """

    made = Signal(object)

    def __init__(self, draw: Draw, kept: int = KEPT, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._draw, self._kept = draw, kept
        self._wake = threading.Condition()
        self._wishes: OrderedDict[Hashable, npt.NDArray[np.float32]] = OrderedDict()
        self._pictures: OrderedDict[Hashable, Pixels | None] = OrderedDict()
        self._closing = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """Count the thumbnails that are kept."""
        return len(self._pictures)

    def __contains__(self, key: Hashable) -> bool:
        """Return whether a thumbnail is kept."""
        return key in self._pictures

    @property
    def is_busy(self) -> bool:
        """Whether any is still to be drawn."""
        with self._wake:
            return bool(self._wishes)

    def get(self, key: Hashable, latent: npt.NDArray[np.float32]) -> Pixels | None:
        """Return a thumbnail, or None and have it drawn next.

        Parameters
        ----------
        key : hashable
            What tells it from others; :attr:`made` says it.
        latent : ndarray
            float32 (d,).

        Returns
        -------
        ndarray or None
            uint8 (side, side, 3); None while it is not there, or if it could not be drawn.
        """
        with self._wake:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
            self._wishes[key] = latent
            self._wishes.move_to_end(key)
            while len(self._wishes) > _WISHES:
                self._wishes.popitem(last=False)
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="histosynth-thumbnails", daemon=True)
                self._thread.start()
            self._wake.notify()
        return None

    def drop_wishes(self) -> None:
        """Draw nothing more of what was wished for so far."""
        with self._wake:
            self._wishes.clear()

    def close(self, timeout: float = 1.0) -> None:
        """Stop the thread, once what it draws is done; nothing more is said. Harmless when repeated.

        Parameters
        ----------
        timeout : float
            How long to wait for that, in seconds.
        """
        with self._wake:
            self._closing = True
            self._wishes.clear()
            self._wake.notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        """Draw what was wished for last, until it is closed."""
        while (wish := self._next()) is not None:
            key, latent = wish
            picture = self._drawn(latent)
            with self._wake:
                self._wishes.pop(key, None)
                self._pictures[key] = picture
                while len(self._pictures) > self._kept:
                    self._pictures.popitem(last=False)
            if not self._closing:
                with contextlib.suppress(RuntimeError):  # a window that is gone has deleted the signal
                    self.made.emit(key)

    def _next(self) -> tuple[Hashable, npt.NDArray[np.float32]] | None:
        """Wait for a wish and return the newest; None once it is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing or self._wishes)
            if self._closing:
                return None
            key = next(reversed(self._wishes))
            return key, self._wishes[key]

    def _drawn(self, latent: Any) -> Pixels | None:
        try:
            return self._draw(latent)
        except Exception as error:  # a picture less; the canvas will say what is wrong, if anything is
            _log.warning("A thumbnail could not be drawn: %s", error)
            return None
