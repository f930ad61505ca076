"""``histosynth stain``: a picture or slide in another stain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, say, waiting
from napari_histosynth.cli.draw import DeviceOption, PrecisionOption
from napari_histosynth.cli.labelinput import PICTURE_OUT, PICTURE_OUT_HELP
from napari_histosynth.core.errors import HistosynthError, ImageError, ModelError

if TYPE_CHECKING:
    from napari_histosynth.stain.model import StainModel
    from napari_histosynth.stain.steering import Steering

STAIN_HELP = help_text("""Draw a picture or slide in another stain: H&E as Ki-67, or back (--reverse).

The picture has any size; it is drawn a tile at a time, without seams. If the command is stopped or killed,
the same command goes on where it was.

\b
$ histosynth stain he.png -o ki67.png --um-per-px 0.5
$ histosynth stain slide.svs -o ki67.ome.tif
$ histosynth stain ki67.ome.tif -o he.ome.tif --reverse
$ histosynth stain he.png -o ki67.png --index 0.2 --seed 1     (one nucleus of five is positive)
$ histosynth stain he.png -o ki67.png --index 0.2 --labels labels.png
$ histosynth ki67 ki67.png                                     (count them)

IN is a PNG, JPEG, OME-TIFF, OME-Zarr or SVS of 0.05 to 4 um per px. OUT has its pixels, and smaller copies
where it is an OME-TIFF or OME-Zarr. What it shows is synthetic, and says so inside: it cannot tell which
nuclei
proliferate.""")


def stain(
    picture: Annotated[Path, typer.Argument(metavar="IN", help="PNG, JPEG, OME-TIFF, OME-Zarr, SVS.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=PICTURE_OUT_HELP)],
    reverse: Annotated[
        bool, typer.Option("--reverse", help="From the model's second stain to its first: Ki-67 to H&E.")
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="NAME|DIR", help="One of 'histosynth models list' that stains."
        ),
    ] = "ki67-he",
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of IN. By default what the file says.")
    ] = None,
    index: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Share of nuclei to draw positive, 0 to 1. By default the model's guess."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which nuclei those are.")] = 0,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS",
            help="Label map of IN whose nuclei --index chooses from. By default those seen in IN.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="Statistics of models with InstanceNorm: position (auto), kin, plain (tiles show)."
        ),
    ] = "auto",
    tile: Annotated[int, typer.Option(help="Side of what is drawn at once, px at the model's scale.")] = 512,
    zarr_version: Annotated[
        str, typer.Option(metavar="0.5|0.4", help="Of an OME-Zarr: 0.4 is what QuPath reads.")
    ] = "0.5",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth stain``; see :data:`STAIN_HELP`."""
    check_output(output, inputs=(picture, labels), endings=PICTURE_OUT)
    if tile < 1:
        raise typer.BadParameter(f"--tile {tile} holds no pixel; give at least 64.")
    if labels is not None and index is None:
        raise typer.BadParameter("--labels says where nuclei are; add --index to say how many are positive.")
    _check_version(zarr_version)
    with waiting(f"Loading {model}"):
        from napari_histosynth.stain.model import load_stain_model
        from napari_histosynth.stain.whole import scratch_of, stain_file

        loaded = load_stain_model(model, device=device, precision=precision)
    steering, note = _steering(loaded, picture, um_per_px, reverse, index, seed, labels)
    if scratch_of(output).is_dir():
        remark(f"{scratch_of(output).name} holds tiles of an earlier run; those that fit are taken.")
    try:
        with progress(f"Staining {picture.name}") as tell:
            done = stain_file(
                loaded,
                picture,
                output,
                um_per_px=um_per_px,
                reverse=reverse,
                steering=steering,
                note=note,
                method=method,
                tile=tile,
                zarr_version="0.4" if zarr_version == "0.4" else "0.5",
                progress=tell,
            )
    except ImageError as error:
        if "(um_per_px)" in str(error):
            raise ImageError(str(error).replace("(um_per_px)", "by --um-per-px")) from None
        raise
    except KeyboardInterrupt:
        if scratch_of(output).is_dir():
            remark(f"What is finished is in {scratch_of(output).name}; the same command goes on from there.")
        raise
    for sentence in done.remarks:
        remark(sentence)
    if steering is None and loaded.generator(reverse=reverse).steering:
        remark(
            "Nobody said which nuclei are positive, so hardly any is: --index 0.2 makes one of five brown."
        )
    first, second = reversed(loaded.stains) if reverse else loaded.stains
    again = f", {done.kept} of {done.tiles} tiles from an earlier run" if done.kept else ""
    say(
        f"Wrote {output}: {done.shape[1]} x {done.shape[0]} px at {done.um_per_px:.4g} um/px, {first} as "
        f"{second}, by {loaded.name}{again}."
    )


def _check_version(version: str) -> None:
    """Raise BadParameter for a version of OME-Zarr that is not written."""
    if version not in ("0.4", "0.5"):
        raise typer.BadParameter(f"--zarr-version {version} is not written; choose 0.5 or 0.4.")


def _steering(
    model: StainModel,
    picture: Path,
    um_per_px: float | None,
    reverse: bool,
    index: float | None,
    seed: int,
    labels: Path | None,
) -> tuple[Steering | None, dict[str, Any]]:
    """Return what says which nuclei are positive, and what is noted of it.

    Raises
    ------
    HistosynthError
        If the model cannot be told, the share is none, or the label map is of another picture.
    """
    if index is None:
        return None, {}
    if not model.generator(reverse=reverse).steering:
        why = "on the way back" if reverse else "by the model " + repr(model.name)
        raise ModelError(f"Which nuclei are positive cannot be said {why}; leave out --index.")
    note: dict[str, Any] = {"index": index, "seed": seed}
    if labels is None:
        from napari_histosynth.stain.asked import IndexSteering

        return IndexSteering(index, seed, model.um_per_px), note

    from napari_histosynth.cli.labelinput import read_labels_input, tell_guesses
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.paint.resample import resample_labels
    from napari_histosynth.paint.scaledpicture import ScaledPicture, checked_scale
    from napari_histosynth.stain.asked import choose, labeled_nuclei
    from napari_histosynth.stain.sourcefile import identity_of, open_picture

    rgb, stated, _ = open_picture(picture)
    scale = stated if um_per_px is None else um_per_px
    if scale is None:
        raise ImageError(f"{picture} does not say how many um a pixel has; give --um-per-px.")
    given = read_labels_input(labels, get_scheme("colon-3"), model.um_per_px)
    seen = ScaledPicture(rgb, checked_scale(scale), model.um_per_px)
    (height, width), (rows, columns) = seen.source, given.labels.shape
    if abs(height * columns - width * rows) > max(height, width, rows, columns):
        raise HistosynthError(
            f"{labels} is {columns} x {rows} px and {picture} {width} x {height}; give the "
            "label map of the picture."
        )
    if "scheme" in given.guessed:
        tell_guesses(labels, given)
    nuclei = labeled_nuclei(resample_labels(given.labels, seen.shape), given.scheme, model.um_per_px)
    note["labels"] = labels.name
    note["labels_sha256"] = identity_of(labels)[1]
    return choose(nuclei, index, seed, model.um_per_px), note
