"""Crypts and glands, laid by rule into what is drawn of a slide: its architecture.

A network that draws each magnification from the one before it makes glands of what its parent shows of them.
The sketch, 128 um a pixel, shows nothing of them. So the glands that
:mod:`~napari_histosynth.slide.glandshapes` places are laid into tiles of levels 6 and 4 (32 and 8 um a pixel)
as soon as they are drawn: epithelium is denser than the tissue around, mucin and lumens are paler. At level 4
every pixel of the parent keeps its color, to the gray level; at level 6 the mean over some 350 um does.

What is laid depends on the seed, the layout, the pixels and the parent around them: not on the tile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.slide.glandground import Manner
from napari_histosynth.slide.glandshapes import Glands, glands_around
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import MUCOSA, TUMOR
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.sketch import light_through
from napari_histosynth.slide.softnoise import STREAM, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]

#: Version of the rule; 0 stands for none. Another one makes other pixels, and stores say which it was.
GLANDS = 2
#: Levels that glands are laid into; lengths are units of 8 um, pixels of the second.
LAID, _UNIT_LEVEL = (6, 4), 4
#: Pixels of the parent around a tile that are looked at.
RIM = 8
#: Units that glands are found for at a time, at least.
_BLOCK = 536
#: Distance, in units, from which no gland is near.
_FAR = np.float32(40)
#: Streams of noise: outlines that wander, and small lumens, and cells.
_WARP, _HOLES, _GRAIN = 0x8100, 0x8110, 0x8111
#: Optical density of stroma, epithelium, and what it holds, mucin and an empty lumen, over that of the tissue
#: around: of mucosa and of tumor.
_STROMA, _EPITHELIUM = (0.55, 0.7), (1.5, 1.45)
#: How much denser epithelium is at its foot, and paler at its top, than on average.
_NUCLEI = 0.15
#: How much the density of stroma varies from pixel to pixel of level 4: cells in mucosa, in tumor.
_CELLS = (0.18, 0.08)
_MUCIN, _EMPTY = 1.0, 0.15
#: Share that is kept of what was drawn finer than its parent, in stroma of mucosa and of tumor, in glands.
_KEPT = (0.8, 0.5, 0.4)
#: Red, green and blue of epithelium and of stroma, of the same density.
_BLUE, _PINK = np.array([1.05, 0.99, 1.0], np.float32), np.array([0.93, 1.03, 1.0], np.float32)
#: Half the side in pixels of level 6 of the square that keeps its mean there.
_EVEN = 5


def lay_glands(
    level: int,
    seed: int,
    window: Window,
    drawn: Pixels,
    parent: Pixels,
    layout: npt.NDArray[np.uint8],
) -> Pixels:
    """Lay glands into a window of a slide.

    Parameters
    ----------
    level : int
        Of the window; where it is not in :data:`LAID`, nothing is laid.
    seed : int
        Of the slide.
    window : Window
        Pixels of the level, corners multiples of 4.
    drawn : ndarray
        uint8 (height, width, 3), what was drawn of it.
    parent : ndarray
        uint8 (y, x, 3), what it was drawn from: ``window.coarsen(4).grow(RIM)`` of ``level + 2``.
    layout : ndarray
        uint8 (y, x), the whole.

    Returns
    -------
    ndarray
        uint8 (height, width, 3).
    """
    if level not in LAID:
        return drawn
    fine = level == _UNIT_LEVEL
    rim = STEP if fine else _EVEN
    wide = window.grow(rim)
    shares = fractions(layout, wide, level)
    strength = np.clip(2 * (shares[MUCOSA] + shares[TUMOR]) - 1, 0, 1)[..., None]
    if not strength.any():
        return drawn
    factor = gland_density(level, seed, wide, shares[TUMOR], layout)
    if factor is None:
        return drawn
    inner = np.s_[rim:-rim, rim:-rim]
    factor, within = factor[..., :3], factor[..., 3:][inner]
    even = optical_density(parent)
    if fine:
        # the parent shows glands already, laid there: they are laid into its mean around
        light = _light(_enlarged(_mean_around(even, RIM - 2), 1) * factor)
        lost = parent[RIM - 1 : 1 - RIM, RIM - 1 : 1 - RIM] - _mean_of_blocks(light)
        light = light[inner] + _enlarged(lost, 1)
        strength = strength[inner]
    else:
        density = _enlarged(even, RIM)
        held = _held(factor, strength, density, rim)
        light, strength = _light(density * factor[inner] * held), strength[inner]
    kept = np.float32(_KEPT[0]) + np.float32(_KEPT[1] - _KEPT[0]) * shares[TUMOR][inner][..., None]
    kept += (np.float32(_KEPT[2]) - kept) * within
    light += kept * (drawn - _enlarged(parent.astype(np.float32), RIM))
    change = strength * (light - drawn)
    if fine:
        change -= np.repeat(np.repeat(_mean_of_blocks(change), STEP, 0), STEP, 1)
    laid: Pixels = np.clip(np.rint(drawn + change), 0, 255).astype(np.uint8)
    return laid


def _held(factor: Plane, strength: Plane, density: Plane, radius: int) -> Plane:
    """Return what densities are multiplied by, so that the light which passes keeps its mean over a square.

    Densities that vary let more light pass than their mean does: to the second order by half their variance.

    Parameters
    ----------
    factor, strength : ndarray
        float32 (y, x, 3) and (y, x, 1): what densities are multiplied by already, and how much of it is laid.
    density : ndarray
        float32 (y - 2 radius, x - 2 radius, 3), natural, of the tissue around.
    radius : int
        Half the side of the square.
    """
    least = np.float32(0.01)
    laid = np.maximum(_mean_around(strength, radius), least)
    mean = np.maximum(_mean_around(factor * strength, radius) / laid, least)
    spread = np.maximum(_mean_around(factor * factor * strength, radius) / laid - mean * mean, 0)
    # 1 = held * mean - held ** 2 * density * spread / 2
    root = np.sqrt(np.maximum(mean * mean - 2 * density * spread, 0))
    return np.asarray(2 / (mean + root), np.float32)


def gland_density(
    level: int, seed: int, window: Window, tumor: Plane, layout: npt.NDArray[np.uint8]
) -> Plane | None:
    """Return the optical density that glands make, as a share of that of the tissue around.

    Parameters
    ----------
    level : int
        Of the window, one of :data:`LAID`.
    seed : int
        Of the slide.
    window : Window
        Pixels of the level.
    tumor : ndarray
        float32 (height, width), how much of each pixel is tumor.
    layout : ndarray
        uint8 (y, x), the whole.

    Returns
    -------
    ndarray or None
        float32 (height, width, 4): of red, green and blue, and which share of each pixel is gland; None where
        there are no glands.
    """
    manner = manner_of(seed)
    over = 1 if level == _UNIT_LEVEL else 2  # coarse pixels are means of finer ones
    scale = 2 ** (level - _UNIT_LEVEL)  # units a pixel
    out = np.empty((*window.shape, 4), np.float32)
    found = False
    for relative in tile_windows(Window.of_shape(window.shape), _BLOCK // scale):
        block = relative.shift(window.y0, window.x0)
        share = tumor[relative.slices]
        glands = glands_around(seed, block.refine(scale), layout, manner)
        if glands is None:
            out[..., :3][relative.slices] = _stroma(share)[..., None] * _PINK
            out[..., 3][relative.slices] = 0
            continue
        found = True
        if over > 1:
            share = np.repeat(np.repeat(share, over, 0), over, 1)
        painted = _painted(seed, block.refine(over), scale / over, glands, share)
        out[relative.slices] = painted if over == 1 else _halved(painted)
    return out if found else None


@lru_cache(maxsize=8)
def manner_of(seed: int) -> Manner:
    """Return how glands of a slide look."""
    return Manner.of(seed)


def _stroma(tumor: Plane) -> Plane:
    return np.asarray(np.float32(_STROMA[0]) + np.float32(_STROMA[1] - _STROMA[0]) * tumor)


def _painted(seed: int, window: Window, scale: float, glands: Glands, tumor: Plane) -> Plane:
    """Return the densities of a window in which there are glands."""
    cell = 7 / scale
    sway = (np.float32(0.35) + np.float32(1.1) * tumor, np.float32(0.8) * tumor)
    warp = []
    for k in (0, 1):
        bent = sway[0] * soft_noise(seed, _WARP + k, window, cell)
        if sway[1].any():
            bent += sway[1] * soft_noise(seed, _WARP + 2 + k, window, cell / 2)
        warp.append(bent)
    first, second, owner = _distances(window, scale, glands, warp)
    edge = np.maximum(first, (first - second) / 2 + np.float32(0.55))
    soft = np.float32(1 / max(1.0, scale))
    wall, pale, holes, of_tumor = (
        getattr(glands, name).astype(np.float32)[owner] for name in ("wall", "pale", "holes", "tumor")
    )
    within = np.clip(np.float32(0.5) - edge * soft, 0, 1)
    core = np.clip(np.float32(0.5) - (edge + wall) * soft, 0, 1)
    if holes.any():
        # lumens pierce a nest where noise is high, but for its outermost cells
        pierced = np.float32(2.2) * (soft_noise(seed, _HOLES, window, 4.2 / scale) - np.float32(0.75))
        pierced = np.minimum(pierced, -(edge + np.float32(2.5)))
        core = np.where(holes > 0, np.clip(np.float32(0.5) + pierced * soft, 0, 1), core)
    core = np.minimum(core, within)
    # nuclei stand at the foot of the epithelium
    slope = np.float32(1 + _NUCLEI) - np.float32(2 * _NUCLEI) * np.clip(-edge / wall, 0, 1)
    epithelium = (np.float32(_EPITHELIUM[0]) + np.float32(_EPITHELIUM[1] - _EPITHELIUM[0]) * of_tumor) * slope
    fill = np.float32(_MUCIN) + np.float32(_EMPTY - _MUCIN) * pale
    stroma = _stroma(tumor)
    if scale <= 1:
        grain = gaussian(seed, STREAM + _GRAIN, _UNIT_LEVEL, window)
        stroma *= 1 + (np.float32(_CELLS[0]) + np.float32(_CELLS[1] - _CELLS[0]) * tumor) * grain
    stroma *= 1 - within
    epithelium *= within - core
    fill *= core
    out = np.empty((*window.shape, 4), np.float32)
    for color in range(3):
        out[..., color] = stroma * _PINK[color] + epithelium * _BLUE[color] + fill
    out[..., 3] = within
    return out


def _distances(
    window: Window, scale: float, glands: Glands, warp: list[Plane]
) -> tuple[Plane, Plane, npt.NDArray[np.int32]]:
    """Return how far pixels lie from the outline of the nearest gland and of the next, and which is nearest.

    In units, less than 0 inside.
    """
    first = np.full(window.shape, _FAR, np.float32)
    second = first.copy()
    owner = np.zeros(window.shape, np.int32)
    around = glands.radius * (1 + np.abs(glands.taper)) + np.abs(glands.bend) + 2.5 + 2.5 * glands.tumor
    low, high = [], []
    for at, axis in ((glands.y, glands.down), (glands.x, glands.right)):
        reach = glands.half * np.abs(axis) + around
        low.append(np.floor((at - reach) / scale).astype(int))
        high.append(np.ceil((at + reach) / scale).astype(int))
    # to the 512th of a unit, from the corner of the window: differences are exact, whatever the window
    step = np.float32(512)
    down_at = np.rint(step * warp[0]) * (1 / step) + ((np.arange(window.height) + 0.5) * scale)[:, None]
    right_at = np.rint(step * warp[1]) * (1 / step) + (np.arange(window.width) + 0.5) * scale
    down_at, right_at = down_at.astype(np.float32), right_at.astype(np.float32)
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
        along -= on
        away = np.sqrt(along * along + across * across) - radius
        nearest, next_one = first[inside], second[inside]
        closer = away < nearest
        np.minimum(next_one, np.where(closer, nearest, away), out=next_one)
        np.minimum(nearest, away, out=nearest)
        owner[inside][closer] = k
    return first, second, owner


def _mean_around(values: Plane, radius: int) -> Plane:
    """Return the mean over a square around each pixel, (y - 2 radius, x - 2 radius, c)."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        count = len(values) - 2 * radius
        total = values[:count].copy()
        for by in range(1, 2 * radius + 1):
            total += values[by : by + count]
        values = np.moveaxis(total * np.float32(1 / (2 * radius + 1)), 0, axis)
    return values


def _mean_of_blocks(values: Plane) -> Plane:
    """Return the means of blocks of 4 x 4 pixels, (y / 4, x / 4, c)."""
    height, width, colors = values.shape
    rows = values.reshape(height // STEP, STEP, width, colors)
    rows = (rows[:, 0] + rows[:, 1]) + (rows[:, 2] + rows[:, 3])
    cols = rows.reshape(height // STEP, width // STEP, STEP, colors)
    total = (cols[:, :, 0] + cols[:, :, 1]) + (cols[:, :, 2] + cols[:, :, 3])
    return np.asarray(total * np.float32(1 / STEP**2), np.float32)


def _halved(values: Plane) -> Plane:
    """Return the means of blocks of 2 x 2 pixels."""
    rows = values[::2] + values[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25), np.float32)


def _light(density: Plane) -> Plane:
    """Return gray levels, 0 to 255, that densities let through."""
    return np.asarray(256 * light_through(np.maximum(density, np.float32(0.004))) - 1, np.float32)


def _enlarged(values: Plane, rim: int) -> Plane:
    """Enlarge (y, x, c) four times, bilinearly, without the rim, at least 1."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        count = len(values) - 2 * rim
        out = np.empty((count, STEP, *values.shape[1:]), np.float32)
        here = values[rim : rim + count]
        for part in range(STEP):
            off = 2 * part + 1 - STEP  # from the middle of the pixel, in eighths of it
            other = values[rim + 1 : rim + 1 + count] if off > 0 else values[rim - 1 : rim - 1 + count]
            share = np.float32(abs(off) / (2 * STEP))
            out[:, part] = here * (1 - share) + other * share
        values = np.moveaxis(out.reshape(count * STEP, *values.shape[1:]), 0, axis)
    return values
