"""What divides nuclei from the rest in a picture, and how densely they are stained: read from a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.stain.nuclei import (
    REACH,
    Found,
    read_planes,
    segment_window,
    smooth_density,
    typical_contrast,
    void_of,
)
from napari_histosynth.stain.unmix import StainBasis, Stains, checked_stains, estimate_basis, is_gray
from napari_histosynth.stain.workpicture import WorkPicture

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

#: Contrast from which pixels may be of nuclei, as a share of what divides nuclei from the rest on the whole:
#: pale nuclei count, too. Hematoxylin of H&E also lies in cytoplasm, which leaves less room below.
SENSITIVITY = {"hdab": 0.70, "he": 0.90}

#: A picture of at most so many px a side is its own sample. Of others, the sample is windows: at most so many
#: along a side, of so many px; and of how many, at most, the nuclei are looked at.
_WHOLE_PX, _SAMPLES, _SAMPLE_PX, _LOOKED_AT = 1024, 8, 512, 10
#: Pixels of a sample whose color and contrast count, and the stride at which they are taken.
_STRIDE = 4
#: Density above glass, and share of a window that must have it to be looked at.
_TISSUE, _LEAST_SHARE = 0.06, 0.02
#: Density of what stains nuclei from which a pixel tells something of what divides them from the rest.
_NUCLEAR = 0.05
#: Hematoxylin of a nucleus and its ratio of DAB to it, where a picture shows none; how many nuclei that doubt
#: is worth; and share of DAB in nuclei that are of one stain.
_USUAL_HEMATOXYLIN, _USUAL_RATIO, _DOUBT = 0.25, 2.5, 20
_BLUE, _BROWN = 0.3, 0.6


@dataclass(frozen=True, eq=False)
class Levels:
    """What divides nuclei from the rest in a picture, and positive ones from negative.

    Attributes
    ----------
    basis : StainBasis
        Colors of its stains and glass.
    contrast : float
        Absorption over the surroundings from which pixels may be of nuclei.
    hematoxylin, dab : float
        Median densities of its negative and of its clearly positive nuclei, drawn towards the usual ratio
        where those are few.
    """

    basis: StainBasis
    contrast: float
    hematoxylin: float
    dab: float


@dataclass(frozen=True, eq=False)
class Looked:
    """What a window looks like by given levels."""

    tissue: npt.NDArray[np.bool_]
    found: Found


def read_levels(rgb: Any, um_per_px: float | None, stains: Stains = "hdab") -> Levels:
    """Read a picture's stain colors, and what divides its nuclei, from windows spread evenly over it.

    Parameters and errors are those of :func:`~napari_histosynth.stain.findnuclei.find_nuclei`.
    """
    return levels_of(WorkPicture(rgb, um_per_px), checked_stains(stains), None, {})


def _sample_windows(picture: WorkPicture) -> Iterator[Window]:
    """Cut windows spread evenly over a picture; the whole of it where it is small."""
    if max(picture.shape) <= _WHOLE_PX:
        yield Window.of_shape(picture.shape)
        return
    spans = []
    for side in picture.shape:
        count = min(_SAMPLES, -(-side // _SAMPLE_PX))
        middles = (np.arange(count) + 0.5) * side / count
        starts = np.floor(middles - _SAMPLE_PX / 2).astype(int)
        spans.append([(int(max(0, start)), int(min(side, start + _SAMPLE_PX))) for start in starts])
    for y0, y1 in spans[0]:
        for x0, x1 in spans[1]:
            yield Window(y0, y1, x0, x1)


def levels_of(
    picture: WorkPicture, stains: Stains, cancel: Callable[[], bool] | None, known: dict[Window, Looked]
) -> Levels:
    """Read the levels of a picture, and note in ``known`` what windows look like by them.

    Raises
    ------
    ImageError
        If there is something in the picture, but no color.
    Cancelled
        If ``cancel`` returned true.
    """
    windows, densities, gray = [], [], True
    for window in _sample_windows(picture):
        if cancel is not None and cancel():
            raise Cancelled("Counting was stopped.")
        rgb = picture.read(window)
        void = void_of(rgb)
        taken = np.ones(rgb.shape[:2], bool) if void is None else ~void
        gray = gray and is_gray(rgb)
        density = smooth_density(rgb)[taken]
        densities.append(density[:: _STRIDE**2])
        windows.append(window)
    basis = estimate_basis(np.concatenate(densities), stains)
    dense = [
        int(np.count_nonzero(np.linalg.norm(d - basis.glass, axis=-1) > _TISSUE)) > _LEAST_SHARE * len(d)
        for d in densities
    ]
    if gray and any(dense):
        raise ImageError(
            "The picture is gray: its three channels are alike everywhere, but stains are told by color; "
            "give a picture in color."
        )
    with_tissue = [window for window, is_dense in zip(windows, dense, strict=True) if is_dense]
    return _from_windows(picture, basis, with_tissue, known)


def _from_windows(
    picture: WorkPicture, basis: StainBasis, windows: list[Window], known: dict[Window, Looked]
) -> Levels:
    """Return levels from windows with tissue, given the colors."""
    contrasts, shares = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    looked_at = windows[:: -(-len(windows) // _LOOKED_AT) or 1]
    seen = []
    for window in looked_at:
        wide = window.grow(REACH).clip(picture.shape)
        rgb = picture.read(wide)
        planes = read_planes(rgb, basis)
        inner = window.relative_to(wide).slices
        every = tuple(slice(s.start, s.stop, _STRIDE // 2) for s in inner)
        tissue = planes.nuclear[every] > _NUCLEAR
        contrasts.append(planes.contrast[every][tissue])
        shares.append(planes.share[every][tissue])
        seen.append((wide, rgb, planes))
    contrast = SENSITIVITY[basis.stains] * typical_contrast(
        np.concatenate(contrasts), np.concatenate(shares), basis
    )
    means = [np.zeros((0, 3))]
    for wide, rgb, planes in seen:
        found = segment_window(rgb, planes, basis, contrast, picture.area_um2)
        means.append(found.density)
        if wide.shape == picture.shape:  # all of it: need not be looked at again
            known[wide] = Looked(planes.tissue, found)
    hematoxylin, dab = basis.unmix(np.concatenate(means))
    return Levels(basis, contrast, *_typical(hematoxylin, dab))


def _typical(hematoxylin: Floats, dab: Floats) -> tuple[float, float]:
    """Return the median densities of negative and of clearly positive nuclei."""
    share = dab / np.maximum(hematoxylin + dab, 1e-6)
    blue, brown = hematoxylin[share < _BLUE], dab[share > _BROWN]
    typical = float(np.median(blue)) if len(blue) else _USUAL_HEMATOXYLIN
    usual = _USUAL_RATIO * typical
    if not len(brown):
        return typical, usual
    weight = len(brown) / (len(brown) + _DOUBT)
    return typical, float(np.median(brown) ** weight * usual ** (1 - weight))
