"""Where a tile is glass: it is the parent enlarged, not drawn (URCDM's rule for mostly white patches).

URCDM replaces patches that are mostly white by the coarser level, enlarged. Here the two are blended by how
near tissue is, so that no border shows between what was drawn and what was enlarged. The share of each
depends on the parent within a few pixels alone, and everything is reckoned in whole numbers: the same on
every machine, whatever the tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.slide.layout import GLASS
from napari_histosynth.slide.levels import STEP

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.sketch import Palette

    Pixels = npt.NDArray[np.uint8]

#: So many levels of 255 darker than the slide's glass, in any channel, a pixel is no glass.
DARKER = 14
#: Share of glass in the layout that a pixel of glass has at least.
LAYOUT_SHARE = 0.99
#: Share of the parent's rim that is drawn as tissue all the way; from there on it fades.
DRAWN_SHARE = 1 / 3

#: What a share of 1 is in whole numbers, and what it has become after enlarging.
_ONE = 256
_SCALE = (2 * STEP) ** 2
WHOLE = _ONE * _SCALE


def glass_color(palette: Palette, seed: int) -> npt.NDArray[np.int64]:
    """Return the color of the glass of a slide, int64 (3,), 0 to 255."""
    mean, _ = palette.mixed(seed)
    color: npt.NDArray[np.int64] = np.rint(255 * np.exp(-np.asarray(mean[GLASS], np.float64))).astype(
        np.int64
    )
    return color


def tissue_share(
    parent: Pixels, layout: npt.NDArray[np.float32], glass: npt.NDArray[np.int64], rim: int
) -> npt.NDArray[np.int64] | None:
    """Return how much of each pixel is to be drawn; the rest is the parent enlarged.

    Parameters
    ----------
    parent : ndarray
        uint8 (y, x, 3), of the tile and ``rim`` pixels around it.
    layout : ndarray
        float32 (5, y, x), class fractions over the same extent.
    glass : ndarray
        Color of glass, (3,).
    rim : int
        Pixels of the parent around the tile, at least 3.

    Returns
    -------
    ndarray or None
        int64 (4 (y - 2 rim), 4 (x - 2 rim)), 0 to :data:`WHOLE`; None if nothing is to be drawn.
    """
    is_tissue = (parent < glass - DARKER).any(-1) | (layout[GLASS] < LAYOUT_SHARE)
    if is_tissue.all():
        inner = [STEP * (side - 2 * rim) for side in is_tissue.shape]
        return np.full(inner, WHOLE, np.int64)
    if not is_tissue.any():
        return None
    from scipy import ndimage

    # bilinear enlarging looks one pixel further than the tile, and a distance is known up to the rim only
    far, near = rim - 1, DRAWN_SHARE * (rim - 1)
    distance = ndimage.distance_transform_edt(~is_tissue)
    fade = np.clip((far - distance) / (far - near), 0, 1)
    share = np.rint(_ONE * fade * fade * (3 - 2 * fade)).astype(np.int64)
    found = _enlarged(share[..., None], rim)[..., 0]
    return found if found.any() else None


def enlarged(parent: Pixels, rim: int) -> Pixels:
    """Enlarge a parent four times, bilinearly, and leave out its rim: uint8 (y, x, 3)."""
    return ((_enlarged(parent.astype(np.int64), rim) + _SCALE // 2) // _SCALE).astype(np.uint8)


def blended(drawn: Pixels, plain: Pixels, share: npt.NDArray[np.int64]) -> Pixels:
    """Return ``share`` of what was drawn and the rest of what was enlarged, uint8 (y, x, 3)."""
    mixed = plain * np.int64(WHOLE) + share[..., None] * (drawn.astype(np.int64) - plain)
    return ((mixed + WHOLE // 2) // WHOLE).astype(np.uint8)


def _enlarged(values: npt.NDArray[np.int64], rim: int) -> npt.NDArray[np.int64]:
    """Enlarge (y, x, c) four times, without the rim; :data:`_SCALE` times as large as they are."""
    for axis in (0, 1):
        values = _enlarged_along(np.moveaxis(values, axis, 0), rim)
        values = np.moveaxis(values, 0, axis)
    return values


def _enlarged_along(values: npt.NDArray[np.int64], rim: int) -> npt.NDArray[np.int64]:
    """Enlarge the first axis; the result is ``2 * STEP`` times the values."""
    count = values.shape[0] - 2 * rim
    before, here, after = (values[rim + by : rim + by + count] for by in (-1, 0, 1))
    out = np.empty((count, STEP, *values.shape[1:]), np.int64)
    for part in range(STEP):
        off = 2 * part + 1 - STEP  # from the middle of the pixel, in eighths of it
        out[:, part] = here * (2 * STEP - abs(off)) + (after if off > 0 else before) * abs(off)
    return out.reshape(count * STEP, *values.shape[1:])
