"""The threads that draw a slide: what is in sight, its middle first; and if asked, all the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_histosynth.ui.lazydrawer import LazyDrawer, Sight
from napari_histosynth.ui.slidelevels import Rest

if TYPE_CHECKING:
    from napari_histosynth.ui.slidelevels import SlideLevels, Tile

_LOOK_AGAIN = 3.0  # s between looks for what there is


class SlideDrawer(LazyDrawer):
    """Draws tiles of a slide: as many at once as the slide can.

    Parameters
    ----------
    levels : SlideLevels
        The slide.
    parent : QObject, optional
        Qt parent.
    """

    def __init__(self, levels: SlideLevels, parent: QObject | None = None) -> None:
        super().__init__("Drawing the slide", parent, levels.slide.at_once)
        self.levels = levels
        self._at_work: set[Tile] = set()
        self._rest_of_it: Rest | None = None  # what is left, while all is drawn
        self._rest_waits = False  # for a tile that is at work
        self._choosing = threading.Lock()
        self._tissue: dict[int, Any] = {}
        self._seconds = {True: 0.0, False: 0.0}  # that a tile takes, with tissue and without
        self._looked = time.perf_counter()

    @property
    def is_drawing_all(self) -> bool:
        """Whether all of the slide is being drawn, not only what is in sight."""
        return self._rest_of_it is not None

    def draw_all(self, on: bool) -> None:
        """Draw all of the slide whenever nothing in sight is missing, or stop that."""
        with self._order:
            self._rest_of_it = Rest(self.levels) if on else None
            self._failed = self._rest_waits = False
        self._wake()

    def seconds_left(self) -> float | None:
        """Return how long the rest takes at the present pace; None if that is not known yet."""
        if not self._tissue or not self._seconds[True]:
            return None
        left = 0.0
        for level, done in self.levels.done.items():
            tissue = self._tissue[level]
            left += float((~done & tissue).sum()) * self._seconds[True]
            left += float((~done & ~tissue).sum()) * self._seconds[False]
        return left

    # ---- the threads

    def _turn_to(self, sight: Sight | None) -> None:
        self._failed = False  # who looks elsewhere may have more luck

    def _task(self) -> Callable[[], None] | None:
        sight = self._sight
        if sight is not None and (tile := self.levels.next_for(sight, self._at_work)):
            self._at_work.add(tile)
            return lambda: self._draw(tile)
        return None if self._rest_of_it is None or self._rest_waits else self._go_on

    def _draw(self, tile: Tile) -> None:
        """Draw a tile that is at work, all that it needs being there."""
        begin = time.perf_counter()
        try:
            self.levels.slide.tile(*tile)
        finally:
            with self._order:
                self._at_work.discard(tile)
                self._rest_waits = False
        self._learn_pace(tile, time.perf_counter() - begin)
        self.levels.note(tile)
        self._look_again()
        self._emit(self.landed)

    def _go_on(self) -> None:
        """Draw the next tile of the slide that is missing."""
        with self._choosing:  # of a large slide that takes a while: the main thread does not wait for it
            rest = self._rest_of_it
            if rest is None:
                return
            if not self._tissue:
                self._tissue = {level: self.levels.tissue(level) for level in self.levels.done}
            with self._order:
                at_work = frozenset(self._at_work)
            tile = rest.next(at_work)
            with self._order:
                if tile is None:
                    self._rest_waits = bool(self._at_work)
                    if rest.is_done and self._rest_of_it is rest:
                        self._rest_of_it = None
                elif tile in self._at_work:  # somebody looked there meanwhile
                    return
                else:
                    self._at_work.add(tile)
        if tile is not None:
            self._draw(tile)
        elif rest.is_done:
            self._emit(self.landed)

    def _learn_pace(self, tile: Tile, seconds: float) -> None:
        if tile[0] % 2:
            return
        tissue = not self._tissue or bool(self._tissue[tile[0]][tile[1:]])
        known, each = self._seconds[tissue], seconds / self._at_once
        self._seconds[tissue] = each if not known else 0.95 * known + 0.05 * each

    def _look_again(self) -> None:
        """Find out now and then what there is: memory lets go of tiles, others draw into a store, too."""
        if time.perf_counter() - self._looked > _LOOK_AGAIN:
            self.levels.look_again()
            self._looked = time.perf_counter()
