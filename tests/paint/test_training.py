"""Training a paint model: configuration, data, steps, resume, and the folder that comes out."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import HistosynthError, TrainingError
from napari_histosynth.core.stain import read_stain, stain_colors
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.core.training import LoopSettings, make_fabric
from napari_histosynth.io import read_image, save_image, save_labels
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.config import PaintConfig, read_config
from napari_histosynth.paint.data import CropSampler, Split, jitter_stain, load_fields
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.fit import prepare, train_paint
from napari_histosynth.paint.model import load_model
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "little"
scheme = "colon-3"
um_per_px = 0.62
latent_size = 4
[model.architecture]
widths = [8, 8, 8, 8, 8]
hidden = [4, 4, 4, 4, 4]
[data]
table = "patients.csv"
held_out = ["2"]
[discriminator]
widths = [4, 8, 8, 8]
fine_widths = [4, 4]
fine_crop = 32
[loop]
steps = 4
batch = 4
crop = 64
checkpoint_every = 2
sheet_every = 4
precision = "32-true"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn fields of two patients, gland masks beside them, as GlaS comes."""
    folder = tmp_path_factory.mktemp("fields")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    colors = np.array([[245, 243, 246], [226, 160, 200], [190, 130, 190], [90, 50, 130]], np.uint8)
    for number in range(3):
        labels = example_labels("crypts-cross", (300, 320), 0.62, seed=number)
        noise = np.random.default_rng(number).normal(0, 6, (300, 320, 3))
        picture = np.clip(colors[labels] + noise, 0, 255).astype(np.uint8)
        save_image(folder / "images" / f"field_{number}.png", picture)
        mask = np.where((labels == 2) | (labels == 3), 255, 0).astype(np.uint8)
        save_image(folder / "masks" / f"field_{number}.png", np.repeat(mask[..., None], 3, axis=2))
    (folder / "patients.csv").write_text("name, patient ID\nfield_0, 1\nfield_1, 1\nfield_2, 2\n")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text(CONFIG)
    return path


def _silent(_: str) -> None:
    pass


# ---- configuration ----


def test_a_configuration_is_read_with_its_defaults(config: Path) -> None:
    read = read_config(config)
    assert read.loss.adversarial == "hinge"
    assert read.model.architecture["widths"] == [8] * 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("steps = 4", "steps = 0"), "loop.steps"),
        (("um_per_px = 0.62", "um_per_px = -1"), "model.um_per_px"),
        (("crop = 64", "krop = 64"), "loop.krop"),
        (("[loop]", "[loop"), "not valid TOML"),
    ],
)
def test_a_wrong_configuration_names_the_key(config: Path, change: tuple[str, str], said: str) -> None:
    config.write_text(CONFIG.replace(*change))
    with pytest.raises(TrainingError, match=said) as caught:
        read_config(config)
    assert "\n" not in str(caught.value)


def test_a_missing_configuration_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_the_configuration_that_ships_is_valid(repository: Path) -> None:
    assert read_config(repository / "models" / "colon-3class" / "train.toml").model.name == "colon-3class"


# ---- data ----


def test_patients_are_held_out_whole(data: Path) -> None:
    split = Split("patients.csv", held_out=("2",))
    scheme = get_scheme("colon-3")
    trained = load_fields(data, scheme, 0.62, split)
    tested = load_fields(data, scheme, 0.62, split, held_out=True)
    assert [field.name for field in trained] == ["field_0", "field_1"]
    assert [field.name for field in tested] == ["field_2"]


def test_fields_come_in_three_degrees_of_detail(data: Path) -> None:
    detailed, sketched, bare = load_fields(data, get_scheme("colon-3"), 0.62, Split())[0].labels
    assert (sketched == 0).sum() <= (detailed == 0).sum()
    assert (sketched == 3).any()
    assert not (bare == 3).any()


def test_a_scheme_without_nuclei_gets_labels_without_them(data: Path) -> None:
    (field, *_) = load_fields(data, get_scheme("colon-2"), 0.62, Split())
    assert len(field.labels) == 2
    assert {int(value) for labels in field.labels for value in np.unique(labels)} == {0, 1, 2}


def test_ready_label_maps_are_taken_as_they_are(data: Path, tmp_path: Path) -> None:
    scheme = get_scheme("colon-3")
    shutil.copytree(data / "images", tmp_path / "images")
    (tmp_path / "labels").mkdir()
    labels = example_labels("crypts-cross", (300, 320), 0.62, seed=0)
    for number in range(3):
        save_labels(tmp_path / "labels" / f"field_{number}.png", labels, scheme, color=bool(number))
    for field in load_fields(tmp_path, scheme, 0.62, Split()):
        np.testing.assert_array_equal(field.labels[0], labels)
        assert len(field.labels) == 1


def test_the_same_step_gives_the_same_crops(data: Path) -> None:
    fields = load_fields(data, get_scheme("colon-3"), 0.62, Split())
    sampler = CropSampler(fields, crop=64, margin=80, batch=3, seed=1)
    first, again, other = sampler.batch(5), sampler.batch(5), sampler.batch(6)
    np.testing.assert_array_equal(first["image"], again["image"])
    np.testing.assert_array_equal(first["labels"], again["labels"])
    assert (first["image"] != other["image"]).any()
    assert first["image"].shape == (3, 64, 64, 3)
    assert first["labels"].shape == (3, 224, 224)


def test_crops_of_picture_and_labels_show_the_same_place(data: Path) -> None:
    fields = load_fields(data, get_scheme("colon-3"), 0.62, Split())
    batch = CropSampler(fields, crop=96, margin=16, batch=8, detail=(1, 0, 0), jitter=0).batch(0)
    inner = batch["labels"][:, 16:-16, 16:-16]
    brightness = batch["image"].mean(-1)
    assert brightness[inner == 3].mean() < brightness[inner == 1].mean() - 40
    assert brightness[inner == 0].mean() > 230


def test_crops_come_with_the_stain_that_the_jitter_made(data: Path) -> None:
    fields = load_fields(data, get_scheme("colon-3"), 0.62, Split())
    sampler = CropSampler(fields, crop=96, margin=16, batch=6, detail=(1, 0, 0), jitter=0.1, stain=True)
    batch = sampler.batch(0)
    assert batch["stain"].shape == (6, 9)
    read = np.stack([read_stain(image) for image in batch["image"]])
    stained = [stain_colors(stain)[1].astype(int) for stain in batch["stain"]]
    assert np.abs(np.stack([stain_colors(stain)[1].astype(int) for stain in read]) - stained).mean() < 12
    assert len(np.unique(batch["stain"][:, 3])) > 3


def test_stain_jitter_is_mild_and_keeps_white() -> None:
    ramp = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, 2)
    changed = np.stack([jitter_stain(ramp, np.random.default_rng(k), 0.06) for k in range(20)]).astype(int)
    assert (changed[:, 255] == 255).all()
    assert 1 < np.abs(changed - ramp).mean() < 12


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda d: shutil.rmtree(d / "images"), "no folder"),
        (lambda d: (d / "patients.csv").unlink(), "does not exist"),
        (lambda d: (d / "patients.csv").write_text("name,age\nfield_0,1\n"), "patient ID"),
        (lambda d: (d / "masks" / "field_0.png").unlink(), "field_0"),
    ],
)
def test_incomplete_data_is_one_sentence(data: Path, tmp_path: Path, broken: object, said: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    broken(copy)
    with pytest.raises(TrainingError, match=said):
        load_fields(copy, get_scheme("colon-3"), 0.62, Split("patients.csv", held_out=("2",)))


def test_crops_larger_than_the_pictures_are_refused(data: Path) -> None:
    fields = load_fields(data, get_scheme("colon-3"), 0.62, Split())
    with pytest.raises(TrainingError, match="300 px"):
        CropSampler(fields, crop=512, margin=80, batch=1)


# ---- steps ----


@pytest.mark.parametrize("adversarial", ["hinge", "least-squares"])
def test_training_brings_color_and_features_closer(config: Path, data: Path, adversarial: str) -> None:
    config.write_text(CONFIG + f'[loss]\nadversarial = "{adversarial}"\n[optimizer]\nlearning_rate = 1e-2\n')
    training = prepare(read_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(30, device="cpu", precision="32-true"))
    losses = [training.step(training.batch(step), step, fabric) for step in range(30)]
    early, late = (np.mean([one["color"] for one in part]) for part in (losses[:5], losses[-5:]))
    assert late < 0.8 * early, (early, late)
    assert all(np.isfinite(list(one.values())).all() for one in losses)


def test_both_sides_learn_from_one_pass(config: Path, data: Path) -> None:
    training = prepare(read_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))

    def state(network: nn.Module) -> torch.Tensor:
        return torch.cat([value.flatten().float() for value in network.state_dict().values()]).clone()

    before = {name: state(network) for name, network in training.networks.items()}
    training.step(training.batch(0), 0, fabric)
    for name, network in training.networks.items():
        assert (state(network) != before[name]).any(), name


def test_a_model_can_be_trained_with_the_stain_apart(config: Path, data: Path, tmp_path: Path) -> None:
    text = CONFIG.replace("latent_size = 4", "latent_size = 13").replace("hidden =", "stain = true\nhidden =")
    config.write_text(text)
    model = load_model(train_paint(config, data, tmp_path / "run", device="cpu", say=_silent), device="cpu")
    assert model.has_stain
    assert model.latent_bank is not None
    picture = next((data / "images").iterdir())
    np.testing.assert_allclose(model.encode(read_image(picture))[4:], read_stain(read_image(picture)))
    assert np.abs(model.latent_bank[:, 4:] - read_stain(read_image(picture))).max() < 1.5


def test_random_looks_have_usual_stains(
    config: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data, tmp_path / "violet")
    first, second = sorted((tmp_path / "violet/images").iterdir())[:2]
    save_image(first, (read_image(first) * [0.4, 0.5, 1]).astype(np.uint8))
    config.write_text(
        CONFIG.replace("latent_size = 4", "latent_size = 13").replace("hidden =", "stain = true\nhidden =")
    )
    monkeypatch.setattr("napari_histosynth.paint.training.KNOWN_LOOKS", 1)
    model = load_model(
        train_paint(config, tmp_path / "violet", tmp_path / "run", device="cpu", say=_silent), device="cpu"
    )
    assert model.latent_bank is not None
    np.testing.assert_allclose(model.latent_bank[:, 4:], read_stain(read_image(second))[None], atol=1e-2)


def test_a_model_learns_to_show_grades(config: Path, data: Path, tmp_path: Path) -> None:
    graded = tmp_path / "graded"
    shutil.copytree(data, graded)
    rows = (data / "patients.csv").read_text().splitlines()
    table = [rows[0] + ",grade"] + [f"{row},{'low' if i else 'high'}" for i, row in enumerate(rows[1:])]
    (graded / "patients.csv").write_text("\n".join(table))
    text = CONFIG.replace("[data]", '[data]\ngrade_column = "grade"\ngrades = {low = 0.0, high = 1.0}')
    config.write_text(text + "[loss]\ngrade = 1\nlabels = 1\n")
    out = train_paint(config, graded, tmp_path / "run", device="cpu", say=_silent)
    assert find_model(out).read_tensors()["latent.grade"].shape == (5,)


def test_grades_that_nobody_named_are_one_sentence(config: Path) -> None:
    config.write_text(CONFIG + "[loss]\ngrade = 1\n")
    with pytest.raises(TrainingError, match=r"loss\.grade needs data\.grades"):
        read_config(config)


def test_settled_statistics_belong_to_the_averaged_weights(config: Path, data: Path) -> None:
    training = prepare(read_config(config), data, _silent)
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    for step in range(3):
        training.step(training.batch(step), step, fabric)
    settled, again = training.settled(fabric), training.settled(fabric)
    stale = training.average.state_dict()
    name = "generator.blocks.2.modulate_0.norm.running_mean"
    assert (settled.state_dict()[name] != stale[name]).any()
    torch.testing.assert_close(settled.state_dict(), again.state_dict(), atol=0, rtol=0)
    assert not settled.training


# ---- from a folder of pictures to a model ----


def test_a_run_starts_from_the_model_that_it_names(config: Path, data: Path, tmp_path: Path) -> None:
    out = train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)
    start = f'start = "{out}"\n[model.architecture]'
    config.write_text(CONFIG.replace("[model.architecture]", start).replace("colon-3", "colon-2"))
    begun = prepare(read_config(config), data, _silent)
    ended = load_model(out, device="cpu", precision="fp32").generator
    for name, value in begun.generator.state_dict().items():
        if "conv" in name:
            torch.testing.assert_close(value, ended.state_dict()[name], atol=2e-3, rtol=0, msg=name)
    assert int(begun.prior.seen) > 0


def test_a_trained_model_loads_and_draws(config: Path, data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = train_paint(config, data, tmp_path / "run", tmp_path / "little", device="cpu", say=said.append)
    model = load_model(out, device="cpu", precision="fp32")
    assert (model.name, model.um_per_px, model.latent_size) == ("little", 0.62, 4)
    drawn = Canvas(model, example_labels("crypts-cross", (100, 120), 0.62)).render()
    assert drawn.shape == (100, 120, 3)
    assert model.encode(drawn).shape == (4,)
    assert (tmp_path / "run" / "sheet-000004.png").exists()
    assert any("2 pictures to train on, 1 held out" in line for line in said)


def test_steps_can_be_added_later(config: Path, data: Path, tmp_path: Path) -> None:
    train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)
    said: list[str] = []
    train_paint(config, data, tmp_path / "run", steps=6, device="cpu", say=said.append)
    assert "Resuming at step 4 of 6." in said


def test_a_checkpoint_of_another_architecture_is_refused(config: Path, data: Path, tmp_path: Path) -> None:
    train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)
    config.write_text(CONFIG.replace("latent_size = 4", "latent_size = 5").replace("steps = 4", "steps = 6"))
    with pytest.raises(TrainingError, match="does not fit this configuration") as caught:
        train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)
    assert "\n" not in str(caught.value)


def test_the_papers_generator_trains_too(config: Path, data: Path, tmp_path: Path) -> None:
    text = CONFIG.replace('scheme = "colon-3"', 'scheme = "colon-3"\npreset = "paper"')
    text = text.replace(
        "widths = [8, 8, 8, 8, 8]\nhidden = [4, 4, 4, 4, 4]", "width = 16\nhidden = 4\nstart = 1"
    )
    config.write_text(text)
    out = train_paint(config, data, tmp_path / "run", tmp_path / "paper", steps=2, device="cpu", say=_silent)
    model = load_model(out, device="cpu")
    assert model.preset == "paper"
    assert Canvas(model, example_labels("crypts-cross", (64, 64), 0.62)).render().shape == (64, 64, 3)


def test_an_unknown_scheme_is_one_sentence(config: Path, data: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG.replace('scheme = "colon-3"', 'scheme = "liver-7"'))
    with pytest.raises(HistosynthError, match="liver-7"):
        train_paint(config, data, tmp_path / "run", device="cpu", say=_silent)


@pytest.mark.slow
def test_a_killed_process_goes_on_when_started_again(config: Path, data: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of a run; the same command then resumes at the last checkpoint."""
    config.write_text(
        CONFIG.replace("steps = 4", "steps = 100000").replace("sheet_every = 4", "sheet_every = 0")
    )
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "napari_histosynth",
        "train",
        "paint",
        "--config",
        config,
        "--data",
        data,
    ]
    command += ["--run", run, "--device", "cpu", "--threads", "1"]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not (run / "checkpoint.pt").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] > 0
    said: list[str] = []
    train_paint(config, data, run, steps=state["step"] + 1, device="cpu", say=said.append)
    assert f"Resuming at step {state['step']} of {state['step'] + 1}." in said


def test_configurations_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="surprise"):
        PaintConfig.model_validate({"surprise": 1})
