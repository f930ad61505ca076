"""Take the picture of the dock "Synthetic slide" that the documentation shows.

Run it where there is a display, real or virtual, with a model of slides::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_slide_picture.py

It begins a slide, goes to tissue by the map, zooms in with the wheel, and writes
``docs/images/slide-window.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from dockpicture import SIZE, keep
from hands import Hands, spin, wait_for
from qtpy.QtCore import QPoint

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Open the window, use the mouse, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-slide", help="model of slides")
    parser.add_argument("--seed", default="7")
    parser.add_argument("--mm", default="20.48", help="side of the slide")
    parser.add_argument("--kind", default="resection")
    parser.add_argument("--zoom", type=float, default=0.5, help="pixels of the screen for one of level 0")
    parser.add_argument("--output", type=Path, default=IMAGES / "slide-window.png")
    args = parser.parse_args()
    import napari

    from napari_histosynth.ui.slide import SlideDock

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    dock = SlideDock(viewer)
    viewer.window.add_dock_widget(dock, name="Synthetic slide", area="right")
    spin(1)
    hands = Hands(viewer)
    hands.type_into(dock.form.seed, args.seed)
    for side in (dock.form.width_mm, dock.form.height_mm):
        hands.type_into(side, args.mm)
    for box, chosen in ((dock.form.kind, args.kind), (dock.form.model, args.model)):
        if box.currentText() != chosen:
            hands.choose(box, chosen)

    def rested() -> bool:
        shown = dock.desk.shown
        return shown is not None and shown.share == 1 and not shown.drawer.is_busy

    hands.click(dock.form.go)
    wait_for(rested, 900)
    y, x = _mucosa(dock.desk.levels.slide.layout)
    frame = dock.map._frame(dock.desk.levels)
    across, down = (
        frame.left() + x * frame.width() / dock.desk.levels.shape[1],
        frame.top() + y * frame.height() / dock.desk.levels.shape[0],
    )
    hands.click(dock.map, QPoint(round(across), round(down)))
    hands.zoom_to(dock.desk.shown.layer, (y, x), args.zoom)
    spin(1)
    wait_for(rested, 900)
    dock._area.verticalScrollBar().setValue(0)
    spin(1)
    keep(viewer, args.output, (dock,))


def _mucosa(layout: np.ndarray) -> tuple[float, float]:
    """Return a place on the border of mucosa or tumor, in pixels of level 0."""
    from scipy import ndimage

    from napari_histosynth.slide.layoutclasses import MUCOSA, TISSUE, TUMOR

    epithelium = np.isin(layout, (MUCOSA, TUMOR))
    border = epithelium & ndimage.binary_dilation(layout == TISSUE)
    deep = border & ~ndimage.binary_dilation(layout == 0, iterations=6)
    places = np.argwhere(deep if deep.any() else border if border.any() else layout > 0)
    y, x = places[len(places) // 2] * 64.0 + 32
    return float(y), float(x)


if __name__ == "__main__":
    main()
