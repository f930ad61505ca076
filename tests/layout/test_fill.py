"""Filling a region: only inside, joined at the rim, locked classes spared, odd regions in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, ModelError, SchemeError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.layout.fill import fill_region
from napari_histosynth.layout.sampler import Sampler

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

SIDE = 90


@pytest.fixture(params=["tiny_layout_model", "tiny_flow_model", "tiny_fine_model"])
def model(request: pytest.FixtureRequest) -> LayoutModel:
    """Models without, with one and with two flows."""
    found: LayoutModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def labels(model: LayoutModel) -> np.ndarray:
    return Sampler(model).sample(1, grade="healthy", size_px=(SIDE, SIDE)).labels


def _square(low: int, high: int, side: int = SIDE) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[low:high, low:high] = True
    return mask


def _fill(model: LayoutModel, labels: np.ndarray, mask: np.ndarray, seed: int = 5, **more: Any) -> np.ndarray:
    return fill_region(labels, mask, model, seed, um_per_px=0.62, **{"grade": "poorly", **more})


def test_only_the_region_changes_and_the_same_seed_fills_it_alike(
    model: LayoutModel, labels: np.ndarray
) -> None:
    mask, before = _square(25, 65), labels.copy()
    made = _fill(model, labels, mask)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(made[~mask], labels[~mask])
    assert (made[mask] != labels[mask]).mean() > 0.05
    np.testing.assert_array_equal(_fill(model, labels, mask), made)
    assert (_fill(model, labels, mask, 6) != made).any()


@pytest.mark.parametrize("side", [90, 200])
def test_new_tissue_joins_what_is_around(model: LayoutModel, side: int) -> None:
    """Across the region's border the class changes hardly more often than within tissue; pasted, far more."""
    sampler = Sampler(model)
    low, high = side // 4, side - side // 4
    ratios = []
    for seed in range(4):
        around = sampler.sample(seed, grade="healthy", size_px=(side, side)).labels
        mask = _square(low, high, side)
        made = _fill(model, around, mask, seed + 20)
        pasted = np.where(
            mask, sampler.sample(seed + 50, grade="poorly", size_px=(side, side)).labels, around
        )
        ratios.append([_crossing(one, low, high) for one in (made, pasted, around)])
    joined, cut, whole = np.mean(ratios, axis=0)
    assert joined < 2 * whole + 0.02
    assert joined < 0.5 * cut


def _crossing(labels: np.ndarray, low: int, high: int) -> float:
    """Return how often the class changes across the border of the square from ``low`` to ``high``."""
    inside = slice(low, high)
    pairs = [
        (labels[low - 1, inside], labels[low, inside]),
        (labels[high - 1, inside], labels[high, inside]),
        (labels[inside, low - 1], labels[inside, low]),
        (labels[inside, high - 1], labels[inside, high]),
    ]
    return float(np.mean([(a != b).mean() for a, b in pairs]))


def test_locked_classes_stay(model: LayoutModel, labels: np.ndarray) -> None:
    mask = _square(10, 80)
    made = _fill(model, labels, mask, locked={0})
    lumen = labels == 0
    assert lumen[mask].any()
    np.testing.assert_array_equal(made[lumen], 0)
    assert (made != labels).any()
    np.testing.assert_array_equal(_fill(model, labels, mask, locked=(0, 1, 2)), labels)


@pytest.mark.parametrize(
    "region",
    [
        (slice(0, 30), slice(0, 30)),  # in a corner
        (slice(40, 42), slice(40, 41)),  # two pixels
        (slice(0, SIDE), slice(0, SIDE)),  # all there is
        (slice(0, SIDE), slice(44, 47)),  # a narrow strip
    ],
)
def test_regions_of_any_shape_are_filled(
    model: LayoutModel, labels: np.ndarray, region: tuple[slice, slice]
) -> None:
    mask = np.zeros(labels.shape, np.uint8)
    mask[region] = 255
    made = _fill(model, labels, mask)
    assert made.shape == labels.shape
    assert made.max() <= 2
    np.testing.assert_array_equal(made[mask == 0], labels[mask == 0])


def test_new_tissue_is_of_the_kinds_around_it(model: LayoutModel) -> None:
    scheme = get_scheme("colon-10")
    muscle, mature, glass = (scheme.index_of(n) for n in ("muscle", "epithelium (mature)", "background"))
    around = Sampler(model).sample(1, grade="healthy", size_px=(SIDE, SIDE)).labels
    around[:, :9] = np.repeat([0, 1, 2], 3)  # all three are somewhere
    ten = np.array([glass, muscle, mature], np.uint8)[around]
    made = _fill(model, ten, _square(20, 70), scheme="colon-10")
    assert set(np.unique(made)) <= {glass, muscle, mature}


def test_nuclei_are_placed_in_what_is_new(model: LayoutModel, labels: np.ndarray) -> None:
    mask = _square(15, 75)
    made = _fill(model, labels, mask, scheme="colon-3", nuclei=True)
    assert (made[mask] == 3).any()
    np.testing.assert_array_equal(made[~mask], labels[~mask])


@pytest.mark.parametrize(
    ("mask", "more", "error", "words"),
    [
        (np.zeros((SIDE, SIDE)), {}, LabelMapError, "is empty; draw one"),
        (np.ones((SIDE, SIDE + 1)), {}, LabelMapError, "does not fit a label map"),
        (np.ones((SIDE, SIDE)), {"grade": "sarcoma"}, ModelError, "No grade is named"),
        (np.ones((SIDE, SIDE)), {"nuclei": True}, SchemeError, "has no nuclei"),
    ],
)
def test_what_cannot_be_filled_is_said(
    model: LayoutModel,
    labels: np.ndarray,
    mask: np.ndarray,
    more: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        _fill(model, labels, mask, **more)
