"""InstanceNorm for pictures that are drawn in pieces: statistics that vary smoothly over the picture.

InstanceNorm takes mean and variance of all pixels that a network sees at once. Of a picture that is drawn
tile by tile, each tile then has its own, and tiles do not fit together. Statistics of neighbors can be
averaged, so that they differ less (kernelized instance normalization, Ho et al. 2022, arXiv 2208.10730),
and interpolated between tiles, so that there is no step at all (dense normalization, Ho et al. 2024, arXiv
2407.04245).

Here a first pass looks at cells of the picture, on a lattice of its own, and notes the statistics of each
layer. What a pixel is normalized by is what InstanceNorm would find in a window around it whose weights
fall off linearly: moments of cells, averaged with those around, interpolated to the pixel. They depend on
the picture and on the pixel's place alone, so with them the network is a local one, and tiles that are cut
with their surroundings fit exactly. Cells are looked at when they are first needed, and kept.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tilecache import TileCache
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.scaledpicture import ScaledPicture
from napari_histosynth.stain.network import InstanceNorm

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.model import StainModel

    Planes = Callable[[Window, npt.NDArray[np.uint8]], npt.NDArray[np.float32] | None]

#: Ways to take statistics: of each tile by itself, of cells around it, or interpolated to every pixel.
METHODS = ("plain", "kin", "position")

#: Side in px, at the model's scale, of what is looked at in a cell: about that of the pictures of training.
LOOK = 256
#: Side of a cell of large pictures, of which a quarter is looked at; smaller ones are looked at as a whole.
CELL, LARGE = 512, 2048
#: Weights of a cell and of those around it, in either direction.
KERNEL = (0.5, 1.0, 0.5)

_KEPT_BYTES = 256 << 20
_ROWS = 64  # rows of features that are normalized at once, for the sake of memory


@dataclass(frozen=True)
class Cells:
    """The lattice that statistics are taken on: cells of equal size that cover a picture.

    Attributes
    ----------
    shape : tuple of int
        Of the picture.
    count : tuple of int
        Rows and columns of cells.
    """

    shape: tuple[int, int]
    count: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Cells:
        """Return the lattice for a picture of a shape: a function of it and of nothing else."""
        side = CELL if max(shape) > LARGE else LOOK
        return cls(shape, (max(1, round(shape[0] / side)), max(1, round(shape[1] / side))))

    def place(self, pixel: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
        """Return where positions in px along an axis lie between the centers of cells 0, 1, 2 and so on."""
        return pixel * (self.count[axis] / self.shape[axis]) - 0.5

    def looked_at(self, row: int, col: int, stride: int) -> Window:
        """Return what is looked at of a cell, in px; its sides are multiples of ``stride``."""
        spans = []
        for index, side, count in zip((row, col), self.shape, self.count, strict=True):
            most = math.ceil(side / stride) * stride
            length = min(LOOK // stride * stride, most)
            start = round((index + 0.5) * side / count - length / 2) // stride * stride
            start = max(0, min(start, most - length))
            spans += [start, start + length]
        return Window(*spans)

    def around(self, window: Window) -> Window:
        """Return rows and columns of the cells that a window's pixels lie between."""
        spans = []
        for axis, (low, high) in enumerate(((window.y0, window.y1), (window.x0, window.x1))):
            ends = self.place(np.array([low, high], np.float64), axis)
            last = self.count[axis] - 1
            spans += [
                min(max(math.floor(ends[0]), 0), last),
                max(min(math.floor(ends[1]) + 1, last), 0) + 1,
            ]
        return Window(*spans)


class Moments(NamedTuple):
    """Statistics of a cell: for each layer float32 (2, channels), means and variances."""

    layers: list[npt.NDArray[np.float32]]

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return sum(layer.nbytes for layer in self.layers)


class PositionNorm(nn.Module):
    """Takes the place of an InstanceNorm layer, and normalizes by what it is given.

    Attributes
    ----------
    seen : ndarray or None
        float32 (2, channels), means and variances of the last pass where it was given nothing.
    given : Field or None
        What to normalize by; None for the statistics of the input itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: npt.NDArray[np.float32] | None = None
        self.given: Field | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (1, c, y, x)."""
        if self.given is not None:
            return self.given.normalize(x)
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)
        self.seen = torch.stack([mean[0, :, 0, 0], variance[0, :, 0, 0]]).cpu().numpy()
        return ((x.float() - mean) * torch.rsqrt(variance + InstanceNorm.eps)).to(x.dtype)


@dataclass(frozen=True)
class Field:
    """Statistics of a layer over a window, to be interpolated to every pixel.

    Attributes
    ----------
    mean, spread : Tensor
        float32 (rows, columns, channels), of cells.
    start, step : tuple of float
        Where the window's top left corner lies between the cells' centers (y, x), and how far a pixel goes.
    size : tuple of int
        Height and width of the window in px.
    """

    mean: Tensor
    spread: Tensor
    start: tuple[float, float]
    step: tuple[float, float]
    size: tuple[int, int]

    def normalize(self, x: Tensor) -> Tensor:
        """Normalize (1, c, y, x), features of the window at any resolution."""
        rows, columns = self._places(x, 0), self._places(x, 1)
        normalized = torch.empty_like(x)
        for top in range(0, x.shape[2], _ROWS):
            part = slice(top, top + _ROWS)
            some = tuple(places[part] for places in rows)
            mean, spread = (_interpolated(table, some, columns) for table in (self.mean, self.spread))
            normalized[0, :, part] = ((x[0, :, part].float() - mean) / spread).to(x.dtype)
        return normalized

    def _places(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return for each row or column of pixels the cells on either side, and the share of the second."""
        pixels = x.shape[2 + axis]
        centers = (np.arange(pixels) + 0.5) * (self.size[axis] / pixels)
        last = self.mean.shape[axis] - 1
        places = np.clip(self.start[axis] + centers * self.step[axis], 0, last)
        first = np.minimum(np.floor(places).astype(np.int64), max(last - 1, 0))
        share = (places - first).astype(np.float32)
        second = np.minimum(first + 1, last)
        return tuple(torch.from_numpy(array).to(x.device) for array in (first, second, share))  # type: ignore[return-value]


class PositionPainter:
    """A generator with InstanceNorm that draws windows of a picture with statistics kept by position.

    Parameters
    ----------
    model : StainModel
        Model whose generator it is; weights are shared.
    picture : ScaledPicture
        The picture at the model's scale.
    planes : callable
        Gives what steers the network in a window.
    reverse : bool
        Which of the model's generators.
    method : "kin" or "position"
        One mean and variance for a window, or interpolated to every pixel.

    Attributes
    ----------
    is_cancelled : callable or None
        Asked before each cell whether to stop.
    """

    def __init__(
        self, model: StainModel, picture: ScaledPicture, planes: Planes, reverse: bool, method: str
    ) -> None:
        generator = model.generator(reverse=reverse)
        shared: dict[int, object] = {id(tensor): tensor for tensor in generator.parameters()}
        own = copy.deepcopy(generator, shared)
        self._norms: list[PositionNorm] = []
        for module in list(own.modules()):
            for name, child in module.named_children():
                if isinstance(child, InstanceNorm):
                    self._norms.append(PositionNorm())
                    setattr(module, name, self._norms[-1])
        self._model = replace(model, reverse=own) if reverse else replace(model, forward=own)
        self._reverse, self._method, self._planes = reverse, method, planes
        self._picture, self._stride = picture, generator.stride
        self.cells = Cells.of(picture.shape)
        self._known: TileCache[tuple[int, int], Moments] = TileCache(_KEPT_BYTES)
        self.is_cancelled: Callable[[], bool] | None = None
        self._changes = 0
        self._noting = threading.Lock()

    def draw(
        self, window: Window, rgb: npt.NDArray[np.uint8], planes: npt.NDArray[np.float32] | None
    ) -> npt.NDArray[np.uint8]:
        """Draw a window at the model's scale, uint8 (y, x, 3); not from two threads at once."""
        for norm, field in zip(self._norms, self._fields(window), strict=True):
            norm.given = field
        try:
            return self._model.draw(rgb, planes, reverse=self._reverse)
        finally:
            for norm in self._norms:
                norm.given = None

    def moments(self, row: int, col: int) -> Moments:
        """Return the statistics of a cell, each picture looked at by itself."""
        known = self._known.get((row, col))
        if known is None:
            if self.is_cancelled is not None and self.is_cancelled():
                raise Cancelled("Staining was stopped.")
            changes = self._changes
            window = self.cells.looked_at(row, col, self._stride)
            rgb = self._picture.read(window)
            self._model.draw(rgb, self._planes(window, rgb), reverse=self._reverse)
            known = Moments([norm.seen for norm in self._norms if norm.seen is not None])
            with self._noting:
                if changes == self._changes:
                    self._known.put((row, col), known)
        return known

    def forget(self, changed: Window) -> Window:
        """Drop what is known of the cells that hold a window; return what is normalized otherwise now."""
        with self._noting:
            self._changes += 1
            stale = [
                (row, col)
                for row in range(self.cells.count[0])
                for col in range(self.cells.count[1])
                if not self.cells.looked_at(row, col, self._stride).intersect(changed).is_empty
            ]
            self._known.forget(set(stale).__contains__)
        reach = len(KERNEL) // 2 + 1.5
        rows, cols = [row for row, _ in stale], [col for _, col in stale]
        if not stale:
            return changed
        height, width = (side / count for side, count in zip(self.cells.shape, self.cells.count, strict=True))
        return changed.unite(
            Window(
                math.floor((min(rows) + 0.5 - reach) * height),
                math.ceil((max(rows) + 0.5 + reach) * height),
                math.floor((min(cols) + 0.5 - reach) * width),
                math.ceil((max(cols) + 0.5 + reach) * width),
            ).clip(self.cells.shape)
        )

    def _fields(self, window: Window) -> list[Field]:
        """Return what each layer is to be normalized by in a window."""
        if self._method == "kin":  # the cell in the middle stands for all of the window
            middle = [(window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2]
            spans = []
            for axis, pixel in enumerate(middle):
                nearest = round(float(self.cells.place(np.array(pixel), axis)))
                index = min(max(nearest, 0), self.cells.count[axis] - 1)
                spans += [index, index + 1]
            inner = Window(*spans)
        else:
            inner = self.cells.around(window)
        reach = len(KERNEL) // 2
        outer = inner.grow(reach).clip(self.cells.count)
        known = [
            [self.moments(row, col) for col in range(outer.x0, outer.x1)] for row in range(outer.y0, outer.y1)
        ]
        weights = [
            _weights(inner.y0, inner.y1, outer.y0, outer.y1),
            _weights(inner.x0, inner.x1, outer.x0, outer.x1),
        ]
        start = (
            float(self.cells.place(np.array(float(window.y0)), 0)) - inner.y0,
            float(self.cells.place(np.array(float(window.x0)), 1)) - inner.x0,
        )
        step = self.cells.count[0] / self.cells.shape[0], self.cells.count[1] / self.cells.shape[1]
        fields = []
        for layer in range(len(self._norms)):
            table = np.array([[cell.layers[layer] for cell in row] for row in known], np.float64)
            mean, spread = (self._mixed if self._method == "position" else self._averaged)(table, weights)
            fields.append(Field(self._tensor(mean), self._tensor(spread), start, step, window.shape))
        return fields

    def _tensor(self, table: npt.NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(table.astype(np.float32)).to(self._model.device)

    @staticmethod
    def _mixed(
        table: npt.NDArray[np.float64], weights: list[npt.NDArray[np.float64]]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return mean and spread of all pixels around a cell, as if seen at once."""
        mean = _smoothed(table[:, :, 0], weights)
        square = _smoothed(table[:, :, 1] + table[:, :, 0] ** 2, weights)
        return mean, np.sqrt(np.maximum(square - mean**2, 0) + InstanceNorm.eps)

    @staticmethod
    def _averaged(
        table: npt.NDArray[np.float64], weights: list[npt.NDArray[np.float64]]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return means and spreads of cells, each averaged with those around (KIN, section 3.2)."""
        return _smoothed(table[:, :, 0], weights), _smoothed(
            np.sqrt(table[:, :, 1] + InstanceNorm.eps), weights
        )


def _weights(first: int, last: int, low: int, high: int) -> npt.NDArray[np.float64]:
    """Return how cells ``low`` to ``high`` are weighted for each of ``first`` to ``last``."""
    reach = len(KERNEL) // 2
    weights = np.zeros((last - first, high - low))
    for index in range(first, last):
        for offset in range(-reach, reach + 1):
            if low <= index + offset < high:
                weights[index - first, index + offset - low] = KERNEL[offset + reach]
    weights /= weights.sum(1, keepdims=True)
    return weights


def _smoothed(
    table: npt.NDArray[np.float64], weights: list[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """Average a table (rows, columns, channels) along both directions."""
    over_rows: npt.NDArray[np.float64] = np.tensordot(weights[0], table, (1, 0))  # (i, columns, channels)
    smoothed: npt.NDArray[np.float64] = np.tensordot(weights[1], over_rows, (1, 1)).swapaxes(0, 1)
    return smoothed


def _interpolated(table: Tensor, rows: tuple[Tensor, ...], columns: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Interpolate a table (rows, columns, channels) between cells, (channels, y, x)."""
    if table.shape[0] == table.shape[1] == 1:
        return table[0, 0, :, None, None]
    first, second, share = rows
    along = table[first] + (table[second] - table[first]) * share[:, None, None]
    first, second, share = columns
    full = along[:, first] + (along[:, second] - along[:, first]) * share[None, :, None]
    return full.permute(2, 0, 1)
