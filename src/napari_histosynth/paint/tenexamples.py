"""Example fields of colon in ten classes: mucosa, adenoma, carcinoma and the wall, grown from chance.

Glands are those of :mod:`napari_histosynth.paint.example_layouts`; what they hold and what lies between
them is laid out here, each class as a field that is positive where it is. The labels are then smoothed as
those that the models of ten classes learned from (:func:`weakmeasures.as_painted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_histosynth.paint.example_layouts import (
    Growth,
    Layout,
    Values,
    crypts_across,
    crypts_along,
    tumor,
)
from napari_histosynth.paint.ground import Ground
from napari_histosynth.paint.weak import (
    BACKGROUND,
    BLOOD,
    INFLAMMATION,
    LEAST,
    LOOSE,
    MATURE,
    MUCIN,
    MUSCLE,
    NECROSIS,
    NON_REACTIVE,
    PROLIFERATIVE,
    REACTIVE,
    SIGMA,
)
from napari_histosynth.paint.weakmeasures import as_painted

Painted = Iterable[tuple[int, Values]]
"""Classes with the fields that are positive where they are; later ones lie over earlier ones."""

_FINE = 0.5  # of the blur of weak labels: these outlines are smooth already

_ADENOMA = Growth(
    spacing_um=92, stretch=1.8, stroma=0.0, join=0.12, gap_um=11, height_um=27, round_um=11, mucin=0.5
)
_INVASIVE = Growth(
    spacing_um=96, stretch=1.4, stroma=0.16, join=0.5, gap_um=20, height_um=26, cribriform=0.2, round_um=9
)


def ten_labels(name: str, shape: tuple[int, int], um_per_px: float, seed: int) -> npt.NDArray[np.uint8]:
    """Draw an example label map in ten classes.

    Parameters
    ----------
    name : str
        A key of :data:`TEN_EXAMPLES`.
    shape : tuple of int
        Height and width in pixels.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses the field; the same seed gives the same map.

    Returns
    -------
    ndarray
        uint8 (y, x) of the scheme ``colon-10``.
    """
    ground = Ground(shape, um_per_px, seed)
    labels = np.full(shape, LOOSE, np.uint8)
    for label, field in TEN_EXAMPLES[name][1](ground):
        labels[ground.draw(np.asarray(field, np.float32))] = label
    sigma = {label: _FINE * value for label, value in SIGMA.items()}
    return as_painted(labels, sigma, LEAST, um_per_px)


def _mucosa(ground: Ground) -> Painted:
    """Lay out crypts cut lengthwise on muscularis mucosae, with the submucosa under it."""
    layout = crypts_along(ground)
    deep = layout.deep
    yield from _lamina(ground, crowd=0.25)
    follicle = _spots(ground, 210, 420.0, (55.0, 85.0), share=0.3)
    yield INFLAMMATION, _all(follicle, -deep + 20)
    yield from _submucosa(ground, deep - 30)
    yield MUSCLE, _all(deep + 2 * ground.noise(211, 14), 34 + 6 * ground.noise(212, 80) - deep)
    yield (
        LOOSE,
        _all(deep - 6, 26 - deep, 2.2 - np.abs(deep - 17 + 5 * ground.noise(213, 40))),
    )
    # the lower third of the crypts is where cells divide
    base = deep + 95 + 16 * ground.noise(214, 50)
    yield from _glands(ground, layout, base, mucin=0.8)


def _colitis(ground: Ground) -> Painted:
    """Lay out inflamed mucosa with its crypts cut across: a follicle, lost mucin, crypts with pus."""
    layout = crypts_across(ground)
    follicle = _spots(ground, 220, 360.0, (80.0, 115.0), share=0.5)
    layout = replace(layout, gland=_all(layout.gland, -follicle - 8))
    yield from _lamina(ground, crowd=0.6)
    yield INFLAMMATION, follicle
    dividing = _by_gland(layout, ground.noise(221, 70) - 0.8)
    yield from _glands(ground, layout, dividing, mucin=0.6)
    pus = _all(layout.lumen + 2, 8 * (ground.noise(222, 55) - 0.6))
    yield INFLAMMATION, _all(pus, layout.gland - 9)


def _dysplasia(ground: Ground) -> Painted:
    """Lay out an adenoma: crowded glands of dividing cells, some mucin left, a little stroma."""
    layout = tumor(ground, _ADENOMA)
    yield from _lamina(ground, crowd=0.3)
    dividing = _by_gland(layout, 0.9 - ground.noise(230, 120))
    yield from _glands(ground, layout, dividing, mucin=0.6)


def _invasion(ground: Ground) -> Painted:
    """Lay out carcinoma that grows into muscle: reactive stroma around it, necrosis in its lumina."""
    layout = tumor(ground, _INVASIVE)
    y, x = ground.places
    front = 0.72 * ground.extent_um[1] - x + 0.06 * (y - ground.extent_um[0] / 2)
    front = front + 34 * ground.noise(240, 90) + 10 * ground.noise(241, 28)
    gland = _all(layout.gland, front)
    yield from _muscle(ground, (y, x))
    # the reaction reaches some 60 um beyond the outermost glands, in tongues between bundles of muscle
    reach = front + 55 + 22 * ground.noise(242, 45)
    yield REACTIVE, reach
    yield (
        INFLAMMATION,
        _all(reach + 12, 60 - reach, 9 * (ground.noise(243, 34, layers=2) - 0.45)),
    )
    yield LOOSE, _all(reach - 25, 8 * (ground.noise(244, 46) - 1.25))
    yield INFLAMMATION, _all(reach - 40, 8 * (ground.noise(245, 24) - 1.35))
    yield from _vessels(ground, 246, 120.0, (12.0, 21.0), 0.35, within=reach - 12)
    yield BACKGROUND, _all(layout.cleft - 1.3, front - 5)
    yield PROLIFERATIVE, gland
    yield BACKGROUND, _all(layout.lumen, front - 20)
    # dirty necrosis lies in the larger lumina, off the cells by a cleft here and there
    dead = _all(layout.lumen - 3.5 + 3 * ground.noise(247, 16), 10 * (ground.noise(248, 70) + 0.55))
    yield NECROSIS, _all(dead, front - 24)


def _mucinous(ground: Ground) -> Painted:
    """Lay out pools of mucus between septa, with strips and clusters of tumor cells at and in them."""
    y, x = ground.places
    y, x = (at + 26 * ground.noise(stream, 110) for at, stream in ((y, 250), (x, 251)))
    sites = ground.sites(252, 185.0, jitter=0.28, at=(y, x))
    chance = sites.chance[sites.nearest]
    wall = 9 + 13 * chance[..., 0] + 5 * ground.noise(253, 40)
    pool = np.where(chance[..., 1] < 0.12, -60.0, sites.edge - wall)
    pool = _rounded(ground, pool, 14.0)
    yield REACTIVE, np.full(ground.grid_shape, 1.0)
    yield LOOSE, 8 * (ground.noise(254, 60) - 1.0)
    yield INFLAMMATION, 8 * (ground.noise(255, 26, layers=2) - 1.15)
    yield from _vessels(ground, 256, 95.0, (5.0, 8.0), 0.3, within=-pool - 8)
    yield MUCIN, pool
    # where epithelium still lines a pool it lies on the septum, one or two cells high
    lined = 26 * (ground.noise(257, 60) - 0.35)
    high = 17 + 6 * ground.noise(258, 22)
    yield PROLIFERATIVE, _all(pool + 2, high - pool, lined)
    clusters = _spots(ground, 259, 82.0, (10.0, 23.0), share=0.2)
    yield PROLIFERATIVE, _all(clusters + 4 * ground.noise(260, 10), pool - 26)
    nests = np.where(chance[..., 1] < 0.12, _spots(ground, 261, 46.0, (13.0, 20.0), share=0.75), -9.0)
    yield PROLIFERATIVE, nests + 3 * ground.noise(262, 9)


def _wall(ground: Ground) -> Painted:
    """Lay out the wall from submucosa to fat: two layers of muscle with a seam between them."""
    y, x = ground.places
    height = ground.extent_um[0]
    y = y + 12 * ground.noise(270, 150) + 4 * ground.noise(271, 40)
    muscle = y - 0.27 * height
    seam = y - 0.57 * height
    serosa = y - 0.82 * height
    yield from _submucosa(ground, -muscle)
    # the inner layer is cut along its fibers, the outer one across: bundles with thin seams of stroma
    yield MUSCLE, _all(muscle, 3 - seam)
    band = y / 34 + 0.35 * ground.noise(272, 120) + 0.2 * ground.noise(273, 45)
    gap = np.abs(band - np.round(band)) * 34
    yield LOOSE, _all(2.4 + 1.8 * ground.noise(274, 50) - gap, muscle - 6, -seam - 6)
    bundles = ground.sites(
        275, 74.0, jitter=0.3, at=(y + 6 * ground.noise(276, 30), x + 8 * ground.noise(277, 40))
    )
    yield MUSCLE, _all(bundles.edge - 2.6 - ground.noise(278, 30), seam - 12, -serosa)
    yield NON_REACTIVE, _all(seam + 2, 12 - seam, 6 * (ground.noise(279, 45) + 0.1))
    yield from _vessels(ground, 280, 130.0, (5.0, 9.0), 0.3, within=_all(seam + 12, 24 - seam))
    # subserosa: fat cells, empty as they come from the slide, and a few vessels between their lobules
    yield NON_REACTIVE, _all(serosa, 22 + 6 * ground.noise(281, 60) - serosa)
    cells = ground.sites(282, 47.0, jitter=0.16)
    lobule = serosa - 24 + 16 * ground.noise(283, 80)
    yield BACKGROUND, _all(_rounded(ground, cells.edge - 2.6, 3.0), lobule)
    yield from _vessels(ground, 284, 150.0, (14.0, 22.0), 0.4, within=serosa - 10)


TEN_EXAMPLES: Mapping[str, tuple[str, Callable[[Ground], Painted]]] = {
    "mucosa": ("Mucosa on muscularis mucosae", _mucosa),
    "colitis": ("Inflamed mucosa, crypts cut across", _colitis),
    "dysplasia": ("Adenoma with mucin", _dysplasia),
    "invasion": ("Carcinoma, reactive stroma, muscle", _invasion),
    "mucinous": ("Mucinous carcinoma", _mucinous),
    "wall": ("Wall: submucosa, muscle, fat", _wall),
}
"""Titles and layouts of the examples in ten classes, by name."""


def _lamina(ground: Ground, *, crowd: float) -> Painted:
    """Lay out lamina propria: loose, crowded with lymphocytes over a share of it, capillaries."""
    level = float(np.quantile(crowded := ground.noise(200, 30, layers=2), 1 - crowd))
    yield INFLAMMATION, 9 * (crowded - level)
    yield from _vessels(ground, 201, 74.0, (4.5, 7.0), 0.3)


def _submucosa(ground: Ground, field: Values) -> Painted:
    """Lay out loose tissue with bundles of collagen along the surface, and vessels full of blood."""
    y, x = ground.places
    fibers = 0.5 * ground.noise(203, 50) + np.sin(y / 8 + 2.4 * ground.noise(204, 80) + x / 60)
    yield LOOSE, field
    yield NON_REACTIVE, _all(field, 7 * (fibers - 0.25))
    yield from _vessels(ground, 205, 140.0, (17.0, 34.0), 0.5, within=field - 8)


def _muscle(ground: Ground, at: tuple[Values, Values]) -> Painted:
    """Lay out bundles of muscle with septa between them."""
    y, x = at
    band = x / 52 + 0.25 * y / 52 + 0.4 * ground.noise(206, 110) + 0.16 * ground.noise(207, 40)
    gap = np.abs(band - np.round(band)) * 52
    yield MUSCLE, np.full(ground.grid_shape, 1.0)
    yield NON_REACTIVE, 4.5 + 3 * ground.noise(208, 60) - gap
    yield LOOSE, 1.5 + 3 * ground.noise(209, 50) - gap


def _glands(ground: Ground, layout: Layout, dividing: Values, *, mucin: float) -> Painted:
    """Lay out glands: epithelium (dividing where positive), goblet mucin above the nuclei, lumina."""
    yield MATURE, layout.gland
    yield PROLIFERATIVE, _all(layout.gland, dividing)
    # goblets stand side by side: a band of drops that run together, emptier where cells divide
    drops = ground.noise(190, 7) + 0.5 * ground.noise(191, 3.5) + 2.4 * (mucin * layout.mucin**0.5 - 0.45)
    drops = np.where(dividing > 0, drops - 0.9, drops)
    band = _all(layout.gland - 9.5, -layout.lumen - 1.0)
    yield MUCIN, _all(band, 5 * drops)
    yield BACKGROUND, layout.cleft - 1.3
    yield BACKGROUND, layout.lumen
    # the mouths of crypts stand open, below them their own mucus fills them
    yield (
        MUCIN,
        _all(
            layout.lumen,
            layout.gland - 15,
            6 * (ground.noise(192, 60) - 0.1),
            9 - layout.lumen,
        ),
    )


def _by_gland(layout: Layout, field: Values) -> Values:
    """Return for each gland the mean of a field over it: a gland is of one kind."""
    glands, count = ndimage.label(layout.gland > 0)
    total = np.bincount(glands.ravel(), np.ravel(field), minlength=count + 1)
    means = total / np.maximum(np.bincount(glands.ravel(), minlength=count + 1), 1)
    return np.asarray(np.where(glands > 0, means[glands], -1.0), dtype=np.float32)


def _vessels(
    ground: Ground,
    stream: int,
    spacing_um: float,
    radius_um: tuple[float, float],
    share: float,
    within: Values | None = None,
) -> Painted:
    """Lay out vessels full of red cells, with a wall where they are large, in a part of the field."""
    spots = _spots(ground, stream, spacing_um, radius_um, share)
    spots = spots if within is None else _all(spots, within)
    if radius_um[1] > 9:
        yield NON_REACTIVE, np.where(spots > -99, spots, -99.0)
        spots = spots - 6.0
    yield BLOOD, spots


def _spots(
    ground: Ground, stream: int, spacing_um: float, radius_um: tuple[float, float], share: float
) -> Values:
    """Return round spots around some of many sites: distance from their borders, positive inside."""
    y, x = ground.places
    bent = (y + 0.12 * spacing_um * ground.noise(stream + 1000, 0.6 * spacing_um), x)
    sites = ground.sites(stream, spacing_um, jitter=0.24, at=bent)
    chance = sites.chance[sites.nearest]
    dy, dx = bent[0] - sites.y[sites.nearest], bent[1] - sites.x[sites.nearest]
    turn = np.pi * chance[..., 0]
    u = dx * np.cos(turn) + dy * np.sin(turn)
    v = 1.5 * (dy * np.cos(turn) - dx * np.sin(turn))
    radius = radius_um[0] + (radius_um[1] - radius_um[0]) * chance[..., 1]
    inside = radius - np.hypot(u, v)
    return np.where(chance[..., 2] < share, inside, -100.0)


def _rounded(ground: Ground, field: Values, round_um: float) -> Values:
    """Return the distance from the border of where a field is positive, its corners rounded."""
    soft = ground.smooth((field > 0).astype(np.float32), round_um / 2) - 0.5
    return ground.smooth(ground.distance(soft > 0), 1.0)


def _all(*fields: Values) -> Values:
    """Return a field that is positive where all of some are."""
    return np.asarray(np.minimum.reduce(np.broadcast_arrays(*fields)))
