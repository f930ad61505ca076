"""A stained picture seen from afar: exact coarse levels, and a sketch of them that costs next to nothing.

A coarse level is the mean of the fine one, as it is in files: a network that knows nuclei at its own scale
draws nothing sensible from a picture that is four times coarser. So the exact overview of a slide costs as
much as the slide. To have something to look at first, :class:`ColorSketch` recolors a coarse picture: it
learns from a few places, drawn exactly, what the colors of one stain become on average in the other. Nuclei
are no more than averages there; it is for the eye while the exact pixels come, and never written to a file
or counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.io.halving import halved

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.translator import Translator

    Pixels = npt.NDArray[np.uint8]

#: Places that a sketch is learned from, of so many that are looked at; their side in px of the source.
PLACES, LOOKED_AT, SIDE = 4, 25, 256

_MEAN = 8  # px a side that colors are averaged over before they are compared
_RIDGE = 1e-4


def dask_of(translator: Translator) -> Any:
    """Return the stained picture as a dask array, uint8 (y, x, 3), a chunk a tile; nothing is drawn yet."""
    import dask.array as da

    return da.from_array(
        _Sliceable(translator), chunks=(translator.tile, translator.tile, 3), name=False, inline_array=True
    )


def coarse(
    translator: Translator,
    window: Window,
    level: int,
    *,
    is_cancelled: Callable[[], bool] | None = None,
) -> Pixels:
    """Draw a window of a coarse level exactly: the mean of the fine pixels, halved level by level.

    Parameters
    ----------
    translator : Translator
        The picture.
    window : Window
        In pixels of the level; what lies off it is left out.
    level : int
        0 is the source's own scale, each further one half of it.
    is_cancelled : callable, optional
        Asked before each tile whether to stop.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).

    Raises
    ------
    ImageError
        If the window holds no pixel.
    Cancelled
        If ``is_cancelled`` returned true.
    """
    factor = 2**level
    wanted = window.clip(level_shape(translator.shape, level))
    if wanted.is_empty:
        raise ImageError(f"The window {tuple(window)} holds no pixel of level {level}; choose a part of it.")
    pixels = np.empty((*wanted.shape, 3), np.uint8)
    for part in tile_windows(wanted, max(translator.tile // factor, 1)):
        fine = translator.translate(part.refine(factor), is_cancelled=is_cancelled)
        for _ in range(level):
            fine = halved(fine)
        pixels[part.relative_to(wanted).slices] = fine
    return pixels


def level_shape(shape: tuple[int, int], level: int) -> tuple[int, int]:
    """Return height and width of a coarse level: sides are rounded up at each."""
    factor = 2**level
    return -(-shape[0] // factor), -(-shape[1] // factor)


@dataclass(frozen=True)
class ColorSketch:
    """What colors of one stain become in the other, on average; make one with :meth:`of`.

    Attributes
    ----------
    terms : ndarray
        float64 (10, 3): red, green and blue as quadratic functions of red, green and blue, 0 to 1.
    """

    terms: npt.NDArray[np.float64]

    @classmethod
    def of(cls, translator: Translator, *, is_cancelled: Callable[[], bool] | None = None) -> ColorSketch:
        """Learn from a few places of a picture, those with most tissue; a function of the picture alone.

        Parameters
        ----------
        translator : Translator
            The picture; draws up to four windows of 256 px.
        is_cancelled : callable, optional
            Asked before each tile whether to stop.
        """
        places = sorted(_places(translator), key=lambda place: -place[0])[:PLACES]
        given = np.concatenate([_means(translator.read(window)) for _, window in places])
        drawn = [_means(translator.translate(window, is_cancelled=is_cancelled)) for _, window in places]
        known = _quadratic(given)
        # towards colors as they are, where the places do not tell
        plain = np.zeros((known.shape[1], 3))
        plain[1:4] = np.eye(3)
        missing = np.concatenate(drawn) - known @ plain
        balance = known.T @ known + _RIDGE * len(known) * np.eye(known.shape[1])
        return cls(plain + np.linalg.solve(balance, known.T @ missing))

    def draw(self, rgb: Pixels) -> Pixels:
        """Recolor a picture of any scale, uint8 (y, x, 3)."""
        shown = _quadratic(rgb.reshape(-1, 3) / 255) @ self.terms
        return np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8).reshape(rgb.shape)


class _Sliceable:
    """A translator as dask sees it."""

    dtype, ndim = np.dtype(np.uint8), 3

    def __init__(self, translator: Translator) -> None:
        self._translator, self.shape = translator, (*translator.shape, 3)

    def __getitem__(self, key: tuple[slice, ...]) -> Pixels:
        rows, columns, *channels = key
        y0, y1, _ = rows.indices(self.shape[0])
        x0, x1, _ = columns.indices(self.shape[1])
        pixels = self._translator.translate(Window(y0, y1, x0, x1))
        return pixels[..., channels[0]] if channels else pixels


def _places(translator: Translator) -> list[tuple[float, Window]]:
    """Return windows spread over a picture, each with how much its colors vary."""
    height, width = translator.shape
    side = round(LOOKED_AT**0.5)
    found: list[tuple[float, Window]] = []
    for y in np.linspace(0, max(height - SIDE, 0), side, dtype=int):
        for x in np.linspace(0, max(width - SIDE, 0), side, dtype=int):
            window = Window(int(y), int(y) + SIDE, int(x), int(x) + SIDE).clip(translator.shape)
            if not any(window == other for _, other in found):
                found.append((float(_means(translator.read(window)).std(0).sum()), window))
    return found


def _means(rgb: Pixels) -> npt.NDArray[np.float64]:
    """Return the colors of a picture averaged over squares, float64 (n, 3), 0 to 1."""
    height, width = (max(side // _MEAN, 1) for side in rgb.shape[:2])
    cut = rgb[: height * _MEAN, : width * _MEAN]
    blocks = cut.reshape(height, cut.shape[0] // height, width, cut.shape[1] // width, 3)
    means: npt.NDArray[np.float64] = blocks.mean((1, 3)).reshape(-1, 3) / 255
    return means


def _quadratic(colors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return 1, the colors, their squares and products: (n, 10)."""
    r, g, b = colors.T
    return np.stack([np.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, g * b, r * b], 1)
