"""The thread that draws a stained picture: what is in sight first, the middle of it before the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.lazydrawer import LazyDrawer, Sight, distance
from napari_histosynth.ui.stainlevels import Place, StainLevels

if TYPE_CHECKING:
    from napari_histosynth.stain.pyramid import ColorSketch
    from napari_histosynth.stain.translator import Translator
    from napari_histosynth.ui.stainsource import StainSource

MOST_BENEATH = 600
"""Tiles in sight from which on a sketch has to do: drawing them all would take longer than anyone looks."""


class StainDrawer(LazyDrawer):
    """Draws tiles into levels, one after another.

    Parameters
    ----------
    levels : StainLevels
        What it draws into.
    source : StainSource
        What is seen from afar until it is drawn.
    translator : Translator
        What draws.
    parent : QObject, optional
        Qt parent.
    """

    def __init__(
        self,
        levels: StainLevels,
        source: StainSource,
        translator: Translator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__("Staining", parent)
        self._levels, self._source, self._translator = levels, source, translator
        self._focus: tuple[float, float] | None = None
        self._follow: Callable[[], list[Window]] | None = None
        self._colors: ColorSketch | None = None
        self._sketched = len(levels.shapes) == 1

    def is_beyond(self, sight: Sight) -> bool:
        """Return whether more tiles lie beneath what is looked at than are drawn."""
        return self._levels.beneath(sight.window) > MOST_BENEATH

    # ---- what it is told, on the main thread

    def use(self, source: StainSource, translator: Translator) -> None:
        """Draw everything anew by another translator; the old pixels stay until then."""
        with self._order:
            self._source, self._translator = source, translator
            self._failed, self._follow = False, None
            self._focus, self._colors = None, None
            self._sketched = len(self._levels.shapes) == 1
        self._levels.outdate(Window.of_shape(self._levels.shape))
        self._wake()

    def follow(self, changes: Callable[[], list[Window]]) -> None:
        """Find out in the thread what changed, in pixels of the finest level, and draw that anew."""
        with self._order:
            self._follow, self._failed = changes, False
        self._wake()

    # ---- the thread

    def _turn_to(self, sight: Sight | None) -> None:
        self._focus = None

    def _task(self) -> Callable[[], None] | None:
        """Return what is to be done next."""
        if self._follow is not None:
            changes, self._follow = self._follow, None
            return lambda: self._catch_up(changes)
        levels, sight = self._levels, self._sight
        if sight is not None:
            level = min(sight.level, len(levels.shapes) - 1)
            here = sight.window.coarsen(2**level).clip(levels.shapes[level])
            if unseen := levels.unseen(here, level):
                y, x = self._middle(sight.window)
                nearest = min(unseen, key=lambda part: distance(part, y / 2**level, x / 2**level))
                return lambda: self._sketch(level, nearest)
            few = not self.is_beyond(sight)
            if not self._sketched and (level or not few):
                self._sketched = True
                return self._learn
            if few and (missing := levels.missing(sight.window, level)):
                return lambda: self._draw(self._nearest(missing, sight.window))
        if self._source.is_small:
            whole = Window.of_shape(levels.shape)
            if missing := levels.missing(whole, len(levels.shapes) - 1):
                around = whole if sight is None else sight.window
                return lambda: self._draw(self._nearest(missing, around))
        return None

    def _draw(self, place: Place) -> None:
        translator = self._translator
        pixels = translator.translate(self._levels.window(place), is_cancelled=lambda: self._closed)
        if translator is self._translator:
            self._levels.put(place, pixels)
            self._emit(self.landed)

    def _sketch(self, level: int, window: Window) -> None:
        """Show a tile of a level as the source has it, in the stain's colors where they are known."""
        shape = self._levels.shapes[level]
        pixels = self._source.seen_at(shape, window)
        if pixels is None:  # as the coarser level has it
            pixels = self._levels.read(level, window)
        elif self._colors is not None:
            pixels = self._colors.draw(pixels)
        self._levels.put_sketch(level, window, pixels)
        self._emit(self.landed)

    def _learn(self) -> None:
        """Learn the colors of the stain from a few places, and sketch the coarsest level in them."""
        from napari_histosynth.stain.pyramid import ColorSketch

        self._colors = ColorSketch.of(self._translator, is_cancelled=lambda: self._closed)
        self._levels.forget_sketches()
        last = len(self._levels.shapes) - 1
        self._sketch(last, Window.of_shape(self._levels.shapes[last]))

    def _catch_up(self, changes: Callable[[], list[Window]]) -> None:
        """Note what changed."""
        for window in changes():
            again = self._translator.forget(window)
            self._levels.outdate(again)
            self._focus = (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2

    def _middle(self, window: Window) -> tuple[float, float]:
        focus = self._focus
        if focus is not None and window.y0 <= focus[0] < window.y1 and window.x0 <= focus[1] < window.x1:
            return focus
        return (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2

    def _nearest(self, places: list[Place], window: Window) -> Place:
        y, x = self._middle(window)
        return min(places, key=lambda place: distance(self._levels.window(place), y, x))
