"""From a configuration and a folder of pictures to a model folder: what ``histosynth train stain`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.paint.run import run_training
from napari_histosynth.stain.config import StainConfig, read_stain_config

if TYPE_CHECKING:
    from napari_histosynth.stain.data import Specimen
    from napari_histosynth.stain.training import StainTraining


def train_stain(
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
    """Train a model of two stains, or go on with a run that was stopped, and write it as a model folder.

    Parameters
    ----------
    config_path : Path
        The run as TOML (:class:`~napari_histosynth.stain.config.StainConfig`).
    data : Path
        Folder that the pictures' paths are relative to.
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
    config = read_stain_config(config_path)
    kind = {
        "system": "stain",
        "preset": config.model.preset,
        "stains": config.model.stains,
        "latent_size": 0,
        "architecture": config.model.architecture,
    }
    return run_training(
        config,
        lambda config: prepare_stain(config, data, say),
        kind,
        run,
        out,
        steps=steps,
        device=device,
        threads=threads,
        say=say,
    )


def prepare_stain(config: StainConfig, data: Path, say: Callable[[str], None] = print) -> StainTraining:
    """Read the pictures and build the networks of a run, untrained."""
    from napari_histosynth.stain.data import StainSampler, load_specimens
    from napari_histosynth.stain.training import StainTraining

    wanted = config.data

    def read(second: bool, held_out: bool = False) -> list[Specimen]:
        return load_specimens(
            data,
            wanted.second if second else wanted.first,
            config.model.um_per_px,
            second=second,
            held_out=held_out,
            steered=bool(config.steering),
            say=say,
        )

    first, second = read(False), read(True)
    shown = (read(False, True)[:3] or first[:3], read(True, True)[:1] or second[:1])
    training = StainTraining(config, StainSampler(config, first, second), shown)
    count = sum(one.numel() for one in training.generators["to_second"].parameters())
    say(f"A generator has {count:,} parameters.")
    return training
