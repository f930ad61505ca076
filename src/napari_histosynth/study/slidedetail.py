"""What a level adds to the one before, beside what is really there: error, detail, use of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.study.slidematerial import MEASURED

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.study.slidebench import SlideBench

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

#: Bands of detail: between pictures blurred by so many px (0: not at all).
BANDS = ((0.0, 0.7), (0.7, 1.4), (1.4, 2.8))
#: Detail finer than what its parent shows: above a blur of so many px.
_FINE = 2.0


def detail(bench: SlideBench) -> dict[str, Any]:
    """Compare what is drawn from real parents with what really is there, and synthetic tissue with real.

    Returns
    -------
    dict
        For each level: ``mae``, mean absolute difference from the real child in gray levels, ``drawn`` and
        ``enlarged`` (the parent as it is); ``strength``, standard deviation of detail over that of real
        tissue in each of :data:`BANDS`, ``refined``, ``enlarged`` and ``whole``; ``noise``, how much detail
        differs, 0 to 1: ``seeds``, between two seeds on one parent, ``neighbors``, between halves of real
        squares.
    """
    found: dict[str, Any] = {}
    for level in MEASURED:
        held = [index for index, one in enumerate(bench.material.pieces[level]) if one.held_out]
        # drawn and enlarged pictures here did not go through the codec, nor did real ones once more
        real = [bench.material.pieces[level][index].image for index in held]
        drawn = [bench.refined[level][index] for index in held]
        plain = [bench.enlarged[level][index] for index in held]
        own = strengths(real)
        of_all = strengths([one.image for one in bench.real[level]])
        found[str(level)] = {
            "mae": {"drawn": _error(drawn, real), "enlarged": _error(plain, real)},
            "strength": {
                "refined": (strengths(drawn) / own).tolist(),
                "enlarged": (strengths(plain) / own).tolist(),
                "whole": (strengths([one.image for one in bench.whole[level]]) / of_all).tolist(),
            },
            "noise": {
                "seeds": apart(drawn, bench.again[level]),
                "neighbors": apart(*zip(*map(_halves, real), strict=True)),
            },
        }
    return found


def strengths(pictures: Sequence[Pixels]) -> npt.NDArray[np.float64]:
    """Return the standard deviation of brightness in each of :data:`BANDS`, float64 (bands,)."""
    powers = []
    for rgb in pictures:
        gray = rgb.mean(2, dtype=np.float32)
        powers.append([np.mean((_blurred(gray, low) - _blurred(gray, high)) ** 2) for low, high in BANDS])
    return np.asarray(np.sqrt(np.maximum(np.mean(powers, axis=0), 1e-6)), np.float64)


def apart(pictures: Sequence[Pixels], others: Sequence[Pixels]) -> float:
    """Return how much fine detail differs: 0 if it is the same, 1 if one has nothing to do with the other."""
    differs, there = 0.0, 0.0
    for one, other in zip(pictures, others, strict=True):
        a, b = (_fine(rgb) for rgb in (one, other))
        differs += float(np.square(a - b).sum())
        there += float(np.square(a).sum() + np.square(b).sum())
    return differs / there if there else 0.0


def _fine(rgb: Pixels) -> Floats:
    gray = rgb.mean(2, dtype=np.float32)
    return np.asarray(gray - _blurred(gray, _FINE), np.float32)


def _blurred(gray: Floats, sigma: float) -> Floats:
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(gray, sigma, mode="mirror"), np.float32) if sigma else gray


def _halves(rgb: Pixels) -> tuple[Pixels, Pixels]:
    middle = rgb.shape[1] // 2
    return rgb[:, :middle], rgb[:, middle : 2 * middle]


def _error(pictures: Sequence[Pixels], others: Sequence[Pixels]) -> float:
    each = [np.abs(one.astype(np.int16) - other).mean() for one, other in zip(pictures, others, strict=True)]
    return float(np.mean(each))
