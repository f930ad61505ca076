"""Fields of slides: a part of a large picture at the scale that is wanted, reading only what it needs."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io.loaded import MAX_SIDE, Loaded, plausible_scale
from napari_histosynth.io.omezarr import open_ome_zarr
from napari_histosynth.io.tiff import damage_is_one_sentence, open_tiff

_REACH = 3  # pixels that Lanczos' filter looks at on either side


def open_slide(path: str | os.PathLike[str]) -> Loaded:
    """Open a slide as a pyramid of lazy pictures.

    Parameters
    ----------
    path : str or path-like
        SVS, OME-TIFF, another TIFF of 8-bit RGB, or an OME-Zarr.

    Returns
    -------
    Loaded
        Levels are dask arrays, uint8 (y, x, 3).

    Raises
    ------
    ImageError
        If it cannot be opened, or holds a label map.
    """
    slide = open_ome_zarr(path) if Path(path).suffix.lower() == ".zarr" else open_tiff(path)
    if slide.kind != "picture":
        raise ImageError(f"{path} has one channel; a slide is an RGB picture.")
    return slide


def read_field(
    slide: str | os.PathLike[str] | Loaded,
    window: Window,
    um_per_px: float,
    *,
    slide_um_per_px: float | None = None,
    shape: tuple[int, int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Read a field of a slide at a scale.

    Parameters
    ----------
    slide : str, path-like or Loaded
        What :func:`open_slide` opens, or what it returned.
    window : Window
        The field in pixels of the slide's finest level; what lies off the slide is white.
    um_per_px : float
        Scale wanted.
    slide_um_per_px : float, optional
        Scale of the slide, where its file does not say.
    shape : tuple of int, optional
        Height and width wanted, where rounding the window's sides may miss them by a pixel.

    Returns
    -------
    ndarray
        uint8 (y, x, 3); the window's sides times the slide's scale over the wanted one, rounded.

    Raises
    ------
    ImageError
        If the slide is damaged, its scale is unknown, the wanted one is no positive number, or the field is
        empty or beyond 16,384 px a side.
    """
    name = "The slide" if isinstance(slide, Loaded) else str(Path(slide))
    opened = slide if isinstance(slide, Loaded) else open_slide(slide)
    scale = slide_um_per_px or opened.um_per_px
    if scale is None:
        raise ImageError(f"{name} does not say how many um a pixel has; give the scale of the slide.")
    if plausible_scale(um_per_px) is None or plausible_scale(scale) is None:
        raise ImageError(f"A field at {um_per_px} of {scale} um per px is impossible; give positive numbers.")
    if window.is_empty:
        raise ImageError(f"The field {tuple(window)} of {name} is empty; choose one with pixels.")
    factor = scale / um_per_px
    if shape is None:
        shape = max(1, round(window.height * factor)), max(1, round(window.width * factor))
    if max(shape) > MAX_SIDE:
        raise ImageError(
            f"The field would be {shape[1]:,} x {shape[0]:,} px; at most {MAX_SIDE:,} px a side are read, so "
            "choose a smaller one or a coarser scale."
        )
    with damage_is_one_sentence(name):
        return _resized(opened, window, shape)


def _resized(slide: Loaded, window: Window, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a window of the finest level, resized from the coarsest level that has all of its detail."""
    height, width = slide.shape
    pixels, steps = slide.levels[0], (1.0, 1.0)
    for level in slide.levels[1:]:
        down = height / level.shape[0], width / level.shape[1]
        if down[0] * shape[0] <= window.height and down[1] * shape[1] <= window.width:
            pixels, steps = level, down
    top, bottom = window.y0 / steps[0], window.y1 / steps[0]
    left, right = window.x0 / steps[1], window.x1 / steps[1]
    # what the filter sees from outside the field is read with it, so that fields join without a seam
    around_y = math.ceil(_REACH * max(1.0, (bottom - top) / shape[0]))
    around_x = math.ceil(_REACH * max(1.0, (right - left) / shape[1]))
    outer = Window(
        math.floor(top) - around_y,
        math.ceil(bottom) + around_y,
        math.floor(left) - around_x,
        math.ceil(right) + around_x,
    )
    field = np.full((*outer.shape, 3), 255, np.uint8)
    inside = outer.clip(pixels.shape)
    if not inside.is_empty:
        field[inside.relative_to(outer).slices] = np.asarray(pixels[inside.slices])
    box = left - outer.x0, top - outer.y0, right - outer.x0, bottom - outer.y0
    resized = Image.fromarray(field).resize(shape[::-1], Image.Resampling.LANCZOS, box=box)
    return np.array(resized)
