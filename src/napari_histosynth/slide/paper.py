"""The "paper" preset: URCDM's nine U-Nets, three magnifications of three each, and what a slide costs them.

Sizes, widths, depths, attention, objectives and timesteps are the published configuration. What it leaves
open follows imagen-pytorch, which its authors trained with: the noise schedules (cosine for the first two
U-Nets, linear for the third), and a little noise on the coarse picture that the second and third start from,
whose strength they are told. Its weights were not released.

References
----------
Cechnicka et al., "Ultra-Resolution Cascaded Diffusion Model for Gigapixel Image Synthesis in Histopathology",
NeurIPS 2023 workshops, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError
from napari_histosynth.slide.unets import Objective, Schedule, build_scheduler, build_unet, noised

if TYPE_CHECKING:
    from typing import Any

#: The whole slide, fields of 6,500 px and fields of 1,024 px of 40,000, each drawn in 1,024 px.
MAGNIFICATIONS = ("low", "medium", "high")
#: Side in px of what a cascade draws.
FIELD = 1024
#: Sides in px of a whole slide at each magnification.
SLIDE_SIDES = (1024, 6400, 41_344)
#: Share of a field that its neighbor draws as well, in both directions.
OVERLAP = 0.125


@dataclass(frozen=True)
class UNetPlan:
    """One U-Net of a cascade.

    Attributes
    ----------
    size : int
        Side in px of the pictures that it draws.
    dim : int
        Channels of its finest level.
    multipliers : tuple of int
        Channels of each level, in multiples of ``dim``.
    res_blocks : tuple of int
        Residual blocks of each level.
    attention : tuple of bool
        Which levels attend to themselves.
    timesteps : int
        Of its diffusion, all of which are taken in sampling.
    objective : {"epsilon", "v_prediction"}
        What it is taught to tell.
    schedule : {"squaredcos_cap_v2", "linear"}
        How noise grows.
    coarse : bool
        Whether it also sees a coarser picture of what it draws, enlarged: all but the first.
    conditioned : bool
        Whether it also sees a wider field of the magnification before, 3 channels.
    crop : int
        Side in px of the crops that it is trained on.
    """

    size: int
    dim: int
    multipliers: tuple[int, ...]
    res_blocks: tuple[int, ...]
    attention: tuple[bool, ...]
    timesteps: int
    objective: Objective
    schedule: Schedule
    coarse: bool
    conditioned: bool
    crop: int

    @property
    def channels(self) -> int:
        """Channels of its input: the noisy picture and each picture that it sees."""
        return 3 * (1 + self.coarse + self.conditioned)

    def build(self) -> nn.Module:
        """Return the U-Net, untrained."""
        return build_unet(
            self.channels,
            3,
            [self.dim * times for times in self.multipliers],
            self.res_blocks,
            self.attention,
            told_noise=self.coarse,
        )


_FIRST = UNetPlan(
    64, 256, (1, 2, 3, 4), (3,) * 4, (False, True, True, True), 1024, "epsilon",
    "squaredcos_cap_v2", coarse=False, conditioned=False, crop=64,
)  # fmt: skip
_SECOND = UNetPlan(
    256, 128, (1, 2, 4, 8), (2,) * 4, (False, False, False, True), 256, "v_prediction",
    "squaredcos_cap_v2", coarse=True, conditioned=False, crop=256,
)  # fmt: skip
_THIRD = UNetPlan(
    1024, 128, (1, 2, 4, 8), (2, 4, 6, 8), (False,) * 4, 256, "v_prediction",
    "linear", coarse=True, conditioned=False, crop=256,
)  # fmt: skip


def paper_plans(narrower: int = 1, smaller: int = 1) -> dict[str, tuple[UNetPlan, ...]]:
    """Return the plans of the nine U-Nets by magnification.

    Parameters
    ----------
    narrower : int
        Divides widths, for trying things out; 1 is as published. At most 32.
    smaller : int
        Divides sizes likewise, at most 8.
    """

    def scaled(plan: UNetPlan, conditioned: bool) -> UNetPlan:
        return replace(
            plan,
            size=plan.size // smaller,
            dim=plan.dim // narrower,
            crop=plan.crop // smaller,
            conditioned=conditioned,
        )

    return {
        name: tuple(scaled(plan, number > 0) for plan in (_FIRST, _SECOND, _THIRD))
        for number, name in enumerate(MAGNIFICATIONS)
    }


def paper_cascade(device: str = "meta", narrower: int = 1) -> nn.ModuleDict:
    """Build the nine U-Nets, ``cascade["low"][0]`` to ``cascade["high"][2]``, untrained.

    Parameters
    ----------
    device : str
        Where; "meta", the default, takes no memory: enough to count and to look at.
    narrower : int
        Divides widths; see :func:`paper_plans`.
    """
    with torch.device(device):
        return nn.ModuleDict(
            {
                name: nn.ModuleList(plan.build() for plan in plans)
                for name, plans in paper_plans(narrower).items()
            }
        )


def parameter_counts(cascade: nn.ModuleDict) -> dict[str, tuple[int, ...]]:
    """Return the parameters of each U-Net by magnification."""
    return {
        name: tuple(sum(one.numel() for one in unet.parameters()) for unet in cast("nn.ModuleList", unets))
        for name, unets in cascade.items()
    }


def describe(counts: dict[str, tuple[int, ...]]) -> str:
    """Return a table of parameter counts, a line for each magnification and one for all."""
    lines = ["magnification   U-Net 1 (64)   U-Net 2 (256)   U-Net 3 (1024)        together"]
    for name, row in counts.items():
        first, second, third = (f"{count:,}" for count in row)
        lines.append(f"{name:13} {first:>14} {second:>15} {third:>16} {sum(row):>15,}")
    total = sum(sum(row) for row in counts.values())
    return "\n".join([*lines, f"{'all':13} {'':>14} {'':>15} {'':>16} {total:>15,}"])


def diffusion_loss(
    unet: nn.Module,
    plan: UNetPlan,
    picture: Tensor,
    coarse: Tensor | None = None,
    condition: Tensor | None = None,
) -> Tensor:
    """Return how wrong a U-Net is about pictures with random noise, at random timesteps.

    Parameters
    ----------
    unet : Module
        Built by :meth:`UNetPlan.build`.
    plan : UNetPlan
        Its plan.
    picture : Tensor
        (n, 3, y, x) in [-1, 1], crops of ``plan.crop`` px.
    coarse : Tensor, optional
        (n, 3, y / 4, x / 4), the same crops as the U-Net before draws them; needed where ``plan.coarse``.
    condition : Tensor, optional
        (n, 3, any, any), the wider field of the magnification before; needed where ``plan.conditioned``.

    Returns
    -------
    Tensor
        Mean squared error of the noise, or of the velocity.
    """
    n = len(picture)
    scheduler = build_scheduler("ddpm", plan.timesteps, plan.objective, plan.schedule)
    time = torch.randint(plan.timesteps, (n,), device=picture.device)
    kept = scheduler.alphas_cumprod.to(picture.device)[time]
    noisy, target = noised(picture, torch.randn_like(picture), kept, plan.objective)
    level = torch.rand(n, device=picture.device)
    told = _told(plan, noisy, coarse, condition, level)
    found = unet(told, time, _level_label(plan, level)).sample
    return F.mse_loss(found.float(), target)


@torch.no_grad()
def draw_field(
    unets: Sequence[nn.Module],
    plans: Sequence[UNetPlan],
    condition: Tensor | None = None,
    *,
    noise: Callable[[int], Tensor] | None = None,
    coarse_noise: float = 0.2,
    steps: Sequence[int] | None = None,
) -> Tensor:
    """Draw one field by a cascade, from noise to 64, 256 and 1,024 px, in all of its 1,536 steps.

    Parameters
    ----------
    unets, plans : sequence of Module, sequence of UNetPlan
        The three of a magnification.
    condition : Tensor, optional
        (n, 3, y, x), the wider field of the magnification before.
    noise : callable, optional
        Given a side in px, returns standard normal noise (n, 3, side, side); by default torch's.
    coarse_noise : float
        Noise on what the second and third start from, 0 to 1.
    steps : sequence of int, optional
        Steps of each U-Net, for trying things out; by default all.

    Returns
    -------
    Tensor
        (n, 3, side, side) in [-1, 1].
    """
    n = 1 if condition is None else len(condition)
    device = next(unets[0].parameters()).device
    drawn: Tensor | None = None
    for number, (unet, plan) in enumerate(zip(unets, plans, strict=True)):

        def fresh(side: int = plan.size) -> Tensor:
            return torch.randn(n, 3, side, side, device=device) if noise is None else noise(side)

        scheduler = build_scheduler("ddpm", plan.timesteps, plan.objective, plan.schedule)
        scheduler.set_timesteps(plan.timesteps if steps is None else steps[number])
        level = torch.full((n,), coarse_noise, device=device)
        sample = fresh()
        for time in scheduler.timesteps:
            told = _told(plan, sample, drawn, condition, level)
            found = unet(told, time.to(device), _level_label(plan, level)).sample
            sample = scheduler.step(found, time, sample).prev_sample
        drawn = sample.clamp(-1, 1)
    assert drawn is not None
    return drawn


def fields_across(side: int, field: int = FIELD, overlap: float = OVERLAP) -> int:
    """Return how many overlapping fields cover a side of a slide: 1, 7 and 46 for the published sides."""
    stride = field - round(field * overlap)
    return max(1, -(-(side - field) // stride) + 1)


def slide_evaluations(
    sides: Sequence[int] = SLIDE_SIDES, timesteps: Sequence[int] = (1024, 256, 256)
) -> tuple[int, int]:
    """Return how many cascades and how many U-Net evaluations a slide takes.

    A field is drawn by three U-Nets one after the other, in all of their timesteps: 1,024 + 256 + 256 =
    1,536. Fields of 1,024 px lie 896 px apart: 1 at low, 7 x 7 at medium, 46 x 46 at high magnification.

    Returns
    -------
    cascades, evaluations : int
        2,166 and 3,326,976 as published, if no patch is white.
    """
    cascades = sum(fields_across(side) ** 2 for side in sides)
    return cascades, cascades * sum(timesteps)


#: U-Net evaluations that a slide of 41,344 px takes as published: what other settings are measured against.
URCDM_EVALUATIONS = slide_evaluations()[1]


def _told(
    plan: UNetPlan, noisy: Tensor, coarse: Tensor | None, condition: Tensor | None, level: Tensor
) -> Tensor:
    """Put what a U-Net sees beside the noisy picture, at its size."""
    seen = [noisy]
    for wanted, picture, name in (
        (plan.coarse, coarse, "coarser picture"),
        (plan.conditioned, condition, "wider field of the magnification before"),
    ):
        if not wanted:
            continue
        if picture is None:
            raise ModelError(f"The U-Net of {plan.size} px needs a {name}, and was given none.")
        shown = F.interpolate(picture, size=noisy.shape[-2:], mode="bilinear", align_corners=False)
        if name == "coarser picture":
            shown = noised(shown, torch.randn_like(shown), 1 - level**2)[0]
        seen.append(shown)
    return torch.cat(seen, 1)


def _level_label(plan: UNetPlan, level: Tensor) -> Any:
    """Return what tells a U-Net how noisy its coarser picture is."""
    return level * plan.timesteps if plan.coarse else None
