"""Train two generators and two judges on unpaired pictures of two stains (Liu et al., section 3)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.training import decayed, update_average
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.stain.data import UNTOLD, nuclear_colors, shown_part
from napari_histosynth.stain.losses import glass_loss, ssim, steering_loss, structure_loss
from napari_histosynth.stain.network import PatchJudge, build_stain_generator

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_histosynth.stain.config import StainConfig
    from napari_histosynth.stain.data import Specimen, StainSampler

#: Side in px of the pictures on a sheet.
SHOWN_SIDE = 256


class Pool(nn.Module):
    """Drawn pictures that a judge is shown again, so that it does not forget what it was deceived by.

    As Shrivastava et al. (CVPR 2017) and the common CycleGAN do; kept in the checkpoint, so that a run that
    was stopped goes on as if it had not been.

    Parameters
    ----------
    size : int
        Pictures that are kept; 0 keeps none.
    channels, side : int
        Of a picture.
    """

    kept: Tensor
    count: Tensor

    def __init__(self, size: int, channels: int, side: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, channels, side, side, dtype=torch.float16))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def exchange(self, drawn: Tensor) -> Tensor:
        """Return half of the pictures (n, c, y, x) as they are, half older ones, whose places they take."""
        size = len(self.kept)
        shown = []
        for picture in drawn.detach():
            known = int(self.count)
            if known < size:
                self.kept[known] = picture.to(self.kept.dtype)
                self.count += 1
                shown.append(picture)
            elif size and float(torch.rand(())) < 0.5:
                place = int(torch.randint(size, ()))
                shown.append(self.kept[place].to(picture.dtype))
                self.kept[place] = picture.to(self.kept.dtype)
            else:
                shown.append(picture)
        return torch.stack(shown)


class StainTraining:
    """The networks, optimizers and losses of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : StainConfig
        The run.
    sampler : StainSampler
        Training crops.
    shown : tuple of sequence of Specimen
        Pictures of both stains for the sheets of samples, held out if there are such.
    """

    def __init__(
        self,
        config: StainConfig,
        sampler: StainSampler,
        shown: tuple[Sequence[Specimen], Sequence[Specimen]] = ((), ()),
    ) -> None:
        self.config, self.sampler, self.shown = config, sampler, shown
        self.colors = nuclear_colors(sampler.second)
        torch.manual_seed(config.loop.seed)
        model, judge = config.model, config.discriminator
        plain = {key: value for key, value in model.architecture.items() if key != "steering"}
        self.generators = nn.ModuleDict(
            {
                "to_second": build_stain_generator(model.preset, **model.architecture),
                "to_first": build_stain_generator(model.preset, **plain),
            }
        )
        told = config.steering
        self.judges = nn.ModuleDict(
            {
                "first": PatchJudge(judge.widths, 3, judge.instance_norm),
                "second": PatchJudge(judge.widths, 3 + told, judge.instance_norm),
            }
        )
        self.average = copy.deepcopy(self.generators).requires_grad_(False)
        side = config.loop.crop
        self.pools = nn.ModuleDict(
            {"first": Pool(config.loss.pool, 3, side), "second": Pool(config.loss.pool, 3 + told, side)}
        )
        self.networks: dict[str, nn.Module] = {
            "generators": self.generators,
            "judges": self.judges,
            "average": self.average,
            "pools": self.pools,
        }
        adam = config.optimizer
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generators": torch.optim.Adam(self.generators.parameters(), adam.learning_rate, adam.betas),
            "judges": torch.optim.Adam(
                self.judges.parameters(), adam.discriminator_learning_rate, adam.betas
            ),
        }

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step."""
        return self.sampler.batch(step)

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update generators, then judges, once."""
        self._set_learning_rates(step)
        device = fabric.device
        first, second = from_rgb(batch["first"], device), from_rgb(batch["second"], device)
        asked = own = None
        if self.config.steering:
            asked = torch.from_numpy(batch["first_planes"]).to(device)
            own = torch.from_numpy(batch["second_planes"]).to(device)
        forward, reverse, weights = (
            self.generators["to_second"],
            self.generators["to_first"],
            self.config.loss,
        )
        self.judges.requires_grad_(False)
        with fabric.autocast():
            as_second = forward(first, asked)
            as_first = reverse(second)
            first_again = reverse(as_second)
            second_again = forward(as_first, own)
            deceived = self._genuine(self.judges["second"](_told(as_second, asked)))
            deceived = deceived + self._genuine(self.judges["first"](as_first))
            losses = {"adversarial": deceived}
            again = ((first_again, first), (second_again, second))
            losses["cycle"] = _sum(F.l1_loss(found.float(), true) for found, true in again)
            if weights.ssim:
                losses["ssim"] = _sum(1 - ssim(found, true) for found, true in again)
            if weights.identity:
                same = F.l1_loss(forward(second, own).float(), second)
                losses["identity"] = same + F.l1_loss(reverse(first).float(), first)
        if weights.hematoxylin:
            kept = structure_loss(first, as_second) + structure_loss(as_first, second)
            losses["hematoxylin"] = kept
        if weights.glass:
            losses["glass"] = glass_loss(first, as_second) + glass_loss(second, as_first)
        if weights.steering and asked is not None:
            losses["steering"] = steering_loss(as_second, asked, *self.colors)
        total = losses["adversarial"] + _sum(
            getattr(weights, name) * loss for name, loss in losses.items() if name != "adversarial"
        )
        self.optimizers["generators"].zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizers["generators"].step()

        self.judges.requires_grad_(True)
        if own is not None:  # of some real pictures, too, nobody says which nuclei are positive
            own = own * (torch.rand(len(own), 1, 1, 1, device=device) >= UNTOLD)
        with fabric.autocast():
            judged = self._judged("second", _told(second, own), _told(as_second, asked))
            judged = judged + self._judged("first", first, as_first)
        self.optimizers["judges"].zero_grad(set_to_none=True)
        judged.backward()  # type: ignore[no-untyped-call]
        self.optimizers["judges"].step()
        update_average(self.average, self.generators, step, self.config.optimizer.average)
        losses["judges"] = judged
        return {name: float(value.detach()) for name, value in losses.items()}

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw H&E, Ki-67, back, and the other way around, row by row."""
        from napari_histosynth.io import save_image

        rows = []
        for reverse, specimens in enumerate(self.shown):
            for one in specimens:
                rows.append(self._row(one, bool(reverse), fabric))
        if rows:
            save_image(path, np.vstack(rows))

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the averaged weights of both directions under their names in a model folder."""
        return {
            f"{direction}.{name}": value
            for direction, kept in (("forward", "to_second"), ("reverse", "to_first"))
            for name, value in self.average[kept].state_dict().items()
        }

    @torch.no_grad()
    def _row(self, one: Specimen, reverse: bool, fabric: Fabric) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return a picture, the other stain, and back; of H&E last with a part of the nuclei positive."""
        rgb, planes = shown_part(one, self.config.model.um_per_px, SHOWN_SIDE)
        image = from_rgb(rgb[None], fabric.device)
        asked = torch.from_numpy(planes)[None].to(fabric.device) if self.config.steering else None
        forward, back = self.average["to_second"], self.average["to_first"]
        with fabric.autocast():
            if reverse:
                drawn = back(image)
                shown = [drawn, forward(drawn, asked), image]
            else:
                drawn = forward(image)
                shown = [drawn, back(drawn), forward(image, asked)]
        return np.hstack([rgb, *to_rgb(torch.cat([one.float() for one in shown]))])

    def _judged(self, stain: str, real: Tensor, drawn: Tensor) -> Tensor:
        """Return how wrong a judge is about real and drawn pictures, some of which it has seen before."""
        judge, pool = self.judges[stain], self.pools[stain]
        shown = pool.exchange(drawn)  # type: ignore[operator]
        verdict = judge(torch.cat([real, shown])).float()
        of_real, of_drawn = verdict.split(len(real))
        if self.config.loss.adversarial == "log":
            return F.softplus(-of_real).mean() + F.softplus(of_drawn).mean()
        wrong: Tensor = 0.5 * ((of_real - 1).square().mean() + of_drawn.square().mean())
        return wrong

    def _genuine(self, verdict: Tensor) -> Tensor:
        """Return how far a verdict on what was drawn is from that on real pictures."""
        if self.config.loss.adversarial == "log":
            return F.softplus(-verdict.float()).mean()
        missed: Tensor = (verdict.float() - 1).square().mean()
        return missed

    def _set_learning_rates(self, step: int) -> None:
        adam, loop = self.config.optimizer, self.config.loop
        if adam.schedule == "linear":
            factor = decayed(step, loop.steps)
        else:
            factor = 0.9 ** (step // (2 * adam.steps_per_epoch))  # section 4.2
        rates = {"generators": adam.learning_rate, "judges": adam.discriminator_learning_rate}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * factor


def _told(image: Tensor, planes: Tensor | None) -> Tensor:
    """Append planes of steering to pictures."""
    return image if planes is None else torch.cat([image, planes.to(image.dtype)], 1)


def _sum(losses: Any) -> Tensor:
    return torch.stack(list(losses)).sum()
