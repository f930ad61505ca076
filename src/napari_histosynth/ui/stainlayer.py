"""A stained picture as a layer over its source: drawn where one looks, and refreshed as pixels come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.layers import METADATA_KEY, without_clashing_units
from napari_histosynth.ui.lazylayer import LazyLayer
from napari_histosynth.ui.lazylevel import LevelView
from napari_histosynth.ui.staincurtain import Curtain, grab, pixels_of_screen
from napari_histosynth.ui.staindrawer import StainDrawer
from napari_histosynth.ui.stainlevels import StainLevels

if TYPE_CHECKING:
    from napari_histosynth.stain.translator import Translator
    from napari_histosynth.ui.stainsource import StainSource


class StainLayer(LazyLayer):
    """Lays a stained picture over its source, until the layer is removed.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    source : StainSource
        What is stained.
    levels : StainLevels
        Where pixels are kept; the coarsest level shows something already.
    translator : Translator
        What draws.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    layer : napari.layers.Image
        The layer.
    drawer : StainDrawer
        What draws.
    curtain : Curtain or None
        What hides a part of it.
    curtain_moved : Signal of float
        The divider was dragged, to a share of the width.
    """

    curtain_moved = Signal(float)

    def __init__(
        self,
        viewer: Any,
        source: StainSource,
        levels: StainLevels,
        translator: Translator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(viewer, parent)
        self.source, self.levels, self.translator = source, levels, translator
        self.curtain: Curtain | None = None
        self._let_go: Callable[[], None] | None = None
        self._last_drag = 0.0
        self.drawer = StainDrawer(levels, source, translator, self)
        self._draws(self._made_layer(), self.drawer)

    # ---- what it is

    @property
    def stain(self) -> str:
        """Name of the stain that is drawn."""
        return self.stains[1]

    @property
    def stains(self) -> tuple[str, str]:
        """Names of the stain of the source and of what is drawn."""
        first, second = self.translator.model.stains
        return (second, first) if self.translator.reverse else (first, second)

    @property
    def share(self) -> float:
        """Share that is drawn: of all of a small picture, of what is in sight of a slide."""
        if self.source.is_small:
            return self.levels.drawn / self.levels.count
        sight = self._seen
        if sight is None or self.drawer.is_beyond(sight):
            return 1.0
        level = min(sight.level, len(self.levels.shapes) - 1)
        missing = len(self.levels.missing(sight.window, level))
        return 1 - missing / max(1, self.levels.beneath(sight.window))

    @property
    def is_sketch(self) -> bool:
        """Whether one looks from so far away that only a sketch is shown."""
        return self._seen is not None and not self.source.is_small and self.drawer.is_beyond(self._seen)

    # ---- what is done to it

    def show(self) -> None:
        """Put the layer into the viewer, right above its source, and begin to draw."""
        layers = self._viewer.layers
        active = layers.selection.active
        above = layers.index(self.source.layer) + 1 if self.source.layer in layers else len(layers)
        layers.insert(above, self.layer)
        if active is not None:
            layers.selection.active = active
        self.begin()

    def use(self, source: StainSource, translator: Translator) -> None:
        """Draw everything anew by another translator; old pixels stay until then."""
        self.source, self.translator = source, translator
        self.layer.name, self.layer.metadata = self._name(), self._metadata()
        self.drawer.use(source, translator)
        self.progressed.emit()

    def hang_curtain(self, share: float | None) -> None:
        """Hide what lies left of a share of the width, or nothing."""
        if share is None:
            if self.curtain is not None:
                self.curtain = None
                self._take_down()
                self.layer.data = self._data()
            return
        column = share * self.levels.shape[1]
        if self.curtain is None:
            self.curtain = Curtain(column)
            self._let_go = grab(self._viewer, self.layer, self.curtain, self._dragged)
            self._measure()
            self.layer.data = self._data()
        else:
            self.curtain.column = column
            self._moved = True
            self._refresh()

    def close(self) -> None:
        """Draw no more; the layer stays as it is. Harmless when repeated."""
        if not self._closed and self.curtain is not None and self.layer in self._viewer.layers:
            self.hang_curtain(None)
        self._take_down()
        super().close()

    # ---- the layer

    def _made_layer(self) -> Any:
        from napari.layers import Image

        arguments = {
            "name": self._name(),
            "rgb": True,
            "contrast_limits": (0, 255),
            "interpolation2d": "linear",
            "blending": "translucent_no_depth",
            "cache": False,
            "metadata": self._metadata(),
            **self.source.placed(),
        }
        arguments = without_clashing_units(arguments, self._viewer.layers)
        return Image(self._data(), multiscale=len(self.levels.shapes) > 1, **arguments)

    def _name(self) -> str:
        return f"{self.stain} of {self.source.name}"

    def _metadata(self) -> dict[str, Any]:
        model, um = self.translator.model, self.translator.um_per_px
        first, second = self.stains
        made = Provenance(
            model=model.name,
            model_sha256=model.sha256,
            um_per_px=um,
            size=self.levels.shape,
            extra={"from_stain": first, "stain": second},
        )
        return {METADATA_KEY: {"provenance": made.to_dict(), "um_per_px": um, "stain": second}}

    def _data(self) -> Any:
        """Return what napari reads: arrays where it keeps them, views of tiles elsewhere."""
        hide = None if self.curtain is None else self.curtain.hide
        last = len(self.levels.shapes) - 1
        base = self.levels.base
        if hide is not None:
            base = self._hidden = hide(base, Window.of_shape(base.shape), last)
        if last == 0:
            return base
        return [*(LevelView(self.levels, level, hide) for level in range(last)), base]

    def _before_refresh(self) -> None:
        if self.curtain is not None:  # napari keeps the coarsest level, so it is changed in place
            base, last = self.levels.base, len(self.levels.shapes) - 1
            self._hidden[:] = self.curtain.hide(base, Window.of_shape(base.shape), last)

    def _measure(self) -> None:
        if self.curtain is not None:
            self.curtain.pixel = pixels_of_screen(self._viewer, self.layer)

    def _dragged(self, column: float) -> None:
        share = float(np.clip(column / self.levels.shape[1], 0, 1))
        assert self.curtain is not None
        self.curtain.column = share * self.levels.shape[1]
        self._moved = True
        now = time.perf_counter()
        if now - self._last_drag > 0.03:
            self._last_drag = now
            self._refresh()
        self.curtain_moved.emit(share)

    # ---- what happens

    def _on_sight(self) -> None:
        if self.curtain is not None:
            before = self.curtain.pixel
            self._measure()
            self._moved = self._moved or not np.isclose(before, self.curtain.pixel)

    def _take_down(self) -> None:
        if self._let_go is not None:
            self._let_go()
            self._let_go = None
