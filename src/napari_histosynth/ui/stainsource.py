"""The picture that is stained: a layer's levels, where it lies, and how to look at it from afar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.hepicture import OnWhite, he_of_layer, levels_of

Pixels = npt.NDArray[np.uint8]

SMALL = 2048
"""Largest side of a picture that is drawn as a whole, whatever is in sight."""

SMALL_TILE, TILE = 256, 512
"""Side of what is drawn at once, of small pictures and canvases, and of slides."""

_MOST_READ = 2**26  # pixels that are read for a sketch
_PLACED = ("scale", "translate", "rotate", "shear", "affine")


@dataclass(frozen=True, eq=False)
class StainSource:
    """An RGB picture in a viewer.

    Attributes
    ----------
    layer : napari layer
        Where it is from.
    levels : tuple of array_like
        uint8 (y, x, 3), the finest first; perhaps lazy.
    um_per_px : float
        Scale of the finest.
    is_canvas : bool
        Whether it is painted on.
    glances : tuple of array_like
        The levels as they can be had at once, where others draw what is missing.
    """

    layer: Any
    levels: tuple[Any, ...]
    um_per_px: float
    is_canvas: bool = False
    glances: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.layer.name)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level."""
        height, width = self.levels[0].shape[:2]
        return int(height), int(width)

    @property
    def is_small(self) -> bool:
        """Whether all of it is drawn, not only what is looked at."""
        return self.is_canvas or max(self.shape) <= SMALL

    @property
    def tile(self) -> int:
        """Side of what is drawn at once."""
        return SMALL_TILE if self.is_small else TILE

    def placed(self) -> dict[str, Any]:
        """Return the arguments of a layer that lies where the picture does."""
        arguments = {name: getattr(self.layer, name) for name in _PLACED}
        if getattr(self.layer, "units", None) is not None:
            arguments["units"] = self.layer.units
        return arguments

    def seen_at(self, shape: tuple[int, int], window: Window) -> Pixels | None:
        """Return a window of the picture at another size, from its level that fits best; in any thread.

        Parameters
        ----------
        shape : tuple of int
            Height and width that the whole picture has there.
        window : Window
            In pixels of that.

        Returns
        -------
        ndarray or None
            uint8 (y, x, 3); None where too much would have to be read.
        """
        levels = self.glances or self.levels
        level = levels[0]
        for coarser in levels[1:]:
            if coarser.shape[0] >= 0.99 * shape[0] and coarser.shape[1] >= 0.99 * shape[1]:
                level = coarser
        rows, columns = (
            np.minimum(((np.arange(low, high) + 0.5) * there / here).astype(int), there - 1)
            for low, high, here, there in zip(window[::2], window[1::2], shape, level.shape[:2], strict=True)
        )
        needed = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        steps = [max(1, int(there / here / 2)) for there, here in zip(level.shape, shape, strict=False)]
        if needed.area // (steps[0] * steps[1]) > _MOST_READ:
            return None
        pixels = level[needed.y0 : needed.y1 : steps[0], needed.x0 : needed.x1 : steps[1]]
        picked: Pixels = pixels[np.ix_((rows - needed.y0) // steps[0], (columns - needed.x0) // steps[1])]
        return picked


def source_of(layer: Any, um_per_px: float, own: Any = None) -> StainSource:
    """Take a layer's picture.

    Parameters
    ----------
    layer : napari layer
        RGB of 8 bits, of one level or several.
    um_per_px : float
        Its scale.
    own : napari layer, optional
        The picture of the canvas that is painted on, if there is one.

    Raises
    ------
    ImageError
        If there is no layer, or it is gray, a stack, or not of 8 bits.
    """
    if layer is None:
        raise ImageError("There is no picture to stain; open one, or make a canvas in Paint tissue.")
    picture = he_of_layer(layer)
    levels, glances = (
        tuple(OnWhite(level) for level in some) for some in (picture.levels, levels_of(layer, drawn=False))
    )
    return StainSource(layer, levels, um_per_px, layer is own, glances)
