"""From a configuration and a folder of pictures to a model folder: what ``histosynth train layout`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.layout.config import LayoutConfig, read_layout_config
from napari_histosynth.paint.run import run_training

if TYPE_CHECKING:
    from napari_histosynth.paint.run import Shippable


def train_layout(
    config_path: Path,
    data: Path,
    run: Path,
    out: Path | None = None,
    *,
    steps: int | None = None,
    device: str = "auto",
    threads: int = 0,
    say: Callable[[str], None] = print,
) -> Path:
    """Train a model of layouts, or go on with a run that was stopped, and write it as a model folder.

    Parameters
    ----------
    config_path : Path
        The run as TOML (:class:`~napari_histosynth.layout.config.LayoutConfig`).
    data : Path
        Folder that the paths of the sources are relative to.
    run : Path
        Folder of the run: checkpoint, losses, sheets of samples.
    out : Path, optional
        Model folder to write at the end; ``run / "model"`` when absent.
    steps : int, optional
        Overrides the configuration's length; every part of the run is longer or shorter by the same ratio.
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
    config = read_layout_config(config_path)
    loop = config.loop.model_copy(update={"crop": config.model.size})
    config = config.model_copy(update={"loop": loop})
    kind: dict[str, Any] = {
        "system": "layout",
        "preset": config.model.preset,
        "latent_size": config.model.latent_size,
        "architecture": config.architecture(),
    }
    return run_training(
        config,
        lambda config: prepare_layout(config, data, run, say),
        kind,
        run,
        out,
        steps=steps,
        device=device,
        threads=threads,
        say=say,
    )


def prepare_layout(
    config: LayoutConfig, data: Path, cache: Path | None = None, say: Callable[[str], None] = print
) -> Shippable:
    """Read the pictures and build the networks of a run, untrained."""
    from napari_histosynth.core.errors import TrainingError
    from napari_histosynth.layout.data import PairSampler, load_pairs
    from napari_histosynth.layout.training import LayoutTraining

    pairs = load_pairs(data, config, cache=cache, say=say)
    sampler = PairSampler(config, pairs)
    try:
        shown = PairSampler(config, load_pairs(data, config, held_out=True, cache=cache, say=say))
    except TrainingError:  # nothing is held out
        shown = sampler
    training = LayoutTraining(config, sampler, shown, say)
    counts = [sum(p.numel() for p in part.parameters()) for part in (training.generator, training.encoder)]
    say(f"{len(pairs)} pictures; the generator has {counts[0]:,} parameters, the encoder {counts[1]:,}.")
    return training
