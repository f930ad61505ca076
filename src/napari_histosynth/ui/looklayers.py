"""The two layers that place looks: points that carry one each, and painted regions."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_histosynth.paint.lookfile import MOST_LOOKS, look_color
from napari_histosynth.paint.lookmap import Place
from napari_histosynth.ui.layers import STRAY_COLOR, without_clashing_units

POINTS_NAME, REGIONS_NAME = "Look points", "Look regions"

_COLUMNS = {"look": 1, "radius_um": 0.0, "share": 1.0}
_POINT_UM, _BRUSH_UM = 25.0, 120.0


def made_points(viewer: Any, labels: Any, um_per_px: float) -> Any:
    """Return an empty Points layer to lay over a canvas in a viewer.

    New points carry what :func:`set_point_features` says last.
    """
    from napari.layers import Points

    layer = Points(
        np.empty((0, 2)),
        ndim=2,
        features={name: np.empty(0, type(value)) for name, value in _COLUMNS.items()},
        size=_POINT_UM / um_per_px,
        border_color="white",
        border_width=0.12,
        face_color=look_color(1),
        **_like(viewer, labels, POINTS_NAME),
    )
    layer.feature_defaults = dict(_COLUMNS)
    return layer


def put_up(viewer: Any, points: Any, labels: Any) -> None:
    """Put points over a canvas that is there, if there are any; the canvas stays selected."""
    if labels not in viewer.layers:
        return
    if points is not None and points not in viewer.layers:
        viewer.layers.append(points)
    viewer.layers.selection.active = labels


def put_away(viewer: Any, layer: Any, *, remove: bool) -> None:
    """Take a layer out of the viewer, or out of sight."""
    if layer in viewer.layers:
        if remove:
            viewer.layers.remove(layer)
        else:
            layer.visible = False


def point_events(layer: Any) -> tuple[Any, ...]:
    """Return the events that tell of a change of points."""
    return layer.events.data, layer.events.features, layer.events.set_data


def moved_up(number: int, removed: int) -> int:
    """Return the number of a look once another is removed; 0 for that one."""
    return 0 if number == removed else number - (number > removed)


def add_regions(viewer: Any, labels: Any, um_per_px: float) -> Any:
    """Add a blank Labels layer of a canvas's size, in the colors of the looks."""
    from napari.utils.colormaps import DirectLabelColormap

    colors: dict[int | None, Any] = {number: look_color(number) for number in range(1, MOST_LOOKS + 1)}
    colors[None], colors[0] = STRAY_COLOR, "transparent"
    layer = viewer.add_labels(
        np.zeros(labels.data.shape, np.uint8),
        opacity=0.35,
        colormap=DirectLabelColormap(color_dict=colors, background_value=0),
        **_like(viewer, labels, REGIONS_NAME),
    )
    layer.brush_size = float(np.clip(round(_BRUSH_UM / um_per_px), 2, 400))
    layer.mode = "paint"
    return layer


def places_of(layer: Any, labels: Any) -> tuple[Place, ...]:
    """Return the points of a layer as places, in pixels of the canvas's labels."""
    table = layer.features
    columns = [
        table[name].fillna(value).to_numpy() if name in table else np.full(len(layer.data), value)
        for name, value in _COLUMNS.items()
    ]
    places = []
    for point, look, radius, share in zip(layer.data, *columns, strict=True):
        y, x = labels.world_to_data(layer.data_to_world(point))[-2:]
        places.append(Place(y, x, int(look), float(radius) if radius > 0 else None, float(share)))
    return tuple(places)


def put_places(layer: Any, places: tuple[Place, ...]) -> None:
    """Show places as the points of an empty layer."""
    if places:
        layer.data = np.array([(at.y, at.x) for at in places])
    layer.features = {
        "look": np.array([at.look for at in places], int),
        "radius_um": np.array([at.radius_um or 0.0 for at in places], float),
        "share": np.array([at.share for at in places], float),
    }
    color_points(layer)


def set_point_features(layer: Any, **values: Any) -> None:
    """Give new points a look, a radius or a share, and those that are selected as well.

    While points are being placed the last one is selected too, but it is done: only new ones change.
    """
    defaults = {name: layer.feature_defaults[name][0] for name in layer.feature_defaults}
    layer.feature_defaults = {**_COLUMNS, **defaults, **values}
    chosen = [] if layer.mode == "add" else sorted(layer.selected_data)
    if chosen:
        table = layer.features.copy()
        for name, value in values.items():
            table.loc[table.index[chosen], name] = value
        layer.features = table
    color_points(layer)


def color_points(layer: Any) -> None:
    """Give each point the color of its look."""
    numbers = [int(number) for number in layer.features.get("look", [])]
    if numbers:
        layer.face_color = [look_color(number) if number else "white" for number in numbers]


def _like(viewer: Any, labels: Any, name: str) -> dict[str, Any]:
    """Return the arguments that lay a new layer on the canvas."""
    arguments = {
        "name": name,
        "scale": labels.scale,
        "translate": labels.translate,
        "units": labels.units,
    }
    return without_clashing_units(arguments, viewer.layers)
