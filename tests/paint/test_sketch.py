"""The coarse picture: fitted to a few places that are drawn, and not far from what drawing all gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.model import load_model
from napari_histosynth.paint.sketch import Sketcher

KNOWN = np.arange(256, dtype=np.uint8)
COLORS = np.array([[250, 240, 250], [220, 150, 200], [150, 80, 160], [70, 30, 110]], np.uint8)


class Colored:
    """Draws each class in one color, and notes what it was asked for."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.drawn: list[Window] = []

    def __call__(self, window: Window) -> np.ndarray:
        self.drawn.append(window)
        return COLORS[self.labels[window.slices]]


def patchwork(shape: tuple[int, int]) -> np.ndarray:
    """Return labels of all classes in blocks of 32 px."""
    chance = np.random.default_rng(0)
    blocks = chance.integers(0, 4, (-(-shape[0] // 32), -(-shape[1] // 32))).astype(np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((32, 32), np.uint8))[: shape[0], : shape[1]])


@pytest.mark.parametrize("factor", [4, 8, 16])
@pytest.mark.parametrize("shape", [(512, 640), (500, 333)])
def test_a_picture_that_is_linear_in_the_classes_is_sketched_as_it_is(
    factor: int, shape: tuple[int, int]
) -> None:
    labels = patchwork(shape)
    draw = Colored(labels)
    made = Sketcher(labels, KNOWN, 4, draw).sketch(Window.of_shape(shape), factor)
    height, width = shape[0] // factor, shape[1] // factor
    exact = COLORS[labels[: height * factor, : width * factor]].astype(float)
    exact = exact.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    assert made.shape == (-(-shape[0] // factor), -(-shape[1] // factor), 3)
    assert np.abs(made[:height, :width] - exact).mean() < 4
    assert sum(window.area for window in draw.drawn) <= labels.size * 0.4


def test_a_window_is_sketched_like_the_whole() -> None:
    labels = patchwork((512, 512))
    sketcher = Sketcher(labels, KNOWN, 4, Colored(labels))
    whole = sketcher.sketch(Window(0, 512, 0, 512), 8)
    part = sketcher.sketch(Window(128, 256, 64, 512), 8)
    np.testing.assert_array_equal(part, whole[16:32, 8:64])


def test_colors_are_learned_once_and_again_for_a_new_class() -> None:
    labels = np.ones((512, 512), np.uint8)
    labels[:, 256:] = 2
    draw = Colored(labels)
    sketcher = Sketcher(labels, KNOWN, 4, draw)
    for _ in range(2):
        sketcher.sketch(Window(0, 512, 0, 512), 8)
    assert len(draw.drawn) == 2
    labels[300:400, 300:400] = 3
    sketched = sketcher.sketch(Window(0, 512, 0, 512), 8)
    assert len(draw.drawn) == 3
    assert np.abs(sketched[43, 43].astype(int) - COLORS[3]).max() < 20


def test_a_look_that_varies_is_sketched_varying() -> None:
    labels = np.ones((512, 512), np.uint8)

    def ramp(window: Window) -> np.ndarray:
        columns = np.arange(window.x0, window.x1) * (200 / 512) + 20
        return np.repeat(np.broadcast_to(columns, window.shape)[..., None], 3, axis=2).astype(np.uint8)

    made = Sketcher(labels, KNOWN, 4, ramp, varies=True).sketch(Window(0, 512, 0, 512), 8)
    expected = ramp(Window(0, 512, 0, 512))[4::8, 4::8].astype(int)
    assert np.abs(made - expected).max() < 6


def test_sketching_can_be_cancelled_and_goes_on_where_it_was() -> None:
    labels = np.ones((512, 512), np.uint8)
    labels[:, 256:] = 2
    draw = Colored(labels)
    sketcher = Sketcher(labels, KNOWN, 4, draw)
    with pytest.raises(Cancelled):
        sketcher.sketch(Window(0, 512, 0, 512), 8, cancel=lambda: len(draw.drawn) >= 1)
    assert len(draw.drawn) == 1
    made = sketcher.sketch(Window(0, 512, 0, 512), 8)
    assert made.std() > 20


def test_a_canvas_is_sketched_by_local_models(tiny_model: Path) -> None:
    canvas = Canvas(load_model(tiny_model), patchwork((256, 300)))
    sketched = canvas.sketch(canvas.window, 4)
    assert sketched is not None
    assert sketched.shape == (64, 75, 3)
    drawn = canvas.render()[:256, :300].reshape(64, 4, 75, 4, 3).mean(axis=(1, 3))
    assert np.abs(sketched - drawn).mean() < np.abs(drawn.mean(axis=(0, 1)) - drawn).mean() + 2
