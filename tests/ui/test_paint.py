"""The dock in a window: real strokes by mouse, keys, buttons, closing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.arrange import OVERLAY_OPACITY, is_side_by_side


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], said: list[tuple[str, str]]) -> Any:
    """Return a viewer that is shown, so that it can be painted in."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    return viewer


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def slicing(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Run with napari's asynchronous slicing off and on."""
    from napari.settings import get_settings

    settings = get_settings().experimental
    before, settings.async_ = settings.async_, request.param
    yield request.param
    settings.async_ = before


def native(viewer: Any) -> Any:
    """Return the Qt widget that takes the mouse."""
    return viewer.window._qt_viewer.canvas.native


def stroke(viewer: Any, qtbot: Any, across: float, down: float = 0.5) -> None:
    """Draw a short line with the mouse, from a place given as shares of the canvas widget."""
    widget = native(viewer)
    start = QPoint(int(widget.width() * across), int(widget.height() * down))
    qtbot.wait(100)
    QTest.mouseMove(widget, start)
    qtbot.wait(30)
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for step in range(1, 4):
        qtbot.wait(30)
        QTest.mouseMove(widget, start + QPoint(8 * step, 4 * step))
    qtbot.wait(30)
    QTest.mouseRelease(
        widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + QPoint(24, 12)
    )


def press(viewer: Any, qtbot: Any, key: Qt.Key) -> None:
    """Press a key over the canvas."""
    QTest.keyClick(native(viewer), key)
    qtbot.wait(20)


@pytest.mark.parametrize(("across", "on"), [(0.25, "the labels"), (0.75, "the picture")])
def test_a_mouse_stroke_changes_the_picture_where_it_should_and_nowhere_else(
    slicing: bool, painted: Any, viewer: Any, qtbot: Any, settle: Any, draw_whole: Any, across: float, on: str
) -> None:
    painter = painted.painter
    before = painter.stage.pixels.copy()
    stroke(viewer, qtbot, across)
    settle()
    rows, columns = np.nonzero(painter.stage.labels.data == 2)
    assert len(rows), f"the mouse paints on {on}"
    touched = Window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    difference = np.abs(painter.stage.pixels.astype(int) - before.astype(int)).max(axis=2)
    assert difference[touched.slices].max() > 1
    reached = touched.grow(painter.model.generator.receptive_field).clip(before.shape)
    assert reached != Window.of_shape(before.shape), "the canvas is larger than what the stroke reaches"
    difference[reached.slices] = 0
    assert difference.max() <= 1
    assert np.abs(painter.stage.pixels.astype(int) - draw_whole(painter)).max() <= 1


def test_undo_by_key_brings_the_picture_back(
    slicing: bool, painted: Any, viewer: Any, qtbot: Any, settle: Any
) -> None:
    before = painted.painter.stage.pixels.copy()
    stroke(viewer, qtbot, 0.25)
    settle()
    assert np.abs(painted.painter.stage.pixels.astype(int) - before).max() > 1
    QTest.keyClick(native(viewer), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait(20)
    settle()
    assert (painted.painter.stage.labels.data == 1).all()
    assert np.abs(painted.painter.stage.pixels.astype(int) - before).max() <= 1


def test_drawing_that_takes_long_shows_how_far_it_is_and_can_be_stopped(
    painted: Any, viewer: Any, qtbot: Any, settle: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.paint.canvas import Canvas

    render = Canvas.render

    def slow(canvas: Any, *args: Any, **options: Any) -> Any:
        time.sleep(0.1)
        return render(canvas, *args, **options)

    monkeypatch.setattr(Canvas, "render", slow)
    assert painted.progress_row.isHidden()
    painted.painter.new_canvas(np.ones((2000, 2000), np.uint8))
    wait(lambda: not painted.progress_row.isHidden() and painted.progress.value() > 0)
    painted.stop.click()
    settle()
    assert painted.progress_row.isHidden()
    assert not painted.rest.isHidden()
    assert "megapixels" in painted.rest.text()
    monkeypatch.undo()
    painted.rest.click()
    settle()
    assert painted.rest.isHidden()


def test_a_stroke_on_the_shipped_model_stays_within_its_receptive_field(
    open_dock: Callable[..., Any], wait: Any, repository: Path, viewer: Any, qtbot: Any
) -> None:
    if not (repository / "models/colon-3class/weights.safetensors").is_file():
        pytest.skip("colon-3class has no weights yet")
    dock = open_dock(model="colon-3class")
    painter = dock.painter
    assert painter.model.um_per_px == 0.62
    painter.new_canvas(np.ones((320, 320), np.uint8))
    wait(lambda: not painter.is_drawing)
    before = painter.stage.pixels.astype(int)
    painter.stage.labels.brush_size = 12
    stroke(viewer, qtbot, 0.1)
    wait(lambda: not painter.is_drawing)
    rows, columns = np.nonzero(painter.stage.labels.data == 2)
    touched = Window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    difference = np.abs(painter.stage.pixels - before).max(axis=2)
    assert difference[touched.slices].max() > 8
    difference[touched.grow(painter.model.generator.receptive_field).clip(difference.shape).slices] = 0
    assert difference.max() <= 1


def test_the_stroke_is_timed_in_the_last_line(painted: Any, viewer: Any, qtbot: Any, settle: Any) -> None:
    stroke(viewer, qtbot, 0.25)
    settle()
    assert painted.status.text().startswith("tiny on cpu, ")
    assert "last stroke" in painted.status.text()
    assert painted.status.text().endswith(" ms")


@pytest.mark.parametrize("active", ["labels", "picture"])
def test_number_keys_choose_classes_whichever_layer_is_active(
    painted: Any, viewer: Any, qtbot: Any, active: str
) -> None:
    stage = painted.painter.stage
    viewer.layers.selection.active = getattr(stage, active)
    press(viewer, qtbot, Qt.Key.Key_3)
    assert stage.labels.selected_label == 3
    assert str(stage.labels.mode) == "paint"
    assert viewer.layers.selection.active is stage.labels
    checked = [button.isChecked() for button in painted.palette_box.buttons]
    assert checked == [False, False, False, True]


def test_class_buttons_choose_classes_and_keep_the_fill_tool(painted: Any, qtbot: Any) -> None:
    labels = painted.painter.stage.labels
    labels.mode = "pan_zoom"
    qtbot.mouseClick(painted.palette_box.buttons[3], Qt.MouseButton.LeftButton)
    assert labels.selected_label == 3
    assert str(labels.mode) == "paint"
    labels.mode = "fill"
    qtbot.mouseClick(painted.palette_box.buttons[0], Qt.MouseButton.LeftButton)
    assert labels.selected_label == 0
    assert str(labels.mode) == "fill"


def test_a_label_chosen_in_napari_shows_on_the_buttons(painted: Any) -> None:
    painted.painter.stage.labels.selected_label = 3
    assert painted.palette_box.buttons[3].isChecked()
    painted.painter.stage.labels.selected_label = 17
    assert not any(button.isChecked() for button in painted.palette_box.buttons)


def test_buttons_say_key_name_and_what_belongs_to_a_class(painted: Any) -> None:
    button = painted.palette_box.buttons[1]
    assert "1" in button.text()
    assert "non-epithelium" in button.text()
    assert "key 1" in button.toolTip()
    assert "stroma" in button.toolTip()


def test_nothing_dark_lies_under_the_middle_of_the_brush(
    painted: Any, viewer: Any, qtbot: Any, settle: Any
) -> None:
    press(viewer, qtbot, Qt.Key.Key_0)
    painted.painter.stage.labels.brush_size = 60
    stroke(viewer, qtbot, 0.25)
    settle()
    shown = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    height, width = shown.shape[:2]
    middle = shown[height // 2 - 10 : height // 2 + 30, width // 4 - 20 : width // 4 + 50]
    darkest = middle.max(axis=2) < 100  # the brush's own black ring is one pixel wide
    blocks = darkest[:-4, :-4] & darkest[4:, 4:] & darkest[:-4, 4:] & darkest[4:, :-4]
    assert (middle == 255).all(axis=2).any(), "glass was painted there"
    assert not blocks.any()


def test_the_status_bar_can_name_the_class(painted: Any) -> None:
    status = painted.painter.stage.labels.get_status((10.0, 10.0))
    assert "non-epithelium" in status["value"]


def test_the_eraser_paints_the_schemes_background(painted: Any) -> None:
    labels = painted.painter.stage.labels
    assert labels.colormap.background_value == painted.painter.model.scheme.background


def test_colors_are_those_of_the_scheme(painted: Any) -> None:
    labels = painted.painter.stage.labels
    for entry in painted.painter.model.scheme.classes:
        shown = np.round(np.asarray(labels.colormap.map(entry.index)) * 255).astype(int)
        assert shown[:3].tolist() == [int(entry.color[i : i + 2], 16) for i in (1, 3, 5)]


def test_side_by_side_and_overlay(painted: Any, viewer: Any) -> None:
    labels = painted.painter.stage.labels
    assert is_side_by_side(viewer)
    assert labels.opacity == 1.0
    painted.overlay.click()
    assert not is_side_by_side(viewer)
    assert labels.opacity == OVERLAY_OPACITY
    painted.side_by_side.click()
    assert is_side_by_side(viewer)
    assert labels.opacity == 1.0


def test_h_hides_the_labels_and_they_can_still_be_painted_on(
    painted: Any, viewer: Any, qtbot: Any, settle: Any
) -> None:
    painted.overlay.click()
    labels = painted.painter.stage.labels
    press(viewer, qtbot, Qt.Key.Key_H)
    assert labels.opacity == 0
    stroke(viewer, qtbot, 0.5)
    settle()
    assert 2 in labels.data
    press(viewer, qtbot, Qt.Key.Key_H)
    assert labels.opacity == OVERLAY_OPACITY


def test_the_look_panel_draws_with_other_seeds_and_goes_back(painted: Any, settle: Any) -> None:
    before = painted.painter.stage.pixels.copy()
    panel = painted.look_panel
    assert not panel.back.isEnabled()
    panel.renew.click()
    settle()
    assert panel.latent_seed.value() == painted.painter.looks.present.latent_seed != 0
    assert (painted.painter.stage.pixels != before).any()
    panel.back.click()
    settle()
    assert panel.latent_seed.value() == 0
    assert np.abs(painted.painter.stage.pixels.astype(int) - before).max() <= 1
    panel.seed.setValue(12)
    settle()
    assert painted.painter.looks.present.seed == 12


def test_with_both_seeds_locked_there_is_no_new_look(painted: Any) -> None:
    panel = painted.look_panel
    panel.lock_latent.setChecked(True)
    panel.lock_seed.setChecked(True)
    assert not panel.renew.isEnabled()
    panel.lock_seed.setChecked(False)
    assert panel.renew.isEnabled()


def test_the_dock_is_narrow_and_says_what_it_draws_with(painted: Any) -> None:
    assert painted.maximumWidth() <= 380
    assert painted.minimumSizeHint().width() <= 380
    assert "0.62 µm per pixel" in painted.model_line.text()
    assert painted.canvas_line.text() == "192 × 160 px · 119 × 99 µm"


def test_closing_the_dock_ends_everything_and_leaves_the_layers(
    painted: Any, viewer: Any, qtbot: Any
) -> None:
    labels, picture = painted.painter.stage.labels, painted.painter.stage.picture
    listeners = {name: len(labels.events[name].callbacks) for name in ("paint", "set_data", "labels_update")}
    viewer.window.remove_dock_widget(painted)
    qtbot.wait(20)
    assert painted.painter.stage is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("histosynth-drawing")]
    for name, count in listeners.items():
        assert len(labels.events[name].callbacks) == count - 1
    before = np.array(picture.data)
    labels.paint((30, 30), 2)
    press(viewer, qtbot, Qt.Key.Key_3)  # napari's own meaning again: polygon
    assert str(labels.mode) == "polygon"
    np.testing.assert_array_equal(picture.data, before)
    assert labels in viewer.layers


def test_two_docks_in_two_viewers_do_not_meddle(
    painted: Any, make_napari_viewer: Any, open_dock: Callable[..., Any], wait: Any, settle: Any
) -> None:
    other_viewer = make_napari_viewer()
    other = open_dock(other_viewer)
    other.painter.new_canvas(np.full((96, 96), 2, np.uint8))
    wait(lambda: not other.painter.is_drawing)
    before = other.painter.stage.pixels.copy()
    painted.painter.stage.labels.paint((60, 60), 2)
    painted.painter.new_look()
    settle()
    np.testing.assert_array_equal(other.painter.stage.pixels, before)
    other_viewer.window.remove_dock_widget(other)
    painted.painter.stage.labels.paint((60, 60), 3)
    settle()
    assert painted.painter.stage is not None


def test_two_docks_in_one_viewer_paint_two_canvases(
    painted: Any, viewer: Any, wait: Any, settle: Any
) -> None:
    from napari_histosynth.ui.paint import PaintDock

    second = PaintDock(viewer, "tiny")
    viewer.window.add_dock_widget(second, name="Paint tissue 2")
    wait(lambda: second.painter.model is not None and not second.painter.tasks.is_busy)
    second.painter.new_canvas(np.full((64, 64), 2, np.uint8))
    wait(lambda: not second.painter.is_drawing)
    before = painted.painter.stage.pixels.copy()
    second.painter.stage.labels.paint((30, 30), 3)
    wait(lambda: not second.painter.is_drawing)
    np.testing.assert_array_equal(painted.painter.stage.pixels, before)
    assert painted.painter.stage is not second.painter.stage
