"""Tiles of a slide by diffusion, in any order: each is outpainted from finished neighbors, in four colors.

URCDM's patches overlap by 12.5 % and are outpainted one after the other, which makes a patch depend on all
before it. Here the tiles of a level have four colors, ``2 * (row % 2) + col % 2``, and a tile is drawn from
its neighbors of lower colors alone: a tile of color 0 from none, of color 1 from those left and right, of
color 2 from those above and below it, corners included, of color 3 from all eight. So a tile depends on 16
others of its level at most, and is the same whatever was looked at first.

A tile of 256 px is the middle of a window of 320: the network sees 32 px (12.5 % of a tile) of each finished
neighbor, and windows of neighbors overlap by 20 %. Pixels of neighbors are kept. What lies in two windows but
was not finished yet is drawn twice from the same noise, and the tile that owns it keeps its own. Where both
meet there is nothing to fade: averaged over 4 x 4 pixels, every tile is its parent (see ``diffusion``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.diffusion import DEFAULT_STEPS, MARGIN, checked_steps, load_diffusion
from napari_histosynth.slide.glass import WHOLE, blended, enlarged, glass_color, tissue_share
from napari_histosynth.slide.lattice import Place, is_on, layout_around, pixels_around, places_around
from napari_histosynth.slide.levels import DRAWN, STEP, TILE, level_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.diffusion import DiffusionCascade
    from napari_histosynth.slide.model import SlideModel

    Pixels = npt.NDArray[np.uint8]

#: Pixels of each neighbor that a tile's window holds: 12.5 % of a tile.
OVERLAP = TILE // 8
#: Pixels of the parent around a tile within which tissue is looked for.
GLASS_RIM = 12

_AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]


def color_of(place: Place) -> int:
    """Return the color of a tile, 0 to 3; neighbors differ in it."""
    return 2 * (place.row % 2) + place.col % 2


def window_of(place: Place) -> Window:
    """Return what the network draws for a tile: its pixels and those around it."""
    return place.window.grow(OVERLAP)


def neighbors_before(size: tuple[int, int], place: Place) -> list[Place]:
    """Return the neighbors that a tile is outpainted from, by color.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    place : Place
        The tile.
    """
    around = [Place(place.level, place.row + down, place.col + right) for down, right in _AROUND]
    before = [one for one in around if is_on(size, one) and color_of(one) < color_of(place)]
    return sorted(before, key=color_of)


def tiles_before(size: tuple[int, int], place: Place) -> set[Place]:
    """Return all tiles of its level that a tile depends on, at most 16."""
    found: set[Place] = set()
    asked = [place]
    while asked:
        for one in neighbors_before(size, asked.pop()):
            if one not in found:
                found.add(one)
                asked.append(one)
    return found


def most_evaluations(size: tuple[int, int], steps: int = DEFAULT_STEPS) -> dict[int, int]:
    """Return by level how many evaluations a slide takes if none of its tiles is all glass.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    steps : int
        Of each tile.
    """
    counts = {}
    for level in DRAWN[1:]:
        height, width = level_shape(size, level)
        counts[level] = -(-height // TILE) * -(-width // TILE) * steps
    return counts


class DiffusionDrawer:
    """Draws a tile by diffusion, or enlarges its parent where there is glass all around.

    Parameters
    ----------
    model : SlideModel
        Has the weights of a diffusion U-Net.
    seed : int
        Of noise and palette.
    size : tuple of int
        Height and width of the slide at level 0.
    layout : ndarray
        uint8 (y, x).
    steps : int, optional
        Evaluations a tile.

    Raises
    ------
    ModelError
        If the model has no such weights, or diffusers is not installed.
    """

    def __init__(
        self,
        model: SlideModel,
        seed: int,
        size: tuple[int, int],
        layout: npt.NDArray[np.uint8],
        steps: int | None = None,
    ) -> None:
        where = f"The model {model.name!r}"
        self._cascade: DiffusionCascade = load_diffusion(model.diffusion, where, model.device, model.dtype)
        self._seed, self._size, self._layout = seed, size, layout
        self._steps = checked_steps(DEFAULT_STEPS if steps is None else steps)
        self._glass = glass_color(model.palette, seed)

    def needs(self, place: Place) -> list[Place]:
        """Return the tiles of the parent's level around a tile, then its finished neighbors by color."""
        parents = places_around(self._size, place.level + 2, _seen(place))
        return parents + neighbors_before(self._size, place)

    def draw(self, place: Place, tiles: Mapping[Place, Pixels]) -> tuple[Pixels, int]:
        """Draw a tile, uint8 (256, 256, 3), from parents and neighbors; and say in how many evaluations."""
        seen = _seen(place)
        parent = pixels_around(self._size, place.level + 2, seen, tiles)
        layout = layout_around(self._size, self._layout, place.level + 2, seen)
        near = place.window.coarsen(STEP).grow(GLASS_RIM).relative_to(seen).slices
        share = tissue_share(parent[near], layout[:, *near], self._glass, GLASS_RIM)
        if share is None:
            return enlarged(parent[near], GLASS_RIM), 0
        known, mask = known_around(self._size, place, tiles)
        window = window_of(place)
        drawn = self._cascade.draw(
            place.level, self._seed, window, parent, layout, known, mask, steps=self._steps
        )
        drawn = drawn[place.window.relative_to(window).slices]
        if share.min() < WHOLE:
            drawn = blended(drawn, enlarged(parent[near], GLASS_RIM), share)
        return np.ascontiguousarray(drawn), self._steps

    def turn(self, place: Place) -> int:
        """Return a tile's color: tiles of one color do not need one another."""
        return color_of(place)


def known_around(
    size: tuple[int, int], place: Place, tiles: Mapping[Place, Pixels]
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Return what finished neighbors hold of a tile's window, and where.

    Parameters
    ----------
    size : tuple of int
        Height and width of the slide at level 0.
    place : Place
        The tile.
    tiles : mapping
        Holds at least :func:`neighbors_before`, cropped to the slide.

    Returns
    -------
    known : ndarray
        uint8 (320, 320, 3), 0 where nothing is known.
    mask : ndarray
        bool (320, 320), in whole pixels of the parent.
    """
    window = window_of(place)
    known = np.zeros((*window.shape, 3), np.uint8)
    mask = np.zeros(window.shape, bool)
    for one in neighbors_before(size, place):
        tile = tiles[one]
        held = Window(
            one.window.y0, one.window.y0 + tile.shape[0], one.window.x0, one.window.x0 + tile.shape[1]
        )
        part = held.intersect(window)
        # the last tile of a slide may end within a pixel of its parent, which is then not known as a whole
        part = part._replace(y1=part.y1 // STEP * STEP, x1=part.x1 // STEP * STEP)
        if part.is_empty:
            continue
        inside = part.relative_to(window).slices
        known[inside] = tile[part.relative_to(one.window).slices]
        mask[inside] = True
    return known, mask


def _seen(place: Place) -> Window:
    """Return the window of the parent's level that a tile is drawn from."""
    return window_of(place).grow(MARGIN).coarsen(STEP)
