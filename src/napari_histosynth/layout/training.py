"""Train the progressive GAN of layouts, then its encoder and flow: the step tells which of them it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.training import decayed, update_average
from napari_histosynth.layout.flow import Flow, build_flow, noisy, times_of
from napari_histosynth.layout.network import (
    Discriminator,
    EqualConv,
    build_encoder,
    build_generator,
    pixel_norm,
)
from napari_histosynth.layout.sheets import drawn_anew, encoder_sheet, grades_sheet

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_histosynth.layout.config import LayoutConfig, Phase
    from napari_histosynth.layout.data import PairSampler
    from napari_histosynth.layout.network import Generator


_SAID = {
    "fade": "fading in",
    "stable": "stable",
    "encoder": "the encoder",
    "flow": "the flow",
    "fine": "the fine flow",
}

#: Batches of real pairs that tell where grades lie: for a sheet, and for a model.
_SHOWN_BATCHES, _PLACED_BATCHES = 12, 80


class LayoutTraining:
    """The networks, optimizers and losses of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : LayoutConfig
        The run.
    sampler : PairSampler
        Training crops.
    shown : PairSampler
        Of the sheets of samples, of what is held out if there is such.
    say : callable
        Takes a line as each part of the run begins.
    """

    def __init__(
        self,
        config: LayoutConfig,
        sampler: PairSampler,
        shown: PairSampler,
        say: Callable[[str], None] = print,
    ) -> None:
        self.config, self.sampler, self.shown, self.say = config, sampler, shown, say
        torch.manual_seed(config.loop.seed)
        model, rates = config.model, config.optimizer
        architecture = config.architecture()
        self.generator = build_generator(architecture, model.latent_size)
        self.discriminator = Discriminator(
            model.channels,
            config.loss.widths or model.stage_widths,
            len(model.grades),
            local=config.loss.local,
        )
        if model.preset == "compact":
            self._begin_as_real()
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.encoder = build_encoder(architecture, model.latent_size)
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "encoder": self.encoder,
        }
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(self.generator.parameters(), rates.learning_rate, rates.betas),
            "discriminator": torch.optim.Adam(
                self.discriminator.parameters(), rates.discriminator_learning_rate, rates.betas
            ),
            "encoder": torch.optim.Adam(self.encoder.parameters(), config.encoder.learning_rate, (0.9, 0.99)),
        }
        for kind, part in config.flows.items():
            if part.steps:
                flow = build_flow(architecture, kind)
                average = copy.deepcopy(flow).requires_grad_(False)
                self.networks |= {kind: flow, f"{kind} average": average}
                self.optimizers[kind] = torch.optim.Adam(flow.parameters(), part.learning_rate)
        self._said = ""
        self._penalty = 0.0

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step; the encoder learns from drawn pairs and needs the grades only."""
        return self.sampler.batch(step)

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update the discriminator, then the generator, once; in the last parts encoder and flow."""
        phase = self.config.phase_at(step)
        self._announce(phase)
        grade = torch.from_numpy(batch["grade"]).to(fabric.device)
        if phase.kind == "encoder":
            losses = self._step_encoder(grade, step - phase.start, phase, fabric)
        else:
            real = torch.from_numpy(batch["pictures"]).to(fabric.device)
            if phase.kind in self.config.flows:
                losses = self._step_flow(real, grade, step - phase.start, phase, fabric)
            else:
                losses = self._step_game(real, grade, step, phase, fabric)
        fade = _fade(phase, step)
        zeros = dict.fromkeys(("judge", "drawn", "penalty", "latent", "grade", "flow"), 0.0)
        return {"px": float(phase.size), "fade": fade, **zeros, **losses}

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw layouts of every grade beside real ones; in the encoder's part real ones drawn anew."""
        phase = self.config.phase_at(max(step - 1, 0))
        average = copy.deepcopy(self.average).eval()
        if self.config.loss.rebuilding:
            # a fine flow's crops are larger than what the encoder reads
            self._place(average, self._last_game if phase.kind == "fine" else phase, _SHOWN_BATCHES)
        if phase.kind == "encoder":
            encoder = copy.deepcopy(self.encoder).eval()
            encoder_sheet(path, self.config, average, encoder, self.shown, step, fabric.device)
            return
        if phase.kind in self.config.flows:
            kinds = ("flow",) if phase.kind == "flow" else ("flow", "fine")
            draw = partial(drawn_anew, average, [self._average_of(kind) for kind in kinds])
        else:
            draw = partial(average, stage=phase.stage, fade=_fade(phase, max(step - 1, 0)))
        grades_sheet(path, self.config, draw, phase, self.shown, fabric.device)

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the averaged generator and the encoder under their names in a model folder."""
        average = copy.deepcopy(self.average).eval()
        if self.config.loss.rebuilding:
            self._place(average, self._last_game, _PLACED_BATCHES)
        tensors = {f"generator.{name}": value for name, value in average.state_dict().items()}
        tensors |= {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        for kind, part in self.config.flows.items():
            if part.steps:
                flow = self._average_of(kind).state_dict()
                tensors |= {f"{kind}.{name}": value for name, value in flow.items()}
        return tensors

    def _average_of(self, kind: str) -> Flow:
        flow = self.networks[f"{kind} average"]
        assert isinstance(flow, Flow)
        return flow

    def _begin_as_real(self) -> None:
        """Let the generator begin with colors, and with as much variety of them, as real pictures have.

        From outputs of variance 1 it takes hundreds of steps to get there, and discriminators tell by nothing
        else until then.
        """
        stages = range(self.generator.stages)
        last = next(phase for phase in self.config.phases if phase.stage == max(stages))
        real = torch.from_numpy(self.sampler.batch(last.start)["pictures"])
        mean, spread = real.mean((0, 2, 3)), real.std((0, 2, 3))
        with torch.no_grad():
            for drawn in self.generator.to_picture:
                assert isinstance(drawn, EqualConv)
                drawn.bias.copy_(mean)
                drawn.weight.mul_(spread[:, None, None, None])

    def _step_game(
        self, real: Tensor, grade: Tensor, step: int, phase: Phase, fabric: Fabric
    ) -> dict[str, float]:
        stage, fade, loss = phase.stage, _fade(phase, step), self.config.loss
        if step == self._stage_start(stage):  # what Adam knows is of another resolution (Karras et al. 2018)
            self.optimizers["generator"].state.clear()
            self.optimizers["discriminator"].state.clear()
        real = faded(real, fade)
        rebuilding, judged_grade = loss.rebuilding > 0, None if loss.rebuilding else grade
        self.discriminator.requires_grad_(True)
        with fabric.autocast():
            if rebuilding:
                drawn, apart = self._drawn_anew(real, grade, stage, fade)
            else:
                latent = torch.randn(len(real), self.config.model.latent_size, device=real.device)
                drawn, apart = self.generator(latent, grade, stage, fade), real.new_zeros(())
            on_real = self.discriminator(real, judged_grade, stage, fade)
            on_drawn = self.discriminator(drawn.detach(), judged_grade, stage, fade)
            judged = _judged(on_drawn, loss.kind, -1) + _judged(on_real, loss.kind, 1)
        total = judged + loss.drift * _mean(verdict.float().square().mean() for verdict in on_real)
        if loss.penalty and step % loss.penalty_every == 0:
            penalty = self._gradient_penalty(real, drawn.detach().float(), judged_grade, stage, fade)
            total = total + loss.penalty * loss.penalty_every * penalty
            self._penalty = float(penalty.detach())
        _descend(self.optimizers["discriminator"], total)
        self.discriminator.requires_grad_(False)
        with fabric.autocast():
            wanted = _judged(self.discriminator(drawn, judged_grade, stage, fade), loss.kind, 1)
        if rebuilding:
            self.optimizers["encoder"].zero_grad(set_to_none=True)
        _descend(self.optimizers["generator"], wanted + loss.rebuilding * apart)
        if rebuilding:
            self.optimizers["encoder"].step()
        # counted from the start of the stage: an average forgets faster while it is young
        since = step - self._stage_start(stage)
        update_average(self.average, self.generator, since, self.config.optimizer.average)
        told = {"judge": float(judged.detach()), "drawn": float(wanted.detach()), "penalty": self._penalty}
        return told | {"latent": float(apart.detach())}

    def _drawn_anew(self, real: Tensor, grade: Tensor, stage: int, fade: float) -> tuple[Tensor, Tensor]:
        """Draw half of some real pairs anew, the other half between two of them; say how far off they are.

        Returns
        -------
        drawn : Tensor
            (n, channels, s, s).
        apart : Tensor
            Mean square of what differs between real pairs and the same drawn anew, and the entropy of the
            grades that are told of them.
        """
        size, half = self.config.model.latent_size, len(real) // 2
        found = self.encoder(real, stage, fade).float()
        latent = pixel_norm(found[:, :size])
        other = torch.roll(latent, 1, 0).detach()
        share = torch.rand(half, 1, device=real.device)
        between = pixel_norm(torch.lerp(latent[half : 2 * half].detach(), other[half : 2 * half], share))
        placed = torch.cat([latent[:half], between])
        placed = pixel_norm(placed + self.config.loss.blur * torch.randn_like(placed))
        drawn = self.generator(placed, torch.cat([grade[:half], grade[half : 2 * half]]), stage, fade)
        apart = F.mse_loss(drawn[:half].float(), real[:half])
        if grade.shape[1]:
            apart = apart + 0.01 * F.cross_entropy(found[:, size:], grade)
        return drawn, apart

    def _place(self, generator: Generator, phase: Phase, batches: int) -> None:
        """Tell a generator where its encoder finds the layouts of each grade."""
        size, grades = self.config.model.latent_size, max(len(self.config.model.grades), 1)
        device = next(generator.parameters()).device
        found, told = [], []
        encoder = copy.deepcopy(self.encoder).eval()
        with torch.no_grad():
            for number in range(batches):
                batch = self.sampler.batch(phase.start + number % (phase.stop - phase.start))
                real = torch.from_numpy(batch["pictures"]).to(device)
                found.append(pixel_norm(encoder(real, phase.stage)[:, :size].float()))
                told.append(torch.from_numpy(batch["grade"]).to(device))
        mean, root = spread_by_grade(torch.cat(found), torch.cat(told), grades)
        generator.place(mean, root)

    def _gradient_penalty(
        self, real: Tensor, drawn: Tensor, grade: Tensor | None, stage: int, fade: float
    ) -> Tensor:
        """Return how far gradients of the verdict are from 1 between real and drawn, or from 0 at real."""
        between = self.config.loss.kind == "wasserstein"
        at = torch.lerp(drawn, real, torch.rand(len(real), 1, 1, 1, device=real.device)) if between else real
        at = at.detach().requires_grad_(True)
        verdicts = self.discriminator(at, grade, stage, fade)
        total = torch.stack([verdict.float().mean(1).sum() for verdict in verdicts]).sum()
        (slope,) = torch.autograd.grad(total, at, create_graph=True)
        squared = slope.square().sum((1, 2, 3))
        if between:
            return ((squared + 1e-12).sqrt() - 1).square().mean()
        return squared.mean() / 2

    def _step_encoder(self, grade: Tensor, since: int, phase: Phase, fabric: Fabric) -> dict[str, float]:
        """Teach the encoder the latents of drawn pairs by their mean squared error (paper, the encoder)."""
        config = self.config.encoder
        for group in self.optimizers["encoder"].param_groups:
            group["lr"] = config.learning_rate * (1 - 0.95 * since / max(phase.stop - phase.start, 1))
        latent = pixel_norm(torch.randn(len(grade), self.config.model.latent_size, device=grade.device))
        with torch.no_grad(), fabric.autocast():
            drawn = self.average(latent, grade)
        with fabric.autocast():
            found = self.encoder(drawn.clamp(-1, 1)).float()
        size = self.config.model.latent_size
        of_latent = F.mse_loss(found[:, :size], latent)
        of_grade = F.cross_entropy(found[:, size:], grade) if grade.shape[1] else of_latent.new_zeros(())
        _descend(self.optimizers["encoder"], of_latent + config.grade * of_grade)
        return {"latent": float(of_latent.detach()), "grade": float(of_grade.detach())}

    def _step_flow(
        self, real: Tensor, grade: Tensor, since: int, phase: Phase, fabric: Fabric
    ) -> dict[str, float]:
        """Teach a flow the way from noise to real pairs (rectified flow), at one time for each of them."""
        config, count = self.config.flows[phase.kind], len(real)
        flow, optimizer = self.networks[phase.kind], self.optimizers[phase.kind]
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * decayed(since, phase.stop - phase.start)
        # spread evenly over the batch, so that no batch is of one time
        uniform = (torch.arange(count, device=real.device) + torch.rand(1, device=real.device)) / count
        time = config.begin + (1 - config.begin) * times_of(uniform, config.shift)
        noise = torch.randn_like(real)
        told = grade * (torch.rand(count, 1, device=real.device) >= config.drop)
        with fabric.autocast():
            found = flow(noisy(real, noise, time), time, told)
        apart = (found.float() - (real - noise)).square()
        image = self.config.model.image
        loss = apart[:, image:].mean() if apart.shape[1] > image else apart.new_zeros(())
        loss = loss + config.image * apart[:, :image].mean()
        _descend(optimizer, loss, most=1.0)
        update_average(self._average_of(phase.kind), flow, since, config.average)
        return {"flow": float(loss.detach())}

    @property
    def _last_game(self) -> Phase:
        return [phase for phase in self.config.phases if phase.kind in ("fade", "stable")][-1]

    def _stage_start(self, stage: int) -> int:
        return min(phase.start for phase in self.config.phases if phase.stage == stage)

    def _announce(self, phase: Phase) -> None:
        part = f"{phase.size} px, {_SAID[phase.kind]}"
        line = f"{part}: steps {phase.start} to {phase.stop}, batches of {phase.batch}."
        if line != self._said:
            self.say(line)
            self._said = line


def spread_by_grade(found: Tensor, grade: Tensor, grades: int) -> tuple[Tensor, Tensor]:
    """Measure where the latents of each grade lie.

    Parameters
    ----------
    found : Tensor
        (n, d), latents of real pairs.
    grade : Tensor
        (n, grades), weights; (n, 0) where there are none.
    grades : int
        How many; 1 where there are none.

    Returns
    -------
    mean : Tensor
        (grades, d).
    root : Tensor
        (grades, d, d), lower triangular roots of covariances. Each is half that of all grades about their own
        means: a grade has fewer pictures than a covariance has entries.
    """
    held = grade if grade.shape[1] else grade.new_ones((len(found), 1))
    held = held / held.sum(0).clamp(min=1e-6)
    mean = held.T @ found
    apart = found[None] - mean[:, None]  # (grades, n, d)
    own = torch.einsum("ng,gni,gnj->gij", held, apart, apart)
    size = found.shape[1]
    floor = 1e-3 * torch.eye(size, device=found.device)
    return mean, torch.linalg.cholesky(0.5 * own + 0.5 * own.mean(0) + floor)


def faded(real: Tensor, fade: float) -> Tensor:
    """Mix real pictures with what the stage before would see of them, as the generator's output is mixed."""
    if fade >= 1:
        return real
    coarse = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2, mode="nearest")
    return torch.lerp(coarse, real, fade)


def _fade(phase: Phase, step: int) -> float:
    """Return the share of a new stage, from above 0 to 1 over its first part."""
    if phase.kind != "fade":
        return 1.0
    return (step + 1 - phase.start) / (phase.stop - phase.start)


def _judged(verdicts: list[Tensor], kind: str, sign: int) -> Tensor:
    """Return how far verdicts are from what is wanted of them: high (``sign`` 1) or low (-1)."""
    if kind == "wasserstein":
        return _mean(-sign * verdict.float().mean() for verdict in verdicts)
    return _mean(F.softplus(-sign * verdict.float()).mean() for verdict in verdicts)


def _mean(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor, most: float = 0.0) -> None:
    """Take a step down; with gradients clipped to a norm of ``most`` if that is not 0."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if most:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], most)
    optimizer.step()
