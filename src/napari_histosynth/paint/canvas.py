"""The canvas: a label map of any size, drawn as H&E window by window."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_histosynth.core.device import is_out_of_memory
from napari_histosynth.core.errors import Cancelled, DeviceError, LabelMapError, ModelError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.drawing import LatentField, drawer_for
from napari_histosynth.paint.lookmap import LookMap
from napari_histosynth.paint.sketch import Sketcher
from napari_histosynth.paint.strengthmap import StrengthMap

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel

#: Longest side of a canvas in pixels.
MAX_SIDE = 16_384
#: Side of the windows that a large one is drawn in: larger ones spill the caches and gain nothing.
TILE = 384
#: Tiles are not made smaller than this when memory runs out.
LEAST_TILE = 64


class Canvas:
    """A label map with the model, latent and seed that turn it into H&E.

    A pixel depends on the labels within the generator's receptive field, the latent there, and noise
    addressed by position; on nothing else. Drawing any window gives the pixels that drawing all would.

    Parameters
    ----------
    model : PaintModel
        What draws; see :func:`napari_histosynth.load_model`.
    labels : ndarray
        uint8 (y, x) of the model's scheme, at the model's scale, up to 16,384 px a side. Not copied: edit it
        in place and render the touched window again. Values outside the scheme are drawn as background.
    latent : ndarray or LatentField, optional
        float32 (d,), one look for all; or (d, y, x), a look that varies smoothly over the canvas, at any
        resolution, its corners on those of the canvas; or a
        :class:`~napari_histosynth.paint.lookmap.LookMap`. Those that vary are for local models only.
        Sampled when absent.
    seed : int
        Of the noise: the arrangement of grain, chromatin and fibers.
    latent_seed : int, optional
        Of the latent where none is given; ``seed`` when absent. Beside a map of looks it is kept for the
        record: the seed of the look that the map lies on.
    tile : int, optional
        Side in pixels of the windows that large ones are cut into.

    Attributes
    ----------
    note : dict
        What else is to stand in the record of provenance.

    Raises
    ------
    LabelMapError
        If the label map is not uint8 (y, x), is empty or too large.
    ModelError
        If the latent does not fit the model.
    """

    def __init__(
        self,
        model: PaintModel,
        labels: npt.NDArray[np.uint8],
        *,
        latent: npt.ArrayLike | LatentField | None = None,
        seed: int = 0,
        latent_seed: int | None = None,
        tile: int | None = None,
    ) -> None:
        self.model, self.labels, self.seed = model, _checked(labels), int(seed)
        self.latent_seed: int | None = None
        self.note: dict[str, Any] = {}
        if latent is None:
            self.latent_seed = int(seed if latent_seed is None else latent_seed)
            latent = model.sample_latent(self.latent_seed)
        elif hasattr(latent, "cells"):
            self.latent_seed = latent_seed
        self._tile = TILE if tile is None else max(int(tile), LEAST_TILE)
        self._take_latent(latent)

    def _take_latent(self, latent: npt.ArrayLike | LatentField) -> None:
        """Check a latent and draw with it from now on."""
        self.latent = _checked_latent(latent, self.model)
        known = np.arange(256, dtype=np.uint8)
        known[self.model.scheme.n_classes :] = self.model.scheme.background
        self._drawer = drawer_for(self.model, self.labels, self.latent, self.seed, known)
        self._sketcher: Sketcher | None = None
        if not self._drawer.fixed_cost:
            varies = not isinstance(self.latent, np.ndarray) or self.latent.ndim == 3
            classes = self.model.scheme.n_classes
            self._sketcher = Sketcher(self.labels, known, classes, self.render, varies=varies)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.labels.shape
        return height, width

    @property
    def window(self) -> Window:
        """All of the canvas."""
        return Window.of_shape(self.shape)

    @property
    def um_per_px(self) -> float:
        """Micrometers a pixel, the model's."""
        return self.model.um_per_px

    def affected(self, window: Window) -> Window:
        """Return the pixels that can change when labels inside ``window`` change."""
        found = self._drawer.affected(window).clip(self.shape)
        if isinstance(self.latent, StrengthMap):  # its latents follow from the labels
            margin = getattr(self.model.generator, "margin", 0)
            for cells in self.latent.touched_by(window, margin):
                found = found.unite(self.affected_by_latent(cells))
        return found

    def affected_by_latent(self, cells: Window) -> Window:
        """Return the pixels that can change when latents do.

        Parameters
        ----------
        cells : Window
            Where, in cells of the generator's coarsest level; see
            :meth:`~napari_histosynth.paint.lookmap.LookMap.cells`.
        """
        if cells.is_empty:
            return Window(0, 0, 0, 0)
        return self._drawer.affected_by_latent(cells).clip(self.shape)

    def change_looks(self, looks: LookMap) -> list[Window]:
        """Draw by another map of looks from now on.

        Parameters
        ----------
        looks : LookMap
            Of this canvas's stride.

        Returns
        -------
        list of Window
            What has to be drawn again, in pixels.
        """
        before = self.latent
        self._take_latent(looks)
        if isinstance(before, np.ndarray) and before.ndim == 1:
            before = LookMap(before, um_per_px=looks.um_per_px, stride=looks.stride)
        if type(before) is not type(looks):
            return [self.window]
        assert isinstance(before, LookMap)
        # the cells that the generator reads beyond the canvas color its border as well
        grid = self.window.grow(getattr(self.model.generator, "margin", 0)).coarsen(looks.stride)
        found = (self.affected_by_latent(cells) for cells in looks.changes(before, grid))
        return [window for window in found if not window.is_empty]

    def render(
        self,
        window: Window | None = None,
        *,
        cancel: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Draw a window.

        Memory is bounded by the window and one tile, not by the canvas.

        Parameters
        ----------
        window : Window, optional
            What to draw, inside the canvas; all of it when absent.
        cancel : callable, optional
            Asked before each tile; drawing stops once it returns true.
        progress : callable, optional
            Told the share that is done, 0 to 1, after each tile.

        Returns
        -------
        ndarray
            uint8 (height, width, 3), RGB.

        Raises
        ------
        Cancelled
            If ``cancel`` returned true.
        LabelMapError
            If the window is empty or reaches outside the canvas.
        DeviceError
            If memory does not suffice even for small tiles.
        """
        window = self.window if window is None else Window(*window)
        if window.is_empty or window.clip(self.shape) != window:
            raise LabelMapError(
                f"The window {tuple(window)} is empty or reaches outside the canvas of {self.shape[0]} x "
                f"{self.shape[1]} px."
            )
        picture = np.empty((*window.shape, 3), np.uint8)
        done = 0
        pending = list(self._cut(window, self._tile))[::-1]
        while pending:
            if cancel is not None and cancel():
                raise Cancelled("Drawing was cancelled.")
            tile = pending.pop()
            try:
                drawn = self._drawer.draw(tile)
            except (RuntimeError, MemoryError) as error:
                pending += self._smaller(tile, error)
                continue
            picture[tile.relative_to(window).slices] = drawn
            done += tile.area
            if progress is not None:
                progress(done / window.area)
        return picture

    def sketch(
        self, window: Window, factor: int, *, cancel: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """Sketch a window: its colors and outlines at a fraction of the resolution, in a moment.

        Parameters
        ----------
        window : Window
            Inside the canvas; corners are multiples of ``factor``, or lie on the canvas's border.
        factor : int
            Canvas pixels along each side of one of the sketch: 2, 4, 8 or 16.
        cancel : callable, optional
            Asked now and then; sketching stops once it returns true.

        Returns
        -------
        ndarray or None
            uint8 (ceil(h / factor), ceil(w / factor), 3); None if the generator draws large windows alone,
            so that a sketch would not be there any sooner.

        Raises
        ------
        Cancelled
            If ``cancel`` returned true.
        """
        return None if self._sketcher is None else self._sketcher.sketch(window, factor, cancel)

    def provenance(self) -> Provenance:
        """Return what is needed to draw this canvas again: model, hashes, seeds, scale, size."""
        extra: dict[str, Any] = {"device": self.model.device.type, "precision": self.model.precision}
        if isinstance(self.latent, np.ndarray):
            digest = hashlib.sha256(np.ascontiguousarray(self.latent, "<f4").tobytes()).hexdigest()
        else:
            digest = self.latent.sha256
            extra["look_map"] = self.latent.describe()
        return Provenance(
            model=self.model.name,
            model_sha256=self.model.sha256,
            seed=self.seed,
            latent_seed=self.latent_seed,
            latent_sha256=digest,
            um_per_px=self.um_per_px,
            size=self.shape,
            extra={**extra, **self.note},
        )

    def _cut(self, window: Window, tile: int) -> list[Window]:
        """Leave a window that is hardly larger than a tile whole: each tile pays for a margin."""
        if max(window.shape) <= tile * 1.34:
            return [window]
        return list(tile_windows(window, tile))

    def _smaller(self, tile: Window, error: BaseException) -> list[Window]:
        """Return quarters of a tile that did not fit into memory, or say that nothing fits."""
        if not is_out_of_memory(error):
            raise error
        if max(tile.shape) <= LEAST_TILE or self._drawer.fixed_cost:
            raise DeviceError(
                f"Memory ran out on {self.model.device.type} while drawing {tile.height} x {tile.width} px; "
                "close other programs or draw on another device."
            ) from error
        side = max(-(-max(tile.shape) // 2), LEAST_TILE)
        self._tile = min(self._tile, side)
        return list(tile_windows(tile, side))


def _checked(labels: object) -> npt.NDArray[np.uint8]:
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != 2:
        dtype = getattr(labels, "dtype", type(labels).__name__)
        shape = getattr(labels, "shape", "unknown")
        raise LabelMapError(
            f"A canvas takes labels of dtype uint8 and shape (y, x), not {dtype} of shape {shape}."
        )
    if 0 in labels.shape or max(labels.shape) > MAX_SIDE:
        raise LabelMapError(
            f"A canvas has 1 to {MAX_SIDE} px a side, but these labels are {labels.shape[0]} x "
            f"{labels.shape[1]} px."
        )
    return labels


def _checked_latent(
    latent: npt.ArrayLike | LatentField, model: PaintModel
) -> npt.NDArray[np.float32] | LatentField:
    size = model.latent_size
    if hasattr(latent, "cells"):
        field = cast("LatentField", latent)
        stride = getattr(model.generator, "stride", field.stride)
        if field.latent_size != size or field.stride != stride:
            raise ModelError(
                f"The map of looks has latents of {field.latent_size} numbers in cells of {field.stride} px, "
                f"but {model.name!r} takes {size} in cells of {stride} px; make a map for this model."
            )
        return field
    latent = np.asarray(latent, np.float32)
    if latent.ndim not in (1, 3) or latent.shape[0] != size or 0 in latent.shape:
        raise ModelError(
            f"The model {model.name!r} takes latents of shape ({size},) or ({size}, y, x), not "
            f"{latent.shape}."
        )
    if not np.isfinite(latent).all():
        raise ModelError("The latent holds values that are not numbers; sample or load another.")
    return latent
