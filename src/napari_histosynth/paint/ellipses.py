"""Many small ellipses at once: scattered without overlap, tested against a mask, stamped into a label map.

Nuclei, goblets of mucin, clefts and capillaries are all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Mask = npt.NDArray[np.bool_]
"""Where something is or may be: ``bool`` (y, x)."""

_CHUNK_PX = 4_000_000  # pixels of patches in flight: about 100 MB
_WIDEST = 1.5  # an irregular outline stays within this multiple of its ellipse


@dataclass(frozen=True)
class Ellipses:
    """Ellipses on a grid of pixels, one array entry for each.

    Parameters
    ----------
    y, x : ndarray
        float (n,), centers in pixels; the first pixel's center is at 0.5.
    long, short : ndarray
        float (n,), semi-axes in pixels.
    angle : ndarray
        float (n,), direction of the long axis in radians, from the x axis towards the y axis.
    """

    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    long: npt.NDArray[np.float64]
    short: npt.NDArray[np.float64]
    angle: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: npt.NDArray[np.generic] | slice) -> Ellipses:
        return Ellipses(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @staticmethod
    def join(parts: list[Ellipses]) -> Ellipses:
        """Return the ellipses of all parts, in order."""
        return Ellipses(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Ellipses))
        )

    def shift(self, dy: float, dx: float) -> Ellipses:
        """Return the ellipses moved by ``dy`` rows and ``dx`` columns."""
        return replace(self, y=self.y + dy, x=self.x + dx)

    def radius(self, direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how far each reaches in a direction (radians), in pixels, float (n,)."""
        turn = direction - self.angle
        return 1 / np.hypot(np.cos(turn) / self.long, np.sin(turn) / self.short)


def draw_points(
    weights: npt.NDArray[np.floating], count: int, cell_px: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Draw random positions, denser where the weights are greater.

    Parameters
    ----------
    weights : ndarray
        float (y, x), not negative; each entry stands for a cell of ``cell_px`` x ``cell_px`` pixels.
    count : int
        How many.
    cell_px : int
        Edge of a cell, in pixels.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    y, x : ndarray
        float (count,), in pixels; both empty if all weights are zero.
    """
    cumulative = np.cumsum(weights, dtype=np.float64)
    if count <= 0 or cumulative[-1] <= 0:
        return np.empty(0), np.empty(0)
    cells = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    rows, columns = np.divmod(np.minimum(cells, weights.size - 1), weights.shape[1])
    return (rows + rng.random(count)) * cell_px, (columns + rng.random(count)) * cell_px


def without_overlap(ellipses: Ellipses, spacing: float) -> npt.NDArray[np.intp]:
    """Choose ellipses, earlier ones first, so that no two come closer than touching.

    Parameters
    ----------
    ellipses : Ellipses
        Candidates.
    spacing : float
        Least distance of two centers over the sum of their radii along the line between them: 1 lets
        them touch, less lets them overlap by that much.

    Returns
    -------
    ndarray
        intp (k,), indices of those chosen, rising.
    """
    count = len(ellipses)
    if count < 2:
        return np.arange(count)
    reach = 2 * spacing * float(ellipses.long.max())
    pairs = cKDTree(np.stack([ellipses.y, ellipses.x], axis=1)).query_pairs(reach, output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    dy, dx = ellipses.y[second] - ellipses.y[first], ellipses.x[second] - ellipses.x[first]
    direction = np.arctan2(dy, dx)
    touching = ellipses[first].radius(direction) + ellipses[second].radius(direction)
    close = np.hypot(dy, dx) < spacing * touching
    return _greedy_choice(count, first[close], second[close])


def _greedy_choice(
    count: int, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Go through 0 .. count - 1 and choose each that no chosen one excludes; pairs have first < second."""
    undecided = np.ones(count, bool)
    chosen = np.zeros(count, bool)
    while undecided.any():
        # in each round, those that wait for no earlier one are decided together
        waiting = np.zeros(count, bool)
        waiting[second] = True
        winners = undecided & ~waiting
        chosen |= winners
        undecided &= ~winners
        undecided[second[winners[first]]] = False
        open_pairs = undecided[first] & undecided[second]
        first, second = first[open_pairs], second[open_pairs]
    return np.flatnonzero(chosen)


def share_inside(ellipses: Ellipses, allowed: Mask, points: int = 12) -> npt.NDArray[np.float64]:
    """Measure how much of each outline lies where it may.

    Parameters
    ----------
    ellipses : Ellipses
        Ellipses on the pixels of ``allowed``.
    allowed : ndarray
        bool (y, x). Beyond the picture everything is allowed.
    points : int
        How many points of the outline are tried, with the center besides.

    Returns
    -------
    ndarray
        float (n,), 0 to 1.
    """
    phase = np.arange(points + 1) * (2 * np.pi / points)
    along, across = np.cos(phase), np.sin(phase)
    along[-1] = across[-1] = 0
    u, v = ellipses.long[:, None] * along, ellipses.short[:, None] * across  # (n, points)
    cos, sin = np.cos(ellipses.angle)[:, None], np.sin(ellipses.angle)[:, None]
    y = np.floor(ellipses.y[:, None] + u * sin + v * cos).astype(np.int64)
    x = np.floor(ellipses.x[:, None] + u * cos - v * sin).astype(np.int64)
    height, width = allowed.shape
    outside = (y < 0) | (y >= height) | (x < 0) | (x >= width)
    inside = allowed[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.asarray((outside | inside).mean(axis=1))


def stamp(
    labels: npt.NDArray[np.uint8],
    ellipses: Ellipses,
    value: int,
    allowed: Mask,
    rng: np.random.Generator,
    *,
    irregularity: float = 0.1,
    bend: float = 0.0,
) -> None:
    """Draw ellipses with slightly irregular outlines into a label map, in place.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), changed in place.
    ellipses : Ellipses
        What to draw; what lies beyond the picture is left out.
    value : int
        Class that their pixels become.
    allowed : ndarray
        bool (y, x), pixels that may change.
    rng : numpy.random.Generator
        Source of the irregularities.
    irregularity : float
        Deviation of the outline from the ellipse, as a share of its radius: 0 none, 0.1 a nucleus,
        0.3 a tear.
    bend : float
        How far the long axis is bent, as a share of the short one (standard deviation).
    """
    count = len(ellipses)
    # waves around the outline: two to five of them, weaker the finer, cosine and sine
    order = np.arange(2, 6)
    waves = (rng.standard_normal((count, 2, 4)) * (irregularity * 1.2 / order)).astype(np.float32)
    bends = rng.standard_normal(count) * bend
    by_size = np.argsort(ellipses.long, kind="stable")
    start = 0
    while start < count:
        # patches of a chunk share one size, that of its largest; sorting keeps the waste small
        stop = min(count, start + 4096)
        while True:
            chunk = by_size[start:stop]
            reach = int(np.ceil(ellipses.long[chunk[-1]] * _WIDEST + 1))
            if len(chunk) == 1 or len(chunk) * (2 * reach + 1) ** 2 <= _CHUNK_PX:
                break
            stop = start + len(chunk) // 2
        _stamp_chunk(labels, ellipses[chunk], value, allowed, waves[chunk], bends[chunk], reach)
        start = stop


def _stamp_chunk(
    labels: npt.NDArray[np.uint8],
    ellipses: Ellipses,
    value: int,
    allowed: Mask,
    waves: npt.NDArray[np.float32],
    bends: npt.NDArray[np.float64],
    reach: int,
) -> None:
    """Draw ellipses whose outlines stay within ``reach`` pixels of their centers."""
    row, column = np.floor(ellipses.y).astype(np.int64), np.floor(ellipses.x).astype(np.int64)
    step = np.arange(-reach, reach + 1)
    dy = (row + 0.5 - ellipses.y).astype(np.float32)[:, None, None] + step[:, None].astype(np.float32)
    dx = (column + 0.5 - ellipses.x).astype(np.float32)[:, None, None] + step.astype(np.float32)

    def each(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return values.astype(np.float32)[:, None, None]

    cos, sin = each(np.cos(ellipses.angle)), each(np.sin(ellipses.angle))
    u = (dx * cos + dy * sin) / each(ellipses.long)  # (n, y, x), 1 at the end of the long axis
    v = (dy * cos - dx * sin) / each(ellipses.short)
    v += each(bends) * (u * u - np.float32(0.5))
    squared = u * u + v * v
    # smaller than a pixel, it is still there
    squared[:, reach, reach] = 0
    which, down, across = np.nonzero(squared < _WIDEST**2)
    radius = np.sqrt(squared[which, down, across]) + np.float32(1e-6)
    # exp(i phi): its powers give the waves without trigonometry
    turn = (u[which, down, across] + 1j * v[which, down, across]) / radius
    edge = np.ones_like(radius)
    power = turn
    for k in range(waves.shape[2]):
        power = power * turn
        edge += waves[which, 0, k] * power.real + waves[which, 1, k] * power.imag
    covered = radius < np.clip(edge, 0.3, _WIDEST)
    which, down, across = which[covered], down[covered], across[covered]
    y, x = row[which] + step[down], column[which] + step[across]
    within = (y >= 0) & (y < labels.shape[0]) & (x >= 0) & (x < labels.shape[1])
    y, x = y[within], x[within]
    free = allowed[y, x]
    labels[y[free], x[free]] = value
