"""``histosynth layout``: new labelled tissue, and what lies between two layouts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, say, waiting
from napari_histosynth.cli.draw import DeviceOption, PrecisionOption

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.layout.model import LayoutModel
    from napari_histosynth.paint.model import PaintModel

INTERRUPTED = 130
DEFAULT_LAYOUT_MODEL = "colon-layout"

LAYOUT_HELP = help_text("""Draw new tissue: label maps of glands that nobody has traced, by a network.

OUT gets labels/SEED.png and manifest.csv; with --he also images/SEED.png, H&E painted from them. It can be
given to 'histosynth dataset --layouts', and, painted, to 'histosynth train paint --data'.

\b
$ histosynth layout --n 100 --grade poorly -o layouts
$ histosynth layout --n 20 --grade healthy --grade moderately --he colon-3class -o pairs
$ histosynth layout --n 1 --seed 7 --size 2048 --grade adenomatous -o large
$ histosynth layout --n 50 --scheme colon-10 -o layouts10
$ histosynth layout morph --from healthy --to poorly -o film.mp4

Grades are named by how they begin; without, each seed chooses one. The same command writes the same label
maps. What is there of the same model, seed and settings is not drawn again, so after Ctrl-C the same command
goes on, and with a larger --n it grows.""")

MORPH_HELP = help_text("""Go from one layout to another: glands move, crowd and break up.

Both layouts have the latent of --seed, so that grades alone change; with --to-seed the latent changes, too.
OUT ends in .png (a strip), .gif or .mp4 (there and back). With --he the label map and the H&E painted from it
lie side by side, in one look and one texture.

\b
$ histosynth layout morph --from healthy --to poorly -o film.mp4
$ histosynth layout morph --from healthy --to poorly --seed 3 --steps 5 --he colon-3class -o strip.png
$ histosynth layout morph --from adenomatous --to adenomatous --seed 3 --to-seed 8 -o film.gif""")

app = typer.Typer(invoke_without_command=True, help=LAYOUT_HELP)

SizeOption = Annotated[
    str, typer.Option(metavar="PX|WxH", help="Side in pixels, or width x height; 64 to 8192.")
]
LayoutScaleOption = Annotated[float, typer.Option("--um-per-px", help="Micrometers a pixel.")]
LayoutModelOption = Annotated[str, typer.Option(help="Name or folder of the model of layouts.")]
LayoutSchemeOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Tissue scheme of the label maps. That of --he by default, else colon-2."
    ),
]
HeOption = Annotated[
    str | None, typer.Option("--he", metavar="PAINTMODEL", help="Paint them to H&E by this model.")
]


@app.callback()
def layout(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Folder to write.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=1_000_000, help="How many, of consecutive seeds.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    grade: Annotated[
        list[str] | None,
        typer.Option(metavar="GRADE", help="Grade, or how it begins. Given several times, they take turns."),
    ] = None,
    size: SizeOption = "512",
    um_per_px: LayoutScaleOption = 0.62,
    scheme: LayoutSchemeOption = None,
    nuclei: Annotated[
        bool | None,
        typer.Option(
            "--nuclei/--no-nuclei", help="Place nuclei in label maps; by default where the scheme has them."
        ),
    ] = None,
    he: HeOption = None,
    model: LayoutModelOption = DEFAULT_LAYOUT_MODEL,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth layout``; see :data:`LAYOUT_HELP`."""
    if context.invoked_subcommand is not None:
        return
    if output is None:
        raise typer.BadParameter("Give the folder to write with -o.")
    from napari_histosynth.cli.layoutset import LayoutSettings, write_layouts

    size_px = _size(size)
    loaded, painter, written, places = _load(model, he, scheme, nuclei, device, precision)
    from napari_histosynth.layout.sampler import Sampler

    grades = tuple(_full(loaded, one) for one in grade or [])
    settings = LayoutSettings(grades, size_px, um_per_px, written, places)
    sampler = Sampler(loaded)
    seeds = range(seed, seed + n)
    try:
        with progress(f"Drawing {n:,} layouts") as tell:
            drawn = write_layouts(output, sampler, settings, seeds, painter, tell)
    except KeyboardInterrupt:
        remark(f"Stopped; what is in {output} is whole, and the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    painted = "" if painter is None else f", with H&E by {painter.name}"
    say(
        f"Wrote {output}: {n:,} layouts of {loaded.name}, seeds {seed} to {seeds[-1]}, {drawn:,} of them "
        f"now, {size_px[1]} x {size_px[0]} px at {um_per_px:g} um, {written.name}{painted}, synthetic."
    )


@app.command("morph", help=MORPH_HELP)
def morph(
    start: Annotated[str, typer.Option("--from", metavar="GRADE", help="Where it begins.")],
    end: Annotated[str, typer.Option("--to", metavar="GRADE", help="Where it ends.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A .png strip, a .gif or an .mp4.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Chooses the layout, and texture and look of --he.")] = 0,
    to_seed: Annotated[
        int | None, typer.Option(min=0, help="Chooses the layout at the end; --seed if not given.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Pictures, ends included.")] = 24,
    size: SizeOption = "512",
    um_per_px: LayoutScaleOption = 0.62,
    scheme: LayoutSchemeOption = None,
    he: HeOption = None,
    model: LayoutModelOption = DEFAULT_LAYOUT_MODEL,
    spherical: Annotated[
        bool, typer.Option("--spherical/--straight", help="Along a circle or a line.")
    ] = True,
    per_second: Annotated[float, typer.Option(min=0.1, max=60, help="Pictures a second.")] = 8.0,
    back: Annotated[bool, typer.Option("--back/--once", help="Whether a film also goes back.")] = True,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth layout morph``; see :data:`MORPH_HELP`."""
    from napari_histosynth.latent.film import FILM_ENDINGS, check_film, save_film

    check_output(output, endings=FILM_ENDINGS)
    size_px = _size(size)
    check_film(steps, (size_px[0], size_px[1] * (1 if he is None else 2)))
    loaded, painter, written, _ = _load(model, he, scheme, False, device, precision)
    from napari_histosynth.layout.films import morph_frames
    from napari_histosynth.layout.sampler import Sampler

    sampler = Sampler(loaded)
    given: dict[str, Any] = {"size_px": size_px, "um_per_px": um_per_px, "scheme": written.name}
    first = sampler.sample(seed, grade=_full(loaded, start), **given)
    last = sampler.sample(seed if to_seed is None else to_seed, grade=_full(loaded, end), **given)
    with progress(f"Drawing {steps} layouts") as tell:
        frames = morph_frames(sampler, first, last, steps, painter, spherical=spherical, tell=tell)
    save_film(output, frames, per_second=per_second, back=back)
    painted = "" if painter is None else f", painted by {painter.name}"
    say(
        f"Wrote {output}: {steps} layouts from {first.grade or start} to {last.grade or end} by "
        f"{loaded.name}{painted}."
    )


def _load(
    model: str, he: str | None, scheme: str | None, nuclei: bool | None, device: str, precision: str
) -> tuple[LayoutModel, PaintModel | None, TissueScheme, bool]:
    """Load the models; return them with the scheme to write, and whether nuclei are placed."""
    from napari_histosynth.zoo import find_model

    folder, other = find_model(model), None if he is None else find_model(he)
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.core.errors import SchemeError
        from napari_histosynth.core.tissue import get_scheme, scheme_names
        from napari_histosynth.layout.model import load_layout_model
        from napari_histosynth.paint.model import load_model

        painter = None
        if other is not None:
            painter = load_model(other.path, device=device, precision=precision)
        loaded = load_layout_model(folder.path, device=device, precision=precision)
        written = get_scheme(scheme) if scheme else loaded.scheme
        if scheme is None and painter is not None and painter.scheme.name in scheme_names():
            # without nuclei the painter places them, if it is given a scheme that has none
            own = nuclei is not False or "nuclei" not in painter.scheme.names
            written = painter.scheme if own else written
    if nuclei and "nuclei" not in written.names:
        if scheme is not None:
            raise SchemeError(
                f"The scheme {written.name} has no nuclei; leave --nuclei out, or choose one such as colon-3."
            )
        written = get_scheme("colon-3")
    return loaded, painter, written, "nuclei" in written.names if nuclei is None else nuclei


def _size(text: str) -> tuple[int, int]:
    """Read a side, or width x height, and return height and width in px."""
    from napari_histosynth.core.errors import HistosynthError

    found = re.fullmatch(r"(\d+)(?:\s*[xX×]\s*(\d+))?", text.strip())
    if found is None:
        raise HistosynthError(
            f"--size takes a side in pixels, or width x height such as 1024x768, not {text!r}."
        )
    width = int(found[1])
    return (width if found[2] is None else int(found[2])), width


def _full(model: LayoutModel, grade: str) -> str:
    """Return the full name of a grade that is named by how it begins."""
    return model.grades[int(model.grade_weights(grade).argmax())] if grade else ""
