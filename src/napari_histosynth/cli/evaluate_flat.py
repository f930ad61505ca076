"""``histosynth evaluate flat``: whether a model repeats itself on maps of one class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, results, say

if TYPE_CHECKING:
    from napari_histosynth.study.flat import FlatClass
    from napari_histosynth.study.spectra import Octave
    from napari_histosynth.zoo import ModelFolder

FLAT_HELP = help_text("""Measure whether a model repeats its texture on maps of one class alone.

For each class: the highest peak of the autocorrelation at shifts of 40 um and more, in units of what chance
gives (1: one random texture in twenty reaches it), beside flat areas of real tissue. And how the power of
drawn stroma and glass compares with real, octave by octave. See docs/flat-maps.md.

\b
$ histosynth evaluate flat --data DATA
$ histosynth evaluate flat --model runs/mine/model --data DATA --record

DATA holds glas/ (images/ and masks/) and, if at hand, colon-slides/; without it, drawn textures are compared
with chance alone. --record writes the result into the model's folder: the dock and 'histosynth render' then
warn of large areas of classes that repeat.""")


def flat(
    model: Annotated[str, typer.Option(help="Name or folder of the model.")] = "colon-3class",
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Folder with glas/ and colon-slides/.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PNG", help="Sheet. flat-MODEL.png by default.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the result into model.toml and card.md of the model.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="One look of 512 px a class: for a first glance.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the first look and noise.")] = 0,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Run ``histosynth evaluate flat``; see :data:`FLAT_HELP`."""
    from napari_histosynth.zoo import find_model

    folder = find_model(model)
    sheet = check_output(Path(f"flat-{folder.name}.png") if output is None else output)

    from napari_histosynth.io import save_image
    from napari_histosynth.paint.model import load_model
    from napari_histosynth.study.flat import measure_flat, measure_real
    from napari_histosynth.study.flatrecord import flat_sheet, record_flat
    from napari_histosynth.study.real import load_fields, real_areas
    from napari_histosynth.study.spectra import compare_grain

    loaded = load_model(folder.path, device=device)
    real, octaves = {}, []
    fields = []
    if data is None:
        remark("Without --data, drawn textures are compared with chance alone.")
    else:
        fields = load_fields(data, most=4 if quick else 16)
        with progress("Measuring real tissue") as tell:
            real = measure_real(real_areas(data, fields), tell)
    with progress("Drawing maps of one class") as tell:
        classes = measure_flat(loaded, real, sizes={512: 1} if quick else None, seed=seed, progress=tell)
    if fields:
        with progress("Comparing grain") as tell:
            octaves = compare_grain(loaded, fields, progress=tell)
    _print_classes(folder, classes)
    if octaves:
        _print_octaves(octaves)
    save_image(sheet, flat_sheet(loaded, classes))
    say(f"Wrote {sheet}.")
    repeats = [one.name for one in classes if one.repeats]
    say(
        f"{folder.name} repeats itself on {', '.join(repeats)}."
        if repeats
        else f"{folder.name} repeats itself on no class."
    )
    if record:
        record_flat(folder, classes, octaves)
        say(f"Recorded in {folder.path}.")


def _print_classes(folder: ModelFolder, classes: list[FlatClass]) -> None:
    """Print what was measured of each class."""
    from rich.table import Table

    table = Table(
        "class",
        "peak",
        "highest",
        "p",
        "repeats by, gray levels",
        "real",
        "real, 9 of 10 below",
        "verdict",
        title=f"{folder.name}: peaks over chance, {len(classes[0].drawn)} maps of each class alone",
    )
    for one in classes:
        table.add_row(
            one.name,
            f"{one.peak:.2f}",
            f"{one.highest:.2f}",
            f"{one.p:.2f}",
            f"{one.visible:.1f}",
            "-" if one.real_peak is None else f"{one.real_peak:.2f}",
            f"{one.bound:.2f}",
            "REPEATS" if one.repeats else "fine",
        )
    results().print(table)


def _print_octaves(octaves: list[Octave]) -> None:
    """Print how drawn grain compares with real."""
    from rich.table import Table

    table = Table(
        "wavelength, um",
        "stroma, flat map",
        "stroma, real labels",
        "glass, flat map",
        "glass, real labels",
        title="power of drawn over real luminance",
    )
    for one in octaves:
        ratios = (one.flat_stroma, one.stroma, one.flat_glass, one.glass)
        table.add_row(
            f"{one.low_um:.1f} to {one.high_um:.1f}",
            *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        )
    results().print(table)
