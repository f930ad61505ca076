"""Train the refiner: parents in, children out, judged beside real ones of the same parent."""

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
from napari_histosynth.paint.discriminator import MultiScaleDiscriminator
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.paint.texture import band_powers, texture_loss
from napari_histosynth.slide.data import palette_pictures
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.network import LAYOUT_CLASSES, STEPS, build_refiner, enlarged, given_back

if TYPE_CHECKING:
    import numpy.typing as npt
    from lightning_fabric import Fabric

    from napari_histosynth.slide.config import SlideConfig
    from napari_histosynth.slide.data import PairSampler, RealSlide

#: Crops on a sheet of samples.
SHOWN = 8


class SlideTraining:
    """The networks, optimizers and losses of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : SlideConfig
        The run.
    sampler : PairSampler
        Training crops with their parents.
    shown : PairSampler
        Of the sheets of samples, of held-out slides if there are such.
    slides : sequence of RealSlide
        Whose colors make the palette.
    kept : mapping of str to Tensor
        Tensors of the model that the run starts from.
    """

    def __init__(
        self,
        config: SlideConfig,
        sampler: PairSampler,
        shown: PairSampler,
        slides: Sequence[RealSlide],
        kept: Mapping[str, Tensor],
    ) -> None:
        self.config, self.sampler, self.shown, self.slides, self.kept = config, sampler, shown, slides, kept
        torch.manual_seed(config.loop.seed)
        self.refiner = build_refiner(config.model.preset, **config.model.architecture)
        started = {name[8:]: value for name, value in kept.items() if name.startswith("refiner.")}
        if started:
            self.refiner.load_state_dict({name: value.float() for name, value in started.items()})
        judge = config.discriminator
        self.discriminator = MultiScaleDiscriminator(
            3 + LAYOUT_CLASSES + STEPS,
            judge.widths,
            judge.fine_widths,
            judge.fine_crop,
            judge.instance_norm,
            judge.spectral_norm,
        )
        self.average = copy.deepcopy(self.refiner).requires_grad_(False)
        self.networks: dict[str, nn.Module] = {
            "refiner": self.refiner,
            "discriminator": self.discriminator,
            "average": self.average,
        }
        adam = config.optimizer
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "refiner": torch.optim.Adam(self.refiner.parameters(), adam.learning_rate, adam.betas),
            "discriminator": torch.optim.Adam(
                self.discriminator.parameters(), adam.discriminator_learning_rate, adam.betas
            ),
        }

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step."""
        return self.sampler.batch(step)

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update the discriminators, then the refiner, once."""
        self._set_rates(step)
        image, parent, layout, taken = pair_tensors(batch, fabric.device)
        weights, n = self.config.loss, len(image)
        chained, own = (batch.get(name, np.zeros(0, np.int64)) for name in ("chained", "own"))
        paired = [index for index in range(n) if index not in chained and index not in own]
        with fabric.autocast():
            if len(chained):
                parent[chained] = self._drawn_parents(batch, taken[chained] - 1)
            known = self._known(parent, layout, taken, chained, own)
            if len(own):
                parent[own] = from_rgb(batch["own_parent"], fabric.device)
                layout[own] = torch.from_numpy(batch["own_layout"]).to(fabric.device)
            doubt = 2 * self.config.data.doubt * torch.rand(n, 1, 1, 1, device=image.device)
            drawn, lost = self.refiner.draw(parent, layout, taken, doubt=doubt * torch.randn_like(parent))
            drawn = given_back(drawn, lost)
            coherence = lost.abs().mean()
            pair = torch.cat([known, known])
            self.discriminator.requires_grad_(True)
            verdicts = [v.float() for v, _ in self.discriminator(torch.cat([image, drawn.detach()]), pair)]
            judged = _mean((v[:n] - 1).square().mean() + v[n:].square().mean() for v in verdicts)
        _descend(self.optimizers["discriminator"], judged)
        with fabric.autocast():
            self.discriminator.requires_grad_(False)
            with torch.no_grad():
                real = [features for _, features in self.discriminator(image, known)]
            of_drawn = self.discriminator(drawn, known)
            fine = taken == STEPS - 1
            counts = torch.where(fine, weights.fine_adversarial, 1.0)[:, None, None, None]
            adversarial = _mean((counts * (one.float() - 1).square()).mean() for one, _ in of_drawn)
            features = _mean(
                F.l1_loss(one[paired].float(), other[paired].float())
                for (_, found), true in zip(of_drawn, real, strict=True)
                for one, other in zip(found, true, strict=True)
            )
            features = features if paired else adversarial.new_zeros(())
            close = [index for index in paired if fine[index]]
            pixels = (
                F.l1_loss(drawn[close].float(), image[close]) * (len(close) / n) if close else 0 * features
            )
            if "own_child" in batch:
                child = from_rgb(batch["own_child"], fabric.device)
                pixels = pixels + F.l1_loss(drawn[own].float(), child) * (len(own) / n)
            texture = features.new_zeros(())
            if weights.texture:
                texture = _texture(drawn.clamp(-1, 1), image, own)
        _descend(
            self.optimizers["refiner"],
            adversarial
            + weights.features * features
            + weights.fine_pixels * pixels
            + weights.coherence * coherence
            + weights.texture * texture,
        )
        update_average(self.average, self.refiner, step, self.config.optimizer.average)
        losses = {"judges": judged, "adversarial": adversarial, "features": features, "coherence": coherence}
        if weights.fine_pixels:
            losses["pixels"] = pixels
        if weights.texture:
            losses["texture"] = texture
        return {name: float(value.detach()) for name, value in losses.items()}

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw parent, drawn and real crops of all steps, row by row."""
        from napari_histosynth.io import save_image

        rows, number = [], 0
        wanted = dict.fromkeys(range(STEPS), SHOWN // STEPS)
        average = copy.deepcopy(self.average).eval()
        while any(wanted.values()) and number < 50 * SHOWN:
            batch = self.shown.batch(number)
            number += 1
            image, parent, layout, taken = pair_tensors(batch, fabric.device)
            for i, one in enumerate(batch["step"]):
                if not wanted[int(one)]:
                    continue
                wanted[int(one)] -= 1
                torch.manual_seed(i)
                with torch.no_grad(), fabric.autocast():
                    drawn = average(parent[i : i + 1], layout[i : i + 1], taken[i : i + 1])
                margin = self.shown.margin
                large = enlarged(parent[i : i + 1])[..., margin:-margin, margin:-margin]
                rows.append((int(one), np.hstack([*to_rgb(torch.cat([large, drawn, image[i : i + 1]]))])))
        rows.sort(key=lambda row: row[0])
        half = -(-len(rows) // 2)
        if rows:
            columns = [np.vstack([row for _, row in part]) for part in (rows[:half], rows[half:]) if part]
            height = min(len(column) for column in columns)
            save_image(path, np.hstack([column[:height] for column in columns]))

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the averaged weights and the palette under their names in a model folder."""
        from napari_histosynth.slide.sketch import Palette

        palette = Palette.measured(palette_pictures(self.slides))
        tensors = {name: value for name, value in self.kept.items() if name.startswith("diffusion.")}
        tensors |= {f"refiner.{name}": value for name, value in self.average.state_dict().items()}
        tensors["palette.mean"] = torch.from_numpy(palette.mean)
        tensors["palette.covariance"] = torch.from_numpy(palette.covariance)
        return tensors

    def _drawn_parents(self, batch: Mapping[str, Any], taken: Tensor) -> Tensor:
        """Draw parents from what is above them, as they are drawn on a slide."""
        device = taken.device
        above = from_rgb(batch["above"], device)
        average = self.average.eval()
        with torch.no_grad():
            drawn: Tensor = average(above, torch.from_numpy(batch["layout_above"]).to(device), taken)
        drawn = drawn.float().clamp(-1, 1).add(1).mul(127.5).round().div(127.5).sub(1)
        part = slice(self.sampler.rim, self.sampler.rim + self.sampler.parent)
        return drawn[..., part, part]

    def _known(
        self,
        parent: Tensor,
        layout: Tensor,
        taken: Tensor,
        chained: npt.NDArray[np.int64],
        own: npt.NDArray[np.int64],
    ) -> Tensor:
        """Return what discriminators are told of a crop: its parent, its layout, and which step it is.

        Where the parent was drawn, no real crop has one like it: they are told what it looks like four times
        smaller, which is the same of both. Of one's own parents they are told nothing but the layout.
        """
        margin = self.sampler.margin
        if len(chained) or len(own):
            parent = parent.clone()
            if len(chained):
                parent[chained] = _vague(parent[chained])
            parent[own] = 0
        large = enlarged(torch.cat([parent, layout], 1))[..., margin:-margin, margin:-margin]
        told = F.one_hot(taken, STEPS).float()[:, :, None, None]
        return torch.cat([large, told.expand(-1, -1, *large.shape[-2:])], 1)

    def _set_rates(self, step: int) -> None:
        adam, loop = self.config.optimizer, self.config.loop
        factor = decayed(step, loop.steps)
        rates = {"refiner": adam.learning_rate, "discriminator": adam.discriminator_learning_rate}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * factor
        # in the last part of a run it learns in the very statistics that it will draw in
        still = step >= adam.still * loop.steps
        for module in self.refiner.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not still)


def pair_tensors(
    batch: Mapping[str, Any], device: torch.device | str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the crops, parents, layouts and steps of a batch as networks take them."""
    return (
        from_rgb(batch["image"], device),
        from_rgb(batch["parent"], device),
        torch.from_numpy(batch["layout"]).to(device),
        torch.from_numpy(batch["step"]).to(device),
    )


def _texture(drawn: Tensor, image: Tensor, own: npt.NDArray[np.int64]) -> Tensor:
    """Compare textures, place by place; of one's own parents, which have no such places, on average."""
    of = [index for index in range(len(image)) if index not in own]
    losses = [texture_loss(drawn[of], image[of])] * len(of) if of else []
    for index in own:
        pairs = zip(band_powers(drawn[index][None]), band_powers(image[index][None]), strict=True)
        losses.append(_mean((one.mean((2, 3)) - other.mean((2, 3))).abs().mean() for one, other in pairs))
    return _mean(losses)


def _vague(parent: Tensor) -> Tensor:
    """Return pictures as they look four times smaller, mirrored to whole blocks of four."""
    height, width = parent.shape[-2:]
    whole = F.pad(parent, (0, -width % STEP, 0, -height % STEP), mode="reflect")
    return enlarged(F.avg_pool2d(whole, STEP))[..., :height, :width]


def _mean(losses: Any) -> Tensor:
    return torch.stack(list(losses)).mean()


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
