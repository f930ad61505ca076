"""What stain a picture has: the colors of its nuclei and of what eosin stains, and of glass.

A stain is nine numbers, optical densities of red, green and blue: of strongly hematoxylin-stained pixels, of
eosin-stained ones (both above glass), and of glass. They are colors found in the picture, so that everybody
can see and set them, and vary evenly: halfway between two stains lies a plausible one. (Stain vectors, the
ends of the fan that all pixels make - Macenko et al., ISBI 2009 - reach beyond any color of the picture, and
jump where both stains are nearly one color, as in strongly blue scans.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

#: Numbers of a stain: hematoxylin, eosin, glass, three colors each.
STAIN_SIZE = 9
#: The stain that zeros stand for, optical densities; near the median of slides of colon of many laboratories.
TYPICAL = np.array([0.90, 1.60, 0.58, 0.30, 0.85, 0.28, 0.02, 0.05, 0.02], np.float32)
#: How far stains lie from it: the unit of the numbers that models work with.
SPREAD = np.array([0.40, 0.90, 0.20, 0.20, 0.35, 0.12, 0.03, 0.04, 0.03], np.float32)
#: Side in pixels, at a model's scale, from which a look is read.
LEAST_SIDE = 32
#: Sum of optical densities above glass from which a pixel is tissue.
_TISSUE = 0.35
#: Percentiles of red absorbed, and of green beyond red absorbed as a share of all, between which the two
#: colors are averaged.
_HEMATOXYLIN, _EOSIN = (90, 98), (60, 90)
#: Percentile of density that is glass, if it is no denser than the first or no more colored than the second.
_GLASS, _PALE, _GRAY = 1.0, 0.16, 0.04
#: Gray levels that the channels of a pixel may differ by without its being of any color.
_COLORLESS = 2
#: Pixels that are looked at.
_LOOKED_AT = 1e5


def optical_density(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the optical density of each color, float32 in the picture's shape: 0 white, 5.5 black."""
    table = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)
    return np.asarray(table[rgb], np.float32)


def hematoxylin_weights(densities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return what makes an amount of hematoxylin of a density above glass, (3,): 1 is the color of nuclei.

    Parameters
    ----------
    densities : ndarray
        (3, 3) or (2, 3), of hematoxylin and eosin, and of glass, which does not matter.
    """
    colors = densities[:2].T
    ridge = 0.02 * np.eye(2)  # holds where both stains are nearly one color
    return np.asarray(np.linalg.solve(colors.T @ colors + ridge, colors.T)[0])


def check_he(rgb: npt.NDArray[np.uint8], least: int = 1) -> None:
    """Check that a picture is one that a look can be read from.

    Parameters
    ----------
    rgb : ndarray
        What should be uint8 (y, x, 3), in color.
    least : int
        Pixels that it needs a side.

    Raises
    ------
    ImageError
        If it is something else, too small, or gray: H&E is told by color.
    """
    if rgb.ndim == 2:
        raise ImageError(
            f"The picture is gray ({rgb.shape[0]} x {rgb.shape[1]} px, one channel), but H&E is told by "
            "color; give an RGB picture."
        )
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ImageError(f"An H&E picture must be uint8 (y, x, 3), not {rgb.dtype} {rgb.shape}.")
    if min(rgb.shape[:2]) < least:
        raise ImageError(
            f"An H&E picture must have {least} px or more a side at the model's scale, not {rgb.shape[0]} x "
            f"{rgb.shape[1]}; give a larger one, or correct its scale."
        )
    if (np.ptp(rgb, axis=2) <= _COLORLESS).all():
        raise ImageError(
            "The picture is gray: its three channels are alike everywhere, but H&E is told by color; give a "
            "picture in color."
        )


def read_stain(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Read the stain of an H&E picture.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), at any scale; some 100,000 pixels, evenly spread, are looked at.

    Returns
    -------
    ndarray
        float32 (9,), how far the stain is from :data:`TYPICAL`, in units of :data:`SPREAD`: hematoxylin,
        eosin, glass (red, green, blue each). Zeros stand for what cannot be read: both stains where there is
        hardly any tissue, glass where nothing is pale or gray.

    Raises
    ------
    ImageError
        If the picture is not uint8 (y, x, 3).
    """
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(f"An H&E picture must be uint8 (y, x, 3), not {rgb.dtype} {rgb.shape}.")
    step = max(1, round((rgb.shape[0] * rgb.shape[1] / _LOOKED_AT) ** 0.5))
    density = optical_density(rgb[step // 2 :: step, step // 2 :: step].reshape(-1, 3))
    found = TYPICAL.copy()
    total = density.sum(1)
    palest = np.median(density[total <= np.percentile(total, _GLASS)], axis=0)
    if palest.mean() < _PALE or np.ptp(palest) < _GRAY:
        found[6:] = palest
    density = density - found[6:]
    tissue = density[density.sum(1) > _TISSUE]
    if len(tissue) >= max(64, len(density) // 50):
        found[:3] = _mean_between(tissue, tissue[:, 0], _HEMATOXYLIN)
        pinkness = (tissue[:, 1] - tissue[:, 0]) / tissue.sum(1)
        found[3:6] = _mean_between(tissue, pinkness, _EOSIN)
    return np.asarray((found - TYPICAL) / SPREAD, np.float32)


def scale_stain(stain: npt.NDArray[np.float32], scale: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the stain, (9,), of a picture after the optical density of each color was scaled, (3,)."""
    densities = (stain * SPREAD + TYPICAL) * np.tile(scale, 3)
    return np.asarray((densities - TYPICAL) / SPREAD, np.float32)


def stain_colors(stain: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return the colors of hematoxylin, eosin and glass, uint8 (3, 3), that a stain, (9,), stands for."""
    densities = np.maximum(np.asarray(stain) * SPREAD + TYPICAL, 0).reshape(3, 3)
    densities[:2] += densities[2]
    return np.asarray(np.clip(np.round(256 * np.exp(-densities) - 1), 0, 255), np.uint8)


def _mean_between(
    pixels: npt.NDArray[np.float32], by: npt.NDArray[np.float32], percentiles: tuple[int, int]
) -> npt.NDArray[np.float32]:
    low, high = np.percentile(by, percentiles)
    return np.asarray(pixels[(by >= low) & (by <= high)].mean(0), np.float32)
