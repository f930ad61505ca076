"""Pictures of a count: nuclei outlined, and the heat map over the slide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.findnuclei import Nuclei
    from napari_histosynth.stain.heatmap import HeatMap, HotSpot

POSITIVE, NEGATIVE, HOT = (230, 30, 30), (20, 150, 60), (20, 20, 20)
"""Colors of outlines."""

MOST_PX = 8192
"""Longest side of a picture of nuclei; larger slides are shown smaller."""

MAP_PX = 2048
"""Longest side of a heat map."""

_STRIP = 2048  # rows of a slide that are read at once
_OPAQUE = 0.55

# Index 0, 10, 20, 30, 50 % and more: pale to dark, even in brightness, and told apart by the color-blind.
_STOPS = (0.0, 0.1, 0.2, 0.3, 0.5)
_COLORS = ((255, 247, 188), (254, 196, 79), (236, 112, 20), (153, 52, 4), (73, 0, 106))


def draw_overlay(
    rgb: Any, nuclei: Nuclei, hot_spot: HotSpot | None = None, *, most_px: int = MOST_PX
) -> npt.NDArray[np.uint8]:
    """Outline nuclei on their picture, positive ones red, negative ones green.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3), lazy or in memory.
    nuclei : Nuclei
        With outlines; without, their centers are marked.
    hot_spot : HotSpot, optional
        Circled.
    most_px : int
        Longest side of the result.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).
    """
    small, factor = _reduced(rgb, most_px)
    picture = Image.fromarray(small)
    pen = ImageDraw.Draw(picture)
    for number, positive in enumerate(nuclei.positive):
        color = POSITIVE if positive else NEGATIVE
        if nuclei.outlines:
            corners = nuclei.outlines[number] / factor - 0.5
            pen.line([(float(x), float(y)) for x, y in corners], fill=color, width=1)
        else:
            x, y = (float(nuclei.x[number]) + 0.5) / factor, (float(nuclei.y[number]) + 0.5) / factor
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), outline=color)
    if hot_spot is not None:
        _circle(pen, hot_spot, factor, max(picture.size))
    return np.asarray(picture)


def draw_heat_map(rgb: Any, heat: HeatMap, *, most_px: int = MAP_PX) -> npt.NDArray[np.uint8]:
    """Lay a heat map on its picture, the hot spot circled.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3), lazy or in memory.
    heat : HeatMap
        Of that picture.
    most_px : int
        Longest side of the result.

    Returns
    -------
    ndarray
        uint8 (y, x, 3); cells without an index stay as they are.
    """
    small, factor = _reduced(rgb, most_px)
    index = _in_between(heat, small.shape[:2], factor)
    known = np.isfinite(index)
    colors = np.stack(
        [np.interp(np.nan_to_num(index), _STOPS, [c[i] for c in _COLORS]) for i in range(3)], axis=-1
    )
    gray = small.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    mixed = np.where(known[..., None], (1 - _OPAQUE) * gray + _OPAQUE * colors, small)
    picture = Image.fromarray(np.rint(mixed).astype(np.uint8))
    if heat.hot_spot is not None:
        _circle(ImageDraw.Draw(picture), heat.hot_spot, factor, max(picture.size))
    return np.asarray(picture)


def _in_between(heat: HeatMap, shape: tuple[int, ...], factor: float) -> npt.NDArray[np.float64]:
    """Return the index of every pixel, between those of the cells around it; NaN in cells that have none."""
    from scipy import ndimage as ndi

    places = [(np.arange(side) + 0.5) * factor / heat.cell_px for side in shape[:2]]
    rows, columns = (
        np.minimum(place.astype(int), cells - 1)
        for place, cells in zip(places, heat.index.shape, strict=True)
    )
    known = np.isfinite(heat.index).astype(float)
    grid = np.meshgrid(*(place - 0.5 for place in places), indexing="ij")
    weight, total = (
        ndi.map_coordinates(plane, grid, order=1, mode="nearest")
        for plane in (known, np.nan_to_num(heat.index).astype(float))
    )
    own = known[rows][:, columns] > 0
    return np.where(own, total / np.where(own, weight, 1), np.nan)


def _circle(pen: ImageDraw.ImageDraw, spot: HotSpot, factor: float, side: int) -> None:
    x, y, radius = spot.x / factor, spot.y / factor, spot.radius / factor
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=HOT, width=max(2, side // 400))


def _reduced(rgb: Any, most_px: int) -> tuple[npt.NDArray[np.uint8], float]:
    """Return a picture of at most so many px a side, read strip by strip, and by how much it is smaller."""
    height, width = (int(side) for side in rgb.shape[:2])
    factor = max(1.0, max(height, width) / most_px)
    if factor == 1.0:
        return np.array(rgb[:, :]), factor
    shape = max(1, round(height / factor)), max(1, round(width / factor))
    small = np.empty((*shape, 3), np.uint8)
    step = max(1, int(_STRIP / factor))
    for top in range(0, shape[0], step):
        bottom = min(shape[0], top + step)
        y0, y1 = top * height / shape[0], bottom * height / shape[0]
        first, last = math.floor(y0), min(height, math.ceil(y1))
        strip = Image.fromarray(np.asarray(rgb[first:last, 0:width]))
        box = (0, y0 - first, width, min(y1 - first, last - first))
        small[top:bottom] = np.asarray(strip.resize((shape[1], bottom - top), Image.Resampling.BOX, box=box))
    return small, factor
