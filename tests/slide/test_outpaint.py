"""Tiles by diffusion in any order: colors, what a tile depends on, the same bytes whatever came first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.diffusion import build_diffusion
from napari_histosynth.slide.lattice import Place
from napari_histosynth.slide.levels import level_shape
from napari_histosynth.slide.outpaint import (
    OVERLAP,
    DiffusionDrawer,
    color_of,
    known_around,
    most_evaluations,
    neighbors_before,
    tiles_before,
    window_of,
)
from napari_histosynth.slide.paper import URCDM_EVALUATIONS
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.works import TileWorks

if TYPE_CHECKING:
    from napari_histosynth.slide.model import SlideModel

pytest.importorskip("diffusers")

SIZE = (700, 620)
LARGE = (40_960, 40_960)


@pytest.fixture(scope="module")
def model(tiny_slide_model: SlideModel) -> SlideModel:
    """A model with a tiny diffusion U-Net that looks at all it is shown."""
    torch.manual_seed(0)
    network = build_diffusion(widths=(4, 4), layers=1, context=3)
    nn.init.normal_(network.unet.conv_out.weight, 0, 0.3)  # type: ignore[union-attr, arg-type]
    return replace(tiny_slide_model, diffusion=network.state_dict())


def works_of(model: SlideModel, glass: bool = False) -> TileWorks:
    shape = level_shape(SIZE, 6)
    layout = np.full(shape, 0 if glass else 1, np.uint8)
    drawer = DiffusionDrawer(model, 5, SIZE, layout, steps=2)
    color = np.rint(255 * np.exp(-model.palette.mixed(5)[0][0])) if glass else [200, 120, 180]
    sketch = np.full((*level_shape(SIZE, 8), 3), color, np.uint8)
    return TileWorks(SIZE, drawer, lambda: sketch, None, 64 << 20)


def drawn(works: TileWorks, places: Sequence[Place]) -> dict[Place, bytes]:
    return {place: works.tiles([place])[place].tobytes() for place in places}


PLACES = [Place(0, row, col) for row in range(3) for col in range(3)]


def test_neighbors_have_different_colors() -> None:
    for row in (4, 5):
        for col in (4, 5):
            colors = {color_of(Place(0, row + down, col + right)) for down in (0, 1) for right in (0, 1)}
            assert colors == {0, 1, 2, 3}


@pytest.mark.parametrize(("row", "col", "count"), [(4, 4, 0), (4, 5, 2), (5, 4, 6), (5, 5, 8)])
def test_a_tile_is_outpainted_from_neighbors_of_lower_colors(row: int, col: int, count: int) -> None:
    place = Place(0, row, col)
    before = neighbors_before(LARGE, place)
    assert len(before) == count
    assert all(color_of(one) < color_of(place) for one in before)
    assert all(max(abs(one.row - row), abs(one.col - col)) == 1 for one in before)


def test_a_tile_depends_on_16_others_of_its_level_at_most() -> None:
    counts = set()
    for row in (80, 81):
        for col in (80, 81):
            before = tiles_before(LARGE, Place(0, row, col))
            counts.add(len(before))
            assert all(abs(one.row - row) <= 1 and abs(one.col - col) <= 3 for one in before)
    assert max(counts) == 16


def test_windows_overlap_by_more_than_12_5_percent() -> None:
    one, other = window_of(Place(0, 0, 0)), window_of(Place(0, 0, 1))
    assert one.intersect(other).width / one.width >= 0.125
    assert OVERLAP / 256 == 0.125


def test_the_same_bytes_come_in_any_order_and_from_eight_threads(model: SlideModel) -> None:
    first = drawn(works_of(model), PLACES)
    shuffled = list(PLACES)
    random.Random(1).shuffle(shuffled)
    assert drawn(works_of(model), shuffled) == first
    works = works_of(model)
    with ThreadPoolExecutor(8) as pool:
        tiles = pool.map(lambda place: (place, works.tiles([place])[place].tobytes()), shuffled)
        assert dict(tiles) == first
    assert len(set(first.values())) == len(PLACES)


def test_neighbors_change_what_is_drawn(model: SlideModel) -> None:
    works = works_of(model)
    place = Place(0, 1, 1)
    drawer = DiffusionDrawer(model, 5, SIZE, np.full(level_shape(SIZE, 6), 1, np.uint8), steps=2)
    tiles = {need: works.tiles([need])[need] for need in drawer.needs(place)}
    one, evaluations = drawer.draw(place, tiles)
    assert evaluations == 2
    assert one.shape == (256, 256, 3)
    assert np.array_equal(one, works.tiles([place])[place])
    darker = {need: tile // 2 if need.level == 0 else tile for need, tile in tiles.items()}
    assert not np.array_equal(drawer.draw(place, darker)[0], one)


def test_what_is_known_are_the_pixels_of_finished_neighbors() -> None:
    size = (256 + 30, 300)  # the last tiles are 30 and 44 px
    place = Place(0, 1, 0)
    rng = np.random.default_rng(0)
    tiles = {
        Place(0, 0, 0): rng.integers(1, 256, (256, 256, 3), np.uint8),
        Place(0, 0, 1): rng.integers(1, 256, (256, 44, 3), np.uint8),
    }
    known, mask = known_around(size, place, tiles)
    assert known.shape == (320, 320, 3)
    assert mask.sum() == OVERLAP * (256 + OVERLAP)
    assert np.array_equal(known[:32, 32:288], tiles[Place(0, 0, 0)][-32:])
    assert np.array_equal(known[:32, 288:], tiles[Place(0, 0, 1)][-32:, :32])
    assert not known[~mask].any()


def test_a_pixel_of_the_parent_is_known_whole_or_not_at_all() -> None:
    size = (256 + 256, 256 + 30)  # tiles of the last column are 30 px: 7 pixels of the parent, and a half
    tiles = {
        place: np.full((256, 30 if place.col else 256, 3), 9, np.uint8)
        for place in (Place(0, 0, 0), Place(0, 0, 1))
    }
    _, mask = known_around(size, Place(0, 1, 0), tiles)
    blocks = mask.reshape(80, 4, 80, 4).mean((1, 3))
    assert set(np.unique(blocks)) == {0, 1}
    assert mask[0].sum() == 256 + 28


def test_glass_is_enlarged_and_costs_nothing(model: SlideModel) -> None:
    works = works_of(model, glass=True)
    tile = works.tiles([Place(0, 1, 1)])[Place(0, 1, 1)]
    assert works.evaluations == 0
    assert np.ptp(tile.reshape(-1, 3).astype(int), axis=0).max() == 0


def test_evaluations_are_counted(model: SlideModel) -> None:
    works = works_of(model)
    drawn(works, PLACES)
    assert works.evaluations == sum(most_evaluations(SIZE, 2).values()) == 2 * (9 + 1 + 1 + 1)


def test_a_slide_of_40_960_px_takes_a_fifteenth_of_the_published_evaluations_at_most() -> None:
    counts = most_evaluations(LARGE, 8)
    assert counts == {6: 8 * 3**2, 4: 8 * 10**2, 2: 8 * 40**2, 0: 8 * 160**2}
    assert URCDM_EVALUATIONS / sum(counts.values()) > 15


def test_a_slide_is_drawn_in_this_setting(model: SlideModel) -> None:
    one, other, third = (
        Slide(model, 5, 300, layout=np.ones((5, 5), np.uint8), setting="diffusion", steps=steps)
        for steps in (1, 1, 2)
    )
    assert [one.turn(0, row, col) for row in (0, 1) for col in (0, 1)] == [0, 1, 2, 3]
    last = one.tile(0, 1, 1)
    assert last.shape == (44, 44, 3)
    assert one.evaluations == 4 + 3
    assert np.array_equal(other.read(0, Window(0, 300, 0, 300))[256:, 256:], last)
    assert not np.array_equal(third.tile(0, 1, 1), last)


def test_steps_that_cannot_be_are_refused(model: SlideModel) -> None:
    with pytest.raises(ModelError, match="1 to 250 steps of diffusion, not 0"):
        DiffusionDrawer(model, 0, SIZE, np.zeros(level_shape(SIZE, 6), np.uint8), steps=0)
