"""Change the shape of a class: dilate, erode, smooth it, and remove its small islands.

In a scheme with the class "nuclei", nuclei lie on top of the tissue that they belong to: they are no border
of it, and stay where they are when it grows or shrinks, unless glass takes their place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.paint.ellipses import Mask
from napari_histosynth.paint.fields import Field
from napari_histosynth.paint.tools.grounds import (
    NUCLEUS_UM,
    distance_to,
    nearest_class,
    nuclei_of,
    with_nuclei,
    without_nuclei,
)
from napari_histosynth.paint.tools.workpiece import (
    Area,
    AreaLike,
    ClassLike,
    Edit,
    Progress,
    Workpiece,
    check_range,
    class_index,
)

_GAUSSIAN_REACH = 4.0  # in standard deviations


def dilate(
    labels: npt.ArrayLike,
    grown: ClassLike,
    um: float,
    *,
    um_per_px: float,
    scheme: TissueScheme | str,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Grow a class by a distance.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    grown : int or str
        Class that grows. It wins over every class that is not protected.
    um : float
        How far, in micrometers, 0 to 500: pixels whose middle is as near to the middle of one of the class
        become it.
    um_per_px : float
        Micrometers a pixel.
    scheme : TissueScheme or str
        What the labels are written in.
    area : Area or array_like, optional
        Where pixels may change; what lies beside it grows into it. Everywhere if not given.
    protected : iterable of int or str
        Classes that stay.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError
        If this is no label map of the scheme, or a number is out of range.
    SchemeError
        If the scheme lacks a class.
    """
    shape = _Shape(labels, grown, um, um_per_px, scheme, area, protected, progress)

    def grow(view: Labels, window: Window) -> Labels | None:
        ground = shape.ground(view)
        if not (ground == shape.index).any():
            return None
        reached = distance_to(ground == shape.index) * um_per_px <= um
        return shape.cover(view, ground, np.where(reached, np.uint8(shape.index), ground))

    return shape.piece.by_tiles(um + shape.nucleus_um, grow)


def erode(
    labels: npt.ArrayLike,
    shrunk: ClassLike,
    um: float,
    *,
    um_per_px: float,
    scheme: TissueScheme | str,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Shrink a class by a distance.

    Parameters
    ----------
    labels, um_per_px, scheme, area, protected
        As for :func:`dilate`.
    shrunk : int or str
        Class that shrinks. What it loses goes to the nearest other class; of two equally near, to that of
        lower index. The border of the canvas is no border of the class.
    um : float
        How far, in micrometers, 0 to 500: pixels whose middle is as near to the middle of one of another
        class are lost.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError, SchemeError
        As for :func:`dilate`.
    """
    shape = _Shape(labels, shrunk, um, um_per_px, scheme, area, protected, progress)

    def shrink(view: Labels, window: Window) -> Labels | None:
        ground = shape.ground(view)
        mine = ground == shape.index
        if not mine.any() or mine.all():
            return None
        return shape.cover(view, ground, nearest_class(ground, mine, shape.others(ground), um / um_per_px))

    return shape.piece.by_tiles(um + shape.nucleus_um, shrink)


def smooth(
    labels: npt.ArrayLike,
    smoothed: ClassLike,
    um: float,
    *,
    um_per_px: float,
    scheme: TissueScheme | str,
    keep_thin: bool = False,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Smooth the outline of a class.

    A pixel belongs to the class if most of its surroundings do, weighted by a Gaussian with a standard
    deviation of half of ``um``: one step of a flow by curvature. Spots up to about ``um`` across vanish, and
    strips up to two thirds of that. What the class loses goes to the class that is most around.

    Parameters
    ----------
    labels, um_per_px, scheme, area, protected
        As for :func:`dilate`.
    smoothed : int or str
        Class whose outline is smoothed.
    um : float
        Size of the smallest details that stay, in micrometers, 0 to 500.
    keep_thin : bool
        Whether thin walls of the class, and thin gaps through it, stay as they are: septa between glands, or
        a gland's flat epithelium. Bumps, notches and spots go all the same.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError, SchemeError
        As for :func:`dilate`.
    """
    shape = _Shape(labels, smoothed, um, um_per_px, scheme, area, protected, progress)
    sigma = um / 2 / um_per_px
    reach_um = um / 2 * _GAUSSIAN_REACH + 2 * um + shape.nucleus_um

    def calm(view: Labels, window: Window) -> Labels | None:
        ground = shape.ground(view)
        mine = ground == shape.index
        if not mine.any() or mine.all() or sigma == 0:
            return None
        inside = _blurred(mine, sigma) > 0.5
        if keep_thin:
            inside = (inside | _walls(mine, um / um_per_px)) & ~_walls(~mine, um / um_per_px)
        lost = mine & ~inside
        new = np.where(inside, np.uint8(shape.index), ground)
        most = np.zeros(view.shape, np.float32)
        for other in shape.others(ground):
            share = _blurred(ground == other, sigma)
            wins = lost & (share > most)
            new[wins] = other
            most[wins] = share[wins]
        return shape.cover(view, ground, new)

    return shape.piece.by_tiles(reach_um, calm)


def remove_islands(
    labels: npt.ArrayLike,
    removed: ClassLike,
    least_um2: float,
    *,
    um_per_px: float,
    scheme: TissueScheme | str,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Remove small islands of a class.

    Parameters
    ----------
    labels, um_per_px, scheme, area, protected
        As for :func:`dilate`.
    removed : int or str
        Class whose islands go. They become the nearest other class; of two equally near, that of lower index.
    least_um2 : float
        Islands smaller than this go, in square micrometers, 0 to 1,000,000. An island is what is joined by
        sides or corners of pixels; one that reaches farther from the area than four times the root of
        ``least_um2`` is a strand and stays.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError, SchemeError
        As for :func:`dilate`.
    """
    check_range("least_um2", least_um2, 0, 1e6)
    shape = _Shape(labels, removed, 0, um_per_px, scheme, area, protected, progress)
    piece = shape.piece
    edge_um = math.sqrt(least_um2)
    context = piece.pixels(4 * edge_um + shape.nucleus_um) + 1
    if piece.area.window.is_empty:
        return piece.edit(piece.view(piece.area.window))
    around = piece.area.window.grow(context).clip(piece.shape)
    small = np.zeros(around.shape, bool)
    # nuclei are taken away by tiles, so that a large canvas does not need many copies of itself
    ground = Workpiece(labels, piece.scheme, um_per_px=um_per_px, area=Area(around)).by_tiles(
        shape.nucleus_um, lambda view, window: shape.ground(view)
    )
    whole = piece.view(around)
    whole[ground.window.relative_to(around).slices] = ground.after
    islands, count = ndimage.label(whole == shape.index, np.ones((3, 3)))
    if count:
        size = np.bincount(islands.ravel(), minlength=count + 1) * um_per_px**2
        size[0] = np.inf
        for cut, edge in (
            (around.y0 > 0, islands[:1]),
            (around.y1 < piece.shape[0], islands[-1:]),
            (around.x0 > 0, islands[:, :1]),
            (around.x1 < piece.shape[1], islands[:, -1:]),
        ):
            if cut:
                size[np.unique(edge)] = np.inf
        small = (size < least_um2)[islands]

    def remove(view: Labels, window: Window) -> Labels | None:
        part = window.relative_to(around).slices
        if not small[part].any():
            return None
        here = whole[part]
        new = nearest_class(here, small[part], shape.others(here), edge_um / um_per_px + 1)
        return shape.cover(view, here, new)

    return piece.by_tiles(min(edge_um + um_per_px, 4 * edge_um), remove)


class _Shape:
    """A class of a label map whose shape changes, and the nuclei that lie on it."""

    def __init__(
        self,
        labels: npt.ArrayLike,
        entry: ClassLike,
        um: float,
        um_per_px: float,
        scheme: TissueScheme | str,
        area: AreaLike,
        protected: Iterable[ClassLike],
        progress: Progress | None,
    ) -> None:
        check_range("um", um, 0, 500)
        self.piece = Workpiece(
            labels, scheme, um_per_px=um_per_px, area=area, protected=protected, progress=progress
        )
        self.index = class_index(self.piece.scheme, entry)
        nuclei = nuclei_of(self.piece.scheme)
        # where nuclei themselves are changed, they are a class like any other
        self.nuclei = None if nuclei == self.index else nuclei
        self.nucleus_um = 0.0 if self.nuclei is None else NUCLEUS_UM

    def ground(self, view: Labels) -> Labels:
        """Return labels with nuclei replaced by what they lie in."""
        return without_nuclei(view, self.nuclei, self.piece.um_per_px)

    def cover(self, view: Labels, old: Labels, new: Labels) -> Labels:
        """Return a new ground with the nuclei on it."""
        return with_nuclei(view, old, new, self.nuclei, self.piece.scheme.background)

    def others(self, ground: Labels) -> list[int]:
        """Return the other classes that occur, rising."""
        return [int(index) for index in np.unique(ground) if index not in (self.index, self.nuclei)]


def _blurred(mask: Mask, sigma: float) -> Field:
    """Return the share of a mask around each pixel, float32 (y, x)."""
    blurred = ndimage.gaussian_filter(
        mask.astype(np.float32), sigma, mode="nearest", truncate=_GAUSSIAN_REACH
    )
    return np.asarray(blurred, dtype=np.float32)


def _walls(mask: Mask, width: float) -> Mask:
    """Return the walls of a mask: no wider than ``width`` pixels in one direction, and long across it."""
    thick = distance_to(distance_to(~mask) > width / 2) <= width / 2
    thin = mask & ~thick
    if not thin.any():
        return thin
    # a wall may bend
    loose = mask | (distance_to(thin) <= max(1.0, 0.1 * width))
    walls = np.zeros_like(mask)
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)):
        step = math.hypot(down, across)
        ahead, behind = (
            _run(loose, sign * down, sign * across, round(0.6 * width / step)) for sign in (1, -1)
        )
        long = np.minimum(ahead, behind) >= round(0.6 * width / step)
        # the direction at right angles to it
        up, down_ = (_run(mask, sign * across, -sign * down, math.ceil(width / step)) for sign in (1, -1))
        walls |= thin & long & ((up + down_ + 1) * step <= width)
    return thin & (distance_to(walls) <= width / 4)


def _run(mask: Mask, down: int, across: int, most: int) -> npt.NDArray[np.int64]:
    """Return how many steps a mask goes on in a direction, at most so many; it goes on beyond the border."""
    margin = 2 * max(1, most)
    padded = np.pad(mask, margin, mode="edge")
    height, width = mask.shape
    inside = mask.copy()
    count = np.zeros(mask.shape, np.int64)
    for step in range(1, most + 1):
        y, x = margin + step * down, margin + step * across
        inside &= padded[y : y + height, x : x + width]
        count += inside
    return count
