"""Classes that napari's own brush, bucket and polygon leave alone in a Labels layer."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

MODIFIER = "Shift"
"""Held when a stroke begins, it keeps the stroke to the class that it begins on. napari's tools leave it
free: with Alt one sets the brush size, with Control one turns dimensions, with Space one moves the view."""

_NOWHERE = -1  # a stroke that began beside the canvas changes nothing
_DRAWING = ("paint", "erase", "fill", "polygon")


class Protection(QObject):
    """Which classes of one Labels layer stay as they are while one paints on it.

    Protected pixels are taken out of the mask before napari writes it. So they never change, not even for a
    moment, and they are in no step of the history: undo is exact, and a stroke over protected classes
    alone is no step at all. What is written otherwise, by undo, by code or in place, is not concerned.

    Parameters
    ----------
    layer : napari.layers.Labels
        Layer to guard; see :func:`protection_of`.

    Attributes
    ----------
    changed : Signal
        Other classes are protected now.
    """

    changed = Signal()

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._layer = weakref.ref(layer)
        self._locked: frozenset[int] = frozenset()
        self._kept_to: int | None = None
        self._refused = False
        self._lifted = 0
        if hasattr(layer, "_apply_mask_to_data"):
            layer._apply_mask_to_data = _guarded_mask(layer, self)
        else:  # napari 0.7 paints by index
            layer.data_setitem = _guarded_setitem(layer, self)
        layer.mouse_drag_callbacks.insert(0, self._on_press)  # before napari's own, which draws
        layer.events.paint.connect(self._end_stroke)

    @property
    def locked(self) -> frozenset[int]:
        """Classes that stay until they are unlocked."""
        return self._locked

    @property
    def kept_to(self) -> int | None:
        """The only class that the stroke at hand changes, -1 for none; None if it may change all."""
        return self._kept_to

    def lock(self, classes: Iterable[int]) -> None:
        """Protect these classes and no others, until told otherwise."""
        wanted = frozenset(int(index) for index in classes)
        if wanted != self._locked:
            self._locked = wanted
            self.changed.emit()

    def set_locked(self, index: int, locked: bool) -> None:
        """Protect a class, or do so no more."""
        self.lock(self._locked | {index} if locked else self._locked - {index})

    def keeps(self, index: int) -> bool:
        """Return whether pixels of a class stay as they are now."""
        return index in self._locked or (self._kept_to is not None and index != self._kept_to)

    def refuse_stroke(self) -> None:
        """Let the click at hand change nothing: it is meant for something else than the brush."""
        if str(self._layer().mode) in ("paint", "erase", "fill"):  # type: ignore[union-attr]
            self._refused = True
            self._keep_to(_NOWHERE)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Protect nothing meanwhile: for tools that spare classes by themselves."""
        self._lifted += 1
        try:
            yield
        finally:
            self._lifted -= 1

    def spared(self, labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
        """Return which pixels stay, bool of the same shape; None if all may change."""
        if self._lifted or (not self._locked and self._kept_to is None):
            return None
        spared = np.zeros(labels.shape, bool)
        for index in self._locked:  # a comparison each is faster than np.isin
            spared |= labels == index
        if self._kept_to is not None:
            spared |= labels != self._kept_to
        return spared

    def _on_press(self, layer: Any, event: Any) -> Iterator[None]:
        """Keep a stroke that begins with the modifier held to the class under the cursor."""
        mode = str(layer.mode)
        if mode not in _DRAWING or (mode == "polygon" and _corners(layer)):
            return  # a polygon is as it was begun
        held = MODIFIER in event.modifiers
        if not self._refused:
            self._keep_to(_class_at(layer, event.position) if held else None)
        yield
        while event.type == "mouse_move":
            yield
        # a polygon goes on with the next click, what the right button encircles with the next move
        if mode != "polygon" and event.button != 2:
            self._end_stroke()

    def _end_stroke(self) -> None:
        self._refused = False
        self._keep_to(None)

    def _keep_to(self, index: int | None) -> None:
        if index != self._kept_to:
            self._kept_to = index
            self.changed.emit()


_GUARDED: weakref.WeakKeyDictionary[Any, Protection] = weakref.WeakKeyDictionary()


def protection_of(layer: Any) -> Protection:
    """Return the protection of a Labels layer, the same for all who ask; at first nothing is protected."""
    # napari hands plugins proxies of layers
    layer = getattr(layer, "__wrapped__", layer)
    if layer not in _GUARDED:
        _GUARDED[layer] = Protection(layer)
    return _GUARDED[layer]


def _guarded_mask(layer: Any, protection: Protection) -> Any:
    """Return the method of a layer that writes masks (napari 0.8 and later), sparing what is protected."""
    write = type(layer)._apply_mask_to_data
    reference = weakref.ref(layer)  # the layer holds this function: no circle

    def guarded(data: Any, mask: Any, new_label: int, volume_slice: Any) -> Any:
        spared = protection.spared(data)
        if spared is not None:
            mask = mask & ~spared
        return write(reference(), data, mask, new_label, volume_slice)

    return guarded


def _guarded_setitem(layer: Any, protection: Protection) -> Any:
    """Return the method of a layer that writes pixels by index, sparing what is protected."""
    write = type(layer).data_setitem
    reference = weakref.ref(layer)

    def guarded(indices: Any, value: Any, refresh: bool = True) -> None:
        target: Any = reference()
        spared = protection.spared(np.asarray(target.data[indices]))
        if spared is not None:
            indices = tuple(axis[~spared] for axis in indices)
            if np.ndim(value):
                value = np.asarray(value)[~spared]
        write(target, indices, value, refresh)

    return guarded


def _class_at(layer: Any, position: Any) -> int:
    """Return the class under a point of the world, or that of nowhere."""
    place = tuple(int(np.round(at)) for at in layer.world_to_data(position))
    if any(not 0 <= at < size for at, size in zip(place, layer.data.shape, strict=True)):
        return _NOWHERE
    return int(layer.data[place])


def _corners(layer: Any) -> bool:
    """Return whether a polygon has been begun."""
    try:
        return bool(layer._overlays["polygon"].points)
    except (AttributeError, KeyError):
        return False
