"""From the classes of one scheme to those of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tissue import TissueScheme, convert_labels, get_scheme


def random_labels(scheme: TissueScheme, shape: tuple[int, int] = (61, 83)) -> np.ndarray:
    return np.random.default_rng(3).integers(0, scheme.n_classes, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("prostate-2", "colon-2"),
        ("colon-2", "prostate-2"),
        ("prostate-3", "colon-3"),
        ("prostate-2", "prostate-3"),
        ("colon-2", "prostate-3"),
        ("colon-10", "colon-10"),
    ],
)
def test_classes_of_the_same_name_keep_their_index(source: str, target: str) -> None:
    labels = random_labels(get_scheme(source))
    converted = convert_labels(labels, get_scheme(source), get_scheme(target))
    np.testing.assert_array_equal(converted, labels)
    assert converted.dtype == np.uint8
    assert not np.shares_memory(converted, labels)


@pytest.mark.parametrize("target", ["prostate-2", "prostate-3", "colon-2", "colon-3"])
def test_ten_classes_become_epithelium_background_and_the_rest(target: str) -> None:
    labels = np.arange(11, dtype=np.uint8)[None]
    #          mucin, two epithelia, then seven kinds of other tissue, background
    expected = [[2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0]]
    assert convert_labels(labels, get_scheme("colon-10"), get_scheme(target)).tolist() == expected


@pytest.mark.parametrize("source", ["prostate-2", "prostate-3"])
def test_there_is_no_way_from_few_classes_to_ten_and_the_class_is_named(
    message_of: Callable[..., str], source: str
) -> None:
    with pytest.raises(SchemeError) as caught:
        convert_labels(random_labels(get_scheme(source)), get_scheme(source), get_scheme("colon-10"))
    assert '"non-epithelium" of ' + source in message_of(caught)
    assert "colon-10" in str(caught.value)


def test_only_classes_that_a_map_holds_need_a_counterpart() -> None:
    blank = np.zeros((3, 3), dtype=np.uint8)
    converted = convert_labels(blank, get_scheme("prostate-3"), get_scheme("colon-10"))
    assert (converted == 10).all()


def test_nuclei_take_the_nearest_tissue_around_them() -> None:
    labels = np.array(
        [
            [1, 1, 1, 1, 2, 2, 2, 2],
            [1, 3, 3, 1, 2, 3, 3, 2],
            [1, 3, 3, 1, 2, 3, 3, 2],
            [1, 1, 1, 1, 2, 2, 2, 2],
        ]
    )
    converted = convert_labels(labels, get_scheme("prostate-3"), get_scheme("prostate-2"))
    assert converted.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]] * 4


def test_nuclei_beside_a_lumen_are_tissue_not_background() -> None:
    labels = np.array([[0, 0, 3, 3, 2, 2], [0, 0, 3, 3, 2, 2]])
    converted = convert_labels(labels, get_scheme("colon-3"), get_scheme("colon-2"))
    assert converted.tolist() == [[0, 0, 2, 2, 2, 2]] * 2


def test_nuclei_alone_become_non_epithelium() -> None:
    labels = np.array([[3, 3], [0, 3]])
    converted = convert_labels(labels, get_scheme("colon-3"), get_scheme("colon-2"))
    assert converted.tolist() == [[1, 1], [0, 1]]


def test_conversion_checks_the_label_map() -> None:
    with pytest.raises(LabelMapError, match="the value 9"):
        convert_labels([[9]], get_scheme("colon-3"), get_scheme("colon-2"))
