"""Which painter paints in which viewer, so that other docks find it, and hear when one comes or goes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from napari_histosynth.ui.painter import Painter


class Painters:
    """The painters there are, none of them kept alive.

    Attributes
    ----------
    changed : Signal
        A painter came or went.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._known: list[weakref.ref[Painter]] = []

    def add(self, painter: Painter) -> None:
        """Note a painter."""
        self._known = [known for known in self._known if known() is not None]
        self._known.append(weakref.ref(painter))
        self.changed.emit()

    def remove(self, painter: Painter) -> None:
        """Forget a painter, if it is known."""
        kept = [known for known in self._known if known() not in (None, painter)]
        if len(kept) < len(self._known):
            self._known = kept
            self.changed.emit()

    def of(self, viewer: Any) -> Painter | None:
        """Return the painter of a viewer that came last; None if there is none."""
        viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy
        for known in reversed(self._known):
            painter = known()
            if painter is not None and painter.viewer is viewer:
                return painter
        return None


painters = Painters()
"""Those of this program."""


def painter_of(viewer: Any) -> Painter | None:
    """Return the painter that paints in a viewer, None if there is none; see :data:`painters`."""
    return painters.of(viewer)
