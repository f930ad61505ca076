"""``histosynth slide``: slides without end, begun, drawn and exported."""

from __future__ import annotations

import re
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, say, waiting
from napari_histosynth.cli.draw import DeviceOption, PrecisionOption
from napari_histosynth.cli.labelinput import PICTURE_OUT, PICTURE_OUT_HELP
from napari_histosynth.cli.slidedraw import draw_missing, open_slide, stored
from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.io.omezarr import Version


app = typer.Typer(
    help=help_text("""Synthetic slides of colon of any size: begin one, draw it, export it.

\b
$ histosynth slide new slide.ome.zarr --mm 20 --seed 7     the overview, in seconds
$ histosynth slide draw slide.ome.zarr                     all of it; goes on where it was
$ histosynth slide export slide.ome.zarr -o slide.ome.tif

A slide is a folder, an OME-Zarr that any reader opens while it grows."""),
    no_args_is_help=True,
)

NEW_HELP = help_text("""Begin a slide: layout, overview and coarse levels, in seconds.

What the slide shows follows from the seed, or from a layout: a label map of glass, tissue, mucosa, tumor and
muscle (scheme slide-layout), painted at 32 um per px or any other scale.

\b
$ histosynth slide new slide.ome.zarr --size 40960 --seed 7
$ histosynth slide new slide.ome.zarr --mm 20 --kind resection
$ histosynth slide new slide.ome.zarr --layout layout.png --um-per-px 32

OUT is a folder that ends in .ome.zarr; nothing may be there.""")

DRAW_HELP = help_text("""Draw a slide to the end, or a part of it.

What is finished is kept: stopped or killed, the same command goes on where it was. Several processes, and
several machines, may draw one slide; the pixels are the same whoever draws them.

\b
$ histosynth slide draw slide.ome.zarr
$ histosynth slide draw slide.ome.zarr --level 2
$ histosynth slide draw slide.ome.zarr --window 8000:10000,12000:14000
$ histosynth slide draw slide.ome.zarr --scheduler tcp://host:8786

With --scheduler, workers of dask.distributed draw ('dask scheduler', 'dask worker tcp://host:8786'): they see
the folder, and the model, under the same names.""")

EXPORT_HELP = help_text("""Write a slide as a file; what is missing is drawn first.

\b
$ histosynth slide export slide.ome.zarr -o slide.ome.tif       QuPath, openslide
$ histosynth slide export slide.ome.zarr -o copy.ome.zarr --zarr-version 0.4
$ histosynth slide export slide.ome.zarr -o field.png --window 8000:9000,12000:13000
$ histosynth slide export slide.ome.zarr -o overview.png --level 6
$ histosynth slide export slide.ome.zarr -o field.png --window 8000:9000,12000:13000 --um 1

FILE says inside that it is synthetic, and how to draw it again. It appears when it is whole.""")

#: Levels that 'slide new' draws: 128 to 8 um a px.
BEGUN_LEVEL = 4


class Kind(StrEnum):
    """What a slide may show."""

    ANY = "any"
    BIOPSIES = "biopsies"
    POLYP = "polyp"
    RESECTION = "resection"


class Setting(StrEnum):
    """How a slide may be drawn."""

    FAST = "fast"
    DIFFUSION = "diffusion"


StoreArgument = Annotated[
    Path, typer.Argument(metavar="SLIDE", help="Folder that 'histosynth slide new' made.")
]
WindowOption = Annotated[
    str | None,
    typer.Option(
        "--window", metavar="Y0:Y1,X0:X1", help="A part, in px of full magnification. By default all."
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers", min=0, metavar="N", help="Processes that draw. By default one a core, one on a GPU."
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Of dask.distributed, as tcp://host:8786: its workers draw."
    ),
]
StoredModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME|DIR", help="The model it was begun with, if not found by its name."
    ),
]


@app.command("new", help=NEW_HELP)
def new(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make; ends in .ome.zarr.")],
    seed: Annotated[int, typer.Option(min=0, help="Which slide.")] = 0,
    size: Annotated[
        str | None, typer.Option(metavar="PX|HEIGHTxWIDTH", help="Size in px of 0.5 um, as 40960.")
    ] = None,
    mm: Annotated[float | None, typer.Option(help="Side in mm, instead of --size.")] = None,
    layout: Annotated[
        Path | None, typer.Option(metavar="MAP", help="Label map of what lies where; else the seed's.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of MAP. By default what it says, else 32.")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What the seed's layout shows.")] = Kind.ANY,
    setting: Annotated[
        Setting, typer.Option(help="fast: one evaluation a tile; diffusion: many, from noise.")
    ] = Setting.FAST,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the diffusion, a tile.")] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="NAME|DIR", help="One of 'histosynth models list' that draws slides."
        ),
    ] = "colon-slide",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth slide new``; see :data:`NEW_HELP`."""
    began = time.monotonic()
    if size is not None and mm is not None:
        raise typer.BadParameter("--size and --mm both say how large; give one of them.")
    if steps is not None and setting is not Setting.DIFFUSION:
        raise typer.BadParameter("--steps is of --setting diffusion; add it, or leave out --steps.")
    check_output(out, inputs=(layout,), endings=(".ome.zarr", ".zarr"))
    if out.exists():
        raise SaveError(
            f"Cannot make a slide in {out}: something is there; give another name, or go on with it by "
            "'histosynth slide draw'."
        )
    asked = _asked_size(size, mm)
    given, asked = (None, asked) if layout is None else _read_layout(layout, um_per_px, asked)
    if asked is None:
        raise typer.BadParameter("How large the slide is to be is not said; add --size 40960, or --mm 20.")
    with waiting(f"Loading {model}"):
        from napari_histosynth.slide.drawing import draw_slide
        from napari_histosynth.slide.layout import draw_layout
        from napari_histosynth.slide.model import load_slide_model
        from napari_histosynth.slide.pyramid import Slide, checked_size

        asked = checked_size(asked)
        loaded = load_slide_model(model, device=device, precision=precision)
    note = {"layout": kind.value if layout is None else layout.name}
    with waiting("Drawing the layout"):
        plan = draw_layout(seed, asked, kind=kind.value) if given is None else given
        slide = Slide(loaded, seed, asked, layout=plan, setting=setting.value, steps=steps)
        slide.begin_store(out, note)
    with progress(f"Beginning {out.name}") as tell:
        draw_slide(slide, BEGUN_LEVEL, progress=tell)
    height, width = slide.size
    say(
        f"Made {out}: {width:,} x {height:,} px at 0.5 um/px, {width / 2000:.4g} x {height / 2000:.4g} mm, "
        f"by {loaded.name}; its overview took {time.monotonic() - began:.1f} s."
    )


@app.command("draw", help=DRAW_HELP)
def draw(
    store: StoreArgument,
    level: Annotated[
        int, typer.Option(min=0, max=8, help="The finest level to draw: 0 is 0.5 um a px, 2 is 2 um.")
    ] = 0,
    window: WindowOption = None,
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = None,
    model: StoredModelOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Run ``histosynth slide draw``; see :data:`DRAW_HELP`."""
    part = None if window is None else parsed_window(window)
    slide = open_slide(store, model, device)
    draw_missing(slide, level, part, workers, scheduler, model, device)


@app.command("export", help=EXPORT_HELP)
def export(
    store: StoreArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=PICTURE_OUT_HELP)],
    window: WindowOption = None,
    level: Annotated[
        int | None, typer.Option(min=0, max=8, help="One level alone: 0 is 0.5 um a px, 6 is 32 um.")
    ] = None,
    um: Annotated[float | None, typer.Option(help="Scale of FILE in um a px, instead of --level.")] = None,
    zarr_version: Annotated[
        str, typer.Option(metavar="0.5|0.4", help="Of an OME-Zarr: 0.4 is what QuPath reads.")
    ] = "0.5",
    workers: WorkersOption = 0,
    scheduler: SchedulerOption = None,
    model: StoredModelOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Run ``histosynth slide export``; see :data:`EXPORT_HELP`."""
    if zarr_version not in ("0.4", "0.5"):
        raise typer.BadParameter(f"--zarr-version {zarr_version} is not written; choose 0.5 or 0.4.")
    if level is not None and um is not None:
        raise typer.BadParameter("--level and --um both say at which scale; give one of them.")
    check_output(output, inputs=(store,), endings=PICTURE_OUT)
    part = None if window is None else parsed_window(window)
    slide = open_slide(store, model, device)

    from napari_histosynth.io.streamed import check_streamed
    from napari_histosynth.slide.export import export_at, export_slide, export_window, level_for
    from napari_histosynth.slide.overlay import FOLDER, Overlay, PaintedSlide

    opened = stored(slide)
    painted = Overlay(store / FOLDER)
    source = PaintedSlide(slide, painted)
    note = {**opened.note, "painted": len(painted)} if len(painted) else opened.note
    made = opened.key.provenance(note)
    version: Version = "0.4" if zarr_version == "0.4" else "0.5"
    whole = part is None and level is None and um is None
    drawn_level = level_for(um) if um is not None else level or 0
    wanted = part or Window.of_shape(slide.size)
    if whole:
        check_streamed(output, slide.size, version)  # before hours of drawing
    draw_missing(slide, drawn_level, None if whole else wanted, workers, scheduler, model, device, quiet=True)
    try:
        with progress(f"Writing {output.name}") as tell:
            if whole:
                export_slide(source, output, made, zarr_version=version, progress=tell)
                shape, scale = slide.size, 0.5
            elif um is not None:
                shape, scale = export_at(source, output, wanted, made, um, zarr_version=version), um
            else:
                shape = export_window(
                    source, output, wanted, made, level=drawn_level, zarr_version=version, progress=tell
                )
                scale = 0.5 * 2**drawn_level
    except KeyboardInterrupt:
        remark(f"What is drawn is kept in {store}; the same command writes {output.name} from the start.")
        raise
    say(f"Wrote {output}: {shape[1]:,} x {shape[0]:,} px at {scale:g} um/px, by {opened.key.model}.")


def parsed_window(text: str) -> Window:
    """Return the window that ``Y0:Y1,X0:X1`` stands for.

    Raises
    ------
    typer.BadParameter
        If it is none, or empty.
    """
    match = re.fullmatch(r"\s*(\d+):(\d+)\s*,\s*(\d+):(\d+)\s*", text)
    window = Window(*(int(edge) for edge in match.groups())) if match else Window(0, 0, 0, 0)
    if window.is_empty:
        raise typer.BadParameter(f"--window {text} is no window; write it as 8000:9000,12000:13000.")
    return window


def _asked_size(size: str | None, mm: float | None) -> tuple[int, int] | None:
    """Return the height and width asked for in px, None if none is."""
    if mm is not None:
        if not 0 < mm < 1e4:
            raise typer.BadParameter(f"--mm {mm:g} is no side of a slide; give 0.2 to 500.")
        side = round(mm * 2000)
        return side, side
    if size is None:
        return None
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", size.strip())
    if not match:
        raise typer.BadParameter(f"--size {size} is no size; write it as 40960, or HEIGHTxWIDTH.")
    return int(match[1]), int(match[2] or match[1])


def _read_layout(
    path: Path, um_per_px: float | None, asked: tuple[int, int] | None
) -> tuple[npt.NDArray, tuple[int, int]]:  # type: ignore[type-arg]
    """Return a layout from a file, and the size of the slide: the file's if none was asked for."""
    from napari_histosynth.cli.labelinput import read_labels_input
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.slide.layout import SCHEME, layout_from_labels
    from napari_histosynth.slide.levels import LAYOUT_LEVEL, UM_PER_PX, um_of

    scheme, scale = get_scheme(SCHEME), um_of(LAYOUT_LEVEL)
    given = read_labels_input(path, scheme, scale, um_per_px=um_per_px)
    if "scheme" in given.guessed:  # what is given for a layout is one, unless the file says otherwise
        given = read_labels_input(path, scheme, scale, scheme=SCHEME, um_per_px=um_per_px)
    if "um_per_px" in given.guessed:
        remark(f"{path} is read at {given.um_per_px:g} um/px; if that is wrong, give --um-per-px.")
    if asked is None:
        factor = given.um_per_px / UM_PER_PX
        asked = round(given.labels.shape[0] * factor), round(given.labels.shape[1] * factor)
    return layout_from_labels(given.labels, given.scheme, given.um_per_px, asked), asked
