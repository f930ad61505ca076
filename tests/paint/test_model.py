"""Loading paint models: what fits, what is refused, what latents are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import DeviceError, ImageError, ModelError
from napari_histosynth.core.stain import read_stain, stain_colors
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.network import build_generator
from napari_histosynth.zoo import ModelCard, write_folder

SHAPE = {"widths": [8, 8, 8, 8, 8], "hidden": [4] * 5}


def _write(path: Path, **extra: torch.Tensor) -> Path:
    torch.manual_seed(0)
    tensors = {f"generator.{k}": v for k, v in build_generator("local", 4, 4, **SHAPE).state_dict().items()}
    tensors |= {f"encoder.{k}": v for k, v in StyleEncoder(4).state_dict().items()}
    card = ModelCard(
        name=path.name, system="shi-gan", preset="local", scheme="colon-3", um_per_px=0.5, latent_size=4,
        architecture=SHAPE,
    )  # fmt: skip
    write_folder(path, card, tensors | extra)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PaintModel:
    return load_model(_write(tmp_path_factory.mktemp("m") / "whole"), device="cpu", precision="fp32")


def test_a_latent_follows_from_its_seed(model: PaintModel) -> None:
    first, again, other = model.sample_latent(5), model.sample_latent(5), model.sample_latent(6)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (4,)
    assert first.dtype == np.float32
    assert (first != other).any()


def test_latents_are_standard_normal_unless_the_model_says_otherwise(model: PaintModel) -> None:
    drawn = np.stack([model.sample_latent(seed) for seed in range(1500)])
    assert np.abs(drawn.mean(0)).max() < 0.1
    assert np.abs(np.cov(drawn.T) - np.eye(4)).max() < 0.12


def test_a_picture_that_may_not_be_written_is_encoded(model: PaintModel) -> None:
    picture = np.full((40, 40, 3), (200, 150, 190), np.uint8)
    picture.flags.writeable = False
    assert model.encode(picture).shape == (4,)


def test_random_looks_lie_between_looks_that_are_alike(tmp_path: Path) -> None:
    near, far = torch.rand(30, 4), torch.rand(30, 4) + 10
    bank = {"latent.bank": torch.cat([near, far])}
    placed = load_model(_write(tmp_path / "clumps", **bank), device="cpu")
    drawn = np.stack([placed.sample_latent(seed).mean() for seed in range(300)])
    assert ((drawn <= 1) | (drawn >= 10)).all()
    assert 90 < (drawn <= 1).sum() < 210


def test_one_known_look_is_every_look(tmp_path: Path) -> None:
    placed = load_model(_write(tmp_path / "one", **{"latent.bank": torch.ones(1, 4)}), device="cpu")
    assert placed.sample_latent(3).tolist() == [1, 1, 1, 1]


def test_a_model_may_say_where_its_latents_lie(tmp_path: Path) -> None:
    bank = torch.tensor([[3.0, 0, 0, -3], [5.0, 0, 0, -3], [3.0, 1, 0, -3]])
    placed = load_model(_write(tmp_path / "placed", **{"latent.bank": bank}), device="cpu")
    drawn = np.stack([placed.sample_latent(seed) for seed in range(600)])
    assert drawn.min(0) == pytest.approx([3, 0, 0, -3], abs=0.03)
    assert drawn.max(0) == pytest.approx([5, 1, 0, -3], abs=0.03)
    inside = drawn[:, 0] / 2 + drawn[:, 1]  # a point of the triangle's plane, 1.5 to 2.5 between its corners
    assert inside.max() <= 2.5 + 1e-5
    assert len(np.unique(drawn[:, 0])) > 200


def test_a_misshapen_latent_part_is_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path / "bad", **{"latent.bank": torch.zeros(7, 5)})
    with pytest.raises(ModelError, match=r"latent.bank.*\(7, 5\).*\(n, 4\)"):
        load_model(folder, device="cpu")


def test_the_encoder_reads_pictures_of_any_size(model: PaintModel) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (70, 45, 3), np.uint8)
    assert model.encode(picture).shape == (4,)
    mirrored = model.encode(np.ascontiguousarray(picture[:, ::-1]))
    # the look does not depend on where things are, but for the convolutions' own lattice
    assert np.abs(mirrored - model.encode(picture)).max() < 0.5


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((40, 50), np.uint8), r"gray \(40 x 50 px, one channel\)"),
        (np.full((40, 40, 3), 120, np.uint8), "its three channels are alike"),
        (np.zeros((40, 40, 3), np.float32), r"uint8 \(y, x, 3\), not float32"),
        (np.zeros((40, 40, 4), np.uint8), r"uint8 \(y, x, 3\), not uint8 \(40, 40, 4\)"),
        (np.zeros((3, 40, 3), np.uint8), "32 px or more a side at the model's scale, not 3 x 40"),
    ],
)
def test_what_is_no_picture_has_no_latent(model: PaintModel, picture: np.ndarray, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        model.encode(picture)


def _stained(path: Path, **extra: torch.Tensor) -> PaintModel:
    torch.manual_seed(0)
    shape = {"widths": [8] * 5, "hidden": [4] * 5, "stain": True}
    card = ModelCard(
        name="stained", preset="local", scheme="colon-3", um_per_px=0.5, latent_size=13, architecture=shape
    )
    tensors = {f"encoder.{k}": v for k, v in StyleEncoder(4).state_dict().items()}
    tensors |= {f"generator.{k}": v for k, v in build_generator("local", 4, 13, **shape).state_dict().items()}
    return load_model(write_folder(path, card, tensors | extra).path, device="cpu", precision="fp32")


def test_a_latent_may_end_in_the_stain_of_the_picture(tmp_path: Path) -> None:
    model = _stained(tmp_path / "stained")
    assert model.has_stain
    colors = stain_colors(np.zeros(9))
    picture = np.full((48, 48, 3), colors[1], np.uint8)
    picture[::3] = colors[0]
    picture[:, :12] = colors[2]
    blue = 0.7 * picture + 0.3 * np.array([40, 40, 255])
    plain, stained = (model.encode(one.astype(np.uint8)) for one in (picture, blue))
    np.testing.assert_array_equal(plain[4:], read_stain(picture))
    assert np.abs(stained[4:] - plain[4:]).max() > 0.3
    assert np.abs(stained[:4] - plain[:4]).max() < 0.1 * np.abs(plain[:4]).max()


def test_random_looks_mix_stains_apart_from_the_rest(tmp_path: Path) -> None:
    kinds = torch.arange(40.0)[:, None].expand(-1, 13) // 20 * 10  # two kinds of tissue, each in its stain
    model = _stained(tmp_path / "mixed", **{"latent.bank": kinds + torch.rand(40, 13)})
    drawn = np.stack([model.sample_latent(seed) for seed in range(80)])
    style, stain = (part.mean(1) > 5 for part in np.split(drawn, [4], axis=1))
    assert {(bool(a), bool(b)) for a, b in zip(style, stain, strict=True)} == {
        (a, b) for a in (False, True) for b in (False, True)
    }
    np.testing.assert_array_equal(model.sample_latent(3), model.sample_latent(3))


def test_a_model_without_encoder_says_so(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="no encoder"):
        load_model(tiny_model, device="cpu").encode(np.zeros((40, 40, 3), np.uint8))


def test_precision_and_device_are_known(model: PaintModel, tiny_model: Path) -> None:
    assert (model.precision, model.device.type) == ("fp32", "cpu")
    assert load_model(tiny_model, device="cpu", precision="bf16").precision == "bf16"
    with pytest.raises(DeviceError):
        load_model(tiny_model, device="abacus")


def test_bf16_draws_nearly_the_same(tiny_model: Path) -> None:
    from napari_histosynth.paint.canvas import Canvas

    labels = np.random.default_rng(0).integers(0, 4, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
    exact, rough = (
        Canvas(load_model(tiny_model, device="cpu", precision=name), labels).render().astype(int)
        for name in ("fp32", "bf16")
    )
    assert np.abs(exact - rough).mean() < 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "pickle"])
def test_damaged_weights_are_one_sentence(tiny_model: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_model, folder)
    weights = folder / "weights.safetensors"
    content = weights.read_bytes()
    if damage == "truncated":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "pickle":
        weights.write_bytes(b"\x80\x04cos\nsystem\n")
    else:
        weights.unlink()
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        load_model("no-such-model")
