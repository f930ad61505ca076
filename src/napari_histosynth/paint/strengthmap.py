"""A look that only some classes take on: how far each goes from one latent to another, by the labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.mirror import mirrored
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.lookmap import Field, LookMap

_UNIT = 10_000  # strengths are counted in whole numbers: their sum is the same in any order


@dataclass(frozen=True, eq=False)
class Strengths:
    """How far each class of a label map goes from one latent to another.

    Attributes
    ----------
    start : ndarray
        float32 (d,), what a class of strength 0 keeps.
    strengths : tuple of float
        0 to 1 for each class, in the order of the scheme. Values that have none count as class 0.
    labels : ndarray
        uint8 (y, x), the canvas's, not copied: read anew each time.

    Raises
    ------
    ModelError
        If there are no strengths, or one is not 0 to 1.
    """

    start: npt.NDArray[np.float32]
    strengths: tuple[float, ...]
    labels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the strengths."""
        if not self.strengths or any(not 0 <= strength <= 1 for strength in self.strengths):
            raise ModelError(f"Strengths of classes must be 0 to 1, not {list(self.strengths)}.")

    def says_as(self, other: Strengths) -> bool:
        """Return whether others mean the same on the same labels."""
        same = self.strengths == other.strengths and self.labels is other.labels
        return same and np.array_equal(self.start, other.start)

    @cached_property
    def _table(self) -> npt.NDArray[np.int64]:
        """The strength that each label value has, in whole units, (256,)."""
        table = np.full(256, round(self.strengths[0] * _UNIT), np.int64)
        table[: len(self.strengths)] = np.round(np.array(self.strengths) * _UNIT)
        return table

    def cells(self, window: Window, stride: int) -> Field:
        """Return the mean strength of the labels in each cell.

        Parameters
        ----------
        window : Window
            Of cells; beyond the canvas labels are mirrored, as the generator sees them.
        stride : int
            Pixels a cell.

        Returns
        -------
        ndarray
            float32 (height, width), 0 to 1.
        """
        pixels = self._table[mirrored(self.labels, window.refine(stride))]
        cells = pixels.reshape(window.height, stride, window.width, stride).sum(axis=(1, 3))
        return np.asarray(cells / (stride * stride * _UNIT), np.float32)


def strengths_by_name(wanted: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    """Return the strength of each class of a scheme.

    Parameters
    ----------
    wanted : mapping of str to float
        Strengths, 0 to 1, by a class's name; a beginning of names stands for all classes that have it, as
        "epithelium" does for "epithelium (mature)", unless one has just that name. What comes later counts.
    names : sequence of str
        Of the classes, in order.

    Returns
    -------
    tuple of float
        One for each class; 0 for those that nothing is said of: they stay at the beginning.

    Raises
    ------
    ModelError
        If a name is that of no class.
    """
    found = dict.fromkeys(names, 0.0)
    for given, strength in wanted.items():
        known = [name for name in names if name.casefold() == given.casefold()]
        known = known or [name for name in names if given and name.casefold().startswith(given.casefold())]
        if not known:
            raise ModelError(f"No class is named or begins with {given!r}; there are {', '.join(names)}.")
        found |= dict.fromkeys(known, float(strength))
    return tuple(found.values())


class StrengthMap(LookMap):
    """A map of looks whose ground, the canvas's own look, each class takes on with a strength of its own.

    Where the own look has all the say, the latent of a cell is ``start + s (own - start)``, with ``s`` the
    mean strength of the labels in it. Looks at points and in painted regions are not weakened.

    Parameters
    ----------
    own, looks
        As for :class:`~napari_histosynth.paint.lookmap.LookMap`.
    by_class : Strengths
        Of each class.
    **layout
        What else a :class:`~napari_histosynth.paint.lookmap.LookMap` takes.

    Raises
    ------
    ModelError
        If the latents differ in length.
    """

    def __init__(
        self, own: npt.ArrayLike, looks: Sequence[npt.ArrayLike] = (), *, by_class: Strengths, **layout: Any
    ) -> None:
        super().__init__(own, looks, **layout)
        if by_class.start.shape != self.latents[0].shape:
            raise ModelError(
                f"The looks of a map must be latents of one length, not {self.latents[0].shape} and "
                f"{by_class.start.shape}."
            )
        self.by_class = by_class

    @property
    def sha256(self) -> str:
        """Hash of everything that the latents follow from, but for the labels."""
        digest = hashlib.sha256(super().sha256.encode())
        digest.update(np.ascontiguousarray(self.by_class.start, "<f4").tobytes())
        digest.update(repr(self.by_class.strengths).encode())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return what a record of provenance says of the map."""
        return {**super().describe(), "strengths": list(self.by_class.strengths)}

    def cells(self, window: Window) -> Field:
        """Return the latents of a window of cells; see :meth:`LookMap.cells`."""
        missing = 1 - self.by_class.cells(window, self.stride)
        if self.places or self.regions is not None:
            missing = missing * self.weights(window)[0]
        away = (self.by_class.start - self.latents[0])[:, None, None]
        return np.asarray(super().cells(window) + missing * away, np.float32)

    def changes(self, other: LookMap, grid: Window) -> list[Window]:
        """Find out where another map of the same kind gives other latents; see :meth:`LookMap.changes`."""
        if not isinstance(other, StrengthMap) or not self.by_class.says_as(other.by_class):
            return [grid]
        return super().changes(other, grid)

    def touched_by(self, pixels: Window, margin: int) -> list[Window]:
        """Return the cells whose latents can change when labels do.

        Parameters
        ----------
        pixels : Window
            Where labels change, inside the canvas.
        margin : int
            How far beyond the canvas the generator reads, in pixels: labels near the border are mirrored
            there.

        Returns
        -------
        list of Window
            Of cells, inside the canvas and beyond.
        """
        height, width = self.by_class.labels.shape

        def sides(low: int, high: int, size: int) -> list[tuple[int, int]]:
            found = [(low, high)]
            if low <= margin:
                found.append((1 - high, 1 - low))
            if high >= size - margin:
                found.append((2 * size - 1 - high, 2 * size - 1 - low))
            return found

        return [
            Window(y0, y1, x0, x1).coarsen(self.stride)
            for y0, y1 in sides(pixels.y0, pixels.y1, height)
            for x0, x1 in sides(pixels.x0, pixels.x1, width)
        ]
