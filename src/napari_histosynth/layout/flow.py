"""The flow of layouts: it draws anew, in a few steps, what the progressive GAN has laid out.

A generator as small as ours lays out tissue in which glands are too few and too large. The flow has learned,
from the same pairs, how noise becomes label maps and H&E (rectified flow: Liu et al., ICLR 2023; Lipman et
al., ICLR 2023). It begins with what the GAN has drawn under so much noise that only where things lie is left
of it, as Meng et al. (SDEdit, ICLR 2022) begin with a sketch, and goes to tissue of a grade from there. So
the latent says what arrangement it is, as in the paper, and moves it; the flow draws glands.

Everything is local: normalization is over the features of a pixel, there is no attention, and grades are
planes which may change over the canvas. So a plane of any size can be drawn, in blocks that look
:attr:`Flow.reach` px beyond their borders, and comes out the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.pixelwise import pixel_convolutions

Direction = Callable[[Tensor, Tensor, Tensor | None], Tensor]

#: How much of what the GAN has drawn is seen through the noise that the flow begins with: of new tissue; of
#: tissue that should be like some on a map of layouts; and of what the encoder has found in a picture.
START, ALIKE, FOUND = 0.01, 0.12, 0.3
#: Evaluations of the flow for a layout, without those that guide it, and for one that joins what is there,
#: which takes more of them and no guidance.
STEPS, JOINING = 12, 30
#: How far beyond the direction of its grade it goes, and until which time, 0 to 1.
GUIDANCE, GUIDED = 0.7, 0.3
#: How much a second flow, at half the pixels' size, sees of what the first has drawn, its evaluations and how
#: much denser they are where noise is strong.
FINE_START, FINE_STEPS, FINE_SHIFT = 0.15, 6, 1.0

_PATCH = 2  # pixels a side that are read at once
_TOLD = 8  # numbers that are told of each pixel beside its direction, for detail
_EMBEDDED = 128  # features of time and grade


class _Norm(nn.Module):
    """Scale features at each pixel to a mean square of 1, then each by its own gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)
        return x * scale * self.gain[:, None, None]


class _Block(nn.Module):
    """Two convolutions beside a shortcut, told of time and grade between them."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.norm, self.first = _Norm(inputs), nn.Conv2d(inputs, width, 3, padding=1)
        self.told, self.between = nn.Conv2d(_EMBEDDED, 2 * width, 1), _Norm(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.past: nn.Module = nn.Conv2d(inputs, width, 1) if inputs != width else nn.Identity()
        for zero in (self.told, self.second):
            nn.init.zeros_(zero.weight)
            assert zero.bias is not None
            nn.init.zeros_(zero.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = self.between(self.first(F.silu(self.norm(x))))
        scale, shift = self.told(F.silu(told)).chunk(2, 1)
        return torch.add(self.past(x), self.second(F.silu(h * (1 + scale) + shift)))


class Flow(nn.Module):
    """Tells in which direction a noisy layout becomes tissue: a small U-Net.

    Parameters
    ----------
    channels : int
        Image channels and segmentation channels together.
    widths : sequence of int
        Features at 1/2, 1/4, 1/8, ... of the size.
    grades : int
        Grades; 0 where layouts have none.
    detail : int
        Features of a few convolutions that see single pixels at the end, without which noise stays where
        there are many; 0 for none.
    """

    def __init__(self, channels: int, widths: Sequence[int], grades: int = 0, detail: int = 0) -> None:
        super().__init__()
        self.channels, self.widths, self.grades = channels, tuple(widths), grades
        first = self.widths[0]
        self.time = nn.Sequential(nn.Linear(64, _EMBEDDED), nn.SiLU(), nn.Linear(_EMBEDDED, _EMBEDDED))
        self.kind = nn.Conv2d(grades, _EMBEDDED, 1, bias=False) if grades else None
        self.enter = nn.Conv2d(channels * _PATCH**2, first, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = first
        for width in self.widths:
            self.down.append(nn.ModuleList([_Block(before, width), _Block(width, width)]))
            before = width
        for width in reversed(self.widths[:-1]):
            self.up.append(nn.ModuleList([_Block(before + width, width), _Block(width, width)]))
            before = width
        self.norm = _Norm(first)
        told = channels + (_TOLD if detail else 0)
        self.leave = nn.Conv2d(first, told * _PATCH**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        self.detail = pixel_convolutions(told + channels, detail, channels) if detail else None

    @property
    def multiple(self) -> int:
        """What sides of a plane must be a multiple of."""
        return int(_PATCH * 2 ** (len(self.widths) - 1))

    @property
    def reach(self) -> int:
        """Pixels beyond a pixel that its direction depends on, rounded up to :attr:`multiple`."""
        last = len(self.widths) - 1
        # two blocks of two convolutions each way at all sizes but the last, where they are passed once
        convolutions = sum(2**k * (4 if k == last else 8) for k in range(last + 1)) + 2
        pixels = _PATCH * (convolutions + 2**last) + (0 if self.detail is None else 3)
        return int(math.ceil(pixels / self.multiple) * self.multiple)

    def forward(self, x: Tensor, time: Tensor, grade: Tensor | None = None) -> Tensor:
        """Return the direction from noise to tissue.

        Parameters
        ----------
        x : Tensor
            (n, channels, h, w), ``h`` and ``w`` multiples of :attr:`multiple`.
        time : Tensor
            (n,), 0 for noise, 1 for tissue.
        grade : Tensor, optional
            (n, grades) weights, or (n, grades, h, w) where they change; all 0, as without, for any grade.
        """
        told = self.time(_waves(time).to(x.dtype))[:, :, None, None]
        if self.kind is not None and grade is not None:
            planes = grade[:, :, None, None] if grade.ndim == 2 else F.avg_pool2d(grade, _PATCH)
            told = told + self.kind(planes)
        given, x = x, self.enter(F.pixel_unshuffle(x, _PATCH))
        kept: list[tuple[Tensor, Tensor]] = []
        for k, blocks in enumerate(self.down):
            if k:
                kept.append((x, told))
                x = F.avg_pool2d(x, 2)
                told = F.avg_pool2d(told, 2) if told.shape[-1] > 1 else told
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, told)
        for blocks in self.up:
            beside, told = kept.pop()
            x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), beside], 1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, told)
        drawn: Tensor = F.pixel_shuffle(self.leave(F.silu(self.norm(x))), _PATCH)
        if self.detail is None:
            return drawn
        seen = torch.cat([drawn, given], 1)
        return torch.add(drawn[:, : self.channels], self.detail(seen))


def _waves(time: Tensor) -> Tensor:
    """Return times, (n,), as (n, 64) waves."""
    rates = torch.exp(torch.linspace(0, math.log(200), 32, device=time.device))
    turns = time.float()[:, None] * rates * math.pi
    return torch.cat([turns.sin(), turns.cos()], 1)


def noisy(pictures: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Return what lies between noise (time 0) and pictures (time 1), (n, c, y, x); ``time`` (n,)."""
    return torch.lerp(noise, pictures, time[:, None, None, None])


def times_of(uniform: Tensor, shift: float) -> Tensor:
    """Bend times that are even from 0 to 1 towards noise: ``t / (t + shift (1 - t))``.

    Most of what a layout is, its glands, is decided while noise is strong: an average over a gland's pixels
    tells through much of it.
    """
    return uniform / (uniform + shift * (1 - uniform))


def build_flow(architecture: Mapping[str, Any], kind: str) -> Flow:
    """Build the flow "flow" or "fine" that a model card describes.

    ``channels`` and ``grades`` are those of the model, KIND its widths, ``KIND_detail`` its detail if it has.
    """
    return Flow(
        int(architecture["channels"]),
        tuple(architecture[kind]),
        len(architecture.get("grades", ())),
        int(architecture.get(f"{kind}_detail", 0)),
    )


def carried(
    flow: Direction,
    begun: Tensor,
    noise: Tensor,
    grade: Tensor | None = None,
    *,
    start: float,
    steps: int,
    shift: float = 3.0,
    guidance: float = 0.0,
    held: tuple[Tensor, Tensor] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Draw anew what was begun.

    Parameters
    ----------
    flow : callable
        A :class:`Flow`, or what is called like one.
    begun, noise : Tensor
        (n, channels, h, w), in [-1, 1] and N(0, I).
    grade : Tensor, optional
        As :meth:`Flow.forward` takes it.
    start : float
        How much of what was begun is seen through the noise, 0 to 1: nothing at 0.
    steps : int
        Evaluations of the flow, more with ``guidance``.
    shift : float
        How much denser steps are where noise is strong.
    guidance : float
        How far beyond the grade's direction, away from that of any grade, to go (Ho and Salimans 2022) while
        noise is strong, until the time :data:`GUIDED`; then glands are there and only outlines follow.
    held : tuple of Tensor, optional
        What is known, (n, channels, h, w), and what is free, bool of that shape: what is not is held on the
        way from its noise to what is known there, so that what is free joins it (as Lugmayr et al., CVPR
        2022, repaint).
    progress : callable
        Told the share that is done; what it raises ends the work.
    """
    x = torch.lerp(noise, begun, start)
    even = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    first = start / (start + (1 - start) / shift)
    times = times_of(first + (1 - first) * even, shift).tolist()
    for number, (now, after) in enumerate(pairwise(times)):
        progress(number / steps)
        time = x.new_full((len(x),), now)
        way = flow(x, time, grade)
        if guidance and grade is not None and now < GUIDED:
            way = torch.lerp(flow(x, time, None), way, 1 + guidance)
        x = x + (after - now) * way
        if held is not None:
            known, free = held
            x = torch.where(free, x, torch.lerp(noise, known, after))
    return x


def carried_on(
    fine: Direction,
    drawn: Tensor,
    noise: Tensor,
    grade: Tensor | None = None,
    *,
    held: tuple[Tensor, Tensor] | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Draw anew, at half the pixels' size, what a first flow has drawn.

    Parameters
    ----------
    fine : callable
        The second flow.
    drawn : Tensor
        (n, channels, h, w), what the first has drawn.
    noise : Tensor
        (n, channels, 2 h, 2 w), N(0, I).
    grade : Tensor, optional
        (n, grades) or (n, grades, h, w).
    held : tuple of Tensor, optional
        (n, channels, 2 h, 2 w) each, as :func:`carried` takes them.
    progress : callable
        As there.

    Returns
    -------
    Tensor
        (n, channels, 2 h, 2 w).
    """
    begun = F.interpolate(drawn, scale_factor=2, mode="bilinear", align_corners=False)
    if grade is not None and grade.ndim == 4:
        grade = F.interpolate(grade, scale_factor=2, mode="nearest")
    return carried(
        fine,
        begun,
        noise,
        grade,
        start=FINE_START,
        steps=FINE_STEPS,
        shift=FINE_SHIFT,
        held=held,
        progress=progress,
    )
