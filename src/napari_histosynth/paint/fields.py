"""Smooth random fields over tissue, in micrometers: what bends glands and turns fibers.

A field is a function of seed and position alone. Two windows of one canvas that overlap agree where they
do, and the same tissue at twice the magnification is the same tissue.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window

Field = npt.NDArray[np.float32]
"""A field on a grid of pixels: ``float32`` (y, x)."""

CELL_UM = 1.25
"""Tissue is worked out on cells of about this edge, in micrometers, and drawn from them smoothly."""

# A cubic B-spline over white noise has this standard deviation: the integral of its square, 151 / 315,
# once for each axis.
_SPLINE_DEVIATION = 151 / 315


def cell_of(um_per_px: float) -> int:
    """Return the edge of a cell in pixels, at least 1."""
    return max(1, round(CELL_UM / um_per_px))


def smooth_noise(
    seed: int,
    stream: int,
    shape: tuple[int, int],
    *,
    um_per_px: float,
    scale_um: float,
    origin_um: tuple[float, float] = (0.0, 0.0),
) -> Field:
    """Draw a smooth random field.

    Parameters
    ----------
    seed : int
        Chooses the field.
    stream : int
        Chooses one of many independent fields of a seed, 0 to 2**32 - 1.
    shape : tuple of int
        Height and width, in pixels.
    um_per_px : float
        Micrometers a pixel.
    scale_um : float
        Distance over which the field changes, in micrometers: values farther apart than four times this
        are independent.
    origin_um : tuple of float
        Position of the top left corner of the first pixel, (y, x) in micrometers.

    Returns
    -------
    ndarray
        float32 (y, x), mean 0 and standard deviation 1 over many scales.
    """
    rows, first_row, last_row = _spline_weights(shape[0], um_per_px, scale_um, origin_um[0])
    columns, first_column, last_column = _spline_weights(shape[1], um_per_px, scale_um, origin_um[1])
    knots = gaussian(seed, stream, 0, Window(first_row, last_row, first_column, last_column))
    return np.asarray(rows @ knots @ columns.T / np.float32(_SPLINE_DEVIATION), dtype=np.float32)


def layered_noise(
    seed: int,
    stream: int,
    shape: tuple[int, int],
    *,
    um_per_px: float,
    scale_um: float,
    layers: int = 3,
    roughness: float = 0.5,
    origin_um: tuple[float, float] = (0.0, 0.0),
) -> Field:
    """Draw a random field with detail: smooth fields of halving scale, each weaker than the one before.

    Parameters
    ----------
    seed, stream, shape, um_per_px, origin_um
        As for :func:`smooth_noise`; the streams ``stream`` to ``stream + layers - 1`` are used.
    scale_um : float
        Scale of the coarsest layer, in micrometers.
    layers : int
        How many layers.
    roughness : float
        Strength of a layer relative to the one before, 0 to 1.

    Returns
    -------
    ndarray
        float32 (y, x), mean 0 and standard deviation 1 over many scales.
    """
    total = np.zeros(shape, np.float32)
    for layer in range(layers):
        total += np.float32(roughness**layer) * smooth_noise(
            seed,
            stream + layer,
            shape,
            um_per_px=um_per_px,
            scale_um=scale_um / 2**layer,
            origin_um=origin_um,
        )
    return total / np.float32(np.sqrt(sum(roughness ** (2 * layer) for layer in range(layers))))


def _spline_weights(
    count: int, um_per_px: float, scale_um: float, origin_um: float
) -> tuple[npt.NDArray[np.float32], int, int]:
    """Return what each knot adds to each pixel, float32 (count, knots), and the range of knots."""
    position = (origin_um + (np.arange(count) + 0.5) * um_per_px) / scale_um
    below = np.floor(position).astype(np.int64)
    t = position - below
    first, last = int(below[0]) - 1, int(below[-1]) + 3
    weights = np.zeros((count, last - first), np.float32)
    pixel = np.arange(count)
    weights[pixel, below - 1 - first] = (1 - t) ** 3 / 6
    weights[pixel, below - first] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[pixel, below + 1 - first] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[pixel, below + 2 - first] = t**3 / 6
    return weights, first, last
