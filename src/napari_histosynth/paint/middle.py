"""The middle of large pictures: what looks are read from, without reading the rest."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.io import open_slide, read_image
from napari_histosynth.io.kinds import file_kind
from napari_histosynth.io.tiff import damage_is_one_sentence, is_plain_tiff
from napari_histosynth.paint.inputs import read_scale


def middle_of(rgb: Any, um_per_px: float, target_um_per_px: float, side: int) -> npt.NDArray[Any]:
    """Return the middle of a picture or label map, in memory.

    Parameters
    ----------
    rgb : array_like
        (y, x) or (y, x, 3), perhaps lazy: only the middle is read.
    um_per_px : float
        Its scale.
    target_um_per_px : float
        Scale that it is wanted for. Where that is finer, the picture is not enlarged first.
    side : int
        Pixels a side at that scale, at most.

    Raises
    ------
    ImageError
        If the scale is no positive number.
    """
    if not (math.isfinite(um_per_px) and um_per_px > 0):
        raise ImageError(f"A scale of {um_per_px} um per px is impossible; give a positive number.")
    source = rgb if hasattr(rgb, "shape") else np.asarray(rgb)
    most = round(side * max(1.0, target_um_per_px / um_per_px))
    top, left = (max(0, (length - most) // 2) for length in (*source.shape, 1, 1)[:2])
    return np.ascontiguousarray(source[top : top + most, left : left + most])


def read_he_middle(
    path: str | os.PathLike[str], target_um_per_px: float, side: int, um_per_px: float | None = None
) -> tuple[npt.NDArray[np.uint8], float | None]:
    """Read the middle of an H&E picture with its scale; of a slide, nothing else is read.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG and the like of at most 16,384 px a side; OME-TIFF, SVS or OME-Zarr of any size.
    target_um_per_px : float
        Scale that it is wanted for: of a slide the coarsest level with all detail of it is read.
    side : int
        Pixels a side at that scale, at most.
    um_per_px : float, optional
        Scale of the picture, where it is known better than by its file.

    Returns
    -------
    rgb : ndarray
        uint8 (y, x, 3).
    um_per_px : float or None
        Micrometers a pixel of it, None if nobody says.

    Raises
    ------
    ImageError
        If the file is no RGB picture that can be read, or a PNG and the like that is too large.
    """
    kind = file_kind(path)
    if kind == "picture" or (kind == "tiff" and is_plain_tiff(path)):
        scale = um_per_px or read_scale(path)
        return middle_of(read_image(path), scale or target_um_per_px, target_um_per_px, side), scale
    slide = open_slide(path)
    scale = um_per_px or slide.um_per_px
    level, level_scale = slide.levels[0], scale or target_um_per_px
    for coarser in slide.levels[1:]:
        step = max(fine / coarse for fine, coarse in zip(slide.shape, coarser.shape[:2], strict=True))
        if (scale or target_um_per_px) * step <= target_um_per_px * 1.01:
            level, level_scale = coarser, (scale or target_um_per_px) * step
    with damage_is_one_sentence(path):
        middle = middle_of(level, level_scale, target_um_per_px, side)
    return middle, None if scale is None else level_scale
