"""Outlines of the regions of a label map: polygons whose corners are pixel corners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])  # (x, y) of east, south, west, north


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one value that hang together by their sides.

    Attributes
    ----------
    value : int
        Value of the pixels.
    rings : tuple of ndarray
        Closed outlines, int64 (n, 2), (x, y) of pixel corners from the top left corner of the map, the first
        repeated at the end. First the outer one, then those of the holes, which run the other way round. No
        ring visits a corner twice, rings of a region meet in single corners at most.
    """

    value: int
    rings: tuple[npt.NDArray[np.int64], ...]


def trace_regions(labels: npt.NDArray[np.uint8]) -> Iterator[Region]:
    """Outline every region of a label map, in the order of their first pixels.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), not empty.

    Yields
    ------
    Region
        One for each set of pixels of one value that hang together by their sides; all together they cover
        the map once.
    """
    from skimage.measure import label

    regions = label(labels.astype(np.int16) + 1, background=0, connectivity=1).astype(np.int64)
    count = int(regions.max())
    first = np.full(count + 1, labels.size)
    np.minimum.at(first, regions.ravel(), np.arange(labels.size))
    values = labels.ravel()[first[1:]]
    rings: list[list[npt.NDArray[np.int64]]] = [[] for _ in range(count)]
    for region, ring in _rings(regions):
        rings[region - 1].append(ring)
    for index in np.argsort(first[1:], kind="stable"):
        # the outer ring is the one that runs east first from the top, so its area is above zero
        ordered = sorted(rings[index], key=lambda ring: -_doubled_area(ring))
        yield Region(int(values[index]), tuple(ordered))


def _rings(regions: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield every outline as its region and closed ring."""
    starts, directions, owners = _sides(regions)
    width = regions.shape[1] + 1
    following = _following(starts, directions, owners, width)
    turns = directions[following] != directions
    points = np.stack([starts % width, starts // width], axis=1)
    # a walk in plain Python beats ranking the list in NumPy: one step takes some 50 ns
    next_side, is_corner = following.tolist(), np.zeros(len(starts), dtype=bool)
    is_corner[following[turns]] = True
    corner = is_corner.tolist()
    seen = bytearray(len(starts))
    for side in np.flatnonzero(is_corner).tolist():
        if seen[side]:
            continue
        ring = []
        at = side
        while not seen[at]:
            seen[at] = 1
            if corner[at]:
                ring.append(at)
            at = next_side[at]
        ring.append(side)
        yield int(owners[side]), points[ring]


def _sides(
    regions: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the sides of pixels between regions, run with the region on the right.

    Returns
    -------
    starts : ndarray
        int64 (n,), corner that a side starts at, as ``y * (width + 1) + x``; with ``directions`` it rises.
    directions : ndarray
        int64 (n,), 0 to 3 for east, south, west, north.
    owners : ndarray
        int64 (n,), region on the right.
    """
    padded = np.pad(regions, 1)
    inner = padded[1:-1, 1:-1]
    width = regions.shape[1] + 1
    # neighbor across the side, and where in its pixel the side starts
    sides = (
        (padded[:-2, 1:-1], 0, 0),  # top, run east
        (padded[1:-1, 2:], 0, 1),  # right, run south
        (padded[2:, 1:-1], 1, 1),  # bottom, run west
        (padded[1:-1, :-2], 1, 0),  # left, run north
    )
    keys, owners = [], []
    for direction, (neighbor, down, right) in enumerate(sides):
        rows, columns = np.nonzero(inner != neighbor)
        keys.append(((rows + down) * width + columns + right) * 4 + direction)
        owners.append(inner[rows, columns])
    key, owner = np.concatenate(keys), np.concatenate(owners)
    order = np.argsort(key)
    key = key[order]
    return key >> 2, key & 3, owner[order]


def _following(
    starts: npt.NDArray[np.int64],
    directions: npt.NDArray[np.int64],
    owners: npt.NDArray[np.int64],
    width: int,
) -> npt.NDArray[np.int64]:
    """Return for every side the one that goes on from its end along the same region, int64 (n,).

    Where a region touches itself at a corner there are two: the left one makes of it two rings that meet
    there, the right one a single ring that visits the corner twice, which is no valid polygon.
    """
    keys = starts * 4 + directions
    ends = starts + _STEPS[directions, 0] + _STEPS[directions, 1] * width
    following = np.full(len(starts), -1)
    for turn in (-1, 0, 1):
        wanted = ends * 4 + (directions + turn) % 4
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        fits = (following < 0) & (keys[found] == wanted) & (owners[found] == owners)
        following[fits] = found[fits]
    return following


def _doubled_area(ring: npt.NDArray[np.int64]) -> int:
    """Return twice the area of a ring, above zero where the inside is on its right on screen."""
    x, y = ring[:, 0], ring[:, 1]
    return int(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
