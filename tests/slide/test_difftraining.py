"""Training of the diffusion U-Net: what is known, what is learned, clipping, resume, what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.training import LoopSettings, make_fabric, train
from napari_histosynth.slide.config import SlideConfig
from napari_histosynth.slide.data import Child, PairSampler
from napari_histosynth.slide.difftraining import DiffusionTraining, known_mask, snr_weight
from napari_histosynth.slide.diffusion import MARGIN, architecture_of
from napari_histosynth.slide.outpaint import OVERLAP

pytest.importorskip("diffusers")

KEPT = {"refiner.x": torch.zeros(1), "palette.mean": torch.zeros(2)}


def config_of(**changes: Any) -> SlideConfig:
    values: dict[str, Any] = {
        "model": {
            "name": "little",
            "setting": "diffusion",
            "diffusion": {"widths": [8, 8], "layers": 1, "context": 3},
        },
        "optimizer": {"learning_rate": 3e-3, "average": 0.9},
        "loop": {"steps": 4, "batch": 2, "crop": 32, "checkpoint_every": 2, "precision": "32-true"},
    }
    for table, entries in changes.items():
        values[table] = {**values[table], **entries}
    return SlideConfig.model_validate(values)


def children_of(detail: float) -> list[Child]:
    """Pictures of all steps: a smooth color, and stripes of 8 px as strong as ``detail``."""
    y, x = np.indices((160, 160))
    layout = np.zeros((40, 40, 5), np.uint8)
    layout[..., 1] = 255
    children = []
    for step in range(4):
        stripes = detail * (((x + y) // 4) % 2 - 0.5)
        image = np.clip(np.array([180, 110, 160]) + stripes[..., None], 0, 255).astype(np.uint8)
        children.append(Child(f"slide {step}", step, image, layout))
    return children


def training_of(config: SlideConfig, detail: float = 80, margin: int = MARGIN) -> DiffusionTraining:
    sampler = PairSampler(config, children_of(detail), margin)
    return DiffusionTraining(config, sampler, sampler, KEPT)


def run(training: DiffusionTraining, steps: range) -> list[dict[str, float]]:
    fabric = make_fabric(LoopSettings(steps=1, device="cpu", precision="32-true", seed=0))
    losses = []
    for step in steps:
        torch.manual_seed(step)
        losses.append(training.step(training.batch(step), step, fabric))
    return losses


def test_it_learns_what_leaves_the_noise() -> None:
    training = training_of(config_of(loop={"steps": 1000, "batch": 4}, optimizer={"learning_rate": 1e-2}))
    losses = [one["velocity"] for one in run(training, range(40))]
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:5])


def test_gradients_are_clipped_at_1() -> None:
    training = training_of(config_of())
    training.network.spread.fill_(1e-3)  # pictures far too strong
    assert run(training, range(1))[0]["gradient"] > 2
    squares = sum(float(p.grad.square().sum()) for p in training.network.parameters() if p.grad is not None)
    assert squares**0.5 == pytest.approx(1, rel=1e-3)


def test_the_spread_is_how_far_children_are_from_their_parents() -> None:
    weak, strong = (training_of(config_of(), detail).network.spread for detail in (40.0, 80.0))
    assert torch.allclose(strong / weak, torch.full((4,), 2.0), rtol=0.1)
    assert strong.max() < 80 / 127.5


def test_a_batch_is_a_function_of_the_step() -> None:
    training = training_of(config_of())
    one, again, other = training.batch(3), training.batch(3), training.batch(4)
    assert all(np.array_equal(one[key], again[key]) for key in one)
    assert not np.array_equal(one["image"], other["image"]) or not np.array_equal(one["mask"], other["mask"])
    assert one["mask"].shape == (2, 32, 32)


def test_crops_are_known_as_tiles_of_the_four_colors_are() -> None:
    side = 256
    rng = np.random.default_rng(0)
    masks = [known_mask(rng, side) for _ in range(300)]
    inner = slice(OVERLAP, -OVERLAP)
    assert not any(mask[inner, inner].any() for mask in masks), "what is drawn is never known"
    nothing = np.mean([not mask.any() for mask in masks])
    assert 0.2 < nothing < 0.33
    beside = [m for m in masks if m[inner, 0].all() and not m[0].any() and not m[-1].any()]
    above = [m for m in masks if m[0].all() and not m[inner, 0].any()]
    around = [m for m in masks if m[0].all() and m[-1].all() and m[:, 0].all() and m[:, -1].all()]
    assert beside
    assert above
    assert around
    assert all((m.reshape(64, 4, 64, 4).mean((1, 3)) % 1 == 0).all() for m in masks[:20]), "whole blocks"


def test_weights_by_signal_to_noise() -> None:
    kept = torch.tensor([0.5, 0.9, 0.99])  # ratios 1, 9, 99
    assert torch.allclose(snr_weight(kept, 5), torch.tensor([1 / 2, 5 / 10, 5 / 100]), rtol=1e-4)
    assert torch.equal(snr_weight(kept, 0), torch.ones(3))


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    def settings(steps: int) -> LoopSettings:
        return LoopSettings(steps, 2, 4, device="cpu", precision="32-true")

    said: list[str] = []
    train(training_of(config_of()), tmp_path / "whole", settings(4), said.append)
    train(training_of(config_of()), tmp_path / "parts", settings(2), said.append)
    train(training_of(config_of()), tmp_path / "parts", settings(4), said.append)
    assert any("Resuming at step 2" in line for line in said)
    one, other = (
        torch.load(tmp_path / part / "checkpoint.pt", weights_only=True)["networks"]
        for part in ("parts", "whole")
    )
    for name in one:
        for key in one[name]:
            assert torch.equal(one[name][key], other[name][key]), (name, key)
    assert (tmp_path / "whole" / "sheet-000004.png").exists()


def test_what_is_shipped_is_the_average_beside_what_the_model_had() -> None:
    training = training_of(config_of())
    tensors = training.tensors_to_ship(make_fabric(LoopSettings(1, device="cpu", precision="32-true")))
    assert KEPT.keys() <= tensors.keys()
    state = {n.removeprefix("diffusion."): t for n, t in tensors.items() if n.startswith("diffusion.")}
    assert architecture_of(state)["widths"] == [8, 8]
    assert all(torch.equal(state[name], value) for name, value in training.average.state_dict().items())


def test_it_starts_from_the_weights_that_a_model_has() -> None:
    config = config_of()
    first = training_of(config)
    with torch.no_grad():
        first.average.unet.conv_out.bias.fill_(0.5)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    kept = first.tensors_to_ship(fabric)
    second = DiffusionTraining(config, first.sampler, first.shown, kept)
    assert (second.network.unet.conv_out.bias == 0.5).all()


def test_it_needs_a_model_to_join() -> None:
    config = config_of()
    sampler = PairSampler(config, children_of(80), MARGIN)
    with pytest.raises(TrainingError, match=r"name one in model\.start"):
        DiffusionTraining(config, sampler, sampler, {})


@pytest.mark.parametrize(("crop", "margin"), [(36, MARGIN), (32, 64)])
def test_crops_that_do_not_fit_the_network_are_refused(crop: int, margin: int) -> None:
    with pytest.raises(TrainingError, match=f"multiples of 16 px with a margin of 128 px, not {crop}"):
        training_of(config_of(loop={"crop": crop}), margin=margin)
