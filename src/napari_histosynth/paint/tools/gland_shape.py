"""The shape of one gland: what can be set about it, and its outline, wall, lumen, goblets and nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.paint.ellipses import (
    Ellipses,
    Mask,
    draw_points,
    share_inside,
    stamp,
    without_overlap,
)
from napari_histosynth.paint.fields import Field, cell_of, layered_noise
from napari_histosynth.paint.ground import Ground
from napari_histosynth.paint.nuclei import scatter_nuclei
from napari_histosynth.paint.surroundings import Surroundings
from napari_histosynth.paint.tools.workpiece import ClassLike, check_range, class_index

Values = npt.NDArray[np.floating[Any]]
"""A field in the making, of any precision."""

_GOBLETS_PER_MM2 = 8000.0  # where the epithelium is nothing but goblet cells
_ROUGH_STREAM, _WALL_STREAM = 220, 224


@dataclass(frozen=True)
class Gland:
    """What a gland is like.

    Parameters
    ----------
    radius_um : float
        From the middle to the base, 8 to 300.
    height_um : float
        Height of the epithelium, 3 to 100. A gland that is too small for it has no lumen.
    lumen : float
        Share of the space within that height which is open, 0 to 1; 0 is a solid nest.
    stretch : float
        Length over width, 1 to 4.
    irregularity : float
        How far the outline departs from an oval, 0 to 1.
    goblets : float
        How rich the epithelium is in goblet cells, 0 to 1, drawn as holes of the lumen's class.
    nuclei_density : float
        Nuclei per mm2 of epithelium, 0 to 100,000, in schemes that have nuclei.
    nuclei_size_um : tuple of float
        Length and width of a typical nucleus, 0.5 to 50.
    stratification : float
        Where nuclei lie: 0 is one row at the base, 1 is anywhere up to the lumen.

    Raises
    ------
    LabelMapError
        If a number is out of range.
    """

    radius_um: float = 42.0
    height_um: float = 24.0
    lumen: float = 0.5
    stretch: float = 1.15
    irregularity: float = 0.2
    goblets: float = 0.0
    nuclei_density: float = 7600.0
    nuclei_size_um: tuple[float, float] = (8.2, 6.6)
    stratification: float = 0.12

    def __post_init__(self) -> None:
        check_range("radius_um", self.radius_um, 8, 300)
        check_range("height_um", self.height_um, 3, 100)
        check_range("stretch", self.stretch, 1, 4)
        for name in ("lumen", "irregularity", "goblets", "stratification"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("nuclei_density", self.nuclei_density, 0, 1e5)
        for edge in self.nuclei_size_um:
            check_range("nuclei_size_um", edge, 0.5, 50)


#: Glands by name. Radii, heights and nuclei are those of the example label maps, after fields of GlaS.
GLANDS: dict[str, Gland] = {
    "crypt": Gland(goblets=0.7, lumen=0.4),
    "adenoma": Gland(
        radius_um=52,
        height_um=28,
        lumen=0.4,
        stretch=1.7,
        irregularity=0.4,
        goblets=0.15,
        nuclei_density=9500,
        nuclei_size_um=(12.0, 5.2),
        stratification=0.5,
    ),
    "carcinoma": Gland(
        radius_um=60,
        height_um=27,
        lumen=0.85,
        stretch=1.4,
        irregularity=0.9,
        nuclei_density=9500,
        nuclei_size_um=(11.5, 6.0),
        stratification=0.62,
    ),
    "nest": Gland(
        radius_um=26,
        height_um=40,
        lumen=0.0,
        stretch=1.4,
        irregularity=0.8,
        nuclei_density=8000,
        nuclei_size_um=(10.5, 7.0),
        stratification=0.85,
    ),
}


def gland_of(gland: Gland | str) -> Gland:
    """Return a gland by its name, or as it is.

    Raises
    ------
    LabelMapError
        If there is none of that name; the message lists those there are.
    """
    if isinstance(gland, Gland):
        return gland
    if gland not in GLANDS:
        raise LabelMapError(f'There is no gland "{gland}"; choose one of {", ".join(GLANDS)}.')
    return GLANDS[gland]


@dataclass(frozen=True)
class GlandClasses:
    """Classes of which glands are made.

    Parameters
    ----------
    epithelium, lumen : int
        Classes of the wall, and of what is inside.
    all_epithelium : tuple of int
        Classes of which existing glands may be.
    stroma, nuclei : int or None
        Classes of a scheme with nuclei.
    """

    epithelium: int
    lumen: int
    all_epithelium: tuple[int, ...]
    stroma: int | None
    nuclei: int | None

    @classmethod
    def of(cls, scheme: TissueScheme, epithelium: ClassLike | None, lumen: ClassLike | None) -> GlandClasses:
        """Return the classes of a scheme; glands are proliferative where it tells that, lumina are bare.

        Raises
        ------
        SchemeError
            If the scheme has no class that is called epithelium, and none is given.
        """
        named = [index for index, name in enumerate(scheme.names) if name.startswith("epithelium")]
        if epithelium is None:
            if not named:
                raise SchemeError(
                    f'{scheme.name} has no class whose name begins with "epithelium"; say of which '
                    f"class glands are: {', '.join(scheme.names)}."
                )
            epithelium = named[-1]
        wall = class_index(scheme, epithelium)
        inside = scheme.background if lumen is None else class_index(scheme, lumen)
        both = "nuclei" in scheme.names and "non-epithelium" in scheme.names
        return cls(
            wall,
            inside,
            tuple(sorted({*named, wall})),
            scheme.index_of("non-epithelium") if both else None,
            scheme.index_of("nuclei") if both else None,
        )


@dataclass(frozen=True)
class Place:
    """A window of a canvas as ground for glands; noise belongs to the canvas, not to the window.

    Parameters
    ----------
    window : Window
        Its corner lies on the grid of cells of :func:`fields.cell_of`.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses all that is left to chance.
    """

    window: Window
    um_per_px: float
    seed: int

    @classmethod
    def around(cls, window: Window, shape: tuple[int, ...], um_per_px: float, seed: int) -> Place:
        """Return the place that holds a window of a canvas of ``shape``."""
        cell = cell_of(um_per_px)
        return cls(window.align(cell).clip(shape), um_per_px, seed)

    @property
    def ground(self) -> Ground:
        """The grid, whose own noise is not to be used."""
        return Ground(self.window.shape, self.um_per_px, self.seed)

    @property
    def origin_um(self) -> tuple[float, float]:
        """Position of the corner on the canvas, in micrometers."""
        return self.window.y0 * self.um_per_px, self.window.x0 * self.um_per_px

    @property
    def places(self) -> tuple[Field, Field]:
        """Position of each grid point on the canvas, two float32 (y, x) in micrometers."""
        y, x = self.ground.places
        return y + np.float32(self.origin_um[0]), x + np.float32(self.origin_um[1])

    def noise(self, stream: int, scale_um: float) -> Field:
        """Draw smooth noise on the grid, standard normal."""
        ground = self.ground
        return layered_noise(
            self.seed,
            stream,
            ground.grid_shape,
            um_per_px=ground.step_um,
            scale_um=scale_um,
            layers=2,
            origin_um=self.origin_um,
        )

    def thin_out(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a picture of the window at its grid points."""
        cell = self.ground.cell
        rows, columns = (
            np.minimum(np.arange(0, length, cell) + cell // 2, length - 1) for length in pixels.shape
        )
        return pixels[np.ix_(rows, columns)]


def outline(gland: Gland, dy: Values, dx: Values, chance: Values) -> Values:
    """Return how deep in a gland a place is, roughly in micrometers, negative outside.

    Parameters
    ----------
    gland : Gland
        What it is like.
    dy, dx : ndarray
        Distance from its middle, in micrometers.
    chance : ndarray
        (..., 8) numbers of 0 to 1 that belong to the gland.
    """
    turn = np.pi * chance[..., 0]
    aspect = np.sqrt(1 + (gland.stretch - 1) * (0.5 + chance[..., 1]))
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / aspect
    v = (dy * np.cos(turn) - dx * np.sin(turn)) * aspect
    phi = np.arctan2(v, u)
    wave = 0.10 * np.cos(2 * phi + 6 * chance[..., 2]) + 0.13 * np.cos(3 * phi + 40 * chance[..., 3])
    wave += 0.09 * np.cos(4 * phi + 50 * chance[..., 5]) + 0.07 * np.cos(5 * phi + 60 * chance[..., 4])
    radius = gland.radius_um * (0.85 + 0.3 * chance[..., 7])
    return np.asarray(radius - np.hypot(u, v) / (1 + gland.irregularity * wave))


def roughness(gland: Gland, place: Place) -> Values:
    """Return how far outlines wander at each grid point, in micrometers."""
    return np.asarray((0.5 + 1.5 * gland.irregularity) * place.noise(_ROUGH_STREAM, 14.0))


def hollow(
    gland: Gland, place: Place, depth: Values, top: Values | float, chance: Values
) -> npt.NDArray[np.float32]:
    """Return where lumina are: positive inside, roughly micrometers from the wall.

    Parameters
    ----------
    gland, place
        What glands are like, and where.
    depth : ndarray
        (y, x), micrometers from the base, positive inside.
    top : ndarray or float
        The greatest depth in each gland.
    chance : ndarray
        (..., 8) numbers of 0 to 1 that belong to each gland.
    """
    if gland.lumen == 0:
        return np.full(depth.shape, -1.0, np.float32)
    height = gland.height_um * (0.9 + 0.2 * chance[..., 6])
    wall = height + (1 - gland.lumen) * np.maximum(top - height, 0)
    wander = (1.2 + 2.0 * gland.irregularity) * place.noise(_WALL_STREAM, 16.0)
    # a slit stays a slit: noise may not close what is narrow
    wander = np.clip(wander, -0.4 * np.maximum(top - wall, 0), None)
    field = place.ground.smooth(np.asarray(depth - wall + wander, dtype=np.float32), 1.5)
    open_ = place.ground.without_specks(field > 0, 30.0)
    return np.where(open_, field, np.minimum(field, -0.1)).astype(np.float32)


def furnish(
    labels: Labels,
    inside: Mask,
    lumen: Mask,
    gland: Gland,
    classes: GlandClasses,
    um_per_px: float,
    seed: int,
) -> Labels:
    """Return a label map with glands in it, furnished with goblets and nuclei.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), around the glands too.
    inside, lumen : ndarray
        bool (y, x): the glands as a whole, and their lumina.
    gland, classes
        What they are like, and are made of.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses where goblets and nuclei are.
    """
    result = labels.copy()
    result[inside] = classes.epithelium
    result[inside & lumen] = classes.lumen
    if not inside.any():
        return result
    stroma = classes.stroma if classes.stroma is not None else -1
    nuclei = classes.nuclei if classes.nuclei is not None else -1
    if gland.goblets > 0:
        # only glands and what is not: any stroma is a base, whatever its class
        plain = np.full(result.shape, 1, np.uint8)
        plain[inside] = 2
        plain[inside & lumen] = 0
        around = Surroundings.measure(plain, um_per_px, epithelium=2, stroma=1, nuclei=3, seed=seed)
        _open_goblets(result, plain == 2, around, gland, classes.lumen, um_per_px, seed)
    if nuclei < 0 or stroma < 0 or gland.nuclei_density == 0:
        return result
    return scatter_nuclei(
        result,
        um_per_px=um_per_px,
        seed=seed,
        scheme="colon-3",
        epithelium=classes.epithelium,
        stroma=stroma,
        nuclei=nuclei,
        epithelium_density=gland.nuclei_density,
        stroma_density=0.0,
        epithelium_size=gland.nuclei_size_um,
        stratification=gland.stratification,
        area=inside,
    )


def _open_goblets(
    labels: Labels, host: Mask, around: Surroundings, gland: Gland, value: int, um_per_px: float, seed: int
) -> None:
    """Open goblets of mucin in epithelium, in place: drops that stand on end above the nuclei."""
    rng = np.random.default_rng([seed % 2**64, 120])
    weights = around.share(host) * (around.depth > gland.nuclei_size_um[0] + 3)
    density = _GOBLETS_PER_MM2 * gland.goblets**1.5
    wanted = round(density * 1e-6 * (um_per_px * around.cell) ** 2 * float(weights.sum()))
    y, x = draw_points(weights, 6 * wanted, around.cell, rng)
    length = 11.0 * np.exp(0.25 * rng.standard_normal(len(y)).clip(-2, 2))
    width = length * rng.uniform(0.5, 0.85, len(y))
    angle = around.at(around.rise, y, x) + 0.15 * rng.standard_normal(len(y))
    drops = Ellipses(y, x, length / (2 * um_per_px), width / (2 * um_per_px), angle)
    drops = drops[share_inside(drops, host) > 0.75]
    # thin walls of cytoplasm stay between them
    drops = drops[without_overlap(drops, 1.08)]
    stamp(labels, drops[:wanted], value, host, rng, irregularity=0.1, bend=0.2)
