"""Nuclei for label maps that have none: in rows along glands, along the fibers of stroma."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.paint.ellipses import (
    Ellipses,
    Mask,
    draw_points,
    share_inside,
    stamp,
    without_overlap,
)
from napari_histosynth.paint.fields import Field, smooth_noise
from napari_histosynth.paint.surroundings import Surroundings

CONTEXT_UM = 80.0
"""How far around an area the tissue is looked at, in micrometers: what it holds depends on no more."""

_TRIES = 6  # candidates for each nucleus wanted
_TALLEST_UM = 45.0  # columnar epithelium is lower; what is thicker without a lumen is a sheet
_LYMPHOCYTE_UM = 6.0
_CROWD_UM, _CROWD_STREAM = 35.0, 12


def scatter_nuclei(
    labels: npt.ArrayLike,
    *,
    um_per_px: float,
    seed: int = 0,
    scheme: TissueScheme | str = "colon-3",
    epithelium: int | None = None,
    stroma: int | None = None,
    nuclei: int | None = None,
    epithelium_density: float = 6500.0,
    stroma_density: float = 6500.0,
    epithelium_size: tuple[float, float] = (10.5, 6.5),
    stroma_size: tuple[float, float] = (10.0, 3.8),
    stratification: float = 0.35,
    inflammation: float = 0.35,
    irregularity: float = 0.14,
    spacing: float = 0.8,
    fiber_angle: float | None = None,
    area: npt.ArrayLike | None = None,
    middles: npt.ArrayLike | None = None,
    origin: tuple[int, int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw nuclei into the epithelium and stroma of a label map.

    Epithelial nuclei are ellipses that stand on the border to the stroma, in one row or stratified; where
    a sheet of epithelium is thicker than columnar cells are tall and has no lumen, they are everywhere.
    Stromal nuclei are spindles along fibers, which run along glands near them and drift smoothly elsewhere,
    and round inflammatory cells in loose crowds.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of ``scheme``, any integer dtype; not changed. Nuclei that it has stay, and new
        ones keep off them.
    um_per_px : float
        Micrometers a pixel, positive.
    seed : int
        Chooses the arrangement.
    scheme : TissueScheme or str
        The scheme of the labels, with the classes "epithelium", "non-epithelium" and "nuclei" unless
        the next three say which are meant.
    epithelium, stroma, nuclei : int, optional
        Classes that get nuclei, and the class that nuclei are.
    epithelium_density, stroma_density : float
        New nuclei per mm2 of the class; 0 for none. Fewer come where no more fit.
    epithelium_size, stroma_size : tuple of float
        Length and width of a typical epithelial nucleus and of a typical spindle, in micrometers.
        Inflammatory cells are 6 um across.
    stratification : float
        Where epithelial nuclei lie: 0 is one row at the base, 1 is anywhere up to the lumen.
    inflammation : float
        Share of stromal nuclei that are round inflammatory cells, 0 to 1.
    irregularity : float
        Deviation of outlines from ellipses, as a share of the radius, 0 to 0.3.
    spacing : float
        Least distance of neighbors over the distance at which they touch, 0.5 to 2.
    fiber_angle : float, optional
        Direction that fibers mostly have far from glands, in radians from the x axis towards the y axis
        (down); by chance if not given.
    area : array_like, optional
        (y, x), nonzero where nuclei may go; no pixel elsewhere changes. Everywhere by default.
    middles : array_like, optional
        (y, x), nonzero where their middles may lie; they may then reach beyond it within the area. The
        densities are those of the classes there. The area by default.
    origin : tuple of int, optional
        Where the first pixel lies on a larger canvas, (y, x) in pixels: for windows that are worked on one by
        one. Fibers and crowds then go on from window to window, and each window gets an arrangement
        of its own.

    Returns
    -------
    ndarray
        New uint8 (y, x) label map. Only pixels of ``epithelium`` and ``stroma`` differ, and only by
        having become ``nuclei``.

    Raises
    ------
    LabelMapError
        If the label map is none of the scheme, the area has another size, or a number is out of range.
    SchemeError
        If the scheme lacks one of the three classes.

    Notes
    -----
    Measured on 112 fields of GlaS (38 healthy, 24 adenoma, 34 moderate, 16 poor) at 0.62 um/px, labels by
    :func:`napari_histosynth.paint.labels.labels_from_he` with the gland masks, touching nuclei split by
    watershed, pieces under 10 um2 left out (length and width are medians; counts are pooled over fields,
    covered shares of whole classes are means of fields, those at a depth are pooled):

    ========================================  =========  ==========  ==========  ==========
    epithelium (area in gland masks)          healthy    adenoma     moderate    poor
    ========================================  =========  ==========  ==========  ==========
    nuclei per mm2                            5100       4700        6300        6700
    length x width, um                        9.6 x 6.3  10.0 x 6.2  10.4 x 6.6  10.1 x 6.4
    share of the area that they cover         0.28       0.29        0.47        0.42
    the same 0-3 um from the base             0.36       0.38        0.38        0.38
    3-6 um                                    0.61       0.60        0.64        0.60
    6-9 um                                    0.57       0.61        0.73        0.64
    12-15 um                                  0.16       0.33        0.64        0.50
    30-33 um                                  0.02       0.03        0.26        0.30
    of long ones within 20 um of the base,    0.29       0.34        0.41        0.40
    share within 30 degrees of upright
    share within 30 degrees of lying flat     0.47       0.40        0.30        0.31
    ========================================  =========  ==========  ==========  ==========

    ========================================  =========  ==========  ==========  ==========
    stroma                                    healthy    adenoma     moderate    poor
    ========================================  =========  ==========  ==========  ==========
    nuclei per mm2                            7800       7000        4800        5400
    length x width, um                        7.2 x 4.6  6.8 x 4.4   8.0 x 4.3   7.7 x 4.4
    share of the area that they cover         0.26       0.22        0.17        0.18
    of long ones within 20 um of a gland,     0.53       0.58        0.58        0.56
    share within 30 degrees of its border
    ========================================  =========  ==========  ==========  ==========

    A watershed leaves nuclei that overlap as one and cuts others to pieces, so that the counts are low and
    the sizes smaller than those of whole nuclei: the default densities and sizes were chosen so that the
    covered shares lie between the grades. Pieces of merged rows lie flat, so the measured directions say
    little of single nuclei: that they stand upright is histology, not measured here.
    :mod:`napari_histosynth.paint.examples` has a set of parameters for each grade.
    """
    scheme = get_scheme(scheme)
    labels = scheme.check(labels)
    epithelium = scheme.index_of("epithelium") if epithelium is None else epithelium
    stroma = scheme.index_of("non-epithelium") if stroma is None else stroma
    nuclei = scheme.index_of("nuclei") if nuclei is None else nuclei
    _check_classes(scheme, epithelium, stroma, nuclei)
    _check_range("um_per_px", um_per_px, 1e-3, 1e3)
    for name, density in (("epithelium_density", epithelium_density), ("stroma_density", stroma_density)):
        _check_range(name, density, 0, 1e5)
    for name, size in (("epithelium_size", epithelium_size), ("stroma_size", stroma_size)):
        for edge in size:
            _check_range(name, edge, 0.5, 50)
    for name, share in (("stratification", stratification), ("inflammation", inflammation)):
        _check_range(name, share, 0, 1)
    _check_range("irregularity", irregularity, 0, 0.3)
    _check_range("spacing", spacing, 0.5, 2)

    result = labels.copy()
    allowed, central = _checked_area(area, labels.shape), _checked_area(middles, labels.shape)
    rows, columns = _window_around(allowed, labels.shape, math.ceil(CONTEXT_UM / um_per_px))
    top, left = (0, 0) if origin is None else origin
    origin_um = ((top + rows.start) * um_per_px, (left + columns.start) * um_per_px)
    tissue = Surroundings.measure(
        labels[rows, columns],
        um_per_px,
        epithelium=epithelium,
        stroma=stroma,
        nuclei=nuclei,
        seed=seed,
        fiber_angle=fiber_angle,
        origin_um=origin_um,
    )
    view = result[rows, columns]
    inside = np.ones(view.shape, bool) if allowed is None else allowed[rows, columns]
    middle = np.ones(view.shape, bool) if central is None else central[rows, columns]
    rng = np.random.default_rng(seed % 2**64 if origin is None else [seed % 2**64, top % 2**32, left % 2**32])

    host = inside & (view == epithelium)
    count = _count(epithelium_density, host & middle, um_per_px)
    candidates = _epithelial_candidates(
        tissue, host & middle, count * _TRIES, epithelium_size, stratification, um_per_px, rng
    )
    chosen = _fitting(candidates, host, spacing)[:count]
    stamp(view, chosen, nuclei, host, rng, irregularity=irregularity)

    host = inside & (view == stroma)
    count = _count(stroma_density, host & middle, um_per_px)
    crowd = smooth_noise(
        seed,
        _CROWD_STREAM,
        tissue.depth.shape,
        um_per_px=tissue.cell * um_per_px,
        scale_um=_CROWD_UM,
        origin_um=origin_um,
    )
    candidates = _stromal_candidates(
        tissue, crowd, host & middle, count * _TRIES, stroma_size, inflammation, um_per_px, rng
    )
    chosen = _fitting(candidates, host, spacing)[:count]
    stamp(view, chosen, nuclei, host, rng, irregularity=irregularity, bend=0.4)
    return result


def _epithelial_candidates(
    tissue: Surroundings,
    host: Mask,
    count: int,
    size: tuple[float, float],
    stratification: float,
    um_per_px: float,
    rng: np.random.Generator,
) -> Ellipses:
    """Draw places for epithelial nuclei, many too many."""
    # thin epithelium has its only row in the middle
    row = np.minimum(size[0] / 2, tissue.height / 2)
    spread = np.where(tissue.depth < row, 1.2, 1.2 + 1.5 * stratification)
    weights = np.exp(-0.5 * ((tissue.depth - row) / spread) ** 2)
    if stratification > 0:
        # above the base row they thin out (GlaS: 0.65 to 0.25 of the area), up to what is allowed
        top = np.maximum(np.minimum(tissue.height, _TALLEST_UM) - size[0] / 2, row + 1.0)
        level = np.clip((tissue.depth - row) / (top - row), 0, None)
        above = np.minimum((level - stratification) / 0.06, 50)
        upper = (1 - 0.6 * np.minimum(level, 1)) / (1 + np.exp(above))
        # without a lumen there is no height to rise to: everywhere in a sheet
        sheet = _ramp(tissue.depth, 22, 34) * _ramp(tissue.apical, 8, 16) * min(1.0, stratification / 0.2)
        weights = np.maximum(weights, np.where(tissue.depth > row, np.maximum(upper, 0.55 * sheet), 0))
    else:
        sheet = np.zeros_like(weights)
    y, x = draw_points(weights * tissue.share(host), count, tissue.cell, rng)
    found = len(y)
    at_height = tissue.at(tissue.height, y, x)
    scale = np.exp(0.15 * rng.standard_normal(found))
    stretch = np.exp(0.12 * rng.standard_normal(found))
    length = np.minimum(size[0] * scale * stretch, np.maximum(0.85 * at_height, size[1] * 0.7))
    width = np.minimum(size[1] * scale / stretch, length)
    wobble = np.radians(11 + 6 * stratification) + 1.2 * tissue.at(sheet.astype(np.float32), y, x)
    angle = tissue.at(tissue.rise, y, x) + wobble * rng.standard_normal(found)
    return Ellipses(y, x, length / (2 * um_per_px), width / (2 * um_per_px), angle)


def _stromal_candidates(
    tissue: Surroundings,
    crowd: Field,
    host: Mask,
    count: int,
    size: tuple[float, float],
    inflammation: float,
    um_per_px: float,
    rng: np.random.Generator,
) -> Ellipses:
    """Draw places for spindles and inflammatory cells, many too many."""
    free = tissue.share(host) * (0.5 + 0.5 * _ramp(tissue.outside, 1.0, 5.0))
    round_count = round(count * inflammation)
    # lymphocytes gather; a crowd's center has about twice the average
    y, x = draw_points(free * np.exp(0.65 * crowd), round_count, tissue.cell, rng)
    radius = _LYMPHOCYTE_UM / 2 * np.exp(0.15 * rng.standard_normal(len(y)))
    stretch = np.exp(0.13 * np.abs(rng.standard_normal(len(y))))
    angle = rng.random(len(y)) * np.pi
    cells = Ellipses(y, x, radius * stretch / um_per_px, radius / stretch / um_per_px, angle)

    y, x = draw_points(free * np.exp(0.4 * crowd), count - round_count, tissue.cell, rng)
    length = size[0] * np.exp(0.38 * rng.standard_normal(len(y)).clip(-2, 2))
    width = size[1] * np.exp(0.28 * rng.standard_normal(len(y)).clip(-2, 2))
    angle = tissue.at(tissue.fiber, y, x) + np.radians(18) * rng.standard_normal(len(y))
    spindles = Ellipses(y, x, np.maximum(length, width) / (2 * um_per_px), width / (2 * um_per_px), angle)
    both = Ellipses.join([cells, spindles])
    return both[rng.permutation(len(both))]


def _fitting(candidates: Ellipses, host: Mask, spacing: float) -> Ellipses:
    """Choose the candidates that lie in their class and off one another."""
    candidates = candidates[share_inside(candidates, host) > 0.8]
    return candidates[without_overlap(candidates, spacing)]


def _count(density: float, host: Mask, um_per_px: float) -> int:
    """Return how many nuclei a density per mm2 means for a class."""
    return round(density * 1e-6 * um_per_px**2 * int(np.count_nonzero(host)))


def _ramp(values: Field, low: float, high: float) -> Field:
    """Rise from 0 at ``low`` to 1 at ``high``."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))


def _checked_area(area: npt.ArrayLike | None, shape: tuple[int, ...]) -> Mask | None:
    """Return the area as bool (y, x), or raise LabelMapError."""
    if area is None:
        return None
    mask: Mask = np.asarray(np.asarray(area) != 0)
    if mask.shape != shape:
        raise LabelMapError(
            f"An area for nuclei has shape {mask.shape}, but the label map has {shape}; they must agree."
        )
    return mask


def _window_around(area: Mask | None, shape: tuple[int, ...], margin: int) -> tuple[slice, slice]:
    """Return rows and columns that hold the area and its surroundings."""
    if area is None:
        return slice(0, shape[0]), slice(0, shape[1])
    window = []
    for axis in (0, 1):
        used = np.flatnonzero(area.any(axis=1 - axis))
        if not used.size:
            return slice(0, 1), slice(0, 1)
        window.append(slice(max(0, int(used[0]) - margin), min(shape[axis], int(used[-1]) + 1 + margin)))
    return window[0], window[1]


def _check_classes(scheme: TissueScheme, epithelium: int, stroma: int, nuclei: int) -> None:
    """Raise LabelMapError unless the three are different classes of the scheme."""
    for index in (epithelium, stroma, nuclei):
        if not 0 <= index < scheme.n_classes:
            raise LabelMapError(
                f"{index} is no class of {scheme.name}; its classes are 0 to {scheme.n_classes - 1}."
            )
    if len({epithelium, stroma, nuclei}) < 3:
        raise LabelMapError(
            f"Epithelium ({epithelium}), stroma ({stroma}) and nuclei ({nuclei}) are not three different "
            "classes; choose one for each."
        )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise LabelMapError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise LabelMapError(f"{name} must be {low:g} to {high:g}, not {value:g}; choose a value in between.")
