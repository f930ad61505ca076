"""H&E of any size seen at another scale: what is asked for is read and resampled, and no more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.resample import resize_labels, resize_rows, scaled_shape

if TYPE_CHECKING:
    import numpy.typing as npt

#: Scales in um/px between which glands and nuclei can be told at all.
FINEST, COARSEST = 0.05, 4.0

#: Pixels of a label map that resampling it looks at on either side.
LABEL_REACH = 5

_TILE = 1024  # px a side of labels that are brought back at once
_SOURCE_ROWS = 2048  # rows of the picture that are resampled at once
_REACH = 3  # px that Lanczos' filter looks at on either side


def checked_picture(rgb: Any) -> tuple[int, int]:
    """Return height and width of an H&E picture.

    Raises
    ------
    ImageError
        If it is not uint8 (y, x, 3).
    """
    shape, dtype = getattr(rgb, "shape", None), getattr(rgb, "dtype", None)
    if shape is None or dtype is None:
        raise ImageError(f"A {type(rgb).__name__} is no picture; give an array of uint8 (y, x, 3).")
    size = " x ".join(map(str, shape))
    if len(shape) == 3 and shape[2] == 4:
        raise ImageError(
            f"The picture has four channels ({size}); give the first three alone, without transparency."
        )
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        raise ImageError(f"The picture is gray ({size}); H&E is told by color, so give one of RGB.")
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ImageError(f"The picture is {size}; give one of RGB, y x x x 3.")
    if np.dtype(dtype) != np.uint8:
        raise ImageError(
            f"The picture holds {np.dtype(dtype)} values; bring them to 0 to 255 and give uint8."
        )
    return int(shape[0]), int(shape[1])


def checked_scale(um_per_px: float | None) -> float:
    """Return a scale that H&E can be labeled at.

    Raises
    ------
    ImageError
        If it is missing, no number, or one at which glands cannot be told.
    """
    if um_per_px is None:
        raise ImageError("How many um a pixel of the picture has is not known; give um_per_px.")
    if not (math.isfinite(um_per_px) and FINEST <= um_per_px <= COARSEST):
        raise ImageError(
            f"At {um_per_px:g} um per px glands and nuclei cannot be told; give a picture of {FINEST:g} to "
            f"{COARSEST:g} um per px, or correct its scale."
        )
    return float(um_per_px)


class ScaledPicture:
    """A picture seen at another scale, mirrored beyond its borders; reads what is asked for.

    Attributes
    ----------
    source : tuple of int
        Height and width of the picture itself.
    shape : tuple of int
        The same at the other scale.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3).
    um_per_px, target : float
        Its scale, and the one to see it at.
    """

    def __init__(self, rgb: Any, um_per_px: float, target: float) -> None:
        self._rgb = rgb
        self.source = checked_picture(rgb)
        self.shape = scaled_shape(self.source, um_per_px, target)
        if max(abs(a - b) / b for a, b in zip(self.shape, self.source, strict=True)) < 0.005:
            self.shape = self.source  # resampling would only blur
        self._factor = tuple(a / b for a, b in zip(self.source, self.shape, strict=True))

    def at_scale(self, window: Window, reach: int) -> Window:
        """Return the pixels at the other scale that a window of the picture covers, and ``reach`` more."""
        if self.shape == self.source:
            return window
        fy, fx = self._factor
        y0, y1 = math.floor(window.y0 / fy), math.ceil(window.y1 / fy)
        x0, x1 = math.floor(window.x0 / fx), math.ceil(window.x1 / fx)
        return Window(y0, y1, x0, x1).grow(math.ceil(reach * max(1.0, 1 / fy, 1 / fx))).clip(self.shape)

    def at_source(self, window: Window, reach: int) -> Window:
        """Return the pixels that depend on a window at the other scale, and on ``reach`` px around it."""
        if self.shape == self.source:
            return window
        fy, fx = self._factor
        around = window.grow(math.ceil(reach * max(1.0, 1 / fy, 1 / fx)) + 1)
        return Window(
            math.floor(around.y0 * fy),
            math.ceil(around.y1 * fy),
            math.floor(around.x0 * fx),
            math.ceil(around.x1 * fx),
        ).clip(self.source)

    def read(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return a window at the other scale, uint8 (y, x, 3); it may reach beyond the borders."""
        inside = window.clip(self.shape)
        pixels = self._resampled(inside) if self.shape != self.source else self._pixels(inside)
        around = (
            (inside.y0 - window.y0, window.y1 - inside.y1),
            (inside.x0 - window.x0, window.x1 - inside.x1),
            (0, 0),
        )
        return np.ascontiguousarray(np.pad(pixels, around, mode="symmetric"))

    def back(self, found: npt.NDArray[np.uint8], where: Window, wanted: Window) -> npt.NDArray[np.uint8]:
        """Return labels of the window ``where`` at the other scale in the pixels of the picture."""
        labels = np.empty(wanted.shape, np.uint8)
        for part in tile_windows(wanted, _TILE):
            needed = self.at_scale(part, LABEL_REACH)
            cut = found[needed.relative_to(where).slices]
            labels[part.relative_to(wanted).slices] = resize_labels(cut, self._box(part, needed), part.shape)
        return labels

    def picture_back(
        self, drawn: npt.NDArray[np.uint8], where: Window, wanted: Window
    ) -> npt.NDArray[np.uint8]:
        """Return what was drawn of the window ``where`` at the other scale, in the pixels of the picture."""
        left, top, right, bottom = self._box(wanted, where)
        box = (max(left, 0.0), max(top, 0.0), min(right, where.width), min(bottom, where.height))
        return resize_rows(drawn, box, wanted.shape)

    def _box(self, window: Window, where: Window) -> tuple[float, float, float, float]:
        """Return where a window of the picture lies in one at the other scale: left, top, right, bottom."""
        fy, fx = self._factor
        return (
            window.x0 / fx - where.x0,
            window.y0 / fy - where.y0,
            window.x1 / fx - where.x0,
            window.y1 / fy - where.y0,
        )

    def _pixels(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return pixels of the picture itself."""
        return np.asarray(self._rgb[window.slices])

    def _resampled(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return a window at the other scale from the pixels that it covers, in strips of rows."""
        fy, fx = self._factor
        margin = [math.ceil(_REACH * max(1.0, factor)) + 1 for factor in (fy, fx)]
        step = max(1, int(_SOURCE_ROWS / max(1.0, fy)))
        pixels = np.empty((*window.shape, 3), np.uint8)
        for top in range(window.y0, window.y1, step):
            bottom = min(top + step, window.y1)
            seen = Window(
                math.floor(top * fy) - margin[0],
                math.ceil(bottom * fy) + margin[0],
                math.floor(window.x0 * fx) - margin[1],
                math.ceil(window.x1 * fx) + margin[1],
            ).clip(self.source)
            box = (
                window.x0 * fx - seen.x0,
                top * fy - seen.y0,
                min(window.x1 * fx - seen.x0, seen.width),
                min(bottom * fy - seen.y0, seen.height),
            )
            strip = resize_rows(self._pixels(seen), box, (bottom - top, window.width))
            pixels[top - window.y0 : bottom - window.y0] = strip
        return pixels
