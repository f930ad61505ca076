"""What is in sight, shown in one look after another while a slider is dragged.

What can be drawn in a moment is drawn. Else looks of a few places along the way are drawn piece by piece, the
middle of what is in sight first, and kept; in between, their pictures are mixed. Labels and noise are the
same in all, so nuclei and glands lie where they lie in each, and what changes is what they look like.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui.dirty import CELL
from napari_histosynth.ui.pyramid import Pixels, Pyramid, cut_pieces
from napari_histosynth.ui.sketches import View

EXACT = 0.18
"""Seconds that drawing what is in sight may take for a preview: five a second, with some to spare."""

_FILLING = 0.12  # s that a preview spends on pieces which are not there yet
_SIDE, _SMALL = 256, 128  # px of a piece, on a fast machine and on a slow one
_FAST = 8e5  # px/s
_MARGIN = 160  # px that a piece is drawn with beyond its sides, about
_LEAST = 0.004  # weight below which a look has no say: no gray level
_MOST_BYTES = 192 * 2**20
_SMOOTHING = 0.5  # share of the newest measurement in the speed


@dataclass(frozen=True, eq=False)
class Ingredient:
    """A look that a preview is mixed of.

    Attributes
    ----------
    weight : float
        How much of it, 0 to 1; all of them together 1.
    key : hashable
        The same for the same look.
    make : callable
        Builds its engine on labels.
    """

    weight: float
    key: Hashable
    make: Callable[[Labels], Any]


@dataclass(frozen=True)
class Shown:
    """Where a preview is shown, whether it is exact, and the pixels a second that are drawn of late."""

    window: Window
    exact: bool
    speed: float


class Previews:
    """Shows one look after another in a picture, and remembers what was drawn for it.

    Parameters
    ----------
    pyramid : Pyramid
        The picture.
    labels : ndarray
        uint8 (y, x); when they change, another one of these is needed.
    exact : float
        What is in sight is drawn properly if that takes no longer, in seconds.
    """

    def __init__(self, pyramid: Pyramid, labels: Labels, exact: float = EXACT) -> None:
        self._pyramid, self._labels, self._exact = pyramid, labels, exact
        self._engines: dict[Hashable, Any] = {}
        self._pieces: OrderedDict[tuple[Hashable, int, Window], Pixels] = OrderedDict()
        self._bytes = 0
        self._speed = 0.0  # pixels a second, of late

    def show(
        self,
        engine: Any,
        blend: Sequence[Ingredient],
        view: View | None,
        speed: float,
        cancel: Callable[[], bool],
    ) -> Shown | None:
        """Show what is in sight by an engine, or mixed of what others draw.

        Parameters
        ----------
        engine : Engine
            Of the look to show.
        blend : sequence of Ingredient
            What it can be mixed of; without any, only the middle of what is in sight is drawn.
        view : View, optional
            What is in sight; all by default.
        speed : float
            Pixels a second that were drawn before the first preview.
        cancel : callable
            Asked now and then; showing stops once it returns true.

        Returns
        -------
        Shown or None
            None if there is nothing to show yet.

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
        self._speed = self._speed or speed
        started = time.perf_counter()
        if window.area / self._speed <= self._exact:
            self._pyramid.write(window, engine.render(window, cancel=cancel))
            self._learn(window.area, started)
            return Shown(window, True, self._speed)
        level = 0 if view is None else min(view.level, len(self._pyramid.levels) - 1)
        parts = [part for part in blend if part.weight >= _LEAST]
        if not parts:
            parts = [Ingredient(1.0, None, lambda _: engine)]
        side = _SIDE if self._speed >= _FAST else _SMALL
        pieces = _from_the_middle(window, side, whole)
        self._fill(pieces, parts, level, started, cancel)
        shown = Window(0, 0, 0, 0)
        for piece in pieces:
            if all((part.key, level, piece) in self._pieces for part in parts):
                self._mix(piece, parts, level)
                shown = shown.unite(piece)
        self._forget(None)
        return None if shown.is_empty else Shown(shown, False, self._speed)

    def _fill(
        self,
        pieces: Sequence[Window],
        parts: Sequence[Ingredient],
        level: int,
        started: float,
        cancel: Callable[[], bool],
    ) -> None:
        """Draw some of the pieces that are not there yet: at least one, and as many as time allows."""
        drawn = 0
        for piece in pieces:
            for part in parts:
                if (part.key, level, piece) in self._pieces:
                    continue
                takes = _cost(piece) / self._speed
                if drawn and time.perf_counter() - started + takes > _FILLING:
                    return
                began = time.perf_counter()
                if part.key not in self._engines:
                    self._engines[part.key] = part.make(self._labels)
                pixels = self._engines[part.key].render(piece, cancel=cancel)
                self._keep((part.key, level, piece), cut_pieces(piece, pixels, level + 1)[-1].pixels)
                self._learn(_cost(piece), began)
                drawn += 1

    def _mix(self, piece: Window, parts: Sequence[Ingredient], level: int) -> None:
        """Write a piece, mixed of looks, to the level that is shown and those above."""
        total, mixed = 0.0, None
        for part in parts:
            key = (part.key, level, piece)
            self._pieces.move_to_end(key)
            drawn = Image.fromarray(self._pieces[key])
            total += part.weight
            mixed = drawn if mixed is None else Image.blend(mixed, drawn, part.weight / total)
        place, levels = piece.coarsen(2**level), len(self._pyramid.levels) - level
        for found in cut_pieces(place, np.asarray(mixed), levels):
            self._pyramid.levels[level + found.level][found.window.slices] = found.pixels

    def _keep(self, key: tuple[Hashable, int, Window], pixels: Pixels) -> None:
        """Remember a piece; those that were not used for longest go where there are too many."""
        self._pieces[key] = np.ascontiguousarray(pixels)
        self._bytes += pixels.nbytes
        while self._bytes > _MOST_BYTES:
            self._bytes -= self._pieces.popitem(last=False)[1].nbytes

    def _forget(self, look: Hashable) -> None:
        """Forget the pieces and the engine of a look."""
        for key in [key for key in self._pieces if key[0] == look]:
            self._bytes -= self._pieces.pop(key).nbytes
        self._engines.pop(look, None)

    def _learn(self, pixels: float, started: float) -> None:
        """Note how long drawing took: a busy machine is found out after a preview or two."""
        speed = pixels / max(time.perf_counter() - started, 1e-6)
        self._speed += _SMOOTHING * (speed - self._speed)


def _from_the_middle(window: Window, side: int, whole: Window) -> list[Window]:
    """Return the pieces of a fixed lattice that a window touches, those in its middle first."""
    found = [piece.intersect(whole) for piece in tile_windows(window.align(side), side)]
    y, x = (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2
    return sorted(found, key=lambda at: np.hypot((at.y0 + at.y1) / 2 - y, (at.x0 + at.x1) / 2 - x))


def _cost(piece: Window) -> float:
    """Return how many pixels of a large window take as long as a piece with its surroundings."""
    return (piece.height + _MARGIN) * (piece.width + _MARGIN) / (1 + _MARGIN / 512) ** 2
