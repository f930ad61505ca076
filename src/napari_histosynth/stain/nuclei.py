"""Nuclei in one window of a picture at :data:`WORK_UM` um per px: which pixels, which nucleus, how stained.

A nucleus is denser than its surroundings by a share of what nuclei of the picture typically are
(:attr:`Levels.contrast`), and bends the density inwards (Laplacian of Gaussian at nuclear size). Brown and
blue nuclei that touch are cut where the color turns; others at the necks of their outline and at valleys of
density, by a watershed. All sizes are those of nuclei, in micrometers; nothing looks further than
:data:`REACH` px, so that a window tells the same as the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.stain.rainfall import basins, merge_basins
from napari_histosynth.stain.unmix import StainBasis, optical_density

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]

WORK_UM = 0.5
"""Micrometers a pixel at which nuclei are looked for: a small lymphocyte has 10 px across."""

REACH = 96
"""Pixels around a window that can matter to a nucleus whose summit is in it."""

#: Least and greatest area of a nucleus in um2: a pyknotic lymphocyte, a large tumor giant's.
MIN_AREA_UM2, MAX_AREA_UM2 = 12.0, 450.0

_SMOOTH_UM = 0.75  # of pixels before their color is told: chromatin is coarser
_AROUND_UM = 20.0  # a window of this side holds something else than nuclei, even in a crowd
_BEND_UM = 1.75  # scale of the Laplacian: responds most to disks of 5 um, the least nuclei
_CLOSE_UM, _OPEN_UM = 1.0, 1.0
_HOLE_UM2 = 40.0  # pale centers of vesicular nuclei
_EDGE_UM = 1.0  # rim of a nucleus beyond where its density bends
_SHAPE_UM = 0.75
_DENSITY_WEIGHT_UM = 8.0  # um of depth inside an outline that all of the absorption is worth
_VALLEY_UM = 0.4
# A brown nucleus among blue ones: where most of the density is brown, and from there as far as half a nucleus
# while it is still nearly half.
_BROWN, _BROWNISH, _SPREAD_UM = 0.6, 0.45, 5.0
_LEAST_PART_UM2 = 12.0
_DENSITY_SCALE = 0.35  # keeps black nuclei from outshining all others
_VOID_LEVEL, _VOID_UM = 2, 10.0  # black wider than any nucleus: no picture was taken there
_LEAST_TISSUE = 0.06
_LEAST_CONTRAST = 0.08  # of absorption; below is noise of the glass


@dataclass(frozen=True, eq=False)
class Planes:
    """What a window's pixels hold, smoothed; float32 (y, x) each.

    Attributes
    ----------
    hematoxylin, other : ndarray
        Densities of the stains; DAB or eosin is the other.
    nuclear : ndarray
        Density of what stains nuclei: hematoxylin and DAB, or hematoxylin alone.
    contrast : ndarray
        How much more is absorbed than around, 0 to 1.
    tissue : ndarray
        bool (y, x), where there is any stain.
    """

    hematoxylin: Floats
    other: Floats
    nuclear: Floats
    contrast: Floats
    tissue: Mask

    @property
    def share(self) -> Floats:
        """Share of DAB or eosin in the density, 0 to 1."""
        amount = np.maximum(self.hematoxylin + self.other, 1e-6)
        return np.asarray(self.other / amount, np.float32)


@dataclass(frozen=True, eq=False)
class Found:
    """Nuclei of a window.

    Attributes
    ----------
    labels : ndarray
        int32 (y, x), 1 to n, 0 where there is none.
    summit, center : ndarray
        int64 and float64 (n, 2), y and x: highest point, by which a window owns a nucleus, and centroid.
    pixels : ndarray
        int64 (n,).
    density : ndarray
        float64 (n, 3), mean optical density of red, green and blue, glass included.
    """

    labels: npt.NDArray[np.int32]
    summit: npt.NDArray[np.int64]
    center: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.int64]
    density: npt.NDArray[np.float64]


def smooth_density(rgb: npt.NDArray[np.uint8], glass: npt.NDArray[np.float64] | None = None) -> Floats:
    """Return the optical density that colors are told by, float32 (y, x, 3); black margins become glass."""
    from scipy import ndimage as ndi

    density = optical_density(rgb)
    void = void_of(rgb)
    if void is not None:
        density[void] = 0 if glass is None else glass
    return np.asarray(ndi.gaussian_filter(density, (_SMOOTH_UM / WORK_UM,) * 2 + (0,)), np.float32)


def void_of(rgb: npt.NDArray[np.uint8]) -> Mask | None:
    """Return where no picture was taken, bool (y, x): black areas wider than any nucleus. None if nowhere."""
    from scipy import ndimage as ndi

    black = rgb.max(axis=-1) <= _VOID_LEVEL
    if not black.any():
        return None
    side = round(_VOID_UM / WORK_UM)
    wide = ndi.minimum_filter(black, side)
    return np.asarray(ndi.maximum_filter(wide, side + 5), bool) if wide.any() else None


def read_planes(rgb: npt.NDArray[np.uint8], basis: StainBasis) -> Planes:
    """Split the pixels of a window, uint8 (y, x, 3), into stains."""
    from scipy import ndimage as ndi

    density = smooth_density(rgb, basis.glass)
    hematoxylin, other = basis.unmix(density)
    nuclear = hematoxylin + other if basis.stains == "hdab" else hematoxylin
    absorbed = _absorbed(nuclear, 1.0)
    side = round(_AROUND_UM / WORK_UM) | 1
    around = ndi.maximum_filter(ndi.minimum_filter(absorbed, side), side)
    around = ndi.gaussian_filter(around, side / 4, truncate=2)
    tissue = np.linalg.norm(density - basis.glass, axis=-1) > _LEAST_TISSUE
    return Planes(hematoxylin, other, nuclear, np.asarray(absorbed - around, np.float32), tissue)


def typical_contrast(contrast: npt.NDArray[Any], share: npt.NDArray[Any], basis: StainBasis) -> float:
    """Return the contrast that divides nuclei from what is between them.

    Parameters
    ----------
    contrast, share : ndarray
        (n,), of pixels of tissue spread over the picture.
    basis : StainBasis
        Its stains. Brown pixels do not count where there are others: they would hide the blue ones.

    Returns
    -------
    float
        Otsu's threshold, at least what noise makes.
    """
    from skimage.filters import threshold_otsu

    if basis.stains == "hdab" and np.count_nonzero(blue := share < 1 - _BROWN) > len(share) / 50:
        contrast = contrast[blue]
    if len(contrast) < 2 or np.ptp(contrast) == 0:
        return _LEAST_CONTRAST
    return max(_LEAST_CONTRAST, float(threshold_otsu(contrast)))


def segment_window(
    rgb: npt.NDArray[np.uint8], planes: Planes, basis: StainBasis, contrast: float, area_px: float
) -> Found:
    """Find the nuclei of a window.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), at :data:`WORK_UM`.
    planes : Planes
        Of :func:`read_planes`.
    basis : StainBasis
        The picture's stains.
    contrast : float
        Absorption over the surroundings from which a pixel may be of a nucleus.
    area_px : float
        um2 of a pixel, by which nuclei too small or large are left out.

    Returns
    -------
    Found
        Those that reach the window's border are as they look there.
    """
    from scipy import ndimage as ndi
    from skimage.segmentation import expand_labels

    body = planes.contrast > contrast
    absorbed = _absorbed(planes.nuclear, _DENSITY_SCALE)
    core = _cores(body, absorbed)
    depth = np.zeros(core.shape, np.float32)
    brown = _brown(planes, core) if basis.stains == "hdab" else np.zeros_like(core)
    for phase in (brown, core & ~brown):
        if phase.any():
            padded = ndi.distance_transform_edt(np.pad(phase, 1))[1:-1, 1:-1]
            inside = ndi.gaussian_filter(np.asarray(padded * WORK_UM, np.float32), _SHAPE_UM / WORK_UM)
            np.copyto(depth, inside, where=phase)
    height = depth + np.float32(_DENSITY_WEIGHT_UM) * ndi.gaussian_filter(absorbed, 1.0 / WORK_UM)
    basin = np.full(core.shape, -1, np.int32)
    for phase in (brown, core & ~brown):
        if phase.any():
            merged = merge_basins(height, basins(height, phase), _VALLEY_UM)
            np.copyto(basin, merged, where=phase)
    summits, places = np.unique(basin, return_inverse=True)
    labels: npt.NDArray[np.int32] = places.reshape(basin.shape).astype(np.int32)
    if len(summits) and summits[0] < 0:
        summits = summits[1:]
    else:
        labels += 1
    if not len(summits):
        return _measured(rgb, np.zeros(core.shape, np.int32), np.zeros(0, np.int64), area_px)
    wider = np.asarray(expand_labels(labels, _EDGE_UM / WORK_UM), np.int32)
    np.copyto(labels, wider, where=body)
    return _measured(rgb, labels, summits.astype(np.int64), area_px)


def _cores(body: Mask, absorbed: Floats) -> Mask:
    """Return where density bends inwards within nuclei, pale centers filled, without threads."""
    from scipy import ndimage as ndi

    core = body & (ndi.gaussian_laplace(absorbed, _BEND_UM / WORK_UM) < 0)
    disk = _disk(_CLOSE_UM / WORK_UM)
    edge = disk.shape[0]
    core = ndi.binary_closing(np.pad(core, edge), disk)[edge:-edge, edge:-edge] & body
    holes, _ = ndi.label(~core)
    small = np.bincount(holes.ravel()) <= _HOLE_UM2 / WORK_UM**2
    small[0] = False
    return np.asarray(ndi.binary_opening(core | small[holes], _disk(_OPEN_UM / WORK_UM)), bool)


def _brown(planes: Planes, core: Mask) -> Mask:
    """Return which pixels of cores are of brown nuclei."""
    from scipy import ndimage as ndi

    share = planes.share
    least = _LEAST_PART_UM2 / WORK_UM**2
    seed = _without_small(core & (share > _BROWN), least)
    brownish = core & (share > _BROWNISH)
    brown = ndi.binary_dilation(seed, mask=brownish | seed, iterations=round(_SPREAD_UM / WORK_UM))
    rest = core & ~brown
    scraps = rest & ~_without_small(rest, least) & ndi.binary_dilation(brown, iterations=4)
    return np.asarray(brown | scraps, bool)


def _without_small(mask: Mask, least: float) -> Mask:
    """Return a mask without its parts of fewer pixels than ``least``."""
    from scipy import ndimage as ndi

    parts, _ = ndi.label(mask)
    large = np.bincount(parts.ravel()) >= least
    large[0] = False
    return np.asarray(large[parts], bool)


def _measured(
    rgb: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32], summits: npt.NDArray[np.int64], area_px: float
) -> Found:
    """Return what is known of labeled nuclei, those of no possible size left out."""
    count = len(summits)
    pixels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = (pixels * area_px >= MIN_AREA_UM2) & (pixels * area_px <= MAX_AREA_UM2)
    number = np.zeros(count + 1, np.int32)
    number[1:][kept] = np.arange(1, np.count_nonzero(kept) + 1)
    labels = number[labels]
    y, x = np.nonzero(labels)
    of = labels[y, x] - 1
    pixels = pixels[kept].astype(np.int64)
    total = len(pixels)
    center = np.stack([np.bincount(of, axis, minlength=total) for axis in (y, x)], axis=-1)
    density = optical_density(rgb[y, x])
    mean = np.stack([np.bincount(of, density[:, c], minlength=total) for c in range(3)], axis=-1)
    shared = np.maximum(pixels, 1)[:, None]
    summit = np.stack(np.divmod(summits[kept], labels.shape[1]), axis=-1)
    return Found(labels, summit, center / shared, pixels, mean / shared)


def _absorbed(density: Floats, scale: float) -> Floats:
    """Return the share of light that a density absorbs, or a root of it: compresses what is very dark."""
    return np.asarray(1 - np.power(np.float32(10), -scale * density), np.float32)


def _disk(radius: float) -> Mask:
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(y * y + x * x <= radius * radius + 0.01, bool)
