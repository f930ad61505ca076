"""Where glands lie on a slide, and their shapes: a function of the seed, the layout and the place.

Lengths are units of 8 um, pixels of level 4; places are counted from the corner of the slide. Glands stand on
lattices, one for discs and one for rods of each of sixteen directions, moved and turned by noise keyed by
their place; which of them are there follows from the layout within :data:`SEEN` of them. Only sums, products
and square roots are taken, so that every machine finds the same glands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.follicles import follicles_around
from napari_histosynth.slide.glandground import CELL, DIRECTIONS, GROUND_SEES, Ground, Manner
from napari_histosynth.slide.layoutclasses import MUCOSA, TUMOR
from napari_histosynth.slide.softnoise import STREAM

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

#: Units beyond a window within which a gland may reach into it, or keep another from being there.
HALO = 136
#: Units of the layout beyond a window that its glands depend on.
SEEN = HALO + CELL * GROUND_SEES
#: Units from a follicle to the middle of a gland, at least.
_FROM_FOLLICLES = 4
#: Steps a unit that places are rounded to.
_FINE = 64
#: Streams of noise, and the numbers that each gland takes of one.
_DISCS, _NESTS, _RODS, _CHANCES = 0x8010, 0x8011, 0x8040, 9


@dataclass(frozen=True)
class Glands:
    """Glands, one an entry of each array; lengths in units of 8 um.

    Attributes
    ----------
    y, x : ndarray
        float64 (n,), middles, multiples of 1/64.
    down, right : ndarray
        float64 (n,), unit vectors of their axes.
    half, radius : ndarray
        float64 (n,), half the length of the axis, and how far the outline lies from it.
    bend, taper : ndarray
        float64 (n,), how far the ends of the axis lie to the side; how much wider one end is than the other.
    wall : ndarray
        float64 (n,), how thick the epithelium is.
    pale : ndarray
        float64 (n,), 0 to 1: mucin to empty lumen.
    holes : ndarray
        float64 (n,), 1 where small lumens pierce the gland, else 0.
    tumor : ndarray
        float64 (n,), 1 of glands of a tumor, else 0.
    rank : ndarray
        float64 (n,), of two that overlap the higher one stays.
    """

    y: Numbers
    x: Numbers
    down: Numbers
    right: Numbers
    half: Numbers
    radius: Numbers
    bend: Numbers
    taper: Numbers
    wall: Numbers
    pale: Numbers
    holes: Numbers
    tumor: Numbers
    rank: Numbers

    def __len__(self) -> int:
        return len(self.y)

    def pick(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Glands:
        """Return some of the glands."""
        return Glands(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    @staticmethod
    def join(parts: list[Glands]) -> Glands:
        """Return the glands of several sets."""
        names = [field.name for field in fields(Glands)]
        return Glands(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def glands_around(seed: int, window: Window, layout: npt.NDArray[np.uint8], manner: Manner) -> Glands | None:
    """Return the glands that may reach into a window, in an order that their places alone decide.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        In units of 8 um.
    layout : ndarray
        uint8 (y, x), the whole.
    manner : Manner
        Of the slide.

    Returns
    -------
    Glands or None
        None if there are none.
    """
    ground = Ground(seed, window.grow(HALO), layout, manner)
    if ground.empty:
        return None
    parts = []
    if (ground.kind == MUCOSA).any():
        parts.append(_crypts_across(seed, ground, manner))
    if (ground.poor & (ground.kind == TUMOR)).any():
        parts.append(_nests(seed, ground, manner))
    for tumor, codes in enumerate(ground.rods()):
        for index in range(len(DIRECTIONS)):
            if (codes == index).any():
                parts.append(
                    (_glands_of_tumor if tumor else _crypts_along)(seed, ground, manner, index, codes)
                )
    found = Glands.join(parts)
    follicles = follicles_around(seed, ground.region, layout)
    if follicles is not None:
        found = found.pick(~follicles.hold(found.y, found.x, _FROM_FOLLICLES))
    found = found.pick(np.lexsort((found.rank, found.x, found.y)))
    reach = found.half + found.radius + 10
    near = (found.y + reach > window.y0) & (found.y - reach < window.y1)
    near &= (found.x + reach > window.x0) & (found.x - reach < window.x1)
    found = found.pick(_stays(found, near))
    return found if len(found) else None


def _lattice(
    seed: int,
    stream: int,
    ground: Ground,
    axis: tuple[float, float],
    steps: tuple[float, float],
    there: npt.NDArray[np.bool_],
    shift: float = 0.5,
) -> tuple[Numbers, Numbers, list[Numbers]]:
    """Return the points of a lattice in cells that are ``there``, and nine normal numbers of each.

    Rows run across the axis, ``steps`` are those from one to the next and within them, in units; every other
    row is moved by ``shift`` of a step.
    """
    region, (along, across) = ground.region, steps
    corners_y = np.array([region.y0, region.y0, region.y1, region.y1], np.float64)
    corners_x = np.array([region.x0, region.x1, region.x0, region.x1], np.float64)
    t, u = corners_y * axis[0] + corners_x * axis[1], corners_y * axis[1] - corners_x * axis[0]
    top, left = math.floor(t.min() / along) - 1, math.floor(u.min() / across) - 2
    i = np.arange(top, math.ceil(t.max() / along) + 2, dtype=np.float64)[:, None]
    j = np.arange(left, math.ceil(u.max() / across) + 2, dtype=np.float64)[None] + shift * (i % 2)
    y, x = i * along * axis[0] + j * across * axis[1], i * along * axis[1] - j * across * axis[0]
    inside = (y >= region.y0) & (y < region.y1) & (x >= region.x0) & (x < region.x1)
    rows, cols = np.nonzero(inside)
    y, x = y[rows, cols], x[rows, cols]
    kept = ground.at(there, y, x) > 0
    y, x, rows, cols = y[kept], x[kept], rows[kept], cols[kept]
    if not len(y):
        return y, x, [y] * _CHANCES
    first_row, first_col = int(rows.min()), int(cols.min())
    nodes = Window(
        top + first_row,
        top + int(rows.max()) + 1,
        _CHANCES * (left + first_col),
        _CHANCES * (left + int(cols.max()) + 1),
    )
    numbers = gaussian(seed, STREAM + stream, 0, nodes).reshape(nodes.height, -1, _CHANCES)
    picked = numbers[rows - first_row, cols - first_col].astype(np.float64)
    return y, x, list(picked.T)


def _rounded(values: Numbers) -> Numbers:
    return np.asarray(np.rint(values * _FINE) / _FINE)


def _unit(down: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    length = np.maximum(np.sqrt(down * down + right * right), 1e-3)
    return down / length, right / length


def _crypts_across(seed: int, ground: Ground, manner: Manner) -> Glands:
    """Return crypts in cross section."""
    step = manner.spacing
    there = (ground.kind == MUCOSA) & ~ground.lies
    y, x, chance = _lattice(seed, _DISCS, ground, (1.0, 0.0), (0.87 * step, step), there)
    y, x = _rounded(y + 0.11 * step * chance[0]), _rounded(x + 0.11 * step * chance[1])
    skew = np.clip(0.5 + 0.9 * chance[2] + ground.at(ground.mode, y, x), 0, 3)
    down, right = _unit(
        ground.at(ground.drift[0], y, x) + 0.3 * chance[3], ground.at(ground.drift[1], y, x) + 0.3 * chance[4]
    )
    radius = manner.radius * (1 + 0.12 * np.clip(chance[5], -2, 2)) * (1 - 0.04 * skew)
    none = np.zeros_like(y)
    return Glands(
        y, x, down, right, skew, radius, none, none, (0.5 - 0.14 * manner.mucin) * radius,
        np.clip(0.25 + 0.35 * manner.mucin + 0.15 * chance[6], 0, 1), none, none, chance[2],
    )  # fmt: skip


def _nests(seed: int, ground: Ground, manner: Manner) -> Glands:
    """Return large glands of a tumor: cribriform, or solid."""
    there = (ground.kind == TUMOR) & ground.poor
    y, x, chance = _lattice(seed, _NESTS, ground, (1.0, 0.0), (23, 26), there)
    y, x = _rounded(y + 3.5 * chance[0]), _rounded(x + 3.5 * chance[1])
    down, right = _unit(chance[2], chance[3])
    radius = np.clip(9 + 2 * chance[4], 5, 13)
    none = np.zeros_like(y)
    solid = chance[5] < 2 * manner.grade - 1.4
    return Glands(
        y, x, down, right, np.clip(4 + 3 * chance[6], 0, 10), radius, 2 * chance[7], none,
        np.where(solid, 30.0, 4.5), none + 0.9, np.where(solid, 0.0, 1.0), none + 1, chance[2],
    )  # fmt: skip


def _glands_of_tumor(
    seed: int, ground: Ground, manner: Manner, index: int, codes: npt.NDArray[np.int8]
) -> Glands:
    """Return tubes of a tumor whose axes have one of the sixteen directions, about."""
    steps = 27.0, 0.98 * manner.apart
    stream = _RODS + 2 * index + 1
    y, x, chance = _lattice(seed, stream, ground, DIRECTIONS[index], steps, codes == index)
    down, right = (ground.at(part, y, x) for part in ground.axis)
    none = np.zeros_like(y)
    half = np.clip(8.5 + 5 * chance[2], 0, 22)
    radius = np.clip(5.8 + 1.1 * chance[3], 3.6, 9)
    down, right = _unit(down + 0.2 * chance[5], right + 0.2 * chance[6])
    return Glands(
        _rounded(y + 2.6 * chance[0]), _rounded(x + 2.6 * chance[1]), down, right, half, radius,
        2.2 * chance[7], np.clip(0.2 * chance[5], -0.5, 0.5), np.clip(0.6 * radius + 0.5 * chance[8], 2.2, 5),
        np.clip(0.7 + 0.3 * chance[4], 0, 1), none, none + 1, chance[0] - 3,
    )  # fmt: skip


def _crypts_along(
    seed: int, ground: Ground, manner: Manner, index: int, codes: npt.NDArray[np.int8]
) -> Glands:
    """Return crypts in longitudinal section whose axes have one of the sixteen directions, about."""
    apart = manner.apart
    steps = manner.row / 2, apart
    y, x, chance = _lattice(seed, _RODS + 2 * index, ground, DIRECTIONS[index], steps, codes == index, 0)
    down, right = (ground.at(part, y, x) for part in ground.inward)
    none = np.zeros_like(y)
    short = np.clip(2 + 2.5 * chance[2], 0, 9)
    half = manner.long - short
    # every crypt begins at the surface
    move = 3.5 + half + manner.thick - ground.at(ground.depth, y, x)
    sidewise = 0.05 * apart * chance[3]
    y, x = y + move * down - sidewise * right, x + move * right + sidewise * down
    down, right = _unit(down + 0.04 * chance[4], right + 0.04 * chance[5])
    return Glands(
        _rounded(y), _rounded(x), down, right, half, manner.thick * (1 + 0.06 * chance[6]), 1.2 * chance[7],
        none + 0.12, none + (0.55 - 0.12 * manner.mucin) * manner.thick,
        np.clip(0.3 + 0.4 * manner.mucin + 0.15 * chance[2], 0, 1), none, none,
        30 - np.abs(move) / 4 + 0.1 * chance[0],
    )  # fmt: skip


def _stays(glands: Glands, asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return which of the glands that are asked for no higher one overlaps too much."""
    at = np.flatnonzero(asked)
    part = glands.pick(at)
    dy, dx = part.y[:, None] - glands.y, part.x[:, None] - glands.x
    wide = (0.6 - 0.18 * part.tumor)[:, None] * (part.radius[:, None] + glands.radius)
    beaten = glands.rank > part.rank[:, None]
    beaten &= np.abs(dy * glands.right - dx * glands.down) < wide
    beaten &= np.abs(dy * glands.down + dx * glands.right) < 0.8 * (part.half[:, None] + glands.half) + wide
    return at[~beaten.any(1)]
