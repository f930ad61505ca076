"""What draws a tile of a slide from finished ones: one class a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_histosynth.core.errors import ModelError
from napari_histosynth.slide.glass import WHOLE, blended, enlarged, glass_color, tissue_share
from napari_histosynth.slide.lattice import Place, layout_around, pixels_around, places_around
from napari_histosynth.slide.laying import GLANDS, LAID, RIM, lay_tissue
from napari_histosynth.slide.levels import STEP

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window
    from napari_histosynth.slide.model import SlideModel

    Pixels = npt.NDArray[np.uint8]


class Drawer(Protocol):
    """Draws tiles of levels 6, 4, 2 and 0."""

    def needs(self, place: Place) -> list[Place]:
        """Return the tiles that have to be finished before."""

    def draw(self, place: Place, tiles: Mapping[Place, Pixels]) -> tuple[Pixels, int]:
        """Draw a tile whole, uint8 (256, 256, 3), also beyond the slide; and say in how many evaluations."""

    def turn(self, place: Place) -> int:
        """Return when a tile has its turn: tiles of one level and turn need one another not."""


class RefinerDrawer:
    """Draws a tile in one evaluation, or in none where there is glass all around.

    Parameters
    ----------
    model : SlideModel
        What draws.
    seed : int
        Of noise and palette.
    size : tuple of int
        Height and width of the slide at level 0.
    layout : ndarray
        uint8 (y, x).
    """

    def __init__(
        self, model: SlideModel, seed: int, size: tuple[int, int], layout: npt.NDArray[np.uint8]
    ) -> None:
        self._model, self._seed, self._size, self._layout = model, seed, size, layout
        self._glass = glass_color(model.palette, seed)

    def needs(self, place: Place) -> list[Place]:
        """Return the tiles of the parent's level around a tile."""
        return places_around(self._size, place.level + 2, self._seen(place))

    def draw(self, place: Place, tiles: Mapping[Place, Pixels]) -> tuple[Pixels, int]:
        """Draw a tile from its parents."""
        seen, rim = self._seen(place), self._model.margin // STEP
        parent = pixels_around(self._size, place.level + 2, seen, tiles)
        layout = layout_around(self._size, self._layout, place.level + 2, seen)
        share = tissue_share(parent, layout, self._glass, rim)
        if share is None:
            return enlarged(parent, rim), 0
        drawn = self._model.refine(place.level, self._seed, place.window, parent, layout)
        if share.min() < WHOLE:
            drawn = blended(drawn, enlarged(parent, rim), share)
        return drawn, 1

    def turn(self, place: Place) -> int:
        """Return 0: tiles of a level do not need one another."""
        return 0

    def _seen(self, place: Place) -> Window:
        """Return the window of the parent's level that a tile is drawn from."""
        return place.window.grow(self._model.margin).coarsen(STEP)


class TissueLayer:
    """Lays glands, cells and fibers into what another drawer draws, wherever it draws tissue.

    Parameters
    ----------
    drawer : Drawer
        Draws the tiles.
    seed : int
        Of the slide.
    size : tuple of int
        Height and width of the slide at level 0.
    layout : ndarray
        uint8 (y, x).
    glass : ndarray
        Color of glass, (3,).
    """

    def __init__(
        self,
        drawer: Drawer,
        seed: int,
        size: tuple[int, int],
        layout: npt.NDArray[np.uint8],
        glass: npt.NDArray[np.int64],
    ) -> None:
        self._drawer, self._seed, self._size = drawer, seed, size
        self._layout, self._glass = layout, glass

    def needs(self, place: Place) -> list[Place]:
        """Return the tiles that have to be finished before: what is drawn from reaches far enough."""
        return self._drawer.needs(place)

    def draw(self, place: Place, tiles: Mapping[Place, Pixels]) -> tuple[Pixels, int]:
        """Draw a tile and lay tissue into it."""
        drawn, evaluations = self._drawer.draw(place, tiles)
        if evaluations and place.level in LAID:
            seen = place.window.coarsen(STEP).grow(RIM)
            parent = pixels_around(self._size, place.level + 2, seen, tiles)
            drawn = lay_tissue(
                place.level, self._seed, place.window, drawn, parent, self._layout, self._glass
            )
        return drawn, evaluations

    def turn(self, place: Place) -> int:
        """Return when a tile has its turn."""
        return self._drawer.turn(place)


def steps_of(setting: str, steps: int | None) -> int | None:
    """Return the steps of a setting, those that it has by default if none are given; None if it has none."""
    if setting == "diffusion" and steps is None:
        from napari_histosynth.slide.diffusion import DEFAULT_STEPS

        return DEFAULT_STEPS
    return steps


def drawer_of(
    model: SlideModel,
    seed: int,
    size: tuple[int, int],
    layout: npt.NDArray[np.uint8],
    setting: str,
    steps: int | None,
    glands: int = GLANDS,
) -> Drawer:
    """Return what draws in a setting, and lays tissue unless ``glands`` is 0.

    Raises
    ------
    ModelError
        If there is no such setting, or the model has no weights for it.
    """

    def laid(drawer: Drawer) -> Drawer:
        return TissueLayer(drawer, seed, size, layout, glass_color(model.palette, seed)) if glands else drawer

    if setting == "fast":
        if steps is not None:
            raise ModelError(
                'Steps are of the setting "diffusion"; the setting "fast" draws in one evaluation.'
            )
        return laid(RefinerDrawer(model, seed, size, layout))
    if setting == "diffusion":
        from napari_histosynth.slide.outpaint import DiffusionDrawer

        return laid(DiffusionDrawer(model, seed, size, layout, steps))
    raise ModelError(f'The setting {setting!r} is unknown; choose "fast" or "diffusion".')
