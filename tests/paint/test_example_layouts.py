from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.paint.example_layouts import Growth, buds, crypts_across, crypts_along, tumor
from napari_histosynth.paint.ground import Ground

GROUND = Ground((800, 800), 1.0, 3)


def test_lumina_lie_inside_glands():
    for layout in (crypts_across(GROUND), tumor(GROUND, Growth(90, 1.5, 0.2, 0.5, 9, 28, 0.3))):
        lumen = layout.lumen > 0
        assert lumen.any()
        assert (layout.gland[lumen] > 0).all()


def test_stroma_sites_make_stroma():
    share = [(tumor(GROUND, Growth(60, 1, stroma, 0, 8, 30)).gland > 0).mean() for stroma in (0.0, 0.6)]
    assert share[1] < 0.6 * share[0]


def test_glands_that_do_not_join_stay_apart():
    def glands(join: float) -> int:
        layout = tumor(GROUND, Growth(60, 1.0, 0.0, join, 8, 1000, rough_um=0.0))
        return int(ndimage.label(layout.gland > 0)[1])

    # one site to 60 x 52 um, as many glands
    assert glands(0.0) > 0.8 * 800 * 800 / (60 * 60 * 3**0.5 / 2)
    assert glands(0.7) < 0.85 * glands(0.0)


def test_low_epithelium_leaves_more_lumen():
    share = [(tumor(GROUND, Growth(90, 1, 0, 0, 8, height)).lumen > 0).mean() for height in (15, 30, 1000)]
    assert share[0] > share[1] > share[2] == 0


def test_buds_add_small_clusters_and_leave_glands_alone():
    before = tumor(GROUND, Growth(60, 1, 0.6, 0, 8, 1000))
    after = buds(GROUND, before, size_um=28, share=0.3)
    assert (after.gland > 0)[before.gland > 0].all()
    assert (after.gland > 0).mean() > (before.gland > 0).mean() + 0.02
    assert (after.lumen <= 0).all()


@pytest.mark.parametrize(("height", "last_row_is_glass"), [(600, False), (1280, True), (1920, False)])
def test_a_tall_canvas_shows_both_sides_of_a_fold(height, last_row_is_glass):
    layout = crypts_along(Ground((height, 300), 1.0, 1))
    assert (layout.lumen[0] > 0).all()
    assert (layout.lumen[-1] > 0).mean() == pytest.approx(float(last_row_is_glass), abs=0.05)


def test_outlines_are_drawn_smoothly_from_the_grid():
    ground = Ground((240, 240), 0.25, 0)
    y, x = ground.places
    drawn = ground.draw((20 - np.hypot(y - 30, x - 30)).astype(np.float32))
    yy, xx = (np.mgrid[:240, :240] + 0.5) * 0.25
    exact = np.hypot(yy - 30, xx - 30) < 20
    assert ground.cell == 5
    assert (drawn != exact).sum() < 0.02 * exact.sum()


def test_specks_go_and_patches_cut_by_the_border_stay():
    mask = np.zeros((50, 50), bool)
    mask[10:12, 10:12] = mask[30:40, 30:40] = mask[0:2, 5:7] = True
    kept = Ground((50, 50), 1.0, 0).without_specks(mask, 20.0)
    assert not kept[10, 10]
    assert kept[30, 30]
    assert kept[0, 5]
