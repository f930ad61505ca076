"""The drawing thread, with an engine that the test holds in its hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ModelError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.drawing import DrawingThread
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.reports import Begun, Failed, Idle, Patch, Snapshot, Strays
from napari_histosynth.ui.sketches import View

SCHEME = get_scheme("colon-3")
REACH = 8
PATIENCE = 20.0


def eventually(ready: Callable[[], bool]) -> None:
    """Wait until something is true."""
    until = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.002)


class FakeEngine:
    """Paints 10 times the label, reaches 8 px, and draws only when it is allowed to."""

    def __init__(self, labels: np.ndarray, shade: int = 0) -> None:
        self.labels, self.shade = labels, shade
        self.drawn: list[Window] = []
        self.cancelled: list[Window] = []
        self.allowed = threading.Semaphore(0)
        self.calls = 0
        self.error: Exception | None = None
        self.sketched: list[tuple[Window, int]] = []
        self.sketch_shade: int | None = None

    def affected(self, window: Window) -> Window:
        return window.grow(REACH).clip(self.labels.shape)

    def render(self, window: Window | None = None, *, cancel: Callable[[], bool] | None = None) -> np.ndarray:
        assert window is not None
        assert cancel is not None
        self.calls += 1
        until = time.monotonic() + PATIENCE
        while not self.allowed.acquire(timeout=0.005):
            assert time.monotonic() < until, "the test never allowed this window"
            if cancel():
                self.cancelled.append(window)
                raise Cancelled("stopped")
        if self.error is not None:
            raise self.error
        self.drawn.append(window)
        pixels = self.labels[window.slices].astype(np.uint8) * 10 + self.shade
        return np.repeat(pixels[..., None], 3, axis=2)

    def sketch(
        self, window: Window, factor: int, *, cancel: Callable[[], bool] | None = None
    ) -> np.ndarray | None:
        self.sketched.append((window, factor))
        if self.sketch_shade is None:
            return None
        height, width = (-(-side // factor) for side in window.shape)
        return np.full((height, width, 3), self.sketch_shade, np.uint8)

    def provenance(self) -> Provenance:
        return Provenance(model="fake")

    def wait_for_call(self, number: int) -> None:
        eventually(lambda: self.calls >= number)


class Studio:
    """A drawing thread, its engine, and what it has reported."""

    def __init__(
        self, shape: tuple[int, int] = (64, 64), tile: int = 4096, sketch_after: float = 1e9
    ) -> None:
        self.shade: int | None = None
        self.reports: list[Any] = []
        self._arrived = threading.Condition()
        self.thread = DrawingThread(self._take, tile, sketch_after)
        self.labels = np.ones(shape, np.uint8)
        self.engine: FakeEngine = FakeEngine(self.labels)
        self.picture = Pyramid(shape)
        self.made = threading.Event()

    def _take(self, report: Any) -> None:
        with self._arrived:
            if isinstance(report, Begun):
                self.picture = report.pyramid
            self.reports.append(report)
            self._arrived.notify_all()

    def make(self, labels: np.ndarray) -> FakeEngine:
        self.engine = FakeEngine(labels)
        self.engine.sketch_shade = self.shade
        self.made.set()
        return self.engine

    def begin(self, scene: int = 1, free: int = 10_000) -> FakeEngine:
        self.made.clear()
        self.thread.begin(scene, self.labels, SCHEME, self.make)
        assert self.made.wait(PATIENCE)
        self.engine.allowed.release(free) if free else None
        return self.engine

    def until(self, kind: type, count: int = 1) -> list[Any]:
        """Wait until so many reports of a kind are in, and return them."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE)
        assert arrived, f"only {self.reports}"
        return self.of(kind)

    def of(self, kind: type) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]

    def expected(self) -> np.ndarray:
        return np.repeat((self.labels * 10)[..., None], 3, axis=2)


@pytest.fixture
def open_studio() -> Iterator[Callable[..., Studio]]:
    """Return a function that opens studios; all are closed in the end."""
    opened: list[Studio] = []

    def open_one(shape: tuple[int, int] = (64, 64), tile: int = 4096, sketch_after: float = 1e9) -> Studio:
        opened.append(Studio(shape, tile, sketch_after))
        return opened[-1]

    yield open_one
    for studio in opened:
        studio.thread.close()
        assert not studio.thread.is_alive


@pytest.fixture
def studio(open_studio: Callable[..., Studio]) -> Studio:
    return open_studio()


def test_nothing_runs_before_the_first_order(studio: Studio) -> None:
    assert not studio.thread.is_alive


def test_a_new_canvas_is_drawn_whole(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert studio.of(Patch)[-1].done == 1.0
    assert all(report.scene == 1 for report in studio.reports)


def test_an_edit_is_drawn_where_it_reaches_and_nowhere_else(studio: Studio) -> None:
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()
    studio.labels[30:33, 30:33] = 2
    studio.thread.edited(Window(30, 33, 30, 33))
    studio.until(Idle, 2)
    assert engine.drawn == [Window(16, 48, 16, 48)]  # 22 to 41, in cells of 16
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert studio.of(Patch)[-1].since is not None


def test_an_edit_that_changes_nothing_draws_nothing(studio: Studio) -> None:
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()
    studio.thread.edited(Window(0, 64, 0, 64))
    studio.until(Idle, 2)
    assert engine.drawn == []


def test_a_comparison_finds_what_was_edited_behind_the_back(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels[5, 60] = 3
    studio.thread.compare()
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_replaced_data_is_followed(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels = np.full((64, 64), 2, np.int32).astype(np.uint8)
    studio.thread.compare(studio.labels)
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_edits_that_come_while_drawing_are_united_and_the_newest_wins(studio: Studio) -> None:
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


def test_an_edit_interrupts_the_drawing_of_a_whole_canvas(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((256, 256), tile=64)
    engine = studio.begin(free=1)
    studio.until(Patch)
    engine.wait_for_call(2)
    studio.labels[200, 20] = 2
    studio.thread.edited(Window(200, 201, 20, 21))
    eventually(lambda: bool(engine.cancelled))
    engine.allowed.release(1000)
    studio.until(Idle)
    assert len(engine.cancelled) == 1
    first_after = engine.drawn[1]
    assert not first_after.intersect(Window(192, 209, 12, 29)).is_empty
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_another_look_replaces_the_engine_and_draws_all(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)

    def shaded(labels: np.ndarray) -> FakeEngine:
        engine = FakeEngine(labels, shade=5)
        engine.allowed.release(100)
        return engine

    studio.thread.remake(shaded)
    studio.until(Idle, 2)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected() + 5)


def test_holding_puts_off_and_resuming_draws_the_rest(open_studio: Callable[..., Studio]) -> None:
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


def test_who_says_go_on_at_once_after_stop_is_heard(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((128, 128), tile=64)
    engine = studio.begin(free=0)
    engine.wait_for_call(1)
    with studio.thread._wake:  # the thread sees both together
        studio.thread.hold()
        studio.thread.resume()
    engine.allowed.release(100)
    assert studio.until(Idle)[-1].held == 0


def test_an_error_is_one_sentence_and_the_next_edit_tries_again(studio: Studio) -> None:
    engine = studio.begin(free=1)
    studio.until(Idle)
    before = studio.picture.levels[0].copy()
    engine.error = ValueError("weights are bad\nsecond line")
    engine.allowed.release(1)
    studio.labels[8, 8] = 2
    studio.thread.edited(Window(8, 9, 8, 9))
    (failed,) = studio.until(Failed)
    assert "weights are bad" in failed.sentence
    assert "second line" not in failed.sentence
    assert studio.until(Idle, 2)[-1].held > 0
    np.testing.assert_array_equal(studio.picture.levels[0], before)
    engine.error = None
    engine.allowed.release(100)
    studio.labels[60, 60] = 2
    studio.thread.edited(Window(60, 61, 60, 61))
    assert studio.until(Idle, 3)[-1].held == 0
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_an_error_of_ours_is_told_word_for_word(studio: Studio) -> None:
    engine = studio.begin(free=0)
    engine.error = ModelError("The model is tired; give it a rest.")
    engine.allowed.release(1)
    (failed,) = studio.until(Failed)
    assert failed.sentence == "The model is tired; give it a rest."


def test_an_engine_that_cannot_be_built_is_told(studio: Studio) -> None:
    def refuse(labels: np.ndarray) -> FakeEngine:
        raise ModelError("No.")

    studio.thread.begin(7, studio.labels, SCHEME, refuse)
    (failed,) = studio.until(Failed)
    assert (failed.scene, failed.sentence) == (7, "No.")


def test_values_outside_the_scheme_are_reported_and_drawn_as_background(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels[0:4, 0:4] = 200
    studio.thread.edited(Window(0, 4, 0, 4))
    (strays,) = studio.until(Strays)
    studio.until(Idle, 2)
    assert strays.values == {200: 16}
    assert studio.picture.levels[0][0, 0, 0] == SCHEME.background * 10


def test_a_snapshot_comes_when_all_is_drawn_put_off_or_not(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((128, 128), tile=64)
    engine = studio.begin(free=1)
    studio.until(Patch)
    studio.thread.hold()
    studio.until(Idle)
    engine.allowed.release(100)
    studio.thread.ask_snapshot()
    (snapshot,) = studio.until(Snapshot)
    np.testing.assert_array_equal(snapshot.labels, studio.labels)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert snapshot.provenance.model == "fake"


def test_a_snapshot_does_not_come_of_a_canvas_that_fails(studio: Studio) -> None:
    engine = studio.begin(free=0)
    studio.thread.ask_snapshot()
    engine.error = ModelError("No.")
    engine.allowed.release(5)
    assert studio.until(Idle)[-1].held > 0
    assert studio.of(Snapshot) == []


def test_a_new_canvas_drops_the_old_one(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((128, 128), tile=64)
    old = studio.begin(scene=1, free=0)
    old.wait_for_call(1)
    studio.labels[:] = 3
    studio.begin(scene=2)
    studio.until(Idle)
    assert old.drawn == []
    assert {report.scene for report in studio.of(Patch)} == {2}
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_closing_interrupts_and_ends_the_thread(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((128, 128))
    engine = studio.begin(free=0)
    engine.wait_for_call(1)
    studio.thread.close()
    assert not studio.thread.is_alive
    assert [t.name for t in threading.enumerate() if t.name == "histosynth-drawing"] == []
    studio.thread.edited(Window(0, 1, 0, 1))  # late orders do no harm
    assert not studio.thread.is_alive


def test_an_amendment_draws_what_it_names_and_nothing_else(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((128, 128))
    engine = studio.begin()
    studio.until(Idle)
    engine.drawn.clear()

    def amend(told: FakeEngine) -> list[Window]:
        told.shade = 7
        return [Window(32, 48, 64, 96)]

    studio.thread.amend(amend)
    studio.until(Idle, 2)
    assert engine.drawn == [Window(32, 48, 64, 96)]


def test_an_amendment_that_fails_is_told_and_the_picture_stays(studio: Studio) -> None:
    studio.begin()
    studio.until(Idle)

    def amend(_: FakeEngine) -> list[Window]:
        raise ModelError("No such look.")

    studio.thread.amend(amend)
    (failed,) = studio.until(Failed)
    assert failed.sentence == "No such look."
    assert (studio.picture.levels[0] == studio.expected()).all()


def test_a_large_window_is_sketched_first_and_then_drawn(open_studio: Callable[..., Studio]) -> None:
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


def test_what_is_drawn_quickly_is_not_sketched(studio: Studio) -> None:
    studio.shade = 99
    engine = studio.begin()
    studio.until(Idle)
    assert engine.sketched == []


def test_what_is_in_sight_is_drawn_first_from_the_mouse_outwards(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio((256, 256), tile=64)
    studio.thread.look_at(View(Window(128, 256, 0, 256), pointer=(240.0, 10.0)))
    engine = studio.begin()
    studio.until(Idle)
    assert engine.drawn[0] == Window(192, 256, 0, 64)
    assert all(window.y0 >= 128 for window in engine.drawn[:8])


def test_a_canvas_is_drawn_over_the_picture_that_is_there(studio: Studio) -> None:
    picture = Pyramid((64, 64))
    picture.levels[0][:] = 7
    studio.thread.begin(1, studio.labels, SCHEME, studio.make, picture)
    (begun,) = studio.until(Begun)
    assert begun.pyramid is picture
    assert (picture.levels[0] == 7).all()
    studio.engine.allowed.release(100)
    studio.until(Idle)
    np.testing.assert_array_equal(picture.levels[0], studio.expected())
