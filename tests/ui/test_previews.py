"""Previews while a look changes all the time: exact if that is quick, mixed if not, never for good."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.previews import Ingredient, Previews
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


@pytest.fixture
def labels() -> Any:
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:, SIDE // 2 + 40 :] = 1
    return labels


def never() -> bool:
    return False


def blend(*parts: tuple[float, Any]) -> list[Ingredient]:
    """Return ingredients of engines; each is its own key."""
    return [Ingredient(weight, id(engine), lambda _, engine=engine: engine) for weight, engine in parts]


def test_what_is_quick_is_drawn_properly(labels: Any) -> None:
    pyramid, engine = Pyramid((SIDE, SIDE)), _Engine(labels, (200, 50, 80))
    shown = Previews(pyramid, labels, ALWAYS).show(engine, [], None, SPEED, never)
    assert shown is not None
    assert shown.exact
    np.testing.assert_array_equal(pyramid.levels[0], engine.render())


def test_what_takes_long_is_mixed_of_looks_that_are_drawn_once(labels: Any) -> None:
    pyramid = Pyramid((SIDE, SIDE))
    previews = Previews(pyramid, labels, NEVER)
    one, other, exact = (_Engine(labels, color) for color in ((0, 0, 0), (200, 100, 40), (1, 2, 3)))
    for share in (0.25, 0.5, 0.75, 0.5):
        shown = previews.show(exact, blend((1 - share, one), (share, other)), None, SPEED, never)
        assert shown is not None
        assert not shown.exact
    shown_color = pyramid.levels[0][labels == 1]
    np.testing.assert_allclose(shown_color, np.broadcast_to((100, 50, 20), shown_color.shape), atol=1)
    assert (pyramid.levels[0][labels == 0] == 255).all()
    assert exact.drawn == []
    for engine in (one, other):
        assert sum(window.area for window in engine.drawn) == SIDE * SIDE


def test_the_middle_comes_first_and_a_slow_machine_fills_in_piece_by_piece(labels: Any) -> None:
    class Slow(_Engine):
        def render(self, window: Window | None = None, *, cancel: Any = None) -> Any:
            time.sleep(0.2)
            return super().render(window, cancel=cancel)

    pyramid = Pyramid((SIDE, SIDE))
    view = View(Window(0, 150, 0, 150))
    previews = Previews(pyramid, labels, NEVER)
    engine = Slow(labels, (200, 50, 80))
    areas = []
    for _ in range(6):
        shown = previews.show(engine, blend((1.0, engine)), view, 1e4, never)
        assert shown is not None
        areas.append(shown.window.area)
    assert engine.drawn[0] == Window(0, 128, 0, 128), "most of what is in sight"
    assert areas[0] == 128 * 128
    assert areas == sorted(areas)
    assert areas[-1] == SIDE * SIDE
    assert len(engine.drawn) == 4


def test_a_look_without_others_to_mix_shows_its_middle_anew_each_time(labels: Any) -> None:
    pyramid = Pyramid((SIDE, SIDE))
    previews = Previews(pyramid, labels, NEVER)
    for color in ((200, 50, 80), (20, 120, 90)):
        assert previews.show(_Engine(labels, color), [], None, SPEED, never) is not None
        shown = pyramid.levels[0][labels == 1]
        np.testing.assert_array_equal(shown, np.broadcast_to(color, shown.shape))


def test_a_preview_stops_when_it_is_not_wanted(labels: Any) -> None:
    engine = _Engine(labels, (1, 2, 3))
    with pytest.raises(Cancelled):
        Previews(Pyramid((SIDE, SIDE)), labels, NEVER).show(
            engine, blend((1.0, engine)), None, SPEED, lambda: True
        )


def test_after_previews_everything_is_to_be_drawn_and_what_was_drawn_is_known(labels: Any) -> None:
    from napari_histosynth.core.tissue import get_scheme

    scene = Scene.started(1, labels, get_scheme("colon-2"), lambda found: _Engine(found, (9, 9, 9)), None)
    scene.draw(Window(0, SIDE, 0, SIDE), never)
    assert not scene.waiting
    scene.preview(lambda found: _Engine(found, (90, 9, 9)), [], None, never)
    assert not scene.waiting, "nothing but the next preview is drawn"
    scene.end_previews()
    assert scene.left == (SIDE // 16) ** 2
    scene.preview(lambda found: _Engine(found, (90, 9, 9)), [], None, never)
    known = scene.previews
    scene.remake(lambda found: _Engine(found, (9, 90, 9)))
    assert scene.left == (SIDE // 16) ** 2
    assert not scene.previewing
    assert scene.previews is known
    scene.mark(Window(0, 16, 0, 16), Window(0, 1, 0, 1), None)
    assert scene.previews is None, "other labels are drawn otherwise"


@pytest.mark.parametrize("level", [0, 1, 2])
def test_on_a_large_canvas_the_level_that_is_shown_is_previewed(level: int) -> None:
    side = 2320  # more than one level, and no power of 2
    labels = np.zeros((side, side), np.uint8)
    labels[:, side // 2 :] = 1
    pyramid = Pyramid((side, side))
    view = View(Window(37, side, 700, side - 5), level)
    engine = _Engine(labels, (200, 50, 80))
    previews = Previews(pyramid, labels, NEVER)
    for _ in range(400):
        shown = previews.show(engine, blend((0.5, engine), (0.5, engine)), view, 1e8, never)
        assert shown is not None
        if shown.window.intersect(view.window) == view.window:
            break
    assert shown.window.intersect(view.window) == view.window
    for number in range(level, len(pyramid.levels)):
        place = pyramid.levels[number][side // 2 // 2**number, int(side * 0.7) // 2**number]
        np.testing.assert_allclose(place, (200, 50, 80), atol=1)
