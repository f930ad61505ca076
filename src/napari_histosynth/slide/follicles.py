"""Lymph follicles: round crowds of small cells at the foot of mucosa, no crypt among them.

They stand at points of a lattice, moved by noise keyed by their place, where the layout has room for them.
Lengths are units of 8 um. Only sums, products and square roots are taken: every machine draws the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.glandground import CELL
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, TISSUE
from napari_histosynth.slide.sampling import places_seen
from napari_histosynth.slide.softnoise import STREAM, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Numbers = npt.NDArray[np.float64]

#: From one to the next if all were there; the normal number above which one is.
_APART, _RARE = 120, 0.55
#: Their radius on average, what chance adds, and the largest.
_RADIUS, _VARIED, LARGEST = 24, 5, 34
#: Cells of the layout between a follicle's middle and glass, at least; and to mucosa, at most.
_FROM_GLASS, _FROM_MUCOSA = 6, 3
#: Units over which they thin out, how much outlines are bent, and from one bend to the next.
_SOFT, _BENT, _BENDS_APART = 12, np.float32(1.6), 14
#: Steps a unit that places are rounded to, and numbers that each takes of a stream of noise.
_FINE, _CHANCES = 64, 4
#: Streams of noise: follicles, and what bends their outlines.
_NODES, _BENDS = 0x8270, 0x8271


@dataclass(frozen=True)
class Follicles:
    """Follicles, one an entry of each array: middles and radius, float64 (n,), in units."""

    y: Numbers
    x: Numbers
    radius: Numbers

    def hold(self, y: Numbers, x: Numbers, beyond: float) -> npt.NDArray[np.bool_]:
        """Return which places lie in a follicle, or less than so many units beyond."""
        away = (y[:, None] - self.y) ** 2 + (x[:, None] - self.x) ** 2
        return np.asarray((away < (self.radius + beyond) ** 2).any(1))

    def share(self, seed: int, window: Window, scale: float) -> Plane:
        """Return how much of each pixel of a window is follicle, float32 (y, x)."""
        found = np.zeros(window.shape, np.float32)
        bent = [_BENT * soft_noise(seed, _BENDS + k, window, _BENDS_APART / scale) for k in (0, 1)]
        down_at, right_at = places_seen(window, scale, bent)
        for y, x, radius in zip(self.y, self.x, self.radius, strict=True):
            dy, dx = down_at - np.float32(y - window.y0 * scale), right_at - np.float32(x - window.x0 * scale)
            deep = np.float32(radius) - np.sqrt(dy * dy + dx * dx)
            np.maximum(found, np.clip(np.float32(0.5) + deep * np.float32(1 / _SOFT), 0, 1), out=found)
        return found


def follicles_around(seed: int, window: Window, layout: npt.NDArray[np.uint8]) -> Follicles | None:
    """Return the follicles that may reach into a window.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        In units of 8 um.
    layout : ndarray
        uint8 (y, x), the whole.

    Returns
    -------
    Follicles or None
        None if there are none.
    """
    near = window.grow(LARGEST + _SOFT + 8)
    top, left = math.floor(near.y0 / _APART), math.floor(near.x0 / _APART)
    bottom, right = math.floor(near.y1 / _APART) + 1, math.floor(near.x1 / _APART) + 1
    nodes = Window(top, bottom, _CHANCES * left, _CHANCES * right)
    chance = gaussian(seed, STREAM + _NODES, 0, nodes).astype(np.float64).reshape(nodes.height, -1, _CHANCES)
    found = []
    for row, col in np.argwhere(chance[..., 0] > _RARE):
        _, down, over, large = chance[row, col]
        y, x = (
            float(np.rint(_FINE * _APART * (at + 0.5 + np.clip(0.3 * moved, -0.5, 0.5))) / _FINE)
            for at, moved in ((top + row, down), (left + col, over))
        )
        if _has_room(layout, int(y // CELL), int(x // CELL)):
            found.append((y, x, float(np.clip(_RADIUS + _VARIED * large, 14, LARGEST))))
    if not found:
        return None
    return Follicles(*np.array(found).T)


def _has_room(layout: npt.NDArray[np.uint8], row: int, col: int) -> bool:
    """Return whether a follicle may stand about a cell of the layout."""

    def around(cells: int) -> npt.NDArray[np.uint8]:
        return layout[max(row - cells, 0) : row + cells + 1, max(col - cells, 0) : col + cells + 1]

    if not (0 <= row < layout.shape[0] and 0 <= col < layout.shape[1]):
        return False
    if layout[row, col] not in (MUCOSA, TISSUE) or (around(_FROM_GLASS) == GLASS).any():
        return False
    # at the foot of mucosa, where tissue is near it
    close = around(_FROM_MUCOSA)
    return bool((close == MUCOSA).any() and (around(2 * _FROM_MUCOSA) == TISSUE).any())
