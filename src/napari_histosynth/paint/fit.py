"""From a configuration and a folder of pictures to a model folder: what ``histosynth train paint`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.config import PaintConfig, read_config
from napari_histosynth.paint.data import CropSampler, Split, load_fields
from napari_histosynth.paint.run import run_training

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.data import Field
    from napari_histosynth.paint.training import PaintTraining


def train_paint(
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
    """Train a paint model, or go on with a run that was stopped, and write it as a model folder.

    Parameters
    ----------
    config_path : Path
        The run as TOML (:class:`~napari_histosynth.paint.config.PaintConfig`).
    data : Path
        Folder with ``images/`` and ``masks/`` or ``labels/``.
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
    config = read_config(config_path)
    kind = {
        "system": "shi-gan",
        "preset": config.model.preset,
        "latent_size": config.model.latent_size,
        "architecture": config.model.architecture,
    }
    return run_training(
        config,
        lambda config: prepare(config, data, say, run),
        kind,
        run,
        out,
        steps=steps,
        device=device,
        threads=threads,
        say=say,
    )


def prepare(
    config: PaintConfig, data: Path, say: Callable[[str], None] = print, kept: Path | None = None
) -> PaintTraining:
    """Read the data and build the networks of a run, untrained; ``kept`` is where made labels stay."""
    import torch

    from napari_histosynth.paint.training import PaintTraining, make_generator, margin_of, shown_side

    scheme = get_scheme(config.model.scheme)
    wanted = config.data
    say(f"Reading pictures and making label maps from {data}.")
    fields, held_out = read_fields(config, data, scheme, kept, say)
    say(f"{len(fields)} pictures to train on, {len(held_out)} held out.")
    with torch.device("meta"):  # only asked for its measures: nothing is allocated or drawn by chance
        generator = make_generator(config, scheme)
    sampler = CropSampler(
        fields,
        crop=config.loop.crop,
        margin=margin_of(generator),
        batch=config.loop.batch,
        seed=config.loop.seed,
        detail=wanted.detail,
        jitter=wanted.jitter,
        by_class=wanted.by_class,
        class_weights={scheme.index_of(name): weight for name, weight in wanted.class_weights.items()},
        stain=generator.stain,
        grades=wanted.grades,
    )
    side = shown_side(generator)
    shown = [field for field in held_out or fields if min(field.image.shape[:2]) >= side]
    training = PaintTraining(config, scheme, sampler, shown[:: max(1, len(shown) // 6)][:6])
    compared = "the discriminators'" if training.vgg19 is None else "VGG-19's"
    say(f"The perceptual loss compares {compared} features.")
    return training


def read_fields(
    config: PaintConfig, data: Path, scheme: TissueScheme, kept: Path | None, say: Callable[[str], None]
) -> tuple[list[Field], list[Field]]:
    """Read what a configuration trains on and what it holds out, from one folder or from several sources.

    Parameters
    ----------
    config : PaintConfig
        The run.
    data : Path
        Folder of the data.
    scheme : TissueScheme
        Of the label maps.
    kept : Path, optional
        Where label maps that are made stay.
    say : callable
        Takes lines of progress.

    Returns
    -------
    trained, held_out : list of Field
        The second is empty where nobody is held out.
    """
    wanted, um_per_px = config.data, config.model.um_per_px
    if wanted.sources:
        from napari_histosynth.paint.sources import class_shares, load_sources

        fields = load_sources(data, wanted.sources, scheme, um_per_px, cache=kept, say=say)
        shares = class_shares(fields, scheme.n_classes)
        say(
            "Of all pixels: "
            + ", ".join(f"{entry.name} {shares[entry.index]:.1%}" for entry in scheme.classes)
        )
        if not any(source.held_out or source.hold_out_one_in for source in wanted.sources):
            return fields, []
        held_out = load_sources(data, wanted.sources, scheme, um_per_px, held_out=True, cache=kept, say=say)
        return fields, held_out
    split = Split(wanted.table, wanted.name_column, wanted.group_column, wanted.held_out, wanted.grade_column)
    fields = load_fields(data, scheme, um_per_px, split)
    return fields, load_fields(data, scheme, um_per_px, split, held_out=True) if wanted.held_out else []
