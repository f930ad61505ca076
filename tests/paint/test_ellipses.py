from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.paint.ellipses import (
    Ellipses,
    draw_points,
    share_inside,
    stamp,
    without_overlap,
)


def many(count: int, seed: int = 0) -> Ellipses:
    rng = np.random.default_rng(seed)
    return Ellipses(
        rng.uniform(0, 200, count),
        rng.uniform(0, 200, count),
        rng.uniform(5, 9, count),
        rng.uniform(2, 5, count),
        rng.uniform(0, np.pi, count),
    )


def one(y: float, x: float, long: float, short: float, angle: float = 0.0) -> Ellipses:
    return Ellipses(*(np.array([value], float) for value in (y, x, long, short, angle)))


def chosen_one_by_one(ellipses: Ellipses, spacing: float) -> list[int]:
    chosen: list[int] = []
    for i in range(len(ellipses)):
        free = True
        for j in chosen:
            dy, dx = ellipses.y[i] - ellipses.y[j], ellipses.x[i] - ellipses.x[j]
            pair = ellipses[np.array([i, j])].radius(np.array([np.arctan2(dy, dx)] * 2))
            free &= np.hypot(dy, dx) >= spacing * pair.sum()
        if free:
            chosen.append(i)
    return chosen


@pytest.mark.parametrize("spacing", [0.7, 1.0, 1.4])
def test_the_choice_is_that_of_taking_them_one_by_one(spacing):
    ellipses = many(300)
    assert without_overlap(ellipses, spacing).tolist() == chosen_one_by_one(ellipses, spacing)


def test_none_and_one_are_chosen_whole():
    assert without_overlap(many(0), 1.0).size == 0
    assert without_overlap(many(1), 1.0).tolist() == [0]


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
def test_a_stamped_ellipse_has_its_area_and_direction(angle):
    labels = np.zeros((101, 101), np.uint8)
    allowed = np.ones(labels.shape, bool)
    stamp(labels, one(50.5, 50.5, 30, 10, angle), 1, allowed, np.random.default_rng(0), irregularity=0.0)
    y, x = np.nonzero(labels)
    assert y.size == pytest.approx(np.pi * 30 * 10, rel=0.02)
    spread = np.linalg.eigh(np.cov(x, y))[1][:, -1]
    assert abs(spread @ [np.cos(angle), np.sin(angle)]) > 0.999


def test_only_allowed_pixels_are_stamped():
    labels = np.zeros((40, 40), np.uint8)
    allowed = np.zeros(labels.shape, bool)
    allowed[:, :20] = True
    stamp(labels, one(20, 20, 12, 12), 1, allowed, np.random.default_rng(0))
    assert labels[:, :20].any()
    assert not labels[:, 20:].any()


def test_what_hangs_over_the_border_is_cut():
    labels = np.zeros((30, 30), np.uint8)
    allowed = np.ones(labels.shape, bool)
    stamp(labels, one(0, 0, 10, 10), 1, allowed, np.random.default_rng(0), irregularity=0.0)
    assert labels.sum() == pytest.approx(np.pi * 100 / 4, rel=0.1)
    assert not labels[15:].any()


def test_the_smallest_ellipse_is_still_a_pixel():
    labels = np.zeros((9, 9), np.uint8)
    stamp(labels, one(4.9, 4.1, 0.05, 0.05), 1, np.ones((9, 9), bool), np.random.default_rng(0))
    assert np.argwhere(labels).tolist() == [[4, 4]]


def test_large_and_small_ellipses_are_stamped_alike():
    labels = np.zeros((3000, 3000), np.uint8)
    allowed = np.ones(labels.shape, bool)
    small = one(10, 10, 3, 3)
    stamp(
        labels,
        Ellipses.join([one(1500, 1500, 1400, 1400), small]),
        1,
        allowed,
        np.random.default_rng(0),
        irregularity=0.0,
    )
    assert labels.sum() == pytest.approx(np.pi * (1400**2 + 9), rel=0.01)


def test_share_inside_counts_the_outline_and_lets_the_border_pass():
    allowed = np.zeros((40, 40), bool)
    allowed[:, :20] = True
    ellipses = Ellipses.join([one(20, 8, 5, 5), one(20, 20, 5, 5), one(20, 32, 5, 5), one(0, 8, 5, 5)])
    share = share_inside(ellipses, allowed)
    assert share[0] == 1
    assert 0.3 < share[1] < 0.7
    assert share[2] == 0
    assert share[3] == 1


def test_points_fall_by_weight():
    weights = np.zeros((10, 10))
    weights[2, 3] = 1
    weights[7, 1] = 3
    y, x = draw_points(weights, 4000, 5, np.random.default_rng(0))
    cells = np.stack([y // 5, x // 5], axis=1)
    assert {(2.0, 3.0), (7.0, 1.0)} == {tuple(cell) for cell in cells.tolist()}
    assert (cells[:, 0] == 7).mean() == pytest.approx(0.75, abs=0.03)


def test_no_weight_gives_no_points():
    y, x = draw_points(np.zeros((4, 4)), 10, 1, np.random.default_rng(0))
    assert y.size == x.size == 0
