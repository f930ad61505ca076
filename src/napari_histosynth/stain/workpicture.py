"""A picture of any size read at the scale that nuclei are looked for at, the same pixels in every window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.scaledpicture import ScaledPicture
from napari_histosynth.stain.nuclei import WORK_UM
from napari_histosynth.stain.unmix import check_picture, check_scale

if TYPE_CHECKING:
    import numpy.typing as npt

#: Side in px of the blocks that are resampled one by one: where a window lies does not move their pixels.
_BLOCK = 256
_REACH = 4  # source pixels, times the factor, that resampling looks at beyond a block


class WorkPicture:
    """A picture at :data:`~napari_histosynth.stain.nuclei.WORK_UM` um per px.

    Attributes
    ----------
    source, shape : tuple of int
        Height and width in the picture's own pixels, and at the scale of work.
    factor : tuple of float
        Pixels of the picture that one of work is high and wide.
    um_per_px : float
        Scale of the picture itself.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3): an array, or anything with ``shape`` and ``dtype`` that slices give arrays of.
    um_per_px : float
        Its scale.

    Raises
    ------
    ImageError
        If it is no such picture, or nuclei cannot be told at its scale.
    """

    def __init__(self, rgb: Any, um_per_px: float | None) -> None:
        check_picture(rgb)
        self.um_per_px = check_scale(um_per_px)
        self._rgb = rgb
        self._plan = ScaledPicture(rgb, self.um_per_px, WORK_UM)
        self.source, self.shape = self._plan.source, self._plan.shape
        self.factor = self.source[0] / self.shape[0], self.source[1] / self.shape[1]

    @property
    def area_um2(self) -> float:
        """Area of a pixel of work."""
        return self.factor[0] * self.factor[1] * self.um_per_px**2

    def read(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return the part of a window, in pixels of work, that lies in the picture, uint8 (y, x, 3)."""
        window = window.clip(self.shape)
        blocks = window.align(_BLOCK).clip(self.shape)
        fy, fx = self.factor
        margin = [math.ceil(_REACH * max(1.0, factor)) + 2 for factor in (fy, fx)]
        needed = Window(
            math.floor(blocks.y0 * fy) - margin[0],
            math.ceil(blocks.y1 * fy) + margin[0],
            math.floor(blocks.x0 * fx) - margin[1],
            math.ceil(blocks.x1 * fx) + margin[1],
        ).clip(self.source)
        held = _Held(np.asarray(self._rgb[needed.slices]), needed, self.source)
        part = ScaledPicture(held, self.um_per_px, WORK_UM)
        pixels = np.empty((*blocks.shape, 3), np.uint8)
        for block in tile_windows(blocks, _BLOCK):
            pixels[block.relative_to(blocks).slices] = part.read(block)
        return pixels[window.relative_to(blocks).slices]

    def to_source(
        self, y: npt.NDArray[Any], x: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return pixel centers of work in the picture's own pixels, whose centers are whole numbers."""
        return (y + 0.5) * self.factor[0] - 0.5, (x + 0.5) * self.factor[1] - 0.5


class _Held:
    """A part of a picture in memory that answers to the coordinates of the whole."""

    def __init__(self, pixels: npt.NDArray[np.uint8], where: Window, shape: tuple[int, int]) -> None:
        self._pixels, self._where = pixels, where
        self.shape, self.dtype = (*shape, 3), pixels.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        rows, columns = key
        window = Window(rows.start, rows.stop, columns.start, columns.stop).relative_to(
            Window(self._where.y0, 0, self._where.x0, 0)
        )
        return self._pixels[window.slices]
