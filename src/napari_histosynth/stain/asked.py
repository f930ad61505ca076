"""Pictures of a given labelling index: which nuclei are to be positive, by share, class, or by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import HistosynthError, LabelMapError
from napari_histosynth.core.mirror import mirrored_index
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.stain.steering import STREAM, he_nuclei, instances, planes_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme

    Numbers = npt.NDArray[np.int32]

#: Standard deviation of the field that chances are read off, um: a nucleus that two neighboring windows find
#: a little differently has nearly the same chance in both.
SMOOTH = 1.5
#: How far around a nucleus its class is looked for, um, where nuclei are a class of their own.
AROUND = 4.0


class IndexSteering:
    """A share of the nuclei of H&E is positive, chosen by place: for pictures that are drawn piece by piece.

    Each nucleus is positive with the chance ``share``, so that the share that comes out is that on average;
    :func:`choose` makes it exact where all nuclei are at hand.

    Parameters
    ----------
    share : float
        0 to 1.
    seed : int
        Other nuclei for another seed.
    um_per_px : float
        The model's scale.

    Raises
    ------
    HistosynthError
        If the share is none.
    """

    #: Which nuclei are found depends on how much is looked at: ask for the same windows, whatever is drawn.
    by_window = True

    def __init__(self, share: float, seed: int, um_per_px: float) -> None:
        self.share, self.seed, self.um_per_px = checked_share(share), seed, um_per_px

    def planes(self, window: Window, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the planes of a window, float32 (3, y, x), from the H&E that is there, uint8 (y, x, 3)."""
        nuclei = he_nuclei(rgb, self.um_per_px)
        chance = chances(nuclei, self.seed, self.um_per_px, (window.y0, window.x0))
        return planes_of(nuclei, chance < self.share)


@dataclass(frozen=True, eq=False)
class KnownSteering:
    """Nuclei of a whole picture of which it is known which are positive.

    Attributes
    ----------
    nuclei : ndarray
        int32 (y, x) at the model's scale, 0 where there is none.
    positive : ndarray
        bool (n + 1,), by number; False for 0.
    """

    nuclei: Numbers
    positive: npt.NDArray[np.bool_]

    @property
    def total(self) -> int:
        """Nuclei that there are."""
        return int((np.bincount(self.nuclei.ravel(), minlength=len(self.positive))[1:] > 0).sum())

    @property
    def index(self) -> float:
        """Share of them that are positive; not a number where there are none."""
        there = np.bincount(self.nuclei.ravel(), minlength=len(self.positive)) > 0
        there[0] = False
        return float(self.positive[there].mean()) if there.any() else float("nan")

    def planes(self, window: Window, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the planes of a window, float32 (3, y, x); beyond the border the picture is mirrored."""
        rows, columns = (
            mirrored_index(np.arange(low, high), side)
            for low, high, side in zip(window[::2], window[1::2], self.nuclei.shape, strict=True)
        )
        return planes_of(self.nuclei[np.ix_(rows, columns)], self.positive)


def choose(
    nuclei: Numbers,
    share: float | Mapping[int, float],
    seed: int,
    um_per_px: float,
    *,
    classes: npt.NDArray[np.integer] | None = None,
    painted: npt.NDArray[np.bool_] | None = None,
) -> KnownSteering:
    """Choose which nuclei of a picture are positive, exactly as many as asked for.

    Parameters
    ----------
    nuclei : ndarray
        int32 (y, x) at the model's scale.
    share : float or mapping of int to float
        0 to 1; or one for each class, 0 for those that are not named.
    seed : int
        Other nuclei for another seed.
    um_per_px : float
        The model's scale.
    classes : ndarray, optional
        (n + 1,), the class of each nucleus (:func:`classes_of`), for shares by class.
    painted : ndarray, optional
        bool (y, x): nuclei that lie in it for the larger part are positive, whatever the share, no others.

    Returns
    -------
    KnownSteering

    Raises
    ------
    HistosynthError
        If a share is none, shares by class come without classes, or what is painted has another size.
    """
    count = int(nuclei.max()) if nuclei.size else 0
    sizes = np.bincount(nuclei.ravel(), minlength=count + 1)
    there = sizes > 0
    there[0] = False
    positive = np.zeros(count + 1, bool)
    if painted is not None:
        if painted.shape != nuclei.shape:
            raise HistosynthError(
                f"What is painted has {painted.shape} px, the picture {nuclei.shape}; they must be alike."
            )
        inside = np.bincount(nuclei.ravel(), weights=painted.ravel(), minlength=count + 1)
        return KnownSteering(nuclei, there & (2 * inside > sizes))
    chance = chances(nuclei, seed, um_per_px)
    if not isinstance(share, Mapping):
        groups = [(there, checked_share(share))]
    elif classes is None:
        raise HistosynthError("Shares by class need the class of each nucleus; give a label map.")
    else:
        groups = [(there & (classes == number), checked_share(one)) for number, one in share.items()]
    for group, wanted in groups:
        members = np.flatnonzero(group)
        ranked = members[np.argsort(chance[members], kind="stable")]
        positive[ranked[: round(wanted * len(members))]] = True
    return KnownSteering(nuclei, positive)


def labeled_nuclei(labels: npt.NDArray[np.uint8], scheme: TissueScheme, um_per_px: float) -> Numbers:
    """Part the nuclei of a label map, uint8 (y, x), into single ones, int32 (y, x).

    Raises
    ------
    LabelMapError
        If nuclei are no class of the scheme: then they are found in the H&E that is drawn.
    """
    number = nuclei_class(scheme)
    if number is None:
        raise LabelMapError(
            f"The scheme {scheme.name!r} has no class of nuclei; find them in the H&E that is drawn from it."
        )
    return instances(labels == number, um_per_px)


def nuclei_class(scheme: TissueScheme) -> int | None:
    """Return the index of the class of nuclei, None if there is none."""
    return next((entry.index for entry in scheme.classes if entry.name == "nuclei"), None)


def classes_of(
    nuclei: Numbers, labels: npt.NDArray[np.uint8], scheme: TissueScheme, um_per_px: float
) -> npt.NDArray[np.int64]:
    """Return the class of each nucleus, (n + 1,): that of most of its pixels, or of what is around it.

    Parameters
    ----------
    nuclei : ndarray
        int32 (y, x).
    labels : ndarray
        uint8 (y, x), at the same scale. Where nuclei are a class of it, the class around them counts.
    scheme : TissueScheme
        Of the labels.
    um_per_px : float
        Micrometers a pixel.
    """
    from scipy import ndimage

    own = nuclei_class(scheme)
    tissue = labels
    if own is not None:  # the nearest pixel of another class stands for each pixel of a nucleus
        nearest = ndimage.distance_transform_edt(labels == own, return_distances=False, return_indices=True)
        tissue = labels[tuple(nearest)]
    count = int(nuclei.max()) if nuclei.size else 0
    votes = np.zeros((count + 1, scheme.n_classes), np.int64)
    np.add.at(votes, (nuclei.ravel(), tissue.ravel()), 1)
    return np.asarray(votes.argmax(1), np.int64)


def chances(
    nuclei: Numbers, seed: int, um_per_px: float, origin: tuple[int, int] = (0, 0)
) -> npt.NDArray[np.float64]:
    """Return a number between 0 and 1 for each nucleus, (n + 1,), evenly spread, by its place alone.

    Read at its center off a smooth field, so that it hardly changes where a nucleus is found a little
    differently.

    Parameters
    ----------
    nuclei : ndarray
        int32 (y, x).
    seed : int
        Of the field.
    um_per_px : float
        Micrometers a pixel.
    origin : tuple of int
        Where the first pixel lies.
    """
    from scipy import ndimage
    from scipy.special import ndtr

    count = int(nuclei.max()) if nuclei.size else 0
    if count == 0:
        return np.ones(1)
    sigma = SMOOTH / um_per_px
    reach = math.ceil(3 * sigma)
    (height, width), (y0, x0) = nuclei.shape, origin
    window = Window(y0 - reach, y0 + height + reach, x0 - reach, x0 + width + reach)
    field = ndimage.gaussian_filter(gaussian(seed, STREAM, 0, window), sigma, truncate=3.0)
    field = field[reach:-reach, reach:-reach] * (2 * math.sqrt(math.pi) * sigma)  # spread 1 again
    sizes = np.maximum(np.bincount(nuclei.ravel(), minlength=count + 1), 1)
    y, x = np.indices(nuclei.shape)
    middle_y, middle_x = (
        np.rint(np.bincount(nuclei.ravel(), weights=place.ravel(), minlength=count + 1) / sizes).astype(int)
        for place in (y, x)
    )
    return np.asarray(ndtr(field[middle_y, middle_x].astype(np.float64)), np.float64)


def checked_share(share: float) -> float:
    """Return a share of nuclei.

    Raises
    ------
    HistosynthError
        If it is not between 0 and 1.
    """
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise HistosynthError(f"A share of positive nuclei is 0 to 1, not {share:g}.")
    return float(share)
