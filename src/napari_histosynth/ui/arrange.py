"""How the layers lie in the window: side by side, or the labels over the picture."""

from __future__ import annotations

from typing import Any

from napari_histosynth.ui.layers import AREA_NAME

OVERLAY_OPACITY = 0.25
"""Opacity of labels that lie over the picture: classes can be told, and chromatin seen through them."""


def grid_of(viewer: Any) -> Any:
    """Return the viewer's grid; napari 0.9 keeps it in its canvas."""
    canvas = getattr(viewer, "canvas", None)
    return canvas.grid if canvas is not None else viewer.grid


def show_scale_bar(viewer: Any) -> None:
    """Show napari's scale bar."""
    canvas = getattr(viewer, "canvas", None)
    bar = canvas.overlays.scale_bar if canvas is not None else viewer.scale_bar
    bar.visible = True


def clear_brush(viewer: Any) -> None:
    """Take away the dark square that napari 0.9 draws under the middle of its brush.

    It is the background box that overlays with text have; on a brush it hides what one paints on.
    """
    canvas = getattr(viewer, "canvas", None)
    for overlay in canvas.overlays.values() if canvas is not None else ():
        if type(overlay).__name__ == "BrushCircleOverlay":
            overlay.box = False


def side_by_side(viewer: Any, labels: Any) -> None:
    """Show labels on the left and the picture on the right; one can paint on either."""
    grid = grid_of(viewer)
    # the layer on top comes first: the labels, with the area that is drawn over them, if there is one
    grid.stride = -2 if AREA_NAME in viewer.layers else -1
    grid.shape = (1, -1)
    grid.enabled = True
    labels.opacity = 1.0


def share_place(viewer: Any, area: Any) -> None:
    """Show an area over the labels where layers lie side by side, not beside them, while it is there."""
    if is_side_by_side(viewer) and grid_of(viewer).stride == -1:
        grid_of(viewer).stride = -2

    def part(event: Any) -> None:
        if event.value is area:
            viewer.layers.events.removed.disconnect(part)
            if is_side_by_side(viewer) and grid_of(viewer).stride == -2:
                grid_of(viewer).stride = -1

    viewer.layers.events.removed.connect(part)


def overlaid(viewer: Any, labels: Any) -> None:
    """Show the labels over the picture, so that one paints on the H&E itself."""
    grid_of(viewer).enabled = False
    labels.opacity = OVERLAY_OPACITY


def show_canvas(viewer: Any, labels: Any) -> None:
    """Show all of a canvas, also where a larger layer, such as a slide, is there, too."""
    viewer.reset_view()
    low, high = viewer.layers.extent.world
    own_low, own_high = labels.extent.world
    whole, own = (high - low)[-2:], (own_high - own_low)[-2:]
    # what fits all layers fits the canvas alone when it is this much closer
    scene = getattr(viewer, "scene", None)  # napari 0.9 keeps the camera there
    camera = viewer.camera if scene is None else scene.camera
    camera.zoom *= float(min(all_ / one for all_, one in zip(whole, own, strict=True)))
    camera.center = (*camera.center[:-2], *((own_low + own_high) / 2)[-2:])


def is_side_by_side(viewer: Any) -> bool:
    """Return whether layers lie side by side."""
    return bool(grid_of(viewer).enabled)
