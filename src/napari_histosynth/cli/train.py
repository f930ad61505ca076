"""``histosynth train``: models from one's own slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, say

app = typer.Typer(help="Train models on tissue of your own.", no_args_is_help=True)

PAINT_HELP = help_text("""Train a model that draws H&E from label maps.

DIR holds images/ and either labels/ (label maps) or masks/ (not black where epithelium is), files of the
same names. A run that was stopped, by Ctrl-C or otherwise, goes on where its last checkpoint is.

\b
$ histosynth train paint --config models/colon-3class/train.toml --data glas
$ histosynth train paint --config my.toml --data my-slides --steps 2000

Needs the extra 'train': pip install 'napari-histosynth\\[train]'. A GPU helps; two CPU cores take hours.""")


SEGMENT_HELP = help_text("""Train a model that makes label maps of H&E.

DIR holds images/ and either masks/ (not black where glands are, lumen included) or labels/ (label maps),
files of the same names. A run that was stopped goes on where its last checkpoint is.

\b
$ histosynth train segment --config models/gland-segmenter/train.toml --data glas

Needs the extra 'train': pip install 'napari-histosynth\\[train]'. Two CPU cores take 15 minutes.""")

STAIN_HELP = help_text("""Train a model that turns one stain into another and back.

DIR is the folder that the pictures' paths in the TOML are relative to; nothing has to be paired. A run that
was stopped goes on where its last checkpoint is.

\b
$ histosynth train stain --config models/ki67-he/train.toml --data slides

Needs the extra 'train': pip install 'napari-histosynth\\[train]'. A GPU helps; two CPU cores take hours.""")

SLIDE_HELP = help_text("""Train a model that draws whole slides.

DIR is the folder that the TOML's path is relative to. There each slide is a folder that holds an
overview_8um.jpg, pictures at 2 um a pixel in fields_2um/, pictures at 0.5 um in regions_0.5um/, and a
slide.json that says where on the slide these lie. A run that was stopped goes on where its last
checkpoint is.

\b
$ histosynth train slide --config models/colon-slide/train.toml --data slides

Needs the extra 'train': pip install 'napari-histosynth\\[train]'. Two CPU cores take an hour.""")

LAYOUT_HELP = help_text("""Train a model that draws new tissue: label map and H&E together.

DIR is the folder that the TOML's paths are relative to: pictures with masks of their glands, or, with
data.arrays, a folder of NAME.npz with the arrays image (channels, y, x) and segmentation (maps, y, x). The
resolution grows as training goes on; at the end an encoder learns to find a picture's latent. A run that
was stopped goes on where its last checkpoint is.

\b
$ histosynth train layout --config models/colon-layout/train.toml --data slides

Needs the extra 'train': pip install 'napari-histosynth\\[train]'. One CPU core takes an hour.""")

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="TOML", help="What to train, and how: see docs/training.md.")
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="DIR", help="Where checkpoint, losses and samples go. runs/NAME by default."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Model folder to write at the end. RUN/model by default."),
]
StepsOption = Annotated[
    int | None, typer.Option("--steps", min=1, help="Length of the run, instead of the TOML's.")
]
WhereOption = Annotated[str, typer.Option("--device", help="Where to compute: auto, cpu, cuda, mps.")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=0, help="CPU threads; 0 leaves the choice to torch.")
]


@app.command("paint", help=PAINT_HELP)
def paint(
    config: ConfigOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with images/ and labels/ or masks/.")],
    run: RunOption = None,
    out: OutOption = None,
    steps: StepsOption = None,
    device: WhereOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Run ``histosynth train paint``; see :data:`PAINT_HELP`."""
    from napari_histosynth.paint.config import read_config

    if run is None:
        run = Path("runs", read_config(config).model.name)

    from napari_histosynth.paint.fit import train_paint

    train_paint(config, data, run, out, steps=steps, device=device, threads=threads, say=say)


@app.command("segment", help=SEGMENT_HELP)
def segment(
    config: ConfigOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with images/ and masks/ or labels/.")],
    run: RunOption = None,
    out: OutOption = None,
    steps: StepsOption = None,
    device: WhereOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Run ``histosynth train segment``; see :data:`SEGMENT_HELP`."""
    from napari_histosynth.paint.segment_config import read_segment_config

    if run is None:
        run = Path("runs", read_segment_config(config).model.name)

    from napari_histosynth.paint.segment_training import train_segmenter

    train_segmenter(config, data, run, out, steps=steps, device=device, threads=threads, say=say)


@app.command("stain", help=STAIN_HELP)
def stain(
    config: ConfigOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the TOML's paths are relative to.")],
    run: RunOption = None,
    out: OutOption = None,
    steps: StepsOption = None,
    device: WhereOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Run ``histosynth train stain``; see :data:`STAIN_HELP`."""
    from napari_histosynth.stain.config import read_stain_config

    if run is None:
        run = Path("runs", read_stain_config(config).model.name)

    from napari_histosynth.stain.fit import train_stain

    train_stain(config, data, run, out, steps=steps, device=device, threads=threads, say=say)


@app.command("slide", help=SLIDE_HELP)
def slide(
    config: ConfigOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the TOML's path is relative to.")],
    run: RunOption = None,
    out: OutOption = None,
    steps: StepsOption = None,
    device: WhereOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Run ``histosynth train slide``; see :data:`SLIDE_HELP`."""
    from napari_histosynth.slide.config import read_slide_config

    if run is None:
        run = Path("runs", read_slide_config(config).model.name)

    from napari_histosynth.slide.fit import train_slide

    train_slide(config, data, run, out, steps=steps, device=device, threads=threads, say=say)


@app.command("layout", help=LAYOUT_HELP)
def layout(
    config: ConfigOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the TOML's paths are relative to.")],
    run: RunOption = None,
    out: OutOption = None,
    steps: StepsOption = None,
    device: WhereOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Run ``histosynth train layout``; see :data:`LAYOUT_HELP`."""
    from napari_histosynth.layout.config import read_layout_config

    if run is None:
        run = Path("runs", read_layout_config(config).model.name)

    from napari_histosynth.layout.fit import train_layout

    train_layout(config, data, run, out, steps=steps, device=device, threads=threads, say=say)
