"""Watershed by steepest ascent."""

from __future__ import annotations

import numpy as np

from napari_histosynth.stain.rainfall import basins, merge_basins


def _hills(*places: tuple[float, float, float], shape: tuple[int, int] = (20, 40)) -> np.ndarray:
    """Return a landscape of cones (y, x, height)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.max([top - np.hypot(y - cy, x - cx) for cy, cx, top in places], axis=0).astype(np.float32)


def test_every_pixel_goes_to_the_summit_above_it() -> None:
    height = _hills((10, 10, 20), (10, 28, 20))
    found = basins(height, np.ones(height.shape, bool))
    assert set(np.unique(found)) == {10 * 40 + 10, 10 * 40 + 28}
    assert (found[:, :19] == 10 * 40 + 10).all()
    assert (found[:, 20:] == 10 * 40 + 28).all()


def test_outside_is_no_basin_and_no_bridge() -> None:
    height = _hills((10, 10, 20))
    inside = np.ones(height.shape, bool)
    inside[:, 20] = False
    found = basins(height, inside)
    assert (found[:, 20] == -1).all()
    assert not set(np.unique(found[:, :20])) & set(np.unique(found[:, 21:]))


def test_a_plateau_is_one_basin_after_merging() -> None:
    height = np.ones((9, 14), np.float32)
    inside = np.ones(height.shape, bool)
    inside[4, 3:9] = False
    merged = merge_basins(height, basins(height, inside), 0.1)
    assert len(np.unique(merged[inside])) == 1


def test_shallow_valleys_join_and_deep_ones_divide() -> None:
    height = _hills((10, 10, 20), (10, 16, 18), (10, 32, 20))  # passes about 1 and 11 lower
    found = basins(height, np.ones(height.shape, bool))
    assert len(np.unique(found)) == 3
    assert len(np.unique(merge_basins(height, found, 0.5))) == 3
    assert len(np.unique(merge_basins(height, found, 3.0))) == 2
    assert len(np.unique(merge_basins(height, found, 20.0))) == 1


def test_a_window_finds_what_the_whole_has_there() -> None:
    rng = np.random.default_rng(4)
    places = [(float(y), float(x), 12.0) for y, x in rng.uniform(0, 80, (30, 2))]
    height = _hills(*places, shape=(80, 80))
    whole = merge_basins(height, basins(height, height > 4), 1.0)
    part = merge_basins(height[20:, 15:], basins(height[20:, 15:], height[20:, 15:] > 4), 1.0)
    y, x = np.divmod(whole[40:, 35:], 80)
    moved = np.where(whole[40:, 35:] < 0, -1, (y - 20) * 65 + x - 15)
    assert np.array_equal(moved, part[20:, 20:])
