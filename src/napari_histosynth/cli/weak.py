"""``histosynth weak-labels``: ten colon classes from H&E by rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import check_output, help_text, remark, say, waiting
from napari_histosynth.cli.labelinput import TissueOption

#: Micrometers a pixel of H&E that does not say: the rules were set at this scale.
DEFAULT_UM_PER_PX = 1.0

WEAK_HELP = help_text("""Label H&E of colon in ten classes, by rules.

Mucin, epithelium (mature, proliferative), necrosis, stroma (reactive, loose, non-reactive), blood,
inflammatory cells, muscle, background: docs/weak-labels.md has the rules, and how far to trust each class.
Glands are where the mask is not black, muscle and debris in the ulcer where --notes say so. Without a mask,
'histosynth segment --scheme colon-10' finds the glands by a network, and goes on as this does.

\b
$ histosynth weak-labels he.png -o labels.png --mask glands.png --tissue adenoma --um-per-px 0.62
$ histosynth weak-labels he.png -o labels.png --mask glands.png --tissue carcinoma --pools --sheet look.png

The result holds class indices with the scheme's colors as their palette (--color: RGB).""")


def weak(
    picture: Annotated[Path, typer.Argument(metavar="HE", help="H&E picture: PNG, JPEG, TIFF, ...")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="LABELS.png", help="Label map to write.")],
    mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Picture of the same size, not black where glands are."),
    ] = None,
    tissue: TissueOption = None,
    pools: Annotated[
        bool, typer.Option("--pools", help="Mucus also lies outside of glands, as in mucinous carcinoma.")
    ] = False,
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of HE. By default what the file says, else 1.")
    ] = None,
    detail: Annotated[
        float, typer.Option(min=0.5, max=8, help="1 as fine as the rules see, 2 twice as coarse, ...")
    ] = 1.0,
    notes: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="What a person says of fields, as in models/colon-10class."),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="SLIDE/FIELD", help="Which table of --notes. FOLDER/HE if not given.")
    ] = "",
    color: Annotated[
        bool, typer.Option("--color", help="Write class colors as RGB instead of indices.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Also write H&E and labels side by side.")
    ] = None,
) -> None:
    """Run ``histosynth weak-labels``; see :data:`WEAK_HELP`."""
    check_output(output, inputs=(picture, mask))
    if sheet is not None:
        check_output(sheet, inputs=(picture, mask, output))

    from dataclasses import replace

    import numpy as np

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.io import read_image, save_image, save_labels
    from napari_histosynth.paint.inputs import read_scale
    from napari_histosynth.paint.weak import UNKNOWN, hints_of, inside_polygon, weak_label_maps
    from napari_histosynth.paint.weakfields import Notes

    rgb = read_image(picture)
    epithelium = None if mask is None else read_image(mask).max(axis=2) > 0
    if um_per_px is None:
        um_per_px = read_scale(picture)
    if um_per_px is None:
        um_per_px = DEFAULT_UM_PER_PX
        remark(
            f"{picture} does not say its scale; {um_per_px:g} um/px is assumed, --um-per-px says otherwise."
        )
    hints = hints_of(tissue or UNKNOWN)
    if notes is not None:
        slide, _, field = (name or f"{picture.resolve().parent.name}/{picture.stem}").partition("/")
        said = Notes(notes).of(slide, field)
        hints = said.hints
        if epithelium is not None:
            for polygon in said.no_glands:
                if epithelium.shape == rgb.shape[:2]:
                    epithelium &= ~inside_polygon(polygon, epithelium.shape)
    hints = replace(hints, pools=hints.pools or pools)
    with waiting(f"Labeling {picture.name}"):
        found = weak_label_maps(rgb, um_per_px, epithelium=epithelium, tissue=hints, details=(detail,))[0]
    scheme = get_scheme("colon-10")
    made = Provenance(
        synthetic=False,
        um_per_px=um_per_px,
        size=(found.shape[0], found.shape[1]),
        extra={"scheme": scheme.name, "from": picture.name, "labels": "by rules"},
    )
    save_labels(output, found, scheme, color=color, provenance=made)
    if sheet is not None:
        save_image(sheet, np.hstack([rgb, scheme.encode(found)]))
    shares = [
        f"{entry.name} {(found == entry.index).mean():.0%}"
        for entry in scheme.classes
        if (found == entry.index).any()
    ]
    say(f"Wrote {output}: {found.shape[1]} x {found.shape[0]} px, {', '.join(shares)}.")
