"""Smooth noise as a function of position, the same bits on every machine.

The numbers are multiples of 2**-17, weights are rounded to multiples of 2**-12, and sums of their products
are exact in double precision: no order of adding, no fused product and no library changes a bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy.typing as npt

#: First of the streams of noise that sketches and layouts use; networks use those from 0.
STREAM = 0x51DE000
#: Mean over positions of the sum of a cubic B-spline's squared weights: what evens out of noise on an axis.
_EVENED = 151 / 315
#: Steps that weights are rounded to.
_FINE = 4096


def soft_noise(seed: int, stream: int, window: Window, cell: float) -> npt.NDArray[np.float32]:
    """Return smooth noise: a cubic B-spline through normal numbers that stand ``cell`` pixels apart.

    Parameters
    ----------
    seed : int
        Chooses the plane.
    stream : int
        Chooses one of many independent fields, 0 or more; counted from :data:`STREAM`.
    window : Window
        Pixels wanted.
    cell : float
        Pixels from one number to the next, more than 0: bumps are about twice as wide.

    Returns
    -------
    ndarray
        float32 (height, width), mean 0, standard deviation 1 over the plane.
    """
    top, down = _taps(window.y0, window.y1, cell)
    left, right = _taps(window.x0, window.x1, cell)
    lattice = Window(int(top[0]), int(top[-1]) + 4, int(left[0]), int(left[-1]) + 4)
    numbers = gaussian(seed, STREAM + stream, 0, lattice).astype(np.float64)
    wide = _spread(numbers.T, left - lattice.x0, right).T
    noise = _spread(wide, top - lattice.y0, down)
    return np.asarray(noise * (1 / _EVENED), np.float32)


def _spread(
    numbers: npt.NDArray[np.float64], first: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return rows that each mix four rows of numbers, the first of which is given, by weights (4, rows)."""
    from scipy import sparse

    rows = len(first)
    places = (first + np.arange(4)[:, None]).T.ravel()
    mixing = sparse.csr_array(
        (weights.T.ravel(), places, np.arange(0, 4 * rows + 1, 4)), shape=(rows, len(numbers))
    )
    return np.asarray(mixing @ np.ascontiguousarray(numbers), np.float64)


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return a generator of numbers for a seed, any integer, and a stream from 0."""
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, STREAM + stream])


def _taps(start: int, stop: int, cell: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the first of four numbers that each pixel lies between, and their weights, (4, pixels)."""
    at = (np.arange(start, stop) + 0.5) / cell
    first = np.floor(at).astype(np.int64)
    t = at - first
    rest = 1 - t
    weights = [
        rest * rest * rest,
        3 * t * t * t - 6 * t * t + 4,
        3 * rest * rest * rest - 6 * rest * rest + 4,
        t * t * t,
    ]
    return first - 1, np.rint(np.stack(weights) * (_FINE / 6)) / _FINE
