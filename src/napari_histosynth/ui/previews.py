"""What is in sight, shown in one look after another while a slider is dragged.

What can be drawn in a moment is drawn. Else a place or two are, by the look before and by the new one; how
colors change there, class by class, is laid over all that is in sight. Texture and nuclei are then still
those of the look before: what they become is seen when the slider rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.dirty import CELL
from napari_histosynth.ui.pyramid import Pixels, Pyramid, cut_pieces
from napari_histosynth.ui.sketches import Sketches, View

EXACT = 0.18
"""Seconds that drawing what is in sight may take for a preview: five a second, with some to spare."""

_MOST_PLACES = 4
_SMOOTHING = 0.5  # share of the newest measurement in the speed
_PLACE = 48_000  # pixels of a large window that take as long as a place with its surroundings


@dataclass(frozen=True)
class Shown:
    """Where a preview is shown, whether it is exact, and the pixels a second that are drawn of late."""

    window: Window
    exact: bool
    speed: float


class Previews:
    """Shows one look after another in a picture.

    Parameters
    ----------
    pyramid : Pyramid
        The picture, as it was before.
    engine : Engine
        What had drawn it.
    exact : float
        What is in sight is drawn properly if that takes no longer, in seconds.
    """

    def __init__(self, pyramid: Pyramid, engine: Any, exact: float = EXACT) -> None:
        self._pyramid, self._engine, self._exact = pyramid, engine, exact
        self._base: Pixels | None = None  # of a level, before
        self._at = (Window(0, 0, 0, 0), 0)  # where that is, in pixels of the canvas, and the level
        self._samples: list[tuple[Window, Pixels]] = []  # as they were before
        self._speed = 0.0  # pixels a second, of late

    def show(self, engine: Any, view: View | None, speed: float, cancel: Callable[[], bool]) -> Shown | None:
        """Show what is in sight by an engine.

        Parameters
        ----------
        engine : Engine
            Of the look to show.
        view : View, optional
            What is in sight; all by default.
        speed : float
            Pixels a second that were drawn before the first preview.
        cancel : callable
            Asked now and then; showing stops once it returns true.

        Returns
        -------
        Shown or None
            None if there is nothing to show, or it takes too long and cannot be foretold.

        Raises
        ------
        Cancelled
            If ``cancel`` returned true.
        """
        whole = Window.of_shape(self._pyramid.shape)
        seen = whole if view is None else view.window.intersect(whole)
        window = seen.coarsen(CELL).refine(CELL).clip(self._pyramid.shape)
        if window.is_empty:
            return None
        level = 0 if view is None else min(view.level, len(self._pyramid.levels) - 1)
        self._keep(window, level)
        self._speed = self._speed or speed
        started = time.perf_counter()
        if window.area / self._speed <= self._exact:
            self._pyramid.write(window, engine.render(window, cancel=cancel))
            self._learn(window.area, started)
            return Shown(window, True, self._speed)
        sketcher = getattr(engine, "change_sketcher", lambda: None)()
        if sketcher is None:
            return None
        if not self._samples:
            most = int(np.clip(self._exact * self._speed / _PLACE, 1, _MOST_PLACES))
            for place in sketcher.places(window, most):
                self._samples.append((place, self._engine.render(place, cancel=cancel)))
        started = time.perf_counter()
        drawn = [(place, engine.render(place, cancel=cancel)) for place, _ in self._samples]
        self._learn(len(drawn) * _PLACE, started)
        changes = [
            (place, now.astype(np.float32) - before)
            for (place, now), (_, before) in zip(drawn, self._samples, strict=True)
        ]
        factor = Sketches.factor(view)
        self._lay(window, level, sketcher.change(window, factor, changes), factor)
        return Shown(window, False, self._speed)

    def _learn(self, pixels: float, started: float) -> None:
        """Note how long drawing took: a busy machine is found out after a preview or two."""
        speed = pixels / max(time.perf_counter() - started, 1e-6)
        self._speed += _SMOOTHING * (speed - self._speed)

    def _keep(self, window: Window, level: int) -> None:
        """Keep the picture before of a window, unless that is done; what was shown since is none of it."""
        known, kept = self._at
        if (window, level) == (known, kept):
            return
        base = self._pyramid.levels[level][window.coarsen(2**level).slices].copy()
        both = window.intersect(known)
        if self._base is not None and kept == level and not both.is_empty:
            part, old, new = (one.coarsen(2**level) for one in (both, known, window))
            base[part.relative_to(new).slices] = self._base[part.relative_to(old).slices]
        self._base, self._at = base, (window, level)
        self._samples.clear()

    def _lay(self, window: Window, level: int, change: npt.NDArray[np.float32], factor: int) -> None:
        """Add a change of colors, one value for ``factor`` pixels each way, to the picture before."""
        assert self._base is not None
        height, width = self._base.shape[:2]
        times = factor // 2**level
        size = (change.shape[1] * times, change.shape[0] * times)
        planes = [
            np.asarray(Image.fromarray(change[..., color]).resize(size, Image.Resampling.BILINEAR))
            for color in range(3)
        ]
        even = np.stack(planes, axis=-1)[:height, :width]
        shown = np.clip(self._base + even + 0.5, 0, 255).astype(np.uint8)
        pieces = cut_pieces(window.coarsen(2**level), shown, len(self._pyramid.levels) - level)
        for piece in pieces:
            self._pyramid.levels[level + piece.level][piece.window.slices] = piece.pixels
