"""Label maps to begin with: procedural fields of colon that could have been traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import HistosynthError, LabelMapError
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.paint.ellipses import (
    Ellipses,
    draw_points,
    share_inside,
    stamp,
    without_overlap,
)
from napari_histosynth.paint.example_layouts import Growth, Layout, buds, crypts_across, crypts_along, tumor
from napari_histosynth.paint.ground import Ground
from napari_histosynth.paint.nuclei import scatter_nuclei
from napari_histosynth.paint.surroundings import Surroundings
from napari_histosynth.paint.tenclasses import SCHEME as TEN_SCHEME
from napari_histosynth.paint.tenclasses import takes_ten_classes
from napari_histosynth.paint.tenexamples import TEN_EXAMPLES, ten_labels

_SCHEME = get_scheme("colon-3")
_BACKGROUND = _SCHEME.index_of("background")
_STROMA = _SCHEME.index_of("non-epithelium")
_EPITHELIUM = _SCHEME.index_of("epithelium")
_NUCLEI = _SCHEME.index_of("nuclei")

_GOBLETS_PER_MM2 = 8000.0  # where the epithelium is nothing but goblet cells


class Nuclei(TypedDict, total=False):
    """What a kind of tissue asks of :func:`~napari_histosynth.paint.nuclei.scatter_nuclei`."""

    epithelium_density: float
    epithelium_size: tuple[float, float]
    stratification: float
    stroma_density: float
    stroma_size: tuple[float, float]
    inflammation: float
    fiber_angle: float


@dataclass(frozen=True)
class _Example:
    """A kind of tissue: its layout, its nuclei and what lies in between."""

    title: str
    layout: Callable[[Ground], Layout]
    nuclei: Nuclei
    clefts_per_mm2: float = 2500.0
    vessels_per_mm2: float = 10.0
    debris: float = 0.0  # share of lumina with dead cells in them


# densities are those at which nuclei cover what they cover on GlaS; see scatter_nuclei
_HEALTHY = Nuclei(
    epithelium_density=7600.0,
    epithelium_size=(8.2, 6.6),
    stratification=0.12,
    stroma_density=9000.0,
    stroma_size=(9.0, 4.0),
    inflammation=0.7,
)
_ADENOMA = Nuclei(
    epithelium_density=9500.0,
    epithelium_size=(12.0, 5.2),
    stratification=0.5,
    stroma_density=7500.0,
    stroma_size=(9.0, 4.0),
    inflammation=0.6,
)
_MODERATE = Nuclei(
    epithelium_density=9500.0,
    epithelium_size=(11.5, 6.0),
    stratification=0.62,
    stroma_density=5200.0,
    stroma_size=(11.0, 3.7),
    inflammation=0.25,
)
_POOR = Nuclei(
    epithelium_density=8000.0,
    epithelium_size=(10.5, 7.0),
    stratification=0.85,
    stroma_density=5900.0,
    stroma_size=(10.0, 3.8),
    inflammation=0.4,
)
# muscle and submucosa: few and slender
_DEEP = Nuclei(stroma_density=2400.0, stroma_size=(13.0, 3.2), inflammation=0.06)


def _adenoma(ground: Ground) -> Layout:
    """Lay out long, crowded glands that keep to themselves."""
    growth = Growth(
        spacing_um=92,
        stretch=1.8,
        stroma=0.03,
        join=0.12,
        gap_um=12,
        height_um=27,
        round_um=11,
        rough_um=1.2,
        mucin=0.3,
    )
    return tumor(ground, growth)


def _moderate(ground: Ground) -> Layout:
    """Lay out glands that branch, lie back to back and are cribriform here and there."""
    growth = Growth(
        spacing_um=90,
        stretch=1.5,
        stroma=0.24,
        join=0.55,
        gap_um=9,
        height_um=28,
        cribriform=0.25,
        round_um=8,
        rough_um=2.4,
    )
    return tumor(ground, growth)


def _poor(ground: Ground) -> Layout:
    """Lay out solid nests with rare lumina, and cords between them."""
    growth = Growth(
        spacing_um=56,
        stretch=1.35,
        stroma=0.42,
        join=0.4,
        gap_um=7,
        height_um=60,
        cribriform=0.2,
        round_um=6,
        rough_um=2.6,
    )
    return buds(ground, tumor(ground, growth), size_um=29, share=0.14)


_EXAMPLES: dict[str, _Example] = {
    "crypts-cross": _Example(
        "Healthy mucosa, crypts cut across", crypts_across, _HEALTHY, vessels_per_mm2=8.0
    ),
    "crypts-along": _Example(
        "Healthy mucosa, crypts cut lengthwise", crypts_along, {**_HEALTHY, "fiber_angle": 0.0}
    ),
    "adenoma": _Example("Tubular adenoma", _adenoma, _ADENOMA, vessels_per_mm2=6.0),
    "moderate": _Example(
        "Moderately differentiated carcinoma", _moderate, _MODERATE, clefts_per_mm2=700.0, debris=0.5
    ),
    "poor": _Example("Poorly differentiated carcinoma", _poor, _POOR, clefts_per_mm2=1500.0),
}


def example_names(scheme: TissueScheme | None = None) -> tuple[str, ...]:
    """Return the names of the example tissues.

    Parameters
    ----------
    scheme : TissueScheme, optional
        Only those that a model of this scheme can draw: those of ten classes if it has these, else those
        of three.
    """
    if scheme is None:
        return (*_EXAMPLES, *TEN_EXAMPLES)
    return tuple(TEN_EXAMPLES if takes_ten_classes(scheme) else _EXAMPLES)


def example_title(name: str) -> str:
    """Return the name of an example for people, such as ``"Tubular adenoma"``.

    Raises
    ------
    HistosynthError
        If there is no such example; the message lists those there are.
    """
    return TEN_EXAMPLES[name][0] if name in TEN_EXAMPLES else _example(name).title


def example_nuclei(name: str) -> Nuclei:
    """Return what the nuclei of an example of ``colon-3`` are like.

    Raises
    ------
    HistosynthError
        If there is no such example.
    """
    return _example(name).nuclei.copy()


def example_scheme(name: str) -> TissueScheme:
    """Return the scheme that an example is drawn in, ``colon-3`` or ``colon-10``.

    Raises
    ------
    HistosynthError
        If there is no such example.
    """
    if name in TEN_EXAMPLES:
        return get_scheme(TEN_SCHEME)
    _example(name)
    return _SCHEME


def example_labels(
    name: str, shape: tuple[int, int] = (1024, 1024), um_per_px: float = 0.62, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Draw an example label map.

    Sizes follow fields of GlaS; nuclei are those of :func:`napari_histosynth.paint.nuclei.scatter_nuclei`.

    Parameters
    ----------
    name : str
        One of :func:`example_names`.
    shape : tuple of int
        Height and width in pixels.
    um_per_px : float
        Micrometers a pixel, 0.1 to 10: how much tissue there is to a pixel.
    seed : int
        Chooses the field; the same seed gives the same map.

    Returns
    -------
    ndarray
        uint8 (y, x) of :func:`example_scheme`.

    Raises
    ------
    HistosynthError
        If there is no such example.
    LabelMapError
        If the shape is empty or the scale out of range.
    """
    example = None if name in TEN_EXAMPLES else _example(name)
    height, width = (int(edge) for edge in shape)
    if height < 1 or width < 1:
        raise LabelMapError(f"A canvas of {height} x {width} px is empty; ask for at least 1 x 1.")
    if not 0.1 <= um_per_px <= 10:
        raise LabelMapError(f"um_per_px must be 0.1 to 10, not {um_per_px:g}; examples have no other scale.")
    if example is None:
        return ten_labels(name, (height, width), float(um_per_px), int(seed))
    ground = Ground((height, width), float(um_per_px), int(seed))
    layout = example.layout(ground)
    labels = np.full((height, width), _STROMA, np.uint8)
    labels[ground.draw(layout.cleft)] = _BACKGROUND
    labels[ground.draw(layout.gland)] = _EPITHELIUM
    labels[ground.draw(layout.lumen)] = _BACKGROUND
    surroundings = _look_around(labels, ground)
    _open_clefts(labels, ground, surroundings, layout, example)
    _fill_goblets(labels, ground, surroundings, layout)
    deep = ground.draw(layout.deep)
    deep_nuclei: Nuclei = {**example.nuclei, **_DEEP}
    for area, nuclei in ((~deep, example.nuclei), (deep, deep_nuclei)):
        if area.any():
            labels = scatter_nuclei(
                labels, um_per_px=um_per_px, seed=seed, scheme=_SCHEME, area=area, **nuclei
            )
    if example.debris > 0:
        _scatter_debris(labels, ground, surroundings, layout, example.debris)
    return labels


def _open_clefts(
    labels: npt.NDArray[np.uint8], ground: Ground, around: Surroundings, layout: Layout, example: _Example
) -> None:
    """Fray loose stroma, tear clefts along its fibers and cut vessels, in place."""
    rng = ground.chance(110)
    host = labels == _STROMA
    px = ground.um_per_px
    area_mm2 = np.count_nonzero(host) * px**2 * 1e-6
    room = around.share(host) * np.clip((around.outside - 2) / 6, 0, 1)
    # where fibers have come apart they have done so side by side, torn to shreds of all sizes
    fray = room * np.exp(np.clip(1.6 * layout.loose + 0.7 * ground.noise(111, 30), -6, 3))
    y, x = draw_points(fray, round(example.clefts_per_mm2 * area_mm2), around.cell, rng)
    length = 6.5 * np.exp(0.45 * rng.standard_normal(len(y)).clip(-2, 2.5))
    width = np.maximum(length * rng.uniform(0.18, 0.6, len(y)), 1.8)
    angle = around.at(around.fiber, y, x) + 0.3 * rng.standard_normal(len(y))
    clefts = Ellipses(y, x, length / (2 * px), width / (2 * px), angle)
    y, x = draw_points(room, round(4 * example.vessels_per_mm2 * area_mm2), around.cell, rng)
    length = 10 * np.exp(0.5 * rng.standard_normal(len(y)).clip(-1.5, 2))
    width = length * rng.uniform(0.4, 0.95, len(y))
    angle = around.at(around.fiber, y, x) + 0.3 * rng.standard_normal(len(y))
    vessels = Ellipses(y, x, length / (2 * px), width / (2 * px), angle)
    roomy = Ellipses(vessels.y, vessels.x, vessels.long + 5 / px, vessels.short + 5 / px, vessels.angle)
    vessels = vessels[share_inside(roomy, host) == 1][: round(example.vessels_per_mm2 * area_mm2)]
    stamp(labels, clefts, _BACKGROUND, host, rng, irregularity=0.3, bend=0.8)
    stamp(labels, vessels, _BACKGROUND, host, rng, irregularity=0.16, bend=0.2)


def _fill_goblets(
    labels: npt.NDArray[np.uint8], ground: Ground, around: Surroundings, layout: Layout
) -> None:
    """Open goblets of mucin in the epithelium, in place: drops that stand on end above the nuclei."""
    rng = ground.chance(120)
    host = labels == _EPITHELIUM
    px = ground.um_per_px
    weights = around.share(host) * layout.mucin**1.5 * (around.depth > 12.5)
    wanted = round(_GOBLETS_PER_MM2 * 1e-6 * (px * around.cell) ** 2 * float(weights.sum()))
    y, x = draw_points(weights, 6 * wanted, around.cell, rng)
    length = 11.5 * np.exp(0.25 * rng.standard_normal(len(y)).clip(-2, 2))
    width = length * rng.uniform(0.5, 0.85, len(y))
    angle = around.at(around.rise, y, x) + 0.15 * rng.standard_normal(len(y))
    goblets = Ellipses(y, x, length / (2 * px), width / (2 * px), angle)
    goblets = goblets[share_inside(goblets, host) > 0.7]
    # thin walls of cytoplasm stay between them
    goblets = goblets[without_overlap(goblets, 1.08)]
    stamp(labels, goblets[:wanted], _BACKGROUND, host, rng, irregularity=0.1, bend=0.2)


def _scatter_debris(
    labels: npt.NDArray[np.uint8], ground: Ground, around: Surroundings, layout: Layout, share: float
) -> None:
    """Fill some lumina with dead cells, in place: shreds of epithelium and bits of nuclei."""
    rng = ground.chance(130)
    shreds = np.minimum(
        layout.lumen + 1.0, 6 * (ground.noise(131, 7, layers=2) + ground.noise(134, 60) - 2.6 + 2 * share)
    )
    host = ground.draw(shreds)
    labels[host] = _EPITHELIUM
    px = ground.um_per_px
    weights = around.share(host)
    count = round(5000 * 1e-6 * px**2 * np.count_nonzero(host))
    y, x = draw_points(weights, count, around.cell, rng)
    radius = 2.1 * np.exp(0.25 * rng.standard_normal(len(y)))
    bits = Ellipses(y, x, 1.2 * radius / px, radius / px, rng.random(len(y)) * np.pi)
    stamp(labels, bits, _NUCLEI, host, rng, irregularity=0.2)


def _look_around(labels: npt.NDArray[np.uint8], ground: Ground) -> Surroundings:
    """Measure distances and directions as nuclei will see them."""
    return Surroundings.measure(
        labels, ground.um_per_px, epithelium=_EPITHELIUM, stroma=_STROMA, nuclei=_NUCLEI, seed=ground.seed
    )


def _example(name: str) -> _Example:
    """Return an example by name, or raise HistosynthError."""
    if name not in _EXAMPLES:
        raise HistosynthError(f'There is no example "{name}"; choose one of {", ".join(example_names())}.')
    return _EXAMPLES[name]
