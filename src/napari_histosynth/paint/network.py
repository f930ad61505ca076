"""The local SPADE generator: every pixel depends on a known neighborhood of labels, latent and noise.

SHI-GAN's own generator (:mod:`napari_histosynth.paint.paper`) starts from one small map, so that any
stroke redraws all of a picture of fixed size. This one keeps its ideas - blocks modulated by the label
map, coarse to fine, a latent for the look - and drops what ties distant pixels together:

- it starts from the labels, not from a projected latent;
- the latent enters beside the labels, the same everywhere or varying over the canvas;
- convolutions are *valid*: nothing is padded, so a window of a picture is a picture of a window;
- noise comes from outside, addressed by position;
- batch statistics are frozen when drawing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.stain import STAIN_SIZE
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.restain import restain

if TYPE_CHECKING:
    from napari_histosynth.paint.paper import PaperGenerator

LEAK = 0.2
#: Independent noise fields that the coarsest level starts from.
START_NOISE = 4


@dataclass(frozen=True)
class LevelPlan:
    """What one level of the generator reads to draw an output window; windows in that level's pixels.

    Attributes
    ----------
    stride : int
        Output pixels a pixel of this level.
    labels, inputs, outputs : Window
        Where labels are read, where the block's input lives, where its output is valid. Each is one or
        two pixels smaller on each side than the one before.
    """

    stride: int
    labels: Window
    inputs: Window
    outputs: Window


class Modulation(nn.Module):
    """SPADE: normalize by batch statistics, then scale and shift by what the labels and latent say."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gamma = nn.Conv2d(hidden, channels, 1)
        self.beta = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Modulate ``x`` (n, c, y, x) by ``hidden`` (n, h, y, x)."""
        return torch.addcmul(self.beta(hidden), self.norm(x), 1 + self.gamma(hidden))


class FrozenModulation(nn.Module):
    """A :class:`Modulation` whose statistics no longer move: they fold into its two convolutions.

    ``(x - m) / s * (1 + gamma) + beta`` is ``x * scale + shift`` with both linear in the hidden features,
    which leaves one fused multiply-add of the large tensor.
    """

    def __init__(self, modulation: Modulation) -> None:
        super().__init__()
        norm, gamma, beta = modulation.norm, modulation.gamma, modulation.beta
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert gamma.bias is not None
        assert beta.bias is not None
        spread = torch.rsqrt(norm.running_var + norm.eps)
        scale_weight = gamma.weight * spread[:, None, None, None]
        scale_bias = (1 + gamma.bias) * spread
        self.scale, self.shift = (nn.Conv2d(gamma.in_channels, gamma.out_channels, 1) for _ in range(2))
        with torch.no_grad():
            self.scale.weight.copy_(scale_weight)
            self.scale.bias.copy_(scale_bias)  # type: ignore[union-attr]
            self.shift.weight.copy_(beta.weight - scale_weight * norm.running_mean[:, None, None, None])
            self.shift.bias.copy_(beta.bias - scale_bias * norm.running_mean)  # type: ignore[union-attr]

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Modulate ``x`` (n, c, y, x) by ``hidden`` (n, h, y, x)."""
        modulated: Tensor = self.shift(hidden)
        return modulated.addcmul_(x, self.scale(hidden))


class LocalBlock(nn.Module):
    """One level: a residual block of two 3x3 convolutions, both modulated, with noise after each.

    The hidden features of the modulation are shared by both (the paper computes them twice): two thirds
    of the cost of SPADE at full resolution go into that.
    """

    def __init__(self, channels: int, n_classes: int, latent_size: int, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(n_classes, hidden, 3)
        self.style = nn.Conv2d(latent_size, hidden, 1, bias=False)
        self.modulate_0 = Modulation(channels, hidden)
        self.modulate_1 = Modulation(channels, hidden)
        self.conv_0 = nn.Conv2d(channels, channels, 3)
        self.conv_1 = nn.Conv2d(channels, channels, 3)
        self.grain = nn.Parameter(torch.full((2, channels, 1, 1), 0.05))

    def forward(self, x: Tensor, labels: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Draw the level.

        Parameters
        ----------
        x : Tensor
            (n, c, h, w).
        labels : Tensor
            (n, k, h + 2, w + 2), class fractions.
        style : Tensor
            (n, hidden, 1, 1) or (n, hidden, h, w), the projected latent.
        noise : Tensor
            (n, 2, h, w), standard normal.

        Returns
        -------
        Tensor
            (n, c, h - 4, w - 4).
        """
        # in place wherever that is the same: large tensors cost more to get than to fill
        hidden = F.relu(self.shared(labels) + style, inplace=True)
        h: Tensor = self.conv_0(F.leaky_relu(self.modulate_0(x, hidden), LEAK, inplace=True))
        h.addcmul_(noise[:, :1, 1:-1, 1:-1].to(h.dtype), self.grain[0].to(h.dtype))
        h = self.conv_1(F.leaky_relu(self.modulate_1(h, hidden[..., 1:-1, 1:-1]), LEAK, inplace=True))
        h.addcmul_(noise[:, 1:, 2:-2, 2:-2].to(h.dtype), self.grain[1].to(h.dtype))
        return x[..., 2:-2, 2:-2] + h


class LocalGenerator(nn.Module):
    """A label map becomes H&E, each pixel from its neighborhood alone (after SHI-GAN, section 2.2).

    Five levels, stride 16 to 1, one modulated residual block each; class fractions by area average enter
    every level.

    Parameters
    ----------
    n_classes : int
        Classes of the label map, background included.
    latent_size : int
        Length of the latent, the stain included.
    widths : sequence of int
        Channels of each level, coarse to fine.
    hidden : sequence of int
        Channels of the modulation's hidden features, coarse to fine.
    stain : bool
        Whether the latent ends in a stain (:mod:`napari_histosynth.core.stain`), which the finished picture
        is given; blocks see only what comes before it.
    """

    def __init__(
        self,
        n_classes: int,
        latent_size: int = 64,
        widths: Sequence[int] = (224, 160, 96, 64, 32),
        hidden: Sequence[int] = (96, 96, 64, 48, 32),
        stain: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) != len(hidden) or not widths:
            raise ModelError(
                f"widths and hidden must name the same number of levels, not {len(widths)} and {len(hidden)}."
            )
        if stain and latent_size <= STAIN_SIZE:
            raise ModelError(
                f"A latent that ends in a stain has more than {STAIN_SIZE} numbers, not {latent_size}."
            )
        self.n_classes, self.latent_size, self.stain = n_classes, latent_size, stain
        style_size = self.style_size
        self.strides = tuple(2 ** (len(widths) - 1 - level) for level in range(len(widths)))
        self.start_labels = nn.Conv2d(n_classes, widths[0], 3)
        self.start_style = nn.Conv2d(style_size, widths[0], 1, bias=False)
        self.start_noise = nn.Conv2d(START_NOISE, widths[0], 1, bias=False)
        self.blocks = nn.ModuleList(
            LocalBlock(width, n_classes, style_size, units)
            for width, units in zip(widths, hidden, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(wide, slim, 1) for wide, slim in pairwise(widths))
        self.to_rgb = nn.Conv2d(widths[-1], 3, 3)

    @property
    def style_size(self) -> int:
        """Numbers of the latent that the blocks see: all but those of the stain."""
        return self.latent_size - STAIN_SIZE * self.stain

    @property
    def stride(self) -> int:
        """Output pixels a pixel of the coarsest level."""
        return int(self.strides[0])

    @property
    def margin(self) -> int:
        """Pixels of labels that :meth:`forward` needs beyond each side of its output."""
        stride = self.stride
        side = Window(0, stride, 0, stride)
        return -self.plan(side)[0].labels.y0 * stride

    @property
    def receptive_field(self) -> int:
        """Greatest distance in pixels, along either axis, over which a label can change a pixel.

        Follows from the architecture: the farthest label read when drawing any single pixel of a stride.
        """
        reach = 0
        for offset in range(self.stride):
            first = self.plan(Window(offset, offset + 1, offset, offset + 1))
            for level in first:
                window = level.labels.refine(level.stride)
                reach = max(reach, offset - window.y0, window.y1 - 1 - offset)
        return reach

    @property
    def latent_reads(self) -> list[tuple[int, int]]:
        """Which coarse cells a pixel's look comes from, along either axis, for each place in a stride.

        The pixel ``q * stride + offset`` reads the latents of the cells ``q + first`` up to, not including,
        ``q + last``, where ``(first, last) = latent_reads[offset]``.
        """
        reads = []
        for offset in range(self.stride):
            first, last = 0, 1
            for level in self.plan(Window(offset, offset + 1, offset, offset + 1)):
                cells = level.inputs.refine(level.stride).coarsen(self.stride)
                more = int(level.stride < self.stride)  # finer levels look bilinearly at the next cells
                first, last = min(first, cells.y0 - more), max(last, cells.y1 + more)
            reads.append((first, last))
        return reads

    def plan(self, window: Window) -> list[LevelPlan]:
        """Work out what each level must read to draw an output window, coarse to fine.

        Parameters
        ----------
        window : Window
            In output pixels, any size, anywhere.
        """
        levels = []
        outputs = window.grow(1)  # the last 3x3 convolution, to RGB
        for stride in reversed(self.strides):
            inputs = outputs.grow(2)
            levels.append(LevelPlan(stride, inputs.grow(1), inputs, outputs))
            outputs = inputs.coarsen(2)
        return levels[::-1]

    def plan_inside(self, height: int, width: int) -> list[LevelPlan]:
        """Work out the plan of what labels of so many pixels, margins included, can draw.

        Raises
        ------
        ModelError
            If that is no window whose corners are multiples of :attr:`stride`.
        """
        inner = height - 2 * self.margin, width - 2 * self.margin
        if min(inner) <= 0 or any(side % self.stride for side in inner):
            raise ModelError(
                f"Labels of {height} x {width} px leave {inner[0]} x {inner[1]} px inside "
                f"the margin of {self.margin} px, which must be positive multiples of {self.stride}."
            )
        return self.plan(Window.of_shape(inner))

    def frozen(self, dtype: torch.dtype = torch.float32) -> LocalGenerator:
        """Return a copy for drawing: statistics folded away, weights in ``dtype``, channels last."""
        copied = copy.deepcopy(self).eval().requires_grad_(False)
        for block in copied.blocks:
            for name in ("modulate_0", "modulate_1"):
                setattr(block, name, FrozenModulation(getattr(block, name)))
        return copied.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, labels: Tensor, latent: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw a window whose corners are multiples of :attr:`stride`.

        Parameters
        ----------
        labels : Tensor
            (n, k, h + 2 * margin, w + 2 * margin), one-hot or class fractions; h and w are multiples of the
            stride.
        latent : Tensor
            (n, d), or (n, d, y, x) at the coarsest level's resolution over the same extent as ``labels``.
        noise : sequence of Tensor, optional
            One (n, 2 or 2 + START_NOISE, y, x) for each level over the extent that :meth:`plan` calls
            ``inputs``; drawn from torch's generator when absent.

        Returns
        -------
        Tensor
            (n, 3, h, w) in [-1, 1].
        """
        plan = self.plan_inside(*labels.shape[-2:])
        drawn = self.draw(self._fractions(labels, plan), latent, noise, plan)
        if not self.stain:
            return drawn
        inside = Window.of_shape(drawn.shape[-2:])
        return restain(drawn, self._refined(latent[:, self.style_size :], 1, inside))

    def draw(
        self,
        fractions: Sequence[Tensor],
        latent: Tensor,
        noise: Sequence[Tensor] | None,
        plan: Sequence[LevelPlan],
    ) -> Tensor:
        """Draw the window of a plan from class fractions at every level; its stain is not given to it.

        Parameters
        ----------
        fractions : sequence of Tensor
            One (n, k, y, x) for each level over the extent that the plan calls ``labels``, coarse to fine.
        latent, noise
            As :meth:`forward` takes them.
        plan : sequence of LevelPlan
            As :meth:`plan` returns it.

        Returns
        -------
        Tensor
            (n, 3, h, w) in [-1, 1].
        """
        if noise is None:
            noise = [
                held.new_empty(
                    len(held), 2 + (START_NOISE if level is plan[0] else 0), *level.inputs.shape
                ).normal_()
                for held, level in zip(fractions, plan, strict=True)
            ]
        latent = latent[:, : self.style_size]
        x = self.start_labels(fractions[0])
        x = x + self._style(self.start_style, latent, plan[0]) + self.start_noise(noise[0][:, 2:].to(x.dtype))
        for index, level in enumerate(plan):
            block = cast("LocalBlock", self.blocks[index])
            x = block(x, fractions[index], self._style(block.style, latent, level), noise[index][:, :2])
            if index < len(plan) - 1:
                x = F.interpolate(self.narrow[index](x), scale_factor=2.0, mode="nearest")
                x = cropped(x, level.outputs.refine(2), plan[index + 1].inputs)
        return torch.tanh(self.to_rgb(F.leaky_relu(x, LEAK)).float())

    def _fractions(self, labels: Tensor, plan: Sequence[LevelPlan]) -> list[Tensor]:
        """Average the labels down to each level and crop to what it reads, coarse to fine."""
        fractions = []
        pooled = labels
        for level in reversed(plan):
            origin = Window.of_shape(pooled.shape[-2:]).shift(*([-self.margin // level.stride] * 2))
            fractions.append(cropped(pooled, origin, level.labels))
            if level is not plan[0]:
                pooled = F.avg_pool2d(pooled, 2)
        return fractions[::-1]

    def _style(self, project: nn.Conv2d, latent: Tensor, level: LevelPlan) -> Tensor:
        """Project the latent for a level: one value everywhere, or bilinear between coarse positions."""
        if latent.ndim == 2:
            return cast("Tensor", project(latent[:, :, None, None]))
        return self._refined(project(latent), level.stride, level.inputs)

    def _refined(self, cells: Tensor, stride: int, window: Window) -> Tensor:
        """Interpolate what is given for coarse cells, bilinearly, to a window of a finer level."""
        if cells.ndim == 2:
            return cells
        extent = Window.of_shape(cells.shape[-2:]).shift(*([-self.margin // self.stride] * 2))
        for _ in range((self.stride // stride).bit_length() - 1):
            cells = F.interpolate(cells, scale_factor=2.0, mode="bilinear", align_corners=False)
            extent = extent.refine(2)
        return cropped(cells, extent, window)


def build_generator(
    preset: str, n_classes: int, latent_size: int, **architecture: object
) -> LocalGenerator | PaperGenerator:
    """Build an untrained generator.

    Parameters
    ----------
    preset : {"local", "paper"}
        The generator for painting, or SHI-GAN as released.
    n_classes : int
        Classes of the label map, background included.
    latent_size : int
        Length of the latent.
    **architecture
        Further keyword arguments of the generator's class, as a model's card holds them.

    Raises
    ------
    ModelError
        If the preset is unknown or an argument does not fit it.
    """
    if preset == "local":
        kind: type[nn.Module] = LocalGenerator
    elif preset == "paper":
        from napari_histosynth.paint.paper import PaperGenerator

        kind = PaperGenerator
    else:
        raise ModelError(f"There is no generator preset {preset!r}; use 'local' or 'paper'.")
    try:
        return kind(n_classes=n_classes, latent_size=latent_size, **architecture)  # type: ignore[return-value]
    except TypeError as error:
        raise ModelError(f"The {preset} generator cannot be built from {architecture}: {error}.") from error


def cropped(x: Tensor, held: Window, wanted: Window) -> Tensor:
    """Cut ``wanted`` out of a tensor (..., y, x) that covers ``held``."""
    rows, columns = wanted.relative_to(held).slices
    return x[..., rows, columns]
