"""A curtain: left of it the source, right of it the stain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

Pixels = npt.NDArray[np.uint8]

REACH = 9
"""Pixels of the screen from the divider at which the mouse takes it."""

_LINE = 2.0  # pixels of the screen that the divider is wide
_COLOR = (255, 255, 255, 255)
_EDGE = (30, 30, 30, 255)


class Curtain:
    """Hides what of a picture lies left of a divider.

    Attributes
    ----------
    column : float
        Where the divider is, in pixels of the finest level.
    pixel : float
        Pixels of the finest level that one of the screen is wide.
    """

    def __init__(self, column: float) -> None:
        self.column, self.pixel = column, 1.0

    def hide(self, pixels: Pixels, window: Window, level: int) -> Pixels:
        """Return a window of a level with its left part transparent and the divider on it.

        Parameters
        ----------
        pixels : ndarray
            uint8 (y, x, 3).
        window : Window
            Where, in pixels of the level.
        level : int
            Each halves the resolution.

        Returns
        -------
        ndarray
            uint8 (y, x, 4).
        """
        rgba = np.empty((*pixels.shape[:2], 4), np.uint8)
        rgba[..., :3] = pixels
        rgba[..., 3] = 255
        column = self.column / 2**level - window.x0
        half = max(0.5, _LINE * self.pixel / 2**level / 2)
        left, right = (max(0, round(edge)) for edge in (column - half, column + half))
        rgba[:, :left] = 0
        edge = max(1, round((right - left) / 4))
        rgba[:, max(0, left - edge) : right + edge] = _EDGE
        rgba[:, left:right] = _COLOR
        return rgba


def grab(viewer: Any, layer: Any, curtain: Curtain, moved: Any) -> Any:
    """Let the divider be dragged with the mouse; return what undoes that.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    layer : napari layer
        What the curtain hangs before.
    curtain : Curtain
        Where its divider is.
    moved : callable
        Told the column, in pixels of the finest level, while it is dragged.
    """

    def drag(viewer: Any, event: Any) -> Any:
        if event.button != 1 or not layer.visible or layer not in viewer.layers:
            return
        reach = REACH * pixels_of_screen(viewer, layer)
        if abs(layer.world_to_data(event.position)[-1] - curtain.column) > reach:
            return
        camera = camera_of(viewer)
        could_pan, camera.mouse_pan = camera.mouse_pan, False
        active = viewer.layers.selection.active
        viewer.layers.selection.active = None  # a brush would paint along
        event.handled = True
        try:
            yield
            while event.type == "mouse_move":
                moved(float(layer.world_to_data(event.position)[-1]))
                event.handled = True
                yield
        finally:
            camera.mouse_pan = could_pan
            if active in viewer.layers:
                viewer.layers.selection.active = active

    viewer.mouse_drag_callbacks.insert(0, drag)

    def let_go() -> None:
        if drag in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(drag)

    return let_go


def camera_of(viewer: Any) -> Any:
    """Return the camera of a viewer, which napari 0.9 keeps in its scene."""
    return getattr(viewer, "scene", viewer).camera


def pixels_of_screen(viewer: Any, layer: Any) -> float:
    """Return how many pixels of a layer one of the screen is wide."""
    return 1 / max(1e-9, float(camera_of(viewer).zoom) * float(layer.scale[-1]))
