"""Windows as vectors, distances of halves, nearest neighbors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.unet import SegmentationNet
from napari_histosynth.study.features import (
    Described,
    describe_by_network,
    describe_by_pixels,
    distances_of_halves,
    nearest,
    nearest_in_any_turn,
    scaled_by,
    with_tissue,
)


@pytest.fixture(scope="module")
def network() -> SegmentationNet:
    torch.manual_seed(0)
    return SegmentationNet(4, (4, 4, 4, 6)).eval()


def test_windows_overlap_by_half_and_lie_inside_of_their_picture(
    network: SegmentationNet, fields: list[Field]
) -> None:
    narrow = replace(fields[0], image=fields[0].image[:150])
    described = describe_by_network(network, [narrow, fields[1]])
    assert described.vectors.shape == (6, 6)
    assert described.place[:2].tolist() == [[0, 0, 0], [0, 0, 64]]
    assert described.place[2:].tolist() == [[1, 0, 0], [1, 0, 64], [1, 64, 0], [1, 64, 64]]
    assert not np.allclose(described.vectors[0], described.vectors[1])


def test_low_resolution_pictures_do_not_hang_on_the_stain(fields: list[Field]) -> None:
    paler = replace(fields[0], image=(fields[0].image // 2 + 100).astype(np.uint8))
    one, other = (describe_by_pixels([field]) for field in (fields[0], paler))
    assert len(one) == 25  # 12 x 12 cells hold 5 x 5 windows of 8 x 8
    np.testing.assert_allclose(one.vectors, other.vectors, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-5)


def test_the_nearest_window_is_the_one_that_brute_force_finds() -> None:
    rng = np.random.default_rng(0)
    known = Described(rng.standard_normal((30, 4)).astype(np.float32), np.zeros((30, 3), int))
    queries = Described(rng.standard_normal((7, 4)).astype(np.float32), np.zeros((7, 3), int))
    expected = np.linalg.norm(queries.vectors[:, None] - known.vectors[None], axis=-1)
    distance, which = nearest(queries, known)
    np.testing.assert_allclose(distance, expected.min(1), atol=1e-3)
    np.testing.assert_array_equal(which, expected.argmin(1))


def test_a_training_picture_is_known_again_however_it_is_turned(fields: list[Field]) -> None:
    known = describe_by_pixels(fields)
    turned = replace(fields[1], image=np.ascontiguousarray(np.rot90(fields[1].image)[:, ::-1]))
    distance, which = nearest_in_any_turn(describe_by_pixels([turned]), known)
    assert distance.max() < 0.01
    assert set(known.place[which, 0]) == {1}
    assert nearest(describe_by_pixels([turned]), known)[0].max() > 0.1


def test_halves_that_are_drawn_elsewhere_are_farther_than_real_ones() -> None:
    rng = np.random.default_rng(0)
    place = np.repeat(np.arange(4), 50)[:, None] * [1, 0, 0]
    real = Described(rng.standard_normal((200, 3)).astype(np.float32), place)
    drawn = Described(real.vectors + np.float32(2), place)
    found = distances_of_halves(real, drawn, 4, halvings=5)
    assert np.median(found["drawn"]) > 10 * np.median(found["real"])
    assert np.median(found["paired"]) == pytest.approx(12, rel=1e-3)  # three components apart by 2


def test_one_field_cannot_be_halved() -> None:
    one = Described(np.zeros((5, 3), np.float32), np.zeros((5, 3), int))
    with pytest.raises(TrainingError, match="two fields"):
        distances_of_halves(one, one, 1, 1)


def test_halves_of_one_window_have_no_spread() -> None:
    two = Described(np.zeros((2, 3), np.float32), np.array([[0, 0, 0], [1, 0, 0]]))
    with pytest.raises(TrainingError, match="windows"):
        distances_of_halves(two, two, 2, 1)


def test_windows_of_glass_are_left_out(fields: list[Field]) -> None:
    labels = np.ones((128, 256), np.uint8)
    labels[:, 128:] = 0
    place = np.array([[0, 0, 0], [0, 0, 64], [0, 0, 128]])
    described = Described(np.arange(3, dtype=np.float32)[:, None], place)
    kept = with_tissue(described, [replace(fields[0], labels=(labels,))], background=0)
    assert kept.place.tolist() == [[0, 0, 0]]
    assert kept.vectors.tolist() == [[0.0]]


def test_scaling_gives_each_component_of_the_reference_the_same_spread() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((50, 2)) * [1, 100]).astype(np.float32)
    reference = Described(vectors, np.zeros((50, 3), int))
    scaled, other = scaled_by(reference, reference)
    np.testing.assert_allclose(scaled.vectors.std(0), 1, rtol=1e-4)
    np.testing.assert_array_equal(scaled.vectors, other.vectors)


def test_pictures_smaller_than_a_window_are_refused(network: SegmentationNet, fields: list[Field]) -> None:
    small = replace(fields[0], image=fields[0].image[:100])
    with pytest.raises(TrainingError, match="field_0 is 100 px"):
        describe_by_network(network, [small])
    with pytest.raises(TrainingError, match="field_0 is 100 px"):
        describe_by_pixels([small])
