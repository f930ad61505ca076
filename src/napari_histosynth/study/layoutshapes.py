"""The architecture of tissue, measured in a label map: classes, glands, lumina; and nuclei of its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.paint.labels import BACKGROUND, EPITHELIUM, STROMA

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

NAMES = {
    "background": "background, share",
    "stroma": "non-epithelium, share",
    "epithelium": "epithelium, share",
    "glands": "glands per mm²",
    "gland_area": "mean area of a gland, µm²",
    "solidity": "solidity of glands",
    "lumen": "lumen, share of glands",
    "nuclei": "nuclei per mm² of tissue (picture)",
}
"""What is measured, as people read it."""

LEAST_GLAND = 600.0
"""Area in um^2 from which a piece of epithelium, with what it encloses, counts as a gland."""

_FINE = 0.62  # um a pixel that nuclei are counted at: pictures of layouts are enlarged to it


def glands_in(labels: Pixels) -> Mask:
    """Return where glands are: epithelium with all that it encloses, bool (y, x)."""
    from scipy.ndimage import binary_fill_holes

    return np.asarray(binary_fill_holes(labels == EPITHELIUM))


def shapes_of(labels: Pixels, um_per_px: float) -> dict[str, float]:
    """Measure a label map.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x): background, non-epithelium, epithelium.
    um_per_px : float
        Micrometers a pixel.

    Returns
    -------
    dict
        All of :data:`NAMES` but the nuclei; not a number where there is no gland. Glands that the border
        cuts count as they are, in drawn and in real maps alike. ``solidity`` is the area over that of the
        convex hull, mean by area: 1 is round, low is branched, budding or grown together.
    """
    from scipy.ndimage import label as numbered
    from skimage.measure import regionprops

    glands = glands_in(labels)
    pieces, count = numbered(glands)
    large = np.bincount(pieces.ravel(), minlength=count + 1) * um_per_px**2 >= LEAST_GLAND
    large[0] = False
    found = regionprops(pieces * large[pieces])
    areas = np.array([one.area for one in found], np.float64)
    shares = {
        name: float((labels == index).mean())
        for name, index in (("background", BACKGROUND), ("stroma", STROMA), ("epithelium", EPITHELIUM))
    }
    nothing = float("nan")
    inside = glands.sum()
    return {
        **shares,
        "glands": len(found) / (labels.size * um_per_px**2 * 1e-6),
        "gland_area": float(areas.mean() * um_per_px**2) if len(areas) else nothing,
        "solidity": (
            float(np.average([one.solidity for one in found], weights=areas)) if len(areas) else nothing
        ),
        "lumen": float((glands & (labels == BACKGROUND)).sum() / inside) if inside else nothing,
    }


def nuclear_density(image: Pixels, labels: Pixels, um_per_px: float) -> float:
    """Count nuclei of a picture by hematoxylin, those that touch divided, for each mm² that is no background.

    Parameters
    ----------
    image : ndarray
        uint8 (y, x, 3), H&E; enlarged to 0.62 um a pixel where it is coarser.
    labels : ndarray
        uint8 (y, x), what it shows.
    um_per_px : float
        Micrometers a pixel of both.
    """
    from PIL import Image

    from napari_histosynth.paint.labels import nuclei_mask

    tissue = (labels != BACKGROUND).sum() * um_per_px**2 * 1e-6
    if not tissue:
        return float("nan")
    scale = max(1.0, um_per_px / _FINE)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    fine = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    found = count_nuclei(nuclei_mask(fine, um_per_px=um_per_px / scale), um_per_px / scale)
    return float(found / tissue)


def count_nuclei(mask: Mask, um_per_px: float) -> int:
    """Count nuclei, those that touch apart: places farthest from the rim within 2.5 um, and 1 um or more.

    Parameters
    ----------
    mask : ndarray
        bool (y, x), where nuclei are.
    um_per_px : float
        Micrometers a pixel.
    """
    from scipy import ndimage

    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 0.8 / um_per_px)
    reach = 2 * max(1, round(2.5 / um_per_px)) + 1
    peaks = (ndimage.maximum_filter(depth, reach) == depth) & (depth >= 1 / um_per_px)
    return int(ndimage.label(peaks, np.ones((3, 3)))[1])  # what is flat on top is one


def measured(image: Pixels, labels: Pixels, um_per_px: float) -> dict[str, float]:
    """Return all of :data:`NAMES` of a label map and its picture."""
    return shapes_of(labels, um_per_px) | {"nuclei": nuclear_density(image, labels, um_per_px)}
