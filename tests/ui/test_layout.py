"""The dock "New tissue": maps by number, nine to choose from, regions filled, locks, the origin kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_histosynth.io import read_provenance
from napari_histosynth.ui import layoutform, layoutwork
from napari_histosynth.ui.layers import AREA_NAME, METADATA_KEY
from napari_histosynth.ui.protect import protection_of

_spec = spec_from_file_location("layoutfake", Path(__file__).with_name("layoutfake.py"))
assert _spec is not None
assert _spec.loader is not None
_fakes = module_from_spec(_spec)
_spec.loader.exec_module(_fakes)
SIDE, stripes = _fakes.SIDE, _fakes.stripes
errors, engine, canvas = _fakes.errors, _fakes.engine, _fakes.canvas  # fixtures


@pytest.fixture
def dock(viewer: Any) -> Iterator[Any]:
    from napari_histosynth.ui.layout import LayoutDock

    dock = LayoutDock(viewer)
    viewer.window.add_dock_widget(dock, name="New tissue", area="right")
    yield dock
    dock.shut_down()


@pytest.fixture
def rest(dock: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn and written."""

    def is_done() -> bool:
        painter = dock.desk.painter
        busy = dock.desk.job.is_busy or dock.desk.putter.is_busy or dock.way.is_busy or dock.desk._waiting
        return not busy and (painter is None or not painter.is_drawing)

    return lambda: wait(is_done)


def ask(dock: Any, seed: int, grade: str = "", side: int = SIDE) -> None:
    dock.form.seed.setValue(seed)
    dock.form.grade.setCurrentIndex(dock.form.grade.findData(grade))
    dock.form.size_fields.set_shape((side, side))


def test_new_tissue_is_one_step_of_undo_painted_at_once_and_followed_by_the_next(
    canvas: Any, dock: Any, rest: Any, engine: Any, draw_whole: Any
) -> None:
    painter, layer = canvas.painter, canvas.painter.stage.labels
    assert dock.form.shape == (SIDE, SIDE), "the size of the canvas that is there"
    ask(dock, 4, "poor")
    dock.form.go.click()
    rest()
    assert painter.stage.labels is layer
    np.testing.assert_array_equal(layer.data, stripes(4, "poor", (SIDE, SIDE)))
    assert int(np.abs(painter.stage.pixels.astype(int) - draw_whole(painter)).max()) <= 1
    assert (4, "poor", (SIDE, SIDE), True, "colon-3") in engine.asked
    assert engine.threads == {False}, "nothing is drawn on the main thread"
    layer.undo()
    assert (layer.data == 1).all()
    layer.redo()
    np.testing.assert_array_equal(layer.data, stripes(4, "poor", (SIDE, SIDE)))
    dock.form.next.click()
    rest()
    assert dock.form.seed.value() == 5
    np.testing.assert_array_equal(layer.data, stripes(5, "poor", (SIDE, SIDE)))
    dock.form.seed.setValue(7)
    QTest.keyClick(dock.form.seed.lineEdit(), Qt.Key.Key_Return)
    rest()
    np.testing.assert_array_equal(layer.data, stripes(7, "poor", (SIDE, SIDE)))


def test_without_a_canvas_one_is_made_and_without_a_painter_it_is_opened(
    dock: Any, rest: Any, viewer: Any, wait: Any
) -> None:
    ask(dock, 2, "healthy")
    dock.form.go.click()
    wait(lambda: dock.desk.painter is not None and dock.desk.painter.stage is not None)
    rest()
    stage = dock.desk.painter.stage
    np.testing.assert_array_equal(stage.labels.data, stripes(2, "healthy", (SIDE, SIDE)))
    assert stage.picture in viewer.layers
    canvas_dock = next(one for one in viewer.window.dock_widgets.values() if hasattr(one, "painter"))
    canvas_dock.shut_down()


def test_another_size_is_a_new_canvas_and_what_was_painted_on_stays(
    canvas: Any, dock: Any, rest: Any, viewer: Any
) -> None:
    first = canvas.painter.stage.labels
    first.paint((10, 10), 2)
    ask(dock, 3, "poor", 512)
    dock.form.go.click()
    rest()
    assert canvas.painter.stage.shape == (512, 512)
    assert first in viewer.layers
    assert first.data[10, 10] == 2


def test_what_is_cancelled_or_goes_wrong_is_one_sentence_and_leaves_the_canvas(
    canvas: Any, dock: Any, rest: Any, engine: Any, wait: Any, errors: list[str]
) -> None:
    wait(lambda: not dock.nine.is_busy)
    engine.seconds = 3.0
    ask(dock, 5)
    dock.form.go.click()
    wait(lambda: not dock.form.job_row.isHidden() and dock.form.job_row.bar.value() > 0)
    assert not dock.form.go.isEnabled()
    dock.form.job_row.stop.click()
    rest()
    assert (canvas.painter.stage.labels.data == 1).all()
    assert dock.status.text() == "New tissue was cancelled."
    engine.seconds = 0.0
    ask(dock, 13)
    dock.form.go.click()
    rest()
    assert errors == ["The model has no such tissue; choose another seed."]
    assert (canvas.painter.stage.labels.data == 1).all()
    dock.morph.take["A"].click()
    assert errors[1].startswith("The canvas shows no layout")
    dock.fill.go.click()
    assert errors[2].startswith("No region is drawn yet")


def test_without_a_model_the_dock_says_where_one_comes_from(
    viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.ui.layout import LayoutDock

    monkeypatch.setattr(layoutform, "layout_cards", dict)
    dock = LayoutDock(viewer)
    assert dock.form.note.text() == layoutwork.NO_MODEL
    assert not dock.form.go.isEnabled()
    dock.shut_down()


# ---- nine


def test_nine_are_drawn_in_a_thread_and_a_click_puts_one_on_the_canvas(
    canvas: Any, dock: Any, rest: Any, engine: Any, wait: Any, mouse: Any
) -> None:
    grid = dock.nine.grid
    wait(lambda: all(grid.is_shown(index) for index in range(9)))
    assert engine.threads == {False}
    assert {asked[0] for asked in engine.asked} == set(range(9))
    assert grid.caption(5) == "seed 5, poor", "the grade that the seed chose"
    mouse.click(grid, grid.cell(5).center())
    rest()
    assert dock.form.seed.value() == 5
    assert grid.chosen == 5
    np.testing.assert_array_equal(canvas.painter.stage.labels.data, stripes(5, "poor", (SIDE, SIDE)))


def test_nine_are_chosen_and_turned_by_keys(canvas: Any, dock: Any, rest: Any, wait: Any) -> None:
    grid = dock.nine.grid
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Return):
        QTest.keyClick(grid, key)
    rest()
    assert dock.form.seed.value() == 3
    np.testing.assert_array_equal(canvas.painter.stage.labels.data, stripes(3, "poor", (SIDE, SIDE)))
    QTest.keyClick(grid, Qt.Key.Key_A)
    dock.nine.more.click()
    assert dock.nine.first == 9
    QTest.keyClick(grid, Qt.Key.Key_PageDown)
    QTest.keyClick(grid, Qt.Key.Key_B)
    assert {end: place.seed for end, place in dock.way.ends.items()} == {"A": 3, "B": 21}, (
        "the cursor stays where it was"
    )
    dock.nine.before.click()
    wait(lambda: grid.is_shown(8))
    assert grid.caption(0) == "seed 9, poor"
    assert "Seeds 9 to 17" in dock.nine.note.text()
    labels = grid._images[0][0]
    dock.nine.shown.setCurrentIndex(1)
    assert not np.array_equal(labels, grid._images[0][0]), "the H&E instead"
    dock.form.grade.setCurrentIndex(dock.form.grade.findData("healthy"))
    wait(lambda: all(grid.is_shown(index) for index in range(9) if index != 4))
    assert grid.caption(0) == "seed 9, healthy"
    assert not grid.is_shown(4)
    assert dock.status.text().startswith("The thumbnail of seed 13 could not be drawn")


# ---- locks, regions


def test_locked_classes_stay_as_they_are(canvas: Any, dock: Any, rest: Any) -> None:
    layer = canvas.painter.stage.labels
    layer.data[50:120, 60:200] = 2
    layer.refresh()
    rest()
    dock.locks.locks.buttons[2].click()
    assert protection_of(layer).locked == {2}
    assert canvas.palette_box.locks.buttons[2].isChecked(), "the same locks as in Paint tissue"
    ask(dock, 3, "healthy")
    dock.form.go.click()
    rest()
    expected = stripes(3, "healthy", (SIDE, SIDE))
    expected[50:120, 60:200] = 2
    np.testing.assert_array_equal(layer.data, expected)


@pytest.fixture
def filler(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Fill regions with class 2; returns what was asked for."""
    asked: list[Any] = []

    def filled(sampler: Any, labels: Any, inside: Any, place: Any, sheet: Any, locked: Any, *_: Any) -> Any:
        asked.append((place.seed, place.grade, sheet.nuclei, locked))
        return np.where(inside & ~np.isin(labels, list(locked)), 2, labels).astype(np.uint8)

    monkeypatch.setattr(layoutwork, "filled", filled)
    return asked


def test_a_lassoed_region_is_filled_in_one_step_of_undo(
    canvas: Any, dock: Any, rest: Any, viewer: Any, filler: list[Any]
) -> None:
    layer = canvas.painter.stage.labels
    dock.fill.region.click()
    shapes = viewer.layers[AREA_NAME]
    assert viewer.layers.selection.active is shapes
    um = canvas.painter.model.um_per_px
    corners = np.array([[40, 50], [40, 150], [120, 150], [120, 50]], float)
    shapes.add_polygons([[layer.data_to_world(c)[0] / um, layer.data_to_world(c)[1] / um] for c in corners])
    ask(dock, 4, "poor")
    dock.fill.go.click()
    rest()
    changed = layer.data == 2
    assert changed[60:100, 70:130].all()
    assert not changed[:38].any()
    assert not changed[:, 152:].any()
    assert filler == [(4, "poor", True, frozenset())]
    note = layer.metadata[METADATA_KEY]["layout"]
    assert note["fills"][0]["seed"] == 4
    layer.undo()
    assert (layer.data == 1).all()


def test_a_class_and_a_mask_are_regions_too_and_locks_hold(
    canvas: Any, dock: Any, rest: Any, viewer: Any, filler: list[Any], wait: Any, errors: list[str]
) -> None:
    layer = canvas.painter.stage.labels
    layer.data[:100, :100] = 0
    layer.data[200:, 200:] = 3
    layer.refresh()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[150:, 150:] = 7
    viewer.add_labels(mask, name="helper", scale=layer.scale)
    wait(lambda: dock.fill.where.findText("mask: helper") >= 0)
    dock.fill.where.setCurrentText("all background")
    dock.fill.go.click()
    rest()
    np.testing.assert_array_equal(layer.data == 2, np.pad(np.ones((100, 100), bool), (0, SIDE - 100)))
    dock.locks.locks.buttons[3].click()
    dock.fill.where.setCurrentText("mask: helper")
    dock.fill.go.click()
    rest()
    assert filler[-1][-1] == {3}
    assert (layer.data[150:200, 150:] == 2).all()
    assert (layer.data[200:, 200:] == 3).all()
    dock.fill.where.setCurrentText("all background")
    dock.fill.go.click()
    rest()
    assert errors == ["The region is empty; draw around a part of the canvas, or choose a class."]


# ---- origin


def test_layer_and_files_say_which_layout_it_is_until_another_canvas_comes(
    canvas: Any, dock: Any, rest: Any, tmp_path: Path, wait: Any, said: list[tuple[str, str]]
) -> None:
    painter = canvas.painter
    ask(dock, 9, "poor")
    dock.form.go.click()
    rest()
    note = painter.stage.labels.metadata[METADATA_KEY]["layout"]
    assert (note["seed"], note["grade"], note["model"], note["synthetic"]) == (9, "poor", "fake", True)
    assert note["weights"] == {"healthy": 0.0, "poor": 1.0}
    json.dumps(note)
    files = {"labels": tmp_path / "t_labels.png", "picture": tmp_path / "t_he.png"}
    painter.save(files)
    wait(lambda: files["labels"].exists() and not painter.tasks.is_busy)
    for path in files.values():
        made = read_provenance(path)
        assert made is not None
        assert made.synthetic
        assert made.extra["layout"]["seed"] == 9
    painter.stage.touched = False
    painter.new_canvas(np.full((SIDE, SIDE), 1, np.uint8))
    rest()
    assert "layout" not in painter.stage.labels.metadata[METADATA_KEY]


def test_the_dock_lets_go_when_it_is_closed(canvas: Any, dock: Any, rest: Any, viewer: Any) -> None:
    from napari_histosynth.ui.painters import painters

    ask(dock, 4, "poor")
    dock.form.go.click()
    rest()
    before = len(painters.changed)
    dock.shut_down()
    dock.shut_down()
    assert len(painters.changed) == before - 1
    canvas.painter.new_canvas(np.full((SIDE, SIDE), 1, np.uint8))
    rest()
    assert dock.desk.painter is None
