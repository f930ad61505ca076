"""``histosynth demo`` and ``histosynth example``: something to see and something to begin with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_histosynth.cli.console import (
    check_output,
    help_text,
    make_folder,
    progress,
    remark,
    results,
    say,
    waiting,
)
from napari_histosynth.cli.draw import DEFAULT_MODEL, DeviceOption, ModelOption
from napari_histosynth.cli.labelinput import LABELS_OUT, LABELS_OUT_HELP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


LOOKS = (1, 2, 3)
"""Latent seeds of the demo's pictures."""

USUAL_UM_PER_PX = 0.62
"""Scale of examples whose scheme has none: that of the models for it."""

DEMO_HELP = help_text("""See what it does.

With a display, napari opens with a label map to paint on and its H&E beside it. Without one, or with
--pictures, the example label maps are drawn in three looks each and put on a contact sheet.

\b
$ histosynth demo
$ histosynth demo --pictures -o demo-output --size 512""")

EXAMPLES_HELP = help_text("""List the example label maps.

\b
$ histosynth examples""")

EXAMPLE_HELP = help_text("""Write an example label map, to render or to edit.

It is a procedural field of colon in the scheme colon-3 or colon-10, as 'histosynth examples' says, no tissue
of a patient.

\b
$ histosynth example adenoma -o labels.png
$ histosynth example invasion -o ten.png
$ histosynth example poor -o labels.png --size 1024 --um-per-px 0.5 --seed 3""")


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where pictures go.")] = Path(
        "demo-output"
    ),
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw pictures even if there is a display.")
    ] = False,
    size: Annotated[int, typer.Option(min=64, max=4096, help="Side of the pictures in pixels.")] = 512,
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
) -> None:
    """Run ``histosynth demo``; see :data:`DEMO_HELP`."""
    if not pictures and has_display() and _open_window(model):
        return
    draw_pictures(output, size=size, model=model, device=device)


def examples() -> None:
    """Run ``histosynth examples``."""
    from rich.table import Table

    from napari_histosynth.paint.examples import example_names, example_scheme, example_title

    table = Table.grid(padding=(0, 2))
    for name in example_names():
        table.add_row(name, example_scheme(name).name, example_title(name))
    results().print(table)


def example(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of 'histosynth examples'.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="LABELS",
            help=LABELS_OUT_HELP,
        ),
    ],
    size: Annotated[int, typer.Option(min=16, max=16_384, help="Side in pixels.")] = 768,
    um_per_px: Annotated[
        float | None,
        typer.Option(min=0.1, max=10, help="Micrometers a pixel. By default 0.62, for ten classes 1."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the arrangement.")] = 0,
    color: Annotated[
        bool, typer.Option("--color", help="Write class colors as RGB instead of indices.")
    ] = False,
) -> None:
    """Run ``histosynth example``; see :data:`EXAMPLE_HELP`."""
    check_output(output, endings=LABELS_OUT)

    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.io import save_labels_as
    from napari_histosynth.paint.examples import example_labels, example_scheme

    scheme = example_scheme(name)
    um_per_px = um_per_px or scheme.um_per_px or USUAL_UM_PER_PX
    with waiting(f"Drawing {name}"):
        drawn = example_labels(name, (size, size), um_per_px, seed)
    made = Provenance(
        seed=seed, um_per_px=um_per_px, size=(size, size), extra={"scheme": scheme.name, "example": name}
    )
    save_labels_as(output, drawn, scheme, color=color, provenance=made)
    say(f"Wrote {output}: {name}, {size} x {size} px at {um_per_px:g} um/px.")


def has_display() -> bool:
    """Return whether the system speaks of a display: always, but on Linux without a session."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def draw_pictures(output: Path, *, size: int, model: str, device: str) -> list[Path]:
    """Draw the examples in several looks, and a contact sheet of all.

    Parameters
    ----------
    output : Path
        Folder to write to.
    size : int
        Side of the pictures in pixels.
    model, device : str
        As for ``histosynth render``.

    Returns
    -------
    list of Path
        The files, the contact sheet last.
    """
    make_folder(output)
    with waiting(f"Loading {model}"):
        from napari_histosynth.core.provenance import Provenance
        from napari_histosynth.io import save_image, save_labels
        from napari_histosynth.io.sheet import contact_sheet
        from napari_histosynth.paint.examples import (
            example_labels,
            example_names,
            example_scheme,
            example_title,
        )
        from napari_histosynth.paint.model import load_model
        from napari_histosynth.paint.render import render_labels

        loaded = load_model(model, device=device)
    names = example_names(loaded.scheme)
    rows: dict[str, list[npt.NDArray[np.uint8]]] = {}
    written: list[Path] = []
    with progress("Drawing tissue") as tell:
        for number, name in enumerate(names):
            scheme = example_scheme(name)
            labels = example_labels(name, (size, size), loaded.um_per_px)
            record = Provenance(
                um_per_px=loaded.um_per_px, size=(size, size), extra={"scheme": scheme.name, "example": name}
            )
            written.append(output / f"{name}-labels.png")
            save_labels(written[-1], labels, scheme, provenance=record)
            row = rows[example_title(name)] = [scheme.encode(labels)]
            for look, latent_seed in enumerate(LOOKS):
                made = render_labels(loaded, labels, scheme=scheme, latent_seed=latent_seed)
                written.append(output / f"{name}-look-{look + 1}.png")
                save_image(written[-1], made.image, made.provenance)
                row.append(made.image)
                tell((number + (look + 1) / len(LOOKS)) / len(names))
    columns = ["label map", *(f"look {look + 1}" for look in range(len(LOOKS)))]
    footer = f"Synthetic: drawn by napari-histosynth with the model {loaded.name}. Not tissue of a patient."
    sheet = contact_sheet(rows, columns, footer)
    written.append(output / "contact-sheet.png")
    save_image(
        written[-1], sheet, Provenance(model=loaded.name, model_sha256=loaded.sha256, size=sheet.shape[:2])
    )
    for path in written:
        say(str(path))
    return written


def _open_window(model: str) -> bool:
    """Open the demo in napari; says why and returns false where that is not possible."""
    # Qt ends the whole process if the display turns out to be dead, so another one tries first
    attempt = [sys.executable, "-c", "from qtpy.QtWidgets import QApplication; QApplication([])"]
    with waiting("Opening napari"):
        try:
            opens = subprocess.run(attempt, capture_output=True, timeout=60, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            opens = False
    if not opens:
        remark(
            "No window can be opened here (without a Qt binding: pip install 'napari-histosynth[all]'); "
            "pictures are drawn instead."
        )
        return False
    from napari_histosynth.ui.demo import open_demo

    open_demo(model)
    return True
