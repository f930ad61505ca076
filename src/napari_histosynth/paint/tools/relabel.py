"""Relabel by class, and the desmoplastic reaction that SHI-GAN's paper simulates so."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.paint.ellipses import Mask
from napari_histosynth.paint.fields import layered_noise
from napari_histosynth.paint.tools.grounds import distance_to
from napari_histosynth.paint.tools.workpiece import (
    AreaLike,
    ClassLike,
    Edit,
    Progress,
    Workpiece,
    check_range,
    class_index,
)

_LOOSE, _REACTIVE = ("loose stroma", "non-reactive stroma"), "reactive stroma"
_WIDEST = 1.6  # the band stays within this multiple of its radius
_SPECK_REACH = 4.0  # an island that is longer than this many roots of its least area is a strand
_EDGE_STREAM, _FRAY_STREAM = 210, 214


def relabel(
    labels: npt.ArrayLike,
    sources: Iterable[ClassLike],
    target: ClassLike,
    *,
    scheme: TissueScheme | str,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Turn classes into another one.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    sources : iterable of int or str
        Classes to turn, by index or name.
    target : int or str
        Class that they become.
    scheme : TissueScheme or str
        What the labels are written in.
    area : Area or array_like, optional
        Where; everywhere if not given.
    protected : iterable of int or str
        Classes that stay, also if they are among the sources.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError
        If this is no label map of the scheme, or the area does not fit it.
    SchemeError
        If the scheme lacks a class.
    """
    piece = Workpiece(labels, scheme, area=area, protected=protected, progress=progress)
    table = np.arange(256, dtype=np.uint8)
    table[[class_index(piece.scheme, entry) for entry in sources]] = class_index(piece.scheme, target)
    return piece.edit(table[piece.view(piece.area.window)])


def desmoplasia(
    labels: npt.ArrayLike,
    *,
    um_per_px: float,
    radius_um: float = 80.0,
    irregularity: float = 0.5,
    least_um2: float = 400.0,
    around: Iterable[ClassLike] | None = None,
    scheme: TissueScheme | str = "colon-10",
    seed: int = 0,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Let stroma react to epithelium: loose and non-reactive stroma near it becomes reactive.

    The paper simulates a desmoplastic reaction by relabeling stroma by hand; this does it within a distance,
    with an edge that wanders as tissue does.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    um_per_px : float
        Micrometers a pixel.
    radius_um : float
        Typical width of the reaction, in micrometers, 1 to 1,000. It is 0.4 to 1.6 times that, by place.
    irregularity : float
        How much the width varies, 0 to 1; 0 is a band of the same width everywhere.
    least_um2 : float
        Islands smaller than this, in square micrometers, 0 to 100,000, do not stay: neither specks of new
        reaction in other stroma, nor specks of other stroma that the reaction leaves over.
    around : iterable of int or str, optional
        Classes that the stroma reacts to; all whose names begin with "epithelium" if not given.
    scheme : TissueScheme or str
        With the classes "reactive stroma" and at least one of "loose stroma" and "non-reactive stroma".
    seed : int
        Chooses the edge. It belongs to the place: reactions side by side fit each other.
    area : Area or array_like, optional
        Where stroma may change; epithelium next to it counts. Everywhere if not given.
    protected : iterable of int or str
        Classes that stay.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    SchemeError
        If the scheme does not tell reactive stroma from other.
    LabelMapError
        If this is no label map of the scheme, or a number is out of range.
    """
    piece = Workpiece(labels, scheme, um_per_px=um_per_px, area=area, protected=protected, progress=progress)
    names = piece.scheme.names
    if _REACTIVE not in names or not any(name in names for name in _LOOSE):
        raise SchemeError(
            f"{piece.scheme.name} does not tell reactive stroma from other, so that a desmoplastic reaction "
            "cannot be written in it; use a label map in colon-10."
        )
    check_range("radius_um", radius_um, 1, 1000)
    check_range("irregularity", irregularity, 0, 1)
    check_range("least_um2", least_um2, 0, 1e5)
    target = piece.scheme.index_of(_REACTIVE)
    loose = np.isin(np.arange(256), [names.index(name) for name in _LOOSE if name in names])
    if around is None:
        around = [name for name in names if name.startswith("epithelium")]
    inducing = np.isin(np.arange(256), [class_index(piece.scheme, entry) for entry in around])

    def react(view: Labels, window: Window) -> Labels | None:
        source, stroma = inducing[view], loose[view]
        if not source.any() or not stroma.any():
            return None
        origin_um = (window.y0 * piece.um_per_px, window.x0 * piece.um_per_px)
        wander = layered_noise(
            seed,
            _EDGE_STREAM,
            view.shape,
            um_per_px=piece.um_per_px,
            scale_um=max(0.8 * radius_um, 4 * piece.um_per_px),
            layers=2,
            origin_um=origin_um,
        )
        # strands of collagen: a fine fringe, a few um deep whatever the radius
        fray = layered_noise(
            seed,
            _FRAY_STREAM,
            view.shape,
            um_per_px=piece.um_per_px,
            scale_um=max(14.0, 2 * piece.um_per_px),
            layers=2,
            origin_um=origin_um,
        )
        width = (
            radius_um * (1 + 0.45 * irregularity * wander) + min(5.0, 0.2 * radius_um) * irregularity * fray
        )
        width = np.clip(width, (2 - _WIDEST) * radius_um, _WIDEST * radius_um)
        distance = distance_to(source) * piece.um_per_px
        reacts = stroma & (distance <= width)
        least = least_um2 / piece.um_per_px**2
        reacts &= ~_specks(reacts | (view == target), least)
        left = _specks(stroma & ~reacts, least) & (distance <= _WIDEST * radius_um)
        return np.where(reacts | left, np.uint8(target), view)

    return piece.by_tiles(_WIDEST * radius_um + _SPECK_REACH * math.sqrt(least_um2), react)


def _specks(mask: Mask, least: float) -> Mask:
    """Return the islands of a mask of fewer pixels than ``least``; those cut by the border are none."""
    islands, count = ndimage.label(mask, np.ones((3, 3)))
    size = np.bincount(islands.ravel(), minlength=count + 1).astype(float)
    size[0] = np.inf
    for edge in (islands[0], islands[-1], islands[:, 0], islands[:, -1]):
        size[np.unique(edge)] = np.inf
    return np.asarray((size < least)[islands])
