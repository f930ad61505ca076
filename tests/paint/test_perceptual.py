"""VGG-19's features: the published network, frozen, and one sentence for weights that cannot be used."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_histosynth.core.errors import ModelError
from napari_histosynth.paint.perceptual import PerceptualLoss, find_vgg19

# Parameters of VGG-19 as published, and of its three fully connected layers.
ALL_PARAMETERS = 143_667_240
CLASSIFIER = (25_088 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000


def random_weights() -> dict[str, Tensor]:
    """Return convolution weights under torchvision's names that keep activations in range."""
    random = torch.Generator().manual_seed(0)
    widths = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    layers = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    state: dict[str, Tensor] = {}
    before = 3
    for layer, width in zip(layers, widths, strict=True):
        scale = (2 / (9 * before)) ** 0.5
        state[f"features.{layer}.weight"] = torch.randn(width, before, 3, 3, generator=random) * scale
        state[f"features.{layer}.bias"] = torch.randn(width, generator=random) * 0.01
        before = width
    return state


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save random weights as torchvision's file has them, with a piece of the classifier."""
    path = tmp_path_factory.mktemp("vgg") / "vgg19-00000000.pth"
    torch.save({**random_weights(), "classifier.6.bias": torch.zeros(1000)}, path)
    return path


@pytest.fixture(scope="module")
def loss(weights: Path) -> PerceptualLoss:
    return PerceptualLoss(weights)


def picture(seed: int, side: int = 32) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_network_has_the_published_number_of_parameters(loss: PerceptualLoss) -> None:
    assert sum(p.numel() for p in loss.parameters()) == ALL_PARAMETERS - CLASSIFIER


def test_features_are_a_sixteenth_of_the_picture_and_may_be_negative(loss: PerceptualLoss) -> None:
    features = loss.network(picture(0, 48))
    assert features.shape == (2, 512, 3, 3)
    assert features.min() < 0


def test_pictures_are_normalized_as_for_imagenet(loss: PerceptualLoss) -> None:
    mean_color = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    seen = []
    first = loss.network.features[0]
    handle = first.register_forward_hook(lambda _module, given, _out: seen.append(given[0]))
    loss.network(mean_color * 2 - 1)
    handle.remove()
    assert seen[0].abs().max() < 1e-5


def test_a_picture_does_not_differ_from_itself(loss: PerceptualLoss) -> None:
    assert float(loss(picture(0), picture(0))) == 0


def test_the_loss_is_the_mean_absolute_difference_of_features(loss: PerceptualLoss) -> None:
    wanted = (loss.network(picture(0)) - loss.network(picture(1))).abs().mean()
    assert float(loss(picture(0), picture(1))) == pytest.approx(float(wanted), rel=1e-6)
    assert float(wanted) > 0


def test_gradients_reach_the_drawn_picture_and_nothing_else(loss: PerceptualLoss) -> None:
    drawn, real = picture(0).requires_grad_(), picture(1).requires_grad_()
    loss(drawn, real).backward()
    assert drawn.grad is not None
    assert drawn.grad.abs().sum() > 0
    assert real.grad is None
    assert all(p.grad is None for p in loss.parameters())


def test_weights_are_found_in_the_cache_of_torch_hub(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert find_vgg19() is None
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "vgg19_bn-c79401a0.pth").touch()
    assert find_vgg19() is None
    (checkpoints / "vgg19-dcbb9e9d.pth").touch()
    assert find_vgg19() == checkpoints / "vgg19-dcbb9e9d.pth"
    assert find_vgg19(weights) == weights


def test_a_path_without_a_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no VGG-19 weights at .*nowhere\.pth"):
        find_vgg19(tmp_path / "nowhere.pth")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('a pickle ran code')",))


@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), b"", b"PK\x03\x04 cut short"])
def test_a_file_that_is_not_tensors_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vgg19.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"vgg19\.pth are damaged or no file of tensors"):
        PerceptualLoss(path)


def test_weights_of_another_network_name_the_tensor(tmp_path: Path) -> None:
    state = random_weights()
    del state["features.34.weight"]
    path = tmp_path / "vgg16.pth"
    torch.save(state, path)
    with pytest.raises(ModelError, match=r"features\.34\.weight"):
        PerceptualLoss(path)


def test_a_file_of_one_tensor_is_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "tensor.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(ModelError, match="no state dict"):
        PerceptualLoss(path)
