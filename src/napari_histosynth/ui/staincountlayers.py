"""A count of nuclei as layers: points that follow the threshold, a heat map, the outline of the hot spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.ui.layers import without_clashing_units

if TYPE_CHECKING:
    from napari_histosynth.stain.heatmap import HeatMap
    from napari_histosynth.stain.ki67 import Ki67Count

POSITIVE, NEGATIVE = "#e5383b", "#3a6ff7"
"""Colors of nuclei."""

MOST_POINTS = 60_000
"""Nuclei up to which each is a point: napari takes long for more."""

_POINT_UM = 6.0
_INSIDE = 0.25  # opacity inside of the rings, so that one sees the nucleus


class CountLayers:
    """Layers of one count over a picture.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.

    Attributes
    ----------
    points, heat, spot : napari layers or None
        What is shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.points: Any = None
        self.heat: Any = None
        self.spot: Any = None

    def show(self, count: Ki67Count, placed: dict[str, Any], name: str) -> bool:
        """Show the nuclei as points, those of the count before no more; return whether they are few enough.

        Parameters
        ----------
        count : Ki67Count
            Places are in pixels of the picture.
        placed : dict
            Arguments that put a layer where the picture is.
        name : str
            Of the picture.
        """
        self._remove(self.points)
        self.points = None
        if count.total > MOST_POINTS or count.total == 0:
            return count.total == 0
        nuclei = count.nuclei
        active = self._viewer.layers.selection.active
        self.points = self._viewer.add_points(
            np.stack([nuclei.y, nuclei.x], axis=1),
            name=f"Nuclei of {name}",
            size=_POINT_UM / count.um_per_px,
            face_color=_colors(count, _INSIDE),
            border_width=0.2,
            border_color=_colors(count),
            features={"positive": nuclei.positive, "dab": nuclei.dab, "area_um2": nuclei.area_um2},
            **without_clashing_units(placed, self._viewer.layers),
        )
        self._activate(active)
        return True

    def recolor(self, count: Ki67Count) -> None:
        """Show the nuclei of the same count with another threshold."""
        if self.points is None or self.points not in self._viewer.layers:
            return
        if len(self.points.data) != count.total:  # somebody moved or removed points
            return
        self.points.face_color, self.points.border_color = _colors(count, _INSIDE), _colors(count)
        self.points.features["positive"] = count.nuclei.positive

    def show_heat(self, heat: HeatMap | None, placed: dict[str, Any], name: str) -> None:
        """Show the index on a grid, and the hot spot; None takes those before away."""
        self._remove(self.heat)
        self._remove(self.spot)
        self.heat = self.spot = None
        if heat is None or not np.isfinite(heat.index).any():
            return
        placed = without_clashing_units(placed, self._viewer.layers)
        active = self._viewer.layers.selection.active
        step = np.asarray(placed["scale"], float) * heat.cell_px
        corner = np.asarray(placed["translate"], float) + (step - np.asarray(placed["scale"], float)) / 2
        below = self._viewer.layers.index(self.points) if self.points in self._viewer.layers else None
        self.heat = self._viewer.add_image(
            100 * heat.index,
            name=f"Index of {name} (%)",
            colormap="inferno",
            opacity=0.45,
            interpolation2d="nearest",
            contrast_limits=(0, max(1.0, float(np.nanmax(heat.index)) * 100)),
            **{**placed, "scale": step, "translate": corner},
        )
        if below is not None:
            self._viewer.layers.move(len(self._viewer.layers) - 1, below)
        if heat.hot_spot is not None:
            y, x, radius = heat.hot_spot.y - 0.5, heat.hot_spot.x - 0.5, heat.hot_spot.radius
            box = [
                [y - radius, x - radius],
                [y - radius, x + radius],
                [y + radius, x + radius],
                [y + radius, x - radius],
            ]
            self.spot = self._viewer.add_shapes(
                [np.array(box)],
                shape_type="ellipse",
                name=f"Hot spot of {name}",
                edge_color="#ffd166",
                face_color="transparent",
                edge_width=max(2.0, radius / 40),
                **placed,
            )
        self._activate(active)

    def clear(self) -> None:
        """Take all layers away."""
        for layer in (self.points, self.heat, self.spot):
            self._remove(layer)
        self.points = self.heat = self.spot = None

    def _remove(self, layer: Any) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _activate(self, layer: Any) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.selection.active = layer


def _colors(count: Ki67Count, opacity: float = 1.0) -> npt.NDArray[np.float32]:
    """Return the color of each nucleus, float32 (n, 4)."""
    red, blue = (
        np.array([*(byte / 255 for byte in bytes.fromhex(color[1:])), opacity], np.float32)
        for color in (POSITIVE, NEGATIVE)
    )
    return np.where(count.nuclei.positive[:, None], red, blue)
