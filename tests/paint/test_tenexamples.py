"""Examples in ten classes: what tissue they hold, where it lies, that they are the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.examples import example_labels, example_names, example_scheme, example_title
from napari_histosynth.paint.weak import (
    BACKGROUND,
    BLOOD,
    INFLAMMATION,
    LOOSE,
    MATURE,
    MUCIN,
    MUSCLE,
    NECROSIS,
    NON_REACTIVE,
    PROLIFERATIVE,
    REACTIVE,
)

SCHEME = get_scheme("colon-10")
NAMES = example_names(SCHEME)

# what each must hold over some fields, and what it cannot
HOLDS = {
    "mucosa": ({MATURE, PROLIFERATIVE, MUCIN, LOOSE, MUSCLE, BACKGROUND}, {REACTIVE, NECROSIS}),
    "colitis": ({MATURE, PROLIFERATIVE, MUCIN, LOOSE, INFLAMMATION, BLOOD}, {REACTIVE, NECROSIS, MUSCLE}),
    "dysplasia": ({PROLIFERATIVE, MUCIN, LOOSE, INFLAMMATION, BACKGROUND}, {REACTIVE, NECROSIS, MUSCLE}),
    "invasion": ({PROLIFERATIVE, REACTIVE, MUSCLE, NECROSIS, INFLAMMATION, BLOOD}, {MATURE, MUCIN}),
    "mucinous": ({MUCIN, PROLIFERATIVE, REACTIVE, INFLAMMATION}, {MATURE, MUSCLE, BACKGROUND}),
    "wall": ({LOOSE, NON_REACTIVE, MUSCLE, BLOOD, BACKGROUND}, {MATURE, PROLIFERATIVE, NECROSIS, REACTIVE}),
}


@pytest.fixture(scope="module")
def maps() -> dict[str, list[np.ndarray]]:
    return {name: [example_labels(name, (512, 512), 1.0, seed=seed) for seed in (0, 1)] for name in NAMES}


def test_every_example_is_named_apart_from_those_of_three_classes() -> None:
    assert set(NAMES) == set(HOLDS)
    assert not set(NAMES) & set(example_names(get_scheme("colon-3")))
    assert len({example_title(name) for name in example_names()}) == len(example_names())
    assert all(example_scheme(name) == SCHEME for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_holds_its_tissue_and_no_other(maps: dict[str, list[np.ndarray]], name: str) -> None:
    there, never = HOLDS[name]
    found = set(np.unique(maps[name]))
    assert there <= found
    assert not never & found


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_field_and_another_gives_another(
    maps: dict[str, list[np.ndarray]], name: str
) -> None:
    first, second = maps[name]
    assert np.array_equal(example_labels(name, (512, 512), 1.0, seed=0), first)
    assert (first != second).mean() > 0.1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "um_per_px"), [((40, 300), 0.5), ((1, 1), 1.0), ((64, 64), 4.0)])
def test_any_shape_and_scale_can_be_had(name: str, shape: tuple[int, int], um_per_px: float) -> None:
    labels = example_labels(name, shape, um_per_px, seed=3)
    assert labels.shape == shape
    assert labels.dtype == np.uint8
    assert labels.max() < SCHEME.n_classes


def test_mucosa_lies_on_muscle_with_its_dividing_cells_at_the_base(maps: dict[str, list[np.ndarray]]) -> None:
    for labels in maps["mucosa"]:
        depth = {label: np.nonzero(labels == label)[0].mean() for label in (MATURE, PROLIFERATIVE, MUSCLE)}
        assert depth[MATURE] < depth[PROLIFERATIVE] < depth[MUSCLE]
        assert (labels[:20] == BACKGROUND).mean() > 0.8


def test_necrosis_lies_inside_of_glands(maps: dict[str, list[np.ndarray]]) -> None:
    for labels in maps["invasion"]:
        near = ndimage.binary_dilation(labels == NECROSIS, iterations=3) & (labels != NECROSIS)
        assert set(np.unique(labels[near])) <= {BACKGROUND, PROLIFERATIVE}


def test_reactive_stroma_lies_around_tumor_and_muscle_away_from_it(maps: dict[str, list[np.ndarray]]) -> None:
    for labels in maps["invasion"]:
        away = ndimage.distance_transform_edt(labels != PROLIFERATIVE)
        assert np.median(away[labels == REACTIVE]) < np.median(away[labels == MUSCLE])


def test_pools_are_large_and_tumor_lies_at_or_in_them(maps: dict[str, list[np.ndarray]]) -> None:
    for labels in maps["mucinous"]:
        pools, _ = ndimage.label(labels == MUCIN)
        assert np.bincount(pools.ravel())[1:].max() > 10_000
        assert 0.25 < (labels == MUCIN).mean() < 0.65
