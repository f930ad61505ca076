"""Stamping a gland: its size, place, wall, lumen and nuclei."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.tools import GLANDS, Gland, stamp_gland

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
UM = 1.0
PLAIN = Gland(nuclei_density=0, irregularity=0, stretch=1)
STROMAL = np.full((300, 300), STROMA, np.uint8)


def tissue_of(labels: np.ndarray) -> np.ndarray:
    return labels != STROMA


@pytest.mark.parametrize("radius", [30.0, 60.0])
def test_a_gland_has_the_radius_asked_for_and_its_place(radius: float) -> None:
    after = stamp_gland(STROMAL, (140, 160), um_per_px=UM, gland=replace(PLAIN, radius_um=radius)).applied_to(
        STROMAL
    )
    found = tissue_of(after)
    assert np.sqrt(found.sum() / np.pi) * UM == pytest.approx(radius, rel=0.05)
    assert ndimage.center_of_mass(found) == pytest.approx((140, 160), abs=2.5)


@pytest.mark.parametrize("um_per_px", [0.5, 1.0, 2.0])
def test_sizes_are_micrometers_at_any_scale(um_per_px: float) -> None:
    labels = np.full((400, 400), STROMA, np.uint8)
    gland = replace(PLAIN, radius_um=50)
    after = stamp_gland(labels, (200, 200), um_per_px=um_per_px, gland=gland).applied_to(labels)
    assert np.sqrt(tissue_of(after).sum() / np.pi) * um_per_px == pytest.approx(50, rel=0.06)


def test_the_epithelium_has_its_height() -> None:
    gland = replace(PLAIN, radius_um=60, height_um=20, lumen=1.0)
    after = stamp_gland(STROMAL, (150, 150), um_per_px=UM, gland=gland).applied_to(STROMAL)
    outer, inner = tissue_of(after).sum(), (after == BACKGROUND).sum()
    assert (np.sqrt(outer / np.pi) - np.sqrt(inner / np.pi)) * UM == pytest.approx(20, abs=3.5)


def test_the_lumen_opens_with_its_share_and_lies_within_the_wall() -> None:
    open_ = []
    for share in (0.0, 0.3, 0.6, 1.0):
        after = stamp_gland(
            STROMAL, (150, 150), um_per_px=UM, gland=replace(PLAIN, radius_um=60, lumen=share)
        ).applied_to(STROMAL)
        lumen = after == BACKGROUND
        open_.append(int(lumen.sum()))
        assert not (ndimage.binary_dilation(lumen, iterations=8) & (after == STROMA)).any()
    assert open_[0] == 0
    assert open_ == sorted(set(open_))


def test_basal_nuclei_stand_at_the_base() -> None:
    gland = replace(GLANDS["crypt"], goblets=0, stratification=0)
    after = stamp_gland(STROMAL, (150, 150), um_per_px=0.62, gland=gland).applied_to(STROMAL)
    depth = ndimage.distance_transform_edt(tissue_of(after)) * 0.62
    assert (after == NUCLEI).sum() > 300
    assert np.median(depth[after == NUCLEI]) < 8
    assert depth[after == NUCLEI].max() < 14


def test_a_scheme_without_nuclei_gets_none() -> None:
    after = stamp_gland(STROMAL, (150, 150), um_per_px=UM, scheme="colon-2").applied_to(STROMAL)
    assert set(np.unique(after)) == {BACKGROUND, STROMA, EPITHELIUM}


def test_ten_classes_get_proliferative_glands_and_any_lumen_asked_for() -> None:
    ten = get_scheme("colon-10")
    labels = np.full((300, 300), ten.index_of("loose stroma"), np.uint8)
    edit = stamp_gland(labels, (150, 150), um_per_px=UM, scheme=ten, lumen="mucin")
    assert set(np.unique(edit.after[edit.changed])) == {
        ten.index_of("epithelium (proliferative)"),
        ten.index_of("mucin"),
    }


def test_a_gland_at_the_edge_is_the_same_gland_cut_off() -> None:
    gland = replace(PLAIN, irregularity=0.6)
    near = stamp_gland(STROMAL, (10, 150), um_per_px=UM, gland=gland, seed=4).applied_to(STROMAL)
    assert (near[0] == EPITHELIUM).any()
    far = stamp_gland(STROMAL, (-200, 150), um_per_px=UM, gland=gland)
    assert far.pixels == 0


def test_irregularity_departs_from_the_disk() -> None:
    solidity = []
    for irregularity in (0.0, 1.0):
        gland = replace(PLAIN, radius_um=60, irregularity=irregularity, lumen=0)
        after = stamp_gland(STROMAL, (150, 150), um_per_px=UM, gland=gland, seed=3).applied_to(STROMAL)
        found = tissue_of(after)
        edge = found & ~ndimage.binary_erosion(found)
        distance = np.hypot(*(np.nonzero(edge) - np.array([[150], [150]])))
        solidity.append(distance.std() / distance.mean())
    assert solidity[0] < 0.04
    assert solidity[1] > 2 * solidity[0]


@pytest.mark.parametrize("values", [{"radius_um": 2}, {"lumen": 1.5}, {"stretch": 0.5}, {"goblets": -1}])
def test_a_gland_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(LabelMapError, match=next(iter(values))):
        Gland(**values)
