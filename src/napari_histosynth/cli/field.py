"""``histosynth field``: a field of a slide, with labels and look of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_histosynth.cli.console import check_output, help_text, say, waiting
from napari_histosynth.cli.draw import DEFAULT_MODEL, ModelOption
from napari_histosynth.cli.labelinput import LABELS_OUT, PICTURE_OUT, PICTURE_OUT_HELP, TissueOption

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.paint.weak import Hints
    from napari_histosynth.zoo import ModelFolder

FIELD_HELP = help_text("""Cut a field out of a slide, at any scale.

SLIDE is an SVS, OME-TIFF or OME-Zarr of any size; no more of it is read than the field needs. --at is the top
left corner in pixels of its full resolution, as QuPath shows them; --size is that of OUT.

\b
$ histosynth field slide.svs --at 7000,4000 --size 1024 -o field.png
$ histosynth field slide.svs --at 7000,4000 --size 800,600 --um-per-px 1 -o field.ome.tif
$ histosynth field slide.svs --at 7000,4000 --labels labels.png --look look.npy -o field.png
$ histosynth render labels.png --latent look.npy -o synthetic.png

With --labels, a label map is made of it; with --look, its look is written for 'histosynth render --latent'.
Both are for --model, so the field has that model's scale unless --um-per-px says otherwise. For a model of
ten classes, the labels are told by rules that go by --tissue.""")


def field(
    slide: Annotated[Path, typer.Argument(metavar="SLIDE", help="SVS, OME-TIFF or OME-Zarr.")],
    at: Annotated[str, typer.Option(metavar="X,Y", help="Top left corner, in pixels of full resolution.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help=PICTURE_OUT_HELP)],
    size: Annotated[str, typer.Option(metavar="N|W,H", help="Width and height of OUT in pixels.")] = "1024",
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of OUT. By default the slide's own.")
    ] = None,
    slide_um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of SLIDE, where its file does not say.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a label map made of the field.")
    ] = None,
    look: Annotated[
        Path | None, typer.Option(metavar="Z.npy", help="Also write the look of the field, a latent.")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    tissue: TissueOption = None,
) -> None:
    """Run ``histosynth field``; see :data:`FIELD_HELP`."""
    x, y = _pair(at, "--at", "7000,4000")
    width, height = _pair(size if "," in size else f"{size},{size}", "--size", "1024 or 800,600")
    if min(width, height) < 1:
        raise typer.BadParameter(f"--size {size} leaves no pixel; give at least 1.")
    check_output(output, inputs=(slide,), endings=PICTURE_OUT)
    if labels is not None:
        check_output(labels, inputs=(slide, output), endings=LABELS_OUT)
    if look is not None:
        check_output(look, inputs=(slide,), endings=(".npy",))

    from napari_histosynth.core.errors import ImageError
    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.tiles import Window
    from napari_histosynth.io import open_slide, read_field, save_picture_as
    from napari_histosynth.zoo import find_model

    folder = find_model(model) if labels is not None or look is not None else None
    hints = _hints(folder, labels, tissue)
    opened = open_slide(slide)
    scale = slide_um_per_px or opened.um_per_px
    if scale is None:
        raise ImageError(f"{slide} does not say how many um a pixel has; give --slide-um-per-px.")
    wanted = um_per_px or (scale if folder is None else folder.card.um_per_px)
    factor = wanted / scale
    window = Window(y, y + max(1, round(height * factor)), x, x + max(1, round(width * factor)))
    if window.clip(opened.shape).is_empty:
        raise ImageError(
            f"The field at {x},{y} lies off {slide}, which is {opened.shape[1]:,} x {opened.shape[0]:,} px; "
            "choose a place on it."
        )
    with waiting(f"Reading {slide.name}"):
        rgb = read_field(opened, window, wanted, slide_um_per_px=scale, shape=(height, width))
    place = {"slide": slide.name, "x": x, "y": y, "slide_um_per_px": scale}
    made = Provenance(synthetic=False, um_per_px=wanted, size=(height, width), extra=place)
    save_picture_as(output, rgb, made)
    if labels is not None:
        _write_labels(labels, rgb, made, hints)
    if look is not None and folder is not None:
        _write_look(look, rgb, wanted, folder.path)
    say(f"Wrote {output}: {width} x {height} px at {wanted:g} um/px, from {x},{y} of {slide.name}.")


def _pair(text: str, option: str, example: str) -> tuple[int, int]:
    """Return two whole numbers with a comma between."""
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text} is not two whole numbers; write it as {option} {example}."
        ) from None
    return first, second


def _hints(folder: ModelFolder | None, labels: Path | None, tissue: str | None) -> Hints | None:
    """Return what is known of the tissue if the labels are to be of ten classes, else None."""
    from napari_histosynth.core.errors import SchemeError
    from napari_histosynth.paint.tenclasses import takes_ten_classes
    from napari_histosynth.paint.weak import UNKNOWN, hints_of

    if labels is not None and folder is not None and takes_ten_classes(folder.scheme()):
        return hints_of(tissue or UNKNOWN)
    if tissue is not None:
        raise SchemeError(
            f"--tissue {tissue} is for --labels in ten classes; add --model colon-10class, or leave it out."
        )
    return None


def _write_labels(path: Path, rgb: npt.NDArray[np.uint8], made: Provenance, hints: Hints | None) -> None:
    """Write the label map of a field."""
    from napari_histosynth.core.scheme_note import scheme_note
    from napari_histosynth.io import save_labels_as
    from napari_histosynth.paint.fromhe import labels_of

    assert made.um_per_px is not None
    with waiting("Labeling the field"):
        found = labels_of(rgb, made.um_per_px, tissue=hints)
    extra = {**made.extra, **scheme_note(found.scheme), "by": found.by}
    save_labels_as(path, found.labels, found.scheme, provenance=replace(made, extra=extra))


def _write_look(path: Path, rgb: npt.NDArray[np.uint8], um_per_px: float, folder: Path) -> None:
    """Write the latent of a field."""
    import numpy as np

    from napari_histosynth.core.atomic import atomic_path
    from napari_histosynth.paint.inputs import latent_of_picture
    from napari_histosynth.paint.model import load_model

    with waiting("Reading its look"):
        latent = latent_of_picture(rgb, um_per_px, load_model(folder))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, latent)
