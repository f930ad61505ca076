"""Label maps put on the canvas: as one step of undo, or for a moment while a slider is dragged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels
from napari_histosynth.paint.tools import Edit
from napari_histosynth.ui.edits import EditWriter, Part, parts_of
from napari_histosynth.ui.layoutnote import set_note
from napari_histosynth.ui.protect import protection_of

if TYPE_CHECKING:
    from napari_histosynth.ui.painter import Painter

MOST_PIXELS = 4_500_000
"""Pixels of a label map up to which it is one step of undo: napari keeps 18 bytes for each."""


@dataclass(frozen=True, eq=False)
class Change:
    """A label map on its way to a canvas.

    Attributes
    ----------
    labels : ndarray
        uint8 (y, x).
    note : dict or None
        What made it; None leaves what is noted.
    data : ndarray or None
        What the canvas holds that it is a change of; None if it is a canvas of its own.
    parts : list
        The pixels that change.
    before : ndarray or None
        What the canvas held before previews were shown.
    """

    labels: Labels
    note: dict[str, Any] | None
    data: npt.NDArray[Any] | None = None
    parts: tuple[Part, ...] = ()
    before: npt.NDArray[Any] | None = None


def data_of(painter: Painter | None) -> npt.NDArray[Any] | None:
    """Return the labels of a canvas that can be changed in place, None without one."""
    if painter is None or painter.stage is None:
        return None
    data = painter.stage.labels.data
    return data if isinstance(data, np.ndarray) and data.ndim == 2 else None


def locked_of(painter: Painter | None) -> frozenset[int]:
    """Return the classes that are locked on a canvas."""
    if painter is None or painter.stage is None:
        return frozenset()
    return protection_of(painter.stage.labels).locked


def spared(labels: Labels, before: npt.NDArray[Any], locked: frozenset[int]) -> Labels:
    """Return new labels with the pixels of locked classes as they were, uint8 (y, x)."""
    if not locked:
        return labels
    kept = np.zeros(before.shape, bool)
    for index in locked:
        kept |= before == index
    return np.where(kept, before, labels).astype(np.uint8)


def change_of(
    labels: Labels,
    note: dict[str, Any] | None,
    data: npt.NDArray[Any] | None,
    locked: frozenset[int] = frozenset(),
    before: npt.NDArray[Any] | None = None,
) -> Change:
    """Work out what becomes of a canvas; takes a moment, so not for the main thread.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x): what it is to show.
    note : dict or None
        What made it.
    data : ndarray or None
        What the canvas holds; one of another size, or beyond :data:`MOST_PIXELS`, is left, and another made.
    locked : frozenset of int
        Classes whose pixels stay.
    before : ndarray, optional
        What the canvas held before previews were shown; what it holds by default.
    """
    if data is None or data.shape != labels.shape or labels.size > MOST_PIXELS:
        return Change(labels, note)
    old = data if before is None else before
    labels = spared(labels, old, locked)
    parts = parts_of(Edit(Window.of_shape(labels.shape), old, labels), data.dtype)
    return Change(labels, note, data, tuple(parts), before)


class CanvasPutter(QObject):
    """Puts label maps on the canvas of a painter.

    Parameters
    ----------
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    before : ndarray or None
        What the canvas held before previews were shown; None while none is.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._writer = EditWriter(self)
        self.before: npt.NDArray[Any] | None = None
        self._shown: npt.NDArray[Any] | None = None
        self._data: npt.NDArray[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being written."""
        return self._writer.is_busy

    def put(self, painter: Painter, change: Change, then: Callable[[], object] = bool) -> bool:
        """Put a label map on the canvas; call ``then`` when it is all there.

        Returns
        -------
        bool
            False if the canvas is another one than it was made for: nothing is done then.
        """
        if change.data is None:
            self._forget()
            painter.new_canvas(change.labels)
            if painter.stage is not None:
                set_note(painter.stage.labels, change.note)
            then()
            return True
        if data_of(painter) is not change.data:
            self._forget()
            return False
        assert painter.stage is not None
        layer = painter.stage.labels
        parts = list(change.parts)
        shown, self._shown = self._shown, None
        if change.before is not None and shown is not None:
            if np.array_equal(change.data, shown):
                change.data[...] = change.before  # history notes what was there, and undo brings it back
            else:  # somebody painted on the preview
                parts = parts_of(
                    Edit(Window.of_shape(change.data.shape), change.data, change.labels), change.data.dtype
                )
        self._forget()

        def written() -> None:
            if change.note is not None:
                set_note(layer, change.note)
            if shown is not None:
                layer.refresh()  # where the preview differed, and neither what was nor what is
            then()

        self._writer.write(layer, parts, written)
        return True

    def preview(
        self, painter: Painter, labels: Labels, data: npt.NDArray[Any], locked: frozenset[int] = frozenset()
    ) -> bool:
        """Show a label map for a moment, in no step of history; return False if the canvas is another one.

        Parameters
        ----------
        painter : Painter
            Has the canvas.
        labels : ndarray
            uint8 (y, x).
        data : ndarray
            What the canvas holds that it was made for.
        locked : frozenset of int
            Classes whose pixels stay.
        """
        if data_of(painter) is not data or data.shape != labels.shape:
            self._forget()
            return False
        assert painter.stage is not None
        self._writer.finish()
        if self.before is None or self._data is not data:
            self.before, self._data = data.copy(), data
        self._shown = spared(labels, self.before, locked)
        data[...] = self._shown
        painter.stage.labels.refresh()
        return True

    def take_back(self, painter: Painter | None) -> None:
        """Show what was there before a preview, if one is shown."""
        data = data_of(painter)
        if data is not None and data is self._data and self.before is not None:
            assert painter is not None
            assert painter.stage is not None
            data[...] = self.before
            painter.stage.labels.refresh()
        self._forget()

    def finish(self) -> None:
        """Write all that is left, at once."""
        self._writer.finish()

    def _forget(self) -> None:
        self.before = self._shown = self._data = None
