"""The setting "diffusion": one compact U-Net that draws every step of a slide, tile by tile, from noise.

As URCDM's cascade it starts from noise and sees the magnification before, enlarged and in a wider view, and
is taught the velocity. Unlike it, it is one network for all magnifications, as its authors wish for; it is
told the level and the layout; it draws what a tile has beyond its enlarged parent; and it works on 4 x 4
pixels at once, on the lattice of the parent, so that one evaluation is cheap and a few make a tile. A few
narrow convolutions alone see single pixels: without them noise stays in what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.pixelwise import pixel_convolutions
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.slide.levels import DRAWN, STEP
from napari_histosynth.slide.network import LAYOUT_CLASSES, STEPS, enlarged
from napari_histosynth.slide.unets import build_scheduler, build_unet
from napari_histosynth.zoo import load_state

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

#: Timesteps of the diffusion that the network is taught.
TIMESTEPS = 1000
#: Evaluations a tile, where nobody says otherwise.
DEFAULT_STEPS = 8
#: Evaluations a tile at most: with more, no tile would look better.
MOST_STEPS = 250
#: Pixels of the parent around a tile that the network sees: a tile of 256 px has 64, and sees 128.
RIM = 32
#: Pixels beyond each side of a window, at its own level, where parent and layout are read.
MARGIN = RIM * STEP
#: Streams of the noise that tiles are made from, one for each color.
NOISE_STREAM = 0xD1FF000

_BLOCK = STEP * STEP * 3  # numbers of 4 x 4 pixels
_TOLD = 8  # numbers that the U-Net tells of each pixel, beside its velocity
_RINGS = (1, 2, 2, 3)  # dilations of the convolutions that look at the wider view: RIM / STEP together


class DiffusionUNet(nn.Module):
    """Tell the velocity of a noisy tile.

    Parameters
    ----------
    widths : sequence of int
        Channels of each level of the U-Net, whose finest has a pixel for each of the parent's.
    layers : int
        Residual blocks a level.
    context : int
        Channels of what the wider view tells.
    parent : bool
        Whether it sees the parent. One that does not draws from the layout alone, and can take the place of
        the sketch.
    detail : int
        Channels of the convolutions that see single pixels.
    """

    spread: Tensor

    def __init__(
        self,
        widths: Sequence[int] = (64, 96, 128),
        layers: int = 1,
        context: int = 24,
        parent: bool = True,
        detail: int = 24,
    ) -> None:
        super().__init__()
        self.sees_parent = parent
        self.halvings = len(widths) - 1
        told = LAYOUT_CLASSES + 3 * parent
        rings: list[nn.Module] = []
        for number, ring in enumerate(_RINGS):
            rings += [nn.Conv2d(context if number else told, context, 3, dilation=ring), nn.SiLU()]
        self.view = nn.Sequential(*rings)
        self.unet = build_unet(
            2 * _BLOCK + 1 + told + context,
            _BLOCK + _TOLD * STEP * STEP,
            widths,
            [layers] * len(widths),
            [False] * len(widths),  # attention in the middle only
            middle_attention=True,
            classes=STEPS,
            head=32,
        )
        self.detail = pixel_convolutions(_TOLD + 6, detail, 3)
        # how far children are from their enlarged parents, by step: a training measures it
        self.register_buffer("spread", torch.full((STEPS,), 0.25))

    @property
    def side(self) -> int:
        """Sides of tiles are multiples of this."""
        return int(STEP * max(2**self.halvings, STEP))

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        step: Tensor,
        parent: Tensor,
        layout: Tensor,
        known: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """Tell velocities.

        Parameters
        ----------
        noisy : Tensor
            (n, 3, h, w), what tiles have beyond their enlarged parents, divided by :attr:`spread`, and noise.
        time : Tensor
            (n,) or (), timestep, 0 to 999.
        step : Tensor
            int64 (n,), 0 for level 6 to 3 for level 0.
        parent : Tensor
            (n, 3, h / 4 + 2 RIM, w / 4 + 2 RIM) in [-1, 1].
        layout : Tensor
            (n, 5, h / 4 + 2 RIM, w / 4 + 2 RIM), class fractions.
        known : Tensor
            (n, 3, h, w), as ``noisy`` but without noise, where ``mask`` is 1; anything elsewhere.
        mask : Tensor
            (n, 1, h, w), 1 where finished neighbors lie, in blocks of 4 x 4 pixels.

        Returns
        -------
        Tensor
            (n, 3, h, w).
        """
        told = torch.cat([parent, layout], 1) if self.sees_parent else layout
        view = self.view(F.avg_pool2d(told, STEP))
        near = told[..., RIM:-RIM, RIM:-RIM]
        seen = torch.cat(
            [
                F.pixel_unshuffle(noisy, STEP),
                F.pixel_unshuffle(known * mask, STEP),
                F.avg_pool2d(mask, STEP),
                near,
                F.interpolate(view, scale_factor=float(STEP), mode="bilinear", align_corners=False),
            ],
            1,
        )
        told_velocity, told_pixels = self.unet(seen, time, step).sample.split(
            [_BLOCK, _TOLD * STEP * STEP], 1
        )
        velocity = F.pixel_shuffle(told_velocity, STEP)
        pixels = torch.cat([F.pixel_shuffle(told_pixels, STEP), noisy, velocity], 1)
        return torch.add(velocity, self.detail(pixels))

    def base_of(self, parent: Tensor) -> Tensor:
        """Return what a tile is drawn on top of, (n, 3, h, w): its enlarged parent, or gray."""
        large = enlarged(parent.float())[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
        return large if self.sees_parent else torch.zeros_like(large)

    def spread_of(self, step: Tensor) -> Tensor:
        """Return :attr:`spread` by step, (n, 1, 1, 1)."""
        return self.spread.float()[step][:, None, None, None]


@dataclass(frozen=True, eq=False)
class DiffusionCascade:
    """The network, ready to draw; make one with :func:`load_diffusion`.

    Attributes
    ----------
    network : DiffusionUNet
        Frozen, on :attr:`device`, in :attr:`dtype`.
    device : torch.device
        Where it draws.
    dtype : torch.dtype
        What the network computes in; the steps from noise to picture are float32 always.
    solver : {"dpm", "ddim"}
        Way from noise to picture: DPM-Solver++ of second order, or DDIM.
    """

    network: DiffusionUNet
    device: torch.device
    dtype: torch.dtype = torch.float32
    solver: str = "dpm"

    def draw(
        self,
        level: int,
        seed: int,
        window: Window,
        parent: npt.NDArray[np.uint8],
        layout: npt.NDArray[np.float32],
        known: npt.NDArray[np.uint8] | None = None,
        mask: npt.NDArray[np.bool_] | None = None,
        *,
        steps: int = DEFAULT_STEPS,
    ) -> npt.NDArray[np.uint8]:
        """Draw a tile from noise, a function of the arguments alone; any thread may call it.

        The noise is a field over the slide, of which a tile takes its part: overlapping tiles start alike.
        Where neighbors are known, the noisy tile is at each step theirs under the same noise, and the network
        sees them without. The way down is deterministic, so that no other noise is needed.

        Parameters
        ----------
        level : int
            Which one to draw: 6, 4, 2 or 0.
        seed : int
            Of the noise.
        window : Window
            In pixels of that level, corners multiples of 4, sides of :attr:`DiffusionUNet.side`.
        parent : ndarray
            uint8 (y, x, 3), ``window.grow(MARGIN).coarsen(4)`` of level ``level + 2``.
        layout : ndarray
            float32 (5, y, x), class fractions over the same extent.
        known : ndarray, optional
            uint8 (height, width, 3), finished neighbors.
        mask : ndarray, optional
            bool (height, width), where they lie; in blocks of 4 x 4 px.
        steps : int
            Evaluations of the network.

        Returns
        -------
        ndarray
            uint8 (height, width, 3). Averaged over 4 x 4 pixels it is the parent, where nothing is known.

        Raises
        ------
        ModelError
            If the level is none that is drawn from another, sizes do not fit, or diffusers is not installed.
        """
        self._check(level, window, parent, layout)
        checked_steps(steps)
        device, dtype = self.device, self.dtype
        with torch.inference_mode():
            coarse = from_rgb(parent[None], device)
            fractions = torch.from_numpy(np.ascontiguousarray(layout, np.float32))[None].to(device)
            step = torch.tensor([DRAWN.index(level) - 1], device=device)
            base, spread = self.network.base_of(coarse), self.network.spread_of(step)
            held = torch.zeros((1, 1, *window.shape), device=device)
            fixed = torch.zeros_like(base)
            if known is not None and mask is not None:
                held[0, 0] = torch.from_numpy(mask.astype(np.float32)).to(device)
                fixed = (from_rgb(known[None], device) - base) / spread
            noise = torch.from_numpy(
                np.stack([gaussian(seed, NOISE_STREAM + color, level, window) for color in range(3)])
            )[None].to(device)
            conditions = [one.to(dtype) for one in (coarse, fractions, fixed, held)]
            scheduler = build_scheduler(self.solver, TIMESTEPS, "v_prediction")
            scheduler.set_timesteps(steps)
            kept = scheduler.alphas_cumprod
            times = scheduler.timesteps
            sample = noise
            for number, time in enumerate(times):
                share = float(kept[int(time)])
                replaced = share**0.5 * fixed + (1 - share) ** 0.5 * noise
                sample = torch.where(held > 0, replaced, sample)
                velocity = self.network(
                    sample.to(dtype), times[number : number + 1].to(device), step, *conditions
                )
                sample = scheduler.step(velocity.float(), time, sample).prev_sample
            picture = base + spread * sample
            if self.network.sees_parent:
                picture = _with_colors_of(coarse, picture)
            drawn: npt.NDArray[np.uint8] = to_rgb(picture)[0]
        return drawn

    def _check(
        self,
        level: int,
        window: Window,
        parent: npt.NDArray[np.uint8],
        layout: npt.NDArray[np.float32],
    ) -> None:
        side = self.network.side
        if level not in DRAWN[1:]:
            raise ModelError(f"Levels {list(DRAWN[1:])} are drawn from the one before, not level {level}.")
        if any(edge % STEP for edge in window) or window.is_empty or any(s % side for s in window.shape):
            raise ModelError(
                f"Tiles lie at multiples of {STEP} px and have sides of multiples of {side} px, "
                f"not {tuple(window)}."
            )
        extent = window.grow(MARGIN).coarsen(STEP)
        if parent.shape != (*extent.shape, 3) or layout.shape != (LAYOUT_CLASSES, *extent.shape):
            raise ModelError(
                f"The tile {tuple(window)} needs {extent.height} x {extent.width} px of parent and layout, "
                f"not {parent.shape[0]} x {parent.shape[1]} and {layout.shape[1]} x {layout.shape[2]}."
            )


def build_diffusion(**changes: Any) -> DiffusionUNet:
    """Build an untrained network.

    Parameters
    ----------
    **changes
        Over the arguments that :class:`DiffusionUNet` has by default.

    Raises
    ------
    ModelError
        If there is no such argument, or diffusers is not installed.
    """
    try:
        return DiffusionUNet(**changes)
    except (TypeError, ValueError) as error:
        raise ModelError(f"A diffusion U-Net cannot be built from {changes}: {error}.") from error


def architecture_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of the :class:`DiffusionUNet` whose weights these are.

    Raises
    ------
    ModelError
        If they are of no such network.
    """
    widths, level = [], 0
    while (name := f"unet.down_blocks.{level}.resnets.0.conv1.weight") in state:
        widths.append(int(state[name].shape[0]))
        level += 1
    layers = sum(
        name.startswith("unet.down_blocks.0.resnets.") and name.endswith(".conv1.weight") for name in state
    )
    if not widths or not layers or not {"view.0.weight", "detail.0.weight"} <= state.keys():
        raise ModelError("These are not the weights of a diffusion U-Net of slides; get the model again.")
    context, told = (int(size) for size in state["view.0.weight"].shape[:2])
    return {
        "widths": widths,
        "layers": layers,
        "context": context,
        "parent": told > LAYOUT_CLASSES,
        "detail": int(state["detail.0.weight"].shape[0]),
    }


def load_diffusion(
    state: Mapping[str, Tensor],
    where: str,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    solver: str = "dpm",
) -> DiffusionCascade:
    """Make a cascade from the weights of a model.

    Parameters
    ----------
    state : mapping of str to Tensor
        By name, without the prefix ``diffusion.``; empty if the model has none.
    where : str
        What holds them, to begin an error's sentence with: ``"The model 'colon-slide'"``.
    device, dtype, solver
        As :class:`DiffusionCascade` has them.

    Raises
    ------
    ModelError
        If there are none, they are damaged, or diffusers is not installed.
    """
    if not state:
        raise ModelError(f'{where} has no diffusion U-Net; use the setting "fast" or another model.')
    with torch.device("meta"):  # weights are read, not drawn
        network = build_diffusion(**architecture_of(state))
    load_state(network, state, where)
    network = network.eval().requires_grad_(False)
    network = network.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DiffusionCascade(network, device, dtype, solver)


def checked_steps(steps: int) -> int:
    """Return the steps of a diffusion.

    Raises
    ------
    ModelError
        If there cannot be so many.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ModelError(f"A tile takes 1 to {MOST_STEPS} steps of diffusion, not {steps}.")
    return steps


def _with_colors_of(parent: Tensor, picture: Tensor) -> Tensor:
    """Give a picture back what it lost of its parent's colors, or they would drift from level to level."""
    inner = parent[..., RIM:-RIM, RIM:-RIM]
    lost = inner - F.avg_pool2d(picture, STEP)
    return picture + F.interpolate(lost, scale_factor=float(STEP), mode="nearest")
