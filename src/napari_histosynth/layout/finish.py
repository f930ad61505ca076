"""From what the generator draws to a label map as a person would trace it, at any scale.

How much there is of each class is smoothed and enlarged in one step, and each pixel goes to the class of
which there is most, so that outlines are smooth at any scale; then specks that nobody would trace go to what
is around them. Both look no farther than a fixed distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window, tile_windows

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme

Floats = npt.NDArray[np.float32]

#: Standard deviation of the smoothing of outlines, in micrometers.
SMOOTH_UM = 1.5
#: Smallest piece of tissue that stays, in square micrometers: a person traces no gland of a single cell.
LEAST_UM2 = {"epithelium": 120.0, "non-epithelium": 40.0}
#: Smallest lumen that stays: those of crypts cut across are small.
LEAST_LUMEN_UM2 = 14.0
#: What is longer than this is no speck, however thin.
SPECK_UM = 22.0

_PICTURE_BLUR = 0.55  # of the picture, in the coarser of both pixels: as Mitchell's filter about
# of outlines, in pixels drawn, at least: enlarged much, they would show these pixels; and up to how many for
# as many micrometers, since networks are not sure to the pixel
_OUTLINE_BLUR, _UNSURE, _UNSURE_UM = 0.7, 1.3, 3.2
_TILE = 1024


def finished(
    image: npt.NDArray[np.uint8],
    labels: Floats,
    scheme: TissueScheme,
    um_per_px: float,
    shape: tuple[int, int],
    target_um_per_px: float,
    start: tuple[float, float] = (0.0, 0.0),
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Make a label map and its H&E at another scale.

    Parameters
    ----------
    image : ndarray
        uint8 (y, x, 3).
    labels : ndarray
        float32 (k, y, x), how much there is of each class.
    scheme : TissueScheme
        Of the classes.
    um_per_px, target_um_per_px : float
        Of both, and wanted.
    shape : tuple of int
        Height and width wanted.
    start : tuple of float
        Where the corner of what is wanted lies, in pixels of ``labels``.
    progress : callable
        Told the share that is done; what it raises ends the work.

    Returns
    -------
    labels : ndarray
        uint8 (height, width).
    image : ndarray
        uint8 (height, width, 3).
    """
    factor = target_um_per_px / um_per_px
    unsure = min(_UNSURE, _UNSURE_UM / um_per_px)
    smooth = max(SMOOTH_UM / um_per_px, _PICTURE_BLUR * factor, _OUTLINE_BLUR, unsure)
    sharp = _PICTURE_BLUR * max(1.0, factor)
    made, picture = np.empty(shape, np.uint8), np.empty((*shape, 3), np.uint8)
    reach = speck_reach(scheme, target_um_per_px)
    tiles = list(tile_windows(Window.of_shape(shape), _TILE))
    for number, tile in enumerate(tiles):
        progress(number / len(tiles))
        seen = tile.grow(reach).clip(shape)
        amounts = resampled(labels, seen, factor, start, smooth)
        whole = without_specks(amounts.argmax(0).astype(np.uint8), scheme, target_um_per_px)
        made[tile.slices] = whole[tile.relative_to(seen).slices]
        colors = resampled(image.transpose(2, 0, 1), tile, factor, start, sharp)
        picture[tile.slices] = np.clip(np.rint(colors), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return made, picture


def resampled(
    planes: npt.NDArray[np.generic], window: Window, factor: float, start: tuple[float, float], sigma: float
) -> Floats:
    """Read planes at another scale, linearly, after a Gaussian; the same pixels in any window.

    Parameters
    ----------
    planes : ndarray
        (k, y, x), any numbers; beyond their borders their last pixels go on.
    window : Window
        Wanted, in pixels of the target.
    factor : float
        Size of a pixel of the target, in pixels of the planes.
    start : tuple of float
        Row and column of the planes at which the target's corner lies.
    sigma : float
        Standard deviation of the Gaussian, in pixels of the planes.

    Returns
    -------
    ndarray
        float32 (k, height, width).
    """
    from scipy.ndimage import gaussian_filter1d

    reach = math.ceil(3 * sigma)
    made = planes
    for axis, (first, last) in ((1, (window.y0, window.y1)), (2, (window.x0, window.x1))):
        length = made.shape[axis]
        at = np.clip(start[axis - 1] + (np.arange(first, last) + 0.5) * factor - 0.5, 0, length - 1)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, length - 1)
        begin, end = max(0, int(low[0]) - reach), min(length, int(high[-1]) + reach + 1)
        part = made[:, begin:end] if axis == 1 else made[:, :, begin:end]
        smooth = gaussian_filter1d(part, sigma, axis, output=np.float32, mode="nearest", radius=reach)
        share = (at - low).astype(np.float32)
        if axis == 1:
            share = share[:, None]
        left, right = (np.take(smooth, index - begin, axis) for index in (low, high))
        right -= left
        right *= share
        right += left
        made = right
    return np.asarray(made, np.float32)


def speck_reach(scheme: TissueScheme, um_per_px: float) -> int:
    """Return how far :func:`without_specks` looks, in pixels."""
    return scheme.n_classes * (math.ceil(SPECK_UM / um_per_px) + 2)


def without_specks(
    labels: npt.NDArray[np.uint8], scheme: TissueScheme, um_per_px: float
) -> npt.NDArray[np.uint8]:
    """Give pieces that are too small to be traced to the class that is most along their rim.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).
    scheme : TissueScheme
        Of the labels.
    um_per_px : float
        Micrometers a pixel.

    Returns
    -------
    ndarray
        New uint8 (y, x). A pixel depends on those within :func:`speck_reach` alone; pieces that the border
        cuts stay where they are too large in what is seen of them.
    """
    made = labels.copy()
    longest = max(1, math.ceil(SPECK_UM / um_per_px))
    order = [scheme.background, *(i for i in range(scheme.n_classes) if i != scheme.background)]
    for index in order:
        least = LEAST_LUMEN_UM2 if index == scheme.background else LEAST_UM2.get(scheme.names[index], 40.0)
        _drop(made, index, least / um_per_px**2, longest)
    return made


def _drop(labels: npt.NDArray[np.uint8], index: int, least: float, longest: int) -> None:
    """Give the pieces of a class that are small to their rims, in place."""
    from scipy.ndimage import find_objects, label

    pieces, _ = label(labels == index)
    counts = np.bincount(pieces.ravel())
    small = []
    for number, box in enumerate(find_objects(pieces), 1):
        if counts[number] < least and all(side.stop - side.start <= longest for side in box):
            small.append((number, box))
    before = labels.copy()  # pieces of a class do not touch, so that their order does not matter
    for number, (rows, columns) in small:
        grown = (
            slice(max(rows.start - 1, 0), rows.stop + 1),
            slice(max(columns.start - 1, 0), columns.stop + 1),
        )
        inside = pieces[grown] == number
        rim = _next_to(inside) & ~inside
        around = before[grown][rim]
        if around.size:
            labels[grown][inside] = np.bincount(around).argmax()


def _next_to(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the mask and the four neighbors of its pixels."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide
