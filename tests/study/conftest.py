"""A little study: four fields of four patients, a model that draws in no time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_image, save_labels
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.network import build_generator
from napari_histosynth.study.budget import Budget
from napari_histosynth.zoo import ModelCard, write_folder

SIDE = 192

CONFIG = """
[model]
name = "little"
scheme = "colon-3"
um_per_px = 0.62
latent_size = 4
[data]
table = "patients.csv"
held_out = ["2", "3"]
[loop]
steps = 4
"""


@pytest.fixture(scope="session")
def tissue() -> Callable[..., npt.NDArray[np.uint8]]:
    """Return a function that makes tissue: round nuclei of one radius in px, on a grid, in pink cytoplasm."""

    def make(radius: float, side: int = 120, apart: int = 20, seed: int = 0) -> npt.NDArray[np.uint8]:
        rows, columns = np.mgrid[:side, :side]
        away = np.hypot(rows % apart - apart / 2, columns % apart - apart / 2)
        picture = np.where((away <= radius)[..., None], (95.0, 55.0, 135.0), (215.0, 150.0, 195.0))
        picture[:, :apart] = (244, 242, 245)  # a rim of glass
        noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def little_budget() -> Budget:
    return Budget(
        seeds=1,
        steps=2,
        drawn=5,
        judge_steps=(1, 2),
        judged=8,
        batch=2,
        crop=64,
        widths=(4, 4, 4, 4),
        halvings=3,
    )


@pytest.fixture(scope="session")
def fields() -> list[Field]:
    """Four fields with blocks of tissue in the colors of H&E."""
    colors = np.array([[245, 243, 246], [226, 160, 200], [190, 130, 190], [90, 50, 130]], np.uint8)
    made = []
    for number in range(4):
        rng = np.random.default_rng(number)
        labels = np.kron(rng.integers(0, 4, (SIDE // 16, SIDE // 16)), np.ones((16, 16))).astype(np.uint8)
        noise = rng.integers(-8, 8, (SIDE, SIDE, 3))
        image = np.clip(colors[labels] + noise, 0, 255).astype(np.uint8)
        made.append(Field(f"field_{number}", str(number), image, (labels,)))
    return made


@pytest.fixture(scope="session")
def little_data(tmp_path_factory: pytest.TempPathFactory, fields: list[Field]) -> Path:
    """Write the fields as a folder of one's own data."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for field in fields:
        save_image(folder / "images" / f"{field.name}.png", field.image)
        save_labels(folder / "labels" / f"{field.name}.png", field.labels[0], get_scheme("colon-3"))
    rows = "".join(f"{field.name},{field.group}\n" for field in fields)
    (folder / "patients.csv").write_text("name,patient ID\n" + rows)
    return folder


@pytest.fixture(scope="session")
def little_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained model with an encoder, and the configuration that says who was held out."""
    torch.manual_seed(0)
    shape = {"widths": [8, 8, 8, 8, 8], "hidden": [4] * 5}
    networks = {"generator": build_generator("local", 4, 4, **shape), "encoder": StyleEncoder(4)}
    card = ModelCard(
        name="little", preset="local", scheme="colon-3", um_per_px=0.62, latent_size=4, architecture=shape
    )
    tensors = {
        f"{part}.{name}": value
        for part, network in networks.items()
        for name, value in network.state_dict().items()
    }
    folder = write_folder(tmp_path_factory.mktemp("models") / "little", card, tensors).path
    (folder / "train.toml").write_text(CONFIG)
    return folder
