"""Train the diffusion U-Net: real children under noise, and how fast they leave it (URCDM, section 2).

As published: the network tells the velocity, gradients are clipped at a norm of 1, crops that are mostly
white are left out. Parents have a little noise on them, since drawn ones err. Parts of a crop are shown
without noise, as finished neighbors are shown in drawing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.training import decayed, update_average
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.slide.diffusion import (
    DEFAULT_STEPS,
    MARGIN,
    TIMESTEPS,
    DiffusionCascade,
    build_diffusion,
)
from napari_histosynth.slide.levels import DRAWN, STEP
from napari_histosynth.slide.network import STEPS, enlarged
from napari_histosynth.slide.outpaint import OVERLAP
from napari_histosynth.slide.training import SHOWN, pair_tensors
from napari_histosynth.slide.unets import build_scheduler, noised

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_histosynth.slide.config import SlideConfig
    from napari_histosynth.slide.data import PairSampler

#: Norm that gradients are clipped at.
CLIPPED_AT = 1.0

_MEASURED = 16  # batches that tell how far children are from their enlarged parents
_LEAST_SPREAD = 0.02
# neighbors that a tile of each color has finished, row by row around it
_FINISHED = np.array(
    [
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [1, 0, 1], [0, 0, 0]],
        [[1, 1, 1], [0, 0, 0], [1, 1, 1]],
        [[1, 1, 1], [1, 0, 1], [1, 1, 1]],
    ],
    bool,
)
_MISSING = 0.1  # chance of each to be missing, as at the border of a slide


class DiffusionTraining:
    """The network, optimizer and loss of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : SlideConfig
        The run; ``config.model.diffusion`` are the arguments of
        :class:`~napari_histosynth.slide.diffusion.DiffusionUNet`.
    sampler : PairSampler
        Training crops with their parents, of a margin of
        :data:`~napari_histosynth.slide.diffusion.MARGIN`.
    shown : PairSampler
        Of the sheets of samples, of held-out slides if there are such.
    kept : mapping of str to Tensor
        Tensors of the model that the run starts from, whose refiner and palette are shipped again.
    most_snr : float
        For :func:`snr_weight`; 0, as published, weighs all noise levels alike.

    Raises
    ------
    TrainingError
        If there is no such model, or crops do not fit the network.
    """

    def __init__(
        self,
        config: SlideConfig,
        sampler: PairSampler,
        shown: PairSampler,
        kept: Mapping[str, Tensor],
        most_snr: float = 0.0,
    ) -> None:
        self.config, self.sampler, self.shown, self.kept = config, sampler, shown, kept
        self.most_snr = most_snr
        if not any(name.startswith("refiner.") for name in kept):
            raise TrainingError(
                "A diffusion U-Net joins the refiner and the palette of a model of slides; name one in "
                "model.start."
            )
        torch.manual_seed(config.loop.seed)
        self.network = build_diffusion(**config.model.diffusion)
        if config.loop.crop % self.network.side or sampler.margin != MARGIN:
            raise TrainingError(
                f"Crops for this network are multiples of {self.network.side} px with a margin of {MARGIN} "
                f"px, not {config.loop.crop} px with {sampler.margin} px."
            )
        started = {n.removeprefix("diffusion."): t for n, t in kept.items() if n.startswith("diffusion.")}
        if started:
            self.network.load_state_dict({name: value.float() for name, value in started.items()})
        else:
            self.network.spread.copy_(self._measured())
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.networks: dict[str, nn.Module] = {"diffusion": self.network, "average": self.average}
        adam = config.optimizer
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "diffusion": torch.optim.AdamW(
                self.network.parameters(), adam.learning_rate, (0.9, 0.99), weight_decay=0.0
            )
        }
        scheduler = build_scheduler("ddpm", TIMESTEPS, "v_prediction")
        self._kept: Tensor = scheduler.alphas_cumprod.float()

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step, and where each is known without noise."""
        batch = dict(self.sampler.batch(step))
        rng = np.random.default_rng((self.config.loop.seed, step, 1))
        side = self.config.loop.crop
        batch["mask"] = np.stack([known_mask(rng, side) for _ in batch["step"]])
        return batch

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update the network once."""
        rate = self.config.optimizer.learning_rate * decayed(step, self.config.loop.steps)
        for group in self.optimizers["diffusion"].param_groups:
            group["lr"] = rate
        device = fabric.device
        image, parent, layout, taken = pair_tensors(batch, device)
        mask = torch.from_numpy(batch["mask"].astype(np.float32))[:, None].to(device)
        picture = (image - self.network.base_of(parent)) / self.network.spread_of(taken)
        # one timestep of each part of the range: batches differ less
        share = (torch.arange(len(image), device=device) + torch.rand(len(image), device=device)) / len(image)
        time = (share * TIMESTEPS).long().clamp(max=TIMESTEPS - 1)
        kept = self._kept.to(device)[time]
        noisy, target = noised(picture, torch.randn_like(picture), kept)
        with fabric.autocast():
            found = self.network(noisy, time, taken, parent, layout, picture, mask)
        missed = ((found.float() - target).square() * (1 - mask)).sum((1, 2, 3))
        each = missed / (3 * (1 - mask).sum((1, 2, 3)))
        loss = (each * snr_weight(kept, self.most_snr)).mean()
        optimizer = self.optimizers["diffusion"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIPPED_AT)
        optimizer.step()
        update_average(self.average, self.network, step, self.config.optimizer.average)
        losses = {"loss": loss, "velocity": each.mean(), "gradient": norm}
        return {name: float(value.detach()) for name, value in losses.items()}

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw enlarged parent, drawn and real crops of all steps, row by row."""
        from napari_histosynth.io import save_image

        frozen = copy.deepcopy(self.average).eval()
        cascade = DiffusionCascade(frozen, fabric.device)
        rows: list[tuple[int, Any]] = []
        wanted = dict.fromkeys(range(STEPS), SHOWN // STEPS)
        number = 0
        while any(wanted.values()) and number < 50 * SHOWN:
            batch = self.shown.batch(number)
            number += 1
            for image, parent, layout, taken in zip(
                batch["image"], batch["parent"], batch["layout"], batch["step"], strict=True
            ):
                if not wanted[int(taken)]:
                    continue
                wanted[int(taken)] -= 1
                window = Window.of_shape(image.shape)
                level = DRAWN[int(taken) + 1]
                drawn = cascade.draw(level, len(rows), window, parent, layout, steps=DEFAULT_STEPS)
                large = enlarged(from_rgb(parent[None], "cpu"))[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
                rows.append((int(taken), np.hstack([to_rgb(large)[0], drawn, image])))
        rows.sort(key=lambda row: row[0])
        if rows:
            save_image(path, np.vstack([row for _, row in rows]))

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the averaged weights beside what the model had, under their names in a model folder."""
        tensors = {name: value for name, value in self.kept.items() if not name.startswith("diffusion.")}
        return tensors | {f"diffusion.{name}": value for name, value in self.average.state_dict().items()}

    @torch.no_grad()
    def _measured(self) -> Tensor:
        """Return how far children are from their enlarged parents, by step: a root mean square."""
        squares, counts = torch.zeros(STEPS), torch.zeros(STEPS)
        for number in range(_MEASURED):
            image, parent, _, taken = pair_tensors(self.sampler.batch(number), "cpu")
            away = (image - self.network.base_of(parent)).square().mean((1, 2, 3))
            squares.index_add_(0, taken, away)
            counts.index_add_(0, taken, torch.ones(len(away)))
        usual = squares.sum() / counts.sum()
        return torch.where(counts > 0, squares / counts.clamp(min=1), usual).sqrt().clamp(min=_LEAST_SPREAD)


def snr_weight(kept: Tensor, most: float) -> Tensor:
    """Return how much a velocity counts by how much of the picture is left, (n,) of ``alpha ** 2``.

    Min-SNR weighting (Hang et al., ICCV 2023): pictures are asked for by their signal-to-noise ratio up to
    one of ``most``, and alike from there on.

    Parameters
    ----------
    kept : Tensor
        (n,), share of the variance that is the picture's.
    most : float
        The ratio, 5 in that paper; 0 weighs all velocities alike.
    """
    if not most:
        return torch.ones_like(kept)
    ratio = kept / (1 - kept).clamp(min=1e-8)
    return ratio.clamp(max=most) / (ratio + 1)


def known_mask(rng: np.random.Generator, side: int) -> Any:
    """Return where a crop is known without noise: as finished neighbors lie around a tile, bool (side, side).

    Tiles of the four colors are equally frequent, and each neighbor may be missing.
    """
    finished = _FINISHED[int(rng.integers(4))] & (rng.random((3, 3)) >= _MISSING)
    rim = min(OVERLAP, side // 4 // STEP * STEP)
    sizes = [rim, side - 2 * rim, rim]
    return np.repeat(np.repeat(finished, sizes, axis=0), sizes, axis=1)
