"""``histosynth render`` and ``histosynth labels``: from label maps to H&E, and from H&E to label maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, say, waiting
from napari_histosynth.cli.labelinput import (
    LABELS_OUT,
    LABELS_OUT_HELP,
    PICTURE_OUT,
    PICTURE_OUT_HELP,
    AnnotatedOption,
    ClassOption,
    LabelsArgument,
    ScaleOption,
    SchemeOption,
    read_labels_input,
    tell_guesses,
)

DEFAULT_MODEL = "colon-3class"

#: Scale taken for H&E whose file states none, in um/px: a 20x objective.
DEFAULT_HE_UM_PER_PX = 0.5

RENDER_HELP = help_text("""Draw H&E from a label map.

LABELS is a label map of class indices or colors, or annotations of QuPath. Its classes and its scale are
taken to the model's and the picture back to the scale of LABELS, so that both fit pixel by pixel. A map in
a scheme without nuclei gets some, arranged by --seed, if the model knows nuclei.

\b
$ histosynth render labels.png -o he.png
$ histosynth render labels.png -o he.png --latent-seed 7    (another look)
$ histosynth render labels.png -o he.png --look-map labels_looks.json    (several looks)
$ histosynth render map.png -o he.png --scheme prostate-2 --um-per-px 1
$ histosynth render qupath.geojson -o he.ome.tif --call Tumor=epithelium --annotated slide.svs
$ histosynth render map.png -o he.png --labels-output pair.png

The same command gives the same picture. What made it (model and its hash, seeds, version, "synthetic": true)
is written into OUT, and with --json also into OUT.json. OUT is replaced as a whole or not at all.""")

LABELS_HELP = help_text("""Make a label map from H&E.

Background is what is as bright as glass, nuclei are found by color deconvolution, and epithelium is where
the mask is not black. Without a mask there is none: 'histosynth segment' finds it by a network, in colon.
The recipe is that of SHI-GAN, section 2.1.

\b
$ histosynth labels he.png -o labels.png --mask glands.png --um-per-px 0.62
$ histosynth labels he.png -o labels.png --classes 2 --color

The result holds class indices with the scheme's colors as their palette (--color: RGB).""")

ModelOption = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="NAME|DIR", help="A name of 'histosynth models list', or a folder."
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="Where to compute: auto, cpu, cuda, cuda:1, mps.")
]
PrecisionOption = Annotated[
    str, typer.Option("--precision", help="Number format: auto (bf16 where it is faster), bf16, fp32.")
]


def render(
    labels: LabelsArgument,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help=PICTURE_OUT_HELP),
    ],
    model: ModelOption = DEFAULT_MODEL,
    scheme: SchemeOption = None,
    um_per_px: ScaleOption = None,
    annotated: AnnotatedOption = None,
    call: ClassOption = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Chooses the fine texture, and where added nuclei lie.")
    ] = 0,
    latent_seed: Annotated[
        int | None, typer.Option(min=0, help="Chooses the look: stain, texture, grade. --seed if not given.")
    ] = None,
    latent: Annotated[
        Path | None,
        typer.Option(metavar="Z.npy", help="The look itself: a NumPy file of latent_size numbers."),
    ] = None,
    look_map: Annotated[
        Path | None,
        typer.Option(
            metavar="LOOKS.json",
            help="Several looks on one canvas, at points and in regions; docs/looks.md has the format.",
        ),
    ] = None,
    nuclei: Annotated[
        bool, typer.Option("--nuclei/--no-nuclei", help="Whether to add nuclei to a map in a scheme without.")
    ] = True,
    keep_scale: Annotated[
        bool,
        typer.Option(
            "--keep-scale/--model-scale", help="Whether OUT has the pixels of LABELS, or the model's scale."
        ),
    ] = True,
    labels_output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the label map as it was drawn, pixel by pixel with OUT."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Also write what made the picture, to OUT.json.")
    ] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth render``; see :data:`RENDER_HELP`."""
    if latent is not None and latent_seed is not None:
        raise typer.BadParameter("--latent and --latent-seed both choose the look; give one of them.")
    given_files = (labels, latent, look_map, annotated)
    check_output(output, inputs=given_files, endings=PICTURE_OUT)
    if labels_output is not None:
        check_output(labels_output, inputs=(*given_files, output), endings=LABELS_OUT)

    from napari_histosynth.io import save_labels_as, save_picture_as, save_provenance
    from napari_histosynth.paint.inputs import read_latent
    from napari_histosynth.paint.oneclass import repeating_areas, repetition_warning
    from napari_histosynth.zoo import find_model

    folder = find_model(model)
    given = read_labels_input(
        labels,
        folder.scheme(),
        folder.card.um_per_px,
        scheme=scheme,
        um_per_px=um_per_px,
        annotated=annotated,
        call=call,
    )
    look = None if latent is None else read_latent(latent, folder.card)
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.paint.lookfile import read_look_plan
        from napari_histosynth.paint.model import load_model
        from napari_histosynth.paint.render import render_labels

        loaded = load_model(folder.path, device=device, precision=precision)
        looks = None if look_map is None else read_look_plan(look_map, loaded, given.um_per_px)
    tell_guesses(labels, given)
    with progress(f"Drawing {labels.name}") as tell:
        made = render_labels(
            loaded,
            given.labels,
            scheme=given.scheme,
            um_per_px=given.um_per_px,
            seed=seed,
            latent=look,
            latent_seed=latent_seed,
            looks=looks,
            add_nuclei=nuclei,
            keep_scale=keep_scale,
            progress=tell,
        )
    if large := repeating_areas(made.labels, loaded.scheme, folder.card.repeats, made.um_per_px):
        remark(f"Note: {repetition_warning(folder.name, large)}")
    save_picture_as(output, made.image, made.provenance)
    if json:
        beside = output.with_name(output.name.removesuffix(output.suffix).removesuffix(".ome") + ".json")
        save_provenance(beside, made.provenance)
    if labels_output is not None:
        save_labels_as(labels_output, made.labels, loaded.scheme, provenance=made.provenance)
    height, width = made.labels.shape
    with_nuclei = ", with nuclei added" if made.nuclei_added else ""
    say(f"Wrote {output}: {width} x {height} px at {made.um_per_px:g} um/px by {loaded.name}{with_nuclei}.")


def labels(
    picture: Annotated[
        Path, typer.Argument(metavar="HE", help="H&E picture: PNG, JPEG, OME-TIFF, OME-Zarr, small SVS.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="LABELS",
            help=LABELS_OUT_HELP,
        ),
    ],
    mask: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Picture of the same size, not black where epithelium is."),
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of HE. By default what the file says, else 0.5.")
    ] = None,
    classes: Annotated[
        int, typer.Option(min=2, max=3, help="2, or 3 with nuclei; background not counted.")
    ] = 3,
    color: Annotated[
        bool, typer.Option("--color", help="Write class colors as RGB instead of indices.")
    ] = False,
) -> None:
    """Run ``histosynth labels``; see :data:`LABELS_HELP`."""
    check_output(output, inputs=(picture, mask), endings=LABELS_OUT)

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.io import read_image, save_labels_as
    from napari_histosynth.paint.inputs import read_he
    from napari_histosynth.paint.labels import labels_from_he

    rgb, stated = read_he(picture)
    epithelium = None if mask is None else read_image(mask).max(axis=2) > 0
    if um_per_px is None:
        um_per_px = stated
    if um_per_px is None:
        um_per_px = DEFAULT_HE_UM_PER_PX
        remark(
            f"{picture} does not say its scale; {um_per_px:g} um/px is assumed, --um-per-px says otherwise."
        )
    with waiting(f"Labeling {picture.name}"):
        found = labels_from_he(rgb, um_per_px=um_per_px, epithelium=epithelium, nuclei=classes == 3)
    scheme = get_scheme(f"colon-{classes}")
    made = Provenance(
        synthetic=False,
        um_per_px=um_per_px,
        size=(found.shape[0], found.shape[1]),
        extra={"scheme": scheme.name, "from": picture.name},
    )
    save_labels_as(output, found, scheme, color=color, provenance=made)
    shares = [f"{name} {(found == index).mean():.0%}" for index, name in enumerate(scheme.names)]
    say(f"Wrote {output}: {found.shape[1]} x {found.shape[0]} px, {', '.join(shares)}.")
