"""What a Labels layer tells of itself, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.follow import LabelsFollower, atoms_window


class Heard:
    """What a follower has told."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.comparisons = 0
        self.replacements = 0

    def compare(self) -> None:
        self.comparisons += 1

    def replaced(self) -> None:
        self.replacements += 1

    def holds(self, window: Window) -> bool:
        """Return whether the windows that were told of, or a comparison, cover a window."""
        return self.comparisons > 0 or any(told.intersect(window) == window for told in self.windows)


@pytest.fixture
def layer(make_napari_viewer: Callable[..., Any]) -> Any:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.ones((100, 120), np.uint8))
    layer.brush_size = 10
    return layer


@pytest.fixture
def heard(layer: Any) -> Iterator[Heard]:
    heard = Heard()
    follower = LabelsFollower(
        layer, edited=heard.windows.append, compare=heard.compare, replaced=heard.replaced
    )
    yield heard
    follower.close()


def test_a_dab_is_told_with_its_place(layer: Any, heard: Heard) -> None:
    layer.paint((50, 60), 2)
    rows, columns = np.nonzero(layer.data == 2)
    touched = Window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    assert heard.windows
    assert all(window.intersect(touched) == touched for window in heard.windows)
    assert all(window.height <= 14 and window.width <= 14 for window in heard.windows)


def test_undo_and_redo_ask_for_a_comparison(layer: Any, heard: Heard) -> None:
    layer.paint((50, 60), 2)
    before = heard.comparisons
    layer.undo()
    assert heard.comparisons == before + 1
    layer.redo()
    assert heard.comparisons == before + 2


def test_a_fill_is_heard(layer: Any, heard: Heard) -> None:
    layer.fill((0, 0), 3)
    assert heard.holds(Window(0, 100, 0, 120))


def test_a_polygon_is_heard(layer: Any, heard: Heard) -> None:
    layer.paint_polygon([[10, 10], [10, 40], [40, 40]], 3)
    assert heard.holds(Window(20, 30, 32, 38))


def test_an_edit_in_place_and_a_refresh_is_heard(layer: Any, heard: Heard) -> None:
    layer.data[5, 5] = 3
    layer.refresh()
    assert heard.comparisons == 1


def test_new_data_is_told_as_replaced(layer: Any, heard: Heard) -> None:
    layer.data = np.zeros((100, 120), np.uint8)
    assert heard.replacements == 1


def test_after_closing_nothing_is_heard(layer: Any) -> None:
    heard = Heard()
    LabelsFollower(layer, edited=heard.windows.append, compare=heard.compare, replaced=heard.replaced).close()
    layer.paint((50, 60), 2)
    layer.undo()
    layer.data = np.zeros((100, 120), np.uint8)
    assert (heard.windows, heard.comparisons, heard.replacements) == ([], 0, 0)


def test_atoms_with_slices_are_united() -> None:
    atoms = [
        SimpleNamespace(slice_key=(slice(3, 5), slice(10, 12))),
        SimpleNamespace(slice_key=(slice(1, 4), slice(20, 30))),
    ]
    assert atoms_window(atoms) == Window(1, 5, 10, 30)


def test_atoms_of_older_napari_are_united() -> None:
    atoms = [((np.array([3, 9]), np.array([10, 4])), np.array([1, 1]), 2)]
    assert atoms_window(atoms) == Window(3, 10, 4, 11)


def test_atoms_that_cannot_be_understood_are_none() -> None:
    assert atoms_window([object()]) is None
