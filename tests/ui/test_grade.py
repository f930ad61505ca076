"""The dock "Slide between grades", dragged and clicked as one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.latent.anchors import Anchor, Anchors
from napari_histosynth.latent.known import keep_anchor
from napari_histosynth.paint.canvas import Canvas

STYLES = {"healthy": [0, 0, 0, 1], "moderate": [2, 0, 0, 1], "poor": [4, 2, 0, 1], "mucin": [0, 4, 0, 1]}
GRADES = {"healthy": 0.0, "moderate": 0.6, "poor": 1.0, "mucin": None}


@pytest.fixture
def places(model: Any) -> None:
    """Keep four named places for the tiny model."""
    for name, style in STYLES.items():
        keep_anchor(model, Anchor(name, np.array(style, np.float32), grade=GRADES[name]))


@pytest.fixture
def dock(places: None, painted: Any, viewer: Any) -> Iterator[Any]:
    """Return the dock beside a drawn canvas."""
    from napari_histosynth.ui.grade import GradeDock

    dock = GradeDock(viewer)
    viewer.window.add_dock_widget(dock, name="Slide between grades", area="left")
    dock.resize(340, 900)
    yield dock
    dock.shut_down()


@pytest.fixture
def way(dock: Any) -> Any:
    """Return the section with the slider, large enough to be dragged."""
    panel = dock.panels["Grade"]
    panel.slider.resize(300, panel.slider.height())
    return panel


def mouse(widget: Any, points: list[Any], release: bool = True) -> None:
    """Press the mouse at the first point, drag it through the others, and let it go."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = [QEvent.Type.MouseButtonPress] + [QEvent.Type.MouseMove] * (len(points) - 1)
    sent = list(zip(kinds, points, strict=True))
    if release:
        sent.append((QEvent.Type.MouseButtonRelease, points[-1]))
    for kind, at in sent:
        button = none if kind == QEvent.Type.MouseMove else left
        held = none if kind == QEvent.Type.MouseButtonRelease else left
        event = QMouseEvent(
            kind, QPointF(at), widget.mapToGlobal(QPointF(at)), button, held, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(widget, event)


def assert_drawn(dock: Any, latent: Any) -> None:
    """Check that the picture is that of the labels in a latent."""
    painter = dock.desk.painter
    canvas = Canvas(painter.model, np.array(painter.stage.labels.data), latent=latent, seed=0)
    assert int(np.abs(painter.stage.pixels.astype(int) - canvas.render()).max()) <= 1


def test_the_slider_is_dragged_with_the_mouse(dock: Any, way: Any, settle: Callable[[], None]) -> None:
    slider = way.slider
    mouse(slider, [slider.place_of(t) for t in (0.0, 0.3, 0.6)], release=False)
    assert not dock.desk.painter.looks.can_go_back, "the mouse is still down"
    mouse(slider, [slider.place_of(t) for t in (0.6, 1.0)])
    settle()
    assert dock.desk.share == 1
    assert_drawn(dock, STYLES["poor"])
    dock.desk.painter.look_back()
    assert not dock.desk.painter.looks.can_go_back
    assert "look of its own" in way.caption.text()


def test_the_slider_goes_beyond_its_ends_and_no_further(dock: Any, way: Any) -> None:
    slider = way.slider
    for start, end, share in ((0.5, 5.0, 1.25), (0.5, -5.0, -0.25)):
        mouse(slider, [slider.place_of(start), slider.place_of(end)])
        assert dock.desk.share == share
        assert way.number.value() == 100 * share


def test_keys_move_the_slider_and_the_picture_follows_once_they_rest(
    dock: Any, way: Any, settle: Any, wait: Any, qtbot: Any
) -> None:
    from qtpy.QtCore import Qt

    for key, share in (
        (Qt.Key.Key_End, 1),
        (Qt.Key.Key_PageDown, 0.9),
        (Qt.Key.Key_Right, 0.91),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Left, -0.01),
        (Qt.Key.Key_PageUp, 0.09),
    ):
        qtbot.keyClick(way.slider, key)
        assert dock.desk.share == pytest.approx(share)
    wait(lambda: dock.desk.is_on_canvas)
    settle()
    assert_drawn(dock, dock.desk.latent(0.09))
    dock.desk.painter.look_back()
    assert not dock.desk.painter.looks.can_go_back, "all keys together were one step"


def test_a_typed_number_is_gone_to(dock: Any, way: Any, settle: Any) -> None:
    way.number.setValue(25)
    settle()
    assert_drawn(dock, [1, 0.5, 0, 1])
    assert way.slider.value() == 250
    assert way.caption.text() == "Shown: 25% from healthy to poor"


def test_ends_are_chosen_and_swapped(dock: Any, way: Any, settle: Any) -> None:
    assert [way.first.itemText(index) for index in range(way.first.count())] == list(STYLES)
    assert (way.first.currentText(), way.second.currentText()) == ("healthy", "poor")
    way.number.setValue(25)
    way.second.setCurrentText("mucin")
    way.second.activated.emit(way.second.currentIndex())
    settle()
    assert_drawn(dock, [0, 1, 0, 1])
    way.swap.click()
    settle()
    assert (way.first.currentText(), way.second.currentText()) == ("mucin", "healthy")
    assert dock.desk.share == 0.75
    assert_drawn(dock, [0, 1, 0, 1])


def test_playing_goes_on_until_it_is_paused(dock: Any, way: Any, wait: Any, settle: Any, qtbot: Any) -> None:
    shares: list[float] = []
    dock.desk.moved.connect(lambda: shares.append(dock.desk.share))
    way.play.click()
    wait(lambda: len(set(shares)) > 5)
    assert not dock.desk.painter.looks.can_go_back
    way.play.click()
    settle()
    assert_drawn(dock, dock.desk.latent())
    assert 0 <= min(shares) < max(shares) <= 1
    at = dock.desk.share
    qtbot.wait(100)
    assert dock.desk.share == at


def test_the_step_is_applied_to_the_present_look(dock: Any, way: Any, settle: Any) -> None:
    model, look = dock.desk.painter.model, dock.desk.painter.looks.present
    own = look.latent(model)
    way.start.setCurrentIndex(1)
    way.start.activated.emit(1)
    way.number.setValue(50)
    settle()
    np.testing.assert_allclose(dock.desk.latent(), np.add(own, [2, 1, 0, 0]), atol=1e-5)
    assert_drawn(dock, dock.desk.latent())
    assert way.start.currentText() == "look 0"
    assert not way.line.isEnabled(), "a step has no circle"
    way.start.setCurrentIndex(0)
    way.start.activated.emit(0)
    settle()
    assert_drawn(dock, [2, 1, 0, 1])


def test_the_pad_mixes_three_places(dock: Any, settle: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    mix = dock.panels["Between three or four places"]
    mix.pad.resize(260, 170)
    assert mix.names == ["healthy", "moderate", "poor"]
    mouse(mix.pad, [mix.pad.place_of([0.2, 0.4, 0.4]), mix.pad.place_of([0.5, 0.25, 0.25])])
    settle()
    np.testing.assert_allclose(mix.pad.weights, [0.5, 0.25, 0.25], atol=0.02)
    assert_drawn(dock, dock.desk.latent())
    before = mix.pad.weights.copy()
    qtbot.keyClick(mix.pad, Qt.Key.Key_Down)
    assert mix.pad.weights[0] == pytest.approx(before[0] - 0.02)


def test_a_fourth_place_makes_the_pad_a_square(dock: Any, settle: Any) -> None:
    mix = dock.panels["Between three or four places"]
    mix.pad.resize(260, 170)
    mix.corners[3].setCurrentText("mucin")
    mix.corners[3].activated.emit(4)
    mouse(mix.pad, [mix.pad.place_of([0, 0, 0, 1])])
    settle()
    assert_drawn(dock, STYLES["mucin"])


def test_only_epithelium_changes(dock: Any, way: Any, settle: Any) -> None:
    strength = dock.panels["Strength by class"]
    way.number.setValue(100)
    settle()
    assert_drawn(dock, STYLES["poor"])
    strength.epithelium.click()
    settle()
    assert strength.sliders[1].value() == 0
    assert strength.sliders[2].value() == 100
    assert_drawn(dock, STYLES["healthy"])  # all of the canvas is stroma
    strength.sliders[1].setValue(100)
    settle()
    assert_drawn(dock, STYLES["poor"])
    strength.all.click()
    assert dock.desk.strengths == {}


def test_a_place_is_kept_and_offered(dock: Any, way: Any, said: list[tuple[str, str]]) -> None:
    way.number.setValue(50)
    dock.panels["Named places"].keep_as("halfway")
    assert way.first.findText("halfway") >= 0
    way.second.setCurrentText("halfway")
    way.second.activated.emit(way.second.currentIndex())
    np.testing.assert_allclose(dock.desk.latent(1), [2, 1, 0, 1])


def test_files_of_places_are_saved_opened_and_refused(
    dock: Any, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    names = dock.panels["Named places"]
    names.save_file(tmp_path / "places.json")
    names.open_file(tmp_path / "places.json")
    Anchors("other", "f" * 64, tuple(dock.desk.anchors)).write(tmp_path / "others.json")
    names.open_file(tmp_path / "others.json")
    kinds = [kind for kind, _ in said]
    assert kinds == ["info", "info", "error"]
    assert "belong to 'other'" in said[-1][1]


def test_a_model_without_a_stain_apart_says_so(dock: Any) -> None:
    stain = dock.panels["Stain"]
    assert not stain.fresh.isEnabled()
    assert stain.note.text() == "tiny has no stain apart: it is a part of the look."


def test_without_places_the_dock_says_what_to_do(painted: Any, viewer: Any) -> None:
    from napari_histosynth.ui.grade import GradeDock

    dock = GradeDock(viewer)
    assert "tiny has no named places; a way needs two" in dock.hint.text()
    assert not dock.panels["Grade"].slider.isEnabled()
    assert dock.panels["Named places"].keep.isEnabled()
    dock.panels["Named places"].keep_as("mine")
    assert "one named place" in dock.hint.text()
    dock.shut_down()


def test_without_a_painter_the_dock_offers_one_and_takes_it_up(
    viewer: Any, open_dock: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.ui.grade import GradeDock

    dock = GradeDock(viewer)
    assert "Nothing paints here yet" in dock.hint.text()
    assert dock.desk is None
    monkeypatch.setattr(dock, "dock_painter", lambda: None)
    paint = open_dock()
    assert dock.desk is not None
    assert dock.desk.painter is paint.painter
    paint.shut_down()
    assert dock.desk is None
    assert not dock.open_painter.isHidden()
    dock.shut_down()
    dock.shut_down()


def test_the_dock_is_offered_in_the_menu() -> None:
    from npe2 import PluginManifest

    import napari_histosynth

    manifest = PluginManifest.from_file(Path(napari_histosynth.__file__).with_name("napari.yaml"))
    widgets = {widget.display_name: widget.command for widget in manifest.contributions.widgets or ()}
    commands = {command.id: command.python_name for command in manifest.contributions.commands or ()}
    assert commands[widgets["Slide between grades"]] == "napari_histosynth.ui.grade:GradeDock"
