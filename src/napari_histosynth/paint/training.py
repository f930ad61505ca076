"""Train a paint model: label maps and H&E in, a generator with its encoder out (SHI-GAN, section 2.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.training import decayed, decayed_as_paper, settle_norms, update_average
from napari_histosynth.paint.discriminator import MultiScaleDiscriminator
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.grader import Grader
from napari_histosynth.paint.lesson import Lesson, Pairs, stain_of, unsure
from napari_histosynth.paint.model import encode_picture, from_rgb, to_rgb
from napari_histosynth.paint.network import LocalGenerator, build_generator
from napari_histosynth.paint.paper import PaperGenerator, folded_state
from napari_histosynth.paint.perceptual import PerceptualLoss, find_vgg19
from napari_histosynth.paint.prior import LatentPrior
from napari_histosynth.paint.reader import Reader
from napari_histosynth.paint.signs import Signs
from napari_histosynth.paint.start import start_from
from napari_histosynth.paint.texture import texture_loss

if TYPE_CHECKING:
    import numpy.typing as npt
    from lightning_fabric import Fabric

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.config import PaintConfig
    from napari_histosynth.paint.data import CropSampler, Field

#: Batches that settle the statistics of normalization for averaged weights.
SETTLING_BATCHES = 24
#: Looks that a model ships, the best of four times as many.
KNOWN_LOOKS = 64
#: Planes beside the labels by which discriminators are told a grade.
GRADE_PLANES = 2
#: Glass is not darker than the first, tissue seldom brighter than the second, in [-1, 1].
DULL, BLANK = 0.65, 0.85


class PaintTraining:
    """The networks, optimizers and losses of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : PaintConfig
        The run.
    scheme : TissueScheme
        Of the label maps.
    sampler : CropSampler
        Training crops with the margin that the generator needs.
    shown : sequence of Field
        Fields for the sheets of samples, held out if there are such.
    """

    def __init__(
        self,
        config: PaintConfig,
        scheme: TissueScheme,
        sampler: CropSampler,
        shown: Sequence[Field] = (),
    ) -> None:
        self.config, self.scheme, self.sampler, self.shown = config, scheme, sampler, shown
        torch.manual_seed(config.loop.seed)
        self.generator = make_generator(config, scheme)
        self.encoder = StyleEncoder(self.generator.style_size)
        shape = config.discriminator
        told = GRADE_PLANES if shape.grade else 0
        self.discriminator = MultiScaleDiscriminator(
            scheme.n_classes + told, shape.widths, shape.fine_widths, shape.fine_crop, shape.instance_norm
        )
        vgg19 = find_vgg19(config.loss.vgg19)
        self.vgg19 = None if vgg19 is None else PerceptualLoss(vgg19)
        self.prior = LatentPrior(config.model.latent_size)
        known: dict[str, Tensor] = {}
        if config.model.start:
            known = start_from(config.model.start, scheme, self.generator, self.encoder)
            bank = known.get("latent.bank")
            if bank is not None and bank.shape[1] == config.model.latent_size:  # else it has no stain
                self.prior.update(bank)
        self._averaged = nn.ModuleDict({"generator": self.generator, "encoder": self.encoder})
        self.average = copy.deepcopy(self._averaged)
        self.average.requires_grad_(False)
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator,
            "encoder": self.encoder,
            "discriminator": self.discriminator,
            "average": self.average,
            "prior": self.prior,
        }
        adam = config.optimizer
        self.aids: dict[str, Reader | Grader | Signs] = {}
        if config.loss.labels:
            self.aids["labels"] = Reader(scheme.n_classes)
        if config.loss.grade:
            self.aids["grade"] = grader = Grader(self.encoder.latent_size)
            if "latent.grade" in known:
                grader.remember(known["latent.grade"])
        if config.loss.signs:
            self.aids["signs"] = Signs(sampler.fields, config.data.grades, scheme, sampler.stains)
        self._drawn = [*self.generator.parameters(), *self.encoder.parameters()]
        self._judged = list(self.discriminator.parameters())
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(self._drawn, adam.learning_rate, adam.betas),
            "discriminator": torch.optim.Adam(self._judged, adam.discriminator_learning_rate, adam.betas),
        }
        for name, aid in self.aids.items():
            self.networks[name] = aid
            if not isinstance(aid, Signs):  # which are known beforehand
                self.optimizers[name] = torch.optim.Adam(aid.parameters(), aid.learning_rate)

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step."""
        return self.sampler.batch(step)

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update all networks once.

        Discriminators judge real and drawn pictures in one pass, from which both sides take their gradients.
        """
        self._set_learning_rates(step)
        image, labels = tensors(batch, self.scheme.n_classes, fabric.device)
        weights = self.config.loss
        n = len(image)
        encoded = n - round(weights.prior * n)
        with fabric.autocast():
            stain = stain_of(batch, fabric.device)
            mean, log_variance = self.encoder(
                image[:encoded], unsure(None if stain is None else stain[:encoded])
            )
            latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            self.prior.update(_with_stain(mean, stain))
            random, pairs = self._random(n - encoded, encoded)
            latent = torch.cat([_with_stain(latent, stain), random])
            wanted = labels if pairs is None else labels.index_copy(0, pairs.high, labels[pairs.low])
            drawn = self.generator(wanted, latent)
            inner, asked = (_inside(x, self.sampler.margin) for x in (labels, wanted))
            known = self._told_with(inner, asked, batch, latent[encoded:])
            judged = self.discriminator(torch.cat([image, drawn]), torch.cat(known))
            verdicts = [verdict.float().split(n) for verdict, _ in judged]
            discriminator_loss = _mean(self._discriminator_loss(*verdict) for verdict in verdicts)
            adversarial = _mean(self._generator_loss(of_drawn) for _, of_drawn in verdicts)
            perceptual = self._perceptual(image, drawn, judged, encoded)
            color = F.l1_loss(F.avg_pool2d(drawn[:encoded], 8), F.avg_pool2d(image[:encoded], 8))
            grain = texture_loss(drawn[:encoded], image[:encoded]) if weights.texture else color.new_zeros(())
            lesson = Lesson(image, drawn, inner, asked, mean, latent, batch, pairs)
            taught = {name: aid.teach(lesson) for name, aid in self.aids.items()}
            kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
            loss = adversarial + weights.perceptual * perceptual + weights.color * color
            loss = loss + weights.texture * grain + weights.kl * kl
            loss = loss + sum(getattr(weights, name) * missed for name, (_, missed) in taught.items())
        _descend(self.optimizers["discriminator"], self._judged, discriminator_loss, retain_graph=True)
        _descend(self.optimizers["generator"], self._drawn, loss)
        for name, (error, _) in taught.items():
            if error.requires_grad:
                _descend(self.optimizers[name], list(self.aids[name].parameters()), error)
        update_average(self.average, self._averaged, step, self.config.optimizer.average)
        losses = {
            "discriminator": discriminator_loss,
            "adversarial": adversarial,
            "perceptual": perceptual,
            "color": color,
            "texture": grain,
            "kl": kl,
        } | {name: missed for name, (_, missed) in taught.items()}
        return {name: float(value.detach()) for name, value in losses.items()}

    def _random(self, count: int, first: int) -> tuple[Tensor, Pairs | None]:
        """Return random looks (count, d), of all grades where these are taught, and which of them are pairs.

        A batch begins with ``first`` crops in looks of their own.
        """
        grader = self.aids.get("grade")
        half = count // 2 if "signs" in self.aids else 0
        looks = self.prior.sample(count - half)
        if not isinstance(grader, Grader):
            return looks, None
        if not half:
            return grader.spread(looks, self.prior.known), None
        low = 0.5 * torch.rand(half, device=looks.device)
        rest = torch.rand(count - 2 * half, device=looks.device)
        twice = torch.cat([looks[:half], looks[:half], looks[half:]])
        looks = grader.spread(twice, self.prior.known, torch.cat([low, low + 0.5, rest]))
        with torch.no_grad():
            told = grader.tell(looks[:, : grader.style_size])
        places = first + torch.arange(2 * half, device=looks.device)
        return looks, Pairs(places[:half], places[half:], told[:half], told[half : 2 * half])

    def _told_with(
        self, labels: Tensor, asked: Tensor, batch: Mapping[str, Any], random: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what discriminators are told of real and of drawn crops: labels, and the grade if asked for.

        A grader rewards whatever it takes for a grade, and a generator finds cheaper ways to please it than
        tissue of that grade. A discriminator that is told the grade compares with real tissue of that grade.
        """
        grader = self.aids.get("grade")
        if not self.config.discriminator.grade or not isinstance(grader, Grader):
            return labels, asked
        grade = torch.from_numpy(batch["grade"]).to(labels.device)
        with torch.no_grad():
            told = grader.tell(random[:, : grader.style_size]).clamp(0, 1)
        drawn = torch.cat([grade[: len(grade) - len(told)], told])
        return graded_planes(labels, grade), graded_planes(asked, drawn)

    def settled(self, fabric: Fabric) -> nn.ModuleDict:
        """Return a copy of the averaged networks, ready to draw.

        The averaged weights never saw the batches whose statistics their normalization holds: measure
        those anew.
        """
        average = copy.deepcopy(self.average)
        generator, encoder = average["generator"], average["encoder"]

        def show(number: int) -> None:
            torch.manual_seed(number)
            batch = self.sampler.batch(number)
            image, labels = tensors(batch, self.scheme.n_classes, fabric.device)
            stain = stain_of(batch, fabric.device)
            generator(labels, _with_stain(encoder(image, stain)[0], stain))

        with torch.no_grad(), fabric.autocast():
            settle_norms(generator, show, SETTLING_BATCHES)
        return average.eval()

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw labels, real tissue, the same in its own style, and in two random styles, row by row."""
        from napari_histosynth.io import save_image

        average = self.settled(fabric)
        generator = average["generator"]
        torch.manual_seed(0)
        random = self.prior.sample(2 * len(self.shown))
        side, margin = shown_side(generator), self.sampler.margin
        rows = []
        for number, field in enumerate(self.shown):
            y, x = ((size - side) // 2 for size in field.image.shape[:2])
            # those without nuclei (the third degree of detail) are shown only if they are trained on
            detail = [i for i, chance in enumerate(self.config.data.detail[: len(field.labels)]) if chance]
            drawn = np.pad(field.labels[detail[number % len(detail)]], margin, mode="symmetric")
            crop = {
                "image": field.image[None, y : y + side, x : x + side],
                "labels": drawn[None, y : y + side + 2 * margin, x : x + side + 2 * margin],
            }
            _, labels = tensors(crop, self.scheme.n_classes, fabric.device)
            with torch.no_grad(), fabric.autocast():
                torch.manual_seed(number)
                own = self._encode(average, field.image[y : y + side, x : x + side], fabric)
                latents = torch.cat([own, random[2 * number : 2 * number + 2]])
                pictures = generator(labels.expand(3, -1, -1, -1), latents)
            inner = crop["labels"][0, margin : margin + side, margin : margin + side]
            rows.append(np.hstack([self.scheme.encode(inner), crop["image"][0], *to_rgb(pictures)]))
        if rows:
            save_image(path, np.vstack(rows))

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the weights of the averaged generator and encoder under their names in a model folder."""
        settled = self.settled(fabric)
        weights = {
            f"{part}.{name}": value
            for part in ("generator", "encoder")
            for name, value in folded_state(settled[part]).items()
        }
        weights["latent.bank"] = self._real_latents(settled, fabric)
        if isinstance(grader := self.aids.get("grade"), Grader):
            told = grader.of_latent
            weights["latent.grade"] = torch.cat([told.weight.detach()[0], told.bias.detach()])
        return weights

    def _real_latents(self, settled: nn.ModuleDict, fabric: Fabric) -> Tensor:
        """Encode whole training pictures: what random looks are mixed from, (at most KNOWN_LOOKS, d).

        A crop may show nothing but glass or a clump of lymphocytes, and a whole canvas drawn in the look of
        that is no tissue; the whole picture has the look of its slide. Even so some looks suit few label
        maps: where they draw stroma as white as glass, or glass gray, labels no longer mean what they say.
        The looks that do so least are kept, of the two thirds whose stain is nearest to the typical one:
        nobody asks for the violet of a failing scanner by chance.
        """
        fields = self.sampler.fields
        shares = np.cumsum([field.share for field in fields])
        places = (np.arange(8 * KNOWN_LOOKS) + 0.5) / (8 * KNOWN_LOOKS) * shares[-1]
        chosen = np.unique(np.searchsorted(shares, places))
        generator = settled["generator"]
        with torch.no_grad(), fabric.autocast():
            latents = torch.cat([self._encode(settled, fields[i].image, fabric).float() for i in chosen])
            if self.generator.stain:
                odd = latents[:, self.generator.style_size :].square().mean(1)
                latents = latents[odd.argsort(stable=True)[: max(KNOWN_LOOKS, 2 * len(latents) // 3)]]
            batches = [tensors(self.sampler.batch(n), self.scheme.n_classes, fabric.device) for n in (0, 1)]
            labels = torch.cat([labels for _, labels in batches])
            glass = _inside(labels, self.sampler.margin)[:, self.scheme.background] > 0
            torch.manual_seed(0)
            wrong = []
            for latent in latents:
                brightness = generator(labels, latent.expand(len(labels), -1)).float().mean(1)
                gray, white = brightness < DULL, brightness > BLANK
                share = (gray & glass).sum() / glass.sum().clamp(min=1)
                wrong.append(share + (white & ~glass).sum() / (~glass).sum().clamp(min=1))
        order = torch.stack(wrong).argsort(stable=True)
        return latents[order[:KNOWN_LOOKS].sort().values]

    def _encode(self, networks: nn.ModuleDict, rgb: npt.NDArray[np.uint8], fabric: Fabric) -> Tensor:
        """Return the latent, (1, d), of a whole picture by averaged networks."""
        encoder = cast("StyleEncoder", networks["encoder"])
        return encode_picture(encoder, rgb, fabric.device, stain=self.generator.stain)

    def _perceptual(
        self,
        image: Tensor,
        drawn: Tensor,
        judged: Sequence[tuple[Tensor, list[Tensor]]],
        encoded: int,
    ) -> Tensor:
        """Compare features of pictures with those drawn in their look: VGG-19's, else the discriminators'."""
        if self.vgg19 is not None:
            return cast("Tensor", self.vgg19.to(image.device)(drawn[:encoded], image[:encoded]))
        n = len(image)
        return _mean(
            F.l1_loss(f[n : n + encoded].float(), f[:encoded].detach().float())
            for _, features in judged
            for f in features
        )

    def _set_learning_rates(self, step: int) -> None:
        adam, loop = self.config.optimizer, self.config.loop
        factor = decayed(step, loop.steps) if adam.schedule == "linear" else decayed_as_paper(step)
        rates = {
            "generator": adam.learning_rate * (step >= self.config.discriminator.ahead),
            "discriminator": adam.discriminator_learning_rate,
        } | {name: aid.learning_rate for name, aid in self.aids.items() if not isinstance(aid, Signs)}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * factor

    def _discriminator_loss(self, real: Tensor, drawn: Tensor) -> Tensor:
        if self.config.loss.adversarial == "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + drawn).mean()
        return ((real - 1) ** 2).mean() + (drawn**2).mean()

    def _generator_loss(self, drawn: Tensor) -> Tensor:
        if self.config.loss.adversarial == "hinge":
            return -drawn.mean()
        return ((drawn - 1) ** 2).mean()


def make_generator(config: PaintConfig, scheme: TissueScheme) -> LocalGenerator | PaperGenerator:
    """Build the generator that a configuration names, untrained."""
    model = config.model
    architecture = dict(model.architecture)
    if model.preset == "paper":
        architecture["spectral_norm"] = True  # folded away when the model is written
    return build_generator(model.preset, scheme.n_classes, model.latent_size, **architecture)


def margin_of(generator: nn.Module) -> int:
    """Return how many pixels of labels a generator needs beyond each side of its picture."""
    return generator.margin if isinstance(generator, LocalGenerator) else 0


def shown_side(generator: nn.Module) -> int:
    """Return the side in pixels of the pictures on a sheet of samples."""
    return 256 if isinstance(generator, LocalGenerator) else cast("PaperGenerator", generator).size


def graded_planes(labels: Tensor, grade: Tensor) -> Tensor:
    """Append two planes to labels (n, k, y, x): the grades (n,), -1 to 1, and whether they are known."""
    known = ~torch.isnan(grade)
    planes = torch.stack([torch.where(known, 2 * grade - 1, torch.zeros_like(grade)), known.float()], 1)
    planes = planes.to(labels.dtype)[:, :, None, None].expand(-1, -1, *labels.shape[-2:])
    return torch.cat([labels, planes], 1)


def tensors(batch: Mapping[str, Any], n_classes: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Turn a batch of uint8 arrays into a picture in [-1, 1] and one-hot labels, channels last."""
    labels = torch.from_numpy(np.ascontiguousarray(batch["labels"])).to(device)
    # one-hot along the last axis, then viewed as channels: the memory format stays channels last
    return from_rgb(batch["image"], device), F.one_hot(labels.long(), n_classes).permute(0, 3, 1, 2).float()


def _with_stain(latents: Tensor, stain: Tensor | None) -> Tensor:
    """Append the stain to the latents of the first pictures of a batch."""
    return latents if stain is None else torch.cat([latents, stain[: len(latents)]], 1)


def _mean(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()


def _inside(x: Tensor, margin: int) -> Tensor:
    return x[..., margin:-margin, margin:-margin] if margin else x


def _descend(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], loss: Tensor, retain_graph: bool = False
) -> None:
    """Take a step for some parameters alone, whatever else the loss depends on."""
    gradients = torch.autograd.grad(loss, parameters, retain_graph=retain_graph, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
