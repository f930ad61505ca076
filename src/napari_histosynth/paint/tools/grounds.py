"""What lies under nuclei, and which class is nearest: the two questions of every change of shape."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.paint.ellipses import Mask

NUCLEUS_UM = 12.0
"""A pixel of a nucleus is no farther than this from what the nucleus lies in, in micrometers."""


def nuclei_of(scheme: TissueScheme) -> int | None:
    """Return the index of the class "nuclei", or None where the scheme has none."""
    return scheme.names.index("nuclei") if "nuclei" in scheme.names else None


def nearest_class(labels: Labels, wanted: Mask, candidates: Iterable[int], reach_px: float) -> Labels:
    """Return the labels with each wanted pixel given to the nearest of some classes.

    Of two classes equally far, that of lower index wins.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).
    wanted : ndarray
        bool (y, x), pixels to give away.
    candidates : iterable of int
        Classes that may get them.
    reach_px : float
        A pixel with none of them this near, in pixels, keeps its class.

    Returns
    -------
    ndarray
        uint8 (y, x), a new array.
    """
    result = labels.copy()
    if not wanted.any():
        return result
    best = np.full(labels.shape, np.nextafter(reach_px, np.inf))
    for index in sorted(candidates):
        # a wanted pixel gives itself away: it is no candidate's
        distance = distance_to((labels == index) & ~wanted)
        nearer = wanted & (distance < best)
        result[nearer] = index
        best[nearer] = distance[nearer]
    return result


def without_nuclei(labels: Labels, nuclei: int | None, um_per_px: float) -> Labels:
    """Return the labels with nuclei replaced by what they lie in, uint8 (y, x).

    What is farther than :data:`NUCLEUS_UM` from any other class is a sheet of its own and stays.
    """
    if nuclei is None:
        return labels
    others = [int(index) for index in np.unique(labels) if index != nuclei]
    return nearest_class(labels, labels == nuclei, others, NUCLEUS_UM / um_per_px)


def with_nuclei(labels: Labels, old: Labels, new: Labels, nuclei: int | None, background: int) -> Labels:
    """Return a new ground with the nuclei of the labels on it; those on what became glass go.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), with nuclei.
    old, new : ndarray
        uint8 (y, x), the ground before and after.
    nuclei : int or None
        Their class.
    background : int
        Class of bare glass.
    """
    if nuclei is None:
        return new
    stays = (labels == nuclei) & ~((new == background) & (old != background))
    return np.where(stays, np.uint8(nuclei), new)


def distance_to(mask: Mask) -> npt.NDArray[np.float64]:
    """Return the distance to the nearest pixel of a mask in pixels, infinite if there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~mask), dtype=np.float64)
