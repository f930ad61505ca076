"""Tiles of a slide, each drawn once, whoever asks for it: kept in memory, and in a store if there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.helpers import Helpers
from napari_histosynth.core.tilecache import TileCache
from napari_histosynth.io.halving import halved
from napari_histosynth.slide.lattice import Place, is_on
from napari_histosynth.slide.levels import SKETCH_LEVEL, TILE, level_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window
    from napari_histosynth.slide.drawers import Drawer
    from napari_histosynth.slide.store import SlideStore

    Pixels = npt.NDArray[np.uint8]


class TileWorks:
    """Draws tiles from tiles, coarse to fine; any thread may ask for any tile.

    A tile that two threads want is drawn by one of them. Nobody waits who holds a claim that another may wait
    for: a tile is claimed when all that it needs is at hand.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    drawer : Drawer
        Draws levels 6, 4, 2 and 0.
    sketch : callable
        Returns level 8, uint8 (y, x, 3); called once.
    store : SlideStore or None
        Where finished tiles are kept.
    cache_bytes : int
        Bytes of tiles that are kept in memory.
    at_once : int
        How many tiles are drawn at once, each by a thread of its own.

    Attributes
    ----------
    store
        As given; may be set.
    """

    def __init__(
        self,
        size: tuple[int, int],
        drawer: Drawer,
        sketch: Callable[[], Pixels],
        store: SlideStore | None,
        cache_bytes: int,
        at_once: int = 1,
    ) -> None:
        self.store = store
        self._size, self._drawer, self._sketch = size, drawer, sketch
        self._cache: TileCache[Place, Pixels] = TileCache(cache_bytes)
        self._lock = threading.Lock()
        self._at_work: dict[Place, Future[Pixels]] = {}
        self._unwritten: set[Place] = set()
        self._evaluations = 0
        self._helpers = Helpers(at_once)
        self._sketch_lock = threading.Lock()
        self._sketched: Pixels | None = None

    @property
    def evaluations(self) -> int:
        """How often a network was evaluated."""
        with self._lock:
            return self._evaluations

    def tiles(self, wanted: Iterable[Place]) -> dict[Place, Pixels]:
        """Return tiles of the slide, cropped to it; those that are not finished are drawn, some at once.

        Raises
        ------
        SaveError
            If one of them, or one that they need, cannot be written to the store; it is kept in memory.
        """
        held: dict[Place, Pixels] = {}  # here nothing is dropped before it is used
        missing: dict[Place, list[Place]] = {}
        wanted = list(wanted)
        waiting = [*reversed(wanted)]
        while waiting:
            place = waiting.pop()
            if place in held or place in missing:
                continue
            found = self.finished(place)
            if found is not None:
                held[place] = found
            else:
                missing[place] = self.needs(place)
                waiting.extend(missing[place])

        def draw(place: Place) -> None:
            tile = self.finished(place)  # others draw, too
            held[place] = self._drawn_once(place, held) if tile is None else tile

        self._helpers.do(
            {place: [need for need in needs if need in missing] for place, needs in missing.items()}, draw
        )
        return {place: held[place] for place in wanted}

    def needs(self, place: Place) -> list[Place]:
        """Return the tiles that have to be finished before one can be."""
        if place.level == SKETCH_LEVEL:
            return []
        if place.level % 2:
            return [child for child in place.children if is_on(self._size, child)]
        return self._drawer.needs(place)

    def turn(self, place: Place) -> int:
        """Return when a tile has its turn among those of its level."""
        return 0 if place.level == SKETCH_LEVEL or place.level % 2 else self._drawer.turn(place)

    def has(self, place: Place) -> bool:
        """Return whether a tile is finished, in memory or in the store."""
        return self._cache.get(place) is not None or (self.store is not None and self.store.has(place))

    def finished(self, place: Place) -> Pixels | None:
        """Return a tile if it is finished, else None."""
        tile = self._cache.get(place)
        if tile is None and self.store is not None:
            tile = self.store.get(place)
            if tile is not None:
                self._keep(place, tile)
        return tile

    def _drawn_once(self, place: Place, tiles: Mapping[Place, Pixels]) -> Pixels:
        """Draw a tile, or wait for the thread that does."""
        with self._lock:
            other = self._at_work.get(place)
            if other is None:
                mine = self._at_work[place] = Future()
        if other is not None:
            try:
                return other.result()
            except BaseException:  # whatever befell that thread: this one tries itself
                return self._drawn_once(place, tiles)
        try:
            # it may have been finished between the question and the claim
            tile = self._cache.get(place)
            if tile is None:
                tile = self._drawn(place, tiles)
                self._keep(place, tile)
        except BaseException as error:
            with self._lock:
                del self._at_work[place]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._at_work[place]
        mine.set_result(tile)
        self._store(place, tile)
        return tile

    def _drawn(self, place: Place, tiles: Mapping[Place, Pixels]) -> Pixels:
        """Draw a tile, cropped to the slide."""
        inside = place.window.clip(level_shape(self._size, place.level))
        if place.level == SKETCH_LEVEL:
            with self._sketch_lock:
                if self._sketched is None:
                    self._sketched = self._sketch()
            return np.ascontiguousarray(self._sketched[inside.slices])
        if place.level % 2:
            return _halved(place, inside, tiles)
        drawn, evaluations = self._drawer.draw(place, tiles)
        with self._lock:
            self._evaluations += evaluations
        return np.ascontiguousarray(drawn[: inside.height, : inside.width])

    def _keep(self, place: Place, tile: Pixels) -> None:
        tile.flags.writeable = False
        self._cache.put(place, tile)

    def _store(self, place: Place, tile: Pixels) -> None:
        """Write a finished tile to the store; and the odd level's above it, once all four are there."""
        if self.store is not None:
            self._write(self.store, place, tile)
        if place.level % 2 or place.level == SKETCH_LEVEL:
            return
        above = Place(place.level + 1, place.row // 2, place.col // 2)
        if self.has(above):
            return
        tiles = {}
        for child in self.needs(above):
            found = self.finished(child)
            if found is None:
                return
            tiles[child] = found
        self._drawn_once(above, tiles)

    def _write(self, store: SlideStore, place: Place, tile: Pixels) -> None:
        """Write a tile, and those that an earlier fault, such as a full disk, kept from being written."""
        try:
            store.put(place, tile)
        except SaveError:
            with self._lock:
                self._unwritten.add(place)
            raise
        with self._lock:
            due, self._unwritten = self._unwritten - {place}, set()
        for other in due:
            pixels = self._cache.get(other)
            if pixels is not None:  # else it is drawn again when it is asked for
                self._write(store, other, pixels)


def _halved(place: Place, inside: Window, tiles: Mapping[Place, Pixels]) -> Pixels:
    """Return a tile of an odd level from its children."""
    pixels = np.empty((*inside.shape, 3), np.uint8)
    for child in place.children:
        if child in tiles:
            half = halved(tiles[child])
            top, left = (child.row % 2) * TILE // 2, (child.col % 2) * TILE // 2
            pixels[top : top + half.shape[0], left : left + half.shape[1]] = half
    return pixels
