"""``histosynth atlas``: the named places and the map of latents that a model ships."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, say, waiting
from napari_histosynth.cli.draw import DeviceOption, ModelOption
from napari_histosynth.core.errors import ModelError

app = typer.Typer(
    help=help_text("""The map of a model's latents, and the grades named in it."""), no_args_is_help=True
)

BUILD_HELP = help_text("""Make the named places of a model and the map of its latents from its training data.

\b
$ histosynth atlas build --model colon-10class --data DATA
$ histosynth atlas build --model runs/mine/model --data my-slides -o elsewhere
$ histosynth atlas build --model colon-layout --data DATA

Pictures of the patients that the model was trained on are encoded; those held out are left alone. Writes
anchors.json, a place for each grade that pathologists named ('histosynth anchors list' shows them), and
atlas.safetensors, the map. Both belong to the model's weights: when it is trained anew, make them anew. No
picture is kept in either. Of a model of layouts the map is one of arrangements: pictures with their labels
are encoded, and thumbnails are label maps. The same command writes the same bytes on the same machine.""")

SHOW_HELP = help_text("""Draw the map of a model's latents as a picture.

\b
$ histosynth atlas show --model colon-10class -o map.png
$ histosynth atlas show --model colon-10class -o map.png --color source --by components

A point for each picture of the training set, in the color of its grade and the shape of its source; the named
places; a legend with counts; and thumbnails of grades, which are synthetic. OUT ends in .png and says inside
what made it.""")


class Layout(StrEnum):
    """How points are laid out."""

    NEIGHBORS = "neighbors"
    COMPONENTS = "components"


class Coloring(StrEnum):
    """What colors stand for."""

    GRADE = "grade"
    SOURCE = "source"


@app.command("build", help=BUILD_HELP)
def build(
    model: ModelOption,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the training data.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to write. The model's folder by default."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="How the model was trained, instead of its own train.toml."),
    ] = None,
    told: Annotated[
        float,
        typer.Option(
            min=0,
            max=2,
            help="How far named grades are moved: 0, means of patients; 1, until they tell it; 2, until they "
            "tell what lies twice as far from the middle of the scale.",
        ),
    ] = 1.0,
    neighbors: Annotated[
        bool, typer.Option("--neighbors/--no-neighbors", help="Lay the map out by t-SNE, too.")
    ] = True,
    device: DeviceOption = "auto",
) -> None:
    """Run ``histosynth atlas build``; see :data:`BUILD_HELP`."""
    from napari_histosynth.zoo import find_model

    folder = find_model(model)
    if folder.card.system == "layout":
        from napari_histosynth.cli.atlaslayout import build_layouts

        build_layouts(folder, data, output, config, neighbors=neighbors, device=device)
        return
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.latent.surveying import (
            build_places,
            grade_direction,
            training_of,
            write_places,
        )
        from napari_histosynth.paint.model import load_model

        settings = training_of(folder.path, config)
        loaded = load_model(folder.path, device=device)
    with progress(f"Encoding the training pictures of {folder.name}") as tell:
        tells = grade_direction(folder)
        anchors, atlas = build_places(
            loaded, settings, data, tells=tells, share=told, neighbors=neighbors, tell=tell
        )
    where = folder.path if output is None else output
    write_places(where, anchors, atlas)
    names = f": {', '.join(anchors.names)}" if len(anchors) else ", since no picture is graded"
    say(f"Wrote {len(anchors)} named places and a map of {len(atlas)} latents to {where}{names}.")


@app.command("show", help=SHOW_HELP)
def show(
    model: ModelOption,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The picture, a .png.")],
    by: Annotated[
        Layout, typer.Option(help="By t-SNE, if the map has it, or by principal components.")
    ] = Layout.NEIGHBORS,
    color: Annotated[Coloring, typer.Option(help="What colors stand for.")] = Coloring.GRADE,
    thumbnails: Annotated[int, typer.Option(min=0, max=24, help="Thumbnails below the map.")] = 6,
    device: DeviceOption = "auto",
) -> None:
    """Run ``histosynth atlas show``; see :data:`SHOW_HELP`."""
    from napari_histosynth.zoo import find_model

    check_output(output)
    folder = find_model(model)
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.io import save_image
        from napari_histosynth.latent.atlaspicture import atlas_picture
        from napari_histosynth.latent.known import known_anchors, known_atlas

        loaded: Any
        if folder.card.system == "layout":
            from napari_histosynth.layout.model import load_layout_model
            from napari_histosynth.layout.surveying import LayoutArtist

            loaded = load_layout_model(folder.path, device=device)
            owner, artist = loaded.owner, LayoutArtist(loaded)
        else:
            from napari_histosynth.paint.model import load_model

            owner = loaded = load_model(folder.path, device=device)
            artist = None
        atlas, named = known_atlas(folder, owner), known_anchors(folder, owner)
    if atlas is None:
        raise ModelError(
            f"{loaded.name} has no map of its latents; make one from its training data with "
            f"'histosynth atlas build --model {model} --data DIR'."
        )
    with progress(f"Drawing the map of {loaded.name}") as tell:
        image, note = atlas_picture(
            atlas,
            loaded,
            by=by,
            color=color,
            named=named,
            thumbnails=thumbnails,
            artist=artist,
            progress=tell,
        )
    save_image(output, image, note)
    say(f"Wrote {output}: {len(atlas)} latents of {loaded.name} and {len(named)} named places.")
