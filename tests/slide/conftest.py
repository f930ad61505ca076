"""Fixtures of the slide craft: a small model that was never trained, with a palette made up here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

WIDTHS, HIDDEN = [8, 8, 8, 6, 4], [4, 4, 4, 4, 4]


@pytest.fixture(scope="session")
def slide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, "tiny-slide", untrained and seeded: it enlarges, adds grain, and differs by level."""
    import torch

    from napari_histosynth.slide.network import build_refiner
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(0)
    refiner = build_refiner(widths=WIDTHS, hidden=HIDDEN)
    with torch.no_grad():
        refiner.body.to_rgb.weight.mul_(4)
    mean = np.array(
        [[0.03, 0.03, 0.03], [0.2, 0.5, 0.3], [0.6, 0.9, 0.4], [0.8, 1.0, 0.5], [0.3, 0.7, 0.4]], np.float32
    )
    covariance = np.stack([np.eye(3, dtype=np.float32) * s for s in (1e-5, 4e-3, 4e-3, 4e-3, 4e-3)])
    tensors = {f"refiner.{name}": value for name, value in refiner.state_dict().items()}
    tensors["palette.mean"] = torch.from_numpy(np.stack([mean, 0.9 * mean]))
    tensors["palette.covariance"] = torch.from_numpy(np.stack([covariance, covariance]))
    card = ModelCard(
        name="tiny-slide",
        system="slide",
        preset="compact",
        scheme="slide-layout",
        um_per_px=0.5,
        latent_size=0,
        architecture={"widths": WIDTHS, "hidden": HIDDEN},
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-slide"
    write_folder(folder, card, tensors)
    return folder


@pytest.fixture(scope="session")
def tiny_slide_model(slide_folder: Path) -> object:
    """The model of :func:`slide_folder`, on the CPU in fp32."""
    from napari_histosynth.slide.model import load_slide_model

    return load_slide_model(slide_folder, device="cpu", precision="fp32")
