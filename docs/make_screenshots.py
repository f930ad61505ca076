"""Take the pictures of the window that the documentation shows.

Run it where there is a display, real or virtual::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshots.py

It opens the demo, paints a gland with real mouse events, and writes ``docs/images/paint-*.png``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hands import press, ring, spin, stroke, wait_for
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog

from napari_histosynth.ui.demo import TITLE, open_demo
from napari_histosynth.ui.newcanvas import BlankDialog, ImportDialog

IMAGES = Path(__file__).parent / "images"
SIZE = (1440, 900)


def save(viewer: Any, name: str) -> None:
    """Write a picture of the whole window."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    spin(0.5)
    viewer.screenshot(str(IMAGES / name), canvas_only=False, flash=False)
    print(f"wrote {IMAGES / name}")


def save_dialog(dialog: QDialog, name: str) -> None:
    """Write a picture of a dialog."""
    dialog.show()
    spin(0.3)
    dialog.grab().save(str(IMAGES / name))
    dialog.close()
    print(f"wrote {IMAGES / name}")


def main() -> None:
    """Open the demo, paint, and take the pictures."""
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.ui.prepare import Origin

    viewer = open_demo(block=False)
    viewer.window.resize(*SIZE)
    dock = viewer.window.dock_widgets[TITLE]
    painter = dock.painter
    wait_for(lambda: painter.stage is not None and not painter.is_drawing)

    labels = painter.stage.labels
    widget = viewer.window._qt_viewer.canvas.native
    shape = (widget.height(), widget.width())
    place = (0.16, 0.47)

    def paint_rings(key: Qt.Key, brush: float, radii: tuple[float, ...]) -> None:
        labels.brush_size = brush
        press(viewer, key)
        for radius in radii:
            stroke(viewer, ring(place, radius, shape))
        wait_for(lambda: not painter.is_drawing)

    paint_rings(Qt.Key.Key_1, 60, (0.07, 0.055, 0.04, 0.025, 0.01))
    paint_rings(Qt.Key.Key_2, 60, (0.046, 0.03))
    paint_rings(Qt.Key.Key_0, 30, (0.014, 0.004))
    labels.brush_size = 13
    press(viewer, Qt.Key.Key_3)
    rim, inner = ring(place, 0.053, shape, 26)[:-1], ring(place, 0.046, shape, 26)[:-1]
    for start, end in zip(rim, inner, strict=True):
        stroke(viewer, [start, end])
        wait_for(lambda: not painter.is_drawing)  # as slowly as a hand
    wait_for(lambda: not painter.is_drawing)
    save(viewer, "paint-window.png")

    viewer.scene.camera.zoom *= 2.2
    spin(0.3)
    dock.overlay.click()
    wait_for(lambda: not painter.is_drawing)
    save(viewer, "paint-overlay.png")

    save_dialog(BlankDialog(painter.model, dock), "paint-new-canvas.png")
    gland = np.ones((600, 800), np.uint8)
    gland[100:400, 200:500] = 2
    origin = Origin(gland, get_scheme("prostate-2"), 1.0, "tumor-budding")
    save_dialog(ImportDialog(origin, painter.model, dock), "paint-label-map.png")
    viewer.close()


if __name__ == "__main__":
    main()
