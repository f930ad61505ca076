"""Stamp a gland at a point."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.paint.ellipses import Mask
from napari_histosynth.paint.nuclei import CONTEXT_UM
from napari_histosynth.paint.tools.gland_shape import (
    Gland,
    GlandClasses,
    Place,
    furnish,
    gland_of,
    hollow,
    outline,
    roughness,
)
from napari_histosynth.paint.tools.workpiece import AreaLike, ClassLike, Edit, Workpiece


def stamp_gland(
    labels: npt.ArrayLike,
    center: tuple[float, float],
    *,
    um_per_px: float,
    gland: Gland | str = "crypt",
    scheme: TissueScheme | str = "colon-3",
    epithelium: ClassLike | None = None,
    lumen: ClassLike | None = None,
    seed: int = 0,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
) -> Edit:
    """Stamp a gland: a ring of epithelium with its lumen, and nuclei at the base.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    center : tuple of float
        y and x of its middle in pixels; the middle of the first pixel is at (0, 0). It may lie beyond the
        canvas.
    um_per_px : float
        Micrometers a pixel.
    gland : Gland or str
        What it is like, or one of :data:`GLANDS`.
    scheme : TissueScheme or str
        What the labels are written in. Nuclei are drawn if it has "non-epithelium" and "nuclei".
    epithelium, lumen : int or str, optional
        Classes of the wall and of the inside; the last class whose name begins with "epithelium", and the
        background, if not given.
    seed : int
        Chooses its outline and its nuclei.
    area : Area or array_like, optional
        Where pixels may change; everywhere if not given.
    protected : iterable of int or str
        Classes that stay.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError
        If this is no label map of the scheme, or a number is out of range.
    SchemeError
        If the scheme has no epithelium.
    """
    piece = Workpiece(labels, scheme, um_per_px=um_per_px, area=area, protected=protected)
    gland = gland_of(gland)
    classes = GlandClasses.of(piece.scheme, epithelium, lumen)
    y, x = (float(value) for value in center)
    if not (np.isfinite(y) and np.isfinite(x)):
        raise LabelMapError(f"A gland cannot be stamped at {y:g}, {x:g}; give a point on the canvas.")
    reach = piece.pixels(2.2 * gland.radius_um * gland.stretch**0.5 + 8)
    row, column = round(y), round(x)
    around = Window(row - reach, row + reach + 1, column - reach, column + reach + 1)
    piece.narrow(around)
    if piece.area.window.is_empty:
        return piece.edit(piece.view(piece.area.window))
    # drawn on a ground of its own, so that a gland at the canvas's edge is a gland cut off
    place = Place(around, piece.um_per_px, seed)
    chance = np.random.default_rng([seed % 2**64, 231]).random(8)
    chance[7] = 0.5
    grid_y, grid_x = place.places
    half = piece.um_per_px / 2
    field = outline(
        gland, grid_y - (y * piece.um_per_px + half), grid_x - (x * piece.um_per_px + half), chance
    )
    field = field + roughness(gland, place)
    mask = place.ground.without_specks(field > 0, np.pi * (0.5 * gland.radius_um) ** 2)
    depth = place.ground.distance(mask)
    inside = place.ground.draw(np.where(mask, field, np.minimum(field, -0.1)).astype(np.float32))
    open_ = place.ground.draw(hollow(gland, place, depth, float(depth.max()), chance))
    result = piece.view(piece.area.window)
    settle(piece, result, around, inside, open_, gland, classes, seed)
    return piece.edit(result)


def settle(
    piece: Workpiece,
    result: Labels,
    window: Window,
    inside: Mask,
    open_: Mask,
    gland: Gland,
    classes: GlandClasses,
    seed: int,
) -> None:
    """Draw glands that lie in a window into the labels of the piece's area, in place."""
    around = window.grow(piece.pixels(CONTEXT_UM)).clip(piece.shape)
    on_canvas = window.clip(piece.shape)
    cut = on_canvas.relative_to(window).slices
    part = on_canvas.relative_to(around).slices
    masks = np.zeros((2, *around.shape), bool)
    masks[0][part], masks[1][part] = inside[cut], open_[cut]
    drawn = furnish(piece.view(around), masks[0], masks[1], gland, classes, piece.um_per_px, seed)
    common = around.intersect(piece.area.window)
    if common.is_empty:
        return
    target = result[common.relative_to(piece.area.window).slices]
    source = common.relative_to(around).slices
    target[masks[0][source]] = drawn[source][masks[0][source]]
