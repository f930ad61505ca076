"""``histosynth evaluate grade``: whether the grade slider does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, make_folder, results, say
from napari_histosynth.cli.evaluate import watch

GRADE_HELP = help_text("""Measure whether a model's grade slider does what it says.

A judge learns grades from real tissue alone, of patients that the model was trained on; how well it grades
patients held out is printed first. It then judges what the model draws from the lowest to the highest named
grade while labels, texture and stain stay. Beside it: nuclei measured along the slider and in real tissue;
whether latents of patients held out carry the grade; whether grade and stain are separate. docs/evaluation.md
says what each means.

\b
$ histosynth evaluate grade --data DATA                        some 3 minutes on two CPU cores
$ histosynth evaluate grade --data DATA --budget full --record some 25 minutes
$ histosynth evaluate grade --model mine --data DATA --from healthy --to poorly

DATA holds what the model was trained on. Who was held out and what grades count stand in train.toml of the
model's folder, or in the configuration given. --record writes the result into the model's folder. The same
command prints the same on the same machine.""")


def grade(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the data that it was trained on.")],
    model: Annotated[str, typer.Option(help="Name or folder of the model.")] = "colon-10class",
    budget: Annotated[str, typer.Option(help="How thoroughly: quick or full.")] = "quick",
    start: Annotated[
        str | None, typer.Option("--from", metavar="GRADE", help="Where the slider begins.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="GRADE", help="Where it ends.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Where to write. evaluation/MODEL-grade by default."
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the result into model.toml and card.md of the model.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="How the model was trained, instead of its own train.toml."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the judge, textures and stains.")] = 0,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Run ``histosynth evaluate grade``; see :data:`GRADE_HELP`."""
    from rich.table import Table

    from napari_histosynth.study.asked import named_budget
    from napari_histosynth.study.grade import evaluate_grade
    from napari_histosynth.study.gradematerial import BUDGETS
    from napari_histosynth.study.gradereport import record_grade
    from napari_histosynth.study.material import find_subject
    from napari_histosynth.zoo import find_model

    named_budget(BUDGETS, budget)
    subject = find_subject(model, data, config)  # before a folder is made
    folder = make_folder(Path("evaluation", f"{subject.name}-grade") if output is None else output)
    report = evaluate_grade(
        model,
        data,
        folder,
        config=config,
        budget=budget,
        start=start,
        end=end,
        seed=seed,
        device=device,
        watch=watch,
    )
    table = Table("measure", "result", "beside it", "good", title=report.heading, title_justify="left")
    for row in report.rows():
        table.add_row(*row)
    results().print(table)
    for said, held in report.verdicts:
        say(f"{'Yes' if held else 'NO'}: {said}.")
    say(f"Wrote results.json, results.md and slider.png to {folder}.")
    if record:
        record_grade(find_model(model), report)
        say(f"Recorded in {subject.model}.")
