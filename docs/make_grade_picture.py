"""Take the picture of the dock "Slide between grades" that the documentation shows.

Run it where there is a display, real or virtual, with a model that ships named places::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_grade_picture.py

It puts up a canvas, drags the slider from the first grade towards the second with real mouse events, lets it
go there, and writes ``docs/images/grade-window.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dockpicture import keep, open_canvas
from hands import drag, spin, wait_for

IMAGES = Path(__file__).parent / "images"
_SIDE = 448  # px of the canvas: so that nuclei are seen


def main() -> None:
    """Open the windows, use the mouse, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-10class")
    parser.add_argument("--share", type=float, default=1.0, help="where the slider is let go")
    parser.add_argument("--output", type=Path, default=IMAGES / "grade-window.png")
    args = parser.parse_args()
    from napari_histosynth.ui.grade import GradeDock

    viewer, paint = open_canvas(args.model, "invasion", _SIDE, 0)
    painter = paint.painter
    grade = GradeDock(viewer)
    viewer.window.add_dock_widget(grade, name="Slide between grades", area="right", tabify=True)
    spin(1)
    if grade.desk is None or grade.desk.way() is None:
        raise SystemExit(grade.hint.text())
    slider = grade.panels["Grade"].slider
    drag(slider, [slider.place_of(args.share * step / 40).toPoint() for step in range(41)])
    wait_for(lambda: not painter.is_drawing)
    viewer.reset_view()
    keep(viewer, args.output, (grade, paint))


if __name__ == "__main__":
    main()
