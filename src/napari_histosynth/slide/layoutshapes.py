"""What layouts are drawn with: places, directions, clefts and borders that wander.

Sizes are pixels of the layout, 32 um each. Only additions, products and square roots are used where a class
is decided, so that every machine draws the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layoutclasses import GLASS
from napari_histosynth.slide.softnoise import soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """Where a piece of tissue lies, and which way it is turned.

    Attributes
    ----------
    y, x : float
        Its middle.
    along : tuple of float
        The direction that its length has, a unit vector (y, x).
    """

    y: float
    x: float
    along: tuple[float, float]

    def around(self, reach: float, shape: tuple[int, int]) -> Window:
        """Return the part of a layout of ``shape`` within ``reach`` of the middle."""
        rows, columns = (int(self.y), int(self.x))
        side = int(reach) + 1
        return Window(rows - side, rows + side + 1, columns - side, columns + side + 1).clip(shape)

    def axes(self, window: Window) -> tuple[Plane, Plane]:
        """Return how far along, and how far across, the pixels of a window lie from the middle."""
        y = (np.arange(window.y0, window.y1) + 0.5 - self.y).astype(np.float32)[:, None]
        x = (np.arange(window.x0, window.x1) + 0.5 - self.x).astype(np.float32)[None, :]
        dy, dx = (np.float32(part) for part in self.along)
        return y * dy + x * dx, y * dx - x * dy


class Grain:
    """Noise of one piece of tissue: each call gives another field.

    Parameters
    ----------
    seed, first : int
        Of the slide, and the first stream of the piece; it may use 64.
    window : Window
        Where the piece is drawn.
    """

    def __init__(self, seed: int, first: int, window: Window) -> None:
        self._seed, self._stream, self._window = seed, first, window

    def __call__(self, cell: float) -> Plane:
        """Return smooth noise whose numbers stand ``cell`` pixels apart."""
        self._stream += 1
        return soft_noise(self._seed, self._stream, self._window, max(float(cell), 1.0))


def direction(chance: np.random.Generator) -> tuple[float, float]:
    """Return a unit vector, every direction as likely: from a disk, without sines."""
    while True:
        y, x = (float(chance.uniform(-1, 1)) for _ in range(2))
        square = y * y + x * x
        if 0.01 < square <= 1:
            length = float(np.sqrt(square))
            return y / length, x / length


def toward(chance: np.random.Generator, axis: tuple[float, float], stray: float) -> tuple[float, float]:
    """Return a unit vector along an axis, turned by up to ``stray`` (a tangent) to either side."""
    slope = float(chance.uniform(-stray, stray))
    y, x = axis[0] - slope * axis[1], axis[1] + slope * axis[0]
    length = float(np.sqrt(y * y + x * x))
    return y / length, x / length


def apart(
    chance: np.random.Generator, region: Window, radii: list[float], gap: float = 1.05
) -> list[tuple[float, float, float]]:
    """Place circles in a region so that none overlap, the largest first; what finds no place is left out.

    Parameters
    ----------
    chance : Generator
        Chooses places.
    region : Window
        Holds the circles.
    radii : list of float
        Of the circles.
    gap : float
        Least distance of two, as a share of the sum of their radii.

    Returns
    -------
    list of (y, x, radius)
        Of those that found a place; the first always does.
    """
    found: list[tuple[float, float, float]] = []
    for radius in sorted(radii, reverse=True):
        inset_y, inset_x = (min(radius, side / 2) for side in region.shape)
        for _ in range(60):
            y = float(chance.uniform(region.y0 + inset_y, region.y1 - inset_y + 1e-6))
            x = float(chance.uniform(region.x0 + inset_x, region.x1 - inset_x + 1e-6))
            if all((y - v) ** 2 + (x - u) ** 2 >= (gap * (radius + r)) ** 2 for v, u, r in found):
                found.append((y, x, radius))
                break
    return found


def turn_of(y: Plane, x: Plane) -> Plane:
    """Return the direction of points, 0 to 4 once around: an angle without arc tangents."""
    share = y / np.maximum(np.abs(y) + np.abs(x), np.float32(1e-6))
    return np.asarray(np.where(x >= 0, 1 + share, 3 - share), np.float32)


def clefts(
    chance: np.random.Generator,
    along: Plane,
    depth: Plane,
    *,
    spacing: float,
    length: tuple[float, float],
    width: float,
    often: float = 0.7,
) -> Mask:
    """Return where clefts cut into tissue from its surface, narrowing to their ends.

    Parameters
    ----------
    chance : Generator
        Chooses where each cleft lies and how deep it goes.
    along, depth : ndarray
        float32, pixels along the surface and below it.
    spacing : float
        Pixels from one cleft to the next.
    length : (float, float)
        Least and greatest depth of a cleft.
    width : float
        Pixels that a cleft is wide at the surface.
    often : float
        Share of the places for clefts that have one.
    """
    cut = np.zeros(depth.shape, np.bool_)
    near = np.flatnonzero((depth > 0) & (depth < np.float32(length[1])))
    if not len(near):
        return cut
    along, depth = along.ravel()[near], depth.ravel()[near]
    number = np.floor(along / np.float32(spacing)).astype(np.int32)
    first, last = int(number.min()), int(number.max())
    count = last - first + 1
    middle = ((np.arange(first, last + 1) + chance.uniform(0.25, 0.75, count)) * spacing).astype(np.float32)
    reach = (chance.uniform(*length, count) * (chance.random(count) < often)).astype(np.float32)
    wide = (width * chance.uniform(0.5, 1.5, count) / 2).astype(np.float32)
    here = number - first
    rest = 1 - depth / np.maximum(reach[here], np.float32(1e-6))
    narrowed = wide[here] * np.minimum(rest + np.float32(0.25), 1)
    cut.ravel()[near[(np.abs(along - middle[here]) < narrowed) & (rest > 0)]] = True
    return cut


def depth_in(mask: Mask) -> Plane:
    """Return how far pixels of a mask lie from what is not in it; beyond the border it goes on."""
    from scipy import ndimage

    if mask.all():
        return np.full(mask.shape, np.float32(1e6))
    return np.asarray(ndimage.distance_transform_edt(mask), np.float32)


def without_crumbs(piece: npt.NDArray[np.uint8], least: int) -> npt.NDArray[np.uint8]:
    """Return a piece of tissue without what hangs together over fewer than ``least`` pixels."""
    from scipy import ndimage

    named, _ = ndimage.label(piece != GLASS)
    sizes = np.bincount(named.ravel())
    return np.asarray(np.where((sizes >= least)[named], piece, GLASS), np.uint8)


def cracks(grain: Grain, cell: float, width: float) -> Mask:
    """Return cracks as tissue has that tore: thin, winding, some running into others."""
    winding = np.abs(grain(cell) + 0.35 * grain(cell / 3))
    return np.asarray((winding < width / cell) & (grain(1.5 * cell) > -0.2))
