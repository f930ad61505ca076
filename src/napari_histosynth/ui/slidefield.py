"""A rectangle on a slide, and what of the slide it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import Loaded
from napari_histosynth.ui.hepicture import levels_of
from napari_histosynth.ui.layers import layer_um_per_px

NAME = "Field"
_COLOR = "#1f6feb"


@dataclass(frozen=True, eq=False)
class Slide:
    """An RGB layer that fields are taken of.

    Attributes
    ----------
    layer : napari.layers.Image
        The layer.
    opened : Loaded
        Its levels, as a slide.
    """

    layer: Any
    opened: Loaded

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level, in pixels."""
        return self.opened.shape


def slide_of(layer: Any) -> Slide:
    """Take a layer as a slide.

    Raises
    ------
    ImageError
        If it is no RGB picture of 8 bits.
    """
    if layer is None or not getattr(layer, "rgb", False):
        kind = "no layer" if layer is None else f'"{layer.name}", which is no RGB picture'
        raise ImageError(f"Select the layer of a slide first; selected is {kind}.")
    levels = levels_of(layer)
    if levels[0].ndim != 3 or levels[0].dtype != np.uint8:
        raise ImageError(f'The layer "{layer.name}" is no plane of 8 bits a channel; choose another.')
    plain = tuple(level if level.shape[2] == 3 else level[..., :3] for level in levels)
    return Slide(layer, Loaded("picture", plain, layer_um_per_px(layer)))


def visible_window(slide: Slide) -> Window:
    """Return what of a slide is in sight, in pixels of its finest level."""
    corners = np.asarray(slide.layer.corner_pixels)[:, :2].astype(float)
    if slide.layer.multiscale:
        corners = corners * np.asarray(slide.layer.downsample_factors)[slide.layer.data_level][:2]
    (y0, x0), (y1, x1) = np.rint(corners).astype(int)
    return Window(int(y0), int(y1), int(x0), int(x1)).clip(slide.shape)


def add_rectangle(viewer: Any, slide: Slide, window: Window) -> Any:
    """Add a Shapes layer with a rectangle that can be moved, over a slide.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to.
    slide : Slide
        What it lies on.
    window : Window
        The rectangle, in pixels of the slide.

    Returns
    -------
    napari.layers.Shapes
    """
    scale, translate = slide.layer.scale[-2:], slide.layer.translate[-2:]
    extra = {"units": slide.layer.units[-2:]} if getattr(slide.layer, "units", None) is not None else {}
    layer = viewer.add_shapes(
        [corners_of(window)],
        shape_type="rectangle",
        name=NAME,
        scale=scale,
        translate=translate,
        edge_color=_COLOR,
        face_color="transparent",
        edge_width=max(2.0, max(window.shape) / 150),
        **extra,
    )
    layer.mode = "select"
    layer.selected_data = {0}
    return layer


def move_rectangle(layer: Any, window: Window) -> None:
    """Give the rectangle of a Shapes layer another place and size."""
    layer.data = [corners_of(window)]
    layer.selected_data = {0}


def window_of(layer: Any) -> Window:
    """Return the rectangle of a Shapes layer, in whole pixels; around all corners, if it was turned.

    Raises
    ------
    ImageError
        If there is none any more.
    """
    if len(layer.data) == 0:
        raise ImageError("The rectangle of the field is gone; show it again.")
    corners = np.asarray(layer.data[-1])[:, -2:]
    (y0, x0), (y1, x1) = np.rint(corners.min(axis=0)), np.rint(corners.max(axis=0))
    return Window(int(y0), int(y1), int(x0), int(x1))


def corners_of(window: Window) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the corners of a window as a rectangle of napari, float64 (4, 2)."""
    y0, y1, x0, x1 = window
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float)


def around(middle: tuple[float, float], shape: tuple[int, int]) -> Window:
    """Return the window of a size around a place."""
    y0, x0 = round(middle[0] - shape[0] / 2), round(middle[1] - shape[1] / 2)
    return Window(y0, y0 + shape[0], x0, x0 + shape[1])
