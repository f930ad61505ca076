"""The perceptual hash, and the network that it describes pictures by."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_histosynth.study.stainhash import find_features, hash_bits, hash_similarity


class Little(nn.Module):
    """A network with the layer that counts: it hands on the mean color."""

    def __init__(self) -> None:
        super().__init__()
        self.layer2 = nn.Conv2d(3, 3, 1, bias=False)
        self.rest = nn.Conv2d(3, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, y, x)."""
        return self.rest(self.layer2(x))


@pytest.fixture
def resnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pretend that torchvision is installed; return the folder of its weights, empty."""
    models = ModuleType("torchvision.models")

    def resnet18(weights: Any) -> Little:
        assert weights is None  # never asks for a download
        return Little()

    models.resnet18 = resnet18  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_half_of_the_numbers_are_above_their_median_whatever_their_scale() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 48))
    bits = hash_bits(vectors)
    assert (bits.sum(1) == 24).all()
    assert (hash_bits(7 * vectors + 3) == bits).all()


def test_similarity_is_the_share_of_bits_that_agree() -> None:
    vectors = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3]], float)
    assert hash_similarity(vectors[:1], vectors).tolist() == [[1, 0, 0.5]]
    assert np.allclose(np.diag(hash_similarity(vectors, vectors)), 1)


def test_without_weights_of_resnet_the_tissue_network_describes_and_says_so(resnet: Path) -> None:
    features = find_features(0.5, device="cpu")
    assert not features.photographs
    assert "gland-segmenter" in features.name
    assert "ResNet-18 is not on this machine" in features.name
    pictures = [np.full((192, 192, 3), level, np.uint8) for level in (240, 120)]
    vectors = features.channel_means(pictures)
    assert vectors.shape == (2, 48)
    assert hash_similarity(vectors[:1], vectors[1:])[0, 0] < 1


def test_weights_of_resnet_that_are_there_are_used(resnet: Path) -> None:
    network = Little()
    with torch.no_grad():
        network.layer2.weight.copy_(torch.eye(3)[..., None, None])
    torch.save(network.state_dict(), resnet / "resnet18-f37072fd.pth")
    features = find_features(0.5, device="cpu")
    assert features.photographs
    assert "as in the paper" in features.name
    white = features.channel_means([np.full((8, 8, 3), 255, np.uint8)])[0]
    expected = (1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])  # ImageNet's
    assert white == pytest.approx(expected, abs=1e-4)
