"""The copy that tells what has changed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.shadow import Shadow

SCHEME = get_scheme("colon-3")


def test_a_change_is_found_where_it_is() -> None:
    labels = np.ones((700, 900), np.uint8)
    shadow = Shadow(labels, SCHEME)
    labels[610:620, 530:550] = 2
    changes = shadow.update(labels)
    assert changes.windows == [Window(610, 620, 530, 550)]
    np.testing.assert_array_equal(shadow.labels, labels)


def test_no_change_is_no_change() -> None:
    labels = np.ones((100, 100), np.uint8)
    assert Shadow(labels, SCHEME).update(labels).windows == []


def test_changes_far_apart_stay_apart() -> None:
    labels = np.ones((2000, 2000), np.uint8)
    shadow = Shadow(labels, SCHEME)
    labels[3, 5] = labels[1990, 1985] = 3
    assert shadow.update(labels).windows == [Window(3, 4, 5, 6), Window(1990, 1991, 1985, 1986)]


def test_only_the_window_asked_for_is_looked_at() -> None:
    labels = np.ones((100, 100), np.uint8)
    shadow = Shadow(labels, SCHEME)
    labels[10, 10] = labels[90, 90] = 2
    assert shadow.update(labels, Window(0, 50, 0, 50)).windows == [Window(10, 11, 10, 11)]
    assert shadow.labels[90, 90] == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_values_outside_the_scheme_become_background_and_are_counted(dtype: type) -> None:
    labels = np.ones((50, 50), dtype)
    shadow = Shadow(labels, SCHEME)
    labels[:5, :4] = 9
    changes = shadow.update(labels)
    assert changes.strays == {9: 20}
    assert (shadow.labels[:5, :4] == SCHEME.background).all()
    assert shadow.labels.dtype == np.uint8


def test_the_copy_is_its_own() -> None:
    labels = np.ones((50, 50), np.uint8)
    shadow = Shadow(labels, SCHEME)
    labels[0, 0] = 2
    assert shadow.labels[0, 0] == 1


def test_another_shape_is_refused_in_a_sentence() -> None:
    with pytest.raises(LabelMapError, match=r"\(60, 50\).*\(50, 50\)"):
        Shadow(np.ones((50, 50), np.uint8), SCHEME).update(np.ones((60, 50), np.uint8))
