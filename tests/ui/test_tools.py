"""The dock of tissue tools: each tool one step of the layer's undo, bounded by a lasso, sparing classes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint import tools
from napari_histosynth.ui.arrange import grid_of
from napari_histosynth.ui.layers import AREA_NAME, label_layer_arguments
from napari_histosynth.ui.tools import ToolsDock

UM = 0.5


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr("napari_histosynth.ui.tools.show_error", told.append)
    return told


@pytest.fixture
def tissue() -> np.ndarray:
    labels = np.ones((240, 300), np.uint8)
    labels[60:120, 80:160] = 2
    labels[80:90, 100:120] = 3
    return labels


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 700)
    return viewer


@pytest.fixture
def layer(viewer: Any, tissue: np.ndarray) -> Any:
    return viewer.add_labels(tissue.copy(), **label_layer_arguments(get_scheme("colon-3"), UM))


@pytest.fixture
def dock(viewer: Any, layer: Any, complaints: list[str]) -> Any:
    dock = ToolsDock(viewer)
    viewer.window.add_dock_widget(dock, name="Tissue tools")
    return dock


@pytest.fixture
def use(dock: Any, qtbot: Any) -> Callable[..., None]:
    """Return a function that chooses a tool, sets its numbers, clicks the button and waits."""

    def apply(tool: str, **settings: Any) -> None:
        dock.tool_box.setCurrentText(tool)
        for name, value in settings.items():
            getattr(dock, name).setValue(value)
        QTest.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not dock.is_busy, timeout=60_000)

    return apply


def native(viewer: Any) -> Any:
    return viewer.window._qt_viewer.canvas.native


def undo_by_key(viewer: Any, layer: Any, qtbot: Any) -> None:
    viewer.layers.selection.active = layer
    QTest.keyClick(native(viewer), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait(20)


def test_scheme_scale_and_classes_are_those_of_the_layer(dock: Any, layer: Any) -> None:
    assert dock.labels is layer
    assert dock.scheme.name == "colon-3"
    assert dock.um_per_px.value() == UM
    assert [box.text() for box in dock.protect] == list(get_scheme("colon-3").names)


@pytest.mark.parametrize(
    "tool",
    [
        "Relabel",
        "Dilate",
        "Erode",
        "Smooth",
        "Remove islands",
        "Scatter nuclei",
        "Clear nuclei",
        "Stamp gland",
        "Fill with glands",
    ],
)
def test_every_tool_is_one_step_of_undo_and_redo(
    tool: str, use: Any, dock: Any, viewer: Any, layer: Any, tissue: np.ndarray, qtbot: Any
) -> None:
    use(tool, um2=2000)
    after = layer.data.copy()
    assert (after != tissue).any()
    undo_by_key(viewer, layer, qtbot)
    np.testing.assert_array_equal(layer.data, tissue)
    layer.redo()
    np.testing.assert_array_equal(layer.data, after)


def test_the_layer_holds_what_the_engine_makes(use: Any, layer: Any, tissue: np.ndarray) -> None:
    use("Dilate", um=4)
    expected = tools.dilate(tissue, "epithelium", 4, um_per_px=UM, scheme="colon-3").applied_to(tissue)
    np.testing.assert_array_equal(layer.data, expected)


def test_the_lasso_bounds_the_change(
    use: Any, dock: Any, viewer: Any, layer: Any, tissue: np.ndarray
) -> None:
    dock.draw_area()
    area = viewer.layers[AREA_NAME]
    area.add_polygons(np.array([[20, 30], [20, 110], [150, 110], [150, 30]]))
    assert dock.labels is layer, "drawing an area does not change what tools act on"
    use("Scatter nuclei")
    rows, columns = np.nonzero(layer.data != tissue)
    assert rows.size > 100
    assert rows.min() >= 20
    assert rows.max() <= 150
    assert columns.min() >= 30
    assert columns.max() <= 110


def test_the_area_of_a_moved_layer_is_found_by_place(dock: Any, viewer: Any, layer: Any) -> None:
    layer.translate = (10.0, 20.0)
    corners = np.array([[15.1, 25.1], [15.1, 34.9], [29.9, 34.9], [29.9, 25.1]])
    viewer.add_shapes([corners], shape_type="polygon", name=AREA_NAME, units=("um", "um"))
    rows, columns = np.nonzero(dock.area().within(Window.of_shape(layer.data.shape)))
    # 5.1 to 19.9 um from the layer's corner, at 0.5 um a pixel
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (11, 39, 11, 29)


def test_protected_classes_stay(use: Any, dock: Any, layer: Any, tissue: np.ndarray) -> None:
    dock.protect[1].click()
    use("Scatter nuclei")
    changed = layer.data != tissue
    assert changed.any()
    assert not changed[tissue == 1].any()


def test_what_the_dock_protects_the_brush_spares_too(dock: Any, layer: Any, tissue: np.ndarray) -> None:
    dock.protect[2].click()
    layer.brush_size = 40
    layer.paint((90, 80), 0)
    np.testing.assert_array_equal(layer.data == 2, tissue == 2)
    assert (layer.data == 0).any()


def test_a_tool_can_be_canceled_and_then_changes_nothing(
    dock: Any, layer: Any, tissue: np.ndarray, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(labels: Any, options: dict[str, Any]) -> Any:
        for share in np.linspace(0, 1, 5000):
            options["progress"](float(share))
            time.sleep(0.01)
        raise AssertionError("it went on to the end")

    monkeypatch.setattr("napari_histosynth.ui.tools.work_of", lambda *arguments: slow)
    dock.tool_box.setCurrentText("Dilate")
    QTest.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.progress.isVisible(), timeout=60_000)
    QTest.mouseClick(dock.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=60_000)
    assert "canceled" in dock.status.text()
    assert not dock.progress.isVisible()
    np.testing.assert_array_equal(layer.data, tissue)


def test_the_brush_is_set_and_shown_in_micrometers(dock: Any, layer: Any) -> None:
    dock.brush.setValue(30)
    assert layer.brush_size == 60
    layer.brush_size = 20
    assert dock.brush.value() == 10


def test_the_diameter_of_the_brush_can_be_typed(dock: Any, layer: Any) -> None:
    line = dock.brush.lineEdit()
    QTest.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    QTest.keyClicks(line, "40")
    QTest.keyClick(dock.brush, Qt.Key.Key_Return)
    assert dock.brush.value() == 40
    assert layer.brush_size == 40 / UM


def test_control_click_stamps_where_one_clicks_and_paints_nothing(
    dock: Any, viewer: Any, layer: Any, qtbot: Any
) -> None:
    dock.tool_box.setCurrentText("Stamp gland")
    dock.gland_box.setCurrentText("nest")
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = 0
    before = layer.data.copy()
    canvas = native(viewer)
    qtbot.wait(100)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, middle)
    qtbot.wait(50)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, middle)
    qtbot.waitUntil(lambda: not dock.is_busy and (layer.data != before).any(), timeout=60_000)
    qtbot.waitUntil(lambda: not dock.is_busy)
    # a nest is all epithelium and nuclei: it was the tool, not the brush that holds background
    assert set(np.unique(layer.data[layer.data != before])) == {2, 3}
    rows, columns = np.nonzero(layer.data != before)
    assert abs(rows.mean() - 119.5) < 25
    assert abs(columns.mean() - 149.5) < 25
    undo_by_key(viewer, layer, qtbot)
    np.testing.assert_array_equal(layer.data, before)


def test_what_a_tool_refuses_is_told_and_changes_nothing(
    use: Any, layer: Any, tissue: np.ndarray, complaints: list[str]
) -> None:
    use("Desmoplastic reaction")
    assert len(complaints) == 1
    assert "colon-10" in complaints[0]
    np.testing.assert_array_equal(layer.data, tissue)


def test_without_labels_there_is_nothing_to_press(dock: Any, viewer: Any, layer: Any) -> None:
    viewer.layers.remove(layer)
    assert dock.labels is None
    assert not dock.apply_button.isEnabled()


def test_the_picture_follows_a_tool_and_its_undo(
    said: Any, painted: Any, viewer: Any, draw_whole: Any, qtbot: Any, wait: Any
) -> None:
    painter = painted.painter
    viewer.layers.selection.active = painter.stage.labels
    tools_dock = ToolsDock(viewer)
    qtbot.addWidget(tools_dock)
    before = painter.stage.pixels.copy()
    tools_dock.stamp((80, 90))
    wait(lambda: not tools_dock.is_busy and not painter.is_drawing)
    assert (painter.stage.labels.data == 2).any()
    assert (painter.stage.pixels != before).any()
    assert np.abs(painter.stage.pixels.astype(int) - draw_whole(painter)).max() <= 1
    painter.stage.labels.undo()
    wait(lambda: not painter.is_drawing)
    assert np.abs(painter.stage.pixels.astype(int) - before).max() <= 1


def test_napari_finds_the_dock() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-histosynth")
    commands = {entry.id: entry.python_name for entry in manifest.contributions.commands or []}
    widgets = {entry.display_name: entry.command for entry in manifest.contributions.widgets or []}
    assert commands[widgets["Tissue tools"]] == "napari_histosynth.ui.tools:ToolsDock"


def test_the_dock_opens_from_the_menu_of_plugins_and_acts_on_the_layer_itself(
    viewer: Any, layer: Any, tissue: np.ndarray, qtbot: Any
) -> None:
    _, dock = viewer.window.add_plugin_dock_widget("napari-histosynth", "Tissue tools")
    assert dock.labels is layer
    dock.tool_box.setCurrentText("Dilate")
    QTest.mouseClick(dock.apply_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=60_000)
    assert (layer.data != tissue).any()


def test_a_closed_dock_stamps_no_more(viewer: Any, layer: Any, tissue: np.ndarray, qtbot: Any) -> None:
    frame, dock = viewer.window.add_plugin_dock_widget("napari-histosynth", "Tissue tools")
    dock.tool_box.setCurrentText("Stamp gland")
    frame.destroyOnClose()
    qtbot.wait(100)
    layer.mode = "pan_zoom"
    canvas = native(viewer)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, middle)
    qtbot.wait(50)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, middle)
    qtbot.wait(1000)
    np.testing.assert_array_equal(layer.data, tissue)
    assert not any(getattr(act, "__self__", None) is dock for act in layer.mouse_drag_callbacks)


def test_side_by_side_the_area_lies_over_the_labels(said: Any, painted: Any, viewer: Any, qtbot: Any) -> None:
    tools_dock = ToolsDock(viewer)
    qtbot.addWidget(tools_dock)
    grid = grid_of(viewer)
    tools_dock.draw_area()
    assert grid.actual_shape(viewer.layers) == (1, 2)
    painted.overlay.click()
    painted.side_by_side.click()
    assert grid.actual_shape(viewer.layers) == (1, 2)
    viewer.layers.remove(AREA_NAME)
    assert grid.actual_shape(viewer.layers) == (1, 2)
    assert grid.stride == -1
