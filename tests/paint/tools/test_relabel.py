from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.tools import desmoplasia, relabel

TEN = get_scheme("colon-10")
TUMOR, REACTIVE, LOOSE, MUSCLE, DENSE = (
    TEN.index_of(name)
    for name in (
        "epithelium (proliferative)",
        "reactive stroma",
        "loose stroma",
        "muscle",
        "non-reactive stroma",
    )
)


def field() -> np.ndarray:
    """A nest of tumor between loose stroma above, dense stroma below and muscle at the right."""
    labels = np.full((400, 400), LOOSE, np.uint8)
    labels[200:] = DENSE
    labels[:, 260:] = MUSCLE
    labels[180:220, 180:220] = TUMOR
    return labels


def test_sources_become_the_target_and_nothing_else_changes() -> None:
    labels = field()
    after = relabel(labels, ["loose stroma", DENSE], "muscle", scheme=TEN).applied_to(labels)
    turned = (labels == LOOSE) | (labels == DENSE)
    assert (after[turned] == MUSCLE).all()
    np.testing.assert_array_equal(after[~turned], labels[~turned])


def test_a_regular_reaction_is_the_stroma_within_the_radius() -> None:
    labels = field()
    edit = desmoplasia(labels, um_per_px=0.5, radius_um=20, irregularity=0)
    after = edit.applied_to(labels)
    near = distance_transform_edt(labels != TUMOR) * 0.5 <= 20
    stroma = (labels == LOOSE) | (labels == DENSE)
    np.testing.assert_array_equal(after == REACTIVE, near & stroma)
    np.testing.assert_array_equal(after[~(near & stroma)], labels[~(near & stroma)])


@pytest.mark.parametrize("irregularity", [0.5, 1.0])
def test_an_irregular_reaction_keeps_to_its_bounds_and_wanders_between(irregularity: float) -> None:
    labels = field()
    reactive = desmoplasia(labels, um_per_px=0.5, radius_um=30, irregularity=irregularity).applied_to(labels)
    reactive = reactive == REACTIVE
    distance = distance_transform_edt(labels != TUMOR) * 0.5
    stroma = (labels == LOOSE) | (labels == DENSE)
    assert reactive[stroma & (distance <= 0.4 * 30)].all()
    assert not reactive[distance > 1.6 * 30].any()
    between = stroma & (distance > 0.7 * 30) & (distance < 1.3 * 30)
    assert 0.15 < reactive[between].mean() < 0.85


def test_a_seed_chooses_the_edge() -> None:
    labels = field()
    edits = [desmoplasia(labels, um_per_px=0.5, radius_um=30, seed=seed) for seed in (1, 2)]
    assert (edits[0].applied_to(labels) != edits[1].applied_to(labels)).any()


def test_reactions_of_two_areas_are_the_reaction_of_both() -> None:
    labels = field()
    left = np.zeros(labels.shape, bool)
    left[:, :200] = True
    both = desmoplasia(labels, um_per_px=0.5, radius_um=30).applied_to(labels)
    one = desmoplasia(labels, um_per_px=0.5, radius_um=30, area=left).applied_to(labels)
    two = desmoplasia(one, um_per_px=0.5, radius_um=30, area=~left).applied_to(one)
    np.testing.assert_array_equal(two, both)


def test_what_it_reacts_to_can_be_said() -> None:
    assert desmoplasia(field(), um_per_px=0.5, around=["epithelium (mature)"]).pixels == 0
    assert desmoplasia(field(), um_per_px=0.5, around=["muscle"]).pixels > 0


def test_a_reaction_leaves_no_specks_and_no_holes() -> None:
    labels = field()
    labels[100:300:40, 60:260:40] = TUMOR  # many small nests, so that ragged bands meet
    after = desmoplasia(
        labels, um_per_px=1.0, radius_um=14, irregularity=1.0, seed=3, least_um2=300
    ).applied_to(labels)
    ragged = desmoplasia(
        labels, um_per_px=1.0, radius_um=14, irregularity=1.0, seed=3, least_um2=0
    ).applied_to(labels)
    reactive, stroma = after == REACTIVE, (after == LOOSE) | (after == DENSE)
    assert min(sizes(reactive)) >= 300
    assert min(sizes(stroma)) >= 300
    assert min(sizes((ragged == LOOSE) | (ragged == DENSE)) + sizes(ragged == REACTIVE)) < 300


def test_specks_of_reaction_that_were_there_stay() -> None:
    labels = field()
    labels[20:25, 20:25] = REACTIVE
    after = desmoplasia(labels, um_per_px=1.0, radius_um=20).applied_to(labels)
    assert (after[20:25, 20:25] == REACTIVE).all()


def sizes(mask: np.ndarray) -> list[int]:
    """Return the pixels of each island."""
    islands, _ = label(mask, np.ones((3, 3)))
    return list(np.bincount(islands.ravel())[1:])
