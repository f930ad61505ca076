"""What the weak labels of ten colon classes are measured by: stains, nuclei, averages, smooth regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]

#: Optical densities of hematoxylin and eosin in red, green and blue (Ruifrok and Johnston 2001).
HEMATOXYLIN, EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)

#: Green density that the 90th percentile of a picture of ordinary stain has; densities are scaled to it.
ORDINARY_DENSITY = 0.55

#: No nucleus has less hematoxylin than this, however few there are to set a threshold by.
LEAST_HEMATOXYLIN = 0.22


@dataclass(frozen=True)
class Stains:
    """A picture as optical densities above its own white, scaled to a stain of ordinary strength.

    Attributes
    ----------
    red, green, blue : ndarray
        float32 (y, x), log10 of white over the pixel, scaled.
    hematoxylin : ndarray
        float32 (y, x), unmixed, same unit.
    brightness : ndarray
        float32 (y, x), mean of the channels as a share of the picture's white, not scaled.
    saturation : ndarray
        float32 (y, x), greatest minus least density of the channels, not scaled.
    """

    red: Floats
    green: Floats
    blue: Floats
    hematoxylin: Floats
    brightness: Floats
    saturation: Floats


def measure_stains(rgb: npt.NDArray[np.uint8]) -> Stains:
    """Turn a picture into densities after taking out the color of the light and the strength of the stain.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3).
    """
    levels = np.arange(256, dtype=np.float32)
    # of 4 px averages: single pixels are brighter by noise
    averages = np.asarray(Image.fromarray(rgb).reduce(4)) if min(rgb.shape[:2]) >= 32 else rgb
    channels, shares = [], []
    for channel in range(3):
        white = np.clip(np.percentile(averages[..., channel], 99.6), 150, 255)
        share = np.clip((levels + 1) / (white + 1), 0.01, 1).astype(np.float32)
        channels.append((-np.log10(share))[rgb[..., channel]])
        shares.append(share[rgb[..., channel]])
    saturation = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    tissue = channels[1][::2, ::2]
    tissue = tissue[tissue > 0.06]
    strength = ORDINARY_DENSITY / np.percentile(tissue, 90) if tissue.size > 500 else 1.0
    red, green, blue = (channel * np.float32(np.clip(strength, 0.6, 1.5)) for channel in channels)
    # from red and green alone: red cells absorb blue, which unmixing of all three takes for hematoxylin
    unmix = np.linalg.inv(np.array([HEMATOXYLIN[:2], EOSIN[:2]]))[:, 0].astype(np.float32)
    hematoxylin = np.maximum(red * unmix[0] + green * unmix[1], 0)
    brightness = np.asarray((shares[0] + shares[1] + shares[2]) / 3, np.float32)
    return Stains(red, green, blue, hematoxylin, brightness, saturation)


def find_nuclei(stains: Stains, tissue: Mask, px: float) -> Mask:
    """Find nuclei by hematoxylin against Otsu's threshold, leaning towards the local level.

    Parameters
    ----------
    stains : Stains
        Of the picture.
    tissue : ndarray
        bool (y, x), not glass.
    px : float
        Pixels a micrometer.
    """
    from skimage.filters import threshold_otsu

    amount = smooth(stains.hematoxylin, 0.8 * px, top=1.5)
    values = amount[::2, ::2][tissue[::2, ::2]]
    if values.size < 100 or float(np.ptp(values)) < 0.1:
        return np.zeros(tissue.shape, bool)
    local = local_mean(amount, tissue, 25 * px)
    threshold = float(threshold_otsu(values)) + 0.4 * (local - float(values.mean()))
    return np.asarray(tissue & (amount > np.maximum(threshold, LEAST_HEMATOXYLIN)))


def smooth(values: npt.NDArray[np.generic], sigma: float, top: float = 1.0) -> Floats:
    """Blur by a Gaussian of ``sigma`` pixels, in 255 steps from 0 to ``top``; fast, for many pictures."""
    bytes_ = (np.clip(np.asarray(values, np.float32), 0, top) * np.float32(255 / top) + 0.5).astype(np.uint8)
    blurred = Image.fromarray(bytes_).filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(blurred, np.float32) * np.float32(top / 255)


def local_mean(values: npt.NDArray[np.generic], where: Mask, sigma: float) -> Floats:
    """Average ``values`` (0 to 1) over the pixels of ``where`` around each pixel, within some ``sigma`` px.

    Computed on every fourth pixel where ``sigma`` is wide.
    """
    step = 4 if sigma >= 6 and min(where.shape) >= 32 else 1
    height, width = where.shape
    size = (max(1, width // step), max(1, height // step))
    weight = Image.fromarray(where.astype(np.float32))
    amount = Image.fromarray(np.where(where, values, 0).astype(np.float32))
    pair = [np.asarray(one.resize(size, Image.Resampling.BOX)) for one in (weight, amount)]
    from scipy.ndimage import gaussian_filter

    weight_, amount_ = (gaussian_filter(one, sigma / step, truncate=2.5) for one in pair)
    mean = Image.fromarray((amount_ / np.maximum(weight_, 1e-3)).astype(np.float32))
    return np.asarray(mean.resize((width, height), Image.Resampling.BILINEAR))


def without_small(mask: Mask, least: float) -> Mask:
    """Drop connected patches of fewer than ``least`` pixels."""
    from scipy import ndimage

    patches, count = ndimage.label(mask)
    if count == 0 or least <= 1:
        return mask
    keep = np.bincount(patches.ravel()) >= least
    keep[0] = False
    return np.asarray(keep[patches])


def within(mask: Mask, distance: float) -> Mask:
    """Return where ``mask`` is at most ``distance`` pixels away."""
    from scipy import ndimage

    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= distance)


def opened(mask: Mask, radius: float) -> Mask:
    """Return the parts of a mask into which a disk of ``radius`` pixels fits."""
    return within(~within(~mask, radius), radius) & mask if mask.any() else mask


def as_painted(
    labels: npt.NDArray[np.uint8], sigma: Mapping[int, float], least: Mapping[int, float], um_per_px: float
) -> npt.NDArray[np.uint8]:
    """Turn labels of pixels into regions as a person paints them.

    The mask of each class is blurred and each pixel goes to the greatest; then patches that are smaller
    than their class may be go to what lies around them.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).
    sigma : mapping
        Blur of each class in um; small for classes whose parts are small.
    least : mapping
        Least area of a patch of each class in um^2.
    um_per_px : float
        Micrometers a pixel.
    """
    from scipy import ndimage

    present = np.unique(labels)
    if len(present) == 1:
        return labels.copy()
    result, best = labels.copy(), np.full(labels.shape, -1.0, np.float32)
    for value in present:
        mask = smooth(labels == value, sigma[int(value)] / um_per_px)
        greater = mask > best
        result[greater] = value
        np.maximum(best, mask, out=best)
    small = np.zeros(labels.shape, bool)
    for value in present:
        found = result == value
        small |= found & ~without_small(found, least[int(value)] / um_per_px**2)
    if small.any() and not small.all():
        nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
        result = result[tuple(nearest)]
    return result
