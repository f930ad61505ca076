"""Windows: integer geometry that holds on both sides of zero."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window, tile_windows

WINDOWS = [Window(0, 5, 0, 7), Window(-9, 4, 3, 30), Window(-20, -3, -17, -16), Window(33, 49, -5, 5)]


def pixels(window: Window) -> set[tuple[int, int]]:
    """List the pixels of a window, one by one."""
    return {(y, x) for y in range(window.y0, window.y1) for x in range(window.x0, window.x1)}


def test_a_window_of_a_shape_selects_the_whole_array() -> None:
    image = np.arange(24).reshape(4, 3, 2)
    window = Window.of_shape(image.shape)
    assert window == (0, 4, 0, 3)
    np.testing.assert_array_equal(image[window.slices], image)


def test_a_window_of_a_mask_holds_all_that_is_true() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = np.zeros((9, 12), np.float32)
        mask[rng.integers(9, size=3), rng.integers(12, size=3)] = 0.5
        found = Window.of_mask(mask)
        rows, cols = np.nonzero(mask)
        assert found == (rows.min(), rows.max() + 1, cols.min(), cols.max() + 1)
    assert Window.of_mask(np.zeros((4, 5), bool)) == (0, 0, 0, 0)


@pytest.mark.parametrize("window", WINDOWS)
def test_height_width_shape_and_area_count_pixels(window: Window) -> None:
    assert window.shape == (window.height, window.width)
    assert window.height == len({y for y, _ in pixels(window)})
    assert window.width == len({x for _, x in pixels(window)})
    assert window.area == len(pixels(window))


@pytest.mark.parametrize("window", [Window(3, 3, 0, 5), Window(0, 5, 2, 2), Window(5, 3, 9, 2)])
def test_a_window_without_pixels_is_empty_and_has_no_area(window: Window) -> None:
    assert window.is_empty
    assert window.area == 0


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_with_pixels_is_not_empty(window: Window) -> None:
    assert not window.is_empty


@pytest.mark.parametrize("window", WINDOWS)
def test_growing_adds_a_border_on_each_side_and_shrinking_takes_it_away(window: Window) -> None:
    grown = window.grow(4)
    assert grown.shape == (window.height + 8, window.width + 8)
    assert pixels(window) <= pixels(grown)
    assert grown.grow(-4) == window


def test_shifting_moves_every_pixel_alike() -> None:
    window = Window(-2, 3, 4, 6)
    assert pixels(window.shift(10, -7)) == {(y + 10, x - 7) for y, x in pixels(window)}


def test_relative_to_gives_the_place_inside_another_window() -> None:
    outer, inner = Window(-10, 20, 5, 40), Window(-3, 4, 8, 9)
    canvas = np.zeros(outer.shape)
    canvas[inner.relative_to(outer).slices] = 1
    marked = {(int(y) + outer.y0, int(x) + outer.x0) for y, x in np.argwhere(canvas)}
    assert marked == pixels(inner)


@pytest.mark.parametrize("first", WINDOWS)
@pytest.mark.parametrize("second", WINDOWS)
def test_the_intersection_holds_exactly_the_common_pixels(first: Window, second: Window) -> None:
    assert pixels(first.intersect(second)) == pixels(first) & pixels(second)


@pytest.mark.parametrize("window", WINDOWS)
def test_clipping_keeps_the_pixels_inside_the_array(window: Window) -> None:
    inside = {(y, x) for y, x in pixels(window) if 0 <= y < 40 and 0 <= x < 6}
    assert pixels(window.clip((40, 6, 3))) == inside


@pytest.mark.parametrize("first", WINDOWS)
@pytest.mark.parametrize("second", WINDOWS)
def test_the_union_is_the_smallest_window_that_holds_both(first: Window, second: Window) -> None:
    together = pixels(first) | pixels(second)
    rows, columns = {y for y, _ in together}, {x for _, x in together}
    united = (min(rows), max(rows) + 1, min(columns), max(columns) + 1)
    assert first.unite(second) == united


def test_an_empty_window_adds_nothing_to_a_union() -> None:
    window, empty = Window(2, 4, 5, 8), Window(100, 100, 0, 9)
    assert window.unite(empty) == window
    assert empty.unite(window) == window


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("stride", [1, 3, 16])
def test_aligning_gives_the_smallest_enclosing_window_on_the_stride(window: Window, stride: int) -> None:
    aligned = window.align(stride)
    assert all(edge % stride == 0 for edge in aligned)
    assert pixels(window) <= pixels(aligned)
    assert all(abs(edge - old) < stride for edge, old in zip(aligned, window, strict=True))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("factor", [1, 2, 16])
def test_coarsening_covers_the_window_and_no_more_cells_than_it_touches(window: Window, factor: int) -> None:
    assert pixels(window.coarsen(factor)) == {(y // factor, x // factor) for y, x in pixels(window)}


@pytest.mark.parametrize("window", WINDOWS)
def test_refining_and_coarsening_by_the_same_factor_gives_the_window_back(window: Window) -> None:
    assert window.refine(4).coarsen(4) == window
    assert window.refine(4).area == 16 * window.area


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("tile", [1, 4, 7, 100])
def test_tiles_cover_a_window_exactly_once(window: Window, tile: int) -> None:
    parts = list(tile_windows(window, tile))
    assert sum(part.area for part in parts) == window.area
    assert set().union(*map(pixels, parts)) == pixels(window)


@pytest.mark.parametrize("window", WINDOWS)
def test_no_tile_crosses_the_lattice_anchored_at_the_origin(window: Window) -> None:
    for part in tile_windows(window, 8):
        assert not part.is_empty
        assert part.y0 // 8 == (part.y1 - 1) // 8
        assert part.x0 // 8 == (part.x1 - 1) // 8


def test_overlapping_windows_share_whole_tiles() -> None:
    first, second = (set(tile_windows(w, 8)) for w in (Window(0, 32, 0, 32), Window(8, 40, 16, 48)))
    common = Window(8, 32, 16, 32)
    assert first & second == set(tile_windows(common, 8))


def test_tiles_come_row_by_row() -> None:
    parts = list(tile_windows(Window(0, 4, 0, 6), 3))
    assert parts == sorted(parts, key=lambda part: (part.y0, part.x0))


def test_an_empty_window_has_no_tiles() -> None:
    assert list(tile_windows(Window(4, 4, 0, 9), 3)) == []
