"""Watershed by rainfall: every pixel belongs to the summit that steepest ascent from it leads to.

Flooding decides pixels in the order of their heights over all of a picture; ascent decides each by its
surroundings alone. So windows of a large picture find the same basins where they overlap, and each nucleus
is counted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_NEIGHBORS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
_NOWHERE = -1
_ROUNDS = 4  # of joining: parts of one nucleus are few, and a bound keeps what decides near


def basins(height: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Find the basins of a landscape.

    Parameters
    ----------
    height : ndarray
        float32 (y, x).
    inside : ndarray
        bool (y, x), where the landscape is.

    Returns
    -------
    ndarray
        int32 (y, x), flat index of the summit that each pixel belongs to, -1 outside. Of neighbors of one
        height, the first in reading order counts as higher.
    """
    rows, columns = height.shape
    padded = np.full((rows + 2, columns + 2), -np.inf, np.float32)
    padded[1:-1, 1:-1][inside] = height[inside]
    own = padded[1:-1, 1:-1]
    best = own.copy()
    step = np.zeros(height.shape, np.int32)
    for dy, dx in _NEIGHBORS:
        there = padded[1 + dy : rows + 1 + dy, 1 + dx : columns + 1 + dx]
        offset = dy * columns + dx
        # a plateau drains towards its first pixel: two of one height would point at each other
        higher = (there > best) | ((there == best) & (step == 0) & (offset < 0) & inside)
        np.copyto(best, there, where=higher)
        step[higher] = offset
    target = np.arange(rows * columns, dtype=np.int32) + step.ravel()
    target = _followed(target)
    return np.where(inside, target.reshape(height.shape), np.int32(_NOWHERE))


def merge_basins(
    height: npt.NDArray[np.float32], basin: npt.NDArray[np.int32], rise: float
) -> npt.NDArray[np.int32]:
    """Join basins to higher ones beside them from which no real valley divides them.

    Parameters
    ----------
    height : ndarray
        float32 (y, x).
    basin : ndarray
        int32 (y, x), of :func:`basins`.
    rise : float
        Least height of a summit over the pass to a higher neighbor; a lower one belongs to the neighbor with
        the highest pass.

    Returns
    -------
    ndarray
        int32 (y, x), as ``basin``.
    """
    for _ in range(_ROUNDS):
        joined = _joined(height, basin, rise)
        if joined is basin:
            break
        basin = joined
    return basin


def _joined(
    height: npt.NDArray[np.float32], basin: npt.NDArray[np.int32], rise: float
) -> npt.NDArray[np.int32]:
    """Join each basin to one beside it, if it is shallow; the very same array if none is."""
    lower, upper, passes = _borders(height, basin)
    flat = height.ravel()
    shallow = flat[lower] - passes < rise
    lower, upper, passes = lower[shallow], upper[shallow], passes[shallow]
    if not len(lower):
        return basin
    order = np.lexsort((upper, -passes, lower))
    lower, upper = lower[order], upper[order]
    first = np.r_[True, lower[1:] != lower[:-1]]
    target = np.arange(flat.size, dtype=np.int32)
    target[lower[first]] = upper[first]
    target = _followed(target)
    return np.where(basin >= 0, target[np.maximum(basin, 0)], np.int32(_NOWHERE))


def _borders(
    height: npt.NDArray[np.float32], basin: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the summits of basins that touch, the lower and the higher one, and heights between them."""
    flat = height.ravel()
    found = []
    for one, other in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        a, b = basin[one], basin[other]
        touch = (a != b) & (a >= 0) & (b >= 0)
        a, b = a[touch], b[touch]
        between = np.minimum(height[one][touch], height[other][touch])
        # equal heights: the first in reading order is the higher, so that the ways have an end
        a_lower = (flat[a] < flat[b]) | ((flat[a] == flat[b]) & (a > b))
        found.append((np.where(a_lower, a, b), np.where(a_lower, b, a), between))
    lower, upper, passes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return lower, upper, passes


def _followed(target: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return where each way ends, given one step of each."""
    while True:
        further = target[target]
        if np.array_equal(further, target):
            return target
        target = further
