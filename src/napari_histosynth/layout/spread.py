"""Layouts larger than a field: latents on a lattice, the features they grow from blended over the plane.

A lattice has a latent at every second place of the base, so that the 4 x 4 places of neighbors overlap by
half in each direction: every place takes its features from four latents, most from those in whose inner half
it lies. What differs from the mean is blended so that its variance stays (weights over the root of the sum of
their squares): a plain mean would be less varied between latents than at them, which shows as a lattice of
tissue that says little. The generator's body is convolutional and has no border where latents meet.

A place of the base depends on its four latents alone and a latent on its seed and its place alone; bodies
are drawn in blocks cut along one lattice, each with what the convolutions see around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.layout.flow import START
from napari_histosynth.layout.network import BASE

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

Floats = npt.NDArray[np.float32]

#: Places of a base beyond each side that the body looks at: one 3 x 3 convolution at 4 px and two at each
#: size after it reach 1 + 2/2 + 2/4 + ... < 3.
REACH = 3
#: Places of a base that are drawn at once, each way.
BLOCK = 16
#: Places of a base from one latent of the lattice to the next.
STEP = BASE // 2
#: Latents before the one that lies at the corner of the canvas.
LEAD = -(-(REACH + BASE - STEP) // STEP)

_LATENTS = 0x1A70  # stream of the noise that latents are


@dataclass(frozen=True, eq=False)
class Cells:
    """What a layout grows from.

    Attributes
    ----------
    latents : ndarray
        float32 (rows, columns, d): one latent of a field, or those of a lattice over the canvas, which begin
        outside of it.
    weights : ndarray
        float32 (rows, columns, g), of the grades at each.
    kept : float
        How much a flow keeps of what the GAN has laid out, 0 to 1.
    """

    latents: Floats
    weights: Floats
    kept: float = START

    @property
    def is_field(self) -> bool:
        """Whether it is one latent, of one field."""
        return self.latents.shape[:2] == (1, 1)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the latent in the middle."""
        return self.latents.shape[0] // 2, self.latents.shape[1] // 2


def lattice_shape(places: tuple[int, int]) -> tuple[int, int]:
    """Return how many rows and columns of latents a canvas of so many places of a base needs."""
    return lattice_side(places[0]), lattice_side(places[1])


def lattice_side(places: int) -> int:
    """Return how many latents a side of so many places needs, with those beyond both ends."""
    return LEAD + -(-(places + REACH) // STEP)


def lattice_middles(places: int) -> npt.NDArray[np.float64]:
    """Return where the latents of a side lie, as shares of its length: 0 and 1 are the canvas's borders."""
    return (STEP * (np.arange(lattice_side(places)) - LEAD) + BASE / 2) / places


def seeded_latents(seed: int, shape: tuple[int, int], size: int) -> Floats:
    """Draw the latents of a lattice over a canvas; the same place of a seed has the same latent.

    Parameters
    ----------
    seed : int
        Chooses the plane.
    shape : tuple of int
        Rows and columns, as :func:`lattice_shape` says; (1, 1) for a field.
    size : int
        Numbers of a latent.

    Returns
    -------
    ndarray
        float32 (rows, columns, size).
    """
    lead = 0 if shape == (1, 1) else LEAD
    window = Window(-lead, shape[0] - lead, -lead * size, (shape[1] - lead) * size)
    return gaussian(seed, _LATENTS, 0, window).reshape(*shape, size)


def blended_base(model: LayoutModel, cells: Cells, places: tuple[int, int]) -> Floats:
    """Return the features that a canvas grows from, with :data:`REACH` places beyond each side.

    Parameters
    ----------
    model : LayoutModel
        What draws.
    cells : Cells
        Of a lattice over the canvas.
    places : tuple of int
        Height and width of the canvas in places.

    Returns
    -------
    ndarray
        float32 (w, height + 2 * REACH, width + 2 * REACH).
    """
    rows, columns = cells.latents.shape[:2]
    flat = cells.weights.reshape(rows * columns, -1)
    bases = model.bases(cells.latents.reshape(rows * columns, -1), flat)  # (n, w, 4, 4)
    share = flat if flat.shape[1] else np.ones((len(flat), 1), np.float32)
    means = np.einsum("ng,gwyx->nwyx", share, model.base_means, optimize=False)
    inner = means[:, :, 1:-1, 1:-1].mean((2, 3))
    away, level = (
        part.reshape(rows, columns, *part.shape[1:]).transpose(2, 0, 1, *range(3, 1 + part.ndim))
        for part in (bases - means, inner)
    )
    taper = np.sin(np.pi * (np.arange(BASE, dtype=np.float32) + 0.5) / BASE) ** 2
    height, width = STEP * (rows - 1) + BASE, STEP * (columns - 1) + BASE
    total = np.zeros((away.shape[0], height, width), np.float32)
    typical, weight, power = np.zeros_like(total), np.zeros((height, width)), np.zeros((height, width))
    for y in range(BASE):
        for x in range(BASE):
            at = slice(y, y + STEP * rows, STEP), slice(x, x + STEP * columns, STEP)
            tapered = taper[y] * taper[x]
            total[:, at[0], at[1]] += tapered * away[..., y, x]
            typical[:, at[0], at[1]] += tapered * level
            weight[at] += tapered
            power[at] += tapered**2
    base = typical / weight + total / np.sqrt(power)
    # as the generator's own bases are: a mean square of 1 over the features of a place
    base *= 1 / np.sqrt(np.square(base).mean(0) + 1e-8)
    first = STEP * LEAD - REACH
    kept = base[:, first : first + places[0] + 2 * REACH, first : first + places[1] + 2 * REACH]
    return np.ascontiguousarray(kept, np.float32)


def draw_plane(
    model: LayoutModel,
    cells: Cells,
    places: tuple[int, int],
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Draw a canvas of any size.

    Parameters
    ----------
    model : LayoutModel
        What draws.
    cells : Cells
        Of a lattice over the canvas.
    places : tuple of int
        Height and width in places of the base, each of which becomes ``model.cell`` px a side.
    progress : callable
        Told the share that is done; what it raises ends the work.

    Returns
    -------
    image : ndarray
        uint8 (y, x, 3).
    labels : ndarray
        float32 (k, y, x), how much there is of each class.
    """
    base = blended_base(model, cells, places)
    side, reach = model.cell, REACH * model.cell
    image = np.empty((places[0] * side, places[1] * side, 3), np.uint8)
    labels = np.empty((model.scheme.n_classes, *image.shape[:2]), np.float32)
    blocks = list(tile_windows(Window.of_shape(places), BLOCK))
    for number, block in enumerate(blocks):
        progress(number / len(blocks))
        seen = base[:, block.y0 : block.y1 + 2 * REACH, block.x0 : block.x1 + 2 * REACH]
        drawn, classes = model.draw_base(seen)
        rows, columns = block.refine(side).slices
        image[rows, columns] = drawn[reach:-reach, reach:-reach]
        labels[:, rows, columns] = classes[:, reach:-reach, reach:-reach]
    return image, labels
