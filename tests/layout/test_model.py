"""Models of layouts: loading, drawing, encoding, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, ModelError
from napari_histosynth.layout.model import load_layout_model

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel


def test_a_model_says_what_it_draws(tiny_layout_model: LayoutModel) -> None:
    assert tiny_layout_model.name == "tiny-layout"
    assert tiny_layout_model.size == 32
    assert tiny_layout_model.cell * 4 == 32
    assert tiny_layout_model.um_per_px == 1.24
    assert tiny_layout_model.scheme.name == "colon-2"
    assert tiny_layout_model.grades[0] == "healthy"
    assert tiny_layout_model.style_size == 6 + 5


def test_fields_do_not_depend_on_what_is_drawn_beside_them(tiny_layout_model: LayoutModel) -> None:
    latents = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    grades = np.eye(5, dtype=np.float32)[[0, 2, 4]]
    images, labels = tiny_layout_model.draw(latents, grades)
    assert images.shape == (3, 32, 32, 3)
    assert labels.shape == (3, 3, 32, 32)
    for number in range(3):
        image, label = tiny_layout_model.draw(latents[number : number + 1], grades[number : number + 1])
        np.testing.assert_array_equal(image[0], images[number])
        np.testing.assert_array_equal(label[0], labels[number])


def test_fields_are_those_of_the_network(tiny_layout_model: LayoutModel) -> None:
    latents = np.random.default_rng(1).standard_normal((1, 6)).astype(np.float32)
    grades = np.eye(5, dtype=np.float32)[:1]
    with torch.inference_mode():
        drawn = tiny_layout_model.generator(torch.tensor(latents), torch.tensor(grades))[0].numpy()
    image, labels = tiny_layout_model.draw(latents, grades)
    np.testing.assert_allclose(labels[0], drawn[3:], atol=1e-6)
    inside = np.abs(drawn[:3]) < 1
    picture = image[0].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    assert inside.mean() > 0.2
    np.testing.assert_allclose(picture[inside], drawn[:3][inside], atol=0.5 / 127.5 + 1e-4)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("moderately", "moderately differentiated"),
        ("Moderately-to", "moderately-to-poorly differentiated"),
        ("poor", "poorly differentiated"),
    ],
)
def test_a_grade_is_known_by_how_it_begins(tiny_layout_model: LayoutModel, given: str, meant: str) -> None:
    weights = tiny_layout_model.grade_weights(given)
    assert weights.sum() == 1
    assert tiny_layout_model.grades[weights.argmax()] == meant
    np.testing.assert_allclose(tiny_layout_model.grade_weights(""), 0.2)


def test_encoding_sees_picture_and_labels_at_the_scale_of_the_model(tiny_layout_model: LayoutModel) -> None:
    rng = np.random.default_rng(2)
    image = np.kron(rng.integers(0, 255, (32, 32, 3), np.uint8), np.ones((2, 2, 1), np.uint8))
    labels = np.kron(rng.integers(0, 3, (32, 32), np.uint8), np.ones((2, 2), np.uint8))
    latent, weights = tiny_layout_model.encode(image[::2, ::2], labels[::2, ::2], 1.24)
    assert latent.shape == (6,)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    seen = np.concatenate(
        [
            image[::2, ::2].transpose(2, 0, 1) / 127.5 - 1,
            2.0 * (np.arange(3)[:, None, None] == labels[::2, ::2]) - 1,
        ]
    ).astype(np.float32)
    with torch.inference_mode():
        found = tiny_layout_model.encoder(torch.tensor(seen)[None])[0].numpy()  # type: ignore[misc]
    expected = found[:6] / np.sqrt(np.square(found[:6]).mean())  # only the direction counts
    np.testing.assert_allclose(latent, expected, atol=1e-5)
    other = tiny_layout_model.encode(image[::2, ::2], (labels[::2, ::2] + 1) % 3, 1.24)[0]
    assert np.abs(other - latent).max() > 1e-3
    # of a larger picture its middle, of a smaller one what a mirror adds
    wide = np.pad(image[::2, ::2], ((9, 9), (20, 20), (0, 0)))
    wide_labels = np.pad(labels[::2, ::2], ((9, 9), (20, 20)))
    np.testing.assert_allclose(tiny_layout_model.encode(wide, wide_labels, 1.24)[0], latent, atol=1e-5)
    assert tiny_layout_model.encode(image[:10, :14], labels[:10, :14], 0.62)[0].shape == (6,)


def test_what_cannot_be_encoded_is_said(tiny_layout_model: LayoutModel) -> None:
    image, labels = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(ImageError, match="one size"):
        tiny_layout_model.encode(image, labels[:4], 1.24)
    with pytest.raises(ImageError, match="must be uint8"):
        tiny_layout_model.encode(image[..., 0], labels, 1.24)
    with pytest.raises(LabelMapError, match="no class of colon-2"):
        tiny_layout_model.encode(image, labels + 7, 1.24)
    with pytest.raises(ImageError, match="positive"):
        tiny_layout_model.encode(image, labels, 0.0)


def test_a_model_without_an_encoder_draws_and_says_that_it_encodes_nothing(
    write_layout_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = load_layout_model(write_layout_model(tmp_path, encoder=False), device="cpu")
    model.draw(np.zeros((1, 6)) + 1, np.eye(5)[:1])
    with pytest.raises(ModelError, match="has no encoder"):
        model.encode(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), 1.24)


def test_other_models_are_refused(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="makes no new tissue"):
        load_layout_model(tiny_model)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": {"widths": [8, 8, 8, 8], "channels": 3, "grades": []}},  # draws no labels
        {"architecture": {"channels": 6}},  # what cannot be built
        {"architecture": {"widths": [8, 8, 8], "channels": 6, "encoder": [8, 8, 8]}},  # of other weights
        {"scheme": "nothing-2"},
    ],
)
def test_broken_folders_are_refused_in_a_sentence(
    write_layout_model: Callable[..., Path], tmp_path: Path, change: dict[str, object]
) -> None:
    folder = write_layout_model(tmp_path, **{"name": "broken", **change})
    with pytest.raises(HistosynthError, match=r"^The model 'broken' in .*\.$"):
        load_layout_model(folder, device="cpu")
