"""The zoom levels of a slide: scales and sizes, and which of them are drawn."""

from __future__ import annotations

#: Micrometers a pixel at level 0, full magnification.
UM_PER_PX = 0.5
#: The coarsest level, 128 um a pixel: what everything else is drawn from.
SKETCH_LEVEL = 8
#: Levels that are drawn, each from the one before; those between are halved from the finer one.
DRAWN = (8, 6, 4, 2, 0)
#: The level of the layout, 32 um a pixel.
LAYOUT_LEVEL = 6
#: Levels of a slide, 0 to 8.
LEVELS = SKETCH_LEVEL + 1
#: Steps between two drawn levels: each is four times finer than its parent.
STEP = 4
#: Side of a tile in pixels.
TILE = 256


def um_of(level: int) -> float:
    """Return the micrometers a pixel of a level."""
    return float(UM_PER_PX * 2**level)


def level_shape(size_px: tuple[int, int], level: int) -> tuple[int, int]:
    """Return the height and width of a level of a slide of ``size_px`` (y, x) at level 0."""
    height, width = (-(-size // 2**level) for size in size_px)
    return height, width
