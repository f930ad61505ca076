"""Which part of a map is in sight: from its places to pixels of a widget and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Pixels left free around the points when all are in sight.
_EDGE = 24
#: How much more one axis may be stretched than the other: t-SNE's distances do not bear more.
_STRETCH = 2.2
#: How far one can zoom, from all in sight.
_CLOSEST, _FARTHEST = 60.0, 0.5

Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MapView:
    """A part of a map, its second axis pointing up.

    Attributes
    ----------
    width, height : float
        Of the widget, in pixels.
    center : tuple of float
        Place in its middle.
    scale : tuple of float
        Pixels for a unit of the map, along each axis.
    zoom : float
        1 when all of the map is in sight.
    """

    width: float
    height: float
    center: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    zoom: float = 1.0

    @classmethod
    def of_all(cls, places: npt.ArrayLike, width: float, height: float) -> MapView:
        """Return the view that has all places, (n, 2), in sight."""
        points = np.asarray(places, np.float64)
        low, high = points.min(0), points.max(0)
        extent = np.maximum(high - low, 1e-9)
        room = np.maximum(np.array([width, height]) - 2 * _EDGE, 10.0)
        scale = room / extent
        scale = np.minimum(scale, scale.min() * _STRETCH)
        middle = (low + high) / 2
        return cls(
            width, height, (float(middle[0]), float(middle[1])), (float(scale[0]), float(scale[1])), 1.0
        )

    def to_pixels(self, places: npt.ArrayLike) -> Places:
        """Return where places of the map, (..., 2), are on the widget: (x, y) in pixels."""
        moved = (np.asarray(places, np.float64) - self.center) * self.scale
        return np.asarray(moved * (1, -1) + (self.width / 2, self.height / 2))

    def to_map(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of the map under a pixel."""
        return (
            self.center[0] + (x - self.width / 2) / self.scale[0],
            self.center[1] - (y - self.height / 2) / self.scale[1],
        )

    def zoomed(self, factor: float, x: float, y: float) -> MapView:
        """Return a closer view, or a farther one, in which the place under a pixel stays there."""
        zoom = min(max(self.zoom * factor, _FARTHEST), _CLOSEST)
        factor = zoom / self.zoom
        under = self.to_map(x, y)
        center = tuple(u + (c - u) / factor for c, u in zip(self.center, under, strict=True))
        scale = (self.scale[0] * factor, self.scale[1] * factor)
        return MapView(self.width, self.height, (center[0], center[1]), scale, zoom)

    def panned(self, dx: float, dy: float) -> MapView:
        """Return the view after the map was dragged by pixels."""
        center = (self.center[0] - dx / self.scale[0], self.center[1] + dy / self.scale[1])
        return MapView(self.width, self.height, center, self.scale, self.zoom)

    def resized(self, width: float, height: float) -> MapView:
        """Return the same place and scale in a widget of another size."""
        return MapView(width, height, self.center, self.scale, self.zoom)
