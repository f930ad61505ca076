"""A slide without end: any tile of any level, the same whatever was looked at before.

Level 8 is the sketch. Levels 6, 4, 2 and 0 are drawn tile by tile, each tile from the finished pixels of
the level before around it, the layout, and noise keyed by position; odd levels are halved from the finer
one. A tile is a function of its arguments alone: tiles are cut along a fixed lattice, and what they are
drawn from are finished tiles. So tiles come out the same in any order, from one worker or eight, with a
store or without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.helpers import at_once_on
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.drawers import drawer_of, steps_of
from napari_histosynth.slide.lattice import Place, is_on, places_in
from napari_histosynth.slide.laying import GLANDS
from napari_histosynth.slide.levels import LAYOUT_LEVEL, LEVELS, SKETCH_LEVEL, TILE, level_shape
from napari_histosynth.slide.store import SlideKey, SlideStore, hash_of
from napari_histosynth.slide.works import TileWorks

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    from napari_histosynth.slide.model import SlideModel

    Pixels = npt.NDArray[np.uint8]

Setting = Literal["fast", "diffusion"]

#: Bytes of tiles that are kept in memory.
CACHE_BYTES = 256 << 20
#: Tiles of a window that are held at once, beside the window itself.
_HELD = 256
#: The smallest and the largest side of a slide in px: 0.13 mm to half a meter.
LEAST_SIDE, MOST_SIDE = 256, 1 << 20


class Slide:
    """A synthetic slide, drawn as one looks; any thread may use it.

    Parameters
    ----------
    model : SlideModel
        What draws.
    seed : int
        Which slide.
    size_px : int or tuple of int
        Side, or height and width, in px of level 0 (0.5 um).
    layout : ndarray, optional
        uint8 (y, x), classes of "slide-layout" at 32 um a px; drawn from the seed by default.
    setting : "fast" or "diffusion"
        One evaluation of the refiner a tile, or a diffusion of many steps.
    steps : int, optional
        Steps of the diffusion.
    store : SlideStore, optional
        Where finished tiles are kept; without, they are in memory as long as they fit.
    cache_bytes : int
        Bytes of tiles that are kept in memory.
    glands : bool, optional
        Whether crypts and glands are laid by rule into mucosa and tumor; as the model's card says by default.

    Attributes
    ----------
    at_once : int
        How many tiles are drawn at once: as many as torch has threads on a CPU, one on a GPU.

    Raises
    ------
    ImageError
        If the size is impossible, or the layout is not of that size.
    ModelError
        If the model has nothing for the setting.
    SaveError
        If the store is of another slide, or of another model.
    """

    def __init__(
        self,
        model: SlideModel,
        seed: int,
        size_px: int | tuple[int, int],
        *,
        layout: npt.NDArray[np.uint8] | None = None,
        setting: Setting = "fast",
        steps: int | None = None,
        store: SlideStore | None = None,
        cache_bytes: int = CACHE_BYTES,
        glands: bool | None = None,
    ) -> None:
        self.model, self.seed, self.setting = model, seed, setting
        self.glands = model.card.glands is not False if glands is None else glands
        self.steps = steps_of(setting, steps)
        self.size = checked_size(size_px)
        self.layout = _checked_layout(layout, seed, self.size)
        if store is not None:
            store.check(self.key)
        drawer = drawer_of(model, seed, self.size, self.layout, setting, steps, self.key.glands)
        self.at_once = at_once_on(model.device)
        self._works = TileWorks(self.size, drawer, self._sketch, store, cache_bytes, self.at_once)

    @classmethod
    def of_store(cls, store: SlideStore, model: SlideModel, *, cache_bytes: int = CACHE_BYTES) -> Slide:
        """Return the slide of a store; ``model`` has to be the one that it was begun with.

        Raises
        ------
        SaveError
            If the model is another, or the store's layout is damaged.
        """
        key = store.key
        store.check_model(model)
        return cls(
            model,
            key.seed,
            key.size,
            layout=store.layout(),
            setting=key.setting,
            steps=key.steps,
            store=store,
            cache_bytes=cache_bytes,
            glands=bool(key.glands),
        )

    @property
    def key(self) -> SlideKey:
        """All that pixels depend on."""
        return SlideKey(
            self.model.name,
            self.model.sha256,
            self.model.precision,
            self.seed,
            self.size,
            self.setting,
            self.steps,
            hash_of(self.layout),
            GLANDS if self.glands else 0,
        )

    @property
    def evaluations(self) -> int:
        """How often a network was evaluated so far."""
        return self._works.evaluations

    @property
    def store(self) -> SlideStore | None:
        """Where finished tiles are kept, None if in memory alone."""
        return self._works.store

    def shape(self, level: int) -> tuple[int, int]:
        """Return the height and width of a level in its px."""
        return level_shape(self.size, level)

    def begin_store(self, path: str | os.PathLike[str], note: Mapping[str, Any] | None = None) -> None:
        """Make a store for the slide; finished tiles go there from now on.

        Parameters
        ----------
        path : str or path-like
            Folder, ends in ``.zarr``; nothing may be there.
        note : mapping, optional
            What else is to stand in the provenance.

        Raises
        ------
        SaveError
            If something is there, or it cannot be written.
        """
        self._works.store = SlideStore.create(Path(path), self.key, self.layout, note)

    # ---- tiles

    def tile(self, level: int, row: int, col: int) -> Pixels:
        """Return a tile, drawn if it is not there yet.

        Parameters
        ----------
        level : int
            0 to 8.
        row, col : int
            On the lattice of 256 px of that level.

        Returns
        -------
        ndarray
            uint8 (y, x, 3); 256 px a side, less at the lower and the right border. Not to be written to.

        Raises
        ------
        ImageError
            If there is no such tile.
        SaveError
            If it cannot be written to the store, or one that it needs; it is kept in memory.
        """
        return self.tiles([(level, row, col)])[0]

    def tiles(self, places: Iterable[tuple[int, int, int]]) -> list[Pixels]:
        """Return tiles, those that are not there yet drawn several at once where a CPU draws.

        Parameters
        ----------
        places : iterable of tuple of int
            Level, row and column of each, as for :meth:`tile`.

        Returns
        -------
        list of ndarray
            As :meth:`tile` returns them, in the order that was asked for.

        Raises
        ------
        ImageError
            If there is no such tile.
        SaveError
            If one cannot be written to the store, or one that it needs; it is kept in memory.
        """
        wanted = [self._checked(*place) for place in places]
        found = self._works.tiles(wanted)
        return [found[place] for place in wanted]

    def tiles_needed(self, level: int, row: int, col: int) -> list[Place]:
        """Return the tiles, (level, row, col), that have to be finished before one can be."""
        return self._works.needs(self._checked(level, row, col))

    def turn(self, level: int, row: int, col: int) -> int:
        """Return when a tile has its turn among those of its level; tiles of a turn need one another not."""
        return self._works.turn(self._checked(level, row, col))

    def has(self, level: int, row: int, col: int) -> bool:
        """Return whether a tile is finished, and at hand or in the store."""
        return self._works.has(self._checked(level, row, col))

    # ---- windows

    def read(self, level: int, window: Window) -> Pixels:
        """Return a window of a level; what is missing is drawn.

        Parameters
        ----------
        level : int
            0 to 8.
        window : Window
            In px of the level; what lies off the slide is left out.

        Returns
        -------
        ndarray
            uint8 (y, x, 3).

        Raises
        ------
        ImageError
            If there is no such level, or no pixel of it in the window.
        SaveError
            If the store cannot be written.
        """
        wanted = self._wanted(level, window)
        pixels = np.empty((*wanted.shape, 3), np.uint8)
        places = places_in(level, wanted)
        for first in range(0, len(places), _HELD):
            some = places[first : first + _HELD]
            for place, tile in zip(some, self.tiles(some), strict=True):
                part = place.window.intersect(wanted)
                pixels[part.relative_to(wanted).slices] = tile[part.relative_to(place.window).slices]
        return pixels

    def glance(self, level: int, window: Window) -> Pixels:
        """Return a window of a level at once: finished tiles, else what coarser ones show of it.

        Parameters
        ----------
        level : int
            0 to 8.
        window : Window
            In px of the level; what lies off the slide is left out.

        Returns
        -------
        ndarray
            uint8 (y, x, 3); nothing but the sketch is drawn for it.

        Raises
        ------
        ImageError
            If there is no such level, or no pixel of it in the window.
        """
        wanted = self._wanted(level, window)
        pixels = np.empty((*wanted.shape, 3), np.uint8)
        for place in places_in(level, wanted):
            part = place.window.intersect(wanted)
            pixels[part.relative_to(wanted).slices] = self._glimpse(place, part)
        return pixels

    def dask_levels(self) -> list[Any]:
        """Return levels 0 to 8 as dask arrays, uint8 (y, x, 3), a chunk a tile; nothing is drawn yet."""
        import dask.array as da

        from napari_histosynth.slide.export import LevelArray

        return [
            da.from_array(
                LevelArray(self, level), chunks=(TILE, TILE, 3), name=False, inline_array=True, asarray=False
            )
            for level in range(LEVELS)
        ]

    def _sketch(self) -> Pixels:
        from napari_histosynth.slide.sketch import draw_sketch

        return draw_sketch(self.layout, self.size, self.seed, self.model.palette)

    def _glimpse(self, place: Place, part: Window) -> Pixels:
        """Return a part of a tile as the nearest finished tile above it shows it."""
        for steps in range(SKETCH_LEVEL - place.level + 1):
            side = 2**steps
            above = Place(place.level + steps, place.row // side, place.col // side)
            tile = self.tile(*above) if above.level == SKETCH_LEVEL else self._works.finished(above)
            if tile is not None:
                inside = part.relative_to(above.window.refine(side))
                return tile[inside.slices] if steps == 0 else _enlarged(tile, inside, side)
        raise AssertionError("the sketch is always there")

    def _wanted(self, level: int, window: Window) -> Window:
        if not 0 <= level < LEVELS:
            raise ImageError(f"A slide has levels 0 to {LEVELS - 1}, not {level}.")
        wanted = window.clip(self.shape(level))
        if wanted.is_empty:
            height, width = self.shape(level)
            raise ImageError(
                f"The window {tuple(window)} holds no pixel of level {level}, which has {width:,} x "
                f"{height:,}; choose a part of it."
            )
        return wanted

    def _checked(self, level: int, row: int, col: int) -> Place:
        place = Place(level, row, col)
        if not (0 <= level < LEVELS and is_on(self.size, place)):
            raise ImageError(f"The slide has no tile of level {level} in row {row}, column {col}.")
        return place


def checked_size(size_px: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a slide.

    Raises
    ------
    ImageError
        If a side is too small or too large.
    """
    height, width = (size_px, size_px) if isinstance(size_px, int) else size_px
    if min(height, width) < LEAST_SIDE or max(height, width) > MOST_SIDE:
        raise ImageError(
            f"A slide cannot be {width:,} x {height:,} px; choose sides of {LEAST_SIDE} to {MOST_SIDE:,} px."
        )
    return int(height), int(width)


def _checked_layout(
    layout: npt.NDArray[np.uint8] | None, seed: int, size: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Return a layout of the size, drawn if there is none."""
    if layout is None:
        from napari_histosynth.slide.layout import draw_layout

        return draw_layout(seed, size)
    wanted = level_shape(size, LAYOUT_LEVEL)
    if layout.shape != wanted:
        raise ImageError(
            f"The layout is of shape {layout.shape}; a slide of {size[1]:,} x {size[0]:,} px needs "
            f"{wanted[1]} x {wanted[0]} px at 32 um a px."
        )
    return np.array(layout, np.uint8)


def _enlarged(tile: Pixels, part: Window, side: int) -> Pixels:
    """Return a part of a tile enlarged, bilinearly; ``part`` in px of the enlarged tile."""
    from PIL import Image

    seen = part.coarsen(side).grow(2).clip(tile.shape)
    left, top = part.x0 / side - seen.x0, part.y0 / side - seen.y0
    box = left, top, left + part.width / side, top + part.height / side
    small = Image.fromarray(np.ascontiguousarray(tile[seen.slices]))
    return np.asarray(small.resize((part.width, part.height), Image.Resampling.BILINEAR, box=box))
