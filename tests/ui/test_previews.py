"""Previews while a look changes all the time: exact if that is quick, foretold if not, never for good."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.previews import Previews
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.scene import Scene
from napari_histosynth.ui.sketches import View

SIDE = 256
SPEED = 1e6
ALWAYS, NEVER = 1e9, 0.0  # s that a preview may take to be exact


class _Engine:
    """Draws each class in one color: class 0 white, class 1 in a color of its own."""

    def __init__(self, labels: Any, color: tuple[int, int, int]) -> None:
        self.labels, self.color, self.drawn = labels, np.array(color, np.uint8), []

    def render(self, window: Window | None = None, *, cancel: Any = None) -> Any:
        window = Window.of_shape(self.labels.shape) if window is None else window
        if cancel is not None and cancel():
            raise Cancelled("stop")
        self.drawn.append(window)
        return np.where(self.labels[window.slices][..., None] == 1, self.color, np.uint8(255))

    def change_sketcher(self) -> Any:
        from napari_histosynth.paint.sketch import Sketcher

        return Sketcher(self.labels, np.arange(256, dtype=np.uint8), 2, self.render)


@pytest.fixture
def labels() -> Any:
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:, SIDE // 2 + 40 :] = 1
    return labels


@pytest.fixture
def before(labels: Any) -> tuple[Previews, Pyramid]:
    """Return a picture whose class 1 is gray, and what foretells others in it."""
    engine = _Engine(labels, (100, 100, 100))
    pyramid = Pyramid((SIDE, SIDE))
    pyramid.write(Window(0, SIDE, 0, SIDE), engine.render())
    return Previews(pyramid, engine, NEVER), pyramid


def never() -> bool:
    return False


def test_what_is_quick_is_drawn_properly(labels: Any) -> None:
    pyramid, engine = Pyramid((SIDE, SIDE)), _Engine(labels, (200, 50, 80))
    shown = Previews(pyramid, engine, ALWAYS).show(engine, None, SPEED, never)
    assert shown is not None
    assert shown.exact
    np.testing.assert_array_equal(pyramid.levels[0], engine.render())


def test_what_takes_long_is_foretold_from_one_place(labels: Any, before: tuple[Previews, Pyramid]) -> None:
    previews, pyramid = before
    for color in ((200, 50, 80), (20, 120, 90)):
        engine = _Engine(labels, color)
        shown = previews.show(engine, None, SPEED, never)
        assert shown is not None
        assert not shown.exact
        assert sum(window.area for window in engine.drawn) <= 128 * 128
        whole = engine.render()
        inside = (slice(None), slice(SIDE // 2 + 48, None))  # at the edge, colors are mixed
        np.testing.assert_allclose(pyramid.levels[0][inside].astype(int), whole[inside], atol=4)
        np.testing.assert_allclose(pyramid.levels[0][:, :100].astype(int), 255, atol=4)


def test_texture_of_the_picture_before_stays_however_many_previews_there_were(labels: Any) -> None:
    engine = _Engine(labels, (100, 100, 100))
    pyramid = Pyramid((SIDE, SIDE))
    grain = np.random.default_rng(0).integers(-30, 30, (SIDE, SIDE, 3))
    pyramid.levels[0][...] = np.clip(128 + grain, 0, 255).astype(np.uint8)
    base = pyramid.levels[0].copy()
    previews = Previews(pyramid, engine, NEVER)
    for level in (40, 160, 100):
        previews.show(_Engine(labels, (level,) * 3), None, SPEED, never)
    np.testing.assert_allclose(pyramid.levels[0].astype(int), base, atol=1)


def test_a_machine_that_turns_out_slow_gets_foretold_previews(labels: Any) -> None:
    class Slow(_Engine):
        def render(self, window: Window | None = None, *, cancel: Any = None) -> Any:
            time.sleep(0.05)
            return super().render(window, cancel=cancel)

    engine = Slow(labels, (200, 50, 80))
    previews = Previews(Pyramid((SIDE, SIDE)), engine, 0.01)
    kinds = []
    for _ in range(3):
        shown = previews.show(engine, None, 1e9, never)
        assert shown is not None
        kinds.append(shown.exact)
    assert kinds[0]
    assert shown.speed < 1e9
    previews = Previews(Pyramid((SIDE, SIDE)), engine, 0.01)
    shown = previews.show(engine, None, SIDE * SIDE / 0.05, never)
    assert shown is not None
    assert not shown.exact


def test_what_comes_into_sight_is_previewed_from_the_picture_before(
    labels: Any, before: tuple[Previews, Pyramid]
) -> None:
    previews, pyramid = before
    for x in (0, 100):
        view = View(Window(0, SIDE, x, x + 150))
        previews.show(_Engine(labels, (200, 50, 80)), view, SPEED, never)
    drawn = pyramid.levels[0][:, 180:240].astype(int)
    np.testing.assert_allclose(drawn, np.broadcast_to((200, 50, 80), drawn.shape), atol=4)


def test_a_preview_stops_when_it_is_not_wanted(labels: Any, before: tuple[Previews, Pyramid]) -> None:
    previews, _ = before
    with pytest.raises(Cancelled):
        previews.show(_Engine(labels, (1, 2, 3)), None, SPEED, lambda: True)


def test_after_previews_everything_is_to_be_drawn(labels: Any) -> None:
    from napari_histosynth.core.tissue import get_scheme

    scene = Scene.started(1, labels, get_scheme("colon-2"), lambda found: _Engine(found, (9, 9, 9)), None)
    scene.draw(Window(0, SIDE, 0, SIDE), never)
    assert not scene.waiting
    scene.preview(lambda found: _Engine(found, (90, 9, 9)), None, never)
    assert not scene.waiting, "nothing but the next preview is drawn"
    scene.end_previews()
    assert scene.left == (SIDE // 16) ** 2
    scene.preview(lambda found: _Engine(found, (90, 9, 9)), None, never)
    scene.remake(lambda found: _Engine(found, (9, 90, 9)))
    assert scene.left == (SIDE // 16) ** 2
    assert scene.previews is None


@pytest.mark.parametrize("level", [0, 1, 2])
def test_on_a_large_canvas_the_level_that_is_shown_is_previewed(level: int) -> None:
    side = 2320  # more than one level, and no power of 2
    labels = np.zeros((side, side), np.uint8)
    labels[:, side // 2 :] = 1
    engine = _Engine(labels, (100, 100, 100))
    pyramid = Pyramid((side, side))
    pyramid.write(Window(0, side, 0, side), engine.render())
    view = View(Window(37, side, 700, side - 5), level)
    after = _Engine(labels, (200, 50, 80))
    shown = Previews(pyramid, engine, NEVER).show(after, view, SPEED, never)
    assert shown is not None
    assert shown.window.intersect(view.window) == view.window
    for number in range(level, len(pyramid.levels)):
        place = pyramid.levels[number][side // 2 // 2**number, int(side * 0.7) // 2**number]
        np.testing.assert_allclose(place.astype(int), (200, 50, 80), atol=4)
