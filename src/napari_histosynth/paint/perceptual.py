"""How alike two pictures look to VGG-19: the perceptual loss of SHI-GAN (section 2.3).

The weights are not part of this package: 574 MB, trained on ImageNet, whose terms allow research only. A
training run uses them when they are on disk and matches the discriminators' features when they are not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.zoo.state import check_shapes

STAGES = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512, 512, 512, 512))
"""Channels of VGG-19's 3 x 3 convolutions, stage by stage (Simonyan and Zisserman 2015, configuration E)."""

# Mean and standard deviation of ImageNet's RGB, for values in [0, 1].
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class VGG19Features(nn.Module):
    """VGG-19 up to its sixteenth and last convolution, frozen.

    Parameters are named as in torchvision's state dict, ``features.0.weight`` to ``features.34.bias``.

    Parameters
    ----------
    path : str or path-like
        Weights of VGG-19 as torchvision publishes them; the classifier's are left out.

    Raises
    ------
    ModelError
        If the file is missing, damaged, holds more than tensors, or is not of VGG-19.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        with torch.device("meta"):  # the file brings every number, so none is drawn at random before
            self.features = _layers()
        tensors = {name: value for name, value in _read(Path(path)).items() if name.startswith("features.")}
        check_shapes(
            {name: tuple(value.shape) for name, value in self.state_dict().items()},
            {name: tuple(value.shape) for name, value in tensors.items()},
            f"The file {path}",
        )
        self.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the last convolution's output, before any activation.

        Parameters
        ----------
        pictures : Tensor
            (n, 3, y, x) RGB in [-1, 1], 16 px a side or more.

        Returns
        -------
        Tensor
            (n, 512, y // 16, x // 16).
        """
        normalized = ((pictures + 1) / 2 - self.mean) / self.deviation
        return torch.as_tensor(self.features(normalized))


class PerceptualLoss(nn.Module):
    """The mean absolute difference of two pictures' VGG-19 features.

    Parameters
    ----------
    path : str or path-like
        Weights of VGG-19 as torchvision publishes them; :func:`find_vgg19` finds them.

    Raises
    ------
    ModelError
        If the weights cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.network = VGG19Features(path)

    def forward(self, drawn: Tensor, real: Tensor) -> Tensor:
        """Return the loss; its gradient reaches ``drawn`` alone.

        Parameters
        ----------
        drawn, real : Tensor
            (n, 3, y, x) RGB in [-1, 1], of one shape, 16 px a side or more.

        Returns
        -------
        Tensor
            Scalar, float32, 0 or greater.
        """
        with torch.no_grad():
            wanted = self.network(real)
        return nn.functional.l1_loss(self.network(drawn).float(), wanted.float())


def find_vgg19(path: str | os.PathLike[str] = "") -> Path | None:
    """Find the weights of VGG-19 on this machine; nothing is downloaded.

    Parameters
    ----------
    path : str or path-like
        Where they are; if empty, torch hub's cache is looked into (``$TORCH_HOME``, by default
        ``~/.cache/torch``), where torchvision puts them.

    Returns
    -------
    Path or None
        None if no path is given and the cache has none.

    Raises
    ------
    ModelError
        If a path is given and no file is there.
    """
    if os.fspath(path):
        given = Path(path).expanduser()
        if not given.is_file():
            raise ModelError(
                f"There are no VGG-19 weights at {given}; correct loss.vgg19, or leave it empty to match "
                "the discriminators' features instead."
            )
        return given
    # the variant with batch normalization is called vgg19_bn-*
    return next(iter(sorted(Path(torch.hub.get_dir(), "checkpoints").glob("vgg19-*.pth"))), None)


def _layers() -> nn.Sequential:
    """Return VGG-19's layers up to the last convolution."""
    layers: list[nn.Module] = []
    channels = 3
    for stage in STAGES:
        for width in stage:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    # the last activation and pooling belong to the classifier
    return nn.Sequential(*layers[:-2])


def _read(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict: tensors by name, never a program."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise ModelError(f"The VGG-19 weights {path} cannot be read: {reason}.") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise ModelError(
            f"The VGG-19 weights {path} are damaged or no file of tensors; get torchvision's "
            "vgg19-dcbb9e9d.pth again."
        ) from error
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{path} holds no state dict; give VGG-19's weights as torchvision publishes them.")
    return content
