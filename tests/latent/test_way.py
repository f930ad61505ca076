"""Ways that a slider goes along: their ends, a style carried along, and what is no way."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.way import Way

A, B, C = (np.array(style, np.float32) for style in ([2, 0, 0], [0, 4, 0], [1, 1, 1]))


@pytest.mark.parametrize("spherical", [False, True])
def test_a_way_leads_from_its_first_style_to_its_second(spherical: bool) -> None:
    way = Way(A, B, spherical)
    np.testing.assert_allclose(way.at(0), A, atol=1e-6)
    np.testing.assert_allclose(way.at(1), B, atol=1e-6)
    assert way.at(0.3).dtype == np.float32


def test_a_round_way_is_longer_in_the_middle_than_a_straight_one() -> None:
    assert np.linalg.norm(Way(A, B, True).at(0.5)) == pytest.approx(3)
    np.testing.assert_allclose(Way(A, B).at(0.5), [1, 2, 0])


@pytest.mark.parametrize("spherical", [False, True])
def test_a_carried_style_takes_the_same_step(spherical: bool) -> None:
    way = Way(A, B, spherical, carried=C)
    np.testing.assert_array_equal(way.at(0), C)
    np.testing.assert_allclose(way.at(0.5), C + (B - A) / 2)


@pytest.mark.parametrize("carried", [None, C])
def test_a_way_goes_on_beyond_its_ends(carried: np.ndarray | None) -> None:
    start = A if carried is None else carried
    np.testing.assert_allclose(Way(A, B, carried=carried).at(-0.25), start - (B - A) / 4)
    np.testing.assert_allclose(Way(A, B, carried=carried).at(1.25), start + 1.25 * (B - A))
    with pytest.raises(ModelError, match=r"1\.6"):
        Way(A, B, carried=carried).at(1.6)


def test_styles_of_two_models_make_no_way() -> None:
    with pytest.raises(ModelError, match="3 and 4 numbers"):
        Way(A, np.zeros(4, np.float32))
    with pytest.raises(ModelError, match="3 and 4 numbers"):
        Way(A, B, carried=np.zeros(4, np.float32))


@pytest.mark.parametrize("bad", [[np.nan, 0, 0], [np.inf, 0, 0], [], [[1.0, 2, 3]]])
def test_what_is_no_style_makes_no_way(bad: list[float]) -> None:
    with pytest.raises(ModelError):
        Way(np.array(bad, np.float32), B)
