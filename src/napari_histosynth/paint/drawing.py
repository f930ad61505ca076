"""How a window of a canvas is drawn, for the generators of either preset."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.mirror import mirrored
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.network import START_NOISE, LocalGenerator

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel

#: How far windows of the paper's generator overlap, as a share of its side.
PAPER_OVERLAP = 0.25
#: Windows of the paper's generator that are kept, so that panning does not draw them again.
PAPER_KEPT = 8


class LatentField(Protocol):
    """A look that varies over a canvas; see :class:`napari_histosynth.paint.lookmap.LookMap`."""

    @property
    def latent_size(self) -> int:
        """Length of the latents."""

    @property
    def stride(self) -> int:
        """Pixels a cell, along either axis."""

    @property
    def sha256(self) -> str:
        """Hash of all that the latents follow from."""

    def cells(self, window: Window) -> npt.NDArray[np.float32]:
        """Return the latents of a window of cells, float32 (d, y, x), the same bits however it is cut."""

    def describe(self) -> dict[str, Any]:
        """Return what a record of provenance says of it."""


class Drawer(Protocol):
    """Draws windows of one canvas."""

    #: Whether a smaller window takes as much memory as a large one.
    fixed_cost: bool

    def affected(self, window: Window) -> Window:
        """Return what can change when labels in ``window`` change; may reach outside the canvas."""

    def affected_by_latent(self, cells: Window) -> Window:
        """Return what can change when latents in a window of cells do; may reach outside the canvas."""

    def draw(self, window: Window) -> npt.NDArray[np.uint8]:
        """Draw a window inside the canvas, uint8 (h, w, 3)."""


def drawer_for(
    model: PaintModel,
    labels: npt.NDArray[np.uint8],
    latent: npt.NDArray[np.float32] | LatentField,
    seed: int,
    known: npt.NDArray[np.uint8],
) -> Drawer:
    """Return the drawer that fits a model's generator.

    Parameters
    ----------
    model : PaintModel
        What draws.
    labels : ndarray
        uint8 (y, x), read at each drawing.
    latent : ndarray or LatentField
        float32 (d,) or (d, y, x), or what gives the latents of any window of cells.
    seed : int
        Of the noise.
    known : ndarray
        uint8 (256,), the class that each label value is drawn as.
    """
    if isinstance(model.generator, LocalGenerator):
        return LocalDrawer(model, model.generator, labels, latent, seed, known)
    return PaperDrawer(model, labels, latent, known)


class LocalDrawer:
    """Draws with a local generator: labels within its margin, latent and noise by position."""

    fixed_cost = False

    def __init__(
        self,
        model: PaintModel,
        generator: LocalGenerator,
        labels: npt.NDArray[np.uint8],
        latent: npt.NDArray[np.float32] | LatentField,
        seed: int,
        known: npt.NDArray[np.uint8],
    ) -> None:
        self.model, self.generator = model, generator
        self.labels, self.latent, self.seed, self.known = labels, latent, seed, known

    def affected(self, window: Window) -> Window:
        """Return the window grown by the receptive field."""
        return window.grow(self.generator.receptive_field)

    def affected_by_latent(self, cells: Window) -> Window:
        """Return the pixels that read any of those cells of the coarsest level."""
        stride = self.generator.stride
        reads = self.generator.latent_reads
        # pixel q * stride + offset reads the cells q + first to q + last
        low = min((1 - last) * stride + offset for offset, (_, last) in enumerate(reads))
        high = max(-first * stride + offset for offset, (first, _) in enumerate(reads))
        window = cells.refine(stride)
        return Window(
            window.y0 + low, window.y1 - stride + high + 1, window.x0 + low, window.x1 - stride + high + 1
        )

    def draw(self, window: Window) -> npt.NDArray[np.uint8]:
        """Draw a window; beyond the canvas its labels are mirrored."""
        stride, margin = self.generator.stride, self.generator.margin
        aligned = window.align(stride)
        read = aligned.grow(margin)
        labels = self.known[mirrored(self.labels, read)]
        plan = self.generator.plan(aligned)
        noise = []
        for level, planned in enumerate(plan):
            fields = 2 + (START_NOISE if level == 0 else 0)
            noise.append(
                np.stack([gaussian(self.seed, stream, level, planned.inputs) for stream in range(fields)])
            )
        latent = self.latent
        if not isinstance(latent, np.ndarray):
            latent = latent.cells(read.coarsen(stride))
        elif latent.ndim == 3:
            latent = latent_window(latent, self.labels.shape, read, stride)
        drawn = self.model.draw(labels, latent, noise)
        return drawn[window.relative_to(aligned).slices]


class PaperDrawer:
    """Draws with SHI-GAN's own generator: windows of its fixed size, overlapping, blended.

    The lattice of windows starts at the canvas's corner, so that a canvas of the generator's size is one
    evaluation, exactly the authors'. Blending weights fall linearly over the overlap.
    """

    fixed_cost = True

    def __init__(
        self,
        model: PaintModel,
        labels: npt.NDArray[np.uint8],
        latent: npt.NDArray[np.float32] | LatentField,
        known: npt.NDArray[np.uint8],
    ) -> None:
        if not isinstance(latent, np.ndarray) or latent.ndim != 1:
            raise ModelError(
                f"The model {model.name!r} takes one latent for all of the canvas, not a map of them."
            )
        self.model, self.labels, self.latent, self.known = model, labels, latent, known
        self.side = int(model.generator.size)  # type: ignore[arg-type]
        self.step = self.side - int(self.side * PAPER_OVERLAP)
        self._kept: OrderedDict[tuple[int, int, bytes], npt.NDArray[np.uint8]] = OrderedDict()

    def affected(self, window: Window) -> Window:
        """Return all of every generator window that sees ``window``."""
        rows, columns = self._seen(window.y0, window.y1, 0), self._seen(window.x0, window.x1, 1)
        return Window(
            rows[0] * self.step,
            rows[-1] * self.step + self.side,
            columns[0] * self.step,
            columns[-1] * self.step + self.side,
        )

    def affected_by_latent(self, cells: Window) -> Window:
        """Return all of the canvas: this generator has one latent."""
        return Window.of_shape(self.labels.shape)

    def draw(self, window: Window) -> npt.NDArray[np.uint8]:
        """Draw a window as the weighted mean of the generator windows that cover it."""
        total = np.zeros((*window.shape, 3), np.float32)
        weights = np.zeros((*window.shape, 1), np.float32)
        for row in self._seen(window.y0, window.y1, 0):
            for column in self._seen(window.x0, window.x1, 1):
                place = Window(0, self.side, 0, self.side).shift(row * self.step, column * self.step)
                shared = place.intersect(window)
                here, there = shared.relative_to(place).slices, shared.relative_to(window).slices
                weight = np.outer(self._ramp(row, 0)[here[0]], self._ramp(column, 1)[here[1]])[..., None]
                total[there] += weight * self._generated(row, column, place)[here]
                weights[there] += weight
        return np.round(total / weights).astype(np.uint8)

    def _count(self, axis: int) -> int:
        """Count the generator windows along an axis."""
        beyond: int = self.labels.shape[axis] - self.side
        return max(1, -(-beyond // self.step) + 1)

    def _seen(self, low: int, high: int, axis: int) -> range:
        """Return which generator windows hold any of the pixels ``low`` to ``high``."""
        first = max(0, (low - self.side) // self.step + 1)
        last = min(self._count(axis) - 1, (high - 1) // self.step)
        return range(min(first, last), last + 1)

    def _ramp(self, index: int, axis: int) -> npt.NDArray[np.float32]:
        """Return the blending weights along an axis: rising and falling over the overlaps, 1 elsewhere."""
        overlap = self.side - self.step
        rise = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
        ramp = np.ones(self.side, np.float32)
        if index > 0:
            ramp[:overlap] = rise
        if index < self._count(axis) - 1:
            ramp[-overlap:] = rise[::-1]
        return ramp

    def _generated(self, row: int, column: int, place: Window) -> npt.NDArray[np.uint8]:
        labels = self.known[mirrored(self.labels, place)]
        key = (row, column, labels.tobytes())
        if key not in self._kept:
            self._kept[key] = self.model.draw(labels, self.latent)
            while len(self._kept) > PAPER_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def latent_window(
    latent: npt.NDArray[np.float32], shape: tuple[int, ...], read: Window, stride: int
) -> npt.NDArray[np.float32]:
    """Sample a map of latents at the positions of the generator's coarsest level.

    Parameters
    ----------
    latent : ndarray
        float32 (d, y, x), any resolution, stretched over the canvas.
    shape : tuple of int
        Of the canvas, pixels.
    read : Window
        In canvas pixels, corners at multiples of ``stride``.
    stride : int
        Canvas pixels a pixel of the coarsest level.

    Returns
    -------
    ndarray
        float32 (d, read.height / stride, read.width / stride), bilinear, held constant outside.
    """
    weights, needed = [], []
    for low, high, size, cells in (
        (read.y0, read.y1, shape[0], latent.shape[1]),
        (read.x0, read.x1, shape[1], latent.shape[2]),
    ):
        centers = np.arange(low, high, stride) + stride / 2
        position = np.clip(centers / size * cells - 0.5, 0, cells - 1)
        used = np.arange(int(position.min()), min(int(position.max()) + 2, cells))
        weights.append(np.maximum(0, 1 - np.abs(position[:, None] - used)).astype(np.float32))
        needed.append(slice(int(used[0]), int(used[-1]) + 1))
    rows, columns = weights
    # einsum by elements, not through a matrix product: the same bits whatever the window
    first = np.einsum("yi,dij->dyj", rows, latent[:, needed[0], needed[1]])
    return np.asarray(np.einsum("xj,dyj->dyx", columns, first), np.float32)
