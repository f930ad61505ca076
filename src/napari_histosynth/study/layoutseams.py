"""Whether a grid shows in layouts larger than what was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]


def border_profiles(labels: Pixels) -> tuple[Floats, Floats]:
    """Return how often the class changes from one column to the next, and from one row to the next.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).

    Returns
    -------
    columns, rows : ndarray
        float64 (x - 1,) and (y - 1,), shares of the pixels of a line.
    """
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    return across.mean(0).astype(np.float64), down.mean(1).astype(np.float64)


def seam_of_labels(maps: list[Pixels], period: int, reach: int = 1) -> dict[str, float | None]:
    """Measure label borders along the lines of a grid over those elsewhere.

    A cut along a grid leaves borders of classes that lie in its lines, so that more pixels change class there
    than elsewhere; a grid that is blended too strongly leaves fewer.

    Parameters
    ----------
    maps : list of ndarray
        uint8 (y, x), large layouts.
    period : int
        From one line of the grid to the next, px; lines begin at the corner.
    reach : int
        Lines to either side that still count, px.

    Returns
    -------
    dict
        ``ratio`` (1: no grid), its standard ``error`` over lines, ``lines``; none where a map holds no line.
    """
    on: list[float] = []
    off: list[float] = []
    for labels in maps:
        for profile in border_profiles(labels):
            places = np.arange(1, len(profile) + 1)  # the line before pixel 1, 2, ...
            away = np.abs((places + period // 2) % period - period // 2)
            lines = np.round(places / period).astype(int)
            # the rim of the map is no line of the grid
            inside = [one for one in np.unique(lines) if reach < one * period < len(profile) - reach]
            on += [float(profile[(away <= reach) & (lines == line)].mean()) for line in inside]
            off.append(float(profile[away > reach].mean()))
    elsewhere = float(np.mean(off)) if off else 0.0
    if len(on) < 2 or not elsewhere:
        return {"ratio": None, "error": None, "lines": len(on)}
    return {
        "ratio": float(np.mean(on)) / elsewhere,
        "error": float(np.std(on, ddof=1) / np.sqrt(len(on))) / elsewhere,
        "lines": len(on),
    }


def blend_of_labels(maps: list[Pixels], period: int) -> float | None:
    """Return label borders in the quarter of the area midway between lattice lines over those near crossings.

    Where latents are blended over space, tissue halfway between two of them may be plainer than at either.
    1 is alike everywhere; the crossings of the lattice are multiples of ``period``.
    """
    near, far = [], []
    for labels in maps:
        changes = (labels[1:, 1:] != labels[1:, :-1]) | (labels[1:, 1:] != labels[:-1, 1:])
        inner = changes[period // 2 : -(period // 2), period // 2 : -(period // 2)]
        if min(inner.shape, default=0) < period:
            continue
        y, x = (
            np.abs((np.arange(side) + period // 2 + period // 2) % period - period // 2) < period / 4
            for side in inner.shape
        )
        near.append(inner[np.ix_(y, x)].mean())
        far.append(inner[np.ix_(~y, ~x)].mean())
    if not near or not np.mean(near):
        return None
    return float(np.mean(far) / np.mean(near))


def summary(maps: list[Pixels], periods: dict[str, int]) -> dict[str, Any]:
    """Return the measures of both for each kind of grid that a layout is drawn by."""
    return {
        name: {"period": period, **seam_of_labels(maps, period), "blend": blend_of_labels(maps, period)}
        for name, period in periods.items()
    }
