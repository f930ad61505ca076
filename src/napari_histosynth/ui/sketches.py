"""When to show a sketch of what is out of date, how fine, and putting it into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.dirty import CELL, DirtyCells
from napari_histosynth.ui.pyramid import Pixels, Pyramid, cut_pieces

FINEST = 4
"""Canvas pixels along each side of one of a sketch, at the least: finer ones show no more."""


@dataclass(frozen=True)
class View:
    """What is in sight.

    Attributes
    ----------
    window : Window
        In pixels of the canvas.
    level : int
        Level of the picture that is shown; see :class:`~napari_histosynth.ui.pyramid.Pyramid`.
    pointer : tuple of float, optional
        Where the mouse is (y, x), if it is in the window.
    """

    window: Window
    level: int = 0
    pointer: tuple[float, float] | None = None


class Sketches:
    """Remembers which cells of a canvas show a sketch, and how fine that is.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the canvas in pixels.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        rows, columns = (-(-side // CELL) for side in shape)
        self._factors: npt.NDArray[np.uint8] = np.zeros((rows, columns), np.uint8)  # 0 is none

    def forget(self, window: Window) -> None:
        """Note that what is shown in a window, in pixels, is neither a sketch nor up to date."""
        self._factors[window.clip(self._shape).coarsen(CELL).slices] = 0

    @staticmethod
    def factor(view: View | None) -> int:
        """Return how many pixels of the canvas one of a sketch stands for along each side."""
        return min(CELL, max(FINEST, 1 if view is None else 2**view.level))

    def missing(self, dirty: DirtyCells, view: View | None) -> Window | None:
        """Return the window in sight, in pixels, whose out-of-date cells show no sketch that is fine enough.

        Parameters
        ----------
        dirty : DirtyCells
            What is out of date.
        view : View, optional
            What is in sight; all by default.
        """
        seen = self._seen(view)
        factors = self._factors[seen.slices]
        lacking = dirty.cells[seen.slices] & ((factors == 0) | (factors > self.factor(view)))
        found = Window.of_mask(lacking)
        if found.is_empty:
            return None
        return found.shift(seen.y0, seen.x0).refine(CELL).clip(self._shape)

    def put(
        self, pyramid: Pyramid, window: Window, view: View | None, pixels: Pixels, dirty: DirtyCells
    ) -> None:
        """Write a sketch over what is out of date, on the level that is shown and those above.

        Parameters
        ----------
        pyramid : Pyramid
            The picture.
        window : Window
            From :meth:`missing`.
        view : View, optional
            As for :meth:`missing`.
        pixels : ndarray
            uint8 (h, w, 3), one for :meth:`factor` pixels of the window along each side.
        dirty : DirtyCells
            What may be written over.
        """
        factor = self.factor(view)
        cells = window.coarsen(CELL)
        mask = dirty.cells[cells.slices]
        whole = bool(mask.all())
        own = factor.bit_length() - 1  # the level that the sketch has the resolution of
        shown = 0 if view is None else view.level
        for level in range(min(shown, len(pyramid.levels) - 1), len(pyramid.levels)):
            target = pyramid.levels[level][window.coarsen(2**level).slices]
            if level <= own:
                scaled = _enlarged(pixels, 2 ** (own - level))
            else:
                scaled = cut_pieces(Window.of_shape(pixels.shape), pixels, level - own + 1)[-1].pixels
            height, width = target.shape[:2]
            if whole:
                target[...] = scaled[:height, :width]
            else:
                side = CELL // 2**level
                over = np.repeat(np.repeat(mask, side, axis=0), side, axis=1)[:height, :width]
                np.copyto(target, scaled[:height, :width], where=over[..., None])
        factors = self._factors[cells.slices]
        factors[mask] = factor

    def _seen(self, view: View | None) -> Window:
        """Return the cells in sight."""
        whole = Window.of_shape(self._shape)
        return (whole if view is None else view.window.intersect(whole)).coarsen(CELL)


def _enlarged(pixels: Pixels, times: int) -> Pixels:
    """Return a picture so many times as large, linear between pixels."""
    if times == 1:
        return pixels
    size = (pixels.shape[1] * times, pixels.shape[0] * times)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
