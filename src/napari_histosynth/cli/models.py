"""``histosynth models``: list, show, verify and import models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_histosynth.cli.console import complain, help_text, remark, results, say, waiting

app = typer.Typer(
    help=help_text("""The models that draw H&E, label it or stain it: list, show, verify, import.

A model is a folder with model.toml, weights.safetensors and card.md. It is found by name in
$HISTOSYNTH_MODELS, in your own folder of models and in the package, and anywhere by its path."""),
    no_args_is_help=True,
)

LIST_HELP = help_text("""List the models that are found by name.

\b
$ histosynth models list""")

SHOW_HELP = help_text("""Show a model's card: what it does, its training data, its terms.

\b
$ histosynth models show colon-3class""")

VERIFY_HELP = help_text("""Check models: card, scheme, hash, tensors, and that grades are of these weights.

Without a name, all that are found are checked.

\b
$ histosynth models verify
$ histosynth models verify colon-3class my-models/kidney

Ends with 0 if all are whole, else with 2.""")

IMPORT_HELP = help_text("""Turn a checkpoint that others released into a model folder.

\b
$ histosynth models import G.pth --system shi-gan --scheme prostate-3 -o DIR
$ histosynth models import latest_net_G_A.pth --reverse latest_net_G_B.pth --system cyclegan
    --stains "H&E,Ki-67" --um-per-px 0.5 -o DIR

Checkpoints are pickles, which can hold programs: only tensors are read, anything else is refused.""")

ModelName = Annotated[str, typer.Argument(metavar="NAME|DIR", help="Model.")]


class System(StrEnum):
    """Published systems whose checkpoints can be imported."""

    SHI_GAN = "shi-gan"
    CYCLEGAN = "cyclegan"


@app.command("list", help=LIST_HELP)
def list_command() -> None:
    """Run ``histosynth models list``."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.zoo import list_models, place_names, user_folder

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("title")
    table.add_column("does")
    table.add_column("system")
    table.add_column("um/px", justify="right")
    table.add_column("scheme")
    table.add_column("classes", justify="right")
    table.add_column("grades", justify="right")
    table.add_column("MB", justify="right")
    table.add_column("where", overflow="fold")
    for folder in list_models(on_error=lambda _path, error: complain(str(error))):
        facts = folder.summary()
        try:
            classes = str(folder.scheme().n_classes - 1) if folder.card.scheme else ""
        except ModelError:
            classes = "?"
        table.add_row(
            folder.name,
            folder.card.title,
            "draws" if folder.card.draws else "stains" if folder.card.stains else "labels",
            f"{folder.card.system} ({folder.card.preset})",
            f"{folder.card.um_per_px:g}",
            folder.card.scheme,
            classes,
            str(len(place_names(folder)) or ""),
            "missing" if facts["megabytes"] is None else str(facts["megabytes"]),
            str(folder.path),
        )
    if table.row_count:
        results().print(table)
    else:
        remark("No models are found.")
    remark(f"Models of your own belong in {user_folder()}, or in a folder that $HISTOSYNTH_MODELS names.")


@app.command("show", help=SHOW_HELP)
def show(name: ModelName) -> None:
    """Run ``histosynth models show``."""
    from rich.markdown import Markdown
    from rich.table import Table
    from rich.text import Text

    from napari_histosynth.zoo import find_model, place_names

    folder = find_model(name)
    card, facts = folder.card, folder.summary()
    scheme = f"{card.scheme}: {', '.join(folder.scheme().names)}" if card.scheme else None
    rows: dict[str, object] = {
        "name": card.name,
        "title": card.title,
        "system": f"{card.system}, {card.preset} preset",
        "scheme": scheme,
        "stains": " and ".join(card.stains),
        "scale": f"{card.um_per_px:g} um/px",
        "latent size": card.latent_size or None,
        "grades": ", ".join(place_names(folder)),
        "parameters": None if facts["parameters"] is None else f"{facts['parameters']:,}",
        "weights": "missing"
        if facts["megabytes"] is None
        else f"{facts['megabytes']} MB, sha256 {card.sha256}",
        "data": card.data,
        "trained": card.trained,
        "terms": card.terms,
        "license": card.license,
        "citation": card.citation,
        **card.metrics,
        "where": folder.path,
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for key, value in rows.items():
        if value not in (None, ""):
            table.add_row(key, Text(str(value)))
    console = results()
    console.print(table)
    if folder.notes:
        console.print()
        console.print(Markdown(folder.notes) if console.is_terminal else Text(folder.notes))


@app.command("verify", help=VERIFY_HELP)
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME|DIR]...", help="Models.")] = None,
) -> None:
    """Run ``histosynth models verify``."""
    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.zoo import check_places, find_model, list_models

    broken: list[str] = []
    found = list_models(on_error=lambda _path, error: broken.append(str(error))) if not names else []
    for name in names or [str(folder.path) for folder in found]:
        try:
            folder = find_model(name)
            folder.verify()  # the cheap half first: it says best what is wrong with a file
            check_places(folder)
            with waiting(f"Reading {folder.name}"):
                if folder.card.draws:
                    from napari_histosynth.paint.model import load_model

                    load_model(folder.path, device="cpu", precision="fp32")
                elif folder.card.stains:
                    from napari_histosynth.stain.model import load_stain_model

                    load_stain_model(folder.path, device="cpu", precision="fp32")
                else:
                    from napari_histosynth.paint.segment import load_segmenter

                    load_segmenter(folder.path, device="cpu", precision="fp32")
        except ModelError as error:
            broken.append(str(error))
        else:
            say(f"{folder.name} is whole: {folder.path}")
    for sentence in broken:
        complain(sentence)
    if broken:
        raise typer.Exit(2)
    if not names and not found:
        remark("No models are found.")


@app.command("import", help=IMPORT_HELP)
def import_command(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE.pth", help="Checkpoint of the generator.")],
    system: Annotated[System, typer.Option(help="Whose checkpoint it is.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Model folder to write.")],
    scheme: Annotated[
        str | None,
        typer.Option(metavar="NAME|TOML", help="shi-gan: tissue scheme of the labels that it takes."),
    ] = None,
    stains: Annotated[
        str | None, typer.Option(metavar="FROM,TO", help='cyclegan: the two stains, as "H&E,Ki-67".')
    ] = None,
    reverse: Annotated[
        Path | None, typer.Option(metavar="FILE.pth", help="cyclegan: checkpoint of the way back.")
    ] = None,
    um_per_px: Annotated[float, typer.Option(help="Micrometers a pixel of its pictures.")] = 1.0,
    name: Annotated[str | None, typer.Option(help="Name of the model. The folder's by default.")] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store 16 bits a number: half the size, pictures differ a little.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
) -> None:
    """Run ``histosynth models import``."""
    from napari_histosynth.zoo import import_cyclegan, import_shi_gan

    for_shi_gan = system is System.SHI_GAN
    if for_shi_gan and (scheme is None or stains is not None or reverse is not None):
        raise typer.BadParameter(
            "A model of shi-gan needs --scheme, and takes neither --stains nor --reverse."
        )
    if not for_shi_gan and (stains is None or scheme is not None):
        raise typer.BadParameter('A model of cyclegan needs --stains "H&E,Ki-67", and takes no --scheme.')
    common: dict[str, Any] = {"name": name, "half": half, "overwrite": overwrite}
    with waiting(f"Importing {checkpoint.name} as a model of {system.value}"):
        if scheme is not None:
            folder = import_shi_gan(checkpoint, scheme, output, um_per_px, **common)
        else:
            pair = _two_stains(stains or "")
            folder = import_cyclegan(checkpoint, pair, output, um_per_px, reverse=reverse, **common)
    say(f"Wrote {folder.path}: {folder.name}, {folder.summary()['megabytes']} MB.")


def _two_stains(text: str) -> tuple[str, str]:
    """Return the names of two stains, from ``"H&E,Ki-67"``."""
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise typer.BadParameter(f'--stains {text} is not two names; write it as --stains "H&E,Ki-67".')
    return names[0], names[1]
