"""The controller: whatever happens to the labels, the picture is what the engine draws of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.look import Look

Draw = Callable[[Any], np.ndarray]


@pytest.fixture
def painter(painted: Any) -> Any:
    return painted.painter


@pytest.fixture
def settle(painter: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn."""
    return lambda: wait(lambda: not painter.is_drawing)


def assert_same_picture(one: np.ndarray, other: np.ndarray) -> None:
    """Pixels may differ by one level of 255: sums are rounded differently in windows of different sizes."""
    assert one.shape == other.shape
    assert int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def test_a_new_canvas_is_drawn_whole(painter: Any, draw_whole: Draw) -> None:
    assert_same_picture(painter.stage.pixels, draw_whole(painter))
    assert painter.stage.pixels.std() > 1, "the tiny model draws something"


def test_the_layers_lie_labels_on_top_at_the_same_place(painter: Any) -> None:
    layers = painter.viewer.layers
    assert list(layers) == [painter.stage.picture, painter.stage.labels]
    assert layers.selection.active is painter.stage.labels
    np.testing.assert_array_equal(painter.stage.picture.scale, painter.stage.labels.scale)
    assert painter.stage.picture.scale[0] == pytest.approx(0.62)
    assert {str(unit) for unit in painter.stage.labels.units} == {"micrometer"}


def test_paint_changes_the_picture_no_farther_than_the_receptive_field(
    painter: Any, settle: Any, draw_whole: Draw
) -> None:
    before = painter.stage.pixels.copy()
    painter.stage.labels.paint((80, 90), 2)
    settle()
    rows, columns = np.nonzero(painter.stage.labels.data != 1)
    touched = Window(rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    near = touched.grow(painter.model.generator.receptive_field).clip(before.shape)
    changed = (painter.stage.pixels != before).any(axis=2)
    assert changed[touched.slices].any()
    outside = changed.copy()
    outside[near.slices] = False
    # cells of 16 px at the rim are drawn again, and may be rounded otherwise
    far = np.abs(painter.stage.pixels.astype(int) - before.astype(int)).max(axis=2)
    assert far[outside].max(initial=0) <= 1
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


@pytest.mark.parametrize("seed", range(3))
def test_after_any_edits_the_picture_is_that_of_a_full_drawing(
    painter: Any, settle: Any, draw_whole: Draw, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    labels = painter.stage.labels
    for _ in range(12):
        what = chance.choice(["paint", "paint", "undo", "redo", "fill", "polygon", "in place", "replace"])
        place = tuple(int(chance.integers(0, side)) for side in labels.data.shape)
        value = int(chance.integers(0, 4))
        if what == "paint":
            labels.brush_size = int(chance.integers(2, 40))
            labels.paint(place, value)
        elif what == "undo":
            labels.undo()
        elif what == "redo":
            labels.redo()
        elif what == "fill":
            labels.fill(place, value)
        elif what == "polygon":
            labels.paint_polygon(chance.integers(0, 150, (4, 2)).tolist(), value)
        elif what == "in place":
            labels.data[place[0] : place[0] + 20, place[1] : place[1] + 20] = value
            labels.refresh()
        else:
            labels.data = np.roll(labels.data, 11, axis=0)
        if chance.random() < 0.5:
            settle()
    settle()
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_undo_brings_the_picture_back(painter: Any, settle: Any) -> None:
    before = painter.stage.pixels.copy()
    painter.stage.labels.paint((40, 40), 2)
    settle()
    painted = painter.stage.pixels.copy()
    painter.stage.labels.undo()
    settle()
    assert_same_picture(painter.stage.pixels, before)
    painter.stage.labels.redo()
    settle()
    assert_same_picture(painter.stage.pixels, painted)


def test_new_data_of_another_size_is_followed(painter: Any, settle: Any, draw_whole: Draw) -> None:
    painter.stage.labels.data = np.full((100, 90), 2, np.uint8)
    settle()
    assert painter.stage.picture.data.shape == (100, 90, 3)
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_new_data_of_three_dimensions_is_refused_in_a_sentence(
    painter: Any, said: list[tuple[str, str]]
) -> None:
    before = painter.stage.pixels.copy()
    picture = painter.stage.picture
    painter.stage.labels.data = np.ones((3, 40, 40), np.uint8)
    assert [kind for kind, _ in said] == ["error"]
    assert "3 dimensions" in said[0][1]
    assert painter.stage is None
    np.testing.assert_array_equal(picture.data, before)


def test_a_value_outside_the_scheme_is_said_once_and_drawn_as_background(
    painter: Any, settle: Any, draw_whole: Draw, said: list[tuple[str, str]]
) -> None:
    for place in ((40, 40), (80, 80), (120, 120)):
        painter.stage.labels.paint(place, 9)
        settle()
    assert len(said) == 1
    kind, sentence = said[0]
    assert kind == "warning"
    assert "9" in sentence
    assert "background" in sentence
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_labels_of_other_integer_types_are_painted_on(
    painter: Any, settle: Any, draw_whole: Draw, viewer: Any
) -> None:
    layer = viewer.add_labels(np.ones((64, 64), np.int32))
    painter.paint_on(layer)
    settle()
    layer.paint((30, 30), 3)
    settle()
    assert layer.data.dtype == np.int32
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_a_new_look_draws_all_anew_and_back_returns(painter: Any, settle: Any, draw_whole: Draw) -> None:
    before = painter.stage.pixels.copy()
    painter.new_look()
    settle()
    assert (painter.stage.pixels != before).any()
    assert_same_picture(painter.stage.pixels, draw_whole(painter))
    painter.look_back()
    settle()
    assert_same_picture(painter.stage.pixels, before)


def test_seeds_can_be_chosen(painter: Any, settle: Any, draw_whole: Draw) -> None:
    painter.choose_look(Look(latent_seed=7, seed=8))
    settle()
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_a_locked_latent_survives_a_new_canvas(painter: Any, settle: Any) -> None:
    painter.looks.lock_latent = True
    painter.choose_look(Look(5, 6))
    painter.new_canvas(np.ones((64, 64), np.uint8))
    assert painter.looks.present == Look(5, 6)
    painter.looks.lock_latent = False
    painter.new_canvas(np.ones((64, 64), np.uint8))
    assert painter.looks.present.latent_seed != 5
    assert painter.looks.present.seed == 6
    settle()


def test_another_model_of_the_same_classes_draws_the_same_labels(
    painter: Any, settle: Any, wait: Any, draw_whole: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    labels = painter.stage.labels
    other = replace(painter.model, card=painter.model.card.model_copy(update={"name": "other"}))
    monkeypatch.setattr(painter, "_load", lambda _: other)
    painter.choose_model("other")
    wait(lambda: painter.model is other)
    settle()
    assert painter.stage.labels is labels
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_a_model_of_other_classes_gets_converted_labels_and_the_old_ones_stay(
    painter: Any, settle: Any, wait: Any, viewer: Any
) -> None:
    labels = painter.stage.labels
    labels.paint((40, 40), 3)
    settle()
    painter.choose_model("tiny-2")
    wait(lambda: painter.model.name == "tiny-2")
    settle()
    assert painter.stage.labels is not labels
    assert int(np.max(painter.stage.labels.data)) <= 2
    assert labels in viewer.layers
    assert not labels.visible
    assert 3 in labels.data


def test_a_model_that_cannot_be_loaded_is_one_sentence_and_the_old_one_stays(
    painter: Any, wait: Any, said: list[tuple[str, str]]
) -> None:
    painter.choose_model("no-such-model")
    wait(lambda: bool(said))
    assert said[0][0] == "error"
    assert "no-such-model" in said[0][1]
    assert painter.model.name == "tiny"


def test_a_model_that_fails_says_one_sentence_and_the_old_picture_stays(
    painter: Any, settle: Any, said: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, draw_whole: Draw
) -> None:
    from napari_histosynth.paint.canvas import Canvas

    before = painter.stage.pixels.copy()

    def fail(*_: Any, **__: Any) -> None:
        raise ModelError("The model gave up.")

    with monkeypatch.context() as patch:
        patch.setattr(Canvas, "render", fail)
        for place in ((40, 40), (60, 60), (80, 80)):
            painter.stage.labels.paint(place, 2)
            settle()
    assert said == [("error", "The model gave up.")]
    np.testing.assert_array_equal(painter.stage.pixels, before)
    painter.stage.labels.paint((100, 100), 2)  # well again: all that was missed is drawn too
    settle()
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_the_main_thread_is_free_while_the_model_draws(
    painter: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.paint.canvas import Canvas

    render, begun = Canvas.render, []

    def slow(canvas: Any, *args: Any, **options: Any) -> Any:
        begun.append(time.perf_counter())
        time.sleep(1.0)
        return render(canvas, *args, **options)

    monkeypatch.setattr(Canvas, "render", slow)
    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start(10)
    painter.stage.labels.paint((60, 60), 2)
    settle()
    timer.stop()
    during = [beat for beat in beats if begun[0] <= beat <= begun[0] + 1.0]
    assert len(during) >= 3, "the main thread waited for the model"  # a busy machine gives few turns


def test_stopping_puts_off_and_the_rest_can_be_drawn(
    painter: Any, settle: Any, wait: Any, draw_whole: Draw
) -> None:
    held: list[int] = []
    painter.held_changed.connect(held.append)
    painter.new_canvas(np.full((1500, 1500), 2, np.uint8))
    painter.stop_drawing()
    settle()
    assert held[-1] > 0
    painter.draw_rest()
    settle()
    assert held[-1] == 0
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_a_large_canvas_is_kept_in_levels_that_follow_edits(painter: Any, settle: Any) -> None:
    painter.new_canvas(np.ones((2100, 400), np.uint8))
    settle()
    assert painter.stage.picture.multiscale
    before = np.array(painter.stage.picture.data[-1])
    painter.stage.labels.brush_size = 60
    painter.stage.labels.paint((1000, 200), 2)
    settle()
    coarse = np.array(painter.stage.picture.data[-1])
    factor = 2 ** (len(painter.stage.picture.data) - 1)
    assert (coarse != before)[1000 // factor - 3 : 1000 // factor + 3].any()


def test_a_painted_canvas_is_hidden_when_another_comes(painter: Any, viewer: Any, settle: Any) -> None:
    before = painter.stage
    before.labels.paint((30, 30), 2)
    painter.new_canvas(np.ones((64, 64), np.uint8))
    settle()
    assert before.labels in viewer.layers
    assert not before.labels.visible
    assert not before.picture.visible
    assert painter.stage.labels.visible
    assert viewer.layers.selection.active is painter.stage.labels


def test_a_canvas_that_nobody_painted_on_gives_its_layers_to_the_next(
    painter: Any, viewer: Any, settle: Any, draw_whole: Draw
) -> None:
    before, moved = list(viewer.layers), []
    painter.stage.labels.contour = 3
    for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
        event.connect(lambda event: moved.append(event.value))
    labels = np.ones((96, 64), np.uint8)
    labels[20:50, 20:50] = 2
    painter.new_canvas(labels, "Next")
    settle()
    assert not moved, "napari takes long to add layers, and longer to remove them"
    assert list(viewer.layers) == before
    assert painter.stage.labels.data is labels
    assert (painter.stage.labels.name, painter.stage.labels.contour) == ("Next", 0)
    assert painter.stage.shape == (96, 64)
    assert_same_picture(painter.stage.pixels, draw_whole(painter))
    np.testing.assert_array_equal(painter.stage.picture.data, painter.stage.pixels)


def test_the_next_canvas_lies_on_top_of_what_came_meanwhile(painter: Any, viewer: Any, settle: Any) -> None:
    slide = viewer.add_image(np.zeros((50, 50, 3), np.uint8), scale=(0.62, 0.62), units=("um", "um"))
    painter.new_canvas(np.ones((64, 64), np.uint8))
    settle()
    assert list(viewer.layers) == [slide, painter.stage.picture, painter.stage.labels]


def test_the_next_canvas_has_layers_of_another_kind_where_it_is_large(
    painter: Any, viewer: Any, settle: Any, draw_whole: Draw
) -> None:
    painter.new_canvas(np.ones((2100, 100), np.uint8))
    settle()
    assert painter.stage.picture.multiscale
    assert list(viewer.layers) == [painter.stage.picture, painter.stage.labels]
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_each_layer_of_a_canvas_is_inserted_once_in_a_turn_of_its_own(
    painter: Any, viewer: Any, settle: Any
) -> None:
    viewer.layers.clear()
    happened: list[Any] = []
    viewer.layers.events.inserted.connect(lambda event: happened.append(type(event.value).__name__))
    beats = QTimer()
    beats.timeout.connect(lambda: happened.append("turn"))
    beats.start(0)
    painter.new_canvas(np.ones((64, 64), np.uint8))
    assert not happened
    settle()
    beats.stop()
    inserted = [what for what in happened if what != "turn"]
    assert inserted == ["Labels", "Image"]
    assert "turn" in happened[happened.index("Labels") : happened.index("Image")]


def test_canvases_in_quick_succession_leave_the_last_one(
    painter: Any, viewer: Any, settle: Any, draw_whole: Draw
) -> None:
    for side in (64, 80, 96):
        painter.stage.touched = True
        painter.new_canvas(np.ones((side, side), np.uint8))
    settle()
    assert [layer.visible for layer in viewer.layers].count(True) == 2
    assert painter.stage.labels.data.shape == (96, 96)
    assert viewer.layers[-1] is painter.stage.labels
    assert_same_picture(painter.stage.pixels, draw_whole(painter))


def test_layers_removed_while_a_canvas_is_put_up_stay_removed(painter: Any, viewer: Any, wait: Any) -> None:
    painter.stage.touched = True
    painter.new_canvas(np.ones((64, 64), np.uint8))
    wait(lambda: painter.stage.labels in viewer.layers)
    viewer.layers.clear()
    wait(lambda: not painter.turns.is_busy)
    assert painter.stage is None
    assert not viewer.layers


def test_undo_is_looked_for_by_the_drawing_thread_and_shown_with_one_thumbnail(
    painter: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.ui.shadow import Shadow

    labels = painter.stage.labels
    labels.fill((5, 5), 2)
    settle()
    threads: set[str] = set()
    update = Shadow.update

    def noted(shadow: Shadow, *arguments: Any) -> Any:
        threads.add(threading.current_thread().name)
        return update(shadow, *arguments)

    monkeypatch.setattr(Shadow, "update", noted)
    refreshed, thumbnails = [], []
    labels.events.set_data.connect(lambda: refreshed.append(1))
    painter.stage.picture.events.thumbnail.connect(lambda: thumbnails.append(1))
    labels.undo()
    settle()
    assert threads == {"histosynth-drawing"}
    assert len(refreshed) == 1, "napari's own refresh of the labels, and none of ours"
    assert len(thumbnails) == 1


@pytest.mark.parametrize("which", ["labels", "picture"])
def test_removing_a_layer_lets_go_of_the_canvas(
    painter: Any, viewer: Any, wait: Any, said: list[tuple[str, str]], which: str
) -> None:
    stage = painter.stage
    labels = stage.labels
    viewer.layers.remove(getattr(stage, which))
    wait(lambda: bool(said))
    assert painter.stage is None
    assert not painter.is_drawing
    assert "removed" in said[0][1]
    labels.paint((30, 30), 2)  # nobody listens any more
    assert not painter.is_drawing


def test_removing_both_layers_goes_without_words(
    painter: Any, viewer: Any, said: list[tuple[str, str]], qtbot: Any
) -> None:
    viewer.layers.clear()
    qtbot.wait(50)
    assert painter.stage is None
    assert said == []


def test_closing_stops_the_threads_and_leaves_the_layers(painter: Any, viewer: Any) -> None:
    labels, picture = painter.stage.labels, painter.stage.picture
    painter.close()
    painter.close()
    names = [thread.name for thread in threading.enumerate() if thread.is_alive()]
    assert "histosynth-drawing" not in names
    assert labels in viewer.layers
    assert picture in viewer.layers
    before = np.array(picture.data)
    labels.paint((30, 30), 2)
    labels.undo()
    labels.data = np.zeros((20, 20), np.uint8)
    np.testing.assert_array_equal(picture.data, before)


def test_layers_with_other_units_are_left_as_they_are(painter: Any, viewer: Any, settle: Any) -> None:
    viewer.layers.clear()
    viewer.add_image(np.zeros((50, 50)), name="in pixels")
    painter.new_canvas(np.ones((64, 64), np.uint8))  # a mixture would make napari warn, and warnings fail
    settle()
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"pixel"}
