"""Where tissue tools work: what is drawn in a layer of shapes, and the middle of the view."""

from __future__ import annotations

from typing import Any

from napari_histosynth.paint.tools import Area
from napari_histosynth.ui.arrange import share_place
from napari_histosynth.ui.layers import AREA_NAME


def draw_area(viewer: Any, labels: Any) -> None:
    """Add a layer to draw an area in, over a Labels layer if there is one, and have the lasso ready.

    The area drawn before is forgotten.
    """
    if AREA_NAME in viewer.layers:
        viewer.layers.remove(AREA_NAME)
    shown = {} if labels is None else {"scale": labels.scale[-2:], "translate": labels.translate[-2:]}
    if labels is not None and getattr(labels, "units", None):
        shown["units"] = labels.units[-2:]
    area = viewer.add_shapes(
        name=AREA_NAME, edge_color="#ffb000", face_color="#ffb00020", edge_width=2, ndim=2, **shown
    )
    share_place(viewer, area)
    area.mode = "add_polygon_lasso"
    viewer.layers.selection.active = area


def drawn_area(viewer: Any, labels: Any) -> Area | None:
    """Return what is drawn in the layer "Area", in pixels of a Labels layer; None without any."""
    if AREA_NAME not in viewer.layers:
        return None
    shapes = viewer.layers[AREA_NAME]
    parts = []
    for points in getattr(shapes, "data", ()):
        vertices = [labels.world_to_data(shapes.data_to_world(point)) for point in points]
        if len(vertices) > 2:
            parts.append(Area.of_polygon(vertices).clip(labels.data.shape))
    return Area.of_any(parts) if parts else None


def middle_of_view(viewer: Any, labels: Any) -> Any:
    """Return the point of a Labels layer that is in the middle of the view, in pixels."""
    scene = getattr(viewer, "scene", viewer)  # napari 0.9 moved the camera
    return labels.world_to_data(scene.camera.center[-2:])
