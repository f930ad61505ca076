"""What the scripts that take pictures of docks share: a window with a canvas, and its picture kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hands import spin, wait_for

SIZE = (1500, 940)


def open_canvas(model: str, ten_classes: str, side: int, seed: int) -> tuple[Any, Any]:
    """Open napari with *Paint tissue* and a drawn canvas; return the viewer and the dock.

    ``ten_classes`` is the example for models of ten classes; others draw a moderately differentiated tumor.
    """
    import napari

    from napari_histosynth.ui import prepare
    from napari_histosynth.ui.paint import PaintDock

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    paint = PaintDock(viewer, model)
    viewer.window.add_dock_widget(paint, name="Paint tissue", area="right")
    painter = paint.painter
    wait_for(lambda: painter.model is not None)
    example = ten_classes if "10" in painter.model.name else "moderate"
    painter.new_canvas(prepare.example(example, (side, side), painter.model, seed))
    wait_for(lambda: not painter.is_drawing)
    return viewer, paint


def take(viewer: Any, path: Path) -> None:
    """Write what the window shows."""
    spin(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(f"wrote {path}")


def keep(viewer: Any, path: Path, docks: Iterable[Any]) -> None:
    """Write what the window shows, and close it."""
    take(viewer, path)
    for dock in docks:
        dock.shut_down()
    viewer.close()
