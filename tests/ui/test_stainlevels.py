"""Levels of a stained picture: given at once, the finest that is there, old pixels until new ones come."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.io.halving import halved
from napari_histosynth.ui.lazylevel import LevelView
from napari_histosynth.ui.stainlevels import StainLevels, level_shapes

RNG = np.random.default_rng(0)
SHAPE = (2101, 600)
PICTURE = RNG.integers(0, 255, (*SHAPE, 3), np.uint8)


@pytest.fixture
def levels() -> StainLevels:
    return StainLevels(SHAPE, 256)


def put_all(levels: StainLevels) -> None:
    for place in list(levels.places(Window.of_shape(SHAPE))):
        levels.put(place, PICTURE[levels.window(place).slices])


def test_levels_halve_down_to_512_px_where_a_picture_is_larger_than_2048_px() -> None:
    assert level_shapes((2048, 700)) == [(2048, 700)]
    assert level_shapes((2049, 700)) == [(2049, 700), (1025, 350), (513, 175), (257, 88)]


def test_all_tiles_together_are_the_picture_and_its_means(levels: StainLevels) -> None:
    put_all(levels)
    expected = PICTURE
    for level in range(len(levels.shapes)):
        np.testing.assert_array_equal(LevelView(levels, level)[:], expected)
        expected = halved(expected)
    assert levels.missing(Window.of_shape(SHAPE)) == []
    assert levels.drawn == levels.count == 27


def test_what_is_missing_is_shown_as_the_coarser_level_has_it(levels: StainLevels) -> None:
    levels.base[:] = 77
    assert (levels.read(0, Window(100, 900, 3, 40)) == 77).all()
    levels.put_sketch(1, Window(256, 512, 0, 256), np.full((256, 256, 3), 140, np.uint8))
    seen = levels.read(0, Window(500, 520, 0, 10))[:, 0, 0]
    assert seen.tolist() == [77] * 12 + [140] * 8


def test_a_sketch_replaces_nothing_that_was_drawn(levels: StainLevels) -> None:
    levels.put((1, 1), np.full((256, 256, 3), 10, np.uint8))
    levels.put_sketch(3, Window.of_shape(levels.shapes[3]), np.full((*levels.shapes[3], 3), 200, np.uint8))
    assert (levels.base[32:64, 32:64] == 10).all()
    assert (levels.base[:32] == 200).all()


def test_outdated_pixels_stay_until_new_ones_come(levels: StainLevels) -> None:
    put_all(levels)
    assert levels.outdate(Window(250, 260, 0, 5)) == [(0, 0), (1, 0)]
    np.testing.assert_array_equal(LevelView(levels, 0)[:300, :300], PICTURE[:300, :300])
    assert [levels.missing(Window.of_shape(SHAPE), level) for level in (0, 3)] == [[(0, 0), (1, 0)]] * 2
    levels.put((0, 0), np.zeros((256, 256, 3), np.uint8))
    assert not levels.read(0, Window(0, 256, 0, 256)).any()
    assert levels.missing(Window.of_shape(SHAPE)) == [(1, 0)]


def test_memory_is_bounded_and_what_went_is_missing_again() -> None:
    levels = StainLevels(SHAPE, 256, most_bytes=10 * 256 * 256 * 3)
    put_all(levels)
    kept = sum(tile.nbytes for tile in levels._tiles.values())
    assert kept <= 10 * 256 * 256 * 3
    assert (0, 0) in levels.missing(Window.of_shape(SHAPE), 0)
    assert levels.missing(Window.of_shape(SHAPE), 3) == [], "the coarsest level always stays"


def test_tiles_beneath_a_window_are_counted(levels: StainLevels) -> None:
    for window in (
        Window(0, 1, 0, 1),
        Window(250, 520, 0, 256),
        Window(0, 9999, -5, 9999),
        Window(5, 5, 0, 9),
    ):
        assert levels.beneath(window) == len(list(levels.places(window)))


def test_unseen_tiles_are_those_of_which_a_level_holds_nothing(levels: StainLevels) -> None:
    whole = Window.of_shape(levels.shapes[2])
    assert len(levels.unseen(whole, 2)) == 3
    levels.put((0, 0), np.zeros((256, 256, 3), np.uint8))
    assert len(levels.unseen(whole, 2)) == 2
    assert levels.unseen(Window.of_shape(levels.shapes[3]), 3) == []


def test_a_view_is_read_like_an_array(levels: StainLevels) -> None:
    put_all(levels)
    view = LevelView(levels, 0)
    assert (view.shape, view.dtype, view.ndim) == ((*SHAPE, 3), np.uint8, 3)
    for key in (np.s_[5], np.s_[5:9, 300], np.s_[::400, 7:500:3, 1], np.s_[-1, -1], np.s_[10:10]):
        np.testing.assert_array_equal(view[key], PICTURE[key])
    np.testing.assert_array_equal(np.asarray(view), PICTURE)
