"""Painted regions of looks: how much of each region lies around each cell of a canvas."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window

Field = npt.NDArray[np.float32]

_EMPTY = Window(0, 0, 0, 0)
_ROWS = 64  # cells: what is counted at once, so that memory stays bounded
_FEW = 8


class Regions:
    """A map of regions as smooth memberships on the cells of the generator's coarsest level.

    Each cell holds which share of it every region covers; a Gaussian, cut off at half the width, blurs that.
    Where two regions meet in a straight line one look thus gives way to the other over exactly the width,
    and farther away neither knows of the other.

    Parameters
    ----------
    labels : ndarray
        (y, x) of any integer dtype: 0 is no region, ``n`` the region of look ``n``. Not kept.
    stride : int
        Pixels a cell.
    width : float
        Over how many pixels one region gives way to another, at least 0.

    Raises
    ------
    LabelMapError
        If the map is not one of integers, or empty.
    """

    def __init__(self, labels: npt.ArrayLike, stride: int, width: float) -> None:
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.dtype.kind not in "iub" or 0 in labels.shape:
            raise LabelMapError(
                f"A map of regions holds integers of shape (y, x), not {labels.dtype} {labels.shape}."
            )
        self.shape: tuple[int, int] = (int(labels.shape[0]), int(labels.shape[1]))
        self.stride, self.width = int(stride), max(0.0, float(width))
        self.grid = Window.of_shape(self.shape).coarsen(self.stride)
        self._shares: dict[int, Field] = {}
        self._blurred: dict[int, Field] = {}
        self._take(labels, Window.of_shape(self.shape))
        self._blur(self.grid)

    def with_width(self, width: float) -> Regions:
        """Return the same regions, blended over another width in pixels; they share nothing afterwards."""
        other = object.__new__(Regions)
        other.shape, other.stride, other.grid = self.shape, self.stride, self.grid
        other.width = max(0.0, float(width))
        other._shares = {number: share.copy() for number, share in self._shares.items()}
        other._blurred = {}
        other._blur(other.grid)
        return other

    def update(self, labels: npt.ArrayLike, window: Window | None = None) -> Window:
        """Take over what was painted.

        Parameters
        ----------
        labels : ndarray
            The whole map, (y, x), of the same shape as before.
        window : Window, optional
            Where it may have changed, in pixels; everywhere when absent.

        Returns
        -------
        Window
            Of cells: where memberships are others now. Empty if none is.

        Raises
        ------
        LabelMapError
            If the map has another shape.
        """
        labels = np.asarray(labels)
        if labels.shape != self.shape:
            raise LabelMapError(
                f"The map of regions became {labels.shape}, but the canvas is {self.shape}; make a new one."
            )
        whole = Window.of_shape(self.shape)
        cells = (whole if window is None else window.intersect(whole)).coarsen(self.stride)
        if cells.is_empty:
            return _EMPTY
        before = {number: share[cells.slices].copy() for number, share in self._shares.items()}
        self._take(labels, cells.refine(self.stride).intersect(whole))
        changed = Window.of_mask(_differs(before, self._shares, cells)).shift(cells.y0, cells.x0)
        if changed.is_empty:
            return _EMPTY
        around = changed.grow(self._reach).intersect(self.grid)
        before = {number: field[around.slices].copy() for number, field in self._blurred.items()}
        self._blur(around)
        return Window.of_mask(_differs(before, self._blurred, around)).shift(around.y0, around.x0)

    def memberships(self, window: Window) -> dict[int, Field]:
        """Return how much each region has a say in a window of cells.

        Parameters
        ----------
        window : Window
            Of cells; beyond the canvas the cells at its border go on.

        Returns
        -------
        dict of int to ndarray
            float32 (y, x), 0 to 1, for the regions that have any; what is left to 1 is no region's.
        """
        rows = np.clip(np.arange(window.y0, window.y1), 0, self.grid.y1 - 1)
        columns = np.clip(np.arange(window.x0, window.x1), 0, self.grid.x1 - 1)
        cut = {number: field[np.ix_(rows, columns)] for number, field in sorted(self._blurred.items())}
        return {number: field for number, field in cut.items() if field.any()}

    @property
    def numbers(self) -> tuple[int, ...]:
        """Regions that there are, without 0."""
        return tuple(number for number in sorted(self._shares) if self._shares[number].any())

    @property
    def sha256(self) -> str:
        """Hash of what the cells hold, and of the width."""
        digest = hashlib.sha256(repr((self.shape, self.stride, self.width)).encode())
        for number in self.numbers:
            digest.update(number.to_bytes(4, "little"))
            digest.update(np.ascontiguousarray(self._shares[number], "<f4").tobytes())
        return digest.hexdigest()

    @property
    def _reach(self) -> int:
        """How many cells away a cell can have a say."""
        return round(self.width / 2 / self.stride)

    def _take(self, labels: npt.NDArray[np.integer], window: Window) -> None:
        """Measure which share of each cell every region covers; the window holds whole cells."""
        for top in range(window.y0, window.y1, self.stride * _ROWS):
            strip = Window(top, min(top + self.stride * _ROWS, window.y1), window.x0, window.x1)
            part, cells = labels[strip.slices], strip.coarsen(self.stride)
            lengths = [np.full(count, self.stride, np.float32) for count in cells.shape]
            for length, side in zip(lengths, strip.shape, strict=True):
                length[-1] = side - self.stride * (len(length) - 1)  # the canvas may cut the last cell
            pixels = np.multiply.outer(*lengths)
            more = [-side % self.stride for side in strip.shape]
            if any(more):
                part = np.pad(part, [(0, count) for count in more])
            for share in self._shares.values():
                share[cells.slices] = 0
            for number in _numbers(part):
                inside = (part == number).view(np.uint8).reshape(cells.height, self.stride, -1)
                rows = inside.sum(axis=1, dtype=np.uint16)
                counted = rows.reshape(cells.height, cells.width, self.stride).sum(axis=2, dtype=np.uint32)
                if counted.any():
                    share = self._shares.setdefault(number, np.zeros(self.grid.shape, np.float32))
                    share[cells.slices] = counted / pixels

    def _blur(self, window: Window) -> None:
        """Blur the shares inside a window of cells: the same bits whatever the window."""
        from scipy.ndimage import correlate1d

        reach = self._reach
        offsets = np.arange(-reach, reach + 1)
        kernel = np.exp(-0.5 * (offsets / max(self.width / 5 / self.stride, 1e-6)) ** 2)
        kernel /= kernel.sum()
        around = window.grow(reach)
        rows = np.clip(np.arange(around.y0, around.y1), 0, self.grid.y1 - 1)
        columns = np.clip(np.arange(around.x0, around.x1), 0, self.grid.x1 - 1)
        inner = window.relative_to(around).slices
        for number, share in self._shares.items():
            field = share[np.ix_(rows, columns)]
            if reach and field.any():
                field = correlate1d(correlate1d(field, kernel, axis=0), kernel, axis=1)
            kept = self._blurred.setdefault(number, np.zeros(self.grid.shape, np.float32))
            kept[window.slices] = field[inner]


def _numbers(labels: npt.NDArray[np.integer]) -> list[int]:
    """Return which regions there may be; few are looked for one by one, which is faster than sorting."""
    highest = int(labels.max())
    if highest <= _FEW:
        return list(range(1, highest + 1))
    return [int(number) for number in np.unique(labels) if number > 0]


def _differs(before: dict[int, Field], now: dict[int, Field], window: Window) -> npt.NDArray[np.bool_]:
    """Return where fields of a window are others than before; a field that was not there was 0."""
    changed = np.zeros(window.shape, bool)
    for number, field in now.items():
        changed |= field[window.slices] != before.get(number, np.float32(0))
    return changed
