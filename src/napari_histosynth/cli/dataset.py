"""``histosynth dataset``: pairs of H&E and label maps, as many as asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import help_text, progress, remark, say, waiting
from napari_histosynth.cli.draw import DEFAULT_MODEL, DeviceOption, ModelOption, PrecisionOption

INTERRUPTED = 130

DATASET_HELP = help_text("""Draw a data set: pairs of synthetic H&E and label maps, with a manifest.

Each pair is a cut out of a layout, a label map of DIR, turned and mirrored by chance, in a look of its own;
or each has a layout of its own, drawn by a model of layouts. Pictures have the paint model's scale. OUT gets
images/, labels/, manifest.csv, dataset.json and README.md, and can be given to 'histosynth train paint
--data'.

\b
$ histosynth dataset --layouts examples --n 1000 -o set
$ histosynth dataset --layouts my-labels --n 1000 -o set --workers 4 --size 768 --max-turn 20
$ histosynth dataset --layouts my-pairs --looks own --n 200 -o set
$ histosynth dataset --layouts colon-layout --grade poorly --grade moderately --n 1000 -o set

The same command writes the same bytes, with any number of workers. After Ctrl-C the set is valid with the
pairs that are done, and the same command goes on; with a larger --n it grows.""")


def dataset(
    layouts: Annotated[
        str,
        typer.Option(
            metavar="DIR|MODEL|examples",
            help="Folder of label maps, or with labels/ (and images/) in it; a model of layouts; or "
            "examples.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder to write.")],
    n: Annotated[int, typer.Option("--n", min=1, max=1_000_000, help="How many pairs.")] = 100,
    model: ModelOption = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="Chooses cuts, turns, textures and looks.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes, one thread each.")] = 1,
    size: Annotated[int, typer.Option(min=32, max=8192, help="Side of the pictures in pixels.")] = 512,
    grade: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GRADE",
            help="Of layouts of a model: a grade, or how it begins. Given several times, they take turns; "
            "without, each layout's seed chooses.",
        ),
    ] = None,
    looks: Annotated[
        str,
        typer.Option(
            metavar="random|own|mixed", help="Looks at random, of the layouts' own H&E, or between both."
        ),
    ] = "random",
    max_turn: Annotated[
        float,
        typer.Option(
            metavar="DEGREES",
            min=0,
            max=180,
            help="Turn each cut by a random angle of up to this much to either side, beside quarter turns.",
        ),
    ] = 0.0,
    stain: Annotated[
        float, typer.Option(min=0, max=0.3, help="Spread of the change of stain density, as a share.")
    ] = 0.04,
    least_tissue: Annotated[
        float, typer.Option(min=0, max=1, help="Share that is not background, where the layout allows.")
    ] = 0.3,
    scheme: Annotated[
        str | None,
        typer.Option(metavar="NAME|TOML", help="Tissue scheme of the layouts. Found out by default."),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth dataset``; see :data:`DATASET_HELP`."""
    from napari_histosynth.cli.layoutsource import layouts_and_maker
    from napari_histosynth.zoo import find_model

    folder = find_model(model)
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.core.device import choose_device, choose_precision
        from napari_histosynth.core.tissue import get_scheme
        from napari_histosynth.paint.dataset import DatasetSettings
        from napari_histosynth.paint.datasetfolder import write_dataset

        where = choose_device(device)
        found, maker = layouts_and_maker(layouts, grade or [], folder.scheme(), str(where))
        number_format = str(choose_precision(precision, where)).removeprefix("torch.")
    settings = DatasetSettings(
        model=str(folder.path),
        model_sha256=folder.card.sha256,
        layouts=found,
        maker=maker,
        seed=seed,
        size=size,
        looks=looks,
        max_turn=max_turn,
        stain=stain,
        least_tissue=least_tissue,
        scheme="" if scheme is None else get_scheme(scheme).to_toml(),
        device=str(where),
        precision={"bfloat16": "bf16", "float32": "fp32"}[number_format],
    )
    try:
        with progress(f"Drawing {n:,} pairs") as tell:
            done = write_dataset(output, settings, n, folder.card, workers=workers, progress=tell)
    except KeyboardInterrupt:
        remark(f"Stopped; {output} is valid with the pairs that are done, and the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    say(f"Wrote {output}: {done.items:,} pairs, {done.drawn:,} of them now, {size} x {size} px, synthetic.")
