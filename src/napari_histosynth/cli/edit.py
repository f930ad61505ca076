"""``histosynth edit``: change a label map by one tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, say, waiting
from napari_histosynth.cli.labelinput import (
    LABELS_OUT,
    LABELS_OUT_HELP,
    AnnotatedOption,
    ClassOption,
    LabelsArgument,
    ScaleOption,
    SchemeOption,
    read_labels_input,
    tell_guesses,
)

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import Labels, TissueScheme
    from napari_histosynth.paint.tools import Area, Edit

EDIT_HELP = help_text("""Change a label map by one tool.

LABELS is read as 'histosynth render' reads it, and OUT is written in the same scheme, pixels and scale.
TOOL is one of these; those marked with * need the options named.

\b
relabel            classes --from become the class --to *
desmoplasia        stroma within --radius-um of epithelium becomes reactive (colon-10)
dilate, erode      the class --class grows or shrinks by --um *
smooth             its outline loses what is finer than --um; --keep-thin spares thin walls *
remove-islands     its islands smaller than --least-um2 go *
scatter-nuclei     nuclei, --density per mm2; --clear takes out those that are there
clear-nuclei       takes nuclei out
stamp-gland        a --gland at --at Y X *
fill-glands        glands, as crowded as --crowding says

\b
$ histosynth edit labels.png relabel --from epithelium --to non-epithelium -o out.png
$ histosynth edit labels.png dilate --class epithelium --um 5 --protect background -o out.png
$ histosynth edit labels.png stamp-gland --at 200 300 --gland adenoma -o out.png
$ histosynth edit map.png desmoplasia --radius-um 120 --mask tumor-edge.png -o out.png

With --mask, a picture of the same size, only what is not black in it can change. Classes are given by name or
index. The same command writes the same bytes.""")

TOOLS = (
    "relabel",
    "desmoplasia",
    "dilate",
    "erode",
    "smooth",
    "remove-islands",
    "scatter-nuclei",
    "clear-nuclei",
    "stamp-gland",
    "fill-glands",
)


def edit(
    labels: LabelsArgument,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="What to do; see above.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT", help=LABELS_OUT_HELP),
    ],
    scheme: SchemeOption = None,
    um_per_px: ScaleOption = None,
    annotated: AnnotatedOption = None,
    call: ClassOption = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="MASK", help="Picture of the same size, not black in the area.")
    ] = None,
    protect: Annotated[
        list[str] | None, typer.Option(metavar="CLASS", help="A class that stays; may be repeated.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="CLASS", help="relabel: a class to turn; may be repeated."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="CLASS", help="relabel: what it becomes.")
    ] = None,
    of_class: Annotated[
        str | None,
        typer.Option("--class", metavar="CLASS", help="dilate, erode, smooth, remove-islands: of which."),
    ] = None,
    um: Annotated[
        float | None, typer.Option("--um", min=0, help="dilate, erode, smooth: by how much, in um.")
    ] = None,
    keep_thin: Annotated[
        bool, typer.Option("--keep-thin", help="smooth: spare thin walls and gaps.")
    ] = False,
    least_um2: Annotated[
        float, typer.Option(min=0, help="remove-islands: the smallest area that stays.")
    ] = 200.0,
    radius_um: Annotated[
        float | None, typer.Option(help="desmoplasia: width (80). stamp-gland, fill-glands: radius.")
    ] = None,
    density: Annotated[float | None, typer.Option(min=0, help="scatter-nuclei: per mm2 (6500).")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="scatter-nuclei: take out the old first.")] = False,
    at: Annotated[
        tuple[float, float] | None, typer.Option(metavar="Y X", help="stamp-gland: its middle, in pixels.")
    ] = None,
    gland: Annotated[
        str, typer.Option(metavar="NAME", help="stamp-gland, fill-glands: crypt, adenoma, carcinoma, nest.")
    ] = "crypt",
    crowding: Annotated[
        float, typer.Option(min=0, max=1, help="fill-glands: 0 far apart, 1 back to back.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Chooses what is left to chance.")] = 0,
    color: Annotated[
        bool, typer.Option("--color", help="Write class colors as RGB instead of indices.")
    ] = False,
) -> None:
    """Run ``histosynth edit``; see :data:`EDIT_HELP`."""
    if tool not in TOOLS:
        raise typer.BadParameter(f'There is no tool "{tool}"; choose one of {", ".join(TOOLS)}.')
    _check_options(tool, source=source, target=target, of_class=of_class, um=um, at=at)
    check_output(output, inputs=(labels, mask, annotated), endings=LABELS_OUT)

    from dataclasses import replace

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.core.scheme_note import scheme_note
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.io import save_labels_as
    from napari_histosynth.paint import tools

    given = read_labels_input(
        labels,
        get_scheme("colon-3"),
        0.62,
        scheme=scheme,
        um_per_px=um_per_px,
        annotated=annotated,
        call=call,
    )
    tell_guesses(labels, given)
    classes = given.scheme
    common: dict[str, Any] = {
        "scheme": classes,
        "area": _area(mask, given.labels),
        "protected": [_class(classes, name) for name in protect or ()],
    }
    scaled: dict[str, Any] = {**common, "um_per_px": given.um_per_px}

    def run() -> Edit:
        if tool == "relabel":
            sources = [_class(classes, name) for name in source or ()]
            return tools.relabel(given.labels, sources, _class(classes, target or ""), **common)
        if tool == "desmoplasia":
            width = 80.0 if radius_um is None else radius_um
            return tools.desmoplasia(given.labels, radius_um=width, seed=seed, **scaled)
        if tool == "scatter-nuclei":
            return tools.scatter(given.labels, density=density, clear=clear, seed=seed, **scaled)
        if tool == "clear-nuclei":
            return tools.clear_nuclei(given.labels, **scaled)
        if tool in ("stamp-gland", "fill-glands"):
            like = tools.gland_of(gland)
            if radius_um is not None:
                like = replace(like, radius_um=radius_um)
            if tool == "stamp-gland":
                return tools.stamp_gland(given.labels, at or (0, 0), gland=like, seed=seed, **scaled)
            return tools.fill_with_glands(given.labels, gland=like, crowding=crowding, seed=seed, **scaled)
        shaped = _class(classes, of_class or "")
        if tool == "remove-islands":
            return tools.remove_islands(given.labels, shaped, least_um2, **scaled)
        if tool == "smooth":
            return tools.smooth(given.labels, shaped, um or 0.0, keep_thin=keep_thin, **scaled)
        change = tools.dilate if tool == "dilate" else tools.erode
        return change(given.labels, shaped, um or 0.0, **scaled)

    with waiting(f"Editing {labels.name}"):
        done = run()
        result = done.applied_to(given.labels)
    height, width = result.shape
    made = Provenance(
        seed=seed,
        um_per_px=given.um_per_px,
        size=(height, width),
        extra={**scheme_note(classes), "from": labels.name, "tool": tool},
    )
    save_labels_as(output, result, classes, color=color, provenance=made)
    share = done.pixels / result.size
    say(f"Wrote {output}: {width} x {height} px, {share:.1%} of it changed by {tool}.")


def _check_options(tool: str, **given: object) -> None:
    """Raise BadParameter where a tool lacks an option that it cannot do without."""
    shape = {"of_class": "--class", "um": "--um"}
    needs = {
        "relabel": {"source": "--from", "target": "--to"},
        "dilate": shape,
        "erode": shape,
        "smooth": shape,
        "remove-islands": {"of_class": "--class"},
        "stamp-gland": {"at": "--at"},
    }
    for name, option in needs.get(tool, {}).items():
        if given[name] is None or given[name] == []:
            raise typer.BadParameter(f"{tool} needs {option}; give it.")


def _class(scheme: TissueScheme, name: str) -> int:
    """Return a class given by name or index."""
    from napari_histosynth.paint.tools.workpiece import class_index

    return class_index(scheme, int(name) if name.isdecimal() else name)


def _area(mask: Path | None, labels: Labels) -> Area | None:
    """Return the area of a mask picture."""
    if mask is None:
        return None
    from napari_histosynth.core.errors import LabelMapError
    from napari_histosynth.io import read_image
    from napari_histosynth.paint.tools import Area

    inside = read_image(mask).max(axis=2) > 0
    if inside.shape != labels.shape:
        raise LabelMapError(
            f"{mask} is {inside.shape[1]} x {inside.shape[0]} px, but the label map {labels.shape[1]} x "
            f"{labels.shape[0]}; give a mask of the same size."
        )
    return Area.of_mask(inside)
