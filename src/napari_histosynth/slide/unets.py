"""U-Nets for diffusion, put together from the blocks of diffusers: the published ones and ours.

diffusers is an optional dependency (``pip install 'napari-histosynth[diffusion]'``), imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from napari_histosynth.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

#: What a U-Net tells of a noisy picture: its noise, or the velocity ``alpha noise - sigma picture``.
Objective = Literal["epsilon", "v_prediction"]
#: How noise grows over the timesteps.
Schedule = Literal["squaredcos_cap_v2", "linear"]
#: Ways from noise to a picture in few steps.
SOLVERS = ("dpm", "ddim")

_HEAD = 64  # channels of a head of attention
_GROUPS = 32


def diffusers_module() -> Any:
    """Return the package diffusers.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    try:
        import diffusers
    except ImportError as error:
        raise ModelError(
            "Drawing slides by diffusion needs diffusers: pip install 'napari-histosynth[diffusion]'."
        ) from error
    return diffusers


def build_unet(
    n_in: int,
    n_out: int,
    widths: Sequence[int],
    res_blocks: Sequence[int],
    attention: Sequence[bool],
    *,
    middle_attention: bool | None = None,
    classes: int = 0,
    told_noise: bool = False,
    head: int = _HEAD,
) -> nn.Module:
    """Build a diffusers ``UNet2DModel`` whose levels may differ in depth.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input, conditions included, and of the output.
    widths : sequence of int
        Channels of each level, fine to coarse; each level but the last is followed by halving.
    res_blocks : sequence of int
        Residual blocks of each level on the way down; there is one more on the way up.
    attention : sequence of bool
        Which levels attend to themselves.
    middle_attention : bool, optional
        Whether the middle does; by default as the last level.
    classes : int
        Kinds of picture that are told apart by a learned embedding; 0 for none.
    told_noise : bool
        Instead, how noisy the coarse picture is that conditions the network, as a timestep.
    head : int
        Channels of a head of attention, at most.

    Returns
    -------
    Module
        ``unet(sample, timestep, class_labels).sample``.

    Raises
    ------
    ModelError
        If diffusers is not installed, or the levels do not agree in number.
    """
    if not len(widths) == len(res_blocks) == len(attention):
        raise ModelError(
            f"widths, res_blocks and attention must name the same number of levels, not {len(widths)}, "
            f"{len(res_blocks)} and {len(attention)}."
        )
    module = diffusers_module()
    from diffusers.models.unets.unet_2d_blocks import get_down_block, get_up_block

    groups = min([_GROUPS, *(width // 4 for width in widths)])
    shared: dict[str, Any] = {
        "temb_channels": 4 * widths[0],
        "resnet_eps": 1e-5,
        "resnet_act_fn": "silu",
        "resnet_groups": groups,
        "resnet_time_scale_shift": "scale_shift",
    }
    plain = ["DownBlock2D"] * len(widths), ["UpBlock2D"] * len(widths)
    unet = module.UNet2DModel(
        in_channels=n_in,
        out_channels=n_out,
        block_out_channels=tuple(widths),
        down_block_types=tuple(plain[0]),
        up_block_types=tuple(plain[1]),
        layers_per_block=1,
        attention_head_dim=min(head, widths[-1]),
        norm_num_groups=groups,
        resnet_time_scale_shift="scale_shift",
        add_attention=attention[-1] if middle_attention is None else middle_attention,
        attn_norm_num_groups=groups,
        num_class_embeds=classes or None,
        class_embed_type="timestep" if told_noise else None,
    )
    # UNet2DModel takes one depth for all levels; its forward pass asks each block how deep it is
    last = len(widths) - 1
    before = [widths[0], *widths]
    for level, (n_before, n_after) in enumerate(pairwise(before)):
        unet.down_blocks[level] = get_down_block(
            "AttnDownBlock2D" if attention[level] else "DownBlock2D",
            num_layers=res_blocks[level],
            in_channels=n_before,
            out_channels=n_after,
            attention_head_dim=min(head, n_after),
            add_downsample=level < last,
            downsample_padding=1,
            downsample_type="conv",
            **shared,
        )
        unet.up_blocks[last - level] = get_up_block(
            "AttnUpBlock2D" if attention[level] else "UpBlock2D",
            num_layers=res_blocks[level] + 1,
            in_channels=widths[max(level - 1, 0)],
            out_channels=n_after,
            prev_output_channel=widths[min(level + 1, last)],
            attention_head_dim=min(head, n_after),
            add_upsample=level > 0,
            upsample_type="conv",
            **shared,
        )
    _start_at_zero(unet)
    built: nn.Module = unet
    return built


def build_scheduler(
    solver: str, timesteps: int, objective: Objective, schedule: Schedule = "squaredcos_cap_v2"
) -> Any:
    """Return a fresh scheduler of diffusers: ``"ddpm"`` as published, ``"dpm"`` or ``"ddim"`` for few steps.

    Raises
    ------
    ModelError
        If diffusers is not installed, or the solver is unknown.
    """
    module = diffusers_module()
    if solver == "ddpm":
        return module.DDPMScheduler(
            num_train_timesteps=timesteps, beta_schedule=schedule, prediction_type=objective, clip_sample=True
        )
    shared: dict[str, Any] = {
        "num_train_timesteps": timesteps,
        "beta_schedule": schedule,
        "prediction_type": objective,
        "timestep_spacing": "trailing",
    }
    if solver == "dpm":
        scheduler = module.DPMSolverMultistepScheduler(
            solver_order=2, solver_type="heun", final_sigmas_type="zero", **shared
        )
        scheduler.alphas_cumprod = scheduler.alphas_cumprod.numpy()  # it asks NumPy, which warns of tensors
        return scheduler
    if solver == "ddim":
        return module.DDIMScheduler(clip_sample=False, set_alpha_to_one=True, **shared)
    raise ModelError(f"There is no solver {solver!r} of diffusion; use {' or '.join(map(repr, SOLVERS))}.")


def noised(
    picture: Tensor, noise: Tensor, kept: Tensor, objective: Objective = "v_prediction"
) -> tuple[Tensor, Tensor]:
    """Return noisy pictures and what a network has to tell of them.

    Parameters
    ----------
    picture, noise : Tensor
        (n, c, y, x).
    kept : Tensor
        (n,), share of the variance that is the picture's, ``alpha ** 2``; the rest is the noise's.
    objective : {"epsilon", "v_prediction"}
        What is told.

    Returns
    -------
    noisy, target : Tensor
        (n, c, y, x).
    """
    alpha, sigma = (share.sqrt()[:, None, None, None] for share in (kept, 1 - kept))
    target = noise if objective == "epsilon" else alpha * noise - sigma * picture
    return alpha * picture + sigma * noise, target


def _start_at_zero(unet: Any) -> None:
    """Let an untrained U-Net tell nothing, which is the mean of what it has to tell."""
    from torch import nn

    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
