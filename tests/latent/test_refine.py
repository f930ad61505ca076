"""Fitting a latent to a picture: nearer than the encoder's, never worse, and refused where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import Cancelled, ImageError, ModelError
from napari_histosynth.latent.fitting import fit_picture
from napari_histosynth.latent.refine import refine_latent
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.network import build_generator
from napari_histosynth.zoo import ModelCard, write_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PaintModel:
    torch.manual_seed(0)
    shape = {"widths": [8] * 5, "hidden": [6] * 5, "stain": True}
    card = ModelCard(
        name="little", preset="local", scheme="colon-3", um_per_px=0.5, latent_size=13, architecture=shape
    )
    generator = build_generator("local", 4, 13, **shape)
    for name, value in generator.named_parameters():
        if "style" in name:
            value.data.mul_(4)  # untrained, the latent would hardly matter
    tensors = {f"encoder.{k}": v for k, v in StyleEncoder(4).state_dict().items()}
    tensors |= {f"generator.{k}": v for k, v in generator.state_dict().items()}
    folder = write_folder(tmp_path_factory.mktemp("m") / "little", card, tensors)
    return load_model(folder.path, device="cpu", precision="fp32")


def _drawn(model: PaintModel, latent: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from napari_histosynth.paint.canvas import Canvas

    return Canvas(model, labels, latent=latent, seed=3).render()


def _pink(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), (220, 160, 200), np.uint8)


def test_a_fitted_latent_draws_more_like_the_picture(model: PaintModel) -> None:
    labels = example_labels("crypts-cross", (192, 200), 0.5)
    latent = np.concatenate([[1.5, -1.5, 1.0, 1.0], np.zeros(9)]).astype(np.float32)
    picture = _drawn(model, latent, labels)
    told: list[float] = []
    found = refine_latent(model, picture, labels, steps=25, tell=told.append)
    before, after = (
        5 * found.error_before / 127.5 + found.texture_before,
        5 * found.error / 127.5 + found.texture,
    )
    assert after < 0.9 * before
    np.testing.assert_array_equal(found.latent[4:], model.encode(picture)[4:])
    assert told[-1] == 1
    assert told == sorted(told)


def test_the_same_picture_gives_the_same_latent(model: PaintModel) -> None:
    labels = example_labels("crypts-cross", (160, 160), 0.5)
    picture = _drawn(model, np.zeros(13, np.float32), labels)
    first, again = (refine_latent(model, picture, labels, steps=2).latent for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_no_step_is_what_the_encoder_says(model: PaintModel) -> None:
    labels = example_labels("crypts-cross", (160, 160), 0.5)
    picture = _drawn(model, np.zeros(13, np.float32), labels)
    found = refine_latent(model, picture, labels, steps=0)
    np.testing.assert_allclose(found.latent, model.encode(picture), atol=1e-6)
    assert found.error == found.error_before


def test_what_cannot_be_fitted_is_one_sentence(model: PaintModel, tiny_model: Path) -> None:
    picture, labels = _pink(100, 200), np.ones((100, 200), np.uint8)
    with pytest.raises(ImageError, match=r"160 px a side or more at 0\.5 um/px, not 100 x 200"):
        refine_latent(model, picture, labels)
    with pytest.raises(ImageError, match="of one size"):
        refine_latent(model, _pink(200, 200), labels)
    with pytest.raises(ModelError, match="no encoder"):
        refine_latent(load_model(tiny_model, device="cpu"), picture, labels)


def test_fitting_can_be_cancelled(model: PaintModel) -> None:
    picture, labels = _pink(160, 160), np.ones((160, 160), np.uint8)
    with pytest.raises(Cancelled, match="keeps its own"):
        refine_latent(model, picture, labels, is_cancelled=lambda: True)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.full((200, 200), 120, np.uint8), "one channel"),
        (np.full((200, 200, 3), 120, np.uint8), "alike everywhere"),
        (np.full((3, 3, 3), (220, 160, 200), np.uint8), "32 px or more"),
    ],
)
def test_no_look_is_fitted_to_what_has_none(model: PaintModel, picture: np.ndarray, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        fit_picture(model, picture, np.ones(picture.shape[:2], np.uint8))


def test_of_a_huge_picture_only_the_middle_is_fitted(model: PaintModel) -> None:
    # 1.2 GB, were it in memory
    picture = np.broadcast_to(np.array([220, 160, 200], np.uint8), (20_000, 20_000, 3))
    labels = np.broadcast_to(np.uint8(1), (20_000, 20_000))
    found = fit_picture(model, picture, labels, um_per_px=0.5, steps=0)
    assert found.latent.shape == (13,)
