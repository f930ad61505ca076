"""The progressive GAN of layouts and its encoder (``pggan-paper``; layers as Karras et al. 2018 have them).

Pictures and segmentation maps are channels of one tensor, (n, channels, y, x) in [-1, 1], image channels
first, so that any number of either is drawn and judged together. A *stage* is a resolution: stage ``k``
draws ``4 * 2**k`` px. A stage that is being faded in mixes its output with that of the stage before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Rim = Literal["replicate", "zeros"]

#: Pixels a side that the first stage draws.
BASE = 4

_SLOPE = 0.2  # of LeakyReLU
_LOCAL = 2  # the stage, of 16 px, from whose features parts of a picture are judged
_GROUP = 4  # pictures over which the discriminator measures variety


def pixel_norm(x: Tensor) -> Tensor:
    """Scale features, (n, c, ...), at each pixel to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class EqualConv(nn.Module):
    """A convolution whose weights are N(0, 1) and scaled by He's constant as it runs.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel : int
        Pixels a side; odd, or with ``pad`` off any.
    gain : float
        Of the activation that follows.
    rim : {"replicate", "zeros"}
        What lies beyond the border.
    pad : bool
        Whether the output is as large as the input.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        gain: float = math.sqrt(2),
        rim: Rim = "zeros",
        pad: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel * kernel)
        self.rim, self.pad = rim, kernel // 2 if pad else 0

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (n, inputs, y, x)."""
        weight = self.weight * self.scale
        if self.pad and self.rim == "replicate":
            return F.conv2d(F.pad(x, (self.pad,) * 4, mode="replicate"), weight, self.bias)
        return F.conv2d(x, weight, self.bias, padding=self.pad)


class EqualLinear(nn.Module):
    """A dense layer of the kind of :class:`EqualConv`, (n, inputs) to (n, outputs)."""

    def __init__(self, inputs: int, outputs: int, *, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (n, inputs)."""
        return F.linear(x, self.weight * self.scale, self.bias)


class Generator(nn.Module):
    """Draws pictures and segmentation maps from latents, stage by stage.

    After its dense first layer it is fully convolutional: :meth:`body` takes a base of any size, which is
    how layouts larger than the training size are drawn.

    The published network pads with zeros, from which it reads where the border of its picture is. A large
    layout has no border where two bases meet, so what was learned from zeros would be missing there; with
    ``rim="replicate"`` (the preset *compact*) a border looks like tissue that goes on unchanged, which is
    what it meets inside of a large base.

    Parameters
    ----------
    channels : int
        Image channels and segmentation channels together.
    latent_size : int
        Components of the latent.
    widths : sequence of int
        Features at 4, 8, 16, ... px; their number is that of the stages.
    grades : int
        Grades that weights are given for; 0 where layouts have no grade.
    rim : {"replicate", "zeros"}
        What lies beyond borders.
    """

    def __init__(
        self, channels: int, latent_size: int, widths: Sequence[int], grades: int = 0, rim: Rim = "zeros"
    ) -> None:
        super().__init__()
        self.channels, self.latent_size, self.grades = channels, latent_size, grades
        self.widths = tuple(widths)
        first = self.widths[0]
        # the gain of a quarter keeps features small before their first normalization, as published
        self.dense = EqualLinear(latent_size + grades, first * BASE * BASE, gain=math.sqrt(2) / 4)
        self.blocks = nn.ModuleList()
        before = first
        for stage, width in enumerate(self.widths):
            convolutions = [EqualConv(before, width, 3, rim=rim)]
            if stage:
                convolutions.append(EqualConv(width, width, 3, rim=rim))
            self.blocks.append(nn.ModuleList(convolutions))
            before = width
        self.to_picture = nn.ModuleList([EqualConv(width, channels, 1, gain=1.0) for width in self.widths])
        self.mean: Tensor
        self.root: Tensor
        self.register_buffer("mean", torch.zeros(max(grades, 1), latent_size))
        self.register_buffer("root", torch.eye(latent_size).repeat(max(grades, 1), 1, 1))

    @property
    def stages(self) -> int:
        """How many resolutions there are."""
        return len(self.widths)

    @property
    def size(self) -> int:
        """Pixels a side of what the last stage draws."""
        return int(BASE * 2 ** (self.stages - 1))

    def base(self, latent: Tensor, grade: Tensor | None = None) -> Tensor:
        """Return the features that a layout grows from.

        Parameters
        ----------
        latent : Tensor
            (n, latent_size), N(0, I). It is placed where layouts of its grade lie, if that was measured
            (:meth:`place`); of where it is placed only the direction counts.
        grade : Tensor, optional
            (n, grades), weights that sum up to 1; without, all grades alike.

        Returns
        -------
        Tensor
            (n, widths[0], 4, 4).
        """
        weights = self._weights(latent, grade)
        mean, root = self._spread(weights)
        told = [pixel_norm(mean + (root @ latent[..., None])[..., 0])]
        if self.grades:
            told.append(weights)
        x = self.dense(torch.cat(told, 1)).reshape(len(latent), self.widths[0], BASE, BASE)
        return pixel_norm(F.leaky_relu(x, _SLOPE))

    def place(self, mean: Tensor, root: Tensor) -> None:
        """Say where the layouts of each grade lie among latents.

        A generator that learned to draw real layouts anew (``loss.rebuilding``) knows those places only, and
        N(0, I) has to be led there.

        Parameters
        ----------
        mean : Tensor
            (grades or 1, latent_size).
        root : Tensor
            (grades or 1, latent_size, latent_size), lower triangular root of the covariance.
        """
        self.mean.copy_(mean)
        self.root.copy_(root)

    def unplaced(self, found: Tensor, grade: Tensor | None = None) -> Tensor:
        """Return the latents, (n, latent_size), that :meth:`base` leads to where an encoder found layouts."""
        mean, root = self._spread(self._weights(found, grade))
        apart = (found - mean).float()[..., None]
        solved: Tensor = torch.linalg.solve_triangular(root.float(), apart, upper=False)
        return solved[..., 0].to(found.dtype)

    def _weights(self, latent: Tensor, grade: Tensor | None) -> Tensor:
        if grade is not None and self.grades:
            return grade
        return latent.new_full((len(latent), max(self.grades, 1)), 1 / max(self.grades, 1))

    def _spread(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and root for weights of grades, (n, d) and (n, d, d)."""
        return weights @ self.mean, torch.einsum("ng,gij->nij", weights, self.root)

    def body(self, base: Tensor, stage: int | None = None, fade: float = 1.0) -> Tensor:
        """Grow a base.

        Parameters
        ----------
        base : Tensor
            (n, widths[0], h, w) of any size.
        stage : int, optional
            Where to stop; the last without.
        fade : float
            Share of the last of these stages in the output, 0 to 1; the rest is the stage before, enlarged.

        Returns
        -------
        Tensor
            (n, channels, h * 2**stage, w * 2**stage), about [-1, 1] and not clipped.
        """
        last = self.stages - 1 if stage is None else stage
        x, before = base, None
        for k in range(last + 1):
            if k:
                before = x
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            for convolution in self.blocks[k]:  # type: ignore[attr-defined]
                x = pixel_norm(F.leaky_relu(convolution(x), _SLOPE))
        drawn: Tensor = self.to_picture[last](x)
        if fade < 1 and before is not None:
            old = F.interpolate(self.to_picture[last - 1](before), scale_factor=2, mode="nearest")
            drawn = torch.lerp(old, drawn, fade)
        return drawn

    def forward(
        self, latent: Tensor, grade: Tensor | None = None, stage: int | None = None, fade: float = 1.0
    ) -> Tensor:
        """Draw (n, channels, size, size) from latents; see :meth:`base` and :meth:`body`."""
        return self.body(self.base(latent, grade), stage, fade)


class _Shrinking(nn.Module):
    """What discriminator and encoder share: pictures to features at 4 px, stage by stage."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.from_picture = nn.ModuleList([EqualConv(channels, width, 1) for width in self.widths])
        self.blocks = nn.ModuleList()  # blocks[k] leads from stage k + 1 to stage k
        for width, after in zip(self.widths[1:], self.widths, strict=False):
            self.blocks.append(nn.ModuleList([EqualConv(width, width, 3), EqualConv(width, after, 3)]))

    def shrink(
        self,
        pictures: Tensor,
        stage: int | None = None,
        fade: float = 1.0,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """Return features, (n, widths[0], 4, 4), of the pictures of a stage, the last without."""
        last = len(self.widths) - 1 if stage is None else stage
        x = F.leaky_relu(self.from_picture[last](pictures), _SLOPE)
        for k in reversed(range(last)):
            for convolution in self.blocks[k]:  # type: ignore[attr-defined]
                x = F.leaky_relu(convolution(x), _SLOPE)
            x = F.avg_pool2d(x, 2)
            if k == last - 1 and fade < 1:
                old = F.leaky_relu(self.from_picture[k](F.avg_pool2d(pictures, 2)), _SLOPE)
                x = torch.lerp(old, x, fade)
            if k == _LOCAL and seen is not None:
                seen.append(x)
        return x


class Discriminator(_Shrinking):
    """Judges pictures and segmentation maps together, stage by stage.

    Parameters
    ----------
    channels : int
        Image channels and segmentation channels together.
    widths : sequence of int
        Features at 4, 8, 16, ... px.
    grades : int
        Grades, as constant planes at 4 px; 0 where layouts have none.
    """

    def __init__(self, channels: int, widths: Sequence[int], grades: int = 0, *, local: bool = False) -> None:
        super().__init__(channels, widths)
        first = self.widths[0]
        self.grades = grades
        self.last = EqualConv(first + grades + 1, first, 3)
        self.whole = EqualConv(first, first, BASE, pad=False)
        self.verdict = EqualLinear(first, 1, gain=1.0)
        self.local = EqualConv(self.widths[_LOCAL], 1, 1, gain=1.0) if local else None

    def forward(
        self, pictures: Tensor, grade: Tensor | None = None, stage: int | None = None, fade: float = 1.0
    ) -> list[Tensor]:
        """Return verdicts on pictures (n, channels, y, x) of a stage; larger is more real.

        Returns
        -------
        list of Tensor
            (n, 1), on the whole, and if there are such (n, 256), on its parts.
        """
        seen: list[Tensor] = []
        x = self.shrink(pictures, stage, fade, seen)
        planes = [x, variety(x)]
        if self.grades:
            told = x.new_full((len(x), self.grades), 1 / self.grades) if grade is None else grade
            planes.append(told[:, :, None, None].expand(-1, -1, BASE, BASE))
        x = F.leaky_relu(self.last(torch.cat(planes, 1)), _SLOPE)
        x = F.leaky_relu(self.whole(x), _SLOPE)
        verdicts = [self.verdict(x.flatten(1))]
        if self.local is not None and seen:
            verdicts.append(self.local(seen[0]).flatten(1))
        return verdicts


class Encoder(_Shrinking):
    """Finds the latent of a picture with its segmentation maps: the discriminator's layout.

    Parameters
    ----------
    channels : int
        Image channels and segmentation channels together.
    latent_size : int
        Components of the latent.
    widths : sequence of int
        Features at 4, 8, ... px. With fewer stages than the generator it reads pictures that were reduced by
        averages first: where glands lie does not need the finest stages.
    grades : int
        Grades that it tells, as logits after the latent.
    """

    def __init__(self, channels: int, latent_size: int, widths: Sequence[int], grades: int = 0) -> None:
        super().__init__(channels, widths)
        first = self.widths[0]
        self.latent_size, self.grades = latent_size, grades
        self.last = EqualConv(first, first, 3)
        self.whole = EqualConv(first, 2 * latent_size, BASE, pad=False)
        self.found = EqualLinear(2 * latent_size, latent_size + grades, gain=1.0)
        # pictures have more in common than apart: without, all would begin as nearly the same latent
        self.apart = nn.BatchNorm1d(latent_size, affine=False)

    @property
    def size(self) -> int:
        """Pixels a side that pictures are reduced to."""
        return int(BASE * 2 ** (len(self.widths) - 1))

    def forward(self, pictures: Tensor, stage: int | None = None, fade: float = 1.0) -> Tensor:
        """Return (n, latent_size + grades) of pictures.

        Parameters
        ----------
        pictures : Tensor
            (n, channels, s, s), s a multiple of :attr:`size`, or that of a stage before.
        stage : int, optional
            Of the pictures, where that is one before the encoder's last.
        fade : float
            Share of that stage, as :class:`Discriminator` has it.
        """
        last = len(self.widths) - 1
        if stage is not None and stage <= last:
            x = self.shrink(pictures, stage, fade)
        else:
            factor = pictures.shape[-1] // self.size
            x = self.shrink(F.avg_pool2d(pictures, factor) if factor > 1 else pictures)
        x = F.leaky_relu(self.last(x), _SLOPE)
        x = F.leaky_relu(self.whole(x), _SLOPE)
        found = self.found(x.flatten(1))
        return torch.cat([self.apart(found[:, : self.latent_size]), found[:, self.latent_size :]], 1)


def variety(x: Tensor) -> Tensor:
    """Return how much features, (n, c, y, x), differ within groups of four: a plane each, (n, 1, y, x).

    The standard deviation over a group, averaged over features and pixels; a generator that draws the same
    always is found out by it.
    """
    group = _GROUP if len(x) % _GROUP == 0 else len(x)
    parts = x.reshape(-1, group, *x.shape[1:])
    spread = (parts.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # a number a group
    return spread.repeat_interleave(group)[:, None, None, None].expand(-1, 1, *x.shape[-2:])


def build_generator(architecture: Mapping[str, Any], latent_size: int) -> Generator:
    """Build the generator that a model card describes: ``channels``, ``widths``, ``grades``, ``rim``."""
    return Generator(
        int(architecture["channels"]),
        latent_size,
        tuple(architecture["widths"]),
        len(architecture.get("grades", ())),
        architecture.get("rim", "zeros"),
    )


def build_encoder(architecture: Mapping[str, Any], latent_size: int) -> Encoder:
    """Build the encoder that a model card describes: ``channels``, ``encoder`` (its widths), ``grades``."""
    return Encoder(
        int(architecture["channels"]),
        latent_size,
        tuple(architecture["encoder"]),
        len(architecture.get("grades", ())),
    )
