"""Fibers of connective tissue and muscle: streams of them, and in loose tissue such that cross, with gaps.

Lengths are units of 8 um. Only sums, products, quotients and square roots are taken, so that every machine
draws the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.softnoise import STREAM, generator, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]

#: How far those that cross are turned: cosine and sine.
_TURN = (0.5, 0.866025)
#: Units that fibers of loose tissue are wide; normal numbers above which there is one, on average, how much
#: that varies and over how many units; units over which they end, at least.
_WIDE, _THERE, _VARIED, _SOFT = (1.5, 1.1), 0.7, ((0.45, 13.0), (0.55, 4.0)), 0.3
#: How far they curl, in units, and from one curl to the next.
_CURLS = ((2.6, 8.0), (0.7, 2.5))
#: Streams of noise and of chance; what is added to those of noise for fibers that cross.
_BENDS, _FRAYS, _STREAK, _COURSE = 0x8220, 0x8221, 0x8222, 0x310
_FAMILY, _DENSE, _CURLY = 0x8, 0x8223, 0x8225


def loose_fibers(
    seed: int, window: Window, scale: float, loose: Plane, course: npt.NDArray[np.float64]
) -> Plane | None:
    """Return where fibers of loose tissue are, float32 (y, x), 0 to 1; None where there is no such tissue.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    loose : ndarray
        float32 (y, x), how much of each pixel is loose tissue.
    course : ndarray
        What :func:`course_of` returns of the window.
    """
    if not loose.any():
        return None
    least = np.full(window.shape, _THERE, np.float32)
    for number, (much, cell) in enumerate(_VARIED):
        least += np.float32(much) * soft_noise(seed, _DENSE + number, window, cell / scale)
    gaps = np.ones(window.shape, np.float32)
    for family, wide in enumerate(_WIDE):
        curled = course_of(seed, window, scale, family) if family else course
        for number, (much, cell) in enumerate(_CURLS):
            stream = _CURLY + _FAMILY * family + number
            curled = curled + much * soft_noise(seed, stream, window, cell / scale)
        over = streaks_of(seed, window, scale, curled, wide, family) - least
        gaps *= 1 - np.clip(np.float32(0.5) + over * np.float32(wide / max(scale, _SOFT)), 0, 1)
    return np.asarray(1 - gaps, np.float32)


def course_of(seed: int, window: Window, scale: float, family: int = 0) -> npt.NDArray[np.float64]:
    """Return which fiber each pixel of a window is of, float64 (y, x), in units across them.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    family : int
        Of fibers that run the same way, 0, or 1 of those that cross them.
    """
    chance = generator(seed, _COURSE)
    down, over = (round(float(one), 3) for one in chance.normal(size=2))
    length = max(math.sqrt(down * down + over * over), 0.01)
    down, over = down / length, over / length
    if family:
        down, over = _TURN[0] * down - _TURN[1] * over, _TURN[1] * down + _TURN[0] * over
    bent = 8 * soft_noise(seed, _BENDS + _FAMILY * family, window, 22 / scale).astype(np.float64)
    y, x = np.arange(window.y0, window.y1) + 0.5, np.arange(window.x0, window.x1) + 0.5
    return np.asarray(bent + scale * (down * y[:, None] + over * x), np.float64)


def streaks_of(
    seed: int, window: Window, scale: float, course: npt.NDArray[np.float64], wide: float, family: int = 0
) -> Plane:
    """Return how dense fibers are, float32 (y, x), mean 0, standard deviation about 1.

    Parameters
    ----------
    seed, window, scale, family
        As for :func:`course_of`.
    course : ndarray
        What that returns.
    wide : float
        Units that a fiber is wide.
    """
    frayed = course + 1.6 * wide * soft_noise(seed, _FRAYS + _FAMILY * family, window, 6.5 * wide / scale)
    at = frayed / wide
    first = np.floor(at).astype(np.int64)
    least = int(first.min())
    numbers = gaussian(
        seed, STREAM + _STREAK + _FAMILY * family, 0, Window(0, 1, least, int(first.max()) + 2)
    )[0]
    share = (at - first).astype(np.float32)
    share = share * share * (3 - 2 * share)
    here, next_one = numbers[first - least], numbers[first - least + 1]
    return np.asarray(here + (next_one - here) * share, np.float32)
