"""Vessels at 8 and 2 um a pixel: capillaries among glands, arteries and veins in connective tissue.

Each is a capsule about a point of a lattice, moved and turned by noise keyed by its place. Lengths are units
of 8 um. Only sums, products, quotients and square roots are taken, so that every machine draws the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layoutclasses import MUCOSA, TISSUE, TUMOR
from napari_histosynth.slide.sampling import pixels_of_boxes, places_seen
from napari_histosynth.slide.softnoise import STREAM, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Numbers = npt.NDArray[np.float64]

#: Red, green and blue optical density over that of the tissue around: of red cells, of walls, of nothing.
_BLOOD = np.array([0.6, 1.5, 1.65], np.float32)
_WALL = np.array([0.9, 1.4, 1.1], np.float32)
_EMPTY = np.array([0.12, 0.12, 0.12], np.float32)
#: How much of what lies under a wall is seen: its nuclei.
_SEEN = np.float32(0.35)
#: Numbers that each vessel takes of a stream of noise.
_CHANCES = 8
#: Units about a vessel that it may reach at most; and steps a unit that its place is rounded to.
_REACH, _FINE = 20, 64
#: Streams of noise: vessels of either kind, what sways them, and where blood fills them.
_KINDS, _SWAY, _CLOTS = 0x8250, 0x8252, 0x8254


@dataclass(frozen=True)
class _Kind:
    """Vessels of a kind; lengths in units.

    ``apart`` from one to the next; ``radius`` and ``half`` on average and what chance adds; ``wall`` how much
    of the radius is wall; ``rare`` a normal number above which one is there; ``sway`` how much outlines are
    bent; ``classes`` where they lie.
    """

    apart: float
    radius: tuple[float, float]
    half: tuple[float, float]
    wall: tuple[float, float]
    rare: float
    sway: float
    classes: tuple[int, ...]


_CAPILLARIES = _Kind(8.5, (0.42, 0.22), (0.8, 1.1), (0.0, 0.0), -0.1, 0.3, (MUCOSA, TUMOR))
_ARTERIES = _Kind(30, (3.0, 1.8), (1.0, 3.0), (0.22, 0.14), 0.1, 0.9, (TISSUE,))


@dataclass(frozen=True)
class Vessels:
    """How much of each pixel is what of a vessel, float32 (y, x) each: together 1 at most."""

    blood: Plane
    wall: Plane
    empty: Plane

    @property
    def share(self) -> Plane:
        """How much of each pixel is vessel."""
        return self.blood + self.wall + self.empty

    def into(self, density: Plane, color: int) -> Plane:
        """Return a density, float32 (y, x), of red, green or blue, with vessels in it."""
        around = density * (1 - self.share + _SEEN * self.wall)
        return np.asarray(
            around
            + _BLOOD[color] * self.blood
            + (1 - _SEEN) * _WALL[color] * self.wall
            + _EMPTY[color] * self.empty,
            np.float32,
        )


def vessels(seed: int, window: Window, scale: float, shares: Plane) -> Vessels | None:
    """Return the vessels in a window.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    shares : ndarray
        float32 (5, y, x), which share of each pixel is of each class.

    Returns
    -------
    Vessels or None
        None where there are none.
    """
    found = [
        _vessels(seed, number, kind, window, scale, np.asarray(sum(shares[one] for one in kind.classes)))
        for number, kind in enumerate((_CAPILLARIES, _ARTERIES))
    ]
    some = [one for one in found if one is not None]
    if len(some) < 2:
        return some[0] if some else None
    # of two kinds at a border, arteries lie on top
    left = 1 - some[1].share
    return Vessels(
        some[0].blood * left + some[1].blood,
        some[0].wall * left + some[1].wall,
        some[0].empty * left + some[1].empty,
    )


def _vessels(
    seed: int, number: int, kind: _Kind, window: Window, scale: float, there: Plane
) -> Vessels | None:
    there = np.clip(3 * there - np.float32(1.5), 0, 1)
    if not there.any():
        return None
    deepest, walls, fills = (np.full(window.area, value, np.float32) for value in (-9, 0, 0))
    cell = 2.2 * kind.radius[0] + 1
    bends = np.float32(kind.sway)
    sway = [bends * soft_noise(seed, _SWAY + 16 * number + k, window, cell / scale) for k in (0, 1)]
    down_at, right_at = places_seen(window, scale, sway)
    y, x, down, right, half, radius, wall, filled = _around(seed, number, kind, window, scale)
    reach_y, reach_x = (half * np.abs(one) + radius + 4 * kind.sway + 1 for one in (down, right))
    rows, cols, of = pixels_of_boxes(
        window, (y - reach_y) / scale, (y + reach_y) / scale, (x - reach_x) / scale, (x + reach_x) / scale
    )

    pixel = rows * window.width + cols

    def each(values: Numbers) -> Plane:
        return np.asarray(values.astype(np.float32)[of], np.float32)

    dy = down_at.ravel()[pixel] - each(y - window.y0 * scale)
    dx = right_at.ravel()[pixel] - each(x - window.x0 * scale)
    along, across = dy * each(down) + dx * each(right), dy * each(right) - dx * each(down)
    beyond = along - np.clip(along, -each(half), each(half))
    depth = each(radius) - np.sqrt(beyond * beyond + across * across)
    # the deepest counts, of two alike the first
    np.maximum.at(deepest, pixel, depth)
    top = np.flatnonzero(depth == deepest[pixel])[::-1]
    walls[pixel[top]], fills[pixel[top]] = each(wall * radius)[top], each(filled)[top]
    deep, thick, full = (one.reshape(window.shape) for one in (deepest, walls, fills))
    soft = np.float32(1 / scale)
    share = there * np.clip(np.float32(0.5) + deep * soft, 0, 1)
    if not share.any():
        return None
    lumen = there * np.clip(np.float32(0.5) + (deep - thick) * soft, 0, 1)
    clots = soft_noise(seed, _CLOTS + number, window, (1.2 * kind.radius[0] + 1) / scale)
    blood = lumen * np.clip(np.float32(0.5) + 2 * (full - clots), 0, 1)
    return Vessels(blood, share - lumen, lumen - blood)


def _around(seed: int, number: int, kind: _Kind, window: Window, scale: float) -> tuple[Numbers, ...]:
    """Return the vessels that may reach into a window: y, x, down, right, half, radius, wall, filled."""
    units = [side * scale for side in (window.y0, window.y1, window.x0, window.x1)]
    top, left = (math.floor((units[k] - _REACH) / kind.apart) for k in (0, 2))
    bottom, right = (math.floor((units[k] + _REACH) / kind.apart) + 1 for k in (1, 3))
    nodes = Window(top, bottom, _CHANCES * left, _CHANCES * right)
    chance = gaussian(seed, STREAM + _KINDS + number, 0, nodes).astype(np.float64)
    chance = chance.reshape(nodes.height, -1, _CHANCES)
    rows, cols = np.nonzero(chance[..., 0] > kind.rare)
    of = chance[rows, cols].T
    y, x = (
        np.rint(_FINE * kind.apart * (at + first + 0.5 + np.clip(0.3 * moved, -0.45, 0.45))) / _FINE
        for at, first, moved in ((rows, top, of[1]), (cols, left, of[2]))
    )
    length = np.maximum(np.sqrt(of[3] * of[3] + of[4] * of[4]), 1e-3)
    radius = kind.radius[0] + kind.radius[1] * np.clip(of[5], -0.8, 2)
    half = kind.half[0] + kind.half[1] * np.clip(np.abs(of[6]), 0, 2)
    wall = np.clip(kind.wall[0] + kind.wall[1] * of[7], 0.08 * (kind.wall[0] > 0), 0.45)
    return y, x, of[3] / length, of[4] / length, half, radius, wall, 0.7 * of[0] - 0.2 + of[6] * 0.5
