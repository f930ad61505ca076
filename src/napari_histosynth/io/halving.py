"""Smaller copies of a picture or label map, each half the size of the one before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PYRAMID_FROM = 2048
"""From this side on, files hold smaller copies too."""

TILE = 512
"""Side of the tiles in files, and the largest that the smallest copy may have."""

_STRIP_ROWS = 1024


def levels_of(pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """Return a picture or label map and its smaller copies.

    Parameters
    ----------
    pixels : ndarray
        uint8 (y, x, 3), which is averaged, or (y, x), of which every second pixel is taken: between two
        classes there is no third.

    Returns
    -------
    list of ndarray
        The array itself, then copies half as large (rounded up) down to 512 px; none if it is smaller
        than 2,048 px.
    """
    levels = [pixels]
    if max(pixels.shape[:2]) >= PYRAMID_FROM:
        while max(levels[-1].shape[:2]) > TILE:
            finer = levels[-1]
            levels.append(halved(finer) if finer.ndim == 3 else np.ascontiguousarray(finer[::2, ::2]))
    return levels


def halved(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the means of 2 x 2 pixels, rounded; the last row or column stands twice where it is single.

    Parameters
    ----------
    pixels : ndarray
        uint8 (y, x, channels).
    """
    height, width = (-(-side // 2) for side in pixels.shape[:2])
    means = np.empty((height, width, pixels.shape[2]), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        part = pixels[2 * top : 2 * (top + _STRIP_ROWS)]
        odd = ((0, part.shape[0] % 2), (0, part.shape[1] % 2), (0, 0))
        even = np.pad(part, odd, mode="edge").astype(np.uint16)
        total = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
        means[top : top + _STRIP_ROWS] = (total + 2) >> 2
    return means
