"""Which grade desk moves the look of which painter, so that other docks go through it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from napari_histosynth.ui.gradeplaces import GradePlaces
    from napari_histosynth.ui.painter import Painter


class GradeDesks:
    """The desks there are, none of them kept alive.

    Attributes
    ----------
    changed : Signal
        A desk came or went.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._known: list[weakref.ref[GradePlaces]] = []

    def add(self, desk: GradePlaces) -> None:
        """Note a desk."""
        self._known = [known for known in self._known if known() is not None]
        self._known.append(weakref.ref(desk))
        self.changed.emit()

    def remove(self, desk: GradePlaces) -> None:
        """Forget a desk, if it is known."""
        kept = [known for known in self._known if known() not in (None, desk)]
        if len(kept) < len(self._known):
            self._known = kept
            self.changed.emit()

    def of(self, painter: Painter | None) -> GradePlaces | None:
        """Return the desk of a painter that came last; None if there is none."""
        for known in reversed(self._known):
            desk = known()
            if desk is not None and desk.painter is painter:
                return desk
        return None


desks = GradeDesks()
"""Those of this program."""
