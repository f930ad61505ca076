"""The picture in memory and its smaller copies."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.ui.pyramid import Pyramid, level_count


def halved(picture: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels, an odd last row or column with itself, rounding half up."""
    even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).astype(float)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def test_small_pictures_are_plain_arrays() -> None:
    assert isinstance(Pyramid((2048, 900)).data, np.ndarray)


@pytest.mark.parametrize(("side", "levels"), [(2049, 3), (4096, 3), (8192, 4), (16_384, 5)])
def test_large_pictures_have_levels_down_to_1024_pixels(side: int, levels: int) -> None:
    assert level_count((side, 300)) == levels
    assert -(-side // 2 ** (levels - 1)) <= 1024


def test_pieces_give_the_levels_that_the_whole_picture_gives() -> None:
    shape = (2051, 333)
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    pyramid = Pyramid(shape)
    for window in tile_windows(Window.of_shape(shape), 400):
        pyramid.write(window, picture[window.slices])
    expected = picture
    for level in pyramid.levels:
        np.testing.assert_array_equal(level, expected)
        expected = halved(expected)
    assert len(pyramid.levels) == 3


def test_a_blank_picture_is_white() -> None:
    assert Pyramid((64, 64)).levels[0].min() == 255


def test_a_placeholder_looks_like_a_blank_picture_and_takes_no_memory() -> None:
    blank = Pyramid.placeholder((4100, 300))
    assert [level.shape for level in blank.levels] == [level.shape for level in Pyramid((4100, 300)).levels]
    assert all(level.min() == 255 and level.strides == (0, 0, 0) for level in blank.levels)
    assert blank.shape == (4100, 300)
