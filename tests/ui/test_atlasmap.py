"""The map of looks alone: what is under the mouse, clicks and drags, zoom, keys, and what is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.atlaskey import key_of, ramp
from napari_histosynth.ui.atlasform import Turning
from napari_histosynth.ui.atlaslegend import AtlasLegend
from napari_histosynth.ui.atlasmap import AtlasMap, Spot
from napari_histosynth.ui.atlaspaint import point_radius
from napari_histosynth.ui.mapview import MapView

PLACES = np.array([[0, 0], [10, 0], [0, 5], [10, 5], [5, 2]], np.float32)
STYLES = np.arange(20, dtype=np.float32).reshape(5, 4)
ATLAS = Atlas(
    "m", "0", STYLES, np.zeros((5, 0), np.float32), ("a", "a", "b", "b", ""), ("x",) * 5, neighbors=PLACES
)
KEY = key_of(ATLAS, "grade", {"a": 0.0, "b": 1.0})


@pytest.fixture
def surface(qtbot: Any) -> AtlasMap:
    widget = AtlasMap()
    qtbot.addWidget(widget)
    widget.resize(420, 300)
    widget.show_points(PLACES, KEY)
    return widget


@pytest.fixture
def heard(surface: AtlasMap) -> list[tuple[str, Any]]:
    """Collect what the map says, in order."""
    found: list[tuple[str, Any]] = []
    for name in ("hovered", "chosen", "dragged", "dropped"):
        getattr(surface, name).connect(lambda spot, name=name: found.append((name, spot)))
    surface.gave_up.connect(lambda: found.append(("gave_up", None)))
    return found


def painted(widget: Any, color: tuple[int, int, int]) -> int:
    """Count the pixels of a color."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    data = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    pixels = data.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3]
    return int((pixels[..., ::-1] == color).all(-1).sum())


def test_a_view_of_all_holds_all_and_leads_back() -> None:
    view = MapView.of_all(PLACES, 400, 300)
    spots = view.to_pixels(PLACES)
    assert (spots >= 0).all()
    assert (spots <= (400, 300)).all()
    assert spots[2, 1] < spots[0, 1], "up is up"
    for place, (x, y) in zip(PLACES, spots, strict=True):
        np.testing.assert_allclose(view.to_map(x, y), place, atol=1e-6)


def test_zooming_keeps_the_place_under_the_mouse_and_has_an_end() -> None:
    view = MapView.of_all(PLACES, 400, 300)
    place = view.to_map(100, 80)
    closer = view.zoomed(3, 100, 80)
    np.testing.assert_allclose(closer.to_map(100, 80), place, atol=1e-9)
    np.testing.assert_allclose(closer.scale, np.array(view.scale) * 3)
    assert view.zoomed(1e9, 0, 0).zoom < 100
    assert view.zoomed(1e-9, 0, 0).zoom > 0.1
    np.testing.assert_allclose(view.panned(30, -20).to_map(130, 60), place, atol=1e-9)


def test_points_are_painted_in_the_colors_of_their_grades(surface: AtlasMap) -> None:
    assert painted(surface, ramp(0.0)) > 20
    assert painted(surface, ramp(1.0)) > 20


def test_points_are_small_where_there_are_many_and_grow_as_one_comes_nearer() -> None:
    assert point_radius(100, 1.0) > point_radius(1000, 1.0) >= point_radius(100_000, 1.0) > 2
    assert point_radius(1000, 8.0) > point_radius(1000, 1.0)


def test_hovering_tells_of_the_point_that_is_near(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    mouse.move(surface, surface.position_of(PLACES[3]) + QPointF(4, 3))
    assert heard == [("hovered", Spot("picture", 3, (10.0, 5.0)))]
    middle = surface.position_of((2.5, 3.5))
    mouse.move(surface, middle)
    kind, spot = heard[-1]
    assert (kind, spot.kind) == ("hovered", "place")
    np.testing.assert_allclose(spot.place, (2.5, 3.5), atol=0.02)


def test_a_named_place_is_found_where_no_point_is(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    surface.show_names(["ours"], [(2.5, 3.5)])
    mouse.move(surface, surface.position_of((2.5, 3.5)) + QPointF(3, 0))
    assert heard[-1] == ("hovered", Spot("named", 0, (2.5, 3.5)))


def test_a_click_takes_and_a_drag_goes_between(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    start, end = surface.position_of(PLACES[0]), surface.position_of(PLACES[3])
    mouse.click(surface, start + QPointF(2, 2))
    assert heard[-1] == ("chosen", Spot("picture", 0, (0.0, 0.0)))
    heard.clear()
    mouse.drag(surface, start, end)
    kinds = [kind for kind, _ in heard]
    assert kinds[1:] == ["dragged"] * 8 + ["dropped"], "and no click"
    np.testing.assert_allclose(heard[4][1].place, (5, 2.5), atol=0.05)
    np.testing.assert_allclose(heard[-1][1].place, (10, 5), atol=0.05)


def test_escape_ends_a_drag(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    start = surface.position_of(PLACES[0])
    mouse.press(surface, start)
    mouse.move(surface, start + QPointF(40, 0), mouse.left)
    assert surface.is_dragging
    QTest.keyClick(surface, Qt.Key.Key_Escape)
    mouse.release(surface, start + QPointF(60, 0))
    assert not surface.is_dragging
    assert heard[-1] == ("gave_up", None)
    assert not [kind for kind, _ in heard if kind in ("dropped", "chosen")]


def test_wheel_and_right_button_move_the_view(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    at = QPointF(120, 90)
    place = surface.view.to_map(120, 90)
    mouse.turn_wheel(surface, at, 3)
    assert surface.view.zoom > 1.5
    np.testing.assert_allclose(surface.view.to_map(120, 90), place, atol=1e-6)
    mouse.drag(surface, at, at + QPointF(50, 20), mouse.right)
    np.testing.assert_allclose(surface.view.to_map(170, 110), place, atol=1e-6)
    assert not [kind for kind, _ in heard if kind in ("dropped", "chosen", "dragged")]
    QTest.keyClick(surface, Qt.Key.Key_0)
    assert surface.view == MapView.of_all(PLACES, 420, 300)


def test_keys_go_from_point_to_point_and_take_one(surface: AtlasMap, heard: list[Any], mouse: Any) -> None:
    mouse.move(surface, surface.position_of(PLACES[0]))
    QTest.keyClick(surface, Qt.Key.Key_Up)
    assert heard[-1][1].number == 2
    QTest.keyClick(surface, Qt.Key.Key_Right)
    QTest.keyClick(surface, Qt.Key.Key_Right)
    assert heard[-1][1].number == 3
    QTest.keyClick(surface, Qt.Key.Key_Right)
    assert heard[-1][1].number == 3, "there is none beyond"
    QTest.keyClick(surface, Qt.Key.Key_Return)
    assert heard[-1] == ("chosen", Spot("picture", 3, (10.0, 5.0)))
    before = surface.view.zoom
    QTest.keyClick(surface, Qt.Key.Key_Plus)
    assert surface.view.zoom > before


def test_an_entry_of_the_legend_shows_its_points_alone(surface: AtlasMap, qtbot: Any, mouse: Any) -> None:
    legend = AtlasLegend()
    qtbot.addWidget(legend)
    legend.resize(300, 10)
    legend.show_key(KEY)
    legend.lit.connect(surface.light_up)
    assert [button.text() for button in legend.buttons] == ["a (2)", "b (2)", "not graded (1)"]
    QTest.mouseClick(legend.buttons[1], mouse.left)
    assert painted(surface, ramp(0.0)) == 0
    assert painted(surface, ramp(1.0)) > 20
    QTest.mouseClick(legend.buttons[1], mouse.left)
    assert painted(surface, ramp(0.0)) > 20


def test_the_legend_breaks_into_rows_that_fit(qtbot: Any) -> None:
    legend = AtlasLegend()
    qtbot.addWidget(legend)
    legend.resize(1000, 10)
    legend.show_key(KEY)
    wide = legend.height()
    legend.resize(90, 10)
    legend.show_key(KEY)
    assert legend.height() > 2 * wide
    for button in legend.buttons:
        assert button.geometry().right() < 90


def test_a_map_that_shows_all_does_so_in_any_size(surface: AtlasMap) -> None:
    surface.show()
    surface.resize(640, 500)
    assert surface.view == MapView.of_all(PLACES, 640, 500)


def test_two_widgets_stand_side_by_side_where_there_is_room(qtbot: Any) -> None:
    first, second = QLabel("map"), QLabel("card")
    both = Turning(first, second)
    qtbot.addWidget(both)
    both.resize(900, 500)
    both.show()
    qtbot.waitUntil(lambda: second.x() >= first.geometry().right(), timeout=10_000)
    assert first.width() > second.width()
    both.resize(340, 800)
    qtbot.waitUntil(lambda: second.y() >= first.geometry().bottom(), timeout=10_000)
    assert second.width() == both.width()
