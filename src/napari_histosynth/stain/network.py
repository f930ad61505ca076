"""Networks that turn one stain into another: the generator of Liu et al. (2021) and smaller, local ones.

The paper's generator is three strided convolutions, ten residual blocks and three transposed convolutions,
with connections that hand the encoder's features to the decoder at the same resolution (section 3.1, figure
2). It normalizes each picture by itself (InstanceNorm), so that every pixel depends on the whole picture, and
tiles of a slide do not fit together. The *compact* preset normalizes every pixel by itself, over its
channels: what a pixel becomes depends on its surroundings of :attr:`StainGenerator.margin` px and on nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError

Norm = Literal["pixel", "instance"]

#: Planes that steer a generator: positive nuclei, negative nuclei, and whether they are known at all.
STEERING = 3

#: What each preset is made of. The paper leaves widths and the way that features are joined open: 64 to 512,
#: and concatenation. "resnet" is the layout of the common CycleGAN code, whose checkpoints are imported.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"widths": (64, 128, 256, 512), "blocks": 10, "norm": "instance", "resize": False},
    "compact": {"widths": (24, 48, 96), "blocks": 6},
    "resnet": {
        "widths": (64, 128, 256),
        "blocks": 9,
        "skips": False,
        "norm": "instance",
        "resize": False,
        "slope": 0.0,
        "zeros": True,
    },
}


class InstanceNorm(nn.Module):
    """Each channel of each picture to mean 0 and variance 1, as the paper does; no weights.

    All such layers are of this class, so that they can be given other statistics where a picture is drawn in
    pieces (:mod:`napari_histosynth.stain.positionnorm`).
    """

    eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, c, y, x) over y and x."""
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)
        return ((x.float() - mean) * torch.rsqrt(variance + self.eps)).to(x.dtype)


class PixelNorm(nn.Module):
    """Each pixel to mean 0 and variance 1 over its channels, then a gain and an offset a channel: no seams.

    Parameters
    ----------
    channels : int
        Of its input.
    """

    eps = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (n, c, y, x) over c."""
        last = x.permute(0, 2, 3, 1)
        return F.layer_norm(last, last.shape[-1:], self.gain, self.offset, self.eps).permute(0, 3, 1, 2)


class ConvNorm(nn.Module):
    """A convolution padded by reflection, or by zeros, normalization, LeakyReLU."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        stride: int = 1,
        norm: Norm = "pixel",
        slope: float = 0.2,
        zeros: bool = False,
    ) -> None:
        super().__init__()
        self.reach, self.zeros = kernel // 2, zeros
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride)
        self.norm = _norm(norm, n_out)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, y, x) to (n, c', y / stride, x / stride)."""
        padded = F.pad(x, (self.reach,) * 4) if self.zeros else _reflected(x, self.reach)
        return F.leaky_relu(self.norm(self.conv(padded)), self.slope)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 px, added to what came in."""

    def __init__(self, channels: int, norm: Norm, slope: float) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3, 1, norm, slope)
        self.second = nn.Conv2d(channels, channels, 3)
        self.norm = _norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, y, x) to the same shape."""
        added: Tensor = x + self.norm(self.second(_reflected(self.first(x), 1)))
        return added


class UpConv(nn.Module):
    """Twice the resolution, by a transposed convolution of 3 px; normalization, LeakyReLU."""

    def __init__(self, n_in: int, n_out: int, norm: Norm, slope: float) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(n_in, n_out, 3, 2, padding=1, output_padding=1)
        self.norm = _norm(norm, n_out)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, y, x) to (n, c', 2 y, 2 x)."""
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class UpResize(nn.Module):
    """Twice the resolution, by repetition and a convolution, which leaves no checkerboard."""

    def __init__(self, n_in: int, n_out: int, norm: Norm, slope: float) -> None:
        super().__init__()
        self.mix = ConvNorm(n_in, n_out, 3, 1, norm, slope)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, y, x) to (n, c', 2 y, 2 x)."""
        mixed: Tensor = self.mix(F.interpolate(x, scale_factor=2, mode="nearest"))
        return mixed


class StainGenerator(nn.Module):
    """Draws a picture in another stain; build one with :func:`build_stain_generator`.

    Parameters
    ----------
    widths : sequence of int
        Channels at full resolution and after each strided convolution.
    blocks : int
        Residual blocks at the coarsest resolution.
    skips : bool
        Whether the decoder is handed the encoder's features of the same resolution (concatenated).
    norm : "pixel" or "instance"
        What features are normalized over: the channels of a pixel, or all pixels of the picture.
    slope : float
        Of LeakyReLU.
    resize : bool
        Whether the decoder repeats pixels and convolves, instead of the paper's transposed convolutions.
    zeros : bool
        Whether strided convolutions are padded by zeros instead of reflection.
    steering : int
        Planes that tell which nuclei are to be positive: 0, or :data:`STEERING`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        blocks: int,
        skips: bool = True,
        norm: Norm = "pixel",
        slope: float = 0.2,
        resize: bool = True,
        zeros: bool = False,
        steering: int = 0,
    ) -> None:
        super().__init__()
        self.steering, self.skips, self.local = steering, skips, norm == "pixel"
        self.stride = 2 ** (len(widths) - 1)
        self.margin = _margin(len(widths) - 1, blocks, self.stride)
        self.enter = ConvNorm(3 + steering, widths[0], 7, 1, norm, slope)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(ConvNorm(a, b, 3, 2, norm, slope, zeros) for a, b in pairs)
        self.blocks = nn.ModuleList(ResidualBlock(widths[-1], norm, slope) for _ in range(blocks))
        up = UpResize if resize else UpConv
        self.up = nn.ModuleList(up(b * (2 if skips else 1), a, norm, slope) for a, b in reversed(pairs))
        self.leave = nn.Conv2d(widths[0] * (2 if skips else 1), 3, 7)

    def forward(self, image: Tensor, steering: Tensor | None = None) -> Tensor:
        """Draw pictures in the other stain.

        Parameters
        ----------
        image : Tensor
            (n, 3, y, x) in [-1, 1]; sides are multiples of :attr:`stride`.
        steering : Tensor, optional
            (n, steering, y, x), 0 to 1; without it, nothing is known and the network decides.

        Returns
        -------
        Tensor
            (n, 3, y, x) in [-1, 1].
        """
        if self.steering:
            if steering is None:
                steering = image.new_zeros(len(image), self.steering, *image.shape[-2:])
            image = torch.cat([image, steering.to(image.dtype)], 1)
        x = self.enter(image)
        passed = []
        for down in self.down:
            passed.append(x)
            x = down(x)
        passed.append(x)
        for block in self.blocks:
            x = block(x)
        for up in self.up:
            x = up(torch.cat([x, passed.pop()], 1) if self.skips else x)
        if self.skips:
            x = torch.cat([x, passed.pop()], 1)
        return torch.tanh(self.leave(_reflected(x, 3)))


class PatchJudge(nn.Module):
    """A discriminator of patches of 70 px: strided convolutions 64-128-256, one more of 512, a verdict each.

    Parameters
    ----------
    widths : sequence of int
        Channels; all convolutions of 4 px but the last two halve the resolution.
    channels : int
        Of its input.
    instance_norm : bool
        Normalize each picture's features but the first. Such a judge hardly sees colors.
    """

    def __init__(
        self, widths: Sequence[int] = (64, 128, 256, 512), channels: int = 3, instance_norm: bool = True
    ) -> None:
        super().__init__()
        self.instance_norm = instance_norm
        ins = [channels, *widths[:-1]]
        strides = [2] * (len(widths) - 1) + [1]
        self.convs = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, stride, padding=1))
            for a, b, stride in zip(ins, widths, strides, strict=True)
        )
        self.verdict = nn.utils.parametrizations.spectral_norm(nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Judge (n, channels, y, x); high in (n, 1, y', x') where a patch looks real."""
        for index, conv in enumerate(self.convs):
            x = conv(x)
            if self.instance_norm and index:
                x = F.instance_norm(x)
            x = F.leaky_relu(x, 0.2)
        verdict: Tensor = self.verdict(x)
        return verdict


def build_stain_generator(preset: str, **architecture: Any) -> StainGenerator:
    """Build a generator with random weights by Xavier's rule (section 4.2).

    Parameters
    ----------
    preset : str
        "paper", "compact" or "resnet".
    **architecture
        Arguments of :class:`StainGenerator` that differ from the preset's.

    Raises
    ------
    ModelError
        If the preset or an argument is unknown.
    """
    if preset not in PRESETS:
        raise ModelError(f"There is no stain preset {preset!r}; use one of {', '.join(PRESETS)}.")
    try:
        generator = StainGenerator(**{**PRESETS[preset], **architecture})
    except TypeError as error:
        raise ModelError(f"A stain generator cannot be built so: {error}.") from error
    for module in generator.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not module.weight.is_meta:
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return generator


def _margin(halvings: int, blocks: int, stride: int) -> int:
    """Return how far a pixel sees, in px, rounded up to a multiple of the stride.

    Both ends see 3 px, each strided convolution and its counterpart one pixel of their resolutions, a
    residual block two of the coarsest.
    """
    strided = sum(2**level for level in range(halvings))
    reach = 3 + strided + 2 * blocks * stride + 2 * strided + 3
    return int(-(-reach // stride) * stride)


def _norm(kind: Norm, channels: int) -> nn.Module:
    return PixelNorm(channels) if kind == "pixel" else InstanceNorm()


def _reflected(x: Tensor, pixels: int) -> Tensor:
    """Pad by reflection; by repetition where the picture is too small for that."""
    mode = "reflect" if min(x.shape[-2:]) > pixels else "replicate"
    return F.pad(x, (pixels,) * 4, mode=mode)
