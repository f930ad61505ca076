"""What lies where on a slide: glass, connective tissue, mucosa, tumor and muscle, at 32 um a pixel.

A layout is a label map, uint8 (y, x), in the classes of the tissue scheme ``slide-layout``, at level 6
(:data:`~napari_histosynth.slide.levels.LAYOUT_LEVEL`). It is drawn from a seed, read from a real overview
(``layoutread.py``), or painted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.slide.layoutclasses import CLASSES, GLASS, MUCOSA, MUSCLE, SCHEME, TISSUE, TUMOR
from napari_histosynth.slide.layoutdraw import draw_biopsies, draw_polyps, draw_resection
from napari_histosynth.slide.layoutread import layout_of_picture
from napari_histosynth.slide.levels import LAYOUT_LEVEL, level_shape, um_of
from napari_histosynth.slide.softnoise import generator

if TYPE_CHECKING:
    import numpy.typing as npt

    _Drawer = Callable[[np.random.Generator, int, npt.NDArray[np.uint8], Window, int], int]

__all__ = [
    "CLASSES",
    "GLASS",
    "MUCOSA",
    "MUSCLE",
    "SCHEME",
    "TISSUE",
    "TUMOR",
    "Kind",
    "cells_in",
    "draw_layout",
    "fractions",
    "layout_from_labels",
    "layout_of_picture",
]

Kind = Literal["any", "biopsies", "polyp", "resection"]
"""What may lie on a slide."""

#: Pixels a side that one specimen has for itself, about: 20 mm.
_SITE = 640
#: Streams of chance and of noise.
_CHANCE, _GRAIN = 0x200, 0x1000
_DRAWERS: dict[str, _Drawer] = {
    "biopsies": draw_biopsies,
    "polyp": draw_polyps,
    "resection": draw_resection,
}
#: How often the seed chooses each.
_OFTEN = ("biopsies", "biopsies", "polyp", "polyp", "resection", "resection", "resection")


def fractions(layout: npt.NDArray[np.uint8], window: Window, level: int) -> npt.NDArray[np.float32]:
    """Return how much of each class a window of a slide holds.

    Above the layout's level pixels are means of its cells; below it they lie bilinearly between the centers
    of cells. All weights are binary fractions, so that the values depend on position alone, bit for bit.

    Parameters
    ----------
    layout : ndarray
        uint8 (y, x), classes at the layout's level.
    window : Window
        Pixels of ``level``; may reach beyond the slide, where there is glass.
    level : int
        Zoom level of the window, 0 or more.

    Returns
    -------
    ndarray
        float32 (5, height, width); over the classes it adds up to 1.
    """
    if level >= LAYOUT_LEVEL:
        side = 2 ** (level - LAYOUT_LEVEL)
        cells = cells_in(layout, window.refine(side)).reshape(window.height, side, window.width, side)
        counts = [np.count_nonzero(cells == kind, axis=(1, 3)) for kind in range(CLASSES)]
        return np.asarray(np.stack(counts) / side**2, np.float32)
    side = 2 ** (LAYOUT_LEVEL - level)
    top, down = _between(window.y0, window.y1, side)
    left, right = _between(window.x0, window.x1, side)
    known = Window(top[0], top[-1] + 2, left[0], left[-1] + 2) if not window.is_empty else Window(0, 2, 0, 2)
    cells = cells_in(layout, known)
    rows, columns = top - known.y0, left - known.x0
    out = np.empty((CLASSES, *window.shape), np.float32)
    for kind in range(CLASSES):
        of_kind = cells == kind
        if of_kind.all() or not of_kind.any():  # of most windows most classes
            out[kind] = of_kind.flat[0]
            continue
        held = of_kind.astype(np.float32)
        held = held[:, columns] * (1 - right) + held[:, columns + 1] * right
        out[kind] = held[rows] * (1 - down[:, None]) + held[rows + 1] * down[:, None]
    return out


def _between(start: int, stop: int, side: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the cell whose center lies before each pixel, and how far on to the next the pixel lies."""
    twice = 2 * np.arange(start, stop, dtype=np.int64) + 1 - side
    before = twice // (2 * side)
    return before, ((twice - 2 * side * before) / (2 * side)).astype(np.float32)


def cells_in(layout: npt.NDArray[np.uint8], window: Window) -> npt.NDArray[np.uint8]:
    """Return the classes of a window of the layout, in its cells; beyond the border there is glass."""
    cells = np.full(window.shape, GLASS, np.uint8)
    inside = window.clip(layout.shape)
    if not inside.is_empty:
        cells[inside.relative_to(window).slices] = layout[inside.slices]
    return cells


def draw_layout(seed: int, size_px: tuple[int, int], *, kind: Kind = "any") -> npt.NDArray[np.uint8]:
    """Draw what lies where on a slide.

    A slide of up to some 20 mm a side holds one specimen; a larger one holds several beside one another, and
    on a small one everything is smaller.

    Parameters
    ----------
    seed : int
        Chooses everything; the same seed and size give the same layout on every machine.
    size_px : (int, int)
        Height and width of the slide at full magnification, each at least 1.
    kind : "any", "biopsies", "polyp" or "resection"
        Small fragments of mucosa; cuts through a polyp, an adenoma in most; a strip of the wall of the bowel,
        with a carcinoma in most; or what the seed chooses.

    Returns
    -------
    ndarray
        uint8 (y, x), classes of ``slide-layout`` at 32 um a pixel.

    Raises
    ------
    LabelMapError
        If the size is not positive, or there is no such kind.
    """
    _check_size(size_px)
    if kind not in ("any", *_DRAWERS):
        raise LabelMapError(f'There is no layout "{kind}"; choose any, {", ".join(_DRAWERS)}.')
    layout = np.full(level_shape(size_px, LAYOUT_LEVEL), GLASS, np.uint8)
    chance = generator(seed, _CHANCE)
    chosen = _OFTEN[
        int(chance.integers(len(_OFTEN)))
    ]  # drawn for every kind, so that a kind is a choice alone
    draw = _DRAWERS[chosen if kind == "any" else kind]
    height, width = layout.shape
    rows, columns = (max(1, round(side / _SITE)) for side in layout.shape)
    stream = _GRAIN
    for row in range(rows):
        for column in range(columns):
            site = Window(
                row * height // rows,
                (row + 1) * height // rows,
                column * width // columns,
                (column + 1) * width // columns,
            )
            stream = draw(chance, seed, layout, site, stream)
    return layout


def layout_from_labels(
    labels: npt.NDArray[np.uint8],
    scheme: str | TissueScheme,
    um_per_px: float,
    size_px: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    """Take a painted label map as the layout of a slide, nearest pixel, its corner in the slide's corner.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x) in the classes of ``slide-layout``, at any scale; where it does not reach there is glass.
    scheme : str or TissueScheme
        What the labels are written in: only ``slide-layout`` is taken.
    um_per_px : float
        Micrometers a pixel of the labels.
    size_px : (int, int)
        Height and width of the slide at full magnification.

    Returns
    -------
    ndarray
        uint8 (y, x) at 32 um a pixel.

    Raises
    ------
    SchemeError
        If the scheme is another one.
    LabelMapError
        If the labels are not uint8 (y, x), are empty, or hold a value that is no class; if they reach no
        pixel of the slide; if the scale or size is not positive.
    """
    _check_size(size_px)
    name = scheme if isinstance(scheme, str) else scheme.name
    if name != SCHEME:
        raise SchemeError(
            f"A slide is drawn from a layout in the classes of {SCHEME}, not of {name}; paint it in those."
        )
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.dtype != np.uint8:
        raise LabelMapError(f"A layout must be uint8, not {labels.dtype}; convert it.")
    labels = get_scheme(SCHEME).check(labels)
    if not (np.isfinite(um_per_px) and um_per_px > 0):
        raise LabelMapError(f"The layout's scale is {um_per_px} um per px; it must be more than 0.")
    out = np.full(level_shape(size_px, LAYOUT_LEVEL), GLASS, np.uint8)
    step = um_of(LAYOUT_LEVEL) / um_per_px
    rows, columns = (np.floor((np.arange(n) + 0.5) * step).astype(np.int64) for n in out.shape)
    rows, columns = rows[rows < labels.shape[0]], columns[columns < labels.shape[1]]
    if not (len(rows) and len(columns)):
        raise LabelMapError(
            f"The layout is {labels.shape[1]} x {labels.shape[0]} px of {um_per_px} um, less than a pixel of "
            f"{um_of(LAYOUT_LEVEL):g} um; give a larger one, or correct its scale."
        )
    out[: len(rows), : len(columns)] = labels[np.ix_(rows, columns)]
    return out


def _check_size(size_px: tuple[int, int]) -> None:
    """Raise unless a slide may have that size."""
    if min(size_px) < 1:
        raise LabelMapError(f"A slide of {size_px[1]} x {size_px[0]} px has no pixel; give a size from 1 px.")
