"""Large changes are written bit by bit, and are one step of undo all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QCoreApplication

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.tools import Edit
from napari_histosynth.ui.edits import EditWriter, parts_of
from napari_histosynth.ui.protect import protection_of


@pytest.fixture
def before() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, (900, 1000)).astype(np.uint8)


@pytest.fixture
def edit(before: np.ndarray) -> Edit:
    window = Window(50, 850, 20, 980)
    old = before[window.slices].copy()
    return Edit(window, old, np.where(old == 1, 2, old).astype(np.uint8))


@pytest.fixture
def layer(before: np.ndarray, qapp: Any) -> Labels:
    return Labels(before.copy())


def test_parts_are_the_change_and_nothing_else(edit: Edit, before: np.ndarray) -> None:
    parts = parts_of(edit, np.int32)
    assert len(parts) > 4
    assert sum(rows.size for rows, _, _ in parts) == edit.pixels
    result = before.astype(np.int32)
    for rows, columns, values in parts:
        assert values.dtype == np.int32
        result[rows, columns] = values
    np.testing.assert_array_equal(result, edit.applied_to(before))


def test_the_change_comes_bit_by_bit_and_is_one_step_of_undo(
    layer: Any, edit: Edit, before: np.ndarray, qtbot: Any
) -> None:
    writer, done = EditWriter(), []
    writer.write(layer, parts_of(edit, layer.data.dtype), lambda: done.append(True))
    assert writer.is_busy
    some = np.count_nonzero(layer.data != before)
    assert 0 < some < edit.pixels
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    np.testing.assert_array_equal(layer.data, edit.applied_to(before))
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    np.testing.assert_array_equal(layer.data, edit.applied_to(before))


def test_undo_in_the_middle_takes_all_of_it_back(layer: Any, edit: Edit, before: np.ndarray) -> None:
    writer = EditWriter()
    layer.paint((5, 5), 3)
    painted = layer.data.copy()
    writer.write(layer, parts_of(edit, layer.data.dtype), lambda: None)
    layer.undo()
    assert not writer.is_busy
    np.testing.assert_array_equal(layer.data, painted)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_it_ends_where_the_layer_gets_other_data(layer: Any, edit: Edit, qtbot: Any) -> None:
    writer = EditWriter()
    writer.write(layer, parts_of(edit, layer.data.dtype), lambda: None)
    layer.data = np.zeros((900, 1000), np.uint8)
    qtbot.waitUntil(lambda: not writer.is_busy, timeout=60_000)
    assert not layer.data.any()
    QCoreApplication.processEvents()


def test_locks_of_the_brush_do_not_hold_up_a_tool(layer: Any, edit: Edit, before: np.ndarray) -> None:
    protection_of(layer).lock([1])
    writer = EditWriter()
    writer.write(layer, parts_of(edit, layer.data.dtype), lambda: None)
    writer.finish()
    np.testing.assert_array_equal(layer.data, edit.applied_to(before))


def test_an_edit_of_nothing_ends_at_once(layer: Any, before: np.ndarray) -> None:
    writer, done = EditWriter(), []
    writer.write(layer, [], lambda: done.append(True))
    assert done == [True]
    np.testing.assert_array_equal(layer.data, before)
