"""Ways between styles: ends, what lies between and beyond, mixtures, and what is no style."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.space import among, between, corner_weights, moved

A, B = np.array([2.0, 0, 0]), np.array([0.0, 4, 0])


@pytest.mark.parametrize("spherical", [False, True])
def test_a_way_begins_and_ends_at_its_ends(spherical: bool) -> None:
    np.testing.assert_allclose(between(A, B, 0, spherical=spherical), A, atol=1e-6)
    np.testing.assert_allclose(between(A, B, 1, spherical=spherical), B, atol=1e-6)
    assert between(A, B, 0.3, spherical=spherical).dtype == np.float32


def test_a_straight_way_is_straight() -> None:
    np.testing.assert_allclose(between(A, B, 0.25), [1.5, 1, 0])
    np.testing.assert_allclose(between(A, B, 1.25), [-0.5, 5, 0])


def test_a_round_way_keeps_its_length() -> None:
    middle = between(A, B, 0.5, spherical=True)
    assert np.linalg.norm(middle) == pytest.approx(3)
    assert middle[0] == pytest.approx(middle[1])


@pytest.mark.parametrize("other", [[4.0, 0, 0], [-2.0, 0, 0], [0.0, 0, 0]])
def test_where_there_is_no_circle_the_way_is_straight(other: list[float]) -> None:
    np.testing.assert_allclose(between(A, other, 0.5, spherical=True), (A + other) / 2, atol=1e-6)


def test_moving_adds_the_difference() -> None:
    np.testing.assert_allclose(moved([1, 1, 1], A, B, 0.5), [0, 3, 1])
    np.testing.assert_allclose(moved([1, 1, 1], A, B, -0.5), [2, -1, 1])


def test_a_mixture_is_a_mean() -> None:
    np.testing.assert_allclose(among([A, B, [0, 0, 8]], [1, 2, 1]), [0.5, 2, 2])


@pytest.mark.parametrize("corners", [3, 4])
def test_a_pad_has_its_corners_and_shares_between_them(corners: int) -> None:
    places = {3: [(0, 0.5), (1, 0), (1, 1)], 4: [(0, 0), (0, 1), (1, 0), (1, 1)]}[corners]
    for number, (y, x) in enumerate(places):
        np.testing.assert_allclose(corner_weights(y, x, corners), np.eye(corners)[number], atol=1e-12)
    for y, x in np.random.default_rng(0).uniform(-0.5, 1.5, (50, 2)):
        weights = corner_weights(y, x, corners)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)


def test_a_place_on_a_triangle_comes_back_from_its_weights() -> None:
    corners = np.array([(0, 0.5), (1, 0), (1, 1)])
    np.testing.assert_allclose(corner_weights(0.6, 0.45, 3) @ corners, (0.6, 0.45))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: between(A, [1.0, 2], 0.5), "3 and 2 numbers"),
        (lambda: between(A, B, 1.26), "must be -0.25 to 1.25, not 1.26"),
        (lambda: between(A, B, float("nan")), "not nan"),
        (lambda: between(A, [np.nan, 0, 0], 0.5), "NaN or infinity"),
        (lambda: between([[1.0]], B, 0.5), r"shape \(1, 1\)"),
        (lambda: between(["far"], B, 0.5), "row of numbers"),
        (lambda: moved(A, B, [1.0], 0.5), "different models"),
        (lambda: moved(A, A, B, 2), "must be -1.25 to 1.25"),
        (lambda: among([A, B], [1]), "2 styles and 1 weights"),
        (lambda: among([A, B], [1, -1]), "0 or more"),
        (lambda: among([A, B], [0, 0]), "not all 0"),
        (lambda: corner_weights(0, 0, 5), "3 or 4 corners"),
    ],
)
def test_what_is_no_way_is_one_sentence(call: object, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
