"""Discriminators that are told the grade: what they are told, of which crops, and that such a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.training import LoopSettings, make_fabric
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.fit import prepare, train_paint
from napari_histosynth.paint.grader import Grader
from napari_histosynth.paint.training import GRADE_PLANES, graded_planes
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "little"
scheme = "colon-2"
um_per_px = 1.0
latent_size = 4
[model.architecture]
widths = [8, 8, 8, 8, 8]
hidden = [4, 4, 4, 4, 4]
[[data.sources]]
kind = "glas"
path = "glas"
um_per_px = 1.0
[data.grades]
healthy = 0.0
"poorly differentiated" = 1.0
[loss]
grade = 1
prior = 0.5
[discriminator]
grade = true
widths = [4, 8, 8, 8]
fine_widths = [4, 4]
fine_crop = 32
[loop]
steps = 2
batch = 4
crop = 64
checkpoint_every = 1
sheet_every = 0
precision = "32-true"
"""
COLORS = np.array([[245, 243, 246], [226, 160, 200], [150, 90, 160]], np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_glas: Callable[..., Path]) -> Path:
    """Three fields: a healthy one, a poorly differentiated one, and one whose grade counts nothing."""
    rows = []
    for number, grade in enumerate(("healthy", "poorly differentiated", "adenomatous")):
        labels = np.minimum(example_labels("crypts-cross", (160, 160), 1.0, seed=number), 2)
        noise = np.random.default_rng(number).normal(0, 6, (160, 160, 3))
        picture = np.clip(COLORS[labels] + noise, 0, 255).astype(np.uint8)
        mask = np.repeat(np.where(labels == 2, 255, 0).astype(np.uint8)[..., None], 3, 2)
        rows.append((f"field_{number}", str(number), grade, picture, mask))
    return write_glas(tmp_path_factory.mktemp("data") / "glas", rows).parent


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text(CONFIG)
    return path


def _silent(_: str) -> None:
    pass


def test_planes_hold_the_grade_from_minus_1_to_1_and_whether_it_is_known() -> None:
    labels = torch.rand(4, 3, 5, 6)
    planes = graded_planes(labels, torch.tensor([0.0, 0.75, float("nan"), 1.0]))
    assert planes.shape == (4, 3 + GRADE_PLANES, 5, 6)
    torch.testing.assert_close(planes[:, :3], labels)
    for number, (grade, known) in enumerate([(-1, 1), (0.5, 1), (0, 0), (1, 1)]):
        assert (planes[number, 3] == grade).all()
        assert (planes[number, 4] == known).all()


def test_planes_have_the_type_of_the_labels() -> None:
    labels = torch.zeros(1, 2, 3, 3, dtype=torch.bfloat16)
    assert graded_planes(labels, torch.tensor([0.5])).dtype == torch.bfloat16


def test_drawn_crops_are_told_the_grade_that_was_asked_for(config: Path, data: Path) -> None:
    training = prepare(read_config(config), data, _silent)
    grader = training.aids["grade"]
    assert isinstance(grader, Grader)
    with torch.no_grad():
        grader.of_latent.weight[:] = torch.tensor([[1.0, 0, 0, 0]])
        grader.of_latent.bias[:] = 0
    labels, nan = torch.zeros(4, 3, 8, 8), float("nan")
    batch = {"grade": np.array([0.0, nan, 1.0, nan], np.float32)}
    random = torch.tensor([[0.25, 9, 9, 9], [7.0, 9, 9, 9]])  # the last tells more than there is
    real, drawn = training._told_with(labels, labels, batch, random)

    def told(planes: torch.Tensor) -> list[list[float]]:
        return planes[:, 3:, 0, 0].tolist()

    assert told(real) == [[-1, 1], [0, 0], [1, 1], [0, 0]]
    # the first two are drawn in the looks of real crops, whose grades they share
    assert told(drawn) == [[-1, 1], [0, 0], [-0.5, 1], [1, 1]]


def test_without_the_key_discriminators_are_told_labels_alone(config: Path, data: Path) -> None:
    config.write_text(CONFIG.replace("grade = true\n", ""))
    training = prepare(read_config(config), data, _silent)
    labels = torch.zeros(4, 3, 8, 8)
    real, drawn = training._told_with(labels, labels, training.batch(0), torch.zeros(2, 4))
    assert real is labels
    assert drawn is labels


def test_what_a_discriminator_says_depends_on_the_grade_that_it_is_told(config: Path, data: Path) -> None:
    training = prepare(read_config(config), data, _silent)
    picture, labels = torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64)
    judged = training.discriminator(picture, graded_planes(labels, torch.tensor([0.0, 1.0])))
    for verdict, _ in judged:
        assert (verdict[0] != verdict[1]).any()


def test_sources_of_known_grade_train_and_go_on(config: Path, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_paint(config, data, run, device="cpu", say=_silent)
    said: list[str] = []
    out = train_paint(config, data, run, steps=3, device="cpu", say=said.append)
    assert "Resuming at step 2 of 3." in said
    assert find_model(out).read_tensors()["latent.grade"].shape == (5,)


def test_every_network_learns_and_all_losses_are_numbers(config: Path, data: Path) -> None:
    training = prepare(read_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    before = [value.detach().clone() for value in training.discriminator.parameters()]
    losses = training.step(training.batch(0), 0, fabric)
    assert np.isfinite(list(losses.values())).all()
    after = list(training.discriminator.parameters())
    assert all((one != other).any() for one, other in zip(before, after, strict=True))


def test_pairs_share_labels_and_texture_and_differ_in_grade_alone(config: Path, data: Path) -> None:
    config.write_text(CONFIG.replace("grade = 1\n", "grade = 1\nsigns = 1\n"))
    training = prepare(read_config(config), data, _silent)
    grader = training.aids["grade"]
    assert isinstance(grader, Grader)
    torch.manual_seed(0)
    training.prior.update(torch.randn(16, 4))
    with torch.no_grad():
        grader.of_latent.weight[:] = torch.tensor([[1.0, 0, 0, 0]])
    looks, pairs = training._random(3, 5)
    assert pairs is not None
    assert (pairs.low.tolist(), pairs.high.tolist()) == ([5], [6])
    assert pairs.grade_high - pairs.grade_low == pytest.approx(0.5, abs=1e-3)
    way = grader.way(training.prior.known)
    between = looks[1] - looks[0]
    torch.testing.assert_close(between, way * (between @ way) / (way @ way))
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    assert np.isfinite(list(training.step(training.batch(0), 0, fabric).values())).all()


def test_signs_need_latents_that_tell_a_grade(config: Path) -> None:
    config.write_text(CONFIG.replace("grade = 1\n", "signs = 1\n").replace("grade = true\n", ""))
    with pytest.raises(TrainingError, match=r"loss\.signs needs loss\.grade"):
        read_config(config)


def test_a_checkpoint_of_discriminators_that_were_not_told_is_refused(
    config: Path, data: Path, tmp_path: Path
) -> None:
    config.write_text(CONFIG.replace("grade = true\n", ""))
    train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)
    config.write_text(CONFIG)
    with pytest.raises(TrainingError, match="does not fit this configuration") as caught:
        train_paint(config, data, tmp_path / "run", steps=3, device="cpu", say=_silent)
    assert "\n" not in str(caught.value)


def test_a_grade_that_no_latent_tells_is_refused_in_one_sentence(config: Path) -> None:
    config.write_text(CONFIG.replace("[loss]\ngrade = 1\n", "[loss]\n"))
    with pytest.raises(TrainingError, match=r"discriminator\.grade needs loss\.grade") as caught:
        read_config(config)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
