"""A stack along a way: drawn where it is looked at, kept while there is room, the canvas's own pixels."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.latent.stack import LazyStack
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import PaintModel, load_model


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


@pytest.fixture
def made(model: PaintModel) -> Any:
    """Return a function that makes the canvas of a step, and counts."""
    labels = example_labels("crypts-cross", (96, 120), 0.5)

    def make(number: int) -> Canvas:
        make.calls.append(number)  # type: ignore[attr-defined]
        return Canvas(model, labels, latent=np.full(4, number, np.float32), seed=3)

    make.calls = []  # type: ignore[attr-defined]
    return make


WHOLE = Window(0, 96, 0, 120)


def test_nothing_is_drawn_before_it_is_looked_at(made: Any) -> None:
    stack = LazyStack(made, 5, WHOLE)
    assert (stack.shape, stack.dtype, stack.ndim, len(stack)) == ((5, 96, 120, 3), np.uint8, 4, 5)
    stack.dask()
    assert made.calls == []
    assert stack.kept(0) is None


def test_a_step_has_the_pixels_of_its_canvas_and_is_drawn_once(made: Any) -> None:
    stack = LazyStack(made, 5, WHOLE)
    picture = stack.picture(3)
    assert stack.picture(3) is picture
    assert made.calls == [3]
    np.testing.assert_array_equal(picture, made(3).render())
    assert not picture.flags.writeable


def test_a_part_of_a_canvas_has_the_pixels_that_are_there(made: Any) -> None:
    part = Window(10, 50, 20, 90)
    np.testing.assert_array_equal(LazyStack(made, 2, part).picture(1), made(1).render()[part.slices])


def test_what_was_looked_at_longest_ago_makes_room(made: Any) -> None:
    stack = LazyStack(made, 4, WHOLE, most_bytes=2 * 96 * 120 * 3)
    stack.picture(0)
    stack.picture(1)
    stack.kept(0)
    stack.picture(2)
    assert [stack.kept(number) is not None for number in range(4)] == [True, False, True, False]
    assert stack.kept_bytes == 2 * 96 * 120 * 3
    little = LazyStack(made, 2, WHOLE, most_bytes=1)
    little.picture(0)
    little.picture(1)
    assert little.kept(0) is None
    assert little.kept(1) is not None


def test_dask_draws_the_steps_that_are_computed(made: Any) -> None:
    stack = LazyStack(made, 4, WHOLE)
    lazy = stack.dask()
    assert lazy.shape == stack.shape
    assert lazy.chunksize == (1, 96, 120, 3)
    shown = np.asarray(lazy[2])
    assert stack.drawn == 1
    np.testing.assert_array_equal(shown, stack.picture(2))


def test_many_threads_draw_a_step_once(made: Any) -> None:
    stack = LazyStack(made, 3, WHOLE)
    threads = [threading.Thread(target=stack.picture, args=(number % 3,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made.calls) == [0, 1, 2]


def test_a_step_that_was_cancelled_is_not_kept(made: Any) -> None:
    stack = LazyStack(made, 3, WHOLE)
    with pytest.raises(Cancelled):
        stack.picture(1, cancel=lambda: True)
    assert stack.kept(1) is None
    assert stack.picture(1).shape == (96, 120, 3)


@pytest.mark.parametrize("part", [WHOLE, Window(13, 77, 21, 99)])
def test_a_sketch_covers_the_part(made: Any, part: Window) -> None:
    stack = LazyStack(made, 2, part)
    sketch = stack.sketch(0, 8)
    assert sketch is not None
    assert sketch.shape[0] * 8 >= part.height
    assert sketch.shape[1] * 8 >= part.width
    assert np.abs(sketch.mean((0, 1)) - stack.picture(0).mean((0, 1))).max() < 12


def test_what_is_no_step_is_one_sentence(made: Any) -> None:
    with pytest.raises(ModelError, match="3 steps has no step 3"):
        LazyStack(made, 3, WHOLE).picture(3)
    with pytest.raises(ModelError, match="needs a step"):
        LazyStack(made, 0, WHOLE)
