"""A slide that is drawn as one looks: what there is of it, what is missing, and what is wanted most."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tilecache import TileCache
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.slide.levels import DRAWN, LAYOUT_LEVEL, LEVELS, SKETCH_LEVEL, TILE, level_shape
from napari_histosynth.slide.overlay import Overlay, PaintedSlide
from napari_histosynth.ui.lazydrawer import Sight, distance
from napari_histosynth.ui.lazylevel import LevelView

if TYPE_CHECKING:
    from napari_histosynth.slide.pyramid import Slide

Pixels = npt.NDArray[np.uint8]
Tile = tuple[int, int, int]
"""Level, row and column."""

FINER = DRAWN[1:]
"""Levels that are drawn tile by tile, the coarsest first."""

_KEPT_BYTES = 64 << 20  # of tiles that show a coarser one enlarged


class SlideLevels:
    """A slide with what was painted into it.

    Parameters
    ----------
    slide : Slide
        Draws; its sketch is drawn here, so make this in a thread.
    overlay : Overlay, optional
        What was painted into it.

    Attributes
    ----------
    shapes : list of tuple of int
        Height and width of each level, 0 to 8.
    base : ndarray
        uint8 (y, x, 3), level 8: always there, changed in place.
    done : dict of int to ndarray
        For each drawn level bool (rows, columns): which tiles were drawn.
    owner : object
        The dock that has it drawn, None if none does.
    """

    tile = TILE

    def __init__(self, slide: Slide, overlay: Overlay | None = None) -> None:
        self.slide: Any = slide
        self.owner: Any = None
        self._enlarged: TileCache[tuple[int, int, int, int], Pixels] = TileCache(_KEPT_BYTES)
        self.overlay = Overlay() if overlay is None else overlay
        self.shapes = [level_shape(slide.size, level) for level in range(LEVELS)]
        self.base: Pixels = np.array(self.read(SKETCH_LEVEL, Window.of_shape(self.shapes[SKETCH_LEVEL])))
        self.done = {level: np.zeros(self.grid(level), bool) for level in FINER}
        self._noting = threading.Lock()  # what is noted while somebody looks is not lost
        self.look_again()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0."""
        return self.shapes[0]

    # ---- pixels

    def read(self, level: int, window: Window) -> Pixels:
        """Return what there is of a window of a level, at once: uint8 (y, x, 3)."""
        if level == SKETCH_LEVEL:
            pixels = self.slide.glance(level, window)
        else:
            pixels = np.empty((*window.shape, 3), np.uint8)
            for part in tile_windows(window, TILE):
                tile = level, part.y0 // TILE, part.x0 // TILE
                cut = part.relative_to(self.window(tile))
                pixels[part.relative_to(window).slices] = self._seen(tile)[cut.slices]
        return self.overlay.over(pixels, window, level)

    def _seen(self, tile: Tile) -> Pixels:
        """Return what there is of a tile; enlarged ones are kept, as each refresh asks for them again."""
        level, row, column = tile
        if self.slide.has(*tile):
            return np.asarray(self.slide.glance(level, self.window(tile)))
        above = next(up for up in range(1, LEVELS) if self._is_there(level + up, row >> up, column >> up))
        key = (*tile, above)
        pixels = self._enlarged.get(key)
        if pixels is None:
            pixels = self.slide.glance(level, self.window(tile))
            self._enlarged.put(key, pixels)
        return pixels

    def _is_there(self, level: int, row: int, column: int) -> bool:
        return level >= SKETCH_LEVEL or bool(self.slide.has(level, row, column))

    def draw(self, level: int, window: Window) -> Pixels:
        """Return a window of a level, drawn; in a thread."""
        return self.overlay.over(self.slide.read(level, window), window, level)

    @property
    def source(self) -> PaintedSlide:
        """The slide with what was painted into it, for those who write it."""
        return PaintedSlide(self.slide, self.overlay)

    def renew_base(self, window: Window) -> None:
        """Bring the coarsest level up to date where a window of level 0 was painted."""
        part = window.coarsen(2**SKETCH_LEVEL).clip(self.shapes[SKETCH_LEVEL])
        if not part.is_empty:
            self.base[part.slices] = self.read(SKETCH_LEVEL, part)

    def views(self) -> list[Any]:
        """Return the levels as napari reads them, the finest first."""
        return [*(SlideView(self, level) for level in range(SKETCH_LEVEL)), self.base]

    # ---- tiles

    def grid(self, level: int) -> tuple[int, int]:
        """Return rows and columns of the tiles of a level."""
        height, width = self.shapes[level]
        return -(-height // TILE), -(-width // TILE)

    def window(self, tile: Tile) -> Window:
        """Return where a tile lies, in pixels of its level."""
        level, row, column = tile
        whole = Window(row * TILE, (row + 1) * TILE, column * TILE, (column + 1) * TILE)
        return whole.clip(self.shapes[level])

    def beneath(self, sight: Sight, level: int) -> list[Tile]:
        """Return the tiles of a level that lie in what is looked at; none of the sketch, which is there."""
        window = sight.window.coarsen(2**level).clip(self.shapes[level])
        if window.is_empty or level == SKETCH_LEVEL:
            return []
        cells = window.coarsen(TILE)
        rows, columns = range(cells.y0, cells.y1), range(cells.x0, cells.x1)
        return [(level, row, column) for row in rows for column in columns]

    def missing(self, sight: Sight, level: int) -> list[Tile]:
        """Return those of them that are not drawn."""
        return [tile for tile in self.beneath(sight, level) if not self.slide.has(*tile)]

    def share(self, sight: Sight) -> float:
        """Return the share of what is in sight that is drawn as finely as it is shown."""
        inside = self.beneath(sight, sight.level)
        return 1 - len(self.missing(sight, sight.level)) / len(inside) if inside else 1.0

    def next_for(self, sight: Sight, at_work: Collection[Tile] = ()) -> Tile | None:
        """Return the tile that is most wanted of those that can be drawn now, None if there is none.

        Coarse levels come first, the middle before the rest.

        Parameters
        ----------
        sight : Sight
            What is looked at.
        at_work : collection of tuple
            Tiles that are being drawn: neither they nor those that need them can be begun.
        """
        y, x = (sight.window.y0 + sight.window.y1) / 2, (sight.window.x0 + sight.window.x1) / 2
        for level in (*(coarser for coarser in FINER if coarser > sight.level), sight.level):
            down = 2**level
            missing = self.missing(sight, level)
            missing.sort(key=lambda tile: distance(self.window(tile), y / down, x / down))
            if first := self.first_ready(missing, at_work):
                return first
        return None

    def first_ready(self, wanted: Iterable[Tile], at_work: Collection[Tile] = ()) -> Tile | None:
        """Return the first of some missing tiles that can be begun now, or what has to be before it."""
        firsts = (self.before(tile) for tile in wanted)
        return next((tile for tile in firsts if tile not in at_work), None)

    def before(self, tile: Tile) -> Tile:
        """Return the tile itself, or one that has to be drawn before it."""
        slide = self.slide
        while missing := [need for need in slide.tiles_needed(*tile) if not slide.has(*need)]:
            finer = [need for need in missing if need[0] != SKETCH_LEVEL]
            if not finer:
                break
            tile = tuple(finer[0])
        return tile

    def everything(self) -> Iterator[Tile]:
        """Yield all tiles, coarse levels first."""
        for level in FINER:
            rows, columns = self.grid(level)
            for row in range(rows):
                for column in range(columns):
                    yield level, row, column

    def note(self, tile: Tile) -> None:
        """Note that a tile was drawn."""
        with self._noting:
            if tile[0] in self.done:
                self.done[tile[0]][tile[1:]] = True

    def look_again(self) -> None:
        """Find out which tiles there are: in the store, or of those in memory, which may be let go of."""
        store = self.slide.store
        with self._noting:
            if store is not None:
                self.done = {level: store.finished(level) for level in FINER}
                return
            for level, done in self.done.items():
                for row, column in np.argwhere(done):
                    done[row, column] = self.slide.has(level, int(row), int(column))

    def tissue(self, level: int) -> npt.NDArray[np.bool_]:
        """Return which tiles of a level hold tissue, or nearly: those take time. Bool (rows, columns)."""
        from scipy import ndimage

        rows, columns = self.grid(level)
        cells = TILE * 2**level / 2**LAYOUT_LEVEL  # cells of the layout that a tile is wide
        near = ndimage.maximum_filter(self.slide.layout, 3) > 0
        tops, lefts = (
            np.minimum((np.arange(count) * cells).astype(int), side - 1)
            for count, side in zip((rows, columns), near.shape, strict=True)
        )
        held = np.maximum.reduceat(np.maximum.reduceat(near, tops, axis=0), lefts, axis=1)
        return np.asarray(held, bool)


class Rest:
    """What is left to draw of a slide, coarse levels first.

    Parameters
    ----------
    levels : SlideLevels
        The slide.

    Attributes
    ----------
    is_done : bool
        Whether nothing is left.
    """

    def __init__(self, levels: SlideLevels) -> None:
        self.is_done = False
        self._levels, self._left = levels, levels.everything()
        self._due: list[Tile] = []  # taken from what is left, and not drawn yet
        self._ahead = 4 * levels.slide.at_once

    def next(self, at_work: Collection[Tile] = ()) -> Tile | None:
        """Return the next tile that can be drawn now, None if those at work have to be there before.

        Parameters
        ----------
        at_work : collection of tuple
            As for :meth:`SlideLevels.next_for`.
        """
        slide = self._levels.slide
        self._due = [tile for tile in self._due if not slide.has(*tile)]
        if first := self._levels.first_ready(self._due, at_work):
            return first
        while len(self._due) < self._ahead and (tile := next(self._left, None)):
            if slide.has(*tile):
                self._levels.note(tile)
                continue
            self._due.append(tile)
            if first := self._levels.first_ready([tile], at_work):
                return first
        self.is_done = not self._due
        return None


class SlideView(LevelView):
    """A level of a slide as napari reads it: what there is now, at once."""

    levels: SlideLevels

    @property
    def drawn(self) -> LevelView:
        """The level for those who need it as it is: reading draws what is missing."""
        return LevelView(_Drawn(self.levels), self._level)


class _Drawn:
    """Levels that are drawn where they are read."""

    tile = TILE

    def __init__(self, levels: SlideLevels) -> None:
        self._levels = levels
        self.shapes = levels.shapes

    def read(self, level: int, window: Window) -> Pixels:
        return self._levels.draw(level, window)


def levels_in(layer: Any) -> SlideLevels | None:
    """Return the slide that a layer shows, None if it shows none of ours."""
    data: Any = getattr(layer, "data", None)
    first = data[0] if getattr(layer, "multiscale", False) and len(data) else None
    return first.levels if isinstance(first, SlideView) else None
