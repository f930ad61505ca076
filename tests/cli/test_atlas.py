"""`histosynth atlas build`: what it writes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_histosynth.io import read_provenance, save_image
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.network import build_generator
from napari_histosynth.zoo import ModelCard, check_places, find_model, write_folder

CONFIG = """
[model]
name = "graded"
scheme = "colon-2"
um_per_px = 1.0
latent_size = 3
[data]
table = "grades.csv"
grade_column = "grade"
grades = { healthy = 0.0, poor = 1.0 }
[loop]
steps = 1
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    shape = {"widths": [8] * 5, "hidden": [4] * 5}
    card = ModelCard(
        name="graded", preset="local", scheme="colon-2", um_per_px=1.0, latent_size=3, architecture=shape
    )
    tensors = {f"encoder.{k}": v for k, v in StyleEncoder(3).state_dict().items()}
    tensors |= {f"generator.{k}": v for k, v in build_generator("local", 3, 3, **shape).state_dict().items()}
    folder = write_folder(tmp_path / "graded", card, tensors).path
    (folder / "train.toml").write_text(CONFIG)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "slides" / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["name,patient ID,grade"]
    for number in range(4):
        save_image(
            tmp_path / "slides" / "images" / f"{number}.png", rng.integers(0, 255, (64, 64, 3), np.uint8)
        )
        lines.append(f"{number},{number},{('healthy', 'poor')[number % 2]}")
    (tmp_path / "slides" / "grades.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "slides"


def test_places_and_map_come_to_lie_beside_the_weights(
    run: Callable[..., Any], model: Path, data: Path
) -> None:
    ended = run("atlas", "build", "--model", model, "--data", data, "--no-neighbors")
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "2 named places and a map of 4 latents" in ended.out
    assert "healthy, poor" in ended.out
    check_places(find_model(model))
    assert "slides" in run("anchors", "list", "--model", model).out


def test_a_model_without_its_configuration_is_one_sentence(
    run: Callable[..., Any], model: Path, data: Path
) -> None:
    (model / "train.toml").unlink()
    ended = run("atlas", "build", "--model", model, "--data", data)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert not (model / "atlas.safetensors").exists()


def test_the_map_is_drawn_as_a_picture_that_says_what_made_it(
    run: Callable[..., Any], model: Path, data: Path, tmp_path: Path
) -> None:
    run("atlas", "build", "--model", model, "--data", data, "--no-neighbors")
    first, second = tmp_path / "map.png", tmp_path / "again.png"
    ended = run("atlas", "show", "--model", model, "-o", first, "--by", "components")
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "4 latents of graded and 2 named places" in ended.out
    made = read_provenance(first)
    assert made is not None
    assert made.synthetic
    assert made.extra["thumbnails"] == ["healthy", "poor"]
    run("atlas", "show", "--model", model, "-o", second, "--by", "components")
    assert second.read_bytes() == first.read_bytes()


def test_a_model_without_a_map_is_one_sentence_that_says_how_to_make_one(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    ended = run("atlas", "show", "--model", model, "-o", tmp_path / "map.png")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert f"histosynth atlas build --model {model}" in ended.err
    assert not (tmp_path / "map.png").exists()
