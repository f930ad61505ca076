"""Figures of merit against their formulas and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from napari_histosynth.study.metrics import area_under_curve, confusion, dice, frechet_distance, scores


def test_confusion_counts_true_classes_in_rows() -> None:
    truth = np.array([[0, 0, 1]], np.uint8)
    found = np.array([[0, 1, 1]], np.uint8)
    assert confusion(truth, found, 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_follow_equations_1_and_2_of_the_paper() -> None:
    # class 0: TP 6, FN 2, FP 1; class 1: TP 11, FN 1, FP 2; of 20 pixels
    found = scores(np.array([[6, 2], [1, 11]]))
    assert found.iou == pytest.approx((6 / 9, 11 / 14))
    assert found.miou == pytest.approx((6 / 9 + 11 / 14) / 2)
    assert found.mpa == pytest.approx(17 / 20)


def test_a_class_that_nobody_has_or_finds_is_left_out_of_the_means() -> None:
    found = scores(np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]]))
    assert found.miou == 1
    assert np.isnan(found.iou[2])


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    marks, truth = rng.standard_normal(60), rng.random(60) < 0.4
    marks[truth] += 0.5
    pairs = [one > other for one in marks[truth] for other in marks[~truth]]
    assert area_under_curve(marks, truth) == pytest.approx(np.mean(pairs))


def test_dice_of_half_overlapping_masks() -> None:
    one = np.array([[True, True, False]])
    assert dice(one, np.array([[False, True, True]])) == pytest.approx(0.5)


def test_frechet_distance_agrees_with_the_matrix_square_root() -> None:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((80, 5)) @ rng.standard_normal((5, 5))
    other = rng.standard_normal((90, 5)) + 1
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = sqrtm(first @ second).real
    apart = one.mean(0) - other.mean(0)
    expected = apart @ apart + np.trace(first + second - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
