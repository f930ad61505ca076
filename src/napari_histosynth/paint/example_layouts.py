"""Shapes of colonic glands: crypts cut across and lengthwise, glands and nests of carcinoma.

Each function lays out the epithelium of a canvas as smooth fields over a :class:`ground.Ground`; what is
drawn from them, and the nuclei, are the business of :mod:`napari_histosynth.paint.examples`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_histosynth.paint.fields import Field
from napari_histosynth.paint.ground import Ground, Sites

Values = npt.NDArray[np.floating[Any]]
"""A field in the making, of any precision."""

_FOLD_UM = 640.0  # height of one side of a mucosal fold, its half of the submucosa included


@dataclass(frozen=True)
class Layout:
    """Where glands are, in micrometers from their borders, all float32 (y, x) on the grid.

    Parameters
    ----------
    gland : ndarray
        Distance from the base, positive inside (lumen included).
    lumen : ndarray
        Positive in lumina and on bare glass.
    mucin : ndarray
        How rich the epithelium is in goblet cells, 0 to 1.
    cleft : ndarray
        Positive in gaps between a gland and the stroma.
    loose : ndarray
        How loose the stroma is, around 0; frayed from 1.
    deep : ndarray
        Positive in muscle and submucosa, whose cells are few and slender.
    """

    gland: Field
    lumen: Field
    mucin: Field
    cleft: Field
    loose: Field
    deep: Field


def crypts_across(ground: Ground, *, spacing_um: float = 96.0) -> Layout:
    """Lay out healthy crypts cut across: rings in regular spacing, each a little different.

    Measured on healthy fields of GlaS: crypts 60 to 110 um across, 80 to 110 um from center to center,
    epithelium 20 to 28 um high, half of the area.
    """
    y, x = ground.places
    bend = 12.0
    y = y + bend * ground.noise(20, 90)
    x = x + bend * ground.noise(21, 90)
    # a slanting cut makes all crypts of a region oval in the same way
    slant = ground.chance(22).random() * np.pi
    along = (np.cos(slant) * x + np.sin(slant) * y) / 1.1
    across = (np.cos(slant) * y - np.sin(slant) * x) * 1.1
    sites = ground.sites(23, spacing_um, jitter=0.13, at=(across, along))
    outline, radius = _ovals(sites, (across, along), 0.40 * spacing_um)
    inner = radius * (1 - outline)
    gland = -_smooth_maximum(-inner, 5.0 - sites.edge, 22.0) + 0.9 * ground.noise(24, 9)
    chance = sites.chance[sites.nearest]
    # now and then a crypt is missing, and lymphocytes take its place
    gland = np.where(chance[..., 3] < 0.03, -20.0, gland)
    height = radius * (0.62 + 0.22 * chance[..., 4])
    lumen = gland - height + 2.6 * ground.noise(25, 7) + 1.5 * ground.noise(26, 18)
    torn = np.where(chance[..., 5] > 0.75, 0.5 + 4.5 * ground.noise(27, 24), -9.0)
    cleft = _torn_off(gland, torn)
    mucin = np.clip(0.2 + 0.9 * chance[..., 6] + 0.15 * ground.noise(28, 120), 0, 1)
    loose = 0.8 * ground.noise(29, 70)
    return _layout(gland, lumen, mucin, cleft, loose)


def crypts_along(ground: Ground, *, spacing_um: float = 84.0) -> Layout:
    """Lay out healthy crypts cut lengthwise: test tubes that open onto the surface, on muscularis mucosae."""
    y, x = ground.places
    tilt = np.radians(7) * ground.chance(40).uniform(-1, 1)
    middle = ground.extent_um[1] / 2
    y = y + np.tan(tilt) * (x - middle) + 9 * ground.noise(41, 120) + 1.5 * ground.noise(42, 22)
    # a tall canvas shows folds of mucosa: down one side, and up the other
    sides = max(1, round(ground.extent_um[0] / _FOLD_UM))
    height = ground.extent_um[0] / sides
    side = np.clip(np.floor(y / height), 0, sides - 1)
    y = np.where(side % 2 == 0, y - side * height, (side + 1) * height - y)
    surface = min(0.13 * height, 90.0)
    floor = max(surface + 60.0, min(0.84 * height, surface + 520.0))
    below = y - surface
    sway = 16 * ground.noise(43, 150) + 5 * ground.noise(44, 50)
    position = (x + sway) / spacing_um
    tube = np.floor(position).astype(np.int64)
    own = _tube_chances(ground, tube, side)
    offset = (position - tube - 0.5 + 0.12 * (own[..., 0] - 0.5)) * spacing_um
    width = 29 + 6 * (own[..., 1] - 0.5) + 2.2 * ground.noise(47, 45)
    length = floor - surface
    end = length * (0.93 + 0.07 * own[..., 2]) + 6 * ground.noise(48, 60)
    # some tubes leave the plane of the cut and come back
    leaves = own[..., 3] < 0.38
    out = length * (0.14 + 0.6 * own[..., 4])
    back = out + 2 * 29 + 12 + 40 * own[..., 5]
    upper = _capsule(offset, below, np.full_like(below, -200.0), np.where(leaves, out, end), width)
    lower = _capsule(offset, below, back, np.where(leaves, end, -1e4), width * 0.95)
    shaft = np.maximum(upper, lower)
    # the surface bulges between the mouths, and its epithelium runs over into the tubes without a corner
    bulge = below - 12 * np.exp(-((offset / 17) ** 2)) + 2.5 * ground.noise(56, 26)
    sheet = 24 + 2 * ground.noise(49, 30) - bulge
    gland = _smooth_maximum(shaft, sheet, 14.0) + 0.8 * ground.noise(50, 9)
    slit = 4.5 + 3.2 * ground.noise(51, 38) + 1.2 * ground.noise(52, 9)
    slit = slit + 13 * np.exp(-np.maximum(below, 0) / 22) - 5 * (own[..., 6] > 0.75)
    hollow = np.minimum(slit - np.abs(offset), shaft - 17)
    lumen = _smooth_maximum(hollow, -bulge, 12.0)
    mucin = np.clip(0.75 - 0.35 * below / max(length, 1) + 0.2 * ground.noise(53, 60), 0, 1)
    mucin = mucin * np.clip((below - 8) / 25, 0.15, 1)
    torn = np.where(own[..., 7] > 0.7, -1.0 + 4.0 * ground.noise(54, 24), -9.0)
    cleft = np.where(below > 40, _torn_off(gland, torn), -9.0)
    # under the muscle the submucosa is loose
    loose = 0.6 * ground.noise(55, 60) + 1.3 * np.clip((y - floor - 55) / 40, 0, 1) - 0.5
    return _layout(gland, lumen, mucin, cleft, loose, y - floor - 12 + 3 * ground.noise(57, 15))


@dataclass(frozen=True)
class Growth:
    """How a tumor grows.

    Parameters
    ----------
    spacing_um : float
        Distance of the sites from which glands grow; the smaller, the smaller the glands.
    stretch : float
        How much longer than wide they are.
    stroma : float
        Share of the sites that stay stroma, 0 to 1.
    join : float
        Share of the sites that fuse with a neighbor, 0 to 1: branching.
    gap_um : float
        Typical width of the stroma between neighbors.
    height_um : float
        Height of the epithelium; where a gland is narrower than twice that, it has no lumen.
    cribriform : float
        Share of the sites where the lumen is many small holes, 0 to 1.
    round_um : float
        Radius to which corners are rounded.
    rough_um : float
        How far outlines wander, in micrometers.
    mucin : float
        How rich in goblet cells, 0 to 1.
    """

    spacing_um: float
    stretch: float
    stroma: float
    join: float
    gap_um: float
    height_um: float
    cribriform: float = 0.0
    round_um: float = 9.0
    rough_um: float = 2.0
    mucin: float = 0.0


def tumor(ground: Ground, growth: Growth) -> Layout:
    """Lay out the glands of an adenoma or carcinoma: cells of a bent plane that crowd and fuse."""
    y, x = ground.places
    size = growth.spacing_um
    y = y + 0.22 * size * ground.noise(60, 0.9 * size) + 0.06 * size * ground.noise(61, 0.3 * size)
    x = x + 0.22 * size * ground.noise(62, 0.9 * size) + 0.06 * size * ground.noise(63, 0.3 * size)
    lean = ground.chance(64).random() * np.pi
    along = (np.cos(lean) * x + np.sin(lean) * y) / growth.stretch**0.5
    across = (np.cos(lean) * y - np.sin(lean) * x) * growth.stretch**0.5
    sites = ground.sites(65, size, jitter=0.3, at=(across, along))
    group = _fused(sites, growth.join)
    # stroma gathers: sites turn to stroma by a smooth field, with a little chance
    island = ground.noise(66, 1.6 * size)
    rank = _site_values(sites, island) + 0.5 * (sites.chance[:, 1] * 2 - 1)
    empty = rank < np.quantile(rank, growth.stroma) if growth.stroma > 0 else np.zeros(len(rank), bool)
    owner = np.where(empty[sites.nearest], -1, group[sites.nearest])
    edge = ground.distance(~_borders(owner))
    gap = growth.gap_um * np.exp(0.55 * ground.noise(67, 1.2 * size))
    mask = (owner >= 0) & (edge > gap / 2)
    # blur and cut: the corners where cells meet become round
    mask = ground.without_specks(mask, 900.0)
    rounded = ground.smooth(mask.astype(np.float32), growth.round_um) - 0.5
    # blurring closes narrow gaps: open those between glands again, as thin septa of stroma
    solid = (rounded > 0) & (edge > np.maximum(0.3 * gap, 1.8))
    solid = ~ground.without_specks(~solid, 160.0)
    wander = growth.rough_um * (0.7 * ground.noise(68, 14) + 0.5 * ground.noise(69, 6))
    gland = ground.smooth(ground.distance(solid), 1.5) + wander
    chance = sites.chance[sites.nearest]
    height = growth.height_um * (0.8 + 0.4 * chance[..., 2]) + 4 * ground.noise(70, 40)
    lumen = gland - height + 2.5 * ground.noise(71, 12) + 1.2 * ground.noise(72, 5)
    if growth.cribriform > 0:
        holes = ground.sites(73, 36.0, jitter=0.22)
        punched = np.minimum(holes.edge, 14) - 9.5 - 6 * holes.chance[holes.nearest][..., 0]
        punched = np.minimum(punched + 1.5 * ground.noise(74, 8), gland - 11)
        lumen = np.where(chance[..., 3] < growth.cribriform, punched, lumen)
    mucin = np.clip(growth.mucin * (0.5 + ground.noise(75, 90)), 0, 1)
    torn = 4.0 * (ground.noise(76, 60) + 0.8 * ground.noise(77, 16)) - 5.5
    cleft = _torn_off(gland, torn)
    return _layout(gland, lumen, mucin, cleft, 0.7 * ground.noise(78, 80))


def buds(ground: Ground, layout: Layout, *, size_um: float, share: float) -> Layout:
    """Add cords and small clusters of tumor cells to the stroma of a layout.

    Parameters
    ----------
    ground, layout
        The ground, and what grows on it already.
    size_um : float
        Width of a cluster.
    share : float
        Share of the stroma in which there are any, 0 to 1.
    """
    y, x = ground.places
    y = y + 0.35 * size_um * ground.noise(90, size_um) + 12 * ground.noise(91, 60)
    x = x + 0.35 * size_um * ground.noise(92, size_um) + 12 * ground.noise(93, 60)
    lean = ground.chance(64).random() * np.pi
    along = (np.cos(lean) * x + np.sin(lean) * y) / 1.12
    across = (np.cos(lean) * y - np.sin(lean) * x) * 1.12
    sites = ground.sites(94, size_um, jitter=0.3, at=(across, along))
    value = _site_values(sites, ground.noise(95, 90)) + 1.1 * sites.chance[:, 1]
    kept = value > np.quantile(value, 1 - share)
    owner = np.where(kept[sites.nearest], _fused(sites, 0.5)[sites.nearest], -1)
    edge = ground.distance(~_borders(owner))
    mask = (owner >= 0) & (edge > 1.5) & (layout.gland < -7)
    mask = ground.without_specks(mask, 220.0)
    rounded = ground.smooth(mask.astype(np.float32), 0.15 * size_um) - 0.5
    bud = ground.smooth(ground.distance(rounded > 0), 1.5) + 0.9 * ground.noise(96, 9)
    return replace(
        layout,
        gland=np.maximum(bud, layout.gland),
        lumen=np.minimum(layout.lumen, -bud),
        cleft=np.minimum(layout.cleft, -2 - bud),
    )


def _ovals(sites: Sites, at: tuple[Values, Values], radius_um: float) -> tuple[Values, Values]:
    """Return how far out each place is in its site's oval (1 at the outline) and the oval's radius in um."""
    dy, dx = at[0] - sites.y[sites.nearest], at[1] - sites.x[sites.nearest]
    chance = sites.chance[sites.nearest]
    turn = np.pi * chance[..., 0]
    aspect = np.exp(0.22 * chance[..., 1])
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / aspect
    v = (dy * np.cos(turn) - dx * np.sin(turn)) * aspect
    phi = np.arctan2(v, u)
    wave = 0.05 * np.cos(2 * phi + 6 * chance[..., 2]) + 0.05 * np.cos(3 * phi + 40 * chance[..., 0])
    wave += 0.03 * np.cos(5 * phi + 60 * chance[..., 1])
    radius = radius_um * (0.86 + 0.28 * chance[..., 7])
    return np.hypot(u, v) / (radius * (1 + wave)), radius


def _tube_chances(ground: Ground, tube: npt.NDArray[np.int64], side: Values) -> Values:
    """Return eight numbers of 0 to 1 that belong to each tube of each side of a fold, float (y, x, 8)."""
    first, count = int(tube.min()), int(np.ptp(tube)) + 1
    own = tube - first + count * side.astype(np.int64)
    table = np.stack(
        [
            # named by the tube's place: the same whatever the width of the canvas
            np.random.default_rng([ground.seed % 2**64, 46, row, column + first + 1_000_000]).random(8)
            for row in range(int(side.max()) + 1)
            for column in range(count)
        ]
    )
    return np.asarray(table[own])


def _capsule(offset: Values, along: Values, start: Values, end: Values, width: Values) -> Values:
    """Return the distance from the border of a tube with round ends, positive inside."""
    past = np.maximum(np.maximum(along - (end - width), start + width - along), 0)
    return np.where(end > start, width - np.hypot(offset, past), -200.0)


def _smooth_maximum(first: Values, second: Values, round_um: float) -> Values:
    """Return the greater of two distances, with the corner between them rounded."""
    overlap = np.maximum(round_um - np.abs(first - second), 0) / round_um
    return np.asarray(np.maximum(first, second) + overlap**2 * round_um / 4)


def _borders(owner: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return where a place and the next belong to different owners, bool (y, x)."""
    border = np.zeros(owner.shape, bool)
    border[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    border[:-1] |= owner[:-1] != owner[1:]
    return border


def _torn_off(gland: Values, width: Values) -> Values:
    """Return where stroma has come off a gland: from its border to ``width`` um from it."""
    return np.asarray(np.minimum(0.5 - gland, gland + width))


def _fused(sites: Sites, share: float) -> npt.NDArray[np.intp]:
    """Return for each site the number of its gland: its own, or that of a neighbor with which it fused."""
    points = np.stack([sites.y, sites.x], axis=1)
    neighbors = cKDTree(points).query(points, k=4)[1]
    pick = neighbors[np.arange(len(points)), 1 + (sites.chance[:, 6] * 2.999).astype(np.int64)]
    return np.where(sites.chance[:, 5] < share, pick, np.arange(len(points)))


def _site_values(sites: Sites, field: Field) -> npt.NDArray[np.float64]:
    """Return the mean of a field over the area of each site; 0 for sites beyond the canvas."""
    count = np.bincount(sites.nearest.ravel(), minlength=len(sites.y))
    total = np.bincount(sites.nearest.ravel(), field.ravel(), minlength=len(sites.y))
    return total / np.maximum(count, 1)


def _layout(
    gland: Values, lumen: Values, mucin: Values, cleft: Values, loose: Values, deep: Values | None = None
) -> Layout:
    """Gather fields as float32; without ``deep`` there is only the stroma of the mucosa or the tumor."""
    deep = np.full_like(gland, -1.0) if deep is None else deep
    return Layout(
        *(np.asarray(field, dtype=np.float32) for field in (gland, lumen, mucin, cleft, loose, deep))
    )
