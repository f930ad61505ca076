"""Label maps from H&E: background by brightness, nuclei by color deconvolution, epithelium from a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ImageError, LabelMapError

if TYPE_CHECKING:
    import numpy.typing as npt

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)

#: Mean of red, green and blue above which a pixel is glass or lumen, as a share of the white of the
#: picture (the authors' released code: 0.91 of full white).
BACKGROUND_BRIGHTNESS = 0.91

#: Hematoxylin must exceed its surroundings by this optical density before anything is called a nucleus,
#: so that a blank tile, or one of eosin alone, yields none. The palest field of GlaS has 0.018.
LEAST_NUCLEAR_CONTRAST = 0.012

#: Smallest nucleus kept, in um^2 (a lymphocyte seen edge-on is some 12 um^2).
SMALLEST_NUCLEUS_UM2 = 7.0


def labels_from_he(
    rgb: npt.NDArray[np.uint8],
    *,
    um_per_px: float,
    epithelium: npt.NDArray[np.bool_] | None = None,
    nuclei: bool | npt.NDArray[np.bool_] = True,
    smallest_background_um2: float = 15.0,
    smallest_lumen_um2: float = 15.0,
    nuclear_threshold: float = 0.0,
) -> npt.NDArray[np.uint8]:
    """Label an H&E picture with the recipe of SHI-GAN (section 2.1).

    Nuclei come from color deconvolution (Ruifrok and Johnston): the hematoxylin channel, smoothed, is
    compared with a threshold that is the mean of Otsu's for the whole picture and one that follows the
    local stain over some 60 um, then cleaned with a 3 px median filter. Background is where the mean of
    the channels is bright.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), H&E.
    um_per_px : float
        Micrometers a pixel; sets the sizes of what is cleaned away.
    epithelium : ndarray, optional
        (y, x), nonzero where glands or epithelium are; lumen inside may be included. Without it, all
        tissue is non-epithelium.
    nuclei : bool or ndarray
        Whether to label nuclei (3 classes) or not (2 classes), or where they are, bool (y, x), if that is
        known already.
    smallest_background_um2, smallest_lumen_um2 : float
        Bright patches below this area, outside and inside of epithelium, belong to the tissue around them
        (clefts between fibers; mucin in goblet cells).
    nuclear_threshold : float
        Shifts the threshold in units of the spread of hematoxylin in the tissue; positive finds fewer nuclei.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 non-epithelium, 2 epithelium and, if asked for, 3 nuclei; the
        schemes ``colon-3`` / ``prostate-3`` and ``colon-2`` / ``prostate-2``.

    Raises
    ------
    ImageError
        If the picture is not uint8 (y, x, 3).
    LabelMapError
        If the mask has another size than the picture.
    """
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(
            f"An H&E picture must be uint8 of shape (y, x, 3), not {rgb.dtype} of shape {rgb.shape}."
        )
    if um_per_px <= 0:
        raise ImageError(f"um_per_px must be positive, not {um_per_px}.")
    inside = np.zeros(rgb.shape[:2], bool) if epithelium is None else np.asarray(epithelium) != 0
    if inside.shape != rgb.shape[:2]:
        raise LabelMapError(
            f"The epithelium mask has shape {inside.shape}, the picture {rgb.shape[:2]}; they must agree."
        )
    labels = np.where(inside, EPITHELIUM, STROMA).astype(np.uint8)
    background = _background(rgb)
    px_per_um2 = um_per_px**-2
    lumen = _without_small(background & inside, smallest_lumen_um2 * px_per_um2)
    glass = _without_small(background & ~inside, smallest_background_um2 * px_per_um2)
    # a lumen that opens onto glass is split by the mask's border: keep what is large as a whole
    either = _without_small(background, max(smallest_lumen_um2, smallest_background_um2) * px_per_um2)
    labels[lumen | glass | (either & ~inside)] = BACKGROUND
    if nuclei is not False:
        if nuclei is True:
            nuclei = nuclei_mask(rgb, um_per_px=um_per_px, shift=nuclear_threshold)
        found = nuclei & (labels != BACKGROUND)
        labels[_without_small(found, SMALLEST_NUCLEUS_UM2 * px_per_um2)] = NUCLEI
    return labels


def nuclei_mask(rgb: npt.NDArray[np.uint8], *, um_per_px: float, shift: float = 0.0) -> npt.NDArray[np.bool_]:
    """Find nuclei in H&E by their hematoxylin (SHI-GAN, section 2.1).

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3).
    um_per_px : float
        Micrometers a pixel.
    shift : float
        Added to the threshold, in standard deviations of hematoxylin over the tissue.

    Returns
    -------
    ndarray
        bool (y, x); all False on a blank tile.
    """
    from scipy import ndimage
    from skimage.color import rgb2hed
    from skimage.filters import threshold_otsu

    tissue = ~_background(rgb)
    if tissue.mean() < 0.005:
        return np.zeros(tissue.shape, bool)
    hematoxylin = rgb2hed(rgb)[..., 0].astype(np.float32)
    hematoxylin = ndimage.gaussian_filter(hematoxylin, 0.5 / um_per_px)
    values = hematoxylin[tissue]
    if np.ptp(values) < LEAST_NUCLEAR_CONTRAST:
        return np.zeros(tissue.shape, bool)
    threshold = float(threshold_otsu(values))
    spread = float(values.std())
    if values[values > threshold].mean() - values[values <= threshold].mean() < LEAST_NUCLEAR_CONTRAST:
        return np.zeros(tissue.shape, bool)
    # where the stain is heavier the cytoplasm is darker too: lean halfway towards the local level
    reach = 25.0 / um_per_px
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), reach, truncate=2.5) + 1e-6
    local = ndimage.gaussian_filter(np.where(tissue, hematoxylin, 0), reach, truncate=2.5) / weight
    middle = float(values.mean())
    local_threshold = threshold + 0.5 * (local - middle)
    found = (hematoxylin > local_threshold + shift * spread) & tissue
    return np.asarray(ndimage.median_filter(found.astype(np.uint8), size=3) > 0)


def without_nuclei(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Give each nucleus to the class around it: a 3-class map becomes one of 2 classes.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x) of the scheme ``colon-3``.

    Returns
    -------
    ndarray
        uint8 (y, x) without class 3.
    """
    from scipy import ndimage

    nuclei = labels == NUCLEI
    if not nuclei.any() or nuclei.all():
        return np.where(nuclei, STROMA, labels).astype(np.uint8)
    nearest = ndimage.distance_transform_edt(
        nuclei | (labels == BACKGROUND), return_distances=False, return_indices=True
    )
    filled = labels.copy()
    filled[nuclei] = labels[tuple(nearest[:, nuclei])]
    filled[filled == NUCLEI] = STROMA
    return filled


def _background(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where a picture is as bright as glass, bool (y, x)."""
    from scipy import ndimage

    brightness = rgb.astype(np.float32).mean(axis=2) / 255
    white = float(np.clip(np.percentile(brightness, 99.5), 0.88, 1.0))
    return np.asarray(ndimage.uniform_filter(brightness, 3) > BACKGROUND_BRIGHTNESS * white)


def _without_small(mask: npt.NDArray[np.bool_], least_px: float) -> npt.NDArray[np.bool_]:
    """Drop connected patches of fewer than ``least_px`` pixels."""
    from scipy import ndimage

    patches, count = ndimage.label(mask)
    if count == 0 or least_px <= 1:
        return mask
    sizes = np.bincount(patches.ravel())
    keep = sizes >= least_px
    keep[0] = False
    return np.asarray(keep[patches])


def part_nuclei(
    mask: npt.NDArray[np.bool_], um_per_px: float, *, smooth_um: float, apart_um: float
) -> npt.NDArray[np.int32]:
    """Part nuclei that touch, by a watershed on the depth inside of them.

    Parameters
    ----------
    mask : ndarray
        bool (y, x), where nuclei are.
    um_per_px : float
        Micrometers a pixel.
    smooth_um : float
        Standard deviation that the depth is smoothed with.
    apart_um : float
        Least distance of the middles of two nuclei.

    Returns
    -------
    ndarray
        int32 (y, x), numbers from 1, 0 where there is none.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), smooth_um / um_per_px)
    patches, _ = ndimage.label(mask)
    apart = max(1, round(apart_um / um_per_px))
    peaks = peak_local_max(depth, min_distance=apart, labels=patches, exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-depth, seeds, mask=mask), np.int32)
