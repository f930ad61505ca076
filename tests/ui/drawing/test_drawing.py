"""What the drawing thread draws, in which order: canvases, edits, looks, amendments, sketches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.reports import Begun, Failed, Idle, Patch
from napari_histosynth.ui.sketches import View

SCHEME = get_scheme("colon-3")


def test_nothing_runs_before_the_first_order(studio: Any) -> None:
    assert not studio.thread.is_alive


def test_a_new_canvas_is_drawn_whole(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert studio.of(Patch)[-1].done == 1.0
    assert all(report.scene == 1 for report in studio.reports)


def test_an_edit_is_drawn_where_it_reaches_and_nowhere_else(studio: Any) -> None:
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()
    studio.labels[30:33, 30:33] = 2
    studio.thread.edited(Window(30, 33, 30, 33))
    studio.until(Idle, 2)
    assert engine.drawn == [Window(16, 48, 16, 48)]  # 22 to 41, in cells of 16
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert studio.of(Patch)[-1].since is not None


def test_an_edit_that_changes_nothing_draws_nothing(studio: Any) -> None:
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()
    studio.thread.edited(Window(0, 64, 0, 64))
    studio.until(Idle, 2)
    assert engine.drawn == []


def test_a_comparison_finds_what_was_edited_behind_the_back(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels[5, 60] = 3
    studio.thread.compare()
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_replaced_data_is_followed(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels = np.full((64, 64), 2, np.int32).astype(np.uint8)
    studio.thread.compare(studio.labels)
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_edits_that_come_while_drawing_are_united_and_the_newest_wins(studio: Any) -> None:
    engine = studio.begin(free=1)
    studio.until(Idle)
    engine.drawn.clear()
    studio.labels[8, 8] = 2
    studio.thread.edited(Window(8, 9, 8, 9))
    engine.wait_for_call(2)
    for value in (2, 3, 0):  # three more strokes on the same place, while the first is being drawn
        studio.labels[8:10, 8:12] = value
        studio.thread.edited(Window(8, 10, 8, 12))
    engine.allowed.release(100)
    studio.until(Idle, 2)
    assert len(engine.drawn) == 2, "the strokes in between are drawn together, or not at all"
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_an_edit_interrupts_the_drawing_of_a_whole_canvas(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((256, 256), tile=64)
    engine = studio.begin(free=1)
    studio.until(Patch)
    engine.wait_for_call(2)
    studio.labels[200, 20] = 2
    studio.thread.edited(Window(200, 201, 20, 21))
    engine.wait_until_cancelled()
    engine.allowed.release(1000)
    studio.until(Idle)
    assert len(engine.cancelled) == 1
    first_after = engine.drawn[1]
    assert not first_after.intersect(Window(192, 209, 12, 29)).is_empty
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_another_look_replaces_the_engine_and_draws_all(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)

    def shaded(labels: np.ndarray) -> Any:
        engine = studio.make(labels, shade=5)
        engine.allowed.release(100)
        return engine

    studio.thread.remake(shaded)
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected() + 5)


def test_holding_puts_off_and_resuming_draws_the_rest(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128), tile=64)
    engine = studio.begin(free=1)
    studio.until(Patch)
    studio.thread.hold()
    (idle,) = studio.until(Idle)
    assert idle.held == 128 * 128 - 64 * 64
    engine.allowed.release(100)
    studio.thread.resume()
    assert studio.until(Idle, 2)[-1].held == 0
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_who_says_go_on_at_once_after_stop_is_heard(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128), tile=64)
    engine = studio.begin(free=0)
    engine.wait_for_call(1)
    with studio.thread._wake:  # the thread sees both together
        studio.thread.hold()
        studio.thread.resume()
    engine.allowed.release(100)
    assert studio.until(Idle)[-1].held == 0


def test_a_new_canvas_drops_the_old_one(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128), tile=64)
    old = studio.begin(scene=1, free=0)
    old.wait_for_call(1)
    studio.labels[:] = 3
    studio.begin(scene=2)
    studio.until(Idle)
    assert old.drawn == []
    assert {report.scene for report in studio.of(Patch)} == {2}
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_closing_interrupts_and_ends_the_thread(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128))
    engine = studio.begin(free=0)
    engine.wait_for_call(1)
    studio.thread.close()
    assert not studio.thread.is_alive
    assert [t.name for t in threading.enumerate() if t.name == "histosynth-drawing"] == []
    studio.thread.edited(Window(0, 1, 0, 1))  # late orders do no harm
    assert not studio.thread.is_alive


def test_an_amendment_draws_what_it_names_and_nothing_else(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128))
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()

    def amend(told: Any) -> list[Window]:
        told.shade = 7
        return [Window(32, 48, 64, 96)]

    studio.thread.amend(amend)
    studio.until(Idle, 2)
    assert engine.drawn == [Window(32, 48, 64, 96)]


def test_an_amendment_that_fails_is_told_and_the_picture_stays(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)

    def amend(_: Any) -> list[Window]:
        raise ModelError("No such look.")

    studio.thread.amend(amend)
    (failed,) = studio.until(Failed)
    assert failed.sentence == "No such look."
    assert (studio.picture.levels[0] == studio.expected()).all()


def test_a_large_window_is_sketched_first_and_then_drawn(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128), tile=64, sketch_after=0.0)
    studio.shade = 99
    engine = studio.begin(free=0)
    engine.wait_for_call(1)
    assert [report.sketch for report in studio.of(Patch)] == [True]
    assert engine.sketched == [(Window(0, 128, 0, 128), 4)]
    assert (studio.picture.levels[0] == 99).all()
    engine.allowed.release(100)
    studio.until(Idle)
    assert len(engine.sketched) == 1
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_what_is_drawn_quickly_is_not_sketched(studio: Any) -> None:
    studio.shade = 99
    engine = studio.begin()
    studio.until(Idle)
    assert engine.sketched == []


def test_what_is_in_sight_is_drawn_first_from_the_mouse_outwards(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((256, 256), tile=64)
    studio.thread.look_at(View(Window(128, 256, 0, 256), pointer=(240.0, 10.0)))
    engine = studio.begin()
    studio.until(Idle)
    assert engine.drawn[0] == Window(192, 256, 0, 64)
    assert all(window.y0 >= 128 for window in engine.drawn[:8])


def test_a_canvas_is_drawn_over_the_picture_that_is_there(studio: Any) -> None:
    picture = Pyramid((64, 64))
    picture.levels[0][:] = 7
    studio.thread.begin(1, studio.labels, SCHEME, studio.make, picture)
    (begun,) = studio.until(Begun)
    assert begun.pyramid is picture
    assert (picture.levels[0] == 7).all()
    studio.engine.allowed.release(100)
    studio.until(Idle)
    np.testing.assert_array_equal(picture.levels[0], studio.expected())
