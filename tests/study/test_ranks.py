"""Ranks, intervals, simple predictions: against SciPy, scikit-learn's formulas, and cases known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_histosynth.study import ranks


def test_correlations_are_those_of_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 5, 40).astype(float)
    other = one + rng.normal(0, 2, 40).round()
    assert ranks.spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert ranks.pearson(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    assert ranks.spearman([1, 2, 3], [5, 5, 5]) == 0
    assert ranks.pearson([1, 2, 3], [5, 5, 5]) == 0


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, low, high = ranks.mean_interval(values)
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_every_class_counts_the_same() -> None:
    truth, found = ["a"] * 8 + ["b"] * 2, ["a"] * 10
    assert ranks.balanced_accuracy(truth, found) == 0.5
    mean, high = ranks.chance_of(truth, ["a"] * 5 + ["b"] * 5)
    assert mean == pytest.approx(0.5, abs=0.02)
    assert 0.6 < high < 1


def test_a_linear_rule_is_foretold_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    known, asked = rng.normal(size=(200, 4)), rng.normal(size=(50, 4))
    weights = np.array([[1.0, 0], [0, 2], [3, 0], [0, 0]])
    foretold = ranks.ridge_predict(known, known @ weights, asked, strength=0.01)
    np.testing.assert_allclose(foretold, asked @ weights, atol=1e-2)
    assert ranks.explained(asked @ weights, foretold) > 0.99
    noise = rng.normal(size=200)
    assert ranks.explained(rng.normal(size=50), ranks.ridge_predict(known, noise, asked)) < 0.1
