"""``histosynth evaluate slide``: how good whole slides are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, make_folder, print_table, say
from napari_histosynth.cli.evaluate import watch

SLIDE_HELP = help_text("""Measure how good a model draws whole slides, beside real ones that it never saw.

At each magnification: Fréchet distance, how well a network tells drawn from real, strength of detail, use
of noise, agreement with the level before, seams of tiles, glass; and what a slide of 40,960 px costs beside
URCDM. docs/evaluation.md says what each means.

\b
$ histosynth evaluate slide --data DATA                         some 5 minutes on one CPU core
$ histosynth evaluate slide --data DATA --budget full --record  some 30 minutes
$ histosynth evaluate slide --model runs/mine/model --config my.toml --data DATA

DATA is the folder that the path in train.toml is relative to. What was held out stands in train.toml of
the model's folder, or in the configuration given. Stopped with Ctrl-C, the same command goes on; finished,
it only prints.""")


def slide(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the slides of the training.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model.")] = "colon-slide",
    budget: Annotated[str, typer.Option(help="How thoroughly: quick or full.")] = "quick",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write. evaluation/MODEL by default."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the result into model.toml and card.md of the model.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="How the model was trained, instead of its own train.toml."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Run ``histosynth evaluate slide``; see :data:`SLIDE_HELP`."""
    from napari_histosynth.study.asked import named_budget
    from napari_histosynth.study.slide import evaluate_slide
    from napari_histosynth.study.slidematerial import BUDGETS, find_slide_subject
    from napari_histosynth.study.slidereport import record_slide
    from napari_histosynth.zoo import find_model

    named_budget(BUDGETS, budget)
    subject = find_slide_subject(model, data, config)  # before a folder is made
    folder = make_folder(Path("evaluation", subject.name) if output is None else output)
    report = evaluate_slide(subject, folder, budget=budget, device=device, threads=threads, watch=watch)
    say(f"{report.heading}.")
    for table in report.tables:
        print_table(table)
    for setting in report.settings:
        for said, held in report.verdicts(setting):
            say(f"{'Yes' if held else 'NO'}: {setting}: {said}.")
    say(f"Wrote results.json, results.md and sheets of pictures to {folder}.")
    if record:
        record_slide(find_model(subject.model), report)
        say(f"Recorded in {subject.model}.")
