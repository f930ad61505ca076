"""The "paper" preset: SHI-GAN's generator as its authors released it.

Parameter names are those of the released checkpoints with spectral normalization folded away, so that an
imported checkpoint loads without renaming (:mod:`napari_histosynth.zoo.shigan`).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm as with_spectral_norm

from napari_histosynth.core.errors import ModelError

_SLOPE = 0.2  # of every LeakyReLU
# Blocks in order, with the width that each gives as a divisor of the first; x2 after all but the last.
_BLOCKS = {"head_0": 1, "G_middle_0": 1, "G_middle_1": 1, "up_0": 2, "up_1": 4, "up_2": 8, "up_3": 16}


class SpadeNorm(nn.Module):
    """Conditional normalization: statistics from the features, scale and offset from the labels (Fig. S2c).

    Parameters
    ----------
    channels : int
        Channels of the features.
    n_classes : int
        Channels of the label map.
    hidden : int
        Channels between the label map and the scale and offset.
    """

    def __init__(self, channels: int, n_classes: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(n_classes, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Normalize ``features`` (n, channels, h, w) under ``labels`` (n, n_classes, h, w)."""
        hidden = self.mlp_shared(labels)
        normalized = self.param_free_norm(features)
        return torch.addcmul(self.mlp_beta(hidden), normalized, 1 + self.mlp_gamma(hidden))


class SpadeBlock(nn.Module):
    """Residual block whose normalizations see the labels (Fig. S2b).

    Parameters
    ----------
    n_in, n_out : int
        Channels of the features before and after.
    n_classes : int
        Channels of the label map.
    hidden : int
        Hidden channels of each :class:`SpadeNorm`.
    spectral_norm : bool
        Whether the convolutions of the block are held at a spectral norm of 1.
    """

    def __init__(self, n_in: int, n_out: int, n_classes: int, hidden: int, spectral_norm: bool) -> None:
        super().__init__()
        n_middle = min(n_in, n_out)
        self.has_shortcut_convolution = n_in != n_out
        self.conv_0 = nn.Conv2d(n_in, n_middle, 3, padding=1)
        self.conv_1 = nn.Conv2d(n_middle, n_out, 3, padding=1)
        self.norm_0 = SpadeNorm(n_in, n_classes, hidden)
        self.norm_1 = SpadeNorm(n_middle, n_classes, hidden)
        if self.has_shortcut_convolution:
            self.conv_s = nn.Conv2d(n_in, n_out, 1, bias=False)
            self.norm_s = SpadeNorm(n_in, n_classes, hidden)
        self.reset_parameters()
        if spectral_norm:
            for name in ("conv_0", "conv_1", "conv_s"):
                if hasattr(self, name):
                    with_spectral_norm(getattr(self, name))

    def reset_parameters(self) -> None:
        """Draw the weights by Glorot's rule (paper 2.3); spectral normalization must come after."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                _glorot(module)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Map ``features`` (n, n_in, h, w) to (n, n_out, h, w); ``labels`` (n, n_classes, size, size)."""
        labels = F.interpolate(labels, size=features.shape[-2:], mode="nearest")
        shortcut = features
        if self.has_shortcut_convolution:
            shortcut = self.conv_s(self.norm_s(features, labels))
        residual = self.conv_0(F.leaky_relu(self.norm_0(features, labels), _SLOPE))
        residual = self.conv_1(F.leaky_relu(self.norm_1(residual, labels), _SLOPE))
        return cast("Tensor", shortcut + residual)


class PaperGenerator(nn.Module):
    """SHI-GAN's generator: a label map and a latent become one H&E picture of fixed size.

    A linear layer turns the latent into a map of ``start`` px; seven residual blocks follow, at 8, 16, 32,
    64, 128, 256 and 512 px with the released ``start`` of 8. Every pixel depends on all labels.

    Parameters
    ----------
    n_classes : int
        Channels of the label map; 4 and 11 in the released generators.
    latent_size : int
        Components of the latent.
    width : int
        Channels of the first three blocks, a multiple of 16; the others have 1/2 to 1/16 of them.
    hidden : int
        Channels between labels and modulation in each normalization.
    start : int
        Side of the first map in pixels: 8 as released, 4 as printed in the paper (256 px pictures).
    spectral_norm : bool
        Hold the convolutions of the residual blocks at a spectral norm of 1, for training; the names in
        the state are then those of :func:`torch.nn.utils.parametrizations.spectral_norm`, and
        :func:`folded_state` gives the released ones.

    References
    ----------
    Falahkheirkhah et al., Laboratory Investigation 103 (2023) 100006, section 2.2 and Supplementary Fig. 2.
    """

    def __init__(
        self,
        n_classes: int,
        latent_size: int = 256,
        *,
        width: int = 1024,
        hidden: int = 128,
        start: int = 8,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        if width < 16 or width % 16:
            raise ModelError(f"The paper preset cannot be {width} channels wide; choose a multiple of 16.")
        self.n_classes = n_classes
        self.latent_size = self.style_size = latent_size
        self.stain = False  # its latent holds none apart
        self.width = width
        self.start = start
        self.fc = nn.Linear(latent_size, width * start * start)
        _glorot(self.fc)
        n_in = width
        for name, divisor in _BLOCKS.items():
            self.add_module(name, SpadeBlock(n_in, width // divisor, n_classes, hidden, spectral_norm))
            n_in = width // divisor
        self.conv_img = nn.Conv2d(n_in, 3, 3, padding=1)
        _glorot(self.conv_img)

    @property
    def size(self) -> int:
        """Side of the picture in pixels: 512 as released."""
        return int(self.start * 2 ** (len(_BLOCKS) - 1))

    def forward(self, labels: Tensor, latent: Tensor) -> Tensor:
        """Draw pictures.

        Parameters
        ----------
        labels : Tensor
            float (n, k, size, size), one-hot over classes. ``k`` may be less than ``n_classes``: the missing
            channels are zero (the released two-class prostate generator has one that its labels never use).
        latent : Tensor
            float (n, latent_size), drawn from N(0, 1).

        Returns
        -------
        Tensor
            float (n, 3, size, size), RGB in [-1, 1].

        Raises
        ------
        ModelError
            If the labels have another size or more classes, or the latent another shape.
        """
        self._check(labels, latent)
        if labels.shape[1] < self.n_classes:
            labels = F.pad(labels, (0, 0, 0, 0, 0, self.n_classes - labels.shape[1]))
        features = self.fc(latent).view(-1, self.width, self.start, self.start)
        for k, name in enumerate(_BLOCKS):
            if k > 0:
                features = F.interpolate(features, scale_factor=2, mode="nearest")
            features = self.get_submodule(name)(features, labels)
        return torch.tanh(self.conv_img(F.leaky_relu(features, _SLOPE)))

    def _check(self, labels: Tensor, latent: Tensor) -> None:
        if labels.ndim != 4 or tuple(labels.shape[-2:]) != (self.size, self.size):
            height_width = " x ".join(str(side) for side in labels.shape[-2:])
            raise ModelError(
                f"This model draws {self.size} x {self.size} px at once, not {height_width} px; "
                "draw larger canvases by overlapping windows."
            )
        if labels.shape[1] > self.n_classes:
            raise ModelError(
                f"This model knows {self.n_classes} classes and was given {labels.shape[1]}; "
                "convert the labels to its tissue scheme."
            )
        if latent.ndim != 2 or latent.shape[1] != self.latent_size:
            raise ModelError(
                f"This model takes one latent of {self.latent_size} components a picture, not an array of "
                f"shape {tuple(latent.shape)}; a latent that varies over the canvas needs a local model."
            )


def folded_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's state with spectral normalization folded into the weights.

    Parameters
    ----------
    module : nn.Module
        Any module, with or without :func:`torch.nn.utils.parametrizations.spectral_norm`; not changed.

    Returns
    -------
    dict of str to Tensor
        Detached tensors under the names that the module would have without spectral normalization.
    """
    state: dict[str, Tensor] = {}
    for name, tensor in module.state_dict().items():
        if ".parametrizations.weight." not in f".{name}":
            state[name] = tensor.detach()
            continue
        owner_name = name.partition("parametrizations.")[0]
        if f"{owner_name}weight" not in state:
            owner = module.get_submodule(owner_name.rstrip("."))
            state[f"{owner_name}weight"] = _evaluated_weight(owner)
    return state


def _evaluated_weight(owner: nn.Module) -> Tensor:
    """Compute a parametrized weight as in evaluation: the power iteration of training does not advance."""
    assert parametrize.is_parametrized(owner, "weight")
    chain = cast("nn.ModuleDict", owner.parametrizations)["weight"]
    was_training = chain.training
    chain.eval()
    try:
        with torch.no_grad():
            return cast("Tensor", owner.weight).detach().clone()
    finally:
        chain.train(was_training)


def _glorot(layer: nn.Linear | nn.Conv2d) -> None:
    """Draw a layer's weights by Glorot's rule and set its bias to zero."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
