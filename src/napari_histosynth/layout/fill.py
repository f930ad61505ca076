"""New tissue in a region of a label map, joined to what is around it.

A model with a flow draws tissue that goes on where what is around it ends. Of one without, several
candidates are drawn, larger than the region by a margin, and each is laid there at several offsets, turned
and mirrored; the one whose classes agree best with those along the rim is taken. From the rim inwards, across
a band that is narrow where a flow has drawn, signed distances to the borders of what is outside go over into
those of what was drawn, so that glands that the rim cuts are closed or go on instead of ending in an edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme, convert_labels, get_scheme
from napari_histosynth.layout.classes import check_target, in_scheme, with_nuclei
from napari_histosynth.layout.sampler import LEAST, Sampler

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

#: Width of the rim whose classes a candidate should have, in micrometers.
RIM_UM = 15.0
#: How far from the rim inwards what is outside goes over into what was drawn, in micrometers, and into what a
#: flow has drawn, which is coarser than the canvas but knows what it joins.
BAND_UM, NARROW_UM = 25.0, 6.0
#: How far beyond a region a flow sees what it joins, in micrometers.
AROUND_UM = 120.0
#: Candidates of regions that a field covers; of larger ones, which take longer to draw, there is one.
CANDIDATES = 5

_OFFSETS = 3  # each way, for each candidate
_CANDIDATE = 0x9E37  # between the seeds of candidates


def fill_region(
    labels: npt.ArrayLike,
    mask: npt.ArrayLike,
    model: LayoutModel,
    seed: int = 0,
    *,
    um_per_px: float,
    grade: str = "",
    scheme: TissueScheme | str = "colon-2",
    locked: Collection[int] = (),
    nuclei: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Labels:
    """Fill a region with new tissue that joins what is around it.

    Parameters
    ----------
    labels : array_like
        (y, x) label map in ``scheme``; not changed.
    mask : array_like
        (y, x), nonzero where new tissue goes.
    model : LayoutModel
        What draws it.
    seed : int
        Chooses it.
    um_per_px : float
        Micrometers a pixel.
    grade : str
        As for :meth:`~napari_histosynth.layout.sampler.Sampler.sample`.
    scheme : TissueScheme or str
        Of the labels.
    locked : collection of int
        Classes of which no pixel changes.
    nuclei : bool
        Whether nuclei are placed in what is new.
    progress : callable
        Told the share that is done, 0 to 1; what it raises ends the work.

    Returns
    -------
    ndarray
        New uint8 (y, x); it differs within the mask alone.

    Raises
    ------
    LabelMapError
        If the labels are none of the scheme, the mask has another size, or nothing is in it.
    SchemeError
        If the scheme is none that layouts can be in, or has no nuclei to place.
    ModelError
        If the grade is unknown.
    ImageError
        If the region or the scale is none that layouts can have.
    """
    target = get_scheme(scheme)
    whole = target.check(labels).copy()
    wanted = np.asarray(mask) != 0
    if wanted.shape != whole.shape:
        raise LabelMapError(f"A region of shape {wanted.shape} does not fit a label map of {whole.shape}.")
    if not wanted.any():
        raise LabelMapError("The region to fill is empty; draw one on the canvas.")
    check_target(model.scheme, target, nuclei)
    wanted &= ~np.isin(whole, list(locked))
    if not wanted.any():
        return whole  # all of it is locked
    looked_at = max(RIM_UM, BAND_UM) if model.flow is None else AROUND_UM
    reach = max(2, math.ceil(looked_at / um_per_px))
    box = Window.of_mask(wanted).grow(reach).clip(whole.shape)
    part, inside = whole[box.slices], wanted[box.slices]
    coarse = convert_labels(part, target, model.scheme)
    sampler = Sampler(model)
    weights = sampler.weights_of(seed, grade)
    told = dict(zip(model.grades, weights.tolist(), strict=True))
    made = _joined(sampler, coarse, inside, seed, weights, um_per_px, lambda done: progress(0.9 * done))
    part[inside] = _fine(made, coarse, part, inside, model.scheme, target, told)[inside]
    if nuclei:
        part[...] = with_nuclei(part, target, um_per_px, seed, told, area=inside)
    progress(1.0)
    return whole


def _joined(
    sampler: Sampler,
    labels: Labels,
    inside: Mask,
    seed: int,
    grades: Floats,
    um_per_px: float,
    progress: Callable[[float], None],
) -> Labels:
    """Return labels, of the model's scheme, with new tissue inside that agrees with the rest at the rim."""
    from scipy.ndimage import distance_transform_edt

    outside = ~inside
    if outside.any():
        far, nearest = distance_transform_edt(inside, return_indices=True)
        depth = far.astype(np.float32)
        # what is outside goes on inwards as it is at the rim
        extended = labels[nearest[0], nearest[1]]
        rim = outside & (distance_transform_edt(outside) <= RIM_UM / um_per_px)
    else:
        depth, extended, rim = np.full(labels.shape, np.inf, np.float32), labels, outside
    if sampler.model.flow is None:
        new, width = _best(sampler, labels, rim, seed, grades, um_per_px, progress), BAND_UM
    else:
        width = NARROW_UM
        new = sampler.joining(labels, inside, seed, grades, um_per_px, progress)
    # a small region has no room for the whole band: half of its depth is its own
    band = max(1.0, min(width / um_per_px, float(depth[inside].max()) / 2))
    share = np.clip(depth / band, 0, 1)
    share = share * share * (3 - 2 * share)
    best = np.full(labels.shape, -np.inf, np.float32)
    made = labels.copy()
    for index in range(sampler.model.scheme.n_classes):
        amount = (1 - share) * _signed(extended == index, band) + share * _signed(new == index, band)
        more = inside & (amount > best)
        made[more] = index
        np.maximum(best, amount, out=best)
    return made


def _best(
    sampler: Sampler,
    labels: Labels,
    rim: Mask,
    seed: int,
    grades: Floats,
    um_per_px: float,
    progress: Callable[[float], None],
) -> Labels:
    """Return the candidate that agrees best with labels along the rim, of their size."""
    sides = [max(LEAST, side) for side in labels.shape]
    room = int(sampler.model.size * sampler.model.um_per_px / um_per_px)
    # within a field there is room for several offsets, and a square can be turned
    fits = max(sides) <= room and rim.any()
    count = CANDIDATES if fits else 1
    size = (room, room) if fits else (sides[0], sides[1])
    best, most = np.zeros(labels.shape, np.uint8), -1.0
    known = labels[rim]
    # classes count alike: where the rim is all stroma but for a gland, the gland is what must go on
    present, number = np.unique(known, return_inverse=True)
    importance = 1 / np.maximum(np.bincount(number.ravel(), minlength=len(present)), 1)
    weights = importance[number.ravel()]
    for candidate in range(count):
        progress(candidate / count)
        drawn = sampler.sample(
            seed + candidate * _CANDIDATE,
            mixture=grades if len(grades) else None,
            size_px=size,
            um_per_px=um_per_px,
            progress=lambda done, at=candidate: progress((at + done) / count),  # type: ignore[misc]
        )
        for view in _views(drawn.labels, (labels.shape[0], labels.shape[1])):
            agree = float(weights[view[rim] == known].sum()) if rim.any() else 0.0
            if agree > most:
                best, most = view.copy(), agree
    return best


def _views(drawn: Labels, shape: tuple[int, int]) -> list[Labels]:
    """Return parts of a candidate of a size: at several offsets, turned and mirrored."""
    views = []
    square = drawn.shape[0] == drawn.shape[1]
    for turns in range(4) if square else (0, 2):
        turned = np.rot90(drawn, turns)
        spare = [have - need for have, need in zip(turned.shape, shape, strict=True)]
        rows, columns = ({round(extra * k / (_OFFSETS - 1)) for k in range(_OFFSETS)} for extra in spare)
        for mirrored in (turned, turned[:, ::-1]):
            views += [
                mirrored[row : row + shape[0], column : column + shape[1]]
                for row in sorted(rows)
                for column in sorted(columns)
            ]
    return views


def _signed(mask: Mask, most: float) -> Floats:
    """Return the distance to the border of a mask, positive inside, at most ``most``, float32."""
    from scipy.ndimage import distance_transform_edt

    if mask.all() or not mask.any():
        return np.full(mask.shape, most if mask.all() else -most, np.float32)
    away = distance_transform_edt(mask) - distance_transform_edt(~mask)
    return np.asarray(np.clip(away, -most, most), np.float32)


def _fine(
    made: Labels,
    coarse: Labels,
    labels: Labels,
    inside: Mask,
    source: TissueScheme,
    target: TissueScheme,
    grades: Mapping[str, float],
) -> Labels:
    """Return new tissue in the scheme of the labels, of the kinds that there are around it."""
    plain = in_scheme(made, source, target, grades)
    around = ~inside
    if "nuclei" in target.names:
        around &= labels != target.index_of("nuclei")
    for index in range(source.n_classes):
        kinds = labels[around & (coarse == index)]
        if kinds.size:
            plain[made == index] = np.bincount(kinds).argmax()
    return plain
