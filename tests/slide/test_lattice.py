from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.lattice import (
    Place,
    counts,
    is_on,
    layout_around,
    pixels_around,
    places_around,
)
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.levels import level_shape

SIZE = (700, 1100)


def tiles_of(picture: np.ndarray, level: int) -> dict[Place, np.ndarray]:
    rows, cols = counts(SIZE, level)
    places = [Place(level, row, col) for row in range(rows) for col in range(cols)]
    return {place: picture[place.window.clip(picture.shape).slices] for place in places}


@pytest.mark.parametrize(
    "window", [Window(10, 300, 250, 600), Window(-40, 300, 900, 1190), Window(600, 900, -99, 1200)]
)
def test_beyond_the_border_there_is_the_mirror_image(window: Window) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    needed = places_around(SIZE, 0, window)
    tiles = {place: tile for place, tile in tiles_of(picture, 0).items() if place in needed}
    found = pixels_around(SIZE, 0, window, tiles)
    around = 256
    mirrored = np.pad(picture, ((around, around), (around, around), (0, 0)), mode="reflect")
    assert np.array_equal(found, mirrored[window.shift(around, around).slices])


def test_a_level_smaller_than_the_window_is_mirrored_again_and_again() -> None:
    picture = np.arange(3 * 5 * 3).reshape(3, 5, 3).astype(np.uint8)
    assert level_shape(SIZE, 8) == (3, 5)
    found = pixels_around(SIZE, 8, Window(-6, 9, -8, 13), tiles_of(picture, 8))
    assert np.array_equal(found, np.pad(picture, ((6, 6), (8, 8), (0, 0)), mode="reflect"))


def test_the_layout_is_mirrored_alike() -> None:
    layout = np.random.default_rng(0).integers(0, 5, level_shape(SIZE, 6)).astype(np.uint8)
    whole = fractions(layout, Window.of_shape(level_shape(SIZE, 4)), 4)
    found = layout_around(SIZE, layout, 4, Window(-7, 50, 3, 80))
    assert np.array_equal(found, np.pad(whole, ((0, 0), (7, 6), (0, 11)), mode="reflect")[:, :, 3:])


def test_children_cover_their_parent_and_the_border_cuts_them_off() -> None:
    place = Place(1, 1, 2)
    assert [child for child in place.children if is_on(SIZE, child)] == [Place(0, 2, 4)]
    assert Place(0, 2, 4).window.coarsen(2).intersect(place.window) == Window(256, 384, 512, 640)
