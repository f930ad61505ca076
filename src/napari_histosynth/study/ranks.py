"""Ranks, intervals and simple predictions: what the proof of the grade slider is counted in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def spearman(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 where either does not vary, ties sharing their rank."""
    a, b = (_ranks(np.asarray(values, np.float64)) for values in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def pearson(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the correlation coefficient, -1 to 1; 0 where either does not vary."""
    a, b = (np.asarray(values, np.float64) for values in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def mean_interval(values: npt.ArrayLike, seed: int = 0, draws: int = 1000) -> tuple[float, float, float]:
    """Return the mean of some values and the middle 95 % of means of draws with replacement."""
    given = np.asarray(values, np.float64)
    rng = np.random.default_rng(seed)
    means = given[rng.integers(len(given), size=(draws, len(given)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(given.mean()), float(low), float(high)


def balanced_accuracy(truth: Sequence[str], found: Sequence[str]) -> float:
    """Return the share that is found rightly of each true class, averaged over the classes."""
    shares = []
    for name in sorted(set(truth)):
        of_class = [found[i] == name for i, true in enumerate(truth) if true == name]
        shares.append(np.mean(of_class))
    return float(np.mean(shares))


def chance_of(truth: Sequence[str], found: Sequence[str], seed: int = 0, draws: int = 500) -> Floats:
    """Return mean and 95th percentile, (2,), of the balanced accuracy of the same answers, shuffled."""
    rng = np.random.default_rng(seed)
    answers = np.array(found)
    shuffled = [balanced_accuracy(truth, rng.permutation(answers).tolist()) for _ in range(draws)]
    return np.array([np.mean(shuffled), np.percentile(shuffled, 95)])


def ridge_predict(
    known: npt.ArrayLike, targets: npt.ArrayLike, asked: npt.ArrayLike, strength: float = 10.0
) -> Floats:
    """Predict linearly, with known and asked scaled to spread 1.

    Parameters
    ----------
    known : array_like
        (n, d).
    targets : array_like
        (n,) or (n, k).
    asked : array_like
        (m, d).
    strength : float
        Of the penalty on the weights, in pictures.

    Returns
    -------
    ndarray
        (m,) or (m, k).
    """
    x, y, z = (np.asarray(values, np.float64) for values in (known, targets, asked))
    middle, spread = x.mean(0), x.std(0) + 1e-9
    x, z, level = (x - middle) / spread, (z - middle) / spread, y.mean(0)
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (y - level))
    return np.asarray(z @ weights + level)


def explained(truth: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Return the share of variance that a prediction explains, R², mean over columns; 0 or less is none."""
    y, guess = np.atleast_2d(np.asarray(truth, np.float64).T), np.atleast_2d(np.asarray(found, np.float64).T)
    left = np.square(y - guess).sum(1)
    there = np.square(y - y.mean(1, keepdims=True)).sum(1)
    varies = there > 0
    return float(np.mean(1 - left[varies] / there[varies])) if varies.any() else 0.0


def _ranks(values: Floats) -> Floats:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = (last - (counts - 1) / 2)[where]
    return middle
