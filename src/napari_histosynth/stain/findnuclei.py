"""All nuclei of a picture of any size: levels read once from a sample of it, then window by window.

Each window is looked at with its surroundings and owns the nuclei whose summits lie in it, so that every
nucleus is found once, wherever windows end. The numbers that decide (stain colors, contrast) come from
windows spread evenly over all of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.stain.levels import Levels, Looked, levels_of
from napari_histosynth.stain.nuclei import REACH, Found, read_planes, segment_window
from napari_histosynth.stain.outlines import outlines_of
from napari_histosynth.stain.unmix import StainBasis, Stains, checked_stains
from napari_histosynth.stain.workpicture import WorkPicture

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

TILE = 1024
"""Pixels of work a side that are looked at once."""

#: Pixels at this stride, and the share of them that must be dimmer than glass by this density, make a window
#: worth looking at.
_STRIDE, _LEAST_SHARE, _TISSUE = 4, 0.002, 0.06

_ARRAYS = ("y", "x", "area_um2", "hematoxylin", "dab", "positive")


@dataclass(frozen=True, eq=False)
class Nuclei:
    """Nuclei of a picture, in reading order of their summits; arrays of one length.

    Attributes
    ----------
    y, x : ndarray
        float32, centroids in pixels of the picture; the center of its first pixel is (0, 0).
    area_um2 : ndarray
        float32.
    hematoxylin, dab : ndarray
        float32, mean optical densities, base 10, above glass. DAB is 0 in H&E.
    positive : ndarray
        bool; none is until a threshold was chosen.
    um_per_px : float
        Scale of the picture.
    outlines : tuple of ndarray
        float32 (k, 2) each, closed polygons of (x, y) in pixels from the picture's corner, as QuPath has
        them; empty unless asked for.
    """

    y: Floats
    x: Floats
    area_um2: Floats
    hematoxylin: Floats
    dab: Floats
    positive: npt.NDArray[np.bool_]
    um_per_px: float
    outlines: tuple[Floats, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Nuclei:
        """Return those that are chosen, bool (n,)."""
        arrays = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        outlines = tuple(self.outlines[i] for i in np.flatnonzero(chosen)) if self.outlines else ()
        return replace(self, **arrays, outlines=outlines)

    def shifted(self, y: float, x: float) -> Nuclei:
        """Return the same nuclei, so many pixels further down and to the right."""
        outlines = tuple(outline + np.array([x, y], np.float32) for outline in self.outlines)
        return replace(self, y=_moved(self.y, y), x=_moved(self.x, x), outlines=outlines)

    def above(self, threshold: float) -> Nuclei:
        """Return the same nuclei, those positive whose DAB density is above a threshold."""
        return replace(self, positive=self.dab > threshold)


@dataclass(frozen=True, eq=False)
class Search:
    """What :func:`search` found: nuclei, their pixels if asked for, and how much of the picture is tissue.

    Attributes
    ----------
    nuclei : Nuclei
        All of them.
    labels : ndarray or None
        int32 (y, x) in the picture's pixels: number of the nucleus, from 1 in the order of ``nuclei``.
    tissue_mm2 : float
        Area that holds any stain.
    levels : Levels
        What it went by.
    """

    nuclei: Nuclei
    labels: npt.NDArray[np.int32] | None
    tissue_mm2: float
    levels: Levels


def find_nuclei(
    rgb: Any,
    um_per_px: float | None,
    stains: Stains = "hdab",
    *,
    levels: Levels | None = None,
    outlines: bool = False,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Nuclei:
    """Find the nuclei of a picture.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3): an array, or anything with ``shape`` and ``dtype`` that slices give arrays of, of
        which no more than a window is read at once.
    um_per_px : float
        Its scale, 0.05 to 1.
    stains : "hdab" or "he"
        Hematoxylin and DAB, or hematoxylin and eosin.
    levels : Levels, optional
        Of :func:`~napari_histosynth.stain.levels.read_levels`, if known; of a whole slide, for a part of it.
    outlines : bool
        Whether to trace them.
    cancel : callable, optional
        Asked now and then whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    Nuclei
        None positive.

    Raises
    ------
    ImageError
        If the picture or the scale cannot be used.
    Cancelled
        If ``cancel`` returned true.
    """
    return search(
        rgb, um_per_px, stains, levels=levels, outlines=outlines, cancel=cancel, progress=progress
    ).nuclei


def search(
    rgb: Any,
    um_per_px: float | None,
    stains: Stains = "hdab",
    *,
    levels: Levels | None = None,
    labels: bool = False,
    outlines: bool = False,
    tile: int = TILE,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Search:
    """Find nuclei as :func:`find_nuclei` does, with which pixels are whose and how much tissue there is.

    ``tile`` is the side in pixels of 0.5 um of what is looked at once; it changes memory, not what is found.
    The other parameters and errors are those of :func:`find_nuclei`.
    """
    picture = WorkPicture(rgb, um_per_px)
    checked_stains(stains)
    known: dict[Window, Looked] = {}
    levels = levels or levels_of(picture, stains, cancel, known)
    numbers = np.zeros(picture.shape, np.int32) if labels else None
    kept: list[_Part] = []
    count, stained = 0, 0
    windows = list(tile_windows(Window.of_shape(picture.shape), tile))
    for done, window in enumerate(windows):
        if cancel is not None and cancel():
            raise Cancelled("Counting was stopped.")
        part, tissue = _part(picture, window, levels, outlines, known)
        stained += tissue
        if part is not None:
            if numbers is not None:
                part.draw(numbers, count)
            count += len(part)
            kept.append(part)
        if progress is not None:
            progress((done + 1) / len(windows))
    nuclei, order = _joined(kept, levels.basis, picture)
    if numbers is not None:
        renumbered = np.zeros(count + 1, np.int32)
        renumbered[1 + order] = np.arange(1, count + 1)
        numbers = _in_source(renumbered[numbers], picture)
    return Search(nuclei, numbers, stained * picture.area_um2 * 1e-6, levels)


class _Part:
    """Nuclei that a window owns."""

    def __init__(self, found: Found, owned: npt.NDArray[np.bool_], seen: Window, outlines: bool) -> None:
        corner = np.array([seen.y0, seen.x0])
        self.summit = found.summit[owned] + corner
        self.center = found.center[owned] + corner
        self.pixels, self.density = found.pixels[owned], found.density[owned]
        number = np.zeros(len(owned) + 1, np.int32)
        number[1:][owned] = np.arange(1, len(self.pixels) + 1)
        self._labels, self._seen = number[found.labels], seen
        self.outlines = outlines_of(self._labels, seen) if outlines else ()

    def __len__(self) -> int:
        return len(self.pixels)

    def draw(self, numbers: npt.NDArray[np.int32], before: int) -> None:
        """Write the numbers of its nuclei into those of the picture, and forget where they are."""
        there = numbers[self._seen.slices]
        np.copyto(there, self._labels + np.int32(before), where=self._labels > 0)


def _part(
    picture: WorkPicture, window: Window, levels: Levels, outlines: bool, known: dict[Window, Looked]
) -> tuple[_Part | None, int]:
    """Return the nuclei that a window owns, None if it is blank, and its pixels of tissue."""
    seen = window.grow(REACH).clip(picture.shape)
    looked = known.pop(seen, None)
    if looked is None:
        rgb = picture.read(seen)
        if not _is_worth_it(rgb, levels.basis):
            return None, 0
        planes = read_planes(rgb, levels.basis)
        looked = Looked(
            planes.tissue, segment_window(rgb, planes, levels.basis, levels.contrast, picture.area_um2)
        )
    inner = window.relative_to(seen)
    y, x = looked.found.summit.T
    owned = (y >= inner.y0) & (y < inner.y1) & (x >= inner.x0) & (x < inner.x1)
    return _Part(looked.found, owned, seen, outlines), int(np.count_nonzero(looked.tissue[inner.slices]))


def _joined(
    parts: list[_Part], basis: StainBasis, picture: WorkPicture
) -> tuple[Nuclei, npt.NDArray[np.int64]]:
    """Return the nuclei of all windows in reading order, and which place each had before."""
    none = np.zeros((0, 2))
    summit = np.concatenate([part.summit for part in parts]) if parts else none
    order = np.lexsort((summit[:, 1], summit[:, 0]))
    center = np.concatenate([part.center for part in parts])[order] if parts else none
    pixels = np.concatenate([part.pixels for part in parts])[order] if parts else np.zeros(0)
    density = np.concatenate([part.density for part in parts])[order] if parts else np.zeros((0, 3))
    hematoxylin, other = basis.unmix(density)
    y, x = picture.to_source(center[:, 0], center[:, 1])
    traced = [outline for part in parts for outline in part.outlines]
    scale = np.array(picture.factor[::-1], np.float32)
    nuclei = Nuclei(
        y.astype(np.float32),
        x.astype(np.float32),
        (pixels * picture.area_um2).astype(np.float32),
        hematoxylin,
        other if basis.stains == "hdab" else np.zeros_like(other),
        np.zeros(len(order), bool),
        picture.um_per_px,
        tuple(traced[i] * scale for i in order) if traced else (),
    )
    return nuclei, order


def _in_source(numbers: npt.NDArray[np.int32], picture: WorkPicture) -> npt.NDArray[np.int32]:
    """Return numbers at the scale of work in the picture's own pixels."""
    rows, columns = (
        np.minimum(((np.arange(side) + 0.5) / factor).astype(np.intp), last - 1)
        for side, factor, last in zip(picture.source, picture.factor, picture.shape, strict=True)
    )
    return np.asarray(numbers[rows][:, columns])


def _is_worth_it(rgb: npt.NDArray[np.uint8], basis: StainBasis) -> bool:
    """Return whether a window holds more than glass, by a glance at some of its pixels."""
    some = rgb[::_STRIDE, ::_STRIDE].astype(np.float32)
    glass = 256 * 10 ** -basis.glass.astype(np.float32) - 1
    dimmed = (some < glass * 10**-_TISSUE - 1).any(axis=-1)
    return bool(np.count_nonzero(dimmed) > _LEAST_SHARE * dimmed.size)


def _moved(places: Floats, by: float) -> Floats:
    return np.asarray(places + by, np.float32)
