"""``histosynth evaluate``: how good a model is, on patients that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, make_folder, progress, remark, remarks, results, say

app = typer.Typer(help="Measure how good models are.", no_args_is_help=True)

PAINT_HELP = help_text("""Measure how good a model draws, on patients that it never saw.

Segmentation networks trained on drawn, on real and on both kinds of pictures; labels found again in drawn
pictures; how well a network tells drawn from real; the Fréchet distance; nearest training neighbors; picture
sheets. docs/evaluation.md says what each means.

\b
$ histosynth evaluate paint --data glas                        some 3 minutes on two CPU cores
$ histosynth evaluate paint --data glas --budget full          some 20 minutes
$ histosynth evaluate paint --model runs/mine/model --config my.toml --data my-slides

DIR holds what the model was trained on: images/ and masks/ or labels/, and the table of patients. Who was
held out stands in train.toml of the model's folder, or in the configuration given. Stopped with Ctrl-C, the
same command goes on; finished, it only prints.""")


@app.callback()
def group() -> None:
    """Keep each measurement a command of its own."""


@app.command("paint", help=PAINT_HELP)
def paint(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with images/ and labels/ or masks/.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model.")] = "colon-3class",
    budget: Annotated[str, typer.Option(help="How thoroughly: quick or full.")] = "quick",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write. evaluation/MODEL by default."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="How the model was trained, instead of its own train.toml."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Run ``histosynth evaluate paint``; see :data:`PAINT_HELP`."""
    from rich.table import Table

    from napari_histosynth.study.asked import named_budget
    from napari_histosynth.study.budget import BUDGETS
    from napari_histosynth.study.evaluate import evaluate_paint
    from napari_histosynth.study.material import find_subject

    named_budget(BUDGETS, budget)
    subject = find_subject(model, data, config)  # before a folder is made
    folder = make_folder(Path("evaluation", subject.name) if output is None else output)
    report = evaluate_paint(
        model, data, folder, config=config, budget=budget, device=device, threads=threads, watch=watch
    )
    table = Table("measure", "result", "beside it", "best", title=report.heading, title_justify="left")
    for row in report.rows():
        table.add_row(*row)
    results().print(table)
    say(f"Wrote results.json, results.md, pictures.png and neighbors.png to {folder}.")


@contextmanager
def watch(doing: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on a terminal, elsewhere a line as each piece of work begins."""
    if not remarks().is_terminal:
        remark(f"{doing}.")
    with progress(doing) as tell:
        yield tell
