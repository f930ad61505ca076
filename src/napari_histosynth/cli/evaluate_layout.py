"""``histosynth evaluate layout``: how good new tissue is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, make_folder, print_table, say
from napari_histosynth.cli.evaluate import watch

LAYOUT_HELP = help_text("""Measure how good new tissue is, beside real label maps of patients held out.

By grade: classes, glands, solidity, lumina and nuclei, as distances of distributions with real against real
beside them. Whether pictures show their labels, in the eyes of a segmenter; how various layouts are, and
whether they are copies; what the encoder gives back; what segmentation learns from painted layouts; glands
along the axis of grades; grids in large layouts. docs/evaluation.md says what each means.

\b
$ histosynth evaluate layout --data DATA                         some 5 minutes on one CPU core
$ histosynth evaluate layout --data DATA --budget full --record  some 40 minutes
$ histosynth evaluate layout --model runs/mine/model --config my.toml --data DATA

DATA is the folder that the paths in train.toml are relative to. Who was held out stands in train.toml of the
model's folder, or in the configuration given. Stopped with Ctrl-C, the same command goes on; finished, it
only prints.""")


def layout(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the data that it was trained on.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model.")] = "colon-layout",
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
    painter: Annotated[str, typer.Option(help="Model that paints layouts to learn from.")] = "colon-3class",
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Run ``histosynth evaluate layout``; see :data:`LAYOUT_HELP`."""
    from napari_histosynth.study.asked import named_budget
    from napari_histosynth.study.layout import evaluate_layout
    from napari_histosynth.study.layoutmaterial import BUDGETS, find_layout_subject
    from napari_histosynth.study.layoutreport import record_layout
    from napari_histosynth.zoo import find_model

    named_budget(BUDGETS, budget)
    subject = find_layout_subject(model, data, config)  # before a folder is made
    folder = make_folder(Path("evaluation", subject.name) if output is None else output)
    report = evaluate_layout(
        subject, folder, budget=budget, device=device, threads=threads, painter=painter, watch=watch
    )
    say(f"{report.heading}.")
    for table in report.tables:
        print_table(table)
    for said, held in report.verdicts:
        say(f"{'Yes' if held else 'NO'}: {said}.")
    say(f"Wrote results.json, results.md, layouts.png, neighbors.png and large.png to {folder}.")
    if record:
        record_layout(find_model(subject.model), report)
        say(f"Recorded in {subject.model}.")
