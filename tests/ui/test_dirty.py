"""What is out of date, and what of it is drawn next."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.dirty import CELL, DirtyCells


def drain(cells: DirtyCells, tile: int, view: Window | None = None) -> list[Window]:
    """Take windows until nothing is left."""
    windows = []
    while (window := cells.take(tile, view, None)) is not None:
        windows.append(window)
    return windows


def covered(shape: tuple[int, int], windows: list[Window]) -> np.ndarray:
    """Return which pixels the windows hold."""
    mask = np.zeros(shape, bool)
    for window in windows:
        mask[window.slices] = True
    return mask


@pytest.mark.parametrize("seed", range(5))
def test_every_marked_pixel_is_handed_out(seed: int) -> None:
    chance = np.random.default_rng(seed)
    shape = (int(chance.integers(20, 900)), int(chance.integers(20, 900)))
    cells, wanted = DirtyCells(shape), np.zeros(shape, bool)
    for _ in range(6):
        y0, x0 = (int(chance.integers(-30, side)) for side in shape)
        window = Window(y0, y0 + int(chance.integers(1, 300)), x0, x0 + int(chance.integers(1, 300)))
        cells.add(window)
        if not (inside := window.clip(shape)).is_empty:
            wanted[inside.slices] = True
    windows = drain(cells, 128)
    assert not (wanted & ~covered(shape, windows)).any()
    assert not cells


def test_windows_are_cells_wide_and_inside_the_canvas() -> None:
    cells = DirtyCells((333, 501))
    cells.add(Window.of_shape((333, 501)))
    for y0, y1, x0, x1 in drain(cells, 128):
        assert y0 % CELL == x0 % CELL == 0
        assert y1 % CELL == 0 or y1 == 333
        assert x1 % CELL == 0 or x1 == 501


def test_a_window_is_never_much_larger_than_a_tile() -> None:
    cells = DirtyCells((4096, 4096))
    cells.add(Window.of_shape((4096, 4096)))
    assert max(max(window.shape) for window in drain(cells, 384)) <= 384 * 1.5


def test_a_stroke_little_larger_than_a_tile_stays_whole() -> None:
    cells = DirtyCells((2048, 2048))
    cells.add(Window(1000, 1400, 1000, 1500))
    assert len(drain(cells, 384)) == 1


def test_what_is_in_view_comes_first() -> None:
    cells = DirtyCells((2048, 2048))
    cells.add(Window.of_shape((2048, 2048)))
    view = Window(1500, 1900, 100, 700)
    needed = covered((2048, 2048), []).copy()
    needed[view.slices] = True
    first = []
    while needed.any():
        window = cells.take(256, view, None)
        assert window is not None
        assert not window.intersect(view).is_empty, "drawn before all in view was"
        needed[window.slices] = False
        first.append(window)
    assert cells


def test_drawing_begins_at_the_place_of_interest() -> None:
    cells = DirtyCells((2048, 2048))
    cells.add(Window.of_shape((2048, 2048)))
    window = cells.take(256, None, (1999.0, 40.0))
    assert window is not None
    assert window.y0 <= 1999 < window.y1
    assert window.x0 <= 40 < window.x1


def test_a_view_beside_the_canvas_leaves_nothing_out() -> None:
    cells = DirtyCells((300, 300))
    cells.add(Window(0, 300, 0, 300))
    assert covered((300, 300), drain(cells, 128, Window(5000, 6000, 5000, 6000))).all()


def test_merging_moves_the_cells_over() -> None:
    cells, others = DirtyCells((64, 64)), DirtyCells((64, 64))
    others.add(Window(0, 20, 0, 20))
    cells.merge(others)
    assert (len(cells), len(others)) == (4, 0)


def test_discarding_unmarks() -> None:
    cells = DirtyCells((64, 64))
    cells.add(Window(0, 64, 0, 64))
    cells.discard(Window(0, 32, 0, 64))
    assert len(cells) == 8
