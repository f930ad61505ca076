"""What a slide's layout and noise say of glands in a place: of which kind, how deep, which way.

Lengths are units of 8 um, pixels of level 4; places are counted from the corner of the slide; planes hold a
number for each cell of the layout, 32 um. Only sums, products and square roots are taken, so that every
machine finds the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layout import cells_in
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, TUMOR
from napari_histosynth.slide.layoutshapes import depth_in
from napari_histosynth.slide.softnoise import generator, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

#: Units a pixel of the layout.
CELL = 4
#: Cells around a region where the ground is known, and within which the surface is looked for.
_BEYOND, _DEEP = 8, 24
#: Cells around a region that its ground depends on.
GROUND_SEES = _BEYOND + _DEEP + 10
#: Cells that glass is wide, at least, where it is a surface.
_CRACK = 5
#: Units below the surface within which glands of a tumor stand upright on it.
_SURFACE = 50
#: Directions of rods, unit vectors (y, x) over half a turn, with fewer digits than machines agree on.
DIRECTIONS = tuple(
    (round(math.sin(math.pi * k / 16), 6), round(math.cos(math.pi * k / 16), 6)) for k in range(16)
)
#: Streams of chance and of noise.
_CHANCE, _MODE, _GRADE, _TURN = 0x300, 0x8000, 0x8001, 0x8002


@dataclass(frozen=True)
class Manner:
    """How glands of a slide look; lengths in units of 8 um.

    Attributes
    ----------
    spacing, radius : float
        Of crypts in cross section: from one to the next, and of each.
    apart, thick, long : float
        Of crypts in longitudinal section: from one to the next, their radius, half their length.
    lying : float
        Standard deviations of noise above which crypts below the surface are cut lengthwise.
    grade : float
        0 well to 1 poorly differentiated tumor.
    mucin : float
        0 crypts with little, 1 with much mucin.
    """

    spacing: float
    radius: float
    apart: float
    thick: float
    long: float
    lying: float
    grade: float
    mucin: float

    @classmethod
    def of(cls, seed: int) -> Manner:
        """Return the manner that a seed chooses."""
        chance = generator(seed, _CHANCE)

        def between(low: float, high: float) -> float:
            return round(float(chance.uniform(low, high)), 3)

        spacing = between(15.5, 19)
        return cls(
            spacing=spacing,
            radius=round(spacing * between(0.36, 0.42), 3),
            apart=between(12.5, 15),
            thick=between(4.6, 5.4),
            long=between(20, 27),
            lying=between(-1.2, 0.3),
            grade=between(0, 1),
            mucin=between(0, 1),
        )

    @property
    def row(self) -> float:
        """How deep the row of crypts below the surface reaches."""
        return 2 * (self.long + self.thick) + 4


class Ground:
    """What the layout and noise say of the places around a window.

    Parameters
    ----------
    seed : int
        Of the slide.
    region : Window
        In units.
    layout : ndarray
        uint8 (y, x), the whole.
    manner : Manner
        Of the slide.
    """

    def __init__(self, seed: int, region: Window, layout: npt.NDArray[np.uint8], manner: Manner) -> None:
        self.region = region
        self.cells = self.region.coarsen(CELL).grow(_BEYOND)
        seen = self.cells.grow(GROUND_SEES - _BEYOND - 1)
        kinds = cells_in(layout, seen)
        inside = self.cells.relative_to(seen)
        self.kind = kinds[inside.slices]
        self.empty = not np.isin(self.kind, (MUCOSA, TUMOR)).any()
        if self.empty:
            return
        # crypts open to the surface, not to a crack
        wide_glass = _opened(kinds == GLASS, _CRACK)
        depth = np.minimum(depth_in(~wide_glass), _DEEP)
        smooth = np.rint(16 * depth).astype(np.int64)
        for _ in range(2):
            for axis in (0, 1):
                smooth = np.roll(smooth, 1, axis) + 2 * smooth + np.roll(smooth, -1, axis)
        wide = inside.grow(2)
        held = smooth[wide.slices].astype(np.float64)
        self.depth = held[2:-2, 2:-2] * (CELL / 16 / 256) - CELL / 2
        down, right = held[4:, 2:-2] - held[:-4, 2:-2], held[2:-2, 4:] - held[2:-2, :-4]
        length = np.sqrt(down * down + right * right)
        self.steep = length > 4000  # a quarter of what a straight border has
        length = np.maximum(length, 1)
        self.inward = down / length, right / length
        self.mode = soft_noise(seed, _MODE, self.cells, 18).astype(np.float64)
        self.grade = soft_noise(seed, _GRADE, self.cells, 22).astype(np.float64)
        turn = [soft_noise(seed, _TURN + k, self.cells, 16).astype(np.float64) for k in (0, 1)]
        length = np.maximum(np.sqrt(turn[0] * turn[0] + turn[1] * turn[1]), 1e-3)
        self.drift = turn[0] / length, turn[1] / length
        # where crypts are cut lengthwise, and where a tumor grows in nests
        self.lies = (self.depth < manner.row) & (self.mode > manner.lying) & self.steep
        self.poor = self.grade > 1.6 - 2.4 * manner.grade
        tumor = self.kind == TUMOR
        surface = self.steep & (self.depth < _SURFACE)
        #: The direction of rods.
        self.axis = tuple(
            np.where(tumor & ~surface, drift, inward)
            for drift, inward in zip(self.drift, self.inward, strict=True)
        )

    def at(self, plane: npt.NDArray[np.generic], y: Numbers, x: Numbers) -> Numbers:
        """Return what a plane of cells holds at places."""
        rows = np.floor(y * (1 / CELL)).astype(np.int64) - self.cells.y0
        cols = np.floor(x * (1 / CELL)).astype(np.int64) - self.cells.x0
        return np.asarray(plane[rows, cols], np.float64)

    def rods(self) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
        """Return which of :data:`DIRECTIONS` rods have in each cell, -1 where there are none.

        Of crypts that are cut lengthwise, and of tubes of a tumor.
        """
        crypts = (self.kind == MUCOSA) & self.lies
        tubes = (self.kind == TUMOR) & ~self.poor
        codes = np.full((2, *self.kind.shape), -1, np.int8)
        rows, cols = np.nonzero(crypts | tubes)
        if len(rows):
            down, right = (part[rows, cols] for part in self.axis)
            likeness = np.stack([np.abs(down * y + right * x) for y, x in DIRECTIONS])
            nearest = np.where(likeness.max(0) > 0.9, likeness.argmax(0), -1)
            codes[np.where(tubes[rows, cols], 1, 0), rows, cols] = nearest
        return codes[0], codes[1]


def _opened(mask: Mask, side: int) -> Mask:
    """Return what of a mask squares of an odd side fit into; beyond the border there is none of it."""
    for grows in (False, True):
        for axis in (0, 1):
            held = np.swapaxes(mask, 0, axis)
            wide = np.pad(held, ((side // 2, side // 2), (0, 0)))
            parts = [wide[k : k + len(held)] for k in range(side)]
            mask = np.swapaxes((np.logical_or if grows else np.logical_and).reduce(parts), 0, axis)
    return mask
