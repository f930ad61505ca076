"""A layer of a picture that is drawn where one looks, and refreshed as pixels come."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.hepicture import window_in_sight
from napari_histosynth.ui.lazydrawer import LazyDrawer, Sight

_TICK = 120  # ms between looks at what is in sight, and between refreshes
_PROBE = 30  # ms after a refresh: how late a timer comes says what the frame took
_PAUSE, _LONGEST = 3.0, 0.4  # s without a refresh for each that a frame takes, and at most


class LazyLayer(QObject):
    """Tells a drawer what of a layer is in sight, and shows what it drew, until the layer is removed.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    layer : napari.layers.Image
        The layer.
    progressed : Signal
        More is drawn, or something else is in sight.
    failed : Signal of str
        One sentence why no more is drawn.
    removed : Signal
        The layer is gone.
    """

    progressed = Signal()
    failed = Signal(str)
    removed = Signal()

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.layer: Any = None
        self._closed = False
        self._landed = self._moved = False
        self._seen: Sight | None = None
        self._ticks = QTimer(self)
        self._ticks.setInterval(_TICK)
        self._ticks.timeout.connect(self._tick)
        self._refreshed = self._pause_until = 0.0
        self._probe = QTimer(self)
        self._probe.setSingleShot(True)
        self._probe.setInterval(_PROBE)
        self._probe.timeout.connect(self._on_frame)
        viewer.layers.events.removed.connect(self._on_removed)

    def _draws(self, layer: Any, drawer: LazyDrawer) -> None:
        """Take a layer, in the viewer or on its way there, and what draws it."""
        self.layer, self._drawer = layer, drawer
        drawer.landed.connect(self._on_landed)
        drawer.rested.connect(self._on_rested)
        drawer.failed.connect(self.failed)

    def in_sight(self) -> Window | None:
        """Return what is in sight, in pixels of the finest level; None if nothing is known."""
        return window_in_sight(self.layer) if self.layer in self._viewer.layers else None

    def begin(self) -> None:
        """Look, and draw what is in sight, from now on."""
        self._ticks.start()
        self._tick()
        self._drawer.look_at(self._seen)

    def close(self) -> None:
        """Draw no more; the layer stays as it is. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self._ticks.stop()
        self._probe.stop()
        self._drawer.close()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    # ---- what happens

    def _tick(self) -> None:
        """Look at what is in sight, and show what came."""
        window = self.in_sight() if self.layer.visible else None
        level = int(self.layer.data_level) if self.layer.multiscale else 0
        sight = None if window is None else Sight(window, level)
        if sight != self._seen:
            self._seen = sight
            self._drawer.look_at(sight)
            self.progressed.emit()
            self._on_sight()
        pausing = self._probe.isActive() or time.perf_counter() < self._pause_until
        if self._moved or (self._landed and not pausing):
            landed = self._landed
            self._refresh()
            if landed:
                self.progressed.emit()

    def _on_sight(self) -> None:
        """Notice that something else is in sight."""

    def _refresh(self, thumbnail: bool = False) -> None:
        """Show the picture as it is now."""
        if self._closed or self.layer not in self._viewer.layers:
            return
        self._landed = self._moved = False
        self._before_refresh()
        self._refreshed = time.perf_counter()
        self._probe.start()
        self.layer.refresh(thumbnail=thumbnail, extent=False, highlight=False)

    def _on_frame(self) -> None:
        """Leave time to draw between frames: without a graphics card each takes what would draw a tile."""
        now = time.perf_counter()
        took = now - self._refreshed - _PROBE / 1000
        self._pause_until = now + min(_PAUSE * took, _LONGEST)

    def _before_refresh(self) -> None:
        """Bring up to date what napari keeps."""

    def _on_landed(self) -> None:
        self._landed = True

    def _on_rested(self) -> None:
        self._refresh(thumbnail=True)
        self.progressed.emit()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.close()
            self.removed.emit()
