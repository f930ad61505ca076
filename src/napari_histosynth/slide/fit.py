"""From a configuration and a folder of slides to a model folder: what ``histosynth train slide`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.run import run_training
from napari_histosynth.slide.config import SlideConfig, read_slide_config

if TYPE_CHECKING:
    from napari_histosynth.paint.run import Shippable
    from napari_histosynth.slide.owndata import OwnField


def train_slide(
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
    """Train a model of slides, or go on with a run that was stopped, and write it as a model folder.

    Parameters
    ----------
    config_path : Path
        The run as TOML (:class:`~napari_histosynth.slide.config.SlideConfig`).
    data : Path
        Folder that the slides' path is relative to.
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
    config = read_slide_config(config_path)
    kind: dict[str, Any] = {
        "system": "slide",
        "preset": config.model.preset,
        "latent_size": 0,
        "architecture": config.model.architecture,
    }
    return run_training(
        config,
        lambda config: prepare_slide(config, data, say, run),
        kind,
        run,
        out,
        steps=steps,
        device=device,
        threads=threads,
        say=say,
    )


def prepare_slide(
    config: SlideConfig, data: Path, say: Callable[[str], None] = print, run: Path | None = None
) -> Shippable:
    """Read the slides and build the networks of a run, untrained; what it draws itself is kept in ``run``."""
    import torch

    from napari_histosynth.slide.data import PairSampler, load_slides
    from napari_histosynth.slide.difftraining import DiffusionTraining
    from napari_histosynth.slide.diffusion import MARGIN
    from napari_histosynth.slide.network import build_refiner
    from napari_histosynth.slide.training import SlideTraining
    from napari_histosynth.zoo import find_model

    slides, children = load_slides(data, config, say=say)
    kept = find_model(config.model.start).read_tensors() if config.model.start else {}
    diffusion = config.model.setting == "diffusion"
    if diffusion:
        sampler = PairSampler(config, children, margin := MARGIN)
    else:
        with torch.device("meta"):  # only asked for its measures
            refiner = build_refiner(config.model.preset, **config.model.architecture)
        own = _own_fields(config, run, say) if config.data.own else []
        sampler = PairSampler(config, children, margin := refiner.margin, refiner.stride, own)
    shown = sampler
    if config.data.held_out:
        shown = PairSampler(config, load_slides(data, config, held_out=True)[1], margin)
    if diffusion:
        return DiffusionTraining(config, sampler, shown, kept)
    training = SlideTraining(config, sampler, shown, slides, kept)
    say(f"The refiner has {sum(one.numel() for one in training.refiner.parameters()):,} parameters.")
    return training


def _own_fields(config: SlideConfig, run: Path | None, say: Callable[[str], None]) -> list[OwnField]:
    """Return fields of slides as the model draws them that a run starts from: as it kept them, or drawn."""
    from napari_histosynth.slide.laying import GLANDS
    from napari_histosynth.slide.model import load_slide_model
    from napari_histosynth.slide.owndata import draw_own_fields, keep_own_fields, kept_own_fields

    if not config.model.start:
        raise TrainingError("data.own needs a model that draws the parents: name it in model.start.")
    model = load_slide_model(config.model.start)
    children = config.data.own_children
    key = f"{model.sha256} {GLANDS} {config.loop.seed} {children}"
    path = None if run is None else run / "own.npz"
    fields = None if path is None else kept_own_fields(path, key)
    if fields is None:
        fields = draw_own_fields(model, config.loop.seed, children=children, say=say)
        if path is not None:
            keep_own_fields(path, fields, key)
    return fields
