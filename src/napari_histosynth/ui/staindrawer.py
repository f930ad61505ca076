"""The thread that draws a stained picture: what is in sight first, the middle of it before the rest."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.stainlevels import Place, StainLevels

if TYPE_CHECKING:
    from napari_histosynth.stain.pyramid import ColorSketch
    from napari_histosynth.stain.translator import Translator
    from napari_histosynth.ui.stainsource import StainSource

MOST_BENEATH = 600
"""Tiles in sight from which on a sketch has to do: drawing them all would take longer than anyone looks."""

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


class StainDrawer(QObject):
    """Draws tiles into levels, one after another, in a thread that lives as long as there is any to draw.

    Parameters
    ----------
    levels : StainLevels
        What it draws into.
    source : StainSource
        What is seen from afar until it is drawn.
    translator : Translator
        What draws.
    parent : QObject, optional
        Qt parent.

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

    def __init__(
        self,
        levels: StainLevels,
        source: StainSource,
        translator: Translator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._levels, self._source, self._translator = levels, source, translator
        self._order = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = self._failed = False
        self._sight: Sight | None = None
        self._focus: tuple[float, float] | None = None
        self._follow: Callable[[], list[Window]] | None = None
        self._rest_until = 0.0
        self._colors: ColorSketch | None = None
        self._sketched = len(levels.shapes) == 1

    @property
    def is_busy(self) -> bool:
        """Whether anything is being drawn."""
        return self._thread is not None

    def is_beyond(self, sight: Sight) -> bool:
        """Return whether more tiles lie beneath what is looked at than are drawn."""
        return self._levels.beneath(sight.window) > MOST_BENEATH

    # ---- what it is told, on the main thread

    def use(self, source: StainSource, translator: Translator) -> None:
        """Draw everything anew by another translator; the old pixels stay until then."""
        with self._order:
            self._source, self._translator = source, translator
            self._failed, self._follow = False, None
            self._focus, self._colors = None, None
            self._sketched = len(self._levels.shapes) == 1
        self._levels.outdate(Window.of_shape(self._levels.shape))
        self._wake()

    def look_at(self, sight: Sight | None) -> None:
        """Draw what is looked at first; what left the view, and is not begun, is not drawn."""
        with self._order:
            if sight != self._sight:
                self._focus = None
            self._sight = sight
        self._wake()

    def follow(self, changes: Callable[[], list[Window]]) -> None:
        """Find out in the thread what changed, in pixels of the finest level, and draw that anew."""
        with self._order:
            self._follow, self._failed = changes, False
        self._wake()

    def rest(self, seconds: float) -> None:
        """Begin no tile for a moment: something else is more urgent."""
        self._rest_until = time.perf_counter() + seconds

    def close(self) -> None:
        """Draw no more. Harmless when repeated."""
        self._closed = True

    def wait(self, seconds: float = 5.0) -> None:
        """Wait until the thread is gone."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    # ---- the thread

    def _wake(self) -> None:
        with self._order:
            if self._thread is None and not self._closed and not self._failed:
                self._thread = threading.Thread(target=self._run, name="histosynth-stain", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Draw what is wanted until nothing is: a thread that waited would keep the viewer alive."""
        drew = False
        while True:
            while not self._closed and time.perf_counter() < self._rest_until:
                time.sleep(0.02)
            with self._order:
                task = None if self._closed or self._failed else self._task()
                if task is None:
                    self._thread = None
                    break
            try:
                task()
                drew = True
            except Cancelled:
                continue
            except Exception as error:
                self._fail(error)
        if drew and not self._closed:
            self._emit(self.rested)

    def _task(self) -> Callable[[], None] | None:
        """Return what is to be done next."""
        if self._follow is not None:
            changes, self._follow = self._follow, None
            return lambda: self._catch_up(changes)
        levels, sight = self._levels, self._sight
        if sight is not None:
            level = min(sight.level, len(levels.shapes) - 1)
            here = sight.window.coarsen(2**level).clip(levels.shapes[level])
            if unseen := levels.unseen(here, level):
                y, x = self._middle(sight.window)
                nearest = min(unseen, key=lambda part: _distance(part, y / 2**level, x / 2**level))
                return lambda: self._sketch(level, nearest)
            few = not self.is_beyond(sight)
            if not self._sketched and (level or not few):
                self._sketched = True
                return self._learn
            if few and (missing := levels.missing(sight.window, level)):
                return lambda: self._draw(self._nearest(missing, sight.window))
        if self._source.is_small:
            whole = Window.of_shape(levels.shape)
            if missing := levels.missing(whole, len(levels.shapes) - 1):
                around = whole if sight is None else sight.window
                return lambda: self._draw(self._nearest(missing, around))
        return None

    def _draw(self, place: Place) -> None:
        translator = self._translator
        pixels = translator.translate(self._levels.window(place), is_cancelled=lambda: self._closed)
        if translator is self._translator:
            self._levels.put(place, pixels)
            self._emit(self.landed)

    def _sketch(self, level: int, window: Window) -> None:
        """Show a tile of a level as the source has it, in the stain's colors where they are known."""
        shape = self._levels.shapes[level]
        pixels = self._source.seen_at(shape, window)
        if pixels is None:  # as the coarser level has it
            pixels = self._levels.read(level, window)
        elif self._colors is not None:
            pixels = self._colors.draw(pixels)
        self._levels.put_sketch(level, window, pixels)
        self._emit(self.landed)

    def _learn(self) -> None:
        """Learn the colors of the stain from a few places, and sketch the coarsest level in them."""
        from napari_histosynth.stain.pyramid import ColorSketch

        self._colors = ColorSketch.of(self._translator, is_cancelled=lambda: self._closed)
        self._levels.forget_sketches()
        last = len(self._levels.shapes) - 1
        self._sketch(last, Window.of_shape(self._levels.shapes[last]))

    def _catch_up(self, changes: Callable[[], list[Window]]) -> None:
        """Note what changed."""
        for window in changes():
            again = self._translator.forget(window)
            self._levels.outdate(again)
            self._focus = (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2

    def _middle(self, window: Window) -> tuple[float, float]:
        focus = self._focus
        if focus is not None and window.y0 <= focus[0] < window.y1 and window.x0 <= focus[1] < window.x1:
            return focus
        return (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2

    def _nearest(self, places: list[Place], window: Window) -> Place:
        y, x = self._middle(window)
        return min(places, key=lambda place: _distance(self._levels.window(place), y, x))

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, HistosynthError)
        if not known:
            _log.error("Staining failed", exc_info=error)
        self._failed = True
        first = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
        self._emit(self.failed, str(error) if known else f"Staining failed: {first}.")

    def _emit(self, signal: Any, *values: Any) -> None:
        try:
            signal.emit(*values)
        except RuntimeError:  # the window was closed meanwhile
            _log.debug("Nobody looks at this stain any more")


def _distance(window: Window, y: float, x: float) -> float:
    """Return how far the middle of a window is from a place, squared."""
    return ((window.y0 + window.y1) / 2 - y) ** 2 + ((window.x0 + window.x1) / 2 - x) ** 2
