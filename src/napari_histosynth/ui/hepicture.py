"""The H&E in a layer: which of its resolutions to label, at which scale, all of it or what is in sight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.layers import layer_um_per_px


@dataclass(frozen=True, eq=False)
class HePicture:
    """An H&E picture that a layer shows.

    Attributes
    ----------
    layer : napari layer
        Where it is from.
    levels : tuple of array_like
        uint8 (y, x, 3) or (y, x, 4), the finest first; perhaps lazy.
    um_per_px : float or None
        Scale of the finest; None if the layer does not say.
    window : Window or None
        Part of the finest to label; None for all of it.
    """

    layer: Any
    levels: tuple[Any, ...]
    um_per_px: float | None
    window: Window | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.layer.name)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level, in pixels."""
        height, width = self.levels[0].shape[:2]
        return int(height), int(width)

    @property
    def part(self) -> Window:
        """What is to be labeled, in pixels of the finest level."""
        return Window.of_shape(self.shape) if self.window is None else self.window

    def asked(self, um_per_px: float, window: Window | None) -> HePicture:
        """Return it with a scale and a part that somebody gave."""
        return replace(self, um_per_px=um_per_px, window=window)

    def shape_at(self, um_per_px: float) -> tuple[int, int]:
        """Return height and width of the part at a scale."""
        from napari_histosynth.paint.resample import scaled_shape

        return scaled_shape(self.part.shape, self.um_per_px or um_per_px, um_per_px)

    def source(self, um_per_px: float) -> tuple[Any, float, Window]:
        """Return the coarsest level with all detail of a scale, that level's scale, and the part in it."""
        assert self.um_per_px is not None
        chosen, down = self.levels[0], (1.0, 1.0)
        for level in self.levels[1:]:
            steps = self.shape[0] / level.shape[0], self.shape[1] / level.shape[1]
            if self.um_per_px * max(steps) <= um_per_px * 1.01:
                chosen, down = level, steps
        part = self.part
        window = Window(
            int(part.y0 / down[0]),
            max(round(part.y1 / down[0]), int(part.y0 / down[0]) + 1),
            int(part.x0 / down[1]),
            max(round(part.x1 / down[1]), int(part.x0 / down[1]) + 1),
        )
        scale = self.um_per_px * float(np.sqrt(down[0] * down[1]))
        return OnWhite(chosen), scale, window.clip(chosen.shape)


class OnWhite:
    """A lazy view of a picture on a white slide: what is transparent is glass.

    Parameters
    ----------
    rgba : array_like
        uint8 (y, x, 3) or (y, x, 4).
    """

    def __init__(self, rgba: Any) -> None:
        self._rgba = rgba
        self.shape = (int(rgba.shape[0]), int(rgba.shape[1]), 3)
        self.dtype = np.dtype(rgba.dtype)

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        """Return a part, uint8 (y, x, 3)."""
        pixels = np.asarray(self._rgba[key])
        if pixels.shape[2] == 3:
            return pixels
        share = pixels[..., 3:].astype(np.float32) / 255
        return np.asarray(np.rint(pixels[..., :3] * share + 255 * (1 - share)), np.uint8)


def he_of_layer(layer: Any) -> HePicture:
    """Take the picture of an Image layer for H&E.

    Raises
    ------
    ImageError
        If it is gray, a stack, or not of 8 bits; the sentence says what to choose instead.
    """
    levels = levels_of(layer)
    shape, dtype = tuple(levels[0].shape), np.dtype(levels[0].dtype)
    if not getattr(layer, "rgb", False):
        raise ImageError(
            f'The layer "{layer.name}" is gray; H&E is told by color, so choose an RGB picture of it.'
        )
    if len(shape) != 3:
        raise ImageError(
            f'The layer "{layer.name}" is a stack ({" x ".join(map(str, shape))}); choose one plane of it.'
        )
    if dtype != np.uint8:
        raise ImageError(
            f'The layer "{layer.name}" holds {dtype} values; bring them to 8 bits, 0 to 255, and choose that.'
        )
    if 0 in shape:
        raise ImageError(f'The layer "{layer.name}" is empty; choose another.')
    return HePicture(layer, levels, layer_um_per_px(layer))


def levels_of(layer: Any, *, drawn: bool = True) -> tuple[Any, ...]:
    """Return the levels of a layer, the finest first.

    Parameters
    ----------
    layer : napari layer
        Of one level or several.
    drawn : bool
        Whether reading a slide that is drawn as one looks draws what is missing; else it gives what there is.
    """
    levels = tuple(layer.data) if getattr(layer, "multiscale", False) else (layer.data,)
    return tuple(getattr(level, "drawn", level) for level in levels) if drawn else levels


def window_in_sight(layer: Any) -> Window | None:
    """Return what of a layer is in sight, in pixels of its finest level; None if nothing is known."""
    corners = np.asarray(layer.corner_pixels, float)[:, :2]
    if corners.shape != (2, 2):
        return None
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    if layer.multiscale:  # the corners are in pixels of the level that is shown
        corners = corners * np.asarray(layer.downsample_factors)[layer.data_level][:2]
    (y0, x0), (y1, x1) = corners
    window = Window(int(y0), int(np.ceil(y1)) + 1, int(x0), int(np.ceil(x1)) + 1).clip(shape)
    return None if window.area <= 1 else window
