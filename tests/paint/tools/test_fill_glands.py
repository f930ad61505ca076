"""Filling an area with glands: how many, how far apart, whole, and off what is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.tools import GLANDS, Area, fill_with_glands, stamp_gland

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
UM = 1.0


def tissue_of(labels: np.ndarray) -> np.ndarray:
    return labels != STROMA


def test_filling_leaves_existing_glands_alone_and_keeps_apart() -> None:
    labels = np.full((500, 500), STROMA, np.uint8)
    labels = stamp_gland(labels, (250, 250), um_per_px=UM, gland="carcinoma").applied_to(labels)
    before = tissue_of(labels)
    after = fill_with_glands(labels, um_per_px=UM, crowding=1.0, seed=1).applied_to(labels)
    np.testing.assert_array_equal(after[before], labels[before])
    new = tissue_of(after) & ~before
    assert new.mean() > 0.25
    assert ndimage.distance_transform_edt(~before)[new].min() >= 2


def test_no_gland_is_put_into_the_lumen_of_another() -> None:
    labels = np.full((500, 500), STROMA, np.uint8)
    rows, columns = np.mgrid[:500, :500]
    radius = np.hypot(rows - 250, columns - 250)
    labels[radius < 180] = EPITHELIUM
    labels[radius < 150] = BACKGROUND
    after = fill_with_glands(labels, um_per_px=UM, gland="nest", crowding=1.0).applied_to(labels)
    np.testing.assert_array_equal(after[radius < 180], labels[radius < 180])
    assert (after != labels).any()


def test_crowding_fills_more_and_a_filled_canvas_takes_no_more() -> None:
    labels = np.full((500, 500), STROMA, np.uint8)
    gland = replace(GLANDS["crypt"], nuclei_density=0, goblets=0)
    shares = []
    for crowding in (0.0, 0.5, 1.0):
        after = fill_with_glands(labels, um_per_px=UM, gland=gland, crowding=crowding).applied_to(labels)
        shares.append(tissue_of(after).mean())
    assert 0.1 < shares[0] < shares[1] < shares[2] < 0.9
    again = fill_with_glands(after, um_per_px=UM, gland=gland, crowding=1.0)
    assert again.pixels < 0.03 * after.size


def test_glands_keep_inside_the_area_with_a_wall_all_around() -> None:
    labels = np.full((600, 600), STROMA, np.uint8)
    area = Area.of_disk((300, 300), 180)
    gland = replace(GLANDS["adenoma"], nuclei_density=0, goblets=0, radius_um=35, height_um=14)
    after = fill_with_glands(labels, um_per_px=UM, area=area, gland=gland, crowding=0.8).applied_to(labels)
    inside = area.within(Window.of_shape(labels.shape))
    assert not tissue_of(after)[~inside].any()
    lumen = after == BACKGROUND
    assert lumen.any()
    assert not (ndimage.binary_dilation(lumen, iterations=6) & (after == STROMA)).any()


def test_glands_are_whole_across_the_tiles_they_are_drawn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.full((700, 700), STROMA, np.uint8)
    gland = replace(GLANDS["adenoma"], nuclei_density=0, goblets=0)
    whole = fill_with_glands(labels, um_per_px=UM, gland=gland).applied_to(labels)
    monkeypatch.setattr("napari_histosynth.paint.tools.fill_glands._TILE_UM", 200.0)
    tiled = fill_with_glands(labels, um_per_px=UM, gland=gland).applied_to(labels)
    # the same but for rounding along outlines
    assert (whole != tiled).mean() < 1e-3
