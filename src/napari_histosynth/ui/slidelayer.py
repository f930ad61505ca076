"""A slide as a layer: it opens at once, and detail appears where one looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import UM_PER_PX
from napari_histosynth.ui.arrange import show_scale_bar
from napari_histosynth.ui.layers import METADATA_KEY, without_clashing_units
from napari_histosynth.ui.lazylayer import LazyLayer
from napari_histosynth.ui.slidedrawer import SlideDrawer
from napari_histosynth.ui.slidelevels import SlideLevels
from napari_histosynth.ui.staincurtain import camera_of, pixels_of_screen


class SlideLayer(LazyLayer):
    """Shows a slide in a viewer, and has it drawn.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    levels : SlideLevels
        The slide.
    layer : napari.layers.Image, optional
        A layer that shows it already.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    levels : SlideLevels
        The slide.
    drawer : SlideDrawer
        What draws.
    """

    def __init__(
        self, viewer: Any, levels: SlideLevels, layer: Any = None, parent: QObject | None = None
    ) -> None:
        super().__init__(viewer, parent)
        self.levels = levels
        self.drawer = SlideDrawer(levels, self)
        self._draws(self._made_layer() if layer is None else layer, self.drawer)

    @property
    def share(self) -> float:
        """Share of what is in sight that is drawn as finely as it is shown."""
        return 1.0 if self._seen is None else self.levels.share(self._seen)

    @property
    def level(self) -> int:
        """Level that is shown."""
        return 0 if self._seen is None else self._seen.level

    def in_view(self) -> Window | None:
        """Return what of the slide is in sight to the pixel, of level 0; what napari reads is whole tiles."""
        read = self.in_sight()
        if read is None:
            return None
        viewer = self._viewer
        sides = viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size
        middle = self.layer.world_to_data(camera_of(viewer).center)[-2:]
        half = [side / 2 * pixels_of_screen(viewer, self.layer) for side in sides]
        low, high = (
            [float(at + way * much) for at, much in zip(middle, half, strict=True)] for way in (-1, 1)
        )
        seen = Window(int(low[0]), int(np.ceil(high[0])), int(low[1]), int(np.ceil(high[1]))).intersect(read)
        return read if seen.is_empty else seen

    def show(self, *, fit: bool = True) -> None:
        """Put the layer into the viewer, at the bottom, and begin to draw.

        Parameters
        ----------
        fit : bool
            Whether to bring all of it in sight.
        """
        layers = self._viewer.layers
        if self.layer not in layers:
            layers.insert(0, self.layer)
            layers.selection.active = self.layer
        show_scale_bar(self._viewer)
        if fit:
            self._viewer.reset_view()
        self.begin()

    def go_to(self, y: float, x: float) -> None:
        """Bring a place into the middle of the view, in pixels of level 0."""
        world = self.layer.data_to_world((y, x))[-2:]
        camera = camera_of(self._viewer)
        camera.center = (*camera.center[:-2], float(world[0]), float(world[1]))

    def painted(self, window: Window) -> None:
        """Show that something was painted, or taken back, in a window of level 0."""
        self.levels.renew_base(window)
        self._refresh(thumbnail=True)
        self.progressed.emit()

    # ---- the layer

    def _made_layer(self) -> Any:
        from napari.layers import Image

        arguments = {
            "name": f"Slide {self.levels.slide.seed}",
            "rgb": True,
            "contrast_limits": (0, 255),
            "scale": (UM_PER_PX, UM_PER_PX),
            "units": ("um", "um"),
            "interpolation2d": "linear",
            "blending": "translucent_no_depth",
            "cache": False,
            "metadata": self._metadata(),
        }
        arguments = without_clashing_units(arguments, self._viewer.layers)
        return Image(self.levels.views(), multiscale=True, **arguments)

    def _metadata(self) -> dict[str, Any]:
        made = self.levels.slide.key.provenance().to_dict()
        return {METADATA_KEY: {"provenance": made, "um_per_px": UM_PER_PX, "stain": "H&E"}}
