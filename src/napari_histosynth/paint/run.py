"""A training run from its configuration to a model folder: what is the same for every network here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from napari_histosynth.core.training import LoopSettings, Trainable, make_fabric, train

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

    from napari_histosynth.paint.config import CardSection, LoopSection


class Run(Protocol):
    """What configurations of all kinds have."""

    @property
    def model(self) -> Any:
        """The model to make: ``name``, ``title``, ``um_per_px``, and ``scheme`` if it knows labels."""

    @property
    def loop(self) -> LoopSection:
        """Length and size of the run."""

    @property
    def card(self) -> CardSection:
        """What the card must say about the data."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Any:
        """Return a copy with other values."""


Config = TypeVar("Config", bound=Run)


class Shippable(Trainable, Protocol):
    """A trainable whose weights make a model."""

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the weights under their names in a model folder."""


def run_training(
    config: Config,
    prepare: Callable[[Config], Shippable],
    kind: Mapping[str, Any],
    run: Path,
    out: Path | None = None,
    *,
    steps: int | None = None,
    device: str = "auto",
    threads: int = 0,
    say: Callable[[str], None] = print,
) -> Path:
    """Train what a configuration says, or go on with it, and write it as a model folder.

    Parameters
    ----------
    config : PaintConfig, SegmentConfig or StainConfig
        The run.
    prepare : callable
        Reads the data and builds the networks of a configuration.
    kind : mapping
        What the model's card says of the kind of network: system, preset, latent_size, architecture.
    run : Path
        Folder of the run: checkpoint, losses, sheets of samples.
    out : Path, optional
        Model folder to write at the end; ``run / "model"`` when absent.
    steps : int, optional
        Overrides the configuration's length.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    say : callable
        Takes each line of progress.

    Returns
    -------
    Path
        The model folder.
    """
    if steps is not None:
        config = config.model_copy(update={"loop": config.loop.model_copy(update={"steps": steps})})
    loop = config.loop
    settings = LoopSettings(
        steps=loop.steps,
        checkpoint_every=loop.checkpoint_every,
        sheet_every=loop.sheet_every,
        device=device,
        precision=loop.precision,
        threads=threads,
        seed=loop.seed,
    )
    training = prepare(config)
    reached = train(training, run, settings, say)
    if reached < settings.steps:
        say(f"Stopped at step {reached} of {settings.steps}; the same command goes on from there.")
    out = run / "model" if out is None else out
    _export(training, config, kind, settings, out, reached)
    say(f"Wrote {out}.")
    return out


def _export(
    training: Shippable,
    config: Run,
    kind: Mapping[str, Any],
    settings: LoopSettings,
    out: Path,
    step: int,
) -> None:
    """Write the weights of a run as a model folder."""
    from napari_histosynth.zoo import ModelCard, write_folder

    model = config.model
    card = ModelCard(
        name=model.name,
        scheme=getattr(model, "scheme", ""),
        um_per_px=model.um_per_px,
        title=model.title or model.name,
        data=config.card.data,
        terms=config.card.terms,
        license=config.card.license,
        citation=config.card.citation,
        trained=f"{step} steps of {config.loop.batch} crops of {config.loop.crop} px",
        **kind,
    )
    write_folder(out, card, training.tensors_to_ship(make_fabric(settings)))
