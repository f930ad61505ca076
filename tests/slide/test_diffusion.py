"""The compact diffusion U-Net and its way from noise to a tile."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.diffusion import (
    MARGIN,
    NOISE_STREAM,
    RIM,
    TIMESTEPS,
    DiffusionCascade,
    architecture_of,
    build_diffusion,
    load_diffusion,
)
from napari_histosynth.slide.unets import build_scheduler

pytest.importorskip("diffusers")

CPU = torch.device("cpu")
SMALL = {"widths": (8, 8), "layers": 1, "context": 4, "detail": 5}


def told(window: Window, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a made-up parent and layout for a window; functions of position."""
    extent = window.grow(MARGIN).coarsen(4)
    colors = np.stack([gaussian(seed, color, 99, extent) for color in range(3)], 2)
    parent = np.clip(128 + 20 * colors, 0, 255).astype(np.uint8)
    layout = np.zeros((5, *extent.shape), np.float32)
    layout[1] = 1
    return parent, layout


@pytest.fixture(scope="module")
def small() -> DiffusionCascade:
    """A small network whose last layer is no longer zero."""
    torch.manual_seed(0)
    network = build_diffusion(**SMALL).eval().requires_grad_(False)
    nn.init.normal_(network.unet.conv_out.weight, 0, 0.3)  # type: ignore[union-attr, arg-type]
    network.spread.fill_(0.05)
    return DiffusionCascade(network, CPU)


def test_the_network_is_compact_and_attends_in_the_middle_alone() -> None:
    with torch.device("meta"):
        network = build_diffusion()
    assert 2e6 < sum(one.numel() for one in network.parameters()) < 5e6
    attending = [name for name, module in network.named_modules() if name.endswith("to_q")]
    assert attending
    assert all(name.startswith("unet.mid_block.") for name in attending)


@pytest.mark.parametrize(
    "changes", [SMALL, {"widths": (8, 16, 24), "layers": 2, "context": 3, "parent": False, "detail": 7}]
)
def test_weights_tell_their_architecture(changes: dict[str, object]) -> None:
    with torch.device("meta"):
        network = build_diffusion(**changes)
    found = architecture_of(network.state_dict())
    assert found == {"parent": True, **changes, "widths": list(changes["widths"])}  # type: ignore[call-overload]


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(ModelError, match="not the weights of a diffusion U-Net"):
        architecture_of({"body.to_rgb.weight": torch.zeros(3)})


def test_a_tile_is_a_function_of_its_arguments(small: DiffusionCascade) -> None:
    window = Window(224, 288, -32, 32)
    parent, layout = told(window)
    one, again = (small.draw(2, 7, window, parent, layout, steps=2) for _ in range(2))
    assert one.shape == (64, 64, 3)
    assert np.array_equal(one, again)
    for other in (
        small.draw(2, 8, window, parent, layout, steps=2),
        small.draw(0, 7, window, parent, layout, steps=2),
        small.draw(2, 7, window, parent, np.roll(layout, 1, axis=0), steps=2),
        small.draw(2, 7, window, parent, layout, steps=3),
    ):
        assert not np.array_equal(one, other)


def test_overlapping_tiles_start_from_the_same_noise() -> None:
    cascade = DiffusionCascade(build_diffusion(**SMALL).eval(), CPU)  # untrained, it tells nothing
    first, second = Window(0, 64, 0, 64), Window(32, 96, 16, 80)
    one, other = (cascade.draw(4, 1, window, *told(window), steps=2) for window in (first, second))
    assert one.std() > 5
    both = first.intersect(second)
    assert np.array_equal(one[both.relative_to(first).slices], other[both.relative_to(second).slices])


def test_averaged_a_tile_is_its_parent(small: DiffusionCascade) -> None:
    window = Window(0, 64, 64, 128)
    parent, layout = told(window)
    drawn = small.draw(0, 3, window, parent, layout, steps=2)
    inside = (drawn > 0).all() and (drawn < 255).all()
    assert inside, "nothing is clipped"
    means = drawn.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(means - parent[RIM:-RIM, RIM:-RIM]).max() <= 0.5


@dataclass
class Told:
    """Stands in for the network: pictures are independent normal numbers, whose velocity is known."""

    deviation: float = 0.5
    side: int = 16
    sees_parent: bool = False
    seen: list[Tensor] = field(default_factory=list)

    def base_of(self, parent: Tensor) -> Tensor:
        rows, columns = (4 * (side - 2 * RIM) for side in parent.shape[-2:])
        return torch.zeros(len(parent), 3, rows, columns)

    def spread_of(self, step: Tensor) -> Tensor:
        return torch.full((len(step), 1, 1, 1), 0.5)

    def __call__(self, noisy: Tensor, time: Tensor, *conditions: Tensor) -> Tensor:
        self.seen.append(noisy.clone())
        kept = build_scheduler("ddpm", TIMESTEPS, "v_prediction").alphas_cumprod[time][:, None, None, None]
        variance = kept * self.deviation**2 + 1 - kept
        return (kept * (1 - kept)).sqrt() * (1 - self.deviation**2) / variance * noisy


@pytest.mark.parametrize(("solver", "lost"), [("dpm", 0.09), ("ddim", 0.2)])
def test_noise_becomes_pictures_of_the_right_contrast(solver: str, lost: float) -> None:
    window = Window(0, 128, 0, 128)
    cascade = DiffusionCascade(Told(), CPU, solver=solver)  # type: ignore[arg-type]
    deviations = {}
    for steps in (8, 32):
        drawn = cascade.draw(2, 0, window, *told(window), steps=steps)
        deviations[steps] = drawn.std() / 127.5 / 0.5
    assert deviations[8] == pytest.approx(0.5, rel=lost), "few steps lose a little"
    assert deviations[32] == pytest.approx(0.5, rel=lost / 3)


def test_known_pixels_are_shown_under_the_noise_of_their_place_at_each_step() -> None:
    window = Window(0, 64, 0, 64)
    network = Told()
    cascade = DiffusionCascade(network, CPU)  # type: ignore[arg-type]
    known = np.full((64, 64, 3), 200, np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    cascade.draw(2, 5, window, *told(window), known, mask, steps=3)
    scheduler = build_scheduler("dpm", TIMESTEPS, "v_prediction")
    scheduler.set_timesteps(3)
    noise = np.stack([gaussian(5, NOISE_STREAM + color, 2, window) for color in range(3)])
    for time, seen in zip(scheduler.timesteps, network.seen, strict=True):
        kept = float(scheduler.alphas_cumprod[int(time)])
        wanted = kept**0.5 * (200 / 127.5 - 1) / 0.5 + (1 - kept) ** 0.5 * noise
        assert np.allclose(seen[0].numpy()[:, :, :32], wanted[:, :, :32], atol=1e-5)
    assert not np.allclose(network.seen[-1][0, :, :, 32:], torch.from_numpy(wanted[:, :, 32:]), atol=0.1)


def test_what_neighbors_show_changes_the_tile(small: DiffusionCascade) -> None:
    window = Window(0, 64, 0, 64)
    parent, layout = told(window)
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    dark, bright = (
        small.draw(2, 5, window, parent, layout, np.full((64, 64, 3), color, np.uint8), mask, steps=2)
        for color in (90, 160)
    )
    assert not np.array_equal(dark[:, 32:], bright[:, 32:])
    nothing = np.zeros_like(mask)
    one, other = (
        small.draw(2, 5, window, parent, layout, np.full((64, 64, 3), color, np.uint8), nothing, steps=2)
        for color in (90, 160)
    )
    assert np.array_equal(one, other), "what is not known is not looked at"


def test_a_base_draws_from_the_layout_alone() -> None:
    torch.manual_seed(0)
    network = build_diffusion(**SMALL, parent=False).eval().requires_grad_(False)
    nn.init.normal_(network.unet.conv_out.weight, 0, 0.3)  # type: ignore[union-attr, arg-type]
    cascade = DiffusionCascade(network, CPU)
    window = Window(0, 64, 0, 64)
    parent, layout = told(window)
    one = cascade.draw(6, 1, window, parent, layout, steps=2)
    assert np.array_equal(one, cascade.draw(6, 1, window, 255 - parent, layout, steps=2))
    assert not np.array_equal(one, cascade.draw(6, 1, window, parent, np.roll(layout, 1, axis=0), steps=2))


@pytest.mark.parametrize(
    ("level", "window", "steps", "said"),
    [
        (8, Window(0, 64, 0, 64), 2, "not level 8"),
        (2, Window(2, 66, 0, 64), 2, "multiples of 4 px"),
        (2, Window(0, 24, 0, 64), 2, "sides of multiples of 16 px"),
        (2, Window(0, 64, 0, 64), 0, "1 to 250 steps"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    small: DiffusionCascade, level: int, window: Window, steps: int, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        small.draw(level, 0, window, *told(window), steps=steps)


def test_a_parent_of_another_size_is_refused(small: DiffusionCascade) -> None:
    window = Window(0, 64, 0, 64)
    parent, layout = told(window)
    with pytest.raises(ModelError, match="needs 80 x 80 px of parent and layout, not 79 x 80"):
        small.draw(2, 0, window, parent[1:], layout)


def test_a_model_is_loaded_from_its_weights(small: DiffusionCascade) -> None:
    loaded = load_diffusion(small.network.state_dict(), "The model 'x'", CPU)
    window = Window(0, 64, 0, 64)
    one, other = (cascade.draw(2, 0, window, *told(window), steps=2) for cascade in (small, loaded))
    assert np.array_equal(one, other)


def test_a_model_without_says_so() -> None:
    with pytest.raises(ModelError, match="The model 'x' has no diffusion U-Net"):
        load_diffusion({}, "The model 'x'", CPU)


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ModelError, match="depth"):
        build_diffusion(depth=3)


def test_without_diffusers_one_sentence_names_the_extra(
    small: DiffusionCascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModelError, match=r"pip install 'napari-histosynth\[diffusion\]'"):
        load_diffusion(small.network.state_dict(), "The model 'x'", CPU)
