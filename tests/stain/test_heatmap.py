"""Heat map and hot spot on nuclei of which the places are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.findnuclei import Nuclei
from napari_histosynth.stain.heatmap import find_hot_spot, heat_map
from napari_histosynth.stain.ki67picture import draw_heat_map, draw_overlay

UM = 2.0
SHAPE = (1000, 1500)  # 2 x 3 mm


def _grid(hot: tuple[float, float] = (500.0, 1000.0), radius: float = 250.0) -> Nuclei:
    """Return a nucleus each 10 px, every tenth positive, around a place in px every second."""
    y, x = (axis.ravel().astype(np.float32) for axis in np.mgrid[5:1000:10, 5:1500:10])
    number = np.arange(len(y))
    near = np.hypot(y - hot[0], x - hot[1]) < radius
    positive = np.where(near, number % 2 == 0, number % 10 == 0)
    zeros = np.zeros(len(y), np.float32)
    return Nuclei(y, x, zeros + 30, zeros, zeros, positive, UM)


def test_cells_hold_the_index_of_their_place() -> None:
    heat = heat_map(_grid(), SHAPE)
    assert heat.index.shape == (8, 12)
    assert heat.cell_px == 125
    assert heat.total.sum() == 15000
    assert heat.index[4, 8] == pytest.approx(0.5, abs=0.05)  # smoothing brings in what is around
    assert heat.index[4, 1] == pytest.approx(0.1, abs=0.02)


def test_the_hot_spot_is_where_nuclei_are_positive() -> None:
    spot = heat_map(_grid(), SHAPE, hot_spot_mm2=0.5).hot_spot
    assert spot is not None
    assert spot.radius == pytest.approx(math.sqrt(0.5e6 / math.pi) / UM)
    assert math.hypot(spot.y - 500, spot.x - 1000) < 60  # anywhere inside of the 250 px
    assert spot.index == pytest.approx(0.5, abs=0.02)
    assert spot.total == pytest.approx(0.5e6 / 20**2, rel=0.02)
    assert spot.interval[0] < spot.index < spot.interval[1]


def test_few_positive_nuclei_at_a_rim_do_not_win() -> None:
    nuclei = _grid()
    lonely = (nuclei.x > 300) | (nuclei.y > 980)
    nuclei = nuclei.where(lonely)
    nuclei.positive[nuclei.x < 300] = True
    spot = find_hot_spot(nuclei, SHAPE, 0.2, 100)
    assert spot is not None
    assert spot.x > 700
    assert spot.total >= 100


@pytest.mark.parametrize(("area", "least"), [(8.0, 10), (0.5, 10_000)])
def test_there_is_no_hot_spot_without_room_or_nuclei(area: float, least: int) -> None:
    assert heat_map(_grid(), SHAPE, hot_spot_mm2=area, least_nuclei=least).hot_spot is None


def test_places_without_nuclei_have_no_index() -> None:
    nuclei = _grid()
    heat = heat_map(nuclei.where(nuclei.x > 800), SHAPE)
    assert np.isnan(heat.index[:, :6]).all()
    assert np.isfinite(heat.index[:, 7:]).all()
    empty = heat_map(nuclei.where(nuclei.x > 1e6), SHAPE)
    assert np.isnan(empty.index).all()
    assert empty.hot_spot is None


@pytest.mark.parametrize(
    ("options", "words"),
    [({"cell_um": 1}, "1 um"), ({"hot_spot_mm2": 0}, "0 mm2"), ({"least_nuclei": 0}, "at least 0")],
)
def test_impossible_sizes_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ImageError, match=words):
        heat_map(_grid(), SHAPE, **options)


def test_maps_are_drawn_over_the_picture_and_leave_empty_places_alone() -> None:
    nuclei = _grid()
    rgb = np.full((*SHAPE, 3), 240, np.uint8)
    heat = heat_map(nuclei.where(nuclei.x > 800), SHAPE, hot_spot_mm2=0.2, least_nuclei=100)
    drawn = draw_heat_map(rgb, heat, most_px=300)
    assert drawn.shape == (200, 300, 3)
    assert (drawn[:, :120] == 240).all()
    assert (drawn[:, 180:] != 240).any(axis=-1).all()
    assert (drawn == (20, 20, 20)).all(axis=-1).any()  # the hot spot's circle


def test_positive_and_negative_nuclei_are_outlined_in_two_colors() -> None:
    nuclei = _grid()
    drawn = draw_overlay(np.full((*SHAPE, 3), 240, np.uint8), nuclei)
    assert drawn.shape == (*SHAPE, 3)
    for color, count in (((230, 30, 30), nuclei.positive), ((20, 150, 60), ~nuclei.positive)):
        marked = (drawn == color).all(axis=-1).sum()
        assert marked == pytest.approx(16 * np.count_nonzero(count), rel=0.5)
