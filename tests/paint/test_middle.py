"""Looks of large pictures are read from their middle, and nothing else of them is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from napari_histosynth.core.errors import ImageError
from napari_histosynth.io import save_image, save_ome_tiff
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.inputs import latent_of_file, latent_of_picture
from napari_histosynth.paint.middle import middle_of, read_he_middle
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.network import build_generator
from napari_histosynth.zoo import ModelCard, write_folder

PINK = (220, 160, 200)


class Lazy:
    """A picture that remembers what was read of it."""

    def __init__(self, height: int, width: int) -> None:
        self.shape, self.read = (height, width, 3), []

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray[Any, Any]:
        size = [len(range(*part.indices(side))) for part, side in zip(key, self.shape, strict=False)]
        self.read.append(tuple(size))
        rgb = np.full((*size, 3), PINK, np.uint8)
        rgb[::7, ::5] = (90, 50, 130)
        return rgb


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PaintModel:
    torch.manual_seed(0)
    shape = {"widths": [8] * 5, "hidden": [4] * 5, "stain": True}
    card = ModelCard(
        name="little", preset="local", scheme="colon-2", um_per_px=1.0, latent_size=12, architecture=shape
    )
    tensors = {f"encoder.{k}": v for k, v in StyleEncoder(3).state_dict().items()}
    tensors |= {f"generator.{k}": v for k, v in build_generator("local", 3, 12, **shape).state_dict().items()}
    folder = write_folder(tmp_path_factory.mktemp("m") / "little", card, tensors)
    return load_model(folder.path, device="cpu", precision="fp32")


def test_of_a_huge_picture_only_the_middle_is_read(model: PaintModel) -> None:
    picture = Lazy(20_000, 20_000)
    assert latent_of_picture(picture, 0.5, model).shape == (12,)
    assert picture.read == [(2048, 2048)]


def test_the_middle_is_in_the_middle() -> None:
    rows = np.arange(101)[:, None] * np.ones(50, int)
    middle = middle_of(rows, 0.5, 1.0, 10)
    assert middle.shape == (20, 20)
    assert middle[0, 0] == 40
    assert middle_of(rows, 2.0, 1.0, 200).shape == (101, 50)


def test_of_a_slide_the_level_that_suffices_is_read(tmp_path: Path) -> None:
    rgb = np.full((2400, 2400, 3), PINK, np.uint8)
    rgb[1000:1400, 1000:1400] = (90, 50, 130)
    save_ome_tiff(tmp_path / "slide.ome.tif", rgb, um_per_px=0.25)
    middle, scale = read_he_middle(tmp_path / "slide.ome.tif", 0.5, 100)
    assert scale == pytest.approx(0.5)
    assert middle.shape == (100, 100, 3)
    assert (middle == (90, 50, 130)).all()


def test_a_scale_that_is_given_counts_before_that_of_the_file(tmp_path: Path) -> None:
    save_image(tmp_path / "he.png", np.full((300, 300, 3), PINK, np.uint8))
    assert read_he_middle(tmp_path / "he.png", 1.0, 100)[0].shape == (100, 100, 3)
    middle, scale = read_he_middle(tmp_path / "he.png", 1.0, 100, 0.5)
    assert (middle.shape, scale) == ((200, 200, 3), 0.5)


@pytest.mark.parametrize(
    ("picture", "um_per_px", "said"),
    [
        (np.full((64, 64), 120, np.uint8), 1.0, r"gray \(64 x 64 px"),
        (np.full((64, 64, 3), 120, np.uint8), 1.0, "alike everywhere"),
        (np.full((3, 3, 3), PINK, np.uint8), 1.0, "3 x 3 px at 1 um/px.*32 px or more"),
        (np.full((60, 60, 3), PINK, np.uint8), 0.25, "15 x 15 at the 1 um/px of 'little'"),
        (np.full((60, 60, 3), PINK, np.uint16), 1.0, "not uint16"),
        (np.full((60, 60, 3), PINK, np.uint8), float("nan"), "nan um per px is impossible"),
    ],
)
def test_what_has_no_look_is_one_sentence(
    model: PaintModel, picture: np.ndarray, um_per_px: float, said: str
) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        latent_of_picture(picture, um_per_px, model)
    assert "\n" not in str(caught.value)


def test_a_picture_file_of_20000_px_is_refused_before_it_is_decoded(
    model: PaintModel, tmp_path: Path
) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    with pytest.raises(ImageError, match="20,000 x 20,000 px; at most 16,384"):
        latent_of_file(tmp_path / "huge.png", model)
