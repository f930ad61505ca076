"""H&E with labels as the networks of layouts see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.paint.resample import resample_labels, scaled_shape

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme


def field_of(
    image: npt.ArrayLike,
    labels: npt.ArrayLike,
    um_per_px: float,
    scheme: TissueScheme,
    target_um_per_px: float,
    size: int,
) -> npt.NDArray[np.float32]:
    """Return a field of H&E and labels as channels: at another scale, the middle of it, of one size.

    Parameters
    ----------
    image : array_like
        uint8 (y, x, 3).
    labels : array_like
        (y, x), of ``scheme``.
    um_per_px, target_um_per_px : float
        Micrometers a pixel, and those wanted.
    scheme : TissueScheme
        Of the labels.
    size : int
        Pixels a side wanted; what is smaller is mirrored at its borders.

    Returns
    -------
    ndarray
        float32 (3 + k, size, size) in [-1, 1].

    Raises
    ------
    ImageError
        If the picture is no H&E, or of another size than the labels.
    LabelMapError
        If these are no labels of the scheme.
    """
    from napari_histosynth.paint.sources import resized

    rgb, classes = np.asarray(image), scheme.check(labels)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"H&E must be uint8 (y, x, 3), not {rgb.dtype} {rgb.shape}.")
    if rgb.shape[:2] != classes.shape:
        raise ImageError(
            f"The picture is {rgb.shape[1]} x {rgb.shape[0]} px and its labels are {classes.shape[1]} x "
            f"{classes.shape[0]} px; they must be of one size."
        )
    if not (np.isfinite(um_per_px) and um_per_px > 0):
        raise ImageError(f"A scale of {um_per_px} um per px is impossible; give a positive number.")
    shape = scaled_shape((classes.shape[0], classes.shape[1]), um_per_px, target_um_per_px)
    rgb, classes = resized(rgb, shape), resample_labels(classes, shape)
    rows, columns = (_middle(length, size) for length in shape)
    one_hot = np.arange(scheme.n_classes)[:, None, None] == classes[np.ix_(rows, columns)]
    return channels_of(rgb[np.ix_(rows, columns)], one_hot.astype(np.float32) * 2 - 1)


def channels_of(image: npt.NDArray[np.uint8], amounts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return H&E, (y, x, 3), and how much there is of each class, (k, y, x), as one array, (3 + k, y, x)."""
    return np.concatenate([image.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1, amounts])


def apart(channels: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return H&E, uint8 (y, x, 3), and how much there is of each class, (k, y, x), of (3 + k, y, x)."""
    image = np.clip(np.rint((channels[:3] + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image.transpose(1, 2, 0)), np.ascontiguousarray(channels[3:])


def _middle(length: int, size: int) -> npt.NDArray[np.int64]:
    """Return the indices of the ``size`` pixels in the middle, folded back at both borders."""
    index = np.arange(size) + (length - size) // 2
    folded = np.mod(index, 2 * length)
    return np.asarray(np.where(folded < length, folded, 2 * length - 1 - folded))
