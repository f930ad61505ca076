"""A slide as a layer: it opens at once, and detail appears where one looks."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import UM_PER_PX
from napari_histosynth.ui.arrange import show_scale_bar
from napari_histosynth.ui.layers import METADATA_KEY, without_clashing_units
from napari_histosynth.ui.lazylayer import LazyLayer
from napari_histosynth.ui.slidedrawer import SlideDrawer
from napari_histosynth.ui.slidelevels import SlideLevels


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
        camera = getattr(self._viewer, "scene", self._viewer).camera
        camera.center = (*camera.center[:-2], float(world[0]), float(world[1]))

    def painted(self, window: Window) -> None:
        """Show that something was painted, or taken back, in a window of level 0."""
        self.levels.renew_base(window)
        self._refresh(thumbnail=True)
        self.progressed.emit()

    def renew(self, slide: Any) -> None:
        """Go on with the same slide in another place: kept in a store."""
        self.levels.slide = slide
        self.layer.metadata = self._metadata()
        self.drawer.look_at(self._seen)

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
        slide = self.levels.slide
        made = Provenance(
            model=slide.model.name,
            model_sha256=slide.model.sha256,
            seed=slide.seed,
            um_per_px=UM_PER_PX,
            size=self.levels.shape,
            extra={"setting": slide.setting},
        )
        return {METADATA_KEY: {"provenance": made.to_dict(), "um_per_px": UM_PER_PX, "stain": "H&E"}}
