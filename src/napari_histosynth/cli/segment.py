"""``histosynth segment``: a label map from any H&E, by a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, say, waiting
from napari_histosynth.cli.draw import DeviceOption, PrecisionOption
from napari_histosynth.cli.labelinput import LABELS_OUT, LABELS_OUT_HELP, TissueOption
from napari_histosynth.core.errors import ImageError, SaveError, SchemeError
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.segment import Segmenter
    from napari_histosynth.paint.weak import Hints

SEGMENT_HELP = help_text("""Make a label map of any H&E of colon: background, stroma, epithelium, nuclei.

A network finds glands and nuclei in the picture alone. 'histosynth labels' goes by thresholds instead: take
it where you have a mask of the epithelium, or tissue other than colon.

With --scheme colon-10 the map has ten classes: the network finds the glands, and rules tell mucin, epithelia,
stromas, inflammation, blood and necrosis by the stain and by what the tissue is known to be (--tissue).
'histosynth weak-labels' does the same with a mask of your own.

\b
$ histosynth segment he.png -o labels.png --um-per-px 0.5
$ histosynth segment slide.svs -o labels.geojson --region 12000 8000 4096 4096
$ histosynth segment he.ome.tif -o labels.ome.tif --glands glands.png
$ histosynth segment he.png -o ten.png --scheme colon-10 --tissue adenoma
$ histosynth render labels.png -o again.png        (draw the tissue anew)

HE is a PNG, JPEG, OME-TIFF, OME-Zarr or SVS; large files are read a piece at a time. LABELS has the pixels
of HE (--model-scale: those of the model); its name ends in .png, .ome.tif, .ome.zarr or .geojson
(annotations for QuPath).""")


def segment(
    picture: Annotated[Path, typer.Argument(metavar="HE", help="H&E: PNG, JPEG, OME-TIFF, OME-Zarr, SVS.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="LABELS", help=LABELS_OUT_HELP)],
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of HE. By default what the file says.")
    ] = None,
    region: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(
            metavar="X Y WIDTH HEIGHT", help="Part of HE to label, in its pixels; LABELS has its size."
        ),
    ] = None,
    keep_scale: Annotated[
        bool,
        typer.Option(
            "--keep-scale/--model-scale", help="Whether LABELS has the pixels of HE, or the model's scale."
        ),
    ] = True,
    scheme: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Classes of LABELS: the model's, as is the default, or colon-10."),
    ] = None,
    tissue: TissueOption = None,
    glands: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Also write where glands are, lumen included, white on black."),
    ] = None,
    color: Annotated[
        bool, typer.Option("--color", help="Write a PNG of class colors instead of indices.")
    ] = False,
    model: Annotated[
        str,
        typer.Option("--model", "-m", metavar="NAME|DIR", help="A segmenter of 'histosynth models list'."),
    ] = "gland-segmenter",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth segment``; see :data:`SEGMENT_HELP`."""
    check_output(output, inputs=(picture,), endings=LABELS_OUT)
    if color and output.suffix.lower() != ".png":
        raise SaveError(f"Cannot write {output} in colors: only PNG holds class colors; name it .png.")
    if glands is not None:
        check_output(glands, inputs=(picture, output))
        if not keep_scale:
            raise typer.BadParameter("--glands has the pixels of HE; leave out --model-scale.")

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.scheme_note import scheme_note
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.io import save_labels_as

    rgb, stated = _opened(picture)
    scale = stated if um_per_px is None else um_per_px
    if scale is None:
        raise ImageError(f"{picture} does not say how many um a pixel has; give --um-per-px.")
    window = _window(picture, rgb, region)
    hints = _hints(scheme, tissue)
    with waiting(f"Loading {model}"):
        from napari_histosynth.paint.segment import load_segmenter

        loaded = load_segmenter(model, device=device, precision=precision)
    with progress(f"Labeling {picture.name}") as tell:
        if hints is not None:
            from napari_histosynth.paint.tenclasses import SCHEME, ten_classes

            classes = get_scheme(SCHEME)
            found, in_gland = ten_classes(
                loaded, rgb, scale, window, tissue=hints, keep_scale=keep_scale, progress=tell
            )
        else:
            from napari_histosynth.paint.regions import glands_of, labels_of

            classes = _checked_scheme(scheme, loaded)
            regions = loaded.regions(rgb, scale, window, keep_scale=keep_scale, progress=tell)
            found, in_gland = labels_of(regions), glands_of(regions)
    shown = scale if keep_scale else scale * window.height / found.shape[0]
    extra: dict[str, Any] = {**scheme_note(classes), "from": picture.name}
    if hints is not None:
        extra |= {"labels": "by rules", "tissue": tissue or "unknown"}
    if region is not None:
        extra["region"] = list(region)
    made = Provenance(
        synthetic=False,
        model=loaded.name,
        model_sha256=loaded.sha256,
        um_per_px=shown,
        size=(found.shape[0], found.shape[1]),
        extra=extra,
    )
    with waiting(f"Writing {output.name}"):
        save_labels_as(output, found, classes, color=color, provenance=made)
        if glands is not None:
            _save_mask(glands, in_gland, made)
    shares = [
        f"{name} {(found == index).mean():.0%}"
        for index, name in enumerate(classes.names)
        if hints is None or (found == index).any()
    ]
    say(
        f"Wrote {output}: {found.shape[1]} x {found.shape[0]} px at {shown:.4g} um/px, {', '.join(shares)}, "
        f"by {loaded.name}."
    )


def _hints(scheme: str | None, tissue: str | None) -> Hints | None:
    """Return what is known of the tissue if ten classes are wanted, else None.

    Raises
    ------
    HistosynthError
        If there is no such tissue, or other classes are wanted that do not go by it.
    """
    from napari_histosynth.paint.tenclasses import SCHEME
    from napari_histosynth.paint.weak import UNKNOWN, hints_of

    if scheme == SCHEME:
        return hints_of(tissue or UNKNOWN)
    if tissue is not None:
        raise SchemeError(f"--tissue {tissue} is for ten classes; add --scheme {SCHEME}, or leave it out.")
    return None


def _checked_scheme(scheme: str | None, segmenter: Segmenter) -> TissueScheme:
    """Return the scheme of a segmenter if that is the one wanted.

    Raises
    ------
    SchemeError
        If another one is wanted.
    """
    if scheme is None or scheme == segmenter.scheme.name:
        return segmenter.scheme
    raise SchemeError(
        f"{segmenter.name} labels in the classes of {segmenter.scheme.name}, and rules in those of colon-10; "
        f"there is no way to {scheme!r}."
    )


def _opened(path: Path) -> tuple[Any, float | None]:
    """Return a picture, lazy where the format allows, and its scale as far as the file says it."""
    from napari_histosynth.io import open_slide
    from napari_histosynth.io.kinds import file_kind
    from napari_histosynth.io.tiff import is_plain_tiff
    from napari_histosynth.paint.inputs import read_he

    if file_kind(path) == "zarr" or (file_kind(path) == "tiff" and not is_plain_tiff(path)):
        slide = open_slide(path)
        return slide.levels[0], slide.um_per_px
    return read_he(path)


def _window(path: Path, rgb: Any, region: tuple[int, int, int, int] | None) -> Window:
    """Return the part to label, or say why it cannot be."""
    from napari_histosynth.io.loaded import MAX_SIDE

    height, width = (int(side) for side in rgb.shape[:2])
    if region is None:
        window = Window(0, height, 0, width)
    else:
        x, y, across, down = region
        window = Window(y, y + down, x, x + across)
        if window.is_empty or window != window.clip((height, width)):
            raise ImageError(
                f"The region {x} {y} {across} {down} is not inside of {path}, which is {width:,} x "
                f"{height:,} px; give one that is."
            )
    if max(window.shape) > MAX_SIDE:
        raise ImageError(
            f"{path} is {window.width:,} x {window.height:,} px; at most {MAX_SIDE:,} px a side are labeled "
            "at once, so choose a part by --region."
        )
    return window


def _save_mask(path: Path, glands: npt.NDArray[np.bool_], made: Provenance) -> None:
    """Write where glands are, white on black."""
    import numpy as np

    from napari_histosynth.io import save_image

    white = np.where(glands, np.uint8(255), np.uint8(0))
    save_image(path, np.repeat(white[..., None], 3, axis=2), made)
