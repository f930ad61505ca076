"""Take the pictures of the dock "New tissue" that the documentation shows.

Run it where there is a display, real or virtual, with a model of layouts::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_layout_picture.py

It lets nine layouts be drawn, makes two of them the ends of the way by the keys A and B, puts a third on the
canvas with a click, drags the slider, and writes ``docs/images/layout-window.png``. Then it unfolds the map
of layouts, clicks on one of its pictures of the grade of B, and writes ``docs/images/layout-map.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dockpicture import keep, open_canvas, take
from hands import Hands, drag, spin, wait_for
from make_map_pictures import points_of
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton, QWidget

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Open the windows, use mouse and keys, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-layout", help="model of layouts")
    parser.add_argument("--paint", default="colon-3class", help="model that paints")
    parser.add_argument("--from", dest="first", default="healthy", help="grade of A")
    parser.add_argument("--to", dest="second", default="poorly differentiated", help="grade of B")
    parser.add_argument("--side", type=int, default=512, help="pixels of the canvas")
    parser.add_argument("--share", type=float, default=0.6, help="where the slider is let go")
    parser.add_argument("--output", type=Path, default=IMAGES / "layout-window.png")
    parser.add_argument("--map-output", type=Path, default=IMAGES / "layout-map.png")
    args = parser.parse_args()
    from napari_histosynth.ui.layout import LayoutDock

    viewer, paint = open_canvas(args.paint, "mucosa", args.side, 0)
    dock = LayoutDock(viewer)
    viewer.window.add_dock_widget(dock, name="New tissue", area="right", tabify=True)
    spin(1)
    if not dock.form.cards:
        raise SystemExit(dock.form.note.text())
    hands = Hands(viewer)
    if dock.form.model.currentText() != args.model:
        hands.choose(dock.form.model, args.model)
    for grade, key in ((args.first, Qt.Key.Key_A), (args.second, Qt.Key.Key_B)):
        if dock.form.grade.currentText() != grade:
            hands.choose(dock.form.grade, grade)
        wait_for(lambda: all(dock.nine.grid.is_shown(index) for index in range(9)), 600)
        dock.nine.grid.setFocus()
        QTest.keyClick(dock.nine.grid, key)
    hands.click(dock.nine.grid, dock.nine.grid.cell(0).center().toPoint())
    wait_for(lambda: not dock.desk.job.is_busy and not dock.desk.putter.is_busy, 120)
    slider = dock.morph.slider
    dock._area.ensureWidgetVisible(slider)
    spin(0.5)
    drag(slider, [slider.place_of(args.share * step / 20).toPoint() for step in range(21)])
    wait_for(lambda: not dock.way.is_busy and not paint.painter.is_drawing, 300)
    viewer.reset_view()
    dock._area.verticalScrollBar().setValue(0)
    take(viewer, args.output)
    click_on_map(hands, dock, args.second)
    wait_for(lambda: not dock.desk.putter.is_busy and not paint.painter.is_drawing, 300)
    keep(viewer, args.map_output, (dock, paint))


def click_on_map(hands: Hands, dock: Any, grade: str) -> None:
    """Unfold the map of layouts and click on the picture in the middle of a grade."""
    fold = dock.findChild(QWidget, "fold-layout-map")
    hands.click(fold.findChild(QPushButton))
    wait_for(lambda: dock.map.is_there, 60)
    dock._area.ensureWidgetVisible(dock.map)
    spin(0.5)
    atlas, surface = dock.map._read.atlas, dock.map.map
    (number,) = points_of(atlas, grade, 1)
    hands.click(surface, surface.position_of(atlas.places()[number]).toPoint())
    wait_for(lambda: not dock.desk.job.is_busy, 120)


if __name__ == "__main__":
    main()
