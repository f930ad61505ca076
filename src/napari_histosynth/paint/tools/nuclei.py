"""Scatter nuclei into a part of a label map, and take them out of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tiles import tile_windows
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.paint.nuclei import CONTEXT_UM, scatter_nuclei
from napari_histosynth.paint.tools.grounds import NUCLEUS_UM, nuclei_of, without_nuclei
from napari_histosynth.paint.tools.workpiece import AreaLike, ClassLike, Edit, Progress, Workpiece

EPITHELIUM, STROMA = "epithelium", "non-epithelium"

_TILE_UM = 600.0
_NUCLEUS_UM = 20.0  # no nucleus reaches farther from its middle


def scatter(
    labels: npt.ArrayLike,
    *,
    um_per_px: float,
    scheme: TissueScheme | str = "colon-3",
    classes: Iterable[str] = (EPITHELIUM, STROMA),
    density: float | None = None,
    size_um: tuple[float, float] | None = None,
    stratification: float = 0.35,
    inflammation: float = 0.35,
    clear: bool = False,
    seed: int = 0,
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Scatter nuclei into epithelium and stroma; see :func:`napari_histosynth.paint.nuclei.scatter_nuclei`.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; not changed.
    um_per_px : float
        Micrometers a pixel.
    scheme : TissueScheme or str
        With the classes "epithelium", "non-epithelium" and "nuclei".
    classes : iterable of str
        Which of "epithelium" and "non-epithelium" get nuclei.
    density : float, optional
        New nuclei per mm2 of each class, 0 to 100,000; 6,500 if not given.
    size_um : tuple of float, optional
        Length and width of a typical nucleus, 0.5 to 50 um; 10.5 x 6.5 in epithelium and spindles of 10 x 3.8
        in stroma if not given. Inflammatory cells are 6 um across in any case.
    stratification : float
        Where epithelial nuclei lie: 0 is one row at the base, 1 is anywhere up to the lumen.
    inflammation : float
        Share of stromal nuclei that are round inflammatory cells, 0 to 1.
    clear : bool
        Whether the nuclei that are there go first; else new ones keep off them.
    seed : int
        Chooses the arrangement.
    area : Area or array_like, optional
        Where; everywhere if not given.
    protected : iterable of int or str
        Classes that stay. A protected class gets no nuclei; protected nuclei are not cleared.
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
        If the scheme lacks one of the three classes, or ``classes`` holds another.
    """
    piece = Workpiece(labels, scheme, um_per_px=um_per_px, area=area, protected=protected, progress=progress)
    nuclei = _nuclei_index(piece.scheme)
    chosen = set(classes)
    if unknown := sorted(chosen - {EPITHELIUM, STROMA}):
        raise SchemeError(
            f'Nuclei are scattered into "{EPITHELIUM}" and "{STROMA}", not into "{unknown[0]}"; choose among '
            "these two."
        )
    window = piece.area.window
    if window.is_empty:
        return piece.edit(piece.view(window))
    around = window.grow(piece.pixels(CONTEXT_UM)).clip(piece.shape)
    view, allowed = piece.view(around), piece.allowed(around)
    if clear:
        view = np.where(allowed, without_nuclei(view, nuclei, piece.um_per_px), view)
    each = 6500.0 if density is None else density
    side = piece.pixels(_TILE_UM)
    tiles = list(tile_windows(window.align(side), side))
    for number, tile in enumerate(tiles):
        piece.tell(number / len(tiles))
        core = tile.intersect(window)
        # a nucleus may reach into the next tile, which will keep off it
        reached = core.grow(piece.pixels(_NUCLEUS_UM)).clip(piece.shape)
        seen = core.grow(piece.pixels(CONTEXT_UM)).clip(piece.shape)
        part = seen.relative_to(around).slices
        area_here, middles = np.zeros(seen.shape, bool), np.zeros(seen.shape, bool)
        inner = reached.relative_to(seen).slices
        area_here[inner] = allowed[reached.relative_to(around).slices]
        middles[core.relative_to(seen).slices] = True
        if not (area_here & middles).any():
            continue
        view[part] = scatter_nuclei(
            view[part],
            um_per_px=piece.um_per_px,
            seed=seed,
            scheme=piece.scheme,
            epithelium_density=each if EPITHELIUM in chosen else 0.0,
            stroma_density=each if STROMA in chosen else 0.0,
            epithelium_size=(10.5, 6.5) if size_um is None else size_um,
            stroma_size=(10.0, 3.8) if size_um is None else size_um,
            stratification=stratification,
            inflammation=inflammation,
            area=area_here,
            middles=middles,
            origin=(seen.y0, seen.x0),
        )
    return piece.edit(view[window.relative_to(around).slices])


def clear_nuclei(
    labels: npt.ArrayLike,
    *,
    um_per_px: float,
    scheme: TissueScheme | str = "colon-3",
    area: AreaLike = None,
    protected: Iterable[ClassLike] = (),
    progress: Progress | None = None,
) -> Edit:
    """Take nuclei out: their pixels become the nearest other class.

    Parameters
    ----------
    labels, um_per_px, scheme, area, protected
        As for :func:`scatter`. Pixels farther than 12 um from any other class are no nuclei, and stay.
    progress : callable, optional
        Told the share that is done, 0 to 1. What it raises ends the work.

    Returns
    -------
    Edit

    Raises
    ------
    LabelMapError, SchemeError
        As for :func:`scatter`.
    """
    piece = Workpiece(labels, scheme, um_per_px=um_per_px, area=area, protected=protected, progress=progress)
    nuclei = _nuclei_index(piece.scheme)
    return piece.by_tiles(NUCLEUS_UM, lambda view, window: without_nuclei(view, nuclei, piece.um_per_px))


def _nuclei_index(scheme: TissueScheme) -> int:
    """Return the class of nuclei, or raise SchemeError."""
    nuclei = nuclei_of(scheme)
    if nuclei is None:
        raise SchemeError(
            f'{scheme.name} has no class "nuclei"; use a label map in a scheme with nuclei, such as colon-3.'
        )
    return nuclei
