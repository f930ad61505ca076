"""The thread that draws a slide: what is in sight, its middle first; and if asked, all the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_histosynth.ui.lazydrawer import LazyDrawer, Sight

if TYPE_CHECKING:
    from napari_histosynth.ui.slidelevels import SlideLevels, Tile

_LOOK_AGAIN = 3.0  # s between looks for what there is


class SlideDrawer(LazyDrawer):
    """Draws tiles of a slide, one after another.

    Parameters
    ----------
    levels : SlideLevels
        The slide.
    parent : QObject, optional
        Qt parent.
    """

    def __init__(self, levels: SlideLevels, parent: QObject | None = None) -> None:
        super().__init__("Drawing the slide", parent)
        self.levels = levels
        self._rest_of_it: Iterator[Tile] | None = None  # what is left, while all is drawn
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
            self._rest_of_it = self.levels.everything() if on else None
            self._failed = False
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

    # ---- the thread

    def _turn_to(self, sight: Sight | None) -> None:
        self._failed = False  # who looks elsewhere may have more luck

    def _task(self) -> Callable[[], None] | None:
        sight = self._sight
        if sight is not None and (wanted := self.levels.next_for(sight)) is not None:
            return lambda: self._draw(wanted)
        return None if self._rest_of_it is None else self._go_on

    def _draw(self, tile: Tile) -> None:
        """Draw a tile, or one that it needs: each at a time, so that nobody waits for long."""
        tile = self.levels.before(tile)
        begin = time.perf_counter()
        self.levels.slide.tile(*tile)
        self._learn_pace(tile, time.perf_counter() - begin)
        self.levels.note(tile)
        self._look_again()
        self._emit(self.landed)

    def _go_on(self) -> None:
        """Draw the next tile of the slide that is missing."""
        rest = self._rest_of_it
        if rest is None:
            return
        if not self._tissue:
            self._tissue = {level: self.levels.tissue(level) for level in self.levels.done}
        for tile in rest:
            if not self.levels.slide.has(*tile):
                self._draw(tile)
                return
            self.levels.note(tile)
            if self._closed or self._rest_of_it is not rest:
                return
        with self._order:
            if self._rest_of_it is rest:
                self._rest_of_it = None
        self._emit(self.landed)

    def _learn_pace(self, tile: Tile, seconds: float) -> None:
        if tile[0] % 2:
            return
        tissue = bool(self._tissue[tile[0]][tile[1:]]) if self._tissue else True
        known = self._seconds[tissue]
        self._seconds[tissue] = seconds if not known else 0.95 * known + 0.05 * seconds

    def _look_again(self) -> None:
        """Find out now and then what there is: memory lets go of tiles, others draw into a store, too."""
        if time.perf_counter() - self._looked > _LOOK_AGAIN:
            self.levels.look_again()
            self._looked = time.perf_counter()
