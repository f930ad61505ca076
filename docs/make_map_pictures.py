"""Take the picture of the map of looks that the documentation shows.

Run it where there is a display, real or virtual, with a model that ships a map::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_map_pictures.py

It puts up a canvas, opens the map, clicks on one look, drags to another with real mouse events, points at a
third, and writes ``docs/images/map-window.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from dockpicture import keep, open_canvas
from hands import drag, spin, wait_for
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

IMAGES = Path(__file__).parent / "images"
_SIDE = 640  # px of the canvas


def points_of(atlas: Any, grade: str, count: int) -> list[int]:
    """Return the pictures of a grade that lie nearest to the middle of all of it on the map."""
    members = np.flatnonzero(np.array(atlas.grades) == grade)
    places = atlas.places()[members]
    away = np.square(places - np.median(places, axis=0)).sum(1)
    return [int(number) for number in members[np.argsort(away, kind="stable")[:count]]]


def main() -> None:
    """Open the windows, use the mouse, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-10class")
    parser.add_argument("--output", type=Path, default=IMAGES / "map-window.png")
    args = parser.parse_args()
    from napari_histosynth.ui.atlas import AtlasDock

    viewer, paint = open_canvas(args.model, "dysplasia", _SIDE, 3)
    painter = paint.painter
    atlas = AtlasDock(viewer)
    viewer.window.add_dock_widget(atlas, name="Map of looks", area="right", tabify=True)
    wait_for(lambda: not atlas.tasks.is_busy)
    if atlas.atlas is None:
        raise SystemExit(atlas.form.state.text())
    spin(1)
    surface, places = atlas.form.map, atlas.atlas.places()

    def at(number: int) -> QPoint:
        point: QPoint = surface.position_of(places[number]).toPoint()
        return point

    graded = [entry.name for entry in surface.key.entries if entry.name]
    low, high = points_of(atlas.atlas, graded[0], 1)[0], points_of(atlas.atlas, graded[-1], 2)
    QTest.mouseMove(surface, at(low))
    QTest.mouseClick(surface, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(low))
    wait_for(lambda: not painter.is_drawing)
    way = [at(low) + (at(high[0]) - at(low)) * step / 12 for step in range(13)]
    drag(surface, way)
    wait_for(lambda: not painter.is_drawing)
    QTest.mouseMove(surface, at(high[1]))
    wait_for(lambda: not atlas.thumbs.maker.is_busy)
    keep(viewer, args.output, (atlas, paint))


if __name__ == "__main__":
    main()
