"""Label maps and pictures from one scale to another, a strip at a time, so that memory stays bounded."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

LABEL_ROWS, PICTURE_ROWS = 1024, 2048
"""Rows that are worked on at once: of the larger of the two scales."""

# Blur before a label map is enlarged, in its pixels. Measured on nuclei of 4 to 10 um and gland borders of
# which the truth was known at 8 times the resolution: 0.5 gives about the best overlap of contours without
# losing nuclei; more swallows the thin ones.
_BLUR_PX = 0.5

_REACH = {Image.Resampling.BICUBIC: 2, Image.Resampling.LANCZOS: 3}
"""Pixels that a filter looks at on either side, when it does not reduce."""


def scaled_shape(shape: tuple[int, int], um_per_px: float, target_um_per_px: float) -> tuple[int, int]:
    """Return the size at another scale of what is ``shape`` (y, x) pixels at this one, at least 1 x 1."""
    factor = um_per_px / target_um_per_px
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def resample_labels(labels: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Enlarge or reduce a label map so that its contours stay smooth.

    The mask of every class is resampled by cubic interpolation (averaged where it is reduced, lightly blurred
    where it is enlarged) and each pixel goes to the class whose mask is greatest there. The outer
    borders of both maps coincide.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).
    shape : tuple of int
        Height and width wanted, at least 1 each.

    Returns
    -------
    ndarray
        New uint8 array of that shape with no class that ``labels`` has not.
    """
    if labels.shape == shape:
        return labels.copy()
    resampled = np.empty(shape, np.uint8)
    for rows, source, box in _strips(labels.shape, shape, Image.Resampling.BICUBIC, LABEL_ROWS, more=2):
        resampled[rows] = _greatest(labels[source], (rows.stop - rows.start, shape[1]), box)
    return resampled


def resize_labels(
    labels: npt.NDArray[np.uint8], box: tuple[float, float, float, float], shape: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Enlarge or reduce a part of a label map; see :func:`resample_labels`.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), the part and what the filter sees around it.
    box : tuple of float
        The part: left, top, right, bottom, in pixels of ``labels``.
    shape : tuple of int
        Height and width wanted.

    Returns
    -------
    ndarray
        uint8 of that shape.
    """
    return _greatest(labels, shape, box)


def resize_rows(
    rgb: npt.NDArray[np.uint8], box: tuple[float, float, float, float], shape: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Enlarge or reduce a part of a picture by Lanczos' filter.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), the part and what the filter sees around it.
    box : tuple of float
        The part: left, top, right, bottom, in pixels of ``rgb``.
    shape : tuple of int
        Height and width wanted.

    Returns
    -------
    ndarray
        uint8 (height, width, 3).
    """
    resized = np.empty((*shape, 3), np.uint8)
    for channel in range(3):
        # as floats: bytes would be rounded and clipped between rows and columns, in an order that varies
        values = Image.fromarray(rgb[..., channel].astype(np.float32))
        values = values.resize(shape[::-1], Image.Resampling.LANCZOS, box=box)
        resized[..., channel] = np.clip(np.rint(np.asarray(values)), 0, 255)
    return resized


def picture_strips(
    shape: tuple[int, int], target: tuple[int, int]
) -> Iterator[tuple[slice, slice, tuple[float, float, float, float]]]:
    """Yield how to resample a picture of ``shape`` to ``target`` in strips, for :func:`resize_rows`.

    Yields
    ------
    rows : slice
        Of the target.
    source : slice
        Rows of the picture that they need.
    box : tuple of float
        Where the strip lies in those rows.
    """
    yield from _strips(shape, target, Image.Resampling.LANCZOS, PICTURE_ROWS)


def _strips(
    shape: tuple[int, int], target: tuple[int, int], resampling: Image.Resampling, most: int, more: int = 0
) -> Iterator[tuple[slice, slice, tuple[float, float, float, float]]]:
    """Cut the target into strips of rows, each with the rows of the source that it depends on."""
    factor = shape[0] / target[0]
    # the filter widens where it reduces; strips shrink then, since it is the source that fills memory
    margin = math.ceil(_REACH[resampling] * max(1.0, factor)) + 1 + more
    step = max(1, int(most / max(1.0, factor)))
    for top in range(0, target[0], step):
        bottom = min(top + step, target[0])
        first = max(0, math.floor(top * factor) - margin)
        last = min(shape[0], math.ceil(bottom * factor) + margin)
        box = (0.0, top * factor - first, float(shape[1]), min(bottom * factor - first, last - first))
        yield slice(top, bottom), slice(first, last), box


def _greatest(
    labels: npt.NDArray[np.uint8], shape: tuple[int, int], box: tuple[float, float, float, float]
) -> npt.NDArray[np.uint8]:
    """Resample the mask of each class in a box and return the class of the greatest at each pixel."""
    from scipy.ndimage import gaussian_filter

    present = np.unique(labels)
    winner = np.full(shape, present[0], np.uint8)
    if len(present) == 1:
        return winner
    best = np.full(shape, -np.inf, np.float32)
    height, width = box[3] - box[1], box[2] - box[0]
    # PIL checks the box to the last bit
    box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], labels.shape[1]), min(box[3], labels.shape[0]))
    blur = (_BLUR_PX * (shape[0] > height), _BLUR_PX * (shape[1] > width))
    for value in present:
        mask = (labels == value).astype(np.float32)
        if any(blur):
            mask = gaussian_filter(mask, blur, mode="nearest", truncate=4.0)
        resized = np.asarray(Image.fromarray(mask).resize(shape[::-1], Image.Resampling.BICUBIC, box=box))
        greater = resized > best
        winner[greater] = value
        np.maximum(best, resized, out=best)
    return winner
