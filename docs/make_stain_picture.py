"""Take the pictures of the dock "Virtual stain" that the documentation shows.

Run it where there is a display, real or virtual, with a model of two stains::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_stain_picture.py

It paints a canvas, asks for a share of positive nuclei, stains it, counts, hangs a curtain, drags it with the
mouse, and writes ``docs/images/stain-window.png``. With ``--picture`` it stains a picture instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dockpicture import SIZE, keep, open_canvas
from hands import Hands, spin, wait_for

IMAGES = Path(__file__).parent / "images"
_SIDE = 448  # px of the canvas: so that nuclei are seen


def main() -> None:
    """Open the windows, use the mouse, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ki67-he", help="model of two stains")
    parser.add_argument("--painter", default="colon-3class", help="model that draws the canvas")
    parser.add_argument("--picture", type=Path, help="H&E to stain instead of a canvas")
    parser.add_argument("--um-per-px", type=float, default=0.5, help="scale of that picture")
    parser.add_argument("--share", type=float, default=30, help="percent of nuclei that are to be positive")
    parser.add_argument("--output", type=Path, default=IMAGES / "stain-window.png")
    args = parser.parse_args()
    from napari_histosynth.ui.stain import StainDock

    viewer, others = _opened(args)
    dock = StainDock(viewer)
    viewer.window.add_dock_widget(dock, name="Virtual stain", area="right", tabify=bool(others))
    spin(1)
    hands = Hands(viewer)
    dock.choice.model.setCurrentText(args.model)
    if dock.which.isEnabled():
        dock.which.way.setCurrentIndex(1)
        dock.which.share.setValue(args.share)
    hands.click(dock.choice.go)
    wait_for(lambda: dock.desk.shown is not None and not dock.desk.is_drawing)
    hands.tick(dock.compare.hang)
    viewer.reset_view()
    spin(0.5)
    hands.click(dock.count.go)
    wait_for(lambda: not dock.count.job.is_busy)
    width = dock.desk.shown.levels.shape[1]
    middle = dock.desk.shown.levels.shape[0] / 2
    hands.paint(dock.desk.shown.layer, [(middle, width * share) for share in (0.5, 0.47, 0.42, 0.4)])
    print(dock.count.status.text() or dock.status.text())
    dock._area.verticalScrollBar().setValue(0)
    keep(viewer, args.output, (dock, *others))


def _opened(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """Return a viewer with something to stain, and the docks that are open in it."""
    if args.picture is None:
        viewer, paint = open_canvas(args.painter, "invasion", _SIDE, 0)
        return viewer, [paint]
    import napari

    from napari_histosynth.io import read_image

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    viewer.add_image(
        read_image(args.picture),
        rgb=True,
        name=args.picture.stem,
        scale=(args.um_per_px,) * 2,
        units=("um", "um"),
    )
    return viewer, []


if __name__ == "__main__":
    main()
