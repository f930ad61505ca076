"""How various layouts are, and whether they are copies: likeness of pairs, nearest training neighbors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import HistosynthError

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.data import Field

    Pixels = npt.NDArray[np.uint8]
    Vectors = npt.NDArray[np.float32]

LEAST_SIDE = 161
"""Pixels a side that the five scales of MS-SSIM and its window of 11 px need."""

CELLS = 8
"""Cells a side of a window that neighbors are looked for in."""

_STRIDES = 4  # windows for each that fits on a side of a training field


def likeness_of_pairs(pairs: Sequence[tuple[Pixels, Pixels]]) -> float | None:
    """Return the mean MS-SSIM (Wang et al. 2003, five scales) of pairs of different pictures.

    Parameters
    ----------
    pairs : sequence of tuple
        uint8 (y, x, 3) each, all of one size.

    Returns
    -------
    float or None
        1 if the pictures of each pair are the same; None where they are smaller than :data:`LEAST_SIDE`.

    Raises
    ------
    HistosynthError
        If torchmetrics is not installed.
    """
    if not pairs or min(pairs[0][0].shape[:2]) < LEAST_SIDE:
        return None
    try:
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim
    except ImportError as error:
        raise HistosynthError(
            "Comparing pictures needs torchmetrics; install it with pip install 'napari-histosynth[study]'."
        ) from error
    import torch

    found = []
    for pair in pairs:
        one, other = (torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255 for rgb in pair)
        # contrast of different pictures may be anticorrelated: such scales count as unlike, not as no number
        found.append(float(ms_ssim(one, other, data_range=1.0, normalize="relu")))
    return float(np.mean(found))


def pairs_of(groups: Sequence[str], most: int, seed: int = 0) -> list[tuple[int, int]]:
    """Choose pairs of numbers whose groups differ, at random, each at most once."""
    rng = np.random.default_rng(seed)
    every = [(i, j) for i in range(len(groups)) for j in range(i) if groups[i] != groups[j]]
    chosen = rng.permutation(len(every))[:most]
    return [every[number] for number in chosen]


def in_grays(labels: Pixels) -> Pixels:
    """Return a label map as a picture whose classes are black, gray and white, uint8 (y, x, 3)."""
    return np.repeat(np.array([255, 128, 0], np.uint8)[labels][..., None], 3, axis=2)


@dataclass(frozen=True)
class Windows:
    """Windows of label maps as vectors.

    Attributes
    ----------
    vectors : ndarray
        float32 (n, CELLS * CELLS * 3): the share of each class in each cell.
    maps : list of ndarray
        uint8 (side, side), the windows.
    """

    vectors: Vectors
    maps: list[Pixels]


def windows_of(maps: Sequence[Pixels], side: int, strides: float = 1) -> Windows:
    """Cut windows out of label maps, at regular places so that they cover each; small maps are left out.

    Parameters
    ----------
    maps : sequence of ndarray
        uint8 (y, x).
    side : int
        Of a window in px.
    strides : float
        Windows on a side of a map for each window that fits, so that there are more than needed to cover it.
    """
    vectors, found = [], []
    for one in maps:
        if min(one.shape) < side:
            continue
        rows, columns = (
            np.unique(
                np.linspace(0, length - side, max(1, int(np.ceil(strides * (length - side) / side)) + 1))
                .round()
                .astype(int)
            )
            for length in one.shape
        )
        for y in rows:
            for x in columns:
                window = np.ascontiguousarray(one[y : y + side, x : x + side])
                found.append(window)
                vectors.append(described(window))
    stacked = np.stack(vectors) if vectors else np.zeros((0, CELLS * CELLS * 3), np.float32)
    return Windows(stacked, found)


def described(window: Pixels) -> Vectors:
    """Return the share of each class in each of :data:`CELLS` x CELLS cells, float32 (c * c * 3,)."""
    cell = window.shape[0] // CELLS
    inner = window[: CELLS * cell, : CELLS * cell]
    one_hot = (inner[..., None] == np.arange(3)).reshape(CELLS, cell, CELLS, cell, 3)
    return np.asarray(one_hot.mean((1, 3)), np.float32).ravel()


def neighbors(drawn: Sequence[Pixels], held_out: Sequence[Pixels], fields: Sequence[Field], size: int) -> Any:
    """Measure how far windows are from the nearest training window, in any of the eight symmetries.

    Parameters
    ----------
    drawn, held_out : sequence of ndarray
        uint8 (y, x), label maps.
    fields : sequence of Field
        All that was trained on.
    size : int
        Side of ``drawn`` in px; windows are half of it, so that small fields count.

    Returns
    -------
    found : dict
        ``windows`` of training; ``drawn`` and ``held_out``, each the ``median`` distance and that of the
        ``closest`` 5 %; ``ratio`` and ``closest_ratio`` of drawn to held-out. A distance is the share of the
        area that differs.
    pairs : list of tuple
        Distance, window, turned, and nearest training window of those that are closest, the closest first.
    """
    side = size // 2
    known = windows_of([one.labels[-1] for one in fields], side, _STRIDES)
    found: dict[str, Any] = {"windows": len(known.maps)}
    pairs: list[tuple[float, Pixels, Pixels]] = []
    for name, maps in (("drawn", drawn), ("held_out", held_out)):
        asked = windows_of(maps, side)
        distances, which, turns = _nearest(asked.vectors, known.vectors)
        found[name] = {
            "windows": len(distances),
            "median": float(np.median(distances)),
            "closest": float(np.percentile(distances, 5)),
        }
        if name == "drawn":
            pairs = [
                (float(distances[i]), _turned(asked.maps[i], int(turns[i])), known.maps[which[i]])
                for i in np.argsort(distances)[:6]
            ]
    for key, ratio in (("median", "ratio"), ("closest", "closest_ratio")):
        under = found["held_out"][key]
        found[ratio] = found["drawn"][key] / under if under else None
    return found, pairs


def _nearest(
    asked: Vectors, known: Vectors
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distance to the nearest known vector, which it is, and how what is asked is turned to it.

    Half of the sum of absolute differences is the share of a cell that another class has.
    """
    from scipy.spatial.distance import cdist

    grids = asked.reshape(-1, CELLS, CELLS, 3)
    best = np.full(len(asked), np.inf)
    which, turns = np.zeros(len(asked), np.int64), np.zeros(len(asked), np.int64)
    for turn in range(8):
        flat = np.stack([_turned(one, turn) for one in grids]).reshape(len(asked), -1)
        apart = cdist(flat, known, "cityblock") / (2 * CELLS * CELLS)
        index = apart.argmin(1)
        closest = apart[np.arange(len(asked)), index]
        closer = closest < best
        best[closer], which[closer], turns[closer] = closest[closer], index[closer], turn
    return best, which, turns


def _turned(x: Any, turn: int) -> Any:
    """Turn a window, (y, x, ...), by quarter turns, and mirror it for those from four."""
    x = np.rot90(x, turn % 4)
    return np.ascontiguousarray(x[:, ::-1] if turn >= 4 else x)
