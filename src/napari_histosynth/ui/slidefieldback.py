"""A painted field on its way back into a slide: where it goes, its pixels there, and how it passes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import UM_PER_PX
from napari_histosynth.slide.overlay import Patch, feathered

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PaintedField:
    """A canvas that lies on a slide.

    Attributes
    ----------
    pixels : ndarray
        uint8 (y, x, 3), its H&E.
    window : Window
        Where it lies, in pixels of level 0 of the slide.
    edited : ndarray or None
        bool (y, x), where its labels are others than they were; None to take all of it.
    """

    pixels: Pixels
    window: Window
    edited: npt.NDArray[np.bool_] | None


def window_on(slide_layer: Any, labels_layer: Any, shape: tuple[int, int], um_per_px: float) -> Window:
    """Return where a canvas lies on a slide, in pixels of level 0.

    Parameters
    ----------
    slide_layer, labels_layer : napari layers
        Of the slide, and of the canvas.
    shape : tuple of int
        Height and width of the canvas.
    um_per_px : float
        Scale of the canvas.
    """
    sides: list[int] = []
    for axis in (0, 1):
        # napari's places are middles of pixels
        edge = float(labels_layer.translate[-2:][axis]) - um_per_px / 2
        zero = float(slide_layer.translate[-2:][axis]) - UM_PER_PX / 2
        start = round((edge - zero) / UM_PER_PX)
        sides += [start, start + max(1, round(shape[axis] * um_per_px / UM_PER_PX))]
    return Window(*sides)


def patch_of(field: PaintedField, size: tuple[int, int]) -> Patch:
    """Return what is laid over a slide.

    Parameters
    ----------
    field : PaintedField
        The canvas.
    size : tuple of int
        Height and width of the slide at level 0.

    Raises
    ------
    ImageError
        If it lies off the slide, or nothing of it is to be taken.
    """
    from PIL import Image

    window = field.window
    inside = window.clip(size)
    if inside.is_empty:
        raise ImageError("The canvas lies off the slide; send a field of it to the canvas first.")
    if field.edited is not None and not field.edited.any():
        raise ImageError(
            "Nothing was edited on the canvas; paint there, or take the tick off to paint all of it back."
        )
    across = window.width, window.height
    pixels = np.asarray(Image.fromarray(field.pixels).resize(across, Image.Resampling.BICUBIC))
    if field.edited is None:
        opacity = feathered(np.ones(window.shape, bool), inwards=True)
    else:
        mask = Image.fromarray(field.edited.view(np.uint8)).resize(across, Image.Resampling.NEAREST)
        opacity = feathered(np.asarray(mask) > 0, inwards=False)
    cut = inside.relative_to(window).slices
    return Patch.of(pixels[cut], (inside.y0, inside.x0), opacity[cut])


def field_in(window: Window, side: int, size: tuple[int, int]) -> Window:
    """Return the square in the middle of what is in sight, moved onto the slide.

    Parameters
    ----------
    window : Window
        What is in sight, in pixels of level 0.
    side : int
        Of the square.
    size : tuple of int
        Height and width of the slide.
    """
    edges: list[int] = []
    for low, high, most in ((*window[:2], size[0]), (*window[2:], size[1])):
        length = min(side, most)
        start = min(max(0, (low + high) // 2 - length // 2), most - length)
        edges += [start, start + length]
    return Window(*edges)
