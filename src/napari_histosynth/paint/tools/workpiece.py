"""What all tools share: the area that they work in, classes that they spare, and the change that comes out.

A tool looks at its area and a known distance around it, never at the whole canvas: what it costs, and what it
draws, does not depend on how large the canvas is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.core.tissue import Labels, TissueScheme, get_scheme
from napari_histosynth.paint.ellipses import Mask

ClassLike = int | str
"""A class of a scheme, by index or by name."""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1; what it raises ends the work."""

_NOTHING = Window(0, 0, 0, 0)
_TILE = 1024  # pixels a side of what is worked on at once: bounds the memory


@dataclass(frozen=True)
class Area:
    """Where a tool may change a label map.

    Parameters
    ----------
    window : Window
        Rectangle that holds it, in pixels of the canvas.
    mask : ndarray, optional
        bool (window's height, width), true inside; the whole rectangle if not given.

    Raises
    ------
    LabelMapError
        If the mask has another size than the window.
    """

    window: Window
    mask: Mask | None = None

    def __post_init__(self) -> None:
        if self.mask is not None and self.mask.shape != self.window.shape:
            raise LabelMapError(
                f"The area's mask has shape {self.mask.shape}, but its window {self.window.shape}; they must "
                "agree."
            )

    @classmethod
    def of_mask(cls, mask: npt.ArrayLike) -> Area:
        """Return the area where a (y, x) picture of the canvas's size is not zero."""
        inside: Mask = np.asarray(np.asarray(mask) != 0)
        if inside.ndim != 2:
            raise LabelMapError(f"An area has two dimensions (y, x), but this one is {inside.shape}.")
        window = Window.of_mask(inside)
        return cls(window, inside[window.slices])

    @classmethod
    def of_polygon(cls, vertices: npt.ArrayLike) -> Area:
        """Return the area inside a lasso.

        Parameters
        ----------
        vertices : array_like
            float (n, 2), y and x in pixels; the middle of the first pixel is at (0, 0). Where the line
            crosses itself, what it winds around twice is outside.

        Raises
        ------
        LabelMapError
            If there are fewer than three vertices, or one is not finite.
        """
        from skimage.draw import polygon2mask

        points = np.asarray(vertices, dtype=np.float64)
        if points.ndim != 2 or points.shape[0] < 3 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise LabelMapError(
                f"A lasso is three or more points (y, x), but this is of shape {points.shape} or not finite; "
                "draw around an area."
            )
        low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int) + 1
        window = Window(int(low[0]), int(high[0]), int(low[1]), int(high[1]))
        return cls(window, np.asarray(polygon2mask(window.shape, points - low), dtype=bool))

    @classmethod
    def of_disk(cls, center: tuple[float, float], radius: float) -> Area:
        """Return a disk around a point (y, x); both in pixels, the middle of the first pixel is at (0, 0)."""
        y, x = center
        window = Window(
            math.floor(y - radius),
            math.ceil(y + radius) + 1,
            math.floor(x - radius),
            math.ceil(x + radius) + 1,
        )
        rows, columns = np.ogrid[window.y0 : window.y1, window.x0 : window.x1]
        return cls(window, np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2))

    @classmethod
    def of_any(cls, parts: Iterable[Area]) -> Area:
        """Return what lies in any of some areas."""
        kept = list(parts)
        window = _NOTHING
        for part in kept:
            window = window.unite(part.window)
        inside = np.zeros(window.shape, bool)
        for part in kept:
            inside |= part.within(window)
        return cls(window, inside)

    def clip(self, shape: tuple[int, ...]) -> Area:
        """Return the part on a canvas of ``shape``; its window may be empty."""
        window = self.window.clip(shape)
        if window.is_empty:
            return Area(_NOTHING)
        return Area(window, None if self.mask is None else self.within(window))

    def within(self, window: Window) -> Mask:
        """Return where a window lies in the area, bool (window's height, width)."""
        inside = np.zeros(window.shape, bool)
        common = self.window.intersect(window)
        if not common.is_empty:
            part = common.relative_to(window).slices
            inside[part] = True if self.mask is None else self.mask[common.relative_to(self.window).slices]
        return inside


AreaLike = Area | npt.ArrayLike | None
"""An area, a (y, x) picture of the canvas's size that is not zero inside, or None for the whole canvas."""


@dataclass(frozen=True)
class Edit:
    """What a tool did to a label map.

    Parameters
    ----------
    window : Window
        Smallest rectangle that holds all changed pixels; empty if none changed.
    before, after : ndarray
        uint8 (window's height, width): what was there, and what is there now.
    """

    window: Window
    before: Labels
    after: Labels

    @property
    def changed(self) -> Mask:
        """Where the two differ, bool (window's height, width)."""
        return np.asarray(self.before != self.after)

    @property
    def pixels(self) -> int:
        """How many pixels changed."""
        return int(np.count_nonzero(self.changed))

    def applied_to(self, labels: npt.ArrayLike) -> Labels:
        """Return a copy of the label map with the change, uint8 (y, x)."""
        result = np.array(labels, dtype=np.uint8)
        result[self.window.slices] = self.after
        return result

    def write_to(self, labels: npt.NDArray[np.integer]) -> None:
        """Make the change in place, in an array (y, x) of any integer dtype."""
        labels[self.window.slices] = self.after


class Workpiece:
    """A label map on which a tool works: where it may change, and what lies around.

    Parameters
    ----------
    labels : array_like
        (y, x) label map of any integer dtype; never changed.
    scheme : TissueScheme or str
        What it is written in.
    um_per_px : float
        Micrometers a pixel, 0.01 to 100.
    area : Area or array_like, optional
        Where changes may be; everywhere if not given.
    protected : iterable of int or str
        Classes whose pixels stay.
    progress : callable, optional
        Told the share that is done, 0 to 1, after each tile. What it raises ends the work.

    Raises
    ------
    LabelMapError
        If this is no label map, the area has another size or the scale is out of range.
    SchemeError
        If the scheme has no such class.
    """

    def __init__(
        self,
        labels: npt.ArrayLike,
        scheme: TissueScheme | str,
        *,
        um_per_px: float = 1.0,
        area: AreaLike = None,
        protected: Iterable[ClassLike] = (),
        progress: Progress | None = None,
    ) -> None:
        self.tell: Progress = (lambda share: None) if progress is None else progress
        self.scheme = get_scheme(scheme)
        array = np.asarray(labels)
        if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "uib":
            self.scheme.check(array)  # raises the sentence for each of these
        check_range("um_per_px", um_per_px, 0.01, 100)
        self.um_per_px = float(um_per_px)
        self.shape: tuple[int, int] = (array.shape[0], array.shape[1])
        self._labels = array
        self._protected = np.zeros(256, bool)
        self._protected[[class_index(self.scheme, entry) for entry in protected]] = True
        if area is None:
            area = Area(Window.of_shape(self.shape))
        elif not isinstance(area, Area):
            if np.shape(area) != self.shape:
                raise LabelMapError(
                    f"The area has shape {np.shape(area)}, but the label map has {self.shape}; they must "
                    "agree."
                )
            area = Area.of_mask(area)
        self.area = area.clip(self.shape)

    def view(self, window: Window) -> Labels:
        """Return a copy of the labels in a window, which must lie on the canvas, uint8 (y, x).

        Raises
        ------
        LabelMapError
            If they hold a value that is no class.
        """
        part = self._labels[window.slices]
        count = self.scheme.n_classes
        if part.size and (int(part.min()) < 0 or int(part.max()) >= count):
            row, column = (int(found[0]) for found in np.nonzero((part < 0) | (part >= count)))
            raise LabelMapError(
                f"The label map holds the value {part[row, column]} at row {window.y0 + row}, column "
                f"{window.x0 + column}, which is no class of {self.scheme.name} (0 to {count - 1}); relabel "
                "it or choose another scheme."
            )
        return part.astype(np.uint8)

    def allowed(self, window: Window) -> Mask:
        """Return where in a window the tool may change something, bool (y, x)."""
        return self.area.within(window) & ~self.is_protected(self.view(window))

    def is_protected(self, labels: Labels) -> Mask:
        """Return which labels are of classes that stay, bool of the same shape."""
        return np.asarray(self._protected[labels])

    def narrow(self, window: Window) -> None:
        """Take from the area what lies outside of a window."""
        common = self.area.window.intersect(window)
        self.area = Area(_NOTHING) if common.is_empty else Area(common, self.area.within(common))

    def pixels(self, um: float) -> int:
        """Return the pixels that cover a distance in micrometers."""
        return math.ceil(um / self.um_per_px)

    def by_tiles(self, reach_um: float, draw: Callable[[Labels, Window], Labels | None]) -> Edit:
        """Work through the area tile by tile.

        Parameters
        ----------
        reach_um : float
            How far a pixel of the result looks, in micrometers.
        draw : callable
            Takes the labels of a window and the window, and returns new labels of that window; or None if
            nothing changes in it. What is farther than ``reach_um`` from the window's border, or where that
            is the canvas's border, must be right.

        Returns
        -------
        Edit
        """
        result = self.view(self.area.window)
        tiles = list(tile_windows(self.area.window, _TILE))
        for number, tile in enumerate(tiles):
            self.tell(number / len(tiles))
            around = tile.grow(self.pixels(reach_um) + 1).clip(self.shape)
            drawn = draw(self.view(around), around)
            if drawn is not None:
                result[tile.relative_to(self.area.window).slices] = drawn[tile.relative_to(around).slices]
        return self.edit(result)

    def edit(self, result: Labels) -> Edit:
        """Return the change to a result, uint8 of the area's window; what it may not change stays."""
        window = self.area.window
        before = self.view(window)
        after = np.where(self.allowed(window), result, before)
        changed = Window.of_mask(before != after)
        if changed.is_empty:
            return Edit(_NOTHING, before[:0, :0], after[:0, :0])
        return Edit(
            changed.shift(window.y0, window.x0),
            np.ascontiguousarray(before[changed.slices]),
            np.ascontiguousarray(after[changed.slices]),
        )


def class_index(scheme: TissueScheme, entry: ClassLike) -> int:
    """Return the index of a class given by index or name.

    Raises
    ------
    SchemeError
        If the scheme has no class of that name.
    LabelMapError
        If it has none of that index.
    """
    if isinstance(entry, str):
        return scheme.index_of(entry)
    if not 0 <= entry < scheme.n_classes:
        raise LabelMapError(
            f"{entry} is no class of {scheme.name}; its classes are 0 to {scheme.n_classes - 1}."
        )
    return int(entry)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise LabelMapError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise LabelMapError(f"{name} must be {low:g} to {high:g}, not {value:g}; choose a value in between.")
