from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from napari_histosynth.paint.tools import dilate, erode, remove_islands, smooth

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
HERE = {"um_per_px": 0.5, "scheme": "colon-3"}


def disk(radius: float, shape: tuple[int, int] = (120, 120)) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - shape[0] // 2, columns - shape[1] // 2) <= radius


def gland(radius: float = 20.0) -> np.ndarray:
    return np.where(disk(radius), EPITHELIUM, STROMA).astype(np.uint8)


def footprint(radius_px: int) -> np.ndarray:
    rows, columns = np.ogrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    return rows**2 + columns**2 <= radius_px**2


def test_dilation_is_by_a_disk_in_micrometers() -> None:
    labels = gland()
    after = dilate(labels, "epithelium", 4.0, **HERE).applied_to(labels)
    expected = binary_dilation(labels == EPITHELIUM, footprint(8))
    np.testing.assert_array_equal(after == EPITHELIUM, expected)


def test_erosion_is_dilation_of_the_rest() -> None:
    labels = gland()
    after = erode(labels, "epithelium", 4.0, **HERE).applied_to(labels)
    expected = binary_dilation(labels != EPITHELIUM, footprint(8))
    np.testing.assert_array_equal(after != EPITHELIUM, expected)


def test_eroded_pixels_go_to_the_nearest_class_and_ties_to_the_lower_index() -> None:
    labels = np.full((40, 41), EPITHELIUM, np.uint8)
    labels[:, :10], labels[:, 31:] = BACKGROUND, STROMA
    after = erode(labels, "epithelium", 20.0, **HERE).applied_to(labels)
    assert (after[:, :21] == BACKGROUND).all()  # column 20 is as far from both
    assert (after[:, 21:] == STROMA).all()


def test_the_border_of_the_canvas_erodes_nothing() -> None:
    labels = np.full((30, 30), EPITHELIUM, np.uint8)
    assert erode(labels, "epithelium", 5.0, **HERE).pixels == 0


def test_nuclei_neither_grow_nor_stop_a_gland_that_shrinks() -> None:
    labels = gland()
    labels[55:62, 44:52] = NUCLEI
    after = erode(labels, "epithelium", 4.0, **HERE).applied_to(labels)
    np.testing.assert_array_equal(after == NUCLEI, labels == NUCLEI)
    bare = gland()
    expected = erode(bare, "epithelium", 4.0, **HERE).applied_to(bare)
    np.testing.assert_array_equal(after[labels != NUCLEI], expected[labels != NUCLEI])


def test_nuclei_go_where_glass_takes_their_place() -> None:
    labels = np.full((60, 60), EPITHELIUM, np.uint8)
    labels[:, :20] = BACKGROUND
    labels[20:28, 24:32] = NUCLEI
    after = dilate(labels, "background", 10.0, **HERE).applied_to(labels)
    assert (after[:, :40] == BACKGROUND).all()


def test_nuclei_grow_if_they_are_what_is_dilated() -> None:
    labels = gland()
    labels[60, 60] = NUCLEI
    after = dilate(labels, "nuclei", 2.0, **HERE).applied_to(labels)
    assert (after == NUCLEI).sum() == footprint(4).sum()


def test_smoothing_takes_spots_and_bumps_and_keeps_what_is_large() -> None:
    labels = gland(30)
    labels[10:14, 10:14] = EPITHELIUM  # 2 um
    labels[58:62, 88:96] = EPITHELIUM  # a bump
    after = smooth(labels, "epithelium", 8.0, **HERE).applied_to(labels)
    assert (after[:20, :20] == STROMA).all()
    assert (after[56:64, 93:] == STROMA).all()
    # a disk shrinks by its curvature: sigma^2 / 2r, here 8 px and 30 px
    shrunk = 30 - 8**2 / (2 * 30)
    assert np.sqrt((after == EPITHELIUM).sum() / np.pi) == pytest.approx(shrunk, abs=0.5)


def test_smoothing_shortens_a_ragged_outline() -> None:
    labels = np.full((100, 160), STROMA, np.uint8)
    labels[50:] = EPITHELIUM
    teeth = np.random.default_rng(0).integers(0, 6, 160)
    for column, height in enumerate(teeth):
        labels[50 - height : 50, column] = EPITHELIUM
    after = smooth(labels, "epithelium", 10.0, **HERE).applied_to(labels)
    edge = [np.abs(np.diff((m == EPITHELIUM).sum(axis=0))).sum() for m in (labels, after)]
    assert edge[1] < 0.1 * edge[0]


def test_a_hole_is_filled_with_the_class_and_a_spot_with_what_is_most_around() -> None:
    labels = np.full((80, 80), STROMA, np.uint8)
    labels[:, 44:] = BACKGROUND
    labels[39:41, 40:42] = EPITHELIUM
    after = smooth(labels, "epithelium", 8.0, **HERE).applied_to(labels)
    assert (after[39:41, 40:42] == STROMA).all()


@pytest.mark.parametrize("bent", [False, True])
def test_thin_septa_vanish_unless_they_are_to_stay(bent: bool) -> None:
    labels = np.full((140, 140), EPITHELIUM, np.uint8)
    rows, columns = np.mgrid[:140, :140]
    wall = np.abs(np.hypot(rows - 70, columns - 160) - 90) < 1.6 if bent else np.abs(columns - 70) < 2
    labels[wall] = STROMA
    labels[30:33, 20:23] = STROMA
    gone = smooth(labels, "epithelium", 10.0, **HERE).applied_to(labels)
    assert (gone == EPITHELIUM).all()
    kept = smooth(labels, "epithelium", 10.0, keep_thin=True, **HERE).applied_to(labels)
    inner = slice(25, 115)
    assert (kept[inner][wall[inner]] == STROMA).mean() > 0.97
    assert label(kept[inner] == EPITHELIUM)[1] == 2
    assert (kept[25:38, 15:28] == EPITHELIUM).all()


def test_bumps_go_although_walls_stay() -> None:
    labels = np.full((120, 120), STROMA, np.uint8)
    labels[60:] = EPITHELIUM
    labels[54:60, 58:62] = EPITHELIUM
    after = smooth(labels, "epithelium", 10.0, keep_thin=True, **HERE).applied_to(labels)
    assert (after[:57] == STROMA).all()


def test_islands_below_the_area_go_to_the_nearest_class() -> None:
    labels = np.full((100, 100), STROMA, np.uint8)
    labels[:, 50:] = EPITHELIUM
    labels[20:24, 20:24] = BACKGROUND  # 4 um2
    labels[20:24, 70:74] = BACKGROUND
    labels[60:70, 20:30] = BACKGROUND  # 25 um2
    after = remove_islands(labels, "background", 20.0, **HERE).applied_to(labels)
    assert (after[20:24, 20:24] == STROMA).all()
    assert (after[20:24, 70:74] == EPITHELIUM).all()
    assert (after[60:70, 20:30] == BACKGROUND).all()
    assert remove_islands(labels, "background", 4.0, **HERE).pixels == 0  # smaller than, not as small as


def test_corners_join_an_island() -> None:
    labels = np.full((40, 40), STROMA, np.uint8)
    labels[10:14, 10:14] = labels[14:18, 14:18] = EPITHELIUM
    assert remove_islands(labels, "epithelium", 8.0, **HERE).pixels == 0
    assert remove_islands(labels, "epithelium", 8.1, **HERE).pixels == 32


def test_an_island_with_a_nucleus_counts_as_a_whole() -> None:
    labels = np.full((60, 60), STROMA, np.uint8)
    labels[20:30, 20:30] = EPITHELIUM
    labels[22:28, 23:27] = NUCLEI
    assert remove_islands(labels, "epithelium", 20.0, **HERE).pixels == 0
    after = remove_islands(labels, "epithelium", 30.0, **HERE).applied_to(labels)
    assert EPITHELIUM not in after
    np.testing.assert_array_equal(after == NUCLEI, labels == NUCLEI)


def test_what_is_large_beyond_the_area_is_no_island() -> None:
    labels = np.full((300, 300), STROMA, np.uint8)
    labels[:, 100:] = EPITHELIUM
    area = np.zeros(labels.shape, bool)
    area[140:160, 90:104] = True
    assert remove_islands(labels, "epithelium", 50.0, area=area, **HERE).pixels == 0


def test_dilation_by_distance_is_what_an_independent_transform_says() -> None:
    rng = np.random.default_rng(3)
    labels = np.where(rng.random((90, 90)) < 0.01, EPITHELIUM, STROMA).astype(np.uint8)
    after = dilate(labels, "epithelium", 2.3, **HERE).applied_to(labels)
    expected = distance_transform_edt(labels != EPITHELIUM) * 0.5 <= 2.3
    np.testing.assert_array_equal(after == EPITHELIUM, expected)


def test_the_rim_of_a_lumen_that_shrinks_is_no_thin_gap() -> None:
    rows, columns = np.mgrid[:120, :160]
    lumen = ((rows - 60) / 15) ** 2 + ((columns - 80) / 34) ** 2 < 1
    labels = np.where(lumen, BACKGROUND, EPITHELIUM).astype(np.uint8)
    after = smooth(labels, "epithelium", 13.0, keep_thin=True, **HERE).applied_to(labels)
    assert label(after == BACKGROUND, np.ones((3, 3)))[1] == 1
    assert label(after == EPITHELIUM)[1] == 1
