"""What the tests of stains share: tiny untrained models of two stains, and something like tissue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def stain_folder(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that writes a model folder of untrained generators and returns it."""
    import torch

    from napari_histosynth.stain.network import build_stain_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    def build(
        preset: str = "compact", directions: tuple[str, ...] = ("forward", "reverse"), **architecture: Any
    ) -> Path:
        torch.manual_seed(1)
        shape = {"widths": [8, 16], "blocks": 1, **architecture}
        card = ModelCard(
            name="tiny-stain", title="Tiny, untrained", system="stain", preset=preset, latent_size=0,
            stains=("H&E", "Ki-67"), um_per_px=0.5, architecture=shape, terms="none", data="none",
        )  # fmt: skip
        tensors = {}
        for direction in directions:
            own = dict(shape)
            if direction == "reverse":
                own.pop("steering", None)
            generator = build_stain_generator(preset, **own)
            tensors |= {f"{direction}.{name}": value for name, value in generator.state_dict().items()}
        return write_folder(tmp_path_factory.mktemp("stains") / "tiny-stain", card, tensors).path

    return build


@pytest.fixture(scope="session")
def local_folder(stain_folder: Build) -> Path:
    """Return a local model (each pixel normalized by itself) that can be steered."""
    return stain_folder("compact", steering=3)


@pytest.fixture(scope="session")
def instance_folder(stain_folder: Build) -> Path:
    """Return a model with InstanceNorm, as the paper has it, forward only."""
    return stain_folder("paper", ("forward",))


@pytest.fixture(scope="session")
def he() -> np.ndarray:
    """Return pink tissue with grain, blue nuclei and a pale lumen, uint8 (210, 300, 3)."""
    rng = np.random.default_rng(5)
    rgb = np.full((210, 300, 3), (222, 160, 200), np.float64)
    y, x = np.mgrid[:210, :300]
    for cy, cx in rng.uniform((0, 0), (210, 300), (90, 2)):
        rgb[(y - cy) ** 2 + (x - cx) ** 2 < 36] = (96, 66, 150)
    rgb[(y - 60) ** 2 + (x - 200) ** 2 < 900] = (243, 240, 244)
    rgb[..., 0] -= x / 10  # stain that fades along the slide
    return np.clip(rgb + rng.normal(0, 6, rgb.shape), 0, 255).astype(np.uint8)
