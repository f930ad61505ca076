"""Fill an area with glands that overlap neither one another nor those that are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.paint.ellipses import Mask
from napari_histosynth.paint.tools.gland_shape import (
    Gland,
    GlandClasses,
    Place,
    Values,
    gland_of,
    hollow,
    outline,
    roughness,
)
from napari_histosynth.paint.tools.grounds import nearest_class, without_nuclei
from napari_histosynth.paint.tools.stamp import settle
from napari_histosynth.paint.tools.workpiece import (
    AreaLike,
    ClassLike,
    Edit,
    Progress,
    Workpiece,
    check_range,
)

_TILE_UM = 600.0
_SITES_STREAM, _BEND_STREAM = 230, 240
_LEAST_SHARE = 0.4  # of a gland's area; what is left of less is no gland


def fill_with_glands(
    labels: npt.ArrayLike,
    *,
    um_per_px: float,
    area: AreaLike = None,
    gland: Gland | str = "crypt",
    crowding: float = 0.5,
    scheme: TissueScheme | str = "colon-3",
    epithelium: ClassLike | None = None,
    lumen: ClassLike | None = None,
    seed: int = 0,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Fill an area with glands that overlap neither one another nor the glands that are there.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    um_per_px : float
        Micrometers a pixel.
    area : Area or array_like, optional
        Where; everywhere if not given. Glands keep inside of it and are not cut by its border, and of one
        that has not enough room there is nothing.
    gland : Gland or str
        What they are like, or one of :data:`GLANDS`; each a little different.
    crowding : float
        0 is far apart (three radii from middle to middle), 1 is back to back, with 5 um of stroma between.
    scheme, epithelium, lumen
        As for :func:`napari_histosynth.paint.tools.stamp_gland`.
    seed : int
        Chooses the arrangement.
    protected : iterable of int or str
        Classes that stay.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError, SchemeError
        As for :func:`napari_histosynth.paint.tools.stamp_gland`.
    """
    piece = Workpiece(labels, scheme, um_per_px=um_per_px, area=area, protected=protected, progress=progress)
    gland = gland_of(gland)
    check_range("crowding", crowding, 0, 1)
    classes = GlandClasses.of(piece.scheme, epithelium, lumen)
    filling = _Filling(piece, gland, classes, crowding, seed)
    side = piece.pixels(_TILE_UM)
    result = piece.view(piece.area.window)
    tiles = list(tile_windows(piece.area.window.align(side), side))
    for number, tile in enumerate(tiles):
        piece.tell(number / len(tiles))
        if piece.area.within(tile).any():
            window, inside, open_ = filling.glands_of(tile)
            own_seed = seed + 7919 * (tile.y0 // side) + 104729 * (tile.x0 // side)
            settle(piece, result, window, inside, open_, gland, classes, own_seed)
    return piece.edit(result)


class _Filling:
    """Glands on a jittered lattice of the canvas, each drawn whole by the tile that its middle lies in."""

    def __init__(
        self, piece: Workpiece, gland: Gland, classes: GlandClasses, crowding: float, seed: int
    ) -> None:
        self.piece, self.gland, self.classes, self.seed = piece, gland, classes, seed
        self.spacing_um = gland.radius_um * (3.0 - 1.2 * crowding)
        self.gap_um = 22.0 - 17.0 * crowding
        self.lean = float(np.random.default_rng([seed % 2**64, 232]).random() * np.pi)

    def glands_of(self, tile: Window) -> tuple[Window, Mask, Mask]:
        """Return a window around a tile, where in it the tile's glands are, and where their lumina."""
        piece, gland = self.piece, self.gland
        halo = piece.pixels(2 * self.spacing_um * gland.stretch**0.5)
        core = tile.intersect(piece.area.window)
        place = Place.around(core.grow(halo).clip(piece.shape), piece.shape, piece.um_per_px, self.seed)
        ground = place.ground
        room, obstacle = self._room(place.window)
        y, x = place.places
        bend = 0.15 * self.spacing_um
        y = y + bend * place.noise(_BEND_STREAM, 1.5 * self.spacing_um)
        x = x + bend * place.noise(_BEND_STREAM + 4, 1.5 * self.spacing_um)
        along = (np.cos(self.lean) * x + np.sin(self.lean) * y) / gland.stretch**0.5
        across = (np.cos(self.lean) * y - np.sin(self.lean) * x) * gland.stretch**0.5
        sites = ground.sites(_SITES_STREAM, self.spacing_um, jitter=0.13, at=(across, along))
        nearest = sites.nearest
        chance = sites.chance[nearest]
        # the plane is stretched already
        field = outline(
            replace(gland, stretch=1.0), across - sites.y[nearest], along - sites.x[nearest], chance
        )
        field = _round_minimum(field, sites.edge - self.gap_um / 2 * gland.stretch**0.5, 18.0)
        free = ground.distance(~obstacle)
        field = _round_minimum(field, free - self.gap_um, 10.0)
        field = _round_minimum(field, ground.distance(room) - 1.0, 10.0)
        # blur and cut: corners become round, and nothing grows
        solid = (field > 0) & (ground.smooth((field > 0).astype(np.float32), 0.2 * gland.radius_um) > 0.5)
        field = ground.smooth(ground.distance(solid), 1.5) + 0.7 * roughness(gland, place)
        field = np.minimum(np.minimum(field, free - 2.0), sites.edge - 1.5)
        mask = ground.without_specks(field > 0, np.pi * (0.5 * gland.radius_um) ** 2)
        mask &= self._of_tile(mask, nearest, place, tile, len(sites.y))[nearest]
        depth = ground.distance(mask)
        top = np.zeros(len(sites.y))
        np.maximum.at(top, nearest[mask], depth[mask])
        inside = ground.draw(np.where(mask, field, np.minimum(field, -0.1)).astype(np.float32))
        return place.window, inside, ground.draw(hollow(gland, place, depth, top[nearest], chance))

    def _room(self, window: Window) -> tuple[Mask, Mask]:
        """Return where glands may be, and where glands are already, on the grid of a window."""
        piece, classes = self.piece, self.classes
        place = Place(window, piece.um_per_px, self.seed)
        view = piece.view(window)
        ground = place.thin_out(without_nuclei(view, classes.nuclei, piece.um_per_px))
        room = place.thin_out(piece.area.within(window)) & ~piece.is_protected(ground)
        # a lumen is glass or mucin whose nearest tissue is epithelium; clefts in stroma are none
        empty = np.isin(ground, [piece.scheme.background, classes.lumen])
        tissue = [int(index) for index in np.unique(ground[~empty])]
        owner = nearest_class(ground, empty, tissue, float(max(ground.shape)))
        return room, np.isin(owner, classes.all_epithelium)

    def _of_tile(
        self, mask: Mask, nearest: npt.NDArray[np.intp], place: Place, tile: Window, count: int
    ) -> Mask:
        """Return which glands have their middle in a tile and are large enough, bool (count,)."""
        y, x = place.places
        owner = nearest[mask]
        size = np.bincount(owner, minlength=count)
        middle = [
            np.bincount(owner, at[mask], minlength=count) / np.maximum(size, 1) / place.um_per_px
            for at in (y, x)
        ]
        large = size * place.ground.step_um**2 >= _LEAST_SHARE * np.pi * self.gland.radius_um**2
        within = (middle[0] >= tile.y0) & (middle[0] < tile.y1)
        within &= (middle[1] >= tile.x0) & (middle[1] < tile.x1)
        return np.asarray(large & within)


def _round_minimum(first: Values, second: Values, round_um: float) -> Values:
    """Return the smaller of two distances, with the corner between them rounded."""
    overlap = np.maximum(round_um - np.abs(first - second), 0) / round_um
    return np.asarray(np.minimum(first, second) - overlap**2 * round_um / 4)
