"""Watching a Labels layer: whatever changes its data, strokes, undo, fill, code, is told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_histosynth.core.tiles import Window


class LabelsFollower:
    """Turns the events of a napari Labels layer into windows that may have changed.

    napari 0.9 says where a stroke goes (``labels_update`` on every move, ``paint`` on release), but of undo,
    redo and edits in place followed by ``refresh()`` only that something is different (``set_data``), and
    of replaced data that it was replaced (``data``). The last two ask for a comparison with what was drawn.

    Parameters
    ----------
    layer : napari.layers.Labels
        Layer to watch.
    edited : callable
        Called with each :class:`~napari_histosynth.core.tiles.Window` that was painted on.
    compare : callable
        Called when anything may have changed.
    replaced : callable
        Called when the layer got other data.
    """

    def __init__(
        self,
        layer: Any,
        *,
        edited: Callable[[Window], None],
        compare: Callable[[], None],
        replaced: Callable[[], None],
    ) -> None:
        self.layer = layer
        self._edited, self._compare, self._replaced = edited, compare, replaced
        self._connections = [
            (layer.events.labels_update, self._on_labels_update),
            (layer.events.paint, self._on_paint),
            (layer.events.set_data, self._on_set_data),
            (layer.events.data, self._on_data),
        ]
        for emitter, callback in self._connections:
            emitter.connect(callback)

    def close(self) -> None:
        """Stop watching."""
        for emitter, callback in self._connections:
            emitter.disconnect(callback)
        self._connections.clear()

    def _on_labels_update(self, event: Any) -> None:
        """Tell of the rectangle that a brush touched."""
        y0, x0 = (int(offset) for offset in event.offset[-2:])
        height, width = event.data.shape[:2]
        self._edited(Window(y0, y0 + height, x0, x0 + width))

    def _on_paint(self, event: Any) -> None:
        """Tell of a finished stroke once more: in async mode its moves may have gone unheard."""
        window = atoms_window(event.value)
        if window is None:
            self._compare()
        elif not window.is_empty:
            self._edited(window)

    def _on_set_data(self) -> None:
        """Ask for a comparison: undo, redo, a refresh after an edit in place, or nothing at all."""
        self._compare()

    def _on_data(self) -> None:
        """Tell that the layer has other data."""
        self._replaced()


def atoms_window(atoms: Sequence[Any]) -> Window | None:
    """Return the window that the items of a ``paint`` event cover; None if they cannot be understood.

    Parameters
    ----------
    atoms : sequence
        Of objects with a ``slice_key``, one slice or index array an axis, since napari 0.8, or of tuples
        (indices, old values, new value) before.
    """
    united = Window(0, 0, 0, 0)
    for atom in atoms:
        try:
            axes = atom.slice_key if hasattr(atom, "slice_key") else atom[0]
            (y0, y1), (x0, x1) = (_extent(axis) for axis in axes[-2:])
        except (TypeError, ValueError, IndexError):
            return None
        united = united.unite(Window(y0, y1, x0, x1))
    return united


def _extent(axis: Any) -> tuple[int, int]:
    """Return the first index and the one after the last of a slice, an index or an array of indices."""
    if isinstance(axis, slice):
        return int(axis.start), int(axis.stop)
    indices = np.asarray(axis)
    return (int(indices.min()), int(indices.max()) + 1) if indices.size else (0, 0)
