"""Training of layouts: what a run is made of, that it goes on to the same bits, and any channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.training import LoopSettings, make_fabric, train
from napari_histosynth.layout.config import LayoutConfig
from napari_histosynth.layout.data import Pair, PairSampler, averaged, load_pairs
from napari_histosynth.layout.fit import prepare_layout
from napari_histosynth.layout.training import LayoutTraining, faded, spread_by_grade


def configured(**changes: Mapping[str, Any]) -> LayoutConfig:
    """Return a run of 16 px in three stages, with changes to its sections."""
    sections: dict[str, Any] = {
        "model": {"name": "tiny", "scheme": "colon-2", "um_per_px": 1.24, "latent_size": 4},
        "data": {"sources": [{"kind": "glas", "um_per_px": 0.62}]},
        "loss": {"penalty_every": 2},
        "encoder": {"steps": 2, "batch": 4},
        "loop": {"steps": 12, "batch": 4, "sheet_every": 0},
    }
    sections["model"] |= {"widths": [4, 4, 4], "grades": ["healthy", "poorly differentiated"]}
    for name, values in changes.items():
        sections[name] = sections.get(name, {}) | dict(values)
    growth = [{"stable": 2}, {"fade": 2, "stable": 2}, {"fade": 2, "stable": 2}]
    return LayoutConfig.model_validate({**sections, "growth": growth})


def pairs(image: int = 3, maps: int = 3) -> list[Pair]:
    """Return two pictures, one of each grade, of 24 x 20 px."""
    rng = np.random.default_rng(0)
    made = []
    for grade in range(2):
        picture: Any = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
        if image != 3:
            picture = rng.uniform(-1, 1, (24, 20, image)).astype(np.float32)
        made.append(Pair(f"p{grade}", "g", picture, rng.integers(0, 2, (24, 20, maps), np.uint8), grade))
    return made


def training(config: LayoutConfig, some: list[Pair] | None = None) -> LayoutTraining:
    """Return the networks of a run, untrained."""
    sampler = PairSampler(config, pairs() if some is None else some)
    return LayoutTraining(config, sampler, sampler, lambda line: None)


def weights(one: LayoutTraining) -> dict[str, torch.Tensor]:
    """Return all that a run has learned."""
    return {f"{n}.{k}": v.clone() for n, part in one.networks.items() for k, v in part.state_dict().items()}


FLOW: dict[str, Mapping[str, Any]] = {
    "flow": {"steps": 4, "batch": 4, "widths": [4], "warp": 0.2},
    "loop": {"steps": 16},
}
FINE: dict[str, Mapping[str, Any]] = {
    **FLOW,
    "fine": {"steps": 4, "batch": 2, "widths": [4, 4], "warp": 0.1, "detail": 3},
    "data": {"finer": 2},
    "loop": {"steps": 20},
}


@pytest.mark.parametrize(
    ("changes", "stop", "end"), [({}, 3, 12), ({}, 7, 12), ({}, 11, 12), (FLOW, 14, 16), (FINE, 18, 20)]
)  # in each kind of phase
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    tmp_path: Path, changes: dict[str, Mapping[str, Any]], stop: int, end: int
) -> None:
    config = configured(**changes)
    whole, parts, rest = training(config), training(config), training(config)
    quiet = {"device": "cpu", "precision": "32-true", "threads": 1}
    train(whole, tmp_path / "a", LoopSettings(end, sheet_every=0, **quiet), lambda line: None)  # type: ignore[arg-type]
    train(parts, tmp_path / "b", LoopSettings(stop, sheet_every=0, **quiet), lambda line: None)  # type: ignore[arg-type]
    train(rest, tmp_path / "b", LoopSettings(end, sheet_every=0, **quiet), lambda line: None)  # type: ignore[arg-type]
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(rest).items())


def test_the_encoder_learns_in_the_last_part_only_and_leaves_the_generator_alone() -> None:
    config = configured()
    one = training(config)
    fabric = make_fabric(LoopSettings(12, device="cpu", threads=1))
    before = weights(one)
    one.step(one.batch(8), 8, fabric)
    between = weights(one)
    one.step(one.batch(10), 10, fabric)
    after = weights(one)
    moved = [
        {n.split(".")[0] for n in a if not torch.equal(a[n], b[n])}
        for a, b in ((before, between), (between, after))
    ]
    assert moved == [{"generator", "discriminator", "average"}, {"encoder"}]


def test_a_step_trains_the_stages_so_far_and_no_finer_one() -> None:
    one = training(configured())
    fabric = make_fabric(LoopSettings(12, device="cpu", threads=1))
    before = {n: v.clone() for n, v in one.generator.state_dict().items()}
    one.step(one.batch(2), 2, fabric)  # 8 px, fading in
    after = one.generator.state_dict()
    moved = {n for n in after if not torch.equal(before[n], after[n])}
    assert any(n.startswith("blocks.1.") for n in moved)
    assert not any(n.startswith(("blocks.2.", "to_picture.2.")) for n in moved)


def test_the_flow_learns_after_all_else_and_alone_and_ships(tmp_path: Path) -> None:
    one = training(configured(**FLOW))
    fabric = make_fabric(LoopSettings(16, device="cpu", threads=1))
    before = weights(one)
    losses = one.step(one.batch(12), 12, fabric)
    after = weights(one)
    assert losses["flow"] > 0
    assert {n.split(".")[0] for n in after if not torch.equal(before[n], after[n])} == {
        "flow",
        "flow average",
    }
    assert "flow.leave.weight" in one.tensors_to_ship(fabric)
    one.sheet(tmp_path / "sheet.png", 13, fabric)
    assert (tmp_path / "sheet.png").exists()


def test_the_fine_flow_learns_last_at_twice_the_size_and_ships(tmp_path: Path) -> None:
    one = training(configured(**FINE, loss={"rebuilding": 10.0}))  # its sheet asks the encoder
    fabric = make_fabric(LoopSettings(20, device="cpu", threads=1))
    before = weights(one)
    batch = one.batch(16)
    side = one.config.model.size
    assert batch["pictures"].shape[-2:] == (2 * side, 2 * side)
    losses = one.step(batch, 16, fabric)
    after = weights(one)
    assert losses["px"] == 2 * side
    assert {n.split(".")[0] for n in after if not torch.equal(before[n], after[n])} == {
        "fine",
        "fine average",
    }
    assert "fine.leave.weight" in one.tensors_to_ship(fabric)
    assert "fine.detail.0.weight" in one.tensors_to_ship(fabric)
    architecture = one.config.architecture()
    assert (architecture["fine"], architecture["fine_detail"]) == ([4, 4], 3)
    one.sheet(tmp_path / "sheet.png", 17, fabric)
    assert (tmp_path / "sheet.png").exists()


def test_a_flow_without_grades_trains_too() -> None:
    one = training(configured(model={"grades": []}, **FLOW), [replace(pair, grade=-1) for pair in pairs()])
    losses = one.step(one.batch(12), 12, make_fabric(LoopSettings(16, device="cpu", threads=1)))
    assert np.isfinite(losses["flow"])


@pytest.mark.parametrize("maps", [3, 0])  # 0: the ablation
def test_four_modalities_with_three_overlapping_maps_are_trained_from_a_folder(
    tmp_path: Path, maps: int
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "mr").mkdir()
    for name in ("a", "b"):
        arrays = {"image": rng.uniform(-1, 1, (4, 20, 24)), "segmentation": rng.integers(0, 2, (3, 20, 24))}
        np.savez(tmp_path / "mr" / f"{name}.npz", **arrays)
    config = configured(
        model={"scheme": "", "image": 4, "segmentation": maps, "grades": []},
        data={"sources": [], "arrays": "mr", "held_out": ["b"]},
    )
    one = prepare_layout(config, tmp_path, say=lambda line: None)
    batch = one.batch(6)
    assert batch["pictures"].shape == (4, 4 + maps, 16, 16)
    losses = one.step(batch, 6, make_fabric(LoopSettings(12, device="cpu", threads=1)))
    assert all(np.isfinite(value) for value in losses.values())
    assert [pair.name for pair in load_pairs(tmp_path, config, held_out=True)] == ["b"]


@pytest.mark.parametrize("kind", ["wasserstein", "nonsaturating"])
def test_the_penalty_of_a_flat_discriminator_is_that_of_the_formula(kind: str) -> None:
    one = training(configured(loss={"kind": kind}))
    with torch.no_grad():
        one.discriminator.verdict.weight.zero_()
    real = torch.randn(4, 6, 8, 8)
    grade = torch.full((4, 2), 0.5)
    found = float(one._gradient_penalty(real, torch.randn_like(real), grade, 1, 1.0).detach())
    assert found == pytest.approx(1.0 if kind == "wasserstein" else 0.0, abs=1e-4)  # (|0| - 1)^2; |0|^2 / 2


def test_a_generator_begins_with_the_colors_of_real_pictures() -> None:
    reddish = pairs()
    for pair in reddish:
        pair.image[..., 0] = 200 + pair.image[..., 0] // 16
    one = training(configured(), reddish)
    drawn = one.generator(torch.randn(16, 4)).detach()
    assert float(drawn[:, 0].mean()) == pytest.approx(207.5 / 127.5 - 1, abs=0.1)
    assert float(drawn[:, 0].std()) < 0.2 < float(drawn[:, 1].std())


def test_the_encoder_learns_beside_the_generator_where_pairs_are_drawn_anew() -> None:
    one = training(configured(loss={"rebuilding": 10.0}))
    fabric = make_fabric(LoopSettings(12, device="cpu", threads=1))
    before = weights(one)
    first = one.step(one.batch(1), 1, fabric)
    assert first["latent"] > 0
    assert any(not torch.equal(before[n], v) for n, v in weights(one).items() if n.startswith("encoder."))
    for _ in range(60):
        last = one.step(one.batch(1), 1, fabric)
    assert last["latent"] < 0.8 * first["latent"], "the same pairs over and over"
    shipped = one.tensors_to_ship(fabric)
    assert float(shipped["generator.mean"].abs().max()) > 0, "layouts of a grade lie somewhere"


def test_a_grade_lies_where_its_pairs_were_found() -> None:
    rng = np.random.default_rng(0)
    found = torch.from_numpy(rng.normal(0, 1, (4000, 2)).astype(np.float32) * [[2.0, 1.0]]).float()
    grade = torch.eye(2)[torch.arange(4000) % 2]
    found[1::2, 1] += 5
    mean, root = spread_by_grade(found, grade, 2)
    assert torch.allclose(mean, torch.tensor([[0.0, 0.0], [0.0, 5.0]]), atol=0.15)
    assert torch.allclose(root @ root.transpose(1, 2), torch.diag(torch.tensor([4.0, 1.0])), atol=0.3)


def test_real_pictures_are_faded_as_drawn_ones_are() -> None:
    real = torch.arange(16.0).reshape(1, 1, 4, 4)
    coarse = torch.tensor([[2.5, 4.5], [10.5, 12.5]]).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.allclose(faded(real, 0.25)[0, 0], 0.75 * coarse + 0.25 * real[0, 0])
    assert faded(real, 1.0) is real


def test_a_batch_is_a_function_of_the_step_and_has_the_size_of_its_stage() -> None:
    sampler = PairSampler(configured(), pairs())
    assert [sampler.batch(step)["pictures"].shape[-1] for step in (0, 3, 7)] == [4, 8, 16]
    assert np.array_equal(sampler.batch(5)["pictures"], sampler.batch(5)["pictures"])
    assert not np.array_equal(sampler.batch(5)["pictures"], sampler.batch(4)["pictures"])


def test_labels_are_averaged_as_pictures_are() -> None:
    maps = np.zeros((4, 4, 1), np.uint8)
    maps[:2, :1] = 1
    assert averaged(maps, 2)[..., 0].tolist() == [[0.5, 0.0], [0.0, 0.0]]


def test_small_pictures_are_mirrored_and_tiny_ones_refused() -> None:
    config = configured()
    small = Pair("small", "g", np.full((12, 12, 3), 7, np.uint8), np.ones((12, 12, 3), np.uint8))
    assert PairSampler(config, [small]).batch(7)["pictures"].shape == (4, 6, 16, 16)
    tiny = Pair("tiny", "g", np.zeros((5, 9, 3), np.uint8), np.zeros((5, 9, 3), np.uint8))
    with pytest.raises(TrainingError, match="'tiny' is too small, 9 x 5 px"):
        PairSampler(config, [tiny])
