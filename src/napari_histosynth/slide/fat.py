"""Fat in connective tissue: lobules of adipocytes, at 8 and 2 um a pixel.

Lengths are units of 8 um. Only sums, products, quotients and square roots are taken, so that every machine
draws the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.softnoise import STREAM, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]

#: Units from the middle of one adipocyte to the next: cells of 50 to 90 um.
_APART = 8.5
#: Half the width of the membranes between them.
_MEMBRANE = np.float32(0.16)
#: How much membranes are bent, in cells.
_BENT = np.float32(0.07)
#: Streams of noise: where lobules lie, where cells in them do, and how they are bent.
_LOBULES, _CELLS, _BENDS = 0x8240, 0x8241, 0x8242


def fat(seed: int, window: Window, scale: float, tissue: Plane) -> tuple[Plane, Plane] | None:
    """Return where connective tissue is fat, and the membranes of adipocytes.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    tissue : ndarray
        float32 (y, x), how much of each pixel may be fat.

    Returns
    -------
    tuple or None
        float32 (y, x) each, 0 to 1: share of each pixel that is fat, and how much of that is membrane. None
        where there is no fat.
    """
    if not tissue.any():
        return None
    lobules = soft_noise(seed, _LOBULES, window, 34 / scale)
    share = tissue * np.clip(np.float32(4) * lobules + np.float32(0.6), 0, 1)
    if not share.any():
        return None
    there = Window.of_mask(share)
    gap = _gap(seed, there.shift(window.y0, window.x0), scale)
    half = np.maximum(_MEMBRANE, np.float32(0.5 * scale))
    # thin membranes fill pixels less
    filled = np.float32(min(1.0, 2 * float(_MEMBRANE) / scale))
    inside = np.zeros(window.shape, np.float32)
    inside[there.slices] = np.clip((half - gap) / np.float32(scale) + np.float32(0.5), 0, 1) * filled
    return np.asarray(share, np.float32), inside


def _gap(seed: int, window: Window, scale: float) -> Plane:
    """Return how far pixels lie from the border between the nearest two of scattered points, about."""
    step = _APART / scale
    y, x = (
        (np.arange(first, last) + 0.5) / step
        for first, last in ((window.y0, window.y1), (window.x0, window.x1))
    )
    rows, cols = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    top, left = int(rows[0]) - 1, int(cols[0]) - 1
    nodes = Window(top, int(rows[-1]) + 2, 2 * left, 2 * (int(cols[-1]) + 2))
    chance = gaussian(seed, STREAM + _CELLS, 0, nodes).reshape(nodes.height, -1, 2)
    moved = np.ascontiguousarray(np.moveaxis(np.clip(0.3 * chance, -0.5, 0.5), -1, 0))
    # membranes are bent
    sway = [_BENT * soft_noise(seed, _BENDS + k, window, 3 / scale) for k in (0, 1)]
    # squares first: which distances are the least does not change
    first = np.full(window.shape, 81, np.float32)
    second = first.copy()
    for down in (-1, 0, 1):
        beside = rows + down - top
        for right in (-1, 0, 1):
            at = np.ix_(beside, cols + right - left)
            dy = (y - rows - down - 0.5)[:, None].astype(np.float32) - moved[0][at]
            dx = (x - cols - right - 0.5)[None].astype(np.float32) - moved[1][at]
            dy += sway[0]
            dx += sway[1]
            dy *= dy
            dx *= dx
            dy += dx
            np.minimum(second, np.maximum(first, dy, out=dx), out=second)
            np.minimum(first, dy, out=first)
    first, second = np.sqrt(first), np.sqrt(second)
    return np.asarray((second - first) * np.float32(_APART / 2), np.float32)
