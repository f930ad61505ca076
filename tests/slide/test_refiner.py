"""The refiner: local, coherent with its parent, told which step it takes; and the model that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import DRAWN, STEP, level_shape, um_of
from napari_histosynth.slide.model import load_slide_model
from napari_histosynth.slide.network import REACH, build_refiner, enlarged

if TYPE_CHECKING:
    from napari_histosynth.slide.model import SlideModel


def _parents(extent: Window, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a parent and a layout for an extent, cut from one large picture."""
    rng = np.random.default_rng(seed)
    offset = 64
    parent = rng.integers(60, 250, (256, 256, 3), np.uint8)
    layout = rng.dirichlet(np.ones(5), (256, 256)).astype(np.float32)
    rows, columns = extent.shift(offset, offset).slices
    return parent[rows, columns], np.moveaxis(layout[rows, columns], 2, 0)


def _draw(model: SlideModel, window: Window, level: int = 2, seed: int = 3) -> np.ndarray:
    return model.refine(level, seed, window, *_parents(window.grow(model.margin).coarsen(STEP)))


def test_a_window_of_a_picture_is_a_picture_of_a_window(tiny_slide_model: SlideModel) -> None:
    whole = _draw(tiny_slide_model, Window(0, 96, 0, 128))
    part = _draw(tiny_slide_model, Window(32, 80, 16, 96))
    assert np.abs(whole[32:80, 16:96].astype(int) - part).max() <= 1
    assert np.array_equal(part, _draw(tiny_slide_model, Window(32, 80, 16, 96)))


def test_a_child_is_its_parent_when_reduced(tiny_slide_model: SlideModel) -> None:
    window = Window(0, 64, 0, 64)
    parent, layout = _parents(window.grow(tiny_slide_model.margin).coarsen(STEP))
    parent = (parent // 4 + 96).astype(np.uint8)  # away from black and white, where colors are cut off
    child = tiny_slide_model.refine(4, 0, window, parent, layout).astype(float)
    rim = tiny_slide_model.margin // STEP
    blocks = child.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(blocks - parent[rim:-rim, rim:-rim]).max() < 1


@pytest.mark.parametrize("doubtful", [False, True])
def test_each_level_is_told_what_the_enlarged_parent_is_averaged_to(doubtful: bool) -> None:
    refiner = build_refiner(widths=[8, 8, 8, 6, 4], hidden=[4] * 5).eval()
    torch.nn.init.normal_(refiner.body.to_rgb.weight)
    height, width = (size + 2 * refiner.margin for size in (32, 48))
    told = torch.rand(2, 8, height // STEP, width // STEP)
    parent, layout, step = told[:, :3], told[:, 3:], torch.tensor([0, 3])
    doubt = torch.rand_like(parent) if doubtful else None
    noise = [
        torch.randn(2, 6 if number == 0 else 2, *level.inputs.shape)
        for number, level in enumerate(refiner.body.plan(Window(0, 32, 0, 48)))
    ]
    large = enlarged(told)
    steering = large if doubt is None else enlarged(torch.cat([parent + doubt, layout], 1))
    inner, rim = slice(STEP, -STEP), refiner.margin
    with torch.no_grad():
        picture, _ = refiner.draw(parent, layout, step, noise, doubt)
        drawn = refiner.body(steering[..., inner, inner], torch.eye(4)[step], noise)
    wanted = large[:, :3, rim:-rim, rim:-rim] + REACH * drawn
    assert (drawn.abs() > 0.05).float().mean() > 0.5
    torch.testing.assert_close(picture, wanted, atol=1e-4, rtol=0)


def test_levels_seeds_and_layouts_make_a_difference(tiny_slide_model: SlideModel) -> None:
    window = Window(0, 32, 0, 32)
    parent, layout = _parents(window.grow(tiny_slide_model.margin).coarsen(STEP))
    first = tiny_slide_model.refine(2, 0, window, parent, layout)
    others = [
        tiny_slide_model.refine(0, 0, window, parent, layout),
        tiny_slide_model.refine(2, 1, window, parent, layout),
        tiny_slide_model.refine(2, 0, window, parent, layout[::-1].copy()),
    ]
    assert all((first != other).any() for other in others)


@pytest.mark.parametrize(
    ("level", "window", "cut", "said"),
    [
        (8, Window(0, 32, 0, 32), 0, "Levels .* are drawn from the one before, not level 8"),
        (1, Window(0, 32, 0, 32), 0, "not level 1"),
        (2, Window(0, 32, 8, 32), 0, "multiples of 16 px"),
        (2, Window(0, 0, 0, 32), 0, "multiples of 16 px"),
        (2, Window(0, 32, 0, 32), 1, "needs 50 x 50 px of parent and layout, not 49 x 50"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    tiny_slide_model: SlideModel, level: int, window: Window, cut: int, said: str
) -> None:
    parent, layout = _parents(Window(0, 32, 0, 32).grow(tiny_slide_model.margin).coarsen(STEP))
    with pytest.raises(ModelError, match=said) as caught:
        tiny_slide_model.refine(level, 0, window, parent[cut:], layout)
    assert "\n" not in str(caught.value)


def test_an_untrained_refiner_enlarges() -> None:
    torch.manual_seed(0)
    refiner = build_refiner(widths=[8, 8, 8, 6, 4], hidden=[4, 4, 4, 4, 4])
    side = (32 + 2 * refiner.margin) // STEP
    parent = torch.full((1, 3, side, side), 0.25)
    with torch.no_grad():
        drawn = refiner(parent, torch.zeros(1, 5, side, side), torch.tensor([1]))
    assert drawn.shape == (1, 3, 32, 32)
    assert float((drawn - 0.25).abs().mean()) < 0.1


def test_an_unknown_preset_or_width_is_one_sentence() -> None:
    with pytest.raises(ModelError, match="the preset \"compact\", not 'huge'"):
        build_refiner("huge")
    with pytest.raises(ModelError, match="cannot be built"):
        build_refiner(depth=3)


def test_a_model_of_another_kind_is_refused(repository: Path) -> None:
    with pytest.raises(ModelError, match="is no model of slides"):
        load_slide_model(repository / "models/ki67-he")


def test_a_model_comes_with_its_palette(tiny_slide_model: SlideModel) -> None:
    assert tiny_slide_model.palette.mean.shape == (2, 5, 3)
    assert tiny_slide_model.palette.covariance.shape == (2, 5, 3, 3)
    assert tiny_slide_model.diffusion == {}


def test_scales_and_sizes_of_levels() -> None:
    assert [um_of(level) for level in DRAWN] == [128, 32, 8, 2, 0.5]
    assert level_shape((40960, 1000), 8) == (160, 4)
