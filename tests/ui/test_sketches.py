"""Sketches of what is out of date: where, how fine, and never over what is up to date."""

from __future__ import annotations

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.dirty import DirtyCells
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.sketches import Sketches, View

WHOLE = Window(0, 512, 0, 512)


def dirty_at(*windows: Window) -> DirtyCells:
    cells = DirtyCells((512, 512))
    for window in windows:
        cells.add(window)
    return cells


def test_what_is_out_of_date_in_sight_lacks_a_sketch() -> None:
    sketches = Sketches((512, 512))
    dirty = dirty_at(Window(0, 64, 0, 64), Window(400, 512, 400, 512))
    assert sketches.missing(dirty, View(Window(0, 100, 0, 100))) == Window(0, 64, 0, 64)
    assert sketches.missing(dirty, View(Window(100, 200, 0, 512))) is None
    assert sketches.missing(dirty, None) == WHOLE


def test_what_was_sketched_is_not_sketched_again_unless_it_changed_or_one_looks_closer() -> None:
    sketches, pyramid, dirty = Sketches((512, 512)), Pyramid((512, 512)), dirty_at(WHOLE)
    far, near = View(WHOLE, level=3), View(WHOLE, level=0)
    sketches.put(pyramid, WHOLE, far, np.zeros((64, 64, 3), np.uint8), dirty)
    assert sketches.missing(dirty, far) is None
    assert sketches.missing(dirty, near) == WHOLE
    sketches.forget(Window(100, 110, 100, 110))
    assert sketches.missing(dirty, far) == Window(96, 112, 96, 112)


def test_a_sketch_is_written_where_the_picture_is_out_of_date_only() -> None:
    sketches, pyramid = Sketches((512, 512)), Pyramid((512, 512))
    dirty = dirty_at(Window(0, 16, 0, 16), Window(48, 64, 48, 64))
    sketches.put(pyramid, Window(0, 64, 0, 64), None, np.zeros((16, 16, 3), np.uint8), dirty)
    black = pyramid.levels[0][..., 0] == 0
    expected = np.zeros((512, 512), bool)
    expected[0:16, 0:16] = expected[48:64, 48:64] = True
    np.testing.assert_array_equal(black, expected)


def test_a_sketch_is_written_on_the_level_in_sight_and_those_above() -> None:
    shape = (4100, 4100)
    sketches, pyramid, dirty = Sketches(shape), Pyramid(shape), DirtyCells(shape)
    whole = Window.of_shape(shape)
    dirty.add(whole)
    view = View(whole, level=1)
    side = -(-4100 // Sketches.factor(view))
    gray = np.full((side, side, 3), 77, np.uint8)
    sketches.put(pyramid, whole, view, gray, dirty)
    assert [int(level.min()) for level in pyramid.levels] == [255, *[77] * (len(pyramid.levels) - 1)]
    assert all(int(level.max()) == 77 for level in pyramid.levels[1:])
