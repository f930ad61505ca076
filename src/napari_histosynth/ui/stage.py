"""The layers of one canvas in a viewer: labels that are painted on, and the picture that follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.ui.layers import (
    layer_scheme,
    layer_um_per_px,
    picture_layer_arguments,
    without_clashing_units,
)
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.sketches import View

# Seconds between refreshes: each uploads what is in view, so pieces that come faster share one. A stroke is
# watched as it appears; a whole canvas may come in larger steps, which leaves more of the machine to draw it.
_SOON, _PRESENTLY = 0.03, 0.2


@dataclass(eq=False)
class Sheet:
    """What one paints on: a piece of work, whichever layers show it.

    Attributes
    ----------
    removed : bool
        Whether it went, because nobody had painted on it.
    """

    removed: bool = False


class Stage(QObject):
    """A Labels layer with the Image layer of its H&E below.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    labels : napari.layers.Labels
        2-D layer, in the viewer or on its way there.
    um_per_px : float
        Scale of the picture.
    parent : QObject, optional
        Qt parent.
    before : Stage, optional
        One with these labels whose picture is no longer needed: its layer goes on with another.

    Attributes
    ----------
    labels, picture : napari layers
        The two layers; the picture is in the viewer after :meth:`insert_picture`.
    shape : tuple of int
        Height and width of the canvas in pixels.
    touched : bool
        Whether anyone has changed the labels since they were put up.
    sheet : Sheet
        What is painted on.
    """

    def __init__(
        self,
        viewer: Any,
        labels: Any,
        um_per_px: float,
        parent: QObject | None = None,
        before: Stage | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.labels = viewer, labels
        self.touched = False
        self.sheet: Sheet = Sheet() if before is None or before.sheet.removed else before.sheet
        self._closed = False
        self._replaced: Any = None
        self._um_per_px = um_per_px
        self.shape: tuple[int, int] = labels.data.shape
        self._pyramid = Pyramid.placeholder(self.shape)
        self.picture: Any = self._made_picture() if before is None else before.picture
        if before is not None:
            self._pyramid = before._pyramid
            for name in ("scale", "translate"):
                if not np.array_equal(getattr(self.picture, name), getattr(labels, name)):
                    setattr(self.picture, name, getattr(labels, name))
            self._show_other(Pyramid.placeholder(self.shape))
        self._last_refresh = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)

    @property
    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture, uint8 (y, x, 3)."""
        return self._pyramid.levels[0]

    def take(self, pyramid: Pyramid) -> bool:
        """Show a picture of the canvas's shape, into which somebody else writes; see :meth:`show`.

        Returns
        -------
        bool
            Whether it is shown by another layer now: napari's have one level or many for life.
        """
        if pyramid is self._pyramid:
            return False
        if not self._show_other(pyramid):
            return False
        self.remove_replaced()
        self.insert_picture()
        return True

    def insert_labels(self) -> None:
        """Put the labels into the viewer, on top, unless they are there or the stage was left."""
        if not self._closed and self.labels not in self.viewer.layers:
            self.viewer.layers.append(self.labels)

    def remove_replaced(self) -> None:
        """Take away the layer of a picture that is shown by another now, if there is one."""
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            self._remove(replaced)

    def insert_picture(self) -> None:
        """Put the picture into the viewer, below the labels, unless it is there or they are not."""
        layers = self.viewer.layers
        if self._closed or self.picture in layers or self.labels not in layers:
            return
        active = layers.selection.active
        layers.insert(layers.index(self.labels), self.picture)
        layers.selection.active = active

    @property
    def pyramid(self) -> Pyramid | None:
        """The picture if it can be drawn over: there, and of the canvas's shape."""
        there = self._pyramid.levels[0].flags.writeable
        return self._pyramid if there and self._pyramid.shape == self.shape else None

    def show(self, *, soon: bool) -> None:
        """Show new pixels, at once or together with those that come next.

        Parameters
        ----------
        soon : bool
            Whether somebody waits for just these.
        """
        wait = (_SOON if soon else _PRESENTLY) - (time.perf_counter() - self._last_refresh)
        if wait <= 0:
            self._refresh()
        elif not self._timer.isActive() or self._timer.remainingTime() > wait * 1000:
            self._timer.start(max(1, round(wait * 1000)))

    def refresh_thumbnail(self) -> None:
        """Bring the small picture in the layer list up to date."""
        self._timer.stop()
        self.picture.refresh(extent=False, highlight=False)

    def view(self) -> View | None:
        """Return what of the canvas is in sight; None if nothing is known."""
        corners = np.asarray(self.labels.corner_pixels)
        if corners.shape != (2, 2):
            return None
        (y0, x0), (y1, x1) = corners.astype(int)
        window = Window(int(y0), int(y1) + 1, int(x0), int(x1) + 1).clip(self.shape)
        if window.area <= 1:
            return None
        y, x = self.labels.world_to_data(self.viewer.cursor.position)[-2:]
        inside = window.y0 <= y < window.y1 and window.x0 <= x < window.x1
        level = int(self.picture.data_level) if len(self._pyramid.levels) > 1 else 0
        return View(window, level, (float(y), float(x)) if inside else None)

    def holds(self, layer: Any) -> bool:
        """Return whether a layer is one of the two."""
        return layer is self.labels or layer is self.picture

    def fits(self, scheme: TissueScheme, um_per_px: float) -> bool:
        """Return whether another canvas can have its layers: on top, in sight, and nobody has painted."""
        seen = [layer for layer in self.viewer.layers if layer.visible]
        if self.touched or np.any(self.labels.translate):
            return False
        if self.labels not in seen[-1:] or self.picture not in seen:
            return False
        return layer_scheme(self.labels) == scheme and layer_um_per_px(self.labels) == um_per_px

    def close(self) -> None:
        """Stop showing new pixels; the layers stay."""
        self._closed = True
        self._timer.stop()

    def put_away(self) -> list[Callable[[], None]]:
        """Return what takes the layers away, or out of sight if somebody painted: one at a time."""
        self.sheet.removed = not self.touched
        put = self._remove if self.sheet.removed else self._hide
        return [partial(put, layer) for layer in (self.labels, self.picture)]

    def _remove(self, layer: Any) -> None:
        if layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _hide(self, layer: Any) -> None:
        if layer in self.viewer.layers:
            layer.visible = False

    def _made_picture(self) -> Any:
        """Return a layer for the picture that lies where the labels do."""
        from napari.layers import Image

        arguments = without_clashing_units(picture_layer_arguments(self._um_per_px), self.viewer.layers)
        arguments["scale"], arguments["translate"] = self.labels.scale, self.labels.translate
        arguments["blending"] = "translucent_no_depth"  # as add_image has it
        return Image(self._pyramid.data, multiscale=len(self._pyramid.levels) > 1, **arguments)

    def _show_other(self, pyramid: Pyramid) -> bool:
        """Show another picture; return whether another layer does."""
        levels_before, self._pyramid = len(self._pyramid.levels), pyramid
        if (levels_before > 1) == (len(pyramid.levels) > 1):
            self.picture.data = pyramid.data
            return False
        self.remove_replaced()
        self._replaced, self.picture = self.picture, self._made_picture()
        return True

    def _refresh(self) -> None:
        """Show the picture as it is now."""
        self._timer.stop()
        if self.picture in self.viewer.layers:
            self.picture.refresh(thumbnail=False, extent=False, highlight=False)
        self._last_refresh = time.perf_counter()
