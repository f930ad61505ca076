"""Large areas of one class alone, and what is said about them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.oneclass import large_flat_classes, repeating_areas, repetition_warning

SCHEME = get_scheme("colon-3")


@pytest.mark.parametrize("corner", [(0, 0), (37, 91), (250, 301)])
def test_a_square_of_one_and_a_half_times_the_side_is_found_anywhere(corner: tuple[int, int]) -> None:
    labels = np.indices((600, 640)).sum(axis=0).astype(np.uint8) % 2
    y, x = corner
    labels[y : y + 300, x : x + 300] = 2
    assert large_flat_classes(labels, [0, 1, 2, 3], um_per_px=1.0) == [2]


def test_a_smaller_square_is_not() -> None:
    labels = np.ones((600, 600), np.uint8)
    labels[::90] = 0
    labels[200:398, 200:398] = 2
    assert large_flat_classes(labels, [0, 1, 2], um_per_px=1.0) == []


def test_a_dab_in_the_middle_breaks_an_area_up() -> None:
    labels = np.full((300, 300), 2, np.uint8)
    assert large_flat_classes(labels, [2], 1.0) == [2]
    labels[150, 150] = 1
    assert large_flat_classes(labels, [2], 1.0) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 900)])
def test_a_map_smaller_than_the_side_has_none(shape: tuple[int, int]) -> None:
    assert large_flat_classes(np.zeros(shape, np.uint8), [0], 1.0) == []


def test_only_classes_that_the_card_names_are_warned_of() -> None:
    labels = np.full((700, 700), 2, np.uint8)
    assert repeating_areas(labels, SCHEME, ["epithelium", "mucin"], 0.62) == ["epithelium"]
    assert repeating_areas(labels, SCHEME, ["nuclei"], 0.62) == []
    assert repeating_areas(labels, SCHEME, None, 0.62) == []


def test_the_warning_is_one_sentence_with_the_model_and_the_classes() -> None:
    sentence = repetition_warning("colon-3class", ["mucin", "muscle", "blood"])
    assert "colon-3class" in sentence
    assert "mucin, muscle and blood" in sentence
    assert sentence.count(".") == 1
