"""``histosynth encode``, ``interpolate`` and ``anchors``: looks of pictures, and ways between grades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, results, say, waiting
from napari_histosynth.cli.draw import DeviceOption, ModelOption, PrecisionOption
from napari_histosynth.cli.labelinput import (
    LabelsArgument,
    ScaleOption,
    SchemeOption,
    TissueOption,
    read_labels_input,
    tell_guesses,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.latent.anchors import Anchors
    from napari_histosynth.paint.model import PaintModel

_STAIN_FROM = 2048  # px at the model's scale, of the middle of a picture
_BEYOND = 0.25  # latent.space.BEYOND, whose import would wait for NumPy
DEFAULT_GRADED_MODEL = "colon-10class"

ENCODE_HELP = help_text("""Read the look of an H&E picture as a latent.

The encoder reads it at once; of a large picture or a slide it looks at the middle, one millimeter or so.
With --refine it is then fitted: tissue drawn from the picture's labels comes to look like it, and how far it
still is from it is printed. The labels are those of --labels, else they are found as 'histosynth segment' or
'weak-labels' does.

\b
$ histosynth encode slide.png -o look.npy
$ histosynth encode slide.png -o look.npy --refine --tissue adenoma
$ histosynth encode slide.png -o look.npy --labels slide-labels.png --steps 100
$ histosynth render other.png -o he.png --model colon-10class --latent look.npy""")

INTERPOLATE_HELP = help_text("""Draw a label map from one grade to another.

The labels, the stain and the fine texture stay; what changes is the grade. Grades are those of
'histosynth anchors list', or latents in .npy files. The stain is that of --latent-seed, or of an H&E
picture. With --strength only the classes that it names go along: all of the way (=1) or a share of it;
the others stay at the beginning. OUT ends in .png (a strip), .gif or .mp4 (there and back).

\b
$ histosynth interpolate labels.png --from moderately --to poorly --steps 9 -o strip.png
$ histosynth interpolate labels.png --from healthy --to poorly --steps 24 -o film.mp4
$ histosynth interpolate labels.png --from mine.npy --to poorly --stain-of he.png -o film.gif
$ histosynth interpolate labels.png --from healthy --to poorly --strength epithelium=1 -o strip.png

The same command gives the same pictures; what made them is written into OUT.""")

app = typer.Typer(
    help=help_text("""Named places in a model's latent: grades that it ships, and your own."""),
    no_args_is_help=True,
)

LIST_HELP = help_text("""List the named places of a model.

\b
$ histosynth anchors list --model colon-10class""")

ADD_HELP = help_text("""Name a place: the mean of the looks of one or more H&E pictures.

It is kept in your own folder for this model, or in the file that --output names, which --anchors of other
commands read.

\b
$ histosynth anchors add "our signet ring" a.png b.png c.png
$ histosynth anchors add "our signet ring" a.svs b.svs -o ours.json""")

AnchorsOption = Annotated[
    Path | None,
    typer.Option("--anchors", metavar="FILE.json", help="More named places, of the same model."),
]
HeScaleOption = Annotated[
    float | None,
    typer.Option(
        "--um-per-px", help="Micrometers a pixel of HE. By default what the file says, else the model's."
    ),
]


def encode(
    picture: Annotated[
        Path, typer.Argument(metavar="HE", help="H&E picture, of any scale that its file states.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="Z.npy", help="Where the latent goes.")],
    model: ModelOption = DEFAULT_GRADED_MODEL,
    labels: Annotated[
        Path | None, typer.Option(metavar="LABELS", help="Label map of HE, to refine the latent with.")
    ] = None,
    refine: Annotated[bool, typer.Option("--refine", help="Fit the latent, also without --labels.")] = False,
    tissue: TissueOption = None,
    um_per_px: HeScaleOption = None,
    steps: Annotated[int, typer.Option(min=0, help="How long to fit.")] = 60,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth encode``; see :data:`ENCODE_HELP`."""
    check_output(output, inputs=(picture, labels), endings=(".npy",))
    import numpy as np

    from napari_histosynth.core.atomic import atomic_path

    _, loaded = _load(model, device, precision)
    from napari_histosynth.paint.inputs import latent_of_file

    if labels is None and not refine:
        latent = latent_of_file(picture, loaded, um_per_px)
        found = ""
    else:
        from napari_histosynth.latent.fitting import fit_file
        from napari_histosynth.paint.weak import hints_of

        known: dict[str, Any] = {"um_per_px": um_per_px, "steps": steps}
        known["tissue"] = None if tissue is None else hints_of(tissue)
        with progress(f"Fitting the look of {picture.name}") as tell:
            fitted = fit_file(loaded, picture, labels, tell=tell, **known)
        latent = fitted.latent
        found = (
            f" Drawn in it, colors differ by {fitted.error:.1f} gray levels (encoder: "
            f"{fitted.error_before:.1f}), texture by {fitted.texture:.2f} ({fitted.texture_before:.2f})."
        )
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        np.save(file, latent)
    say(f"Wrote {output}: {len(latent)} numbers for {loaded.name}.{found}")


def interpolate(
    labels: LabelsArgument,
    start: Annotated[str, typer.Option("--from", metavar="GRADE|Z.npy", help="Where it begins.")],
    end: Annotated[str, typer.Option("--to", metavar="GRADE|Z.npy", help="Where it ends.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A .png strip, a .gif or an .mp4.")
    ],
    steps: Annotated[int, typer.Option(min=2, help="Pictures, ends included.")] = 9,
    beyond: Annotated[
        float, typer.Option(min=0, max=_BEYOND, help="How far to go past both ends, a share of the way.")
    ] = 0.0,
    strength: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=SHARE",
            help="How much of the way a class goes, 0 to 1; a beginning names all classes that have it. "
            "Others then stay at the beginning. May be given several times.",
        ),
    ] = None,
    spherical: Annotated[
        bool, typer.Option("--spherical/--straight", help="Along a circle or a line.")
    ] = False,
    model: ModelOption = DEFAULT_GRADED_MODEL,
    scheme: SchemeOption = None,
    um_per_px: ScaleOption = None,
    anchors: AnchorsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the fine texture.")] = 0,
    latent_seed: Annotated[
        int | None,
        typer.Option(min=0, help="Chooses the stain, if the model has it apart. --seed if not given."),
    ] = None,
    stain_of: Annotated[
        Path | None,
        typer.Option("--stain-of", metavar="HE", help="An H&E picture whose stain it is, instead."),
    ] = None,
    per_second: Annotated[float, typer.Option(min=0.1, max=60, help="Pictures a second.")] = 8.0,
    back: Annotated[bool, typer.Option("--back/--once", help="Whether a film also goes back.")] = True,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Run ``histosynth interpolate``; see :data:`INTERPOLATE_HELP`."""
    from napari_histosynth.latent.film import FILM_ENDINGS

    if stain_of is not None and latent_seed is not None:
        raise typer.BadParameter("--stain-of and --latent-seed both choose the stain; give one of them.")
    check_output(output, inputs=(labels, anchors, stain_of), endings=FILM_ENDINGS)
    shared = _shares(strength or [])
    import numpy as np

    known, loaded = _load(model, device, precision, anchors)
    from napari_histosynth.latent.film import check_film, draw_frames, save_film
    from napari_histosynth.latent.space import between

    first, second = (_style(name, known, loaded) for name in (start, end))
    stain = _stain(loaded, stain_of, seed if latent_seed is None else latent_seed)
    given = read_labels_input(labels, loaded.scheme, loaded.um_per_px, scheme=scheme, um_per_px=um_per_px)
    tell_guesses(labels, given)
    check_film(steps, given.labels.shape)
    shares = np.linspace(-beyond, 1 + beyond, steps)
    latents = [np.concatenate([between(first, second, float(t), spherical=spherical), stain]) for t in shares]
    strengths = None
    if shared:
        from napari_histosynth.paint.lookfile import ClassStrengths, NamedLook

        strengths = ClassStrengths(NamedLook(np.concatenate([first, stain]), start), shared)
    captions = [f"{t:.0%}" for t in shares]
    captions[int(np.abs(shares).argmin())], captions[int(np.abs(shares - 1).argmin())] = start, end
    with progress(f"Drawing {labels.name}") as tell:
        frames = list(
            draw_frames(
                loaded,
                given.labels,
                latents,
                captions,
                scheme=given.scheme,
                um_per_px=given.um_per_px,
                seed=seed,
                strengths=strengths,
                progress=tell,
            )
        )
    save_film(output, frames, per_second=per_second, back=back)
    say(f"Wrote {output}: {len(frames)} pictures from {start} to {end} by {loaded.name}.")


@app.command("list", help=LIST_HELP)
def list_command(
    model: ModelOption = DEFAULT_GRADED_MODEL,
    anchors: AnchorsOption = None,
) -> None:
    """Run ``histosynth anchors list``."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    known, loaded = _load(model, "cpu", "auto", anchors)
    if not len(known):
        say(f"{loaded.name} has no named places; 'histosynth anchors add' makes some.")
        return
    table = Table(box=SIMPLE_HEAD)
    for column in ("name", "grade", "pictures", "source", "nearest, distance"):
        table.add_column(column)
    for place in known:
        others = [(other, far) for other, far in known.nearest(place.style) if other.name != place.name]
        near = f"{others[0][0].name}, {others[0][1]:.1f}" if others else ""
        grade = "" if place.grade is None else f"{place.grade:g}"
        table.add_row(place.name, grade, str(place.pictures), place.source, near)
    results().print(table)


@app.command("add", help=ADD_HELP)
def add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    pictures: Annotated[list[Path], typer.Argument(metavar="HE...", help="H&E pictures.")],
    model: ModelOption = DEFAULT_GRADED_MODEL,
    um_per_px: HeScaleOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.json", help="A file to add it to, to share with others."
        ),
    ] = None,
) -> None:
    """Run ``histosynth anchors add``."""
    if output is not None:
        check_output(output, inputs=tuple(pictures), endings=(".json",))
    _, loaded = _load(model, "auto", "auto")
    from napari_histosynth.latent.anchors import Anchors, anchor_of, read_anchors
    from napari_histosynth.latent.known import keep_anchor
    from napari_histosynth.paint.inputs import latent_of_file

    styles = []
    with progress(f"Reading {len(pictures)} pictures") as tell:
        for number, picture in enumerate(pictures, 1):
            styles.append(latent_of_file(picture, loaded, um_per_px)[: loaded.style_size])
            tell(number / len(pictures))
    place = anchor_of(name, styles, source="added by hand")
    if output is None:
        path = keep_anchor(loaded, place)
    else:
        path = output
        own = read_anchors(path, loaded) if path.exists() else Anchors(loaded.name, loaded.sha256)
        own.added(place).write(path)
    say(f"Added {name!r} of {len(pictures)} picture{'s' * (len(pictures) > 1)} for {loaded.name} to {path}.")


def _load(model: str, device: str, precision: str, more: Path | None = None) -> tuple[Anchors, PaintModel]:
    """Load a model with its named places and those of a file."""
    from napari_histosynth.zoo import find_model

    folder = find_model(model)
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.latent.anchors import joined, read_anchors
        from napari_histosynth.latent.known import known_anchors
        from napari_histosynth.paint.model import load_model

        loaded = load_model(folder.path, device=device, precision=precision)
        known = known_anchors(folder, loaded, on_error=lambda error: remark(str(error)))
        if more is not None:
            known = joined(known, read_anchors(more, loaded))
    return known, loaded


def _shares(given: list[str]) -> dict[str, float]:
    """Read how much of the way classes go, as ``CLASS=SHARE``."""
    from napari_histosynth.core.errors import HistosynthError

    found = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not name.strip() or not 0 <= share <= 1:
            raise HistosynthError(f"--strength takes CLASS=SHARE with a share of 0 to 1, not {text!r}.")
        found[name.strip()] = share
    return found


def _style(name: str, known: Anchors, model: PaintModel) -> npt.NDArray[np.float32]:
    """Return the style that a grade's name or a file of a latent stands for."""
    if not name.endswith(".npy"):
        return known[name].style
    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.paint.inputs import read_latent

    latent = read_latent(name, model.card)
    if latent.ndim != 1:
        raise ModelError(f"The latent {name} varies over a canvas; give one of a single look.")
    return latent[: model.style_size]


def _stain(model: PaintModel, picture: Path | None, seed: int) -> npt.NDArray[np.float32]:
    """Return the stain of a picture, or of a seed; none where the model has it in its style."""
    if picture is None:
        return model.sample_latent(seed)[model.style_size :]
    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.core.stain import LEAST_SIDE, check_he, read_stain
    from napari_histosynth.paint.middle import read_he_middle

    if not model.has_stain:
        raise ModelError(
            f"{model.name!r} has no stain apart from the style, so --stain-of cannot set it; choose another "
            "model."
        )
    rgb, _ = read_he_middle(picture, model.um_per_px, _STAIN_FROM)
    check_he(rgb, LEAST_SIDE)
    return read_stain(rgb)
