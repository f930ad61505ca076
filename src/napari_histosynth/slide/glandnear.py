"""Which gland each pixel of a window is nearest to, and where in the axes of that gland it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.sampling import places_seen

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.glandshapes import Glands

    Plane = npt.NDArray[np.float32]

#: Distance, in units, from which no gland is near.
_FAR = np.float32(40)


@dataclass(frozen=True)
class Nearest:
    """Pixels beside the glands that they are nearest to; lengths in units of 8 um.

    Attributes
    ----------
    glands : Glands
        All of them.
    first, second : ndarray
        float32 (y, x), how far pixels lie from the outline of the nearest gland and of the next, less than 0
        inside.
    owner : ndarray
        int32 (y, x), which gland is nearest.
    along, across : ndarray
        float32 (y, x), where pixels lie in the axes of that gland, from its middle; 0 where none is near.
    """

    glands: Glands
    first: Plane
    second: Plane
    owner: npt.NDArray[np.int32]
    along: Plane
    across: Plane

    def of(self, name: str) -> Plane:
        """Return an attribute of the nearest glands, float32 (y, x)."""
        return np.asarray(getattr(self.glands, name).astype(np.float32)[self.owner])

    def edge(self, septum: float) -> Plane:
        """Return how far pixels lie from the outline, half of ``septum`` kept free between two glands."""
        return np.maximum(self.first, (self.first - self.second) / 2 + np.float32(septum))


def nearest_glands(window: Window, scale: float, glands: Glands, warp: list[Plane]) -> Nearest:
    """Find the nearest gland of each pixel.

    Parameters
    ----------
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    glands : Glands
        Those around.
    warp : list of ndarray
        float32 (y, x), how far down and right of itself each pixel looks, in units.
    """
    first = np.full(window.shape, _FAR, np.float32)
    second = first.copy()
    owner = np.zeros(window.shape, np.int32)
    local = np.zeros((2, *window.shape), np.float32)
    around = glands.radius * (1 + np.abs(glands.taper)) + np.abs(glands.bend) + 2.5 + 2.5 * glands.tumor
    low, high = [], []
    for at, axis in ((glands.y, glands.down), (glands.x, glands.right)):
        reach = glands.half * np.abs(axis) + around
        low.append(np.floor((at - reach) / scale).astype(int))
        high.append(np.ceil((at + reach) / scale).astype(int))
    down_at, right_at = places_seen(window, scale, warp)
    middle_y = (glands.y - window.y0 * scale).astype(np.float32)
    middle_x = (glands.x - window.x0 * scale).astype(np.float32)
    for k in range(len(glands)):
        part = Window(low[0][k], high[0][k], low[1][k], high[1][k]).intersect(window)
        if part.is_empty:
            continue
        inside = part.relative_to(window).slices
        dy, dx = down_at[inside] - middle_y[k], right_at[inside] - middle_x[k]
        down, right = np.float32(glands.down[k]), np.float32(glands.right[k])
        half = np.float32(glands.half[k])
        along, across = dy * down + dx * right, dy * right - dx * down
        radius = np.float32(glands.radius[k])
        on = np.clip(along, -half, half)
        if half > 0:
            share = on * (1 / half)
            if glands.bend[k]:
                across -= np.float32(glands.bend[k]) * (share * share - np.float32(0.4))
            if glands.taper[k]:
                radius = radius * (1 + np.float32(glands.taper[k]) * share)
        beyond = along - on
        away = np.sqrt(beyond * beyond + across * across) - radius
        nearest, next_one = first[inside], second[inside]
        closer = away < nearest
        np.minimum(next_one, np.where(closer, nearest, away), out=next_one)
        np.minimum(nearest, away, out=nearest)
        owner[inside][closer] = k
        local[0][inside][closer] = along[closer]
        local[1][inside][closer] = across[closer]
    return Nearest(glands, first, second, owner, local[0], local[1])
