"""Cells of glands and of the stroma around them, 2 um a pixel: nuclei at the foot of each, goblets above.

Cells of a tube stand side by side around it, feet outwards, so they are counted along its outline; those of
solid nests and of stroma lie about anyhow. Lengths are units of 8 um. Only sums, products, quotients and
square roots are taken, so that every machine draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.softnoise import STREAM, soft_noise
from napari_histosynth.slide.stroma import NUCLEUS, scattered

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.glandnear import Nearest

    Plane = npt.NDArray[np.float32]

#: Red, green and blue optical density over that of the tissue around: of cytoplasm of epithelium, of mucin;
#: and of an empty lumen.
CYTOPLASM = np.array([0.9, 1.1, 0.95], np.float32)
MUCIN = np.array([0.4, 0.38, 0.35], np.float32)
_EMPTY = np.float32(0.15)
#: How wide a cell is at its foot: of crypts, of glands of a tumor; and from one goblet cell to the next.
_WIDE, _GOBLETS_APART = (0.95, 0.68), 1.75
#: From one nucleus of solid nests to the next.
_APART = 1.0
#: Numbers that each cell takes of a stream of noise.
_CHANCES = 5
#: Streams of noise: numbers of cells, of goblet cells, and how they sway.
_COLUMNS, _GOBLETS, _SWAY = 0x8200, 0x8208, 0x8214
_PI = np.float32(3.1415927)


@dataclass(frozen=True)
class _Columns:
    """Cells that stand side by side: of which each pixel is, and where in it.

    ``side`` float32 (y, x), units from the middle of the cell; ``chance`` normal numbers of the cell.
    """

    side: Plane
    chance: list[Plane]


def cell_density(
    seed: int,
    window: Window,
    scale: float,
    near: Nearest,
    edge: Plane,
    pierced: Plane | None,
    stroma: Plane,
    there: Plane,
) -> Plane:
    """Return the optical density that glands and cells make, as a share of that of the tissue around.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    near : Nearest
        Of the window.
    edge : ndarray
        float32 (y, x), how far pixels lie from the outline of their gland, less than 0 inside.
    pierced : ndarray or None
        float32 (y, x), more than 0 in small lumens of nests; None where there are no nests.
    stroma : ndarray
        float32 (y, x, 5), what lies around glands, as it is returned.
    there : ndarray
        float32 (y, x), which share of glands is there.

    Returns
    -------
    ndarray
        float32 (y, x, 5), as :func:`~.glands.tissue_density` returns it.
    """
    soft = np.float32(1 / scale)
    deep, wall, pale = depth_of(near, edge), near.of("wall"), near.of("pale")
    tubes = near.of("tumor") > 0
    sway, outline = soft_noise(seed, _SWAY, window, 0.8 / scale), _Outline.of(near)
    cells = _columns(seed, _COLUMNS, near, outline, _WIDE, sway)
    first, second, third, fourth, fifth = cells.chance
    # nuclei of crypts stand at their feet, those of a tumor in several rows
    middle = np.where(tubes, np.float32(1.45), np.float32(0.9))
    middle += np.where(tubes, np.float32(0.5), np.float32(0.25)) * first
    long = np.where(tubes, np.float32(0.8), np.float32(0.52)) * (1 + np.float32(0.13) * second)
    wide = np.where(tubes, np.float32(0.32), np.float32(0.37)) * (1 + np.float32(0.13) * third)
    nucleus = _disc((deep - middle) / long, (cells.side + np.float32(0.12) * fifth) / wide, wide * soft)
    height = cell_height(near)
    # the top of each cell is a dome
    tall = height + np.float32(0.25) * third - cells.side * cells.side
    lumen = np.clip(np.float32(0.5) + (deep - tall) * soft, 0, 1)
    goblet = _goblets(seed, near, outline, deep, height, sway, soft)
    nucleus[~tubes & (fourth > 1.1)] = 0
    if tubes.any():
        anyhow = (wall > 25) | (near.of("holes") > 0)
        # where two glands overlap, their cells lie about anyhow too
        nests = anyhow | (tubes & ((deep > 2.7) | (near.second < -0.8)))
        about, tone = scattered(seed, 1, window, scale, _APART)
        nucleus = np.where(nests, np.clip(np.float32(0.5) + about * soft, 0, 1), nucleus)
        if pierced is not None:
            holes = np.where(wall > 25, 0, np.clip(np.float32(0.5) + pierced * soft, 0, 1))
            lumen = np.where(anyhow, holes, lumen)
        fourth = np.where(nests, tone, fourth)
    out = np.empty((*window.shape, 5), np.float32)
    within = there * np.clip(np.float32(0.5) - edge * soft, 0, 1)
    fill = np.float32(0.55) + (_EMPTY - np.float32(0.55)) * pale
    nucleus = nucleus * (1 - lumen) * np.clip(1 + np.float32(0.12) * fourth, 0, np.float32(1.2))
    for color in range(3):
        gland = CYTOPLASM[color] + (MUCIN[color] - CYTOPLASM[color]) * goblet
        gland += (NUCLEUS[color] - gland) * nucleus
        gland += (fill - gland) * lumen
        out[..., color] = stroma[..., color] + (gland - stroma[..., color]) * within
    out[..., 3] = within
    out[..., 4] = stroma[..., 4] * (1 - within)
    return out


def depth_of(near: Nearest, edge: Plane) -> Plane:
    """Return how deep in its gland each pixel lies, float32 (y, x)."""
    # where glands overlap, an edge between them would make all of the overlap the foot of cells
    return np.asarray(np.maximum(-edge, np.float32(0.6) * -near.first - np.float32(0.3)), np.float32)


def cell_height(near: Nearest) -> Plane:
    """Return how tall cells of the nearest gland are, float32 (y, x): less than it is wide."""
    wall, radius = near.of("wall"), near.of("radius")
    crypt = np.minimum(wall + np.float32(1.3), radius - np.float32(0.7))
    return np.asarray(np.where(near.of("tumor") > 0, wall, crypt), np.float32)


def goblet_cells(seed: int, window: Window, scale: float, near: Nearest, deep: Plane, height: Plane) -> Plane:
    """Return how much of each pixel is mucin of goblet cells of crypts, float32 (y, x).

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    near : Nearest
        Of the window.
    deep, height : ndarray
        float32 (y, x), how deep in its gland each pixel lies, and how tall cells are there.
    """
    sway = soft_noise(seed, _SWAY, window, 0.8 / scale)
    return _goblets(seed, near, _Outline.of(near), deep, height, sway, np.float32(1 / scale))


@dataclass(frozen=True)
class _Outline:
    """Outlines of glands through the feet of their cells: where pixels lie along them.

    ``at`` and ``length`` float32 (y, x), units along and all around, ``middle`` how far off the axis,
    and ``round`` whether they bend there.
    """

    at: Plane
    length: Plane
    middle: Plane
    round: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, near: Nearest) -> _Outline:
        """Return those of the nearest glands."""
        middle, half = np.maximum(near.of("radius") - 1, 1), near.of("half")
        at, length = _along_outline(near.along, near.across, half, middle)
        return cls(at, length, middle, np.abs(near.along) > half)


def _goblets(
    seed: int, near: Nearest, outline: _Outline, deep: Plane, height: Plane, sway: Plane, soft: np.float32
) -> Plane:
    """Return how much of each pixel is mucin of goblet cells of crypts, float32 (y, x)."""
    tubes = near.of("tumor") > 0
    if tubes.all():
        return np.zeros_like(deep)
    cells = _columns(seed, _GOBLETS, near, outline, (_GOBLETS_APART,) * 2, np.float32(0.25) * sway)
    first, second, third, fourth, _ = cells.chance
    # cells narrow towards the middle of a crypt that is cut across
    narrow = np.where(outline.round, 1 + (1 - deep) / outline.middle, np.float32(1))
    narrow = np.clip(narrow, np.float32(0.3), np.float32(1.1))
    long = np.float32(1.05) * (1 + np.float32(0.16) * second)
    wide = np.minimum(np.float32(0.78), np.float32(0.84) * narrow) * (1 + np.float32(0.12) * third)
    middle = np.clip(np.float32(2.4) + np.float32(0.45) * first, 2, np.maximum(height - np.float32(0.9), 2))
    found = _disc((deep - middle) / long, cells.side * narrow / wide, wide * soft)
    found[tubes | (fourth < np.float32(-0.75))] = 0
    return found


def _columns(
    seed: int, stream: int, near: Nearest, outline: _Outline, wide: tuple[float, float], sway: Plane
) -> _Columns:
    """Return the cells that stand side by side along outlines: so wide in crypts, so wide in a tumor."""
    glands, at, length = near.glands, outline.at, outline.length
    around = 4 * glands.half + 2 * np.pi * np.maximum(glands.radius - 1, 1)
    counts = np.maximum(np.rint(around / np.where(glands.tumor > 0, wide[1], wide[0])), 6).astype(np.int64)
    numbers = []
    for y, x, count in zip(glands.y, glands.x, counts, strict=True):
        column = round(64 * x)
        row = Window(column, column + 1, 0, _CHANCES * int(count))
        of_gland = gaussian(seed, STREAM + stream, round(64 * y) & 0xFFFFFFFF, row)
        numbers.append(of_gland.reshape(-1, _CHANCES))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    count = counts.astype(np.float32)[near.owner]
    share = at / length * count
    share = share + np.float32(0.3) * sway
    index = np.floor(share)
    picked = np.concatenate(numbers)[first[near.owner] + (index.astype(np.int64) % counts[near.owner])]
    side = (share - index - np.float32(0.5)) * (length / count)
    return _Columns(side, [picked[..., k] for k in range(_CHANCES)])


def _along_outline(along: Plane, across: Plane, half: Plane, radius: Plane) -> tuple[Plane, Plane]:
    """Return how far along the outline of a capsule places lie, and how long it is."""
    beyond = along - np.clip(along, -half, half)
    arc = _PI * radius
    away = np.abs(beyond)
    share = away / np.maximum(away + np.abs(across), np.float32(1e-6))
    # the tangent of which share of a right angle that is, to a hundredth
    turn = arc / 2 * (share - np.float32(0.48) * share * (1 - share) * (1 - 2 * share))
    left = across >= 0
    straight = np.where(left, along + half, 3 * half + arc - along)
    over = 2 * half + np.where(left, turn, arc - turn)
    under = 4 * half + arc + np.where(left, arc - turn, turn)
    at = np.where(beyond > 0, over, np.where(beyond < 0, under, straight))
    return np.asarray(at, np.float32), np.asarray(4 * half + 2 * arc, np.float32)


def _disc(first: Plane, second: Plane, softness: Plane | np.float32) -> Plane:
    """Return 1 within the unit circle, 0 beyond, and what lies between where it is."""
    away = np.sqrt(first * first + second * second)
    return np.asarray(np.clip(np.float32(0.5) + (1 - away) * softness, 0, 1), np.float32)
