"""Epithelium on the surface of mucosa and tumor, 2 um a pixel: one row of nuclei, and goblets above them.

Lengths are units of 8 um. Only sums, products, quotients and square roots are taken, so that every machine
draws the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.slide.glandcells import CYTOPLASM, MUCIN
from napari_histosynth.slide.layoutclasses import MUCOSA, TUMOR
from napari_histosynth.slide.softnoise import soft_noise
from napari_histosynth.slide.stroma import NUCLEUS, scattered

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

    Plane = npt.NDArray[np.float32]

#: How tall it is at most, and how tall on average; what varies that, and what of it there is.
TALLEST, _TALL = 2.7, np.float32(2.4)
#: Where nuclei lie below the surface, from and to; and mucin.
_NUCLEI, _GOBLETS = (1.05, 2.15), (0.3, 1.3)
#: From one nucleus to the next, and from one goblet; and how much larger a goblet is than a nucleus.
_APART, _GOBLETS_APART, _LARGER = 0.8, 2.2, np.float32(0.33)
#: How much paler it is than that of crypts.
_PALER = np.float32(0.72)
#: Streams of nuclei, and of noise: how tall it is, and where it is lost.
_CELLS, _MUCINS, _HEIGHT, _LOST = 2, 3, 0x8260, 0x8261


def surface_cells(
    seed: int, window: Window, scale: float, tissue: npt.NDArray[np.bool_], shares: Plane, rim: int
) -> tuple[Plane, Plane] | None:
    """Return the epithelium on the surface of tissue.

    Parameters
    ----------
    seed : int
        Of the slide.
    window : Window
        Pixels.
    scale : float
        Units a pixel.
    tissue : ndarray
        bool, where there is tissue in ``window.grow(rim)``.
    shares : ndarray
        float32 (5, y, x), which share of each pixel of the window is of each class.
    rim : int
        Pixels, a few more than :data:`TALLEST` is.

    Returns
    -------
    share, density : ndarray or None
        float32 (y, x, 1), how much of each pixel is epithelium, and float32 (y, x, 3), the optical density of
        red, green and blue of that as a share of that of the tissue around; None where there is none.
    """
    from scipy import ndimage

    there = np.clip(4 * (shares[MUCOSA] + np.float32(0.6) * shares[TUMOR]) - 1, 0, 1)
    if tissue.all() or not tissue.any() or not there.any():
        return None
    deep = ndimage.distance_transform_edt(tissue)[rim:-rim, rim:-rim]
    # to the 512th of a pixel: machines agree on that
    deep = (np.rint(512 * np.minimum(deep, rim)) * (scale / 512)).astype(np.float32) - np.float32(scale / 2)
    there *= np.clip(np.float32(2.6) + 2 * soft_noise(seed, _LOST, window, 14 / scale), 0, 1)
    tall = np.minimum(_TALL + np.float32(0.22) * soft_noise(seed, _HEIGHT, window, 5 / scale), TALLEST)
    soft = np.float32(1 / scale)
    share = there * np.clip(np.float32(0.5) + (tall - deep) * soft, 0, 1) * (deep > 0)
    if not share.any():
        return None

    def between(low: float, high: float) -> Plane:
        inside = np.minimum(deep - np.float32(low), np.float32(high) - deep)
        return np.asarray(np.clip(np.float32(0.5) + inside * soft, 0, 1), np.float32)

    about, tone = scattered(seed, _CELLS, window, scale, _APART)
    nuclei = np.clip(np.float32(0.5) + about * soft, 0, 1) * between(*_NUCLEI)
    nuclei *= np.clip(1 + np.float32(0.12) * tone, 0, np.float32(1.2))
    about, tone = scattered(seed, _MUCINS, window, scale, _GOBLETS_APART)
    goblets = np.clip(np.float32(0.5) + (about + _LARGER) * soft, 0, 1) * between(*_GOBLETS) * (tone > 0)
    density = _PALER * CYTOPLASM + (MUCIN - _PALER * CYTOPLASM) * goblets[..., None]
    density += (NUCLEUS - density) * nuclei[..., None]
    return np.asarray(share[..., None], np.float32), np.asarray(density, np.float32)
