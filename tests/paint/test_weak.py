"""Weak labels of ten colon classes: each rule on tissue that is drawn, then on real fields."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.core.errors import ImageError, LabelMapError
from napari_histosynth.paint import weak
from napari_histosynth.paint.weak import Area, Hints, weak_label_maps, weak_labels

GLASS, PINK, FAINT = (243, 240, 244), (215, 125, 200), (228, 190, 220)
CELLS, MUCUS, RED = (95, 55, 130), (200, 195, 215), (215, 95, 90)
SIDE = 160


def _field(color: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return a field of one color with glass on its left and a few nuclei, all slightly uneven."""
    rgb = np.full((SIDE, SIDE, 3), color, np.uint8)
    rgb[:, :30] = GLASS
    for y, x in ((30, 60), (75, 140), (130, 55)):
        rgb[y : y + 6, x : x + 5] = CELLS
    noise = np.random.default_rng(0).integers(-4, 5, rgb.shape)
    return np.clip(rgb.astype(int) + noise, 0, 255).astype(np.uint8)


def _disk(y: int, x: int, radius: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.indices((SIDE, SIDE))
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def _most(labels: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_]) -> int:
    return int(np.bincount(labels[where]).argmax())


@pytest.mark.parametrize(
    ("grade", "expected"),
    [("healthy", weak.MATURE), ("adenomatous", weak.PROLIFERATIVE), ("adenocarcinoma", weak.PROLIFERATIVE)],
)
def test_the_grade_says_which_epithelium_a_gland_is(grade: str, expected: int) -> None:
    rgb = _field(FAINT)
    gland = _disk(90, 100, 30)
    rgb[gland] = (150, 90, 160)
    assert _most(weak_labels(rgb, 1.0, epithelium=gland, grade=grade), gland) == expected


def test_pale_cytoplasm_in_a_gland_is_mucin_and_glass_is_background() -> None:
    rgb = _field(FAINT)
    gland = _disk(90, 100, 35)
    rgb[gland] = (130, 75, 150)
    rgb[_disk(90, 100, 18)] = MUCUS
    labels = weak_labels(rgb, 1.0, epithelium=gland, grade="healthy")
    assert _most(labels, _disk(90, 100, 12)) == weak.MUCIN
    assert _most(labels, np.indices((SIDE, SIDE))[1] < 20) == weak.BACKGROUND


def test_stroma_is_loose_where_faint_and_dense_where_eosinophilic() -> None:
    inside = _disk(90, 100, 20)
    rgb = _field(FAINT)
    rgb[:60, 30:] = PINK
    labels = weak_labels(rgb, 1.0)
    assert _most(labels, inside) == weak.LOOSE
    assert _most(labels, _disk(20, 100, 15)) == weak.NON_REACTIVE


def test_dense_stroma_beside_carcinoma_is_reactive() -> None:
    rgb = _field(PINK)
    gland = _disk(90, 60, 15)
    rgb[gland] = (130, 75, 150)
    labels = weak_labels(rgb, 1.0, epithelium=gland, grade="poorly differentiated")
    assert _most(labels, _disk(90, 100, 10)) == weak.REACTIVE


def test_orange_red_pools_are_blood() -> None:
    rgb = _field(PINK)
    rgb[_disk(90, 100, 15)] = RED
    labels = weak_labels(rgb, 1.0)
    assert _most(labels, _disk(90, 100, 10)) == weak.BLOOD
    assert not (labels[:60, 40:] == weak.BLOOD).any()


def test_crowded_nuclei_in_stroma_are_inflammation() -> None:
    rgb = _field(FAINT)
    for y in range(60, 120, 9):
        for x in range(70, 130, 9):
            rgb[y : y + 7, x : x + 7] = CELLS
    labels = weak_labels(rgb, 1.0)
    assert _most(labels, _disk(90, 100, 15)) == weak.INFLAMMATION
    assert _most(labels, _disk(20, 60, 10)) != weak.INFLAMMATION


def test_an_area_says_which_stroma_is_muscle() -> None:
    half = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    labels = weak_labels(_field(PINK), 1.0, tissue=Hints(areas=(Area(weak.MUSCLE, half),)))
    assert _most(labels, _disk(90, 130, 20)) == weak.MUSCLE
    assert _most(labels, _disk(90, 55, 15)) == weak.NON_REACTIVE


def test_pools_of_mucus_are_found_only_where_a_field_has_them() -> None:
    rgb = _field(PINK)
    pool = _disk(90, 100, 30)
    rgb[pool] = MUCUS
    assert _most(weak_labels(rgb, 1.0, tissue=Hints(pools=True)), pool) == weak.MUCIN
    assert _most(weak_labels(rgb, 1.0), pool) != weak.MUCIN


def test_the_second_degree_of_detail_has_fewer_patches() -> None:
    from scipy.ndimage import label

    rgb = _field(FAINT)
    rng = np.random.default_rng(1)
    for y, x in rng.integers(30, SIDE - 12, (40, 2)):
        rgb[y : y + 9, x : x + 9] = RED
    fine, coarse = weak_label_maps(rgb, 1.0)
    assert label(coarse == weak.BLOOD)[1] < label(fine == weak.BLOOD)[1]


def test_no_patch_is_smaller_than_its_class_may_be() -> None:
    from scipy.ndimage import label

    labels = weak_labels(_field(PINK), 1.0)
    for value in np.unique(labels):
        patches, _ = label(labels == value)
        assert np.bincount(patches.ravel())[1:].min() >= min(weak.LEAST.values())


@pytest.mark.parametrize("um_per_px", [0.5, 1.0])
def test_labels_have_the_size_of_the_picture_at_any_scale(um_per_px: float) -> None:
    assert weak_labels(_field(FAINT)[:100], um_per_px).shape == (100, SIDE)


def test_what_cannot_be_labeled_is_refused() -> None:
    rgb = _field(FAINT)
    with pytest.raises(ImageError, match="uint8"):
        weak_labels(rgb.astype(float), 1.0)
    with pytest.raises(ImageError, match="positive"):
        weak_labels(rgb, 0)
    with pytest.raises(LabelMapError, match="mask"):
        weak_labels(rgb, 1.0, epithelium=np.zeros((3, 3), bool))
    with pytest.raises(LabelMapError, match="benign"):
        weak_labels(rgb, 1.0, grade="benign")
