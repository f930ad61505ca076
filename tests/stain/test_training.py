"""Training of two stains: configuration, crops, steps, resume, and the folder that comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.io import save_image
from napari_histosynth.stain.config import read_stain_config
from napari_histosynth.stain.data import load_specimens, shown_part
from napari_histosynth.stain.fit import prepare_stain, train_stain
from napari_histosynth.stain.model import load_stain_model
from napari_histosynth.stain.training import Pool

CONFIG = """
[model]
name = "little"
um_per_px = 0.5
architecture = { widths = [4, 8], blocks = 1, steering = 3 }
[data]
[[data.first]]
path = "he*.png"
um_per_px = 0.5
held_out = ["he_1"]
[[data.second]]
path = "ki67.png"
um_per_px = 0.4
held_out_right = 0.3
[loss]
hematoxylin = 1.0
glass = 1.0
steering = 1.0
identity = 0.5
pool = 3
[discriminator]
widths = [4, 8, 8]
[optimizer]
schedule = "paper"
[loop]
steps = 4
batch = 2
crop = 32
checkpoint_every = 2
sheet_every = 4
precision = "32-true"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields of H&E and one of Ki-67: nuclei on a grid, every third brown."""
    folder = tmp_path_factory.mktemp("stains")
    y, x = np.indices((280, 320))
    nuclei = (y % 24 - 12) ** 2 + (x % 24 - 12) ** 2 <= 49
    brown = (y // 24 + x // 24) % 3 == 0
    for number, (tissue, blue) in enumerate(
        [((225, 170, 205), (90, 60, 140)), ((230, 180, 210), (80, 60, 130))]
    ):
        rng = np.random.default_rng(number)
        picture = np.where(nuclei[..., None], blue, tissue) + rng.normal(0, 5, (*nuclei.shape, 3))
        save_image(folder / f"he_{number}.png", picture.clip(0, 255).astype(np.uint8))
    colors = np.where(brown[..., None], (110, 70, 40), (120, 160, 205))
    picture = np.where(nuclei[..., None], colors, (232, 232, 240)) + rng.normal(0, 3, (*nuclei.shape, 3))
    save_image(folder / "ki67.png", picture.clip(0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text(CONFIG)
    return path


def _silent(_: str) -> None:
    pass


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("um_per_px = 0.5\nheld", "um_per_px = 0\nheld", "data.first.0.um_per_px"),
        ("pool = 3", "pool = 3\ncolor = 1", "loss.color"),
        ('name = "little"', 'name = "little"\npreset = "local"', "model.preset"),
    ],
)
def test_a_wrong_configuration_names_the_key(config: Path, was: str, becomes: str, said: str) -> None:
    assert was in CONFIG
    config.write_text(CONFIG.replace(was, becomes))
    with pytest.raises(TrainingError, match=said):
        read_stain_config(config)


def test_the_configuration_that_ships_is_valid(repository: Path) -> None:
    read = read_stain_config(repository / "models" / "ki67-he" / "train.toml")
    assert read.model.stains == ("H&E", "Ki-67")
    assert read.steering == 3


def test_the_four_variants_of_the_paper_are_configurations(config: Path) -> None:
    for skips, weight in ((False, 0.0), (True, 0.0), (False, 5.0), (True, 5.0)):
        architecture = f"architecture = {{ widths = [4, 8], blocks = 1, skips = {str(skips).lower()} }}"
        text = CONFIG.replace("architecture = { widths = [4, 8], blocks = 1, steering = 3 }", architecture)
        config.write_text(text.replace("[loss]", f'[loss]\nssim = {weight}\nadversarial = "log"'))
        read = read_stain_config(config)
        assert read.loss.ssim == weight
        assert read.model.architecture["skips"] is skips


def test_what_is_held_out_is_not_trained_on(data: Path, config: Path) -> None:
    wanted = read_stain_config(config).data
    trained = load_specimens(data, wanted.first, 0.5, second=False, say=_silent)
    held_out = load_specimens(data, wanted.first, 0.5, second=False, held_out=True, say=_silent)
    assert [one.name for one in trained] == ["he_0.png"]
    assert [one.name for one in held_out] == ["he_1.png"]
    left, right = (
        load_specimens(data, wanted.second, 0.5, second=True, held_out=out, say=_silent)[0]
        for out in (False, True)
    )
    assert left.image.shape[1] + right.image.shape[1] == 320
    assert right.image.shape[1] == 96
    assert left.positive is not None
    assert 0.2 < left.positive.mean() < 0.45


def test_a_path_that_matches_nothing_is_one_sentence(data: Path, config: Path) -> None:
    config.write_text(CONFIG.replace("ki67.png", "none.png"))
    with pytest.raises(TrainingError, match=r"is called 'none.png'"):
        prepare_stain(read_stain_config(config), data, _silent)


def test_pictures_too_small_for_the_crops_are_named(data: Path, config: Path) -> None:
    config.write_text(CONFIG.replace("crop = 32", "crop = 256"))
    with pytest.raises(TrainingError, match="too little for crops of 256 px"):
        prepare_stain(read_stain_config(config), data, _silent)


def test_a_batch_is_a_function_of_the_step(data: Path, config: Path) -> None:
    sampler = prepare_stain(read_stain_config(config), data, _silent).sampler
    one, again, other = sampler.batch(3), sampler.batch(3), sampler.batch(4)
    assert set(one) == {"first", "second", "first_planes", "second_planes"}
    assert all(np.array_equal(one[key], again[key]) for key in one)
    assert not np.array_equal(one["first"], other["first"])
    assert one["first"].shape == (2, 32, 32, 3)
    assert one["second_planes"].shape == (2, 3, 32, 32)


def test_planes_lie_where_the_crop_shows_nuclei(data: Path, config: Path) -> None:
    sampler = prepare_stain(read_stain_config(config), data, _silent).sampler
    brown, blue = [], []
    for step in range(6):
        batch = sampler.batch(step)
        for rgb, planes in zip(batch["second"], batch["second_planes"], strict=True):
            brown.append(rgb[planes[0] > 0])
            blue.append(rgb[planes[1] > 0])
    assert np.median(np.concatenate(brown), axis=0)[2] < 60, "positive nuclei are brown"
    assert np.median(np.concatenate(blue), axis=0)[2] > 180, "negative ones are blue"


def test_some_crops_of_he_leave_the_choice_to_the_network(data: Path, config: Path) -> None:
    sampler = prepare_stain(read_stain_config(config), data, _silent).sampler
    known = [bool(planes[2].all()) for step in range(20) for planes in sampler.batch(step)["first_planes"]]
    assert 0 < sum(known) < len(known)


def test_the_shown_part_is_always_the_same(data: Path, config: Path) -> None:
    one = load_specimens(data, read_stain_config(config).data.first, 0.5, second=False, say=_silent)[0]
    (rgb, planes), (again, same) = shown_part(one, 0.5, 64), shown_part(one, 0.5, 64)
    assert rgb.shape == (64, 64, 3)
    assert np.array_equal(rgb, again)
    assert np.array_equal(planes, same)


def test_a_pool_shows_what_it_was_given_before() -> None:
    torch.manual_seed(0)
    pool = Pool(4, 1, 2)
    first = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 2)
    assert torch.equal(pool.exchange(first), first), "it fills up first"
    shown = torch.cat([pool.exchange(torch.full((2, 1, 2, 2), 9.0)) for _ in range(8)])
    old = shown[:, 0, 0, 0] < 9
    assert 0 < old.sum() < len(shown)
    assert torch.equal(Pool(0, 1, 2).exchange(first), first)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps in one go."""
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "train.toml"
    path.write_text(CONFIG)
    train_stain(path, data, folder / "whole", say=_silent, device="cpu")
    return folder


def test_a_run_ends_with_a_model_of_both_directions(trained: Path) -> None:
    model = load_stain_model(trained / "whole" / "model", device="cpu", precision="fp32")
    assert model.stains == ("H&E", "Ki-67")
    rgb = np.full((32, 32, 3), 200, np.uint8)
    assert model.draw(rgb).shape == model.draw(rgb, reverse=True).shape == (32, 32, 3)
    assert model.generator().steering == 3
    assert model.generator(reverse=True).steering == 0
    assert (trained / "whole" / "sheet-000004.png").exists()


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(trained: Path, data: Path) -> None:
    path = trained / "train.toml"
    train_stain(path, data, trained / "parts", say=_silent, device="cpu", steps=2)
    said: list[str] = []
    train_stain(path, data, trained / "parts", say=said.append, device="cpu")
    assert any("Resuming at step 2" in line for line in said)
    one, other = (
        torch.load(trained / part / "checkpoint.pt", weights_only=True)["networks"]
        for part in ("parts", "whole")
    )
    for name in one:
        for key in one[name]:
            assert torch.equal(one[name][key], other[name][key]), (name, key)


def test_a_model_of_one_direction_says_so(stain_folder: object) -> None:
    model = load_stain_model(stain_folder("compact", ("forward",)), device="cpu")  # type: ignore[operator]
    with pytest.raises(ModelError, match="does not turn Ki-67 into H&E"):
        model.generator(reverse=True)


def test_a_model_of_tissue_is_no_model_of_stains() -> None:
    with pytest.raises(ModelError, match="no model of two stains"):
        load_stain_model("colon-3class")
