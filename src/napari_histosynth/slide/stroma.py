"""Stroma, muscle and lamina propria at 2 um a pixel: fibers in streams and nuclei among them.

Lengths are units of 8 um. Only sums, products, quotients and square roots are taken, so that every machine
draws the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.fat import fat
from napari_histosynth.slide.fibers import course_of, loose_fibers, streaks_of
from napari_histosynth.slide.layoutclasses import MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.softnoise import STREAM, soft_noise
from napari_histosynth.slide.vessels import Vessels, vessels

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]

#: Red, green and blue optical density of nuclei over that of the tissue around. In real fields at 2 um a
#: pixel the darkest tenth has 2.1 to 2.5, 1.9 to 2.5, 2.1 to 2.5 times the mean of the tissue; some of what
#: is laid is lost at edges of nuclei and to the parent's colors.
NUCLEUS = np.array([2.75, 2.35, 2.4], np.float32)
#: Density of what lies between nuclei, by class; of red, green and blue.
_BETWEEN = {
    MUCOSA: np.array([0.34, 0.51, 0.41], np.float32),
    TUMOR: np.array([0.43, 0.61, 0.48], np.float32),
    TISSUE: np.array([0.85, 0.95, 0.88], np.float32),
    MUSCLE: np.array([0.9, 0.98, 0.92], np.float32),
}
#: Density of what lies between cells of follicles; from one of these to the next, and their stream.
_LYMPH, _LYMPH_APART, _LYMPHOCYTES = np.array([0.7, 0.65, 0.65], np.float32), 0.98, 4
#: Density of adipocytes, and of the membranes between them.
_EMPTY, _MEMBRANE = np.float32(0.35), np.float32(2.2)
#: Density of what lies between fibers of loose tissue, and of these.
_GAP, _LOOSE = np.float32(0.35), np.float32(1.9)
#: By class, how much bundles and fibers differ in density, how much longer nuclei are, and how many fewer.
_BUNDLES = {TISSUE: 0.15, MUSCLE: 0.13}
_STREAKS = {MUCOSA: 0.0, TUMOR: 0.12, TISSUE: 0.3, MUSCLE: 0.16}
_SLENDER = {TUMOR: 1.0, TISSUE: 1.2, MUSCLE: 2.0}
_SPARSE = {TUMOR: 0.5, TISSUE: 1.7, MUSCLE: 1.1}
#: From one nucleus to the next; and how wide a fiber is, and a bundle of them.
_APART, _FIBER, _BUNDLE = 1.35, 0.55, 2.2
#: Pixels about a nucleus that it may reach; pixels beyond a window where it is asked which way they lie.
_PATCH = 5
SEES = 3 * _PATCH
#: Numbers that each nucleus takes of a stream of noise.
_CHANCES = 7
#: Streams of noise.
_SCATTERED, _CROWDS = 0x8201, 0x8212


def stroma_density(
    seed: int,
    window: Window,
    scale: float,
    shares: Plane,
    fatty: Plane,
    loose: Plane,
    lymph: Plane | None = None,
) -> Plane:
    """Return the optical density that fibers and nuclei make, as a share of that of the tissue around.

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
    fatty, loose : ndarray
        float32 (y, x), how much of each pixel may be fat, and is loose tissue where it is not.
    lymph : ndarray, optional
        float32 (y, x), how much of each pixel is lymph follicle.

    Returns
    -------
    ndarray
        float32 (y, x, 5), as :func:`~.glands.tissue_density` returns it.
    """
    wide = course_of(seed, window.grow(SEES + 1), scale)
    course = wide[SEES + 1 : -SEES - 1, SEES + 1 : -SEES - 1]
    lobules, fibers = fat(seed, window, scale, fatty), loose_fibers(seed, window, scale, loose, course)
    about, tone = scattered(seed, 0, window, scale, _APART, _ways(wide), _mixed(_SLENDER, shares))
    crowd = soft_noise(seed, _CROWDS, window, 6 / scale)
    outside = shares[TISSUE] + shares[MUSCLE]
    there = np.clip(np.float32(1.2) + crowd * (1 - outside) + tone - _mixed(_SPARSE, shares), 0, 1)
    nuclei = np.clip(np.float32(0.5) + about / np.float32(scale), 0, 1) * there
    if fibers is not None:
        nuclei *= 1 - loose * (1 - fibers)
    if lobules is not None:
        # between adipocytes lie few nuclei, at their membranes
        nuclei *= 1 - lobules[0] * np.clip(np.float32(1.2) - 2 * lobules[1], 0, 1)
    if lymph is not None:
        crowded, _ = scattered(seed, _LYMPHOCYTES, window, scale, _LYMPH_APART)
        nuclei += (np.clip(np.float32(0.5) + crowded / np.float32(scale), 0, 1) - nuclei) * lymph
    streaks = 1 + _mixed(_STREAKS, shares) * streaks_of(seed, window, scale, course, _FIBER)
    blood = vessels(seed, window, scale, shares)
    out = np.zeros((*window.shape, 5), np.float32)
    for color in range(3):
        between = _mixed({kind: float(one[color]) for kind, one in _BETWEEN.items()}, shares)
        between = with_fat(with_gaps(between, fibers, loose) * streaks, lobules)
        if lymph is not None:
            between = between + (_LYMPH[color] - between) * lymph
        out[..., color] = between + (NUCLEUS[color] - between) * nuclei
        if blood is not None:
            out[..., color] = blood.into(out[..., color], color)
    out[..., 4] = news(blood, lymph)
    return out


def news(blood: Vessels | None, lymph: Plane | None) -> Plane | float:
    """Return how much of each pixel is vessel or follicle, which no coarser level shows; 0 if none is."""
    parts = [part for part in (None if blood is None else blood.share, lymph) if part is not None]
    return np.asarray(np.maximum.reduce(parts), np.float32) if parts else 0.0


def with_fat(density: Plane, lobules: tuple[Plane, Plane] | None) -> Plane:
    """Return a density, float32 (y, x), with fat in it as :func:`~.fat.fat` returns it."""
    if lobules is None:
        return density
    share, membrane = lobules
    return np.asarray(density + share * (_EMPTY + (_MEMBRANE - _EMPTY) * membrane - density), np.float32)


def with_gaps(density: Plane, fibers: Plane | None, loose: Plane) -> Plane:
    """Return a density, float32 (y, x), with gaps between fibers, as far as tissue is loose."""
    if fibers is None:
        return density
    return np.asarray(density * (1 + loose * (_GAP + (_LOOSE - _GAP) * fibers - 1)), np.float32)


def bundles(seed: int, window: Window, shares: Plane, fatty: Plane, loose: Plane) -> Plane:
    """Return how dense bundles of fibers and fat are at 8 um a pixel, float32 (y, x); see the above."""
    course = course_of(seed, window, 1)
    streaks = _mixed(_BUNDLES, shares) * streaks_of(seed, window, 1, course, _BUNDLE)
    fibers = loose_fibers(seed, window, 1, loose, course)
    density = with_gaps(np.asarray(1 + streaks, np.float32), fibers, loose)
    return with_fat(density, fat(seed, window, 1, fatty))


def _mixed(values: dict[int, float], shares: Plane) -> Plane:
    """Return values of classes, mixed by their shares."""
    return np.asarray(sum(np.float32(value) * shares[kind] for kind, value in values.items()), np.float32)


def _ways(course: npt.NDArray[np.float64]) -> tuple[Plane, Plane]:
    """Return which way fibers run, down and right: float32, a pixel less on each side than the course."""
    slope_y, slope_x = course[2:, 1:-1] - course[:-2, 1:-1], course[1:-1, 2:] - course[1:-1, :-2]
    size = np.maximum(np.sqrt(slope_y * slope_y + slope_x * slope_x), 1e-6)
    return np.asarray(slope_x / size, np.float32), np.asarray(-slope_y / size, np.float32)


def scattered(
    seed: int,
    stream: int,
    window: Window,
    scale: float,
    apart: float,
    ways: tuple[Plane, Plane] | None = None,
    slender: Plane | None = None,
) -> tuple[Plane, Plane]:
    """Scatter nuclei over a window.

    Parameters
    ----------
    seed, stream : int
        Of the slide, and which of many nuclei.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    apart : float
        Units from one nucleus to the next.
    ways : tuple of ndarray, optional
        float32 (y, x) of ``window.grow(SEES)``, down and right: which way they lie, about.
    slender : ndarray, optional
        float32 (y, x) of the window, how long they are.

    Returns
    -------
    deep, tone : ndarray
        float32 (y, x), how far inside the nearest nucleus pixels lie, in units, and a normal number of it.
    """
    step, k = apart / scale, _CHANCES
    wide = window.grow(_PATCH)
    top, left = math.floor(wide.y0 / step), math.floor(wide.x0 / step)
    bottom, right = math.floor(wide.y1 / step) + 1, math.floor(wide.x1 / step) + 1
    nodes = Window(top, bottom, k * left, k * right)
    numbers = gaussian(seed, STREAM + _SCATTERED + stream, 0, nodes).reshape(-1, k).T
    rows, cols = np.divmod(np.arange(numbers.shape[1]), right - left)
    moved = np.clip(0.36 * numbers[:2].astype(np.float64), -0.5, 0.5)
    y, x = step * (rows + top + 0.5 + moved[0]), step * (cols + left + 0.5 + moved[1])
    size = np.float32(0.43) * (1 + np.float32(0.16) * numbers[5])
    down, over = numbers[2], numbers[3]
    if ways is not None:
        seen = window.grow(SEES)
        at = np.floor(y).astype(np.int64) - seen.y0, np.floor(x).astype(np.int64) - seen.x0
        half = np.float32(0.4)
        down, over = (way[at] + half * one for way, one in zip(ways, (down, over), strict=True))
    length = np.maximum(np.sqrt(down * down + over * over), np.float32(1e-3))
    down, over = down / length, over / length
    at_y, at_x = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    rows, cols = at_y - wide.y0, at_x - wide.x0
    near = (rows >= 0) & (rows < wide.height) & (cols >= 0) & (cols < wide.width)
    # from the middle of the pixel that each lies in
    y, x = (scale * (at + 0.5 - middle)[near] for at, middle in ((at_y, y), (at_x, x)))
    rows, cols, down, over, size = (one[near] for one in (rows, cols, down, over, size))
    wider = np.clip(1 + numbers[4][near], 0, 3)
    number = np.rint(np.float32(64) * numbers[6][near]).astype(np.int64) + 512
    # the deepest counts; which it was is told by the lower bits
    height, across = wide.height + 2 * _PATCH, wide.width + 2 * _PATCH
    found, first = np.full(height * across, -(2**62), np.int64), rows * across + cols
    longer = np.float32(0.15)
    if slender is not None:
        slender = np.pad(slender, 2 * _PATCH, mode="edge").ravel()
    for below in range(2 * _PATCH + 1):
        dy = (y + scale * (below - _PATCH)).astype(np.float32)
        for beside in range(2 * _PATCH + 1):
            dx = (x + scale * (beside - _PATCH)).astype(np.float32)
            pixel = first + (below * across + beside)
            if slender is not None:
                longer = np.float32(0.15) + np.float32(0.45) * slender[pixel]
            stretch = 1 + longer * wider
            lengthwise = (dy * down + dx * over) / stretch
            sidewise = (dy * over - dx * down) * np.minimum(stretch, np.float32(1.5))
            depth = size - np.sqrt(lengthwise * lengthwise + sidewise * sidewise)
            key = np.rint(np.float32(4096) * depth).astype(np.int64) * 1024 + number
            np.maximum.at(found, pixel, key)
    found = found.reshape(height, across)[2 * _PATCH : -2 * _PATCH, 2 * _PATCH : -2 * _PATCH]
    deep = np.maximum((found >> 10).astype(np.float32) / np.float32(4096), np.float32(-9))
    return deep, ((found & 1023) - 512).astype(np.float32) / np.float32(64)
