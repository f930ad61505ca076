"""``histosynth evaluate stain``: how good virtual staining is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, make_folder, print_table, say
from napari_histosynth.cli.evaluate import watch

STAIN_HELP = help_text("""Measure how good models turn H&E into Ki-67 and back, on tissue that they never saw.

Likeness of drawn to real Ki-67 and what a cycle gives back, as in the paper; nuclei found again; densities of
hematoxylin and DAB, glass; the labelling index asked for against the one counted; seams of tiles and speed.
docs/evaluation.md says what each means.

\b
$ histosynth evaluate stain --data DATA                          some 2 minutes a model on one CPU core
$ histosynth evaluate stain --model mine --model ki67-he --data DATA --budget full
$ histosynth evaluate stain --variants runs/stain-variants --data DATA   the paper's four, and ours

DATA is the folder that the paths in train.toml are relative to. What was held out stands in train.toml of
each model's folder, or in the configuration given. Stopped with Ctrl-C, the same command goes on; finished,
it only prints. Needs the extra 'study': pip install 'napari-histosynth\\[study]'.""")

DEFAULT = "ki67-he"


def stain(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the pictures of the training.")],
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"Name or folder of a model; may be repeated. {DEFAULT} by default."),
    ] = None,
    variants: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also the four variants of the paper: DIR/plain/model and so on."),
    ] = None,
    budget: Annotated[str, typer.Option(help="How thoroughly: quick or full.")] = "quick",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write. evaluation/MODEL by default."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the result into model.toml and card.md of each model.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="How the models were trained, instead of their own train.toml."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Run ``histosynth evaluate stain``; see :data:`STAIN_HELP`."""
    from napari_histosynth.study.asked import named_budget
    from napari_histosynth.study.stain import evaluate_stain, save_text
    from napari_histosynth.study.stainmaterial import BUDGETS, find_stain_subject
    from napari_histosynth.study.stainreport import record_stain
    from napari_histosynth.study.stainvariants import best_of_variants, find_variants, variants_table
    from napari_histosynth.zoo import find_model

    named_budget(BUDGETS, budget)
    ablation = {} if variants is None else find_variants(variants)
    subjects = [find_stain_subject(path, data, config, label) for label, path in ablation.items()]
    subjects += [find_stain_subject(one, data, config) for one in model or [DEFAULT]]
    name = "stain-variants" if ablation else subjects[0].label
    folder = make_folder(Path("evaluation", name) if output is None else output)
    report = evaluate_stain(subjects, folder, budget=budget, device=device, threads=threads, watch=watch)
    say(f"{report.heading}.")
    for table in report.tables:
        print_table(table)
    for label in report.models:
        for said, held in report.verdicts(label):
            say(f"{'Yes' if held else 'NO'}: {label}: {said}.")
    if ablation:
        ablation_table = variants_table(report)
        print_table(ablation_table)
        save_text(folder / "variants.md", ablation_table.to_markdown() + "\n")
        for measure, best in best_of_variants(report):
            say(f"Best of the four by {measure}: {best}.")
    say(f"Wrote results.json, results.md and sheets of pictures to {folder}.")
    if record:
        for subject in subjects:
            record_stain(find_model(subject.model), report, subject.label)
            say(f"Recorded in {subject.model}.")
