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


@app.callback()
def group() -> None:
    """Keep ``paint`` a command of its own: there is only one so far."""


@app.command("paint", help=PAINT_HELP)
def paint(
    config: Annotated[
        Path, typer.Option(metavar="TOML", help="What to train, and how: see docs/training.md.")
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with images/ and labels/ or masks/.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where checkpoint, losses and samples go. runs/NAME by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Model folder to write at the end. RUN/model by default."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Length of the run, instead of the TOML's.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Run ``histosynth train paint``; see :data:`PAINT_HELP`."""
    from napari_histosynth.paint.config import read_config

    if run is None:
        run = Path("runs", read_config(config).model.name)

    from napari_histosynth.paint.fit import train_paint

    train_paint(config, data, run, out, steps=steps, device=device, threads=threads, say=say)
