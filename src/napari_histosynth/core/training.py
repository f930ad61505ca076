"""The one loop that every craft trains in: steps, checkpoints, resume, a log of losses, progress.

A craft brings a :class:`Trainable`; the loop brings everything that is the same for all. Each batch is a
function of the step alone and torch's generator is seeded at each step, so that a run that was killed
goes on as if it had not been.
"""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.device import choose_device, choose_precision
from napari_histosynth.core.errors import TrainingError

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

CHECKPOINT = "checkpoint.pt"
LOSSES = "losses.csv"


class Trainable(Protocol):
    """What a craft hands to the loop."""

    #: Networks to save and move to the device, averaged copies included.
    networks: dict[str, torch.nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the arrays of a step, the same at each call; runs in another thread."""

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Train on a batch and return the losses, not a number among them being NaN."""

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw a sheet of samples."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and how to train.

    Attributes
    ----------
    steps : int
        Where to stop; a run that got there does nothing more.
    checkpoint_every, sheet_every, log_every : int
        In steps; 0 leaves sheets out.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "bf16-mixed", "32-true", or "auto": the first where the hardware multiplies bf16, which is 2.5 to 3.5
        times faster; elsewhere it is many times slower.
    threads : int
        CPU threads, 0 for torch's own choice.
    seed : int
        Of weights, batches and noise.
    """

    steps: int
    checkpoint_every: int = 250
    sheet_every: int = 1000
    log_every: int = 10
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    seed: int = 0


def decayed(step: int, steps: int, *, hold: float = 0.5, floor: float = 0.05, warmup: int = 100) -> float:
    """Return the factor of the learning rate at a step.

    Rises over ``warmup`` steps, holds, then falls linearly to ``floor`` over the last ``1 - hold`` of the
    run. (The paper's x0.95 every 1,000 iterations is made for 200,000 of them.)
    """
    rise = min(1.0, (step + 1) / max(warmup, 1))
    fall = max(0.0, (step / max(steps, 1) - hold) / (1 - hold)) if hold < 1 else 0.0
    return rise * (1 - (1 - floor) * min(fall, 1.0))


def decayed_as_paper(step: int) -> float:
    """Return the factor of the learning rate by the paper's rule, x0.95 after every 1,000 (2.3)."""
    return float(0.95 ** (step // 1000))


def update_average(
    average: torch.nn.Module, current: torch.nn.Module, step: int, decay: float = 0.999
) -> None:
    """Move an exponential moving average of weights a step on; buffers are copied.

    Young averages forget faster, so that the first weights do not linger.
    """
    import torch

    keep = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        averaged, fresh = ([p.detach() for p in module.parameters()] for module in (average, current))
        torch._foreach_lerp_(averaged, fresh, 1 - keep)
        for kept, new in zip(average.buffers(), current.buffers(), strict=True):
            kept.copy_(new)


def settle_norms(network: torch.nn.Module, show: Callable[[int], object], batches: int) -> None:
    """Measure anew what batch normalization knows of its input; the network is left in training mode.

    Averaged weights never saw the batches whose statistics their normalization holds.

    Parameters
    ----------
    network : Module
        Changed in place.
    show : callable
        Runs the network on the batch of a number.
    batches : int
        How many to run it on.
    """
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over batches
    network.train()
    for number in range(batches):
        show(number)


def train(
    trainable: Trainable,
    directory: Path,
    settings: LoopSettings,
    say: Callable[[str], None] = print,
) -> int:
    """Train until ``settings.steps``, resuming from the directory's checkpoint if there is one.

    An interrupt (Ctrl-C, SIGTERM) ends the run after the step in progress, with a checkpoint.

    Parameters
    ----------
    trainable : Trainable
        What to train.
    directory : Path
        Where the checkpoint, ``losses.csv`` and sheets of samples go.
    settings : LoopSettings
        How long and how.
    say : callable
        Takes each line of progress.

    Returns
    -------
    int
        The step that the run ended at.

    Raises
    ------
    TrainingError
        If a loss is not a number, or the checkpoint cannot be read or is of something else.
    SaveError
        If a checkpoint cannot be written; the last one stays.
    """
    import torch

    fabric = make_fabric(settings)
    directory.mkdir(parents=True, exist_ok=True)
    for network in trainable.networks.values():
        network.to(device=fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    start = load_checkpoint(directory / CHECKPOINT, trainable, fabric.device)
    if start:
        say(f"Resuming at step {start} of {settings.steps}.")
    began, last_said = time.monotonic(), 0.0
    with _stopping() as stop, _log(directory / LOSSES, start) as log, ThreadPoolExecutor(1) as loader:
        ahead: Future[Mapping[str, Any]] = loader.submit(trainable.batch, start)
        step = start
        while step < settings.steps and not stop():
            batch = ahead.result()
            ahead = loader.submit(trainable.batch, step + 1)
            torch.manual_seed(settings.seed * 1_000_003 + step)
            losses = trainable.step(batch, step, fabric)
            bad = [name for name, value in losses.items() if value != value]
            if bad:
                raise TrainingError(
                    f"The loss {bad[0]!r} is not a number at step {step}; start again from the last "
                    "checkpoint with a lower learning rate."
                )
            step += 1
            if step % settings.log_every == 0:
                log(step, losses)
            now = time.monotonic()
            if now - last_said > 20 or step == settings.steps:
                last_said = now
                each = (now - began) / (step - start)
                left = each * (settings.steps - step)
                shown = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
                say(f"step {step}/{settings.steps}, {each:.2f} s a step, {_clock(left)} left: {shown}")
            if step % settings.checkpoint_every == 0:
                save_checkpoint(directory / CHECKPOINT, trainable, step)
            if settings.sheet_every and (step % settings.sheet_every == 0 or step == settings.steps):
                trainable.sheet(directory / f"sheet-{step:06d}.png", step, fabric)
        ahead.cancel()
    if step > start:
        save_checkpoint(directory / CHECKPOINT, trainable, step)
    return step


def save_checkpoint(path: Path, trainable: Trainable, step: int) -> None:
    """Write everything that resuming needs, atomically."""
    import torch

    state = {
        "step": step,
        "networks": {name: network.state_dict() for name, network in trainable.networks.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in trainable.optimizers.items()},
    }
    with atomic_path(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # how torch reports that its file writer failed
            raise OSError(str(error).splitlines()[0]) from error


def load_checkpoint(path: Path, trainable: Trainable, device: torch.device | str = "cpu") -> int:
    """Read a checkpoint into the networks and optimizers and return its step; 0 where there is none."""
    import torch

    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        for name, network in trainable.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimizer in trainable.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        return int(state["step"])
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"The checkpoint {path} does not fit this configuration or is damaged ({reason}); "
            "move it away to start afresh."
        ) from error


def make_fabric(settings: LoopSettings) -> Fabric:
    """Return Lightning Fabric for the device and precision of a run, with torch seeded."""
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise TrainingError(
            "Training needs Lightning Fabric: pip install 'napari-histosynth[train]'."
        ) from error
    import torch

    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    accelerator = {"cuda": "gpu"}.get(settings.device, settings.device)
    precision = settings.precision
    if precision == "auto":
        fast = choose_precision("auto", choose_device(settings.device)) == torch.bfloat16
        precision = "bf16-mixed" if fast else "32-true"
    try:
        return Fabric(accelerator=accelerator, devices=1, precision=precision)  # type: ignore[arg-type]
    except Exception as error:
        raise TrainingError(
            f"Cannot train on {settings.device!r} in {settings.precision!r}: {error}"
        ) from error


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Turn interrupts into a question to ask between steps; a second one ends at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                before[number] = signal.signal(number, ask)
            except ValueError:  # not the main thread: whoever called stops the run in another way
                break
        yield lambda: asked
    finally:
        for handled, handler in before.items():
            signal.signal(handled, handler)


@contextmanager
def _log(path: Path, start: int) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Append losses to a CSV, dropping rows that a killed run wrote after its last checkpoint."""
    rows: list[list[str]] = []
    if path.exists() and start:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row[0] == "step" or int(row[0]) <= start]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(rows)
        headed = bool(rows)

        def log(step: int, losses: Mapping[str, float]) -> None:
            nonlocal headed
            if not headed:
                writer.writerow(["step", *losses])
                headed = True
            writer.writerow([step, *(f"{value:.5g}" for value in losses.values())])
            file.flush()

        yield log


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
