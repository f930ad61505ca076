"""The layers of one canvas in a viewer: labels that are painted on, and the picture that follows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.layers import picture_layer_arguments, without_clashing_units
from napari_histosynth.ui.pyramid import Piece, Pyramid

# Seconds between refreshes: each uploads what is in view, so pieces that come faster share one. A stroke is
# watched as it appears; a whole canvas may come in larger steps, which leaves more of the machine to draw it.
_SOON, _PRESENTLY = 0.03, 0.2


class Stage(QObject):
    """A Labels layer with the Image layer of its H&E below.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    labels : napari.layers.Labels
        2-D layer in the viewer.
    um_per_px : float
        Scale of the picture.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    labels, picture : napari layers
        The two layers.
    touched : bool
        Whether anyone has changed the labels since they were put up.
    """

    def __init__(self, viewer: Any, labels: Any, um_per_px: float, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.labels = viewer, labels
        self.touched = False
        self._pyramid = Pyramid(labels.data.shape)
        arguments = without_clashing_units(picture_layer_arguments(um_per_px), viewer.layers)
        arguments["scale"], arguments["translate"] = labels.scale, labels.translate
        active = viewer.layers.selection.active
        self.picture = viewer.add_image(
            self._pyramid.data, multiscale=len(self._pyramid.levels) > 1, **arguments
        )
        viewer.layers.move(len(viewer.layers) - 1, viewer.layers.index(labels))
        viewer.layers.selection.active = active
        self._last_refresh = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        height, width = self.pixels.shape[:2]
        return height, width

    @property
    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture, uint8 (y, x, 3)."""
        return self._pyramid.levels[0]

    def resize(self) -> None:
        """Make room for a picture of the labels' new shape."""
        self._pyramid = Pyramid(self.labels.data.shape)
        self.picture.data = self._pyramid.data

    def write(self, pieces: list[Piece], *, soon: bool) -> None:
        """Put new pixels in place and show them, at once or together with those that come next.

        Parameters
        ----------
        pieces : list of Piece
            From :func:`napari_histosynth.ui.pyramid.cut_pieces`.
        soon : bool
            Whether somebody waits for just these.
        """
        self._pyramid.write(pieces)
        wait = (_SOON if soon else _PRESENTLY) - (time.perf_counter() - self._last_refresh)
        if wait <= 0:
            self._refresh()
        elif not self._timer.isActive() or self._timer.remainingTime() > wait * 1000:
            self._timer.start(max(1, round(wait * 1000)))

    def refresh_thumbnail(self) -> None:
        """Bring the small picture in the layer list up to date."""
        self._timer.stop()
        self.picture.refresh(extent=False, highlight=False)

    def view(self) -> Window | None:
        """Return what of the canvas is in sight, in pixels; None if nothing is known."""
        corners = np.asarray(self.labels.corner_pixels)
        if corners.shape != (2, 2):
            return None
        (y0, x0), (y1, x1) = corners.astype(int)
        window = Window(int(y0), int(y1) + 1, int(x0), int(x1) + 1).clip(self.shape)
        return None if window.area <= 1 else window

    def holds(self, layer: Any) -> bool:
        """Return whether a layer is one of the two."""
        return layer is self.labels or layer is self.picture

    def close(self, *, remove: bool = False, hide: bool = False) -> None:
        """Stop showing new pixels; remove or hide the layers that are still there if asked to."""
        self._timer.stop()
        for layer in (self.labels, self.picture):
            if layer in self.viewer.layers:
                if remove:
                    self.viewer.layers.remove(layer)
                elif hide:
                    layer.visible = False

    def _refresh(self) -> None:
        """Show the picture as it is now."""
        self._timer.stop()
        if self.picture in self.viewer.layers:
            self.picture.refresh(thumbnail=False, extent=False, highlight=False)
        self._last_refresh = time.perf_counter()
