"""What commands share that read a label map: its options, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_histosynth.cli.console import remark

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.inputs import LabelFile

PICTURE_OUT, LABELS_OUT = (".png", ".ome.tif", ".ome.zarr"), (".png", ".ome.tif", ".ome.zarr", ".geojson")
"""Endings that H&E and label maps can be written under; the same as in ``io.kinds``, without loading it."""

PICTURE_OUT_HELP = f"Picture to write; ends in {', '.join(PICTURE_OUT)}."
LABELS_OUT_HELP = f"Label map to write; ends in {', '.join(LABELS_OUT)}."

LabelsArgument = Annotated[
    Path,
    typer.Argument(metavar="LABELS", help="Label map: PNG and the like, OME-TIFF, OME-Zarr, GeoJSON."),
]
SchemeOption = Annotated[
    str | None,
    typer.Option(
        "--scheme", metavar="NAME|TOML", help="Tissue scheme of LABELS. What the file says, else found out."
    ),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(
        "--um-per-px",
        help="Micrometers a pixel of LABELS. By default what the file says, else its scheme.",
    ),
]
AnnotatedOption = Annotated[
    Path | None,
    typer.Option(
        "--annotated",
        metavar="PICTURE",
        help="GeoJSON: the picture or slide that was annotated, if not beside it under its name.",
    ),
]
ClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--call",
        metavar="THEIRS=CLASS",
        help="GeoJSON: the class that a name stands for, as Tumor=epithelium; may be repeated.",
    ),
]
TissueOption = Annotated[
    str | None,
    typer.Option(
        "--tissue",
        metavar="NAME",
        help="What the H&E is known to be, for ten classes: unknown (each gland by its mucin), healthy, "
        "adenoma, carcinoma, mucinous-carcinoma; or a grade of GlaS, a stage of EBHI-Seg.",
    ),
]


def read_labels_input(
    path: Path,
    model_scheme: TissueScheme,
    model_um_per_px: float,
    *,
    scheme: str | None = None,
    um_per_px: float | None = None,
    annotated: Path | None = None,
    call: list[str] | None = None,
) -> LabelFile:
    """Read a label map as the options say; :func:`tell_guesses` says what was guessed.

    Parameters
    ----------
    path : Path
        The file.
    model_scheme, model_um_per_px
        What to lean to where the file says nothing.
    scheme, um_per_px, annotated, call
        The options above.
    """
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.paint.inputs import read_label_file

    return read_label_file(
        path,
        model_scheme,
        model_um_per_px,
        scheme=None if scheme is None else get_scheme(scheme),
        um_per_px=um_per_px,
        annotated=annotated,
        names=_names(call or []),
    )


def tell_guesses(path: Path, given: LabelFile) -> None:
    """Remark on what was guessed of a label map."""
    if given.guessed:
        options = " and ".join("--" + name.replace("_", "-") for name in given.guessed)
        remark(
            f"{path} is read as {given.scheme.name} at {given.um_per_px:g} um/px; if that is wrong, give "
            f"{options}."
        )


def _names(call: list[str]) -> dict[str, str | None]:
    """Return what names stand for, from ``["Tumor=epithelium", "Ignore*="]``."""
    names: dict[str, str | None] = {}
    for entry in call:
        theirs, equals, ours = entry.partition("=")
        if not (theirs.strip() and equals):
            raise typer.BadParameter(f'--call {entry} is no pair; write it as --call "Tumor=epithelium".')
        names[theirs.strip()] = ours.strip() or None
    return names
