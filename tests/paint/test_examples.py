from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.errors import HistosynthError, LabelMapError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.examples import example_labels, example_names, example_title

SCHEME = get_scheme("colon-3")
BACKGROUND, STROMA, EPITHELIUM, NUCLEI = (
    SCHEME.index_of(name) for name in ("background", "non-epithelium", "epithelium", "nuclei")
)
UM = 0.62
NAMES = example_names(SCHEME)

# GlaS, by grade: share of the epithelium and of the stroma that nuclei cover (scatter_nuclei's notes)
COVERED = {"crypts-cross": (0.28, 0.26), "moderate": (0.47, 0.17), "poor": (0.42, 0.18)}


@pytest.fixture(scope="module")
def maps() -> dict[str, np.ndarray]:
    return {name: example_labels(name, (512, 512), UM, seed=2) for name in NAMES}


def without_nuclei(labels: np.ndarray) -> np.ndarray:
    nearest = ndimage.distance_transform_edt(labels == NUCLEI, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]


def test_healthy_moderate_and_poor_are_there():
    assert {"crypts-cross", "crypts-along", "moderate", "poor"} <= set(NAMES)


def test_every_example_has_a_title_of_its_own():
    titles = {example_title(name) for name in NAMES}
    assert len(titles) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_holds_all_classes_of_the_scheme(maps, name):
    labels = SCHEME.check(maps[name])
    assert labels.dtype == np.uint8
    assert np.bincount(labels.ravel(), minlength=4).min() > 0.01 * labels.size


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_one_field_and_another_seed_another(maps, name):
    np.testing.assert_array_equal(maps[name], example_labels(name, (512, 512), UM, seed=2))
    assert (maps[name] != example_labels(name, (512, 512), UM, seed=3)).mean() > 0.2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (37, 201)])
@pytest.mark.parametrize("um_per_px", [0.1, 0.62, 4.0])
def test_any_shape_and_scale_is_drawn(name, shape, um_per_px):
    labels = example_labels(name, shape, um_per_px, seed=-1)
    assert labels.shape == shape
    SCHEME.check(labels)


@pytest.mark.parametrize("name", sorted(COVERED))
def test_nuclei_cover_what_they_cover_on_real_fields(name):
    labels = example_labels(name, (800, 800), UM, seed=0)
    tissue = without_nuclei(labels)
    for value, share in zip((EPITHELIUM, STROMA), COVERED[name], strict=True):
        assert (labels == NUCLEI)[tissue == value].mean() == pytest.approx(share, abs=0.07)


def test_healthy_nuclei_are_basal_and_those_of_carcinoma_stratified(maps):
    def covered_above(name: str) -> float:
        tissue = without_nuclei(maps[name])
        depth = ndimage.distance_transform_edt(tissue != STROMA) * UM
        high = (tissue == EPITHELIUM) & (depth > 15) & (depth < 24)
        return float((maps[name] == NUCLEI)[high].mean())

    assert covered_above("crypts-cross") < 0.1
    assert covered_above("moderate") > 0.25


def test_crypts_cut_across_are_as_many_as_on_real_fields():
    labels = example_labels("crypts-cross", (1024, 1024), UM, seed=1)
    glands = ndimage.binary_opening(without_nuclei(labels) == EPITHELIUM, iterations=3)
    filled = ndimage.binary_fill_holes(glands)
    _, count = ndimage.label(filled)
    per_mm2 = count / (labels.size * UM**2 * 1e-6)
    # 80 to 110 um from center to center on a hexagonal lattice, those cut by the border counted whole
    assert 2 / (3**0.5 * 0.110**2) < per_mm2 < 2 / (3**0.5 * 0.080**2) * 1.25


def test_crypts_cut_lengthwise_open_below_glass():
    labels = example_labels("crypts-along", (1024, 1024), UM, seed=1)
    assert (labels[0] == BACKGROUND).all()
    assert (labels[-1] == EPITHELIUM).sum() == 0
    # glass reaches deep into the mucosa through the mouths of the crypts
    glass, _ = ndimage.label(labels == BACKGROUND)
    deepest = np.nonzero(glass == glass[0, 0])[0].max()
    surface = np.argmax(labels != BACKGROUND, axis=0).mean()
    assert (deepest - surface) * UM > 60.0


def test_poorly_differentiated_carcinoma_has_the_least_lumen(maps):
    def lumen(name: str) -> float:
        tissue = without_nuclei(maps[name])
        stroma_beside = ndimage.distance_transform_edt(tissue != STROMA) * UM > 9
        return float(((tissue == BACKGROUND) & stroma_beside).sum() / (tissue == EPITHELIUM).sum())

    assert lumen("poor") < 0.5 * min(lumen("moderate"), lumen("crypts-cross"))


@pytest.mark.parametrize("name", ["crypts-cross", "moderate"])
def test_a_finer_scale_shows_the_same_tissue(name):
    coarse = without_nuclei(example_labels(name, (300, 300), 1.24, seed=5))
    fine = without_nuclei(example_labels(name, (600, 600), 0.62, seed=5))[::2, ::2]
    other = without_nuclei(example_labels(name, (300, 300), 1.24, seed=6))
    assert (coarse == fine).mean() > 0.85  # goblets and clefts are scattered anew
    assert (coarse == other).mean() < 0.7


def test_an_unknown_example_is_named_with_those_there_are():
    with pytest.raises(HistosynthError, match=r"lung.*crypts-cross"):
        example_labels("lung")
    with pytest.raises(HistosynthError, match="lung"):
        example_title("lung")


@pytest.mark.parametrize(("shape", "um_per_px"), [((0, 10), 0.62), ((10, 10), 0.0), ((10, 10), 50.0)])
def test_an_empty_canvas_or_a_scale_out_of_range_is_refused(shape, um_per_px):
    with pytest.raises(LabelMapError):
        example_labels("poor", shape, um_per_px)
