"""Pictures of any size in another stain, a window at a time, without seams.

The picture is brought to the model's scale and drawn on a fixed lattice of tiles, each with as much of its
real surroundings as a pixel of the network sees; what was drawn is brought back. So a pixel does not depend
on which windows were asked for before, and memory follows the tile, not the picture. Networks that
normalize each picture by itself (InstanceNorm) get statistics that vary smoothly over the picture
(:mod:`napari_histosynth.stain.positionnorm`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.device import is_out_of_memory
from napari_histosynth.core.errors import Cancelled, DeviceError, ImageError, ModelError
from napari_histosynth.core.tilecache import TileCache
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.scaledpicture import ScaledPicture, checked_scale
from napari_histosynth.stain.planes import SteadyPlanes
from napari_histosynth.stain.positionnorm import METHODS, PositionPainter

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.model import StainModel
    from napari_histosynth.stain.steering import Steering

    Pixels = npt.NDArray[np.uint8]

#: Side in px of what is drawn at once, at the model's scale; and the least, when memory runs out.
TILE, LEAST_TILE = 512, 64

#: Bytes of recent tiles that are kept, at either scale.
KEPT_BYTES = 96 << 20

_REACH = 4  # px at the model's scale that bringing a picture back looks at on either side
_BAND = 32  # columns of tiles that are walked through together, so that tiles are at hand for their neighbors


class Translator:
    """A picture seen in another stain: any window of it, the same pixels in any order and tiling.

    Parameters
    ----------
    model : StainModel
        What draws; see :func:`~napari_histosynth.stain.model.load_stain_model`.
    source : array_like
        uint8 (y, x, 3): NumPy, dask, zarr, or anything with ``shape`` and ``dtype`` that slices give arrays
        of, of which no more is read than a window needs. Not copied: tell :meth:`forget` what was changed.
    um_per_px : float
        Micrometers a pixel of ``source``, 0.05 to 4; resampled to the model's scale where they differ.
    reverse : bool
        From the model's second stain to its first.
    steering : Steering, optional
        Says which nuclei are to be positive; without it the network decides.
    method : "auto", "plain", "kin" or "position"
        For networks with InstanceNorm, where statistics are taken: "plain", of each tile by itself (seams);
        "kin", of the tile and those around it; "position", interpolated to every pixel, which is what
        "auto" means.
    tile : int
        Side in px of what is drawn at once, at the model's scale.
    kept_bytes : int
        Bytes of recent tiles that are kept.

    Attributes
    ----------
    um_per_px : float
        Scale of the source, and of what :meth:`translate` gives.
    shape : tuple of int
        Height and width of the source.
    method : str
        "local" for networks without InstanceNorm, where every method is the same; else as above.
    tile : int
        Side of the lattice's tiles, at both scales.
    drawn, blank : int
        Tiles that the network drew so far, and tiles of one plain color that had been drawn before.

    Raises
    ------
    ImageError
        If the source is no RGB picture of 8 bits, or the scale is missing or impossible.
    ModelError
        If the model does not draw in that direction, or there is no such method.
    """

    def __init__(
        self,
        model: StainModel,
        source: Any,
        um_per_px: float | None,
        *,
        reverse: bool = False,
        steering: Steering | None = None,
        method: str = "auto",
        tile: int = TILE,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        generator = model.generator(reverse=reverse)
        if method not in ("auto", *METHODS):
            raise ModelError(f"There is no method {method!r}; use one of auto, {', '.join(METHODS)}.")
        self.model, self.reverse, self._source = model, reverse, source
        self.um_per_px = checked_scale(um_per_px)
        self._picture = ScaledPicture(source, self.um_per_px, model.um_per_px)
        self.shape = self._picture.source
        self._stride, self._margin = generator.stride, int(generator.margin or 0)
        self.tile = max(tile // self._stride, 1) * self._stride
        self._steering: SteadyPlanes | None = None
        if steering is not None and generator.steering:
            self._steering = SteadyPlanes(steering, self._picture)
        self.method = "local" if generator.local else "position" if method == "auto" else method
        self._painter: PositionPainter | None = None
        if self.method in ("kin", "position"):
            self._painter = PositionPainter(model, self._picture, self._planes, reverse, self.method)
        self._tiles: TileCache[Window, Pixels] = TileCache(kept_bytes)
        self._back: TileCache[Window, Pixels] = TileCache(kept_bytes)
        self._plain: TileCache[tuple[tuple[int, ...], bytes], Pixels] = TileCache(kept_bytes // 8)
        self._most = self.tile  # px a side that memory suffices for
        self._changes = 0
        self._drawing, self._noting = (
            threading.RLock(),
            threading.Lock(),
        )  # nobody waits for a tile to note a change
        self.drawn = self.blank = 0

    def translate(
        self,
        window: Window | None = None,
        *,
        is_cancelled: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Pixels:
        """Draw a window in the other stain.

        Parameters
        ----------
        window : Window, optional
            In pixels of the source; all of it by default. What lies off the source is left out.
        is_cancelled : callable, optional
            Asked before each tile whether to stop.
        progress : callable, optional
            Told the share that is done, 0 to 1.

        Returns
        -------
        ndarray
            uint8 (y, x, 3), at the source's scale.

        Raises
        ------
        ImageError
            If the window holds no pixel of the source.
        DeviceError
            If memory does not suffice even for small tiles.
        Cancelled
            If ``is_cancelled`` returned true.
        """
        wanted = Window.of_shape(self.shape) if window is None else window.clip(self.shape)
        if wanted.is_empty:
            raise ImageError(
                f"The window {tuple(window or ())} holds no pixel of the picture of {self.shape[1]} x "
                f"{self.shape[0]} px; choose a part of it."
            )
        translated = np.empty((*wanted.shape, 3), np.uint8)
        done = 0
        for part in tile_windows(wanted, self.tile):
            whole = self._on_lattice(part, self.shape)
            tile = self._brought_back(whole, is_cancelled)
            translated[part.relative_to(wanted).slices] = tile[part.relative_to(whole).slices]
            done += part.area
            if progress is not None:
                progress(done / wanted.area)
        return translated

    def read(self, window: Window) -> Pixels:
        """Return a window of the source as it is, uint8 (y, x, 3)."""
        return np.asarray(self._source[window.clip(self.shape).slices])

    def tiles(self) -> Iterator[Window]:
        """Yield the windows, in pixels of the source, that are cheapest to ask for, in the best order."""
        band = _BAND * self.tile
        for left in range(0, self.shape[1], band):
            yield from tile_windows(
                Window(0, self.shape[0], left, min(left + band, self.shape[1])), self.tile
            )

    def is_kept(self, window: Window) -> bool:
        """Return whether a window is at hand, so that :meth:`translate` returns at once."""
        kept = self._tiles if self._picture.shape == self._picture.source else self._back
        return all(
            kept.get(self._on_lattice(part, self.shape)) is not None
            for part in tile_windows(window.clip(self.shape), self.tile)
        )

    def forget(self, changed: Window | None = None) -> Window:
        """Take note that pixels of the source are others now.

        Parameters
        ----------
        changed : Window, optional
            Where, in pixels of the source; everywhere by default.

        Returns
        -------
        Window
            What is to be drawn anew, in pixels of the source: what changed, and as far as the network sees.
        """
        whole = Window.of_shape(self.shape)
        changed = whole if changed is None else changed.clip(self.shape)
        if changed.is_empty:
            return changed
        at_scale = self._picture.at_scale(changed, _REACH)
        seen = at_scale if self._steering is None else self._steering.forget(at_scale)
        reached = seen.grow(self._margin + self._stride).clip(self._picture.shape)
        if self._painter is not None:
            reached = reached.unite(self._painter.forget(seen).grow(self._margin)).clip(self._picture.shape)
        elif self.method == "plain":  # a tile's statistics are of all of it
            parts = tile_windows(reached, self.tile)
            for part in list(parts):
                reached = reached.unite(self._on_lattice(part, self._picture.shape))
        again = self._picture.at_source(reached, _REACH).clip(self.shape)
        with self._noting:
            self._changes += 1
            self._tiles.forget(lambda tile: not tile.intersect(reached).is_empty)
            self._back.forget(lambda tile: not tile.intersect(again).is_empty)
        return again

    def _on_lattice(self, part: Window, shape: tuple[int, int]) -> Window:
        """Return the tile of the lattice that holds a part of it, without what lies off the picture."""
        top, left = part.y0 // self.tile * self.tile, part.x0 // self.tile * self.tile
        return Window(top, top + self.tile, left, left + self.tile).clip(shape)

    def _brought_back(self, tile: Window, is_cancelled: Callable[[], bool] | None) -> Pixels:
        """Return a tile of the lattice at the source's scale."""
        if self._picture.shape == self._picture.source:
            return self._at_scale(tile, is_cancelled)
        kept = self._back.get(tile)
        if kept is not None:
            return kept
        changes = self._changes
        needed = self._picture.at_scale(tile, _REACH)
        drawn = np.empty((*needed.shape, 3), np.uint8)
        for part in tile_windows(needed, self.tile):
            whole = self._on_lattice(part, self._picture.shape)
            pixels = self._at_scale(whole, is_cancelled)
            drawn[part.relative_to(needed).slices] = pixels[part.relative_to(whole).slices]
        back = self._picture.picture_back(drawn, needed, tile)
        with self._noting:
            if changes == self._changes:
                self._back.put(tile, back)
        return back

    def _at_scale(self, tile: Window, is_cancelled: Callable[[], bool] | None) -> Pixels:
        """Return a tile of the lattice at the model's scale."""
        kept = self._tiles.get(tile)
        if kept is not None:
            return kept
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("Staining was stopped.")
        with self._drawing:  # whoever waited for the same tile finds it here
            kept = self._tiles.get(tile)
            if kept is not None:
                return kept
            changes = self._changes
            if self._painter is not None:
                self._painter.is_cancelled = is_cancelled
            drawn = self._pieces(tile)
            with self._noting:
                if changes == self._changes:
                    self._tiles.put(tile, drawn)
        return drawn

    def _pieces(self, tile: Window) -> Pixels:
        """Draw a tile, in pieces where memory does not suffice."""
        drawn = np.empty((*tile.shape, 3), np.uint8)
        pending = list(tile_windows(tile, self._most))[::-1]
        while pending:
            part = pending.pop()
            try:
                drawn[part.relative_to(tile).slices] = self._draw(part)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                half = max(max(part.shape) // 2 // self._stride * self._stride, self._stride)
                if max(part.shape) <= LEAST_TILE or half >= max(part.shape):
                    raise DeviceError(
                        f"Memory ran out on {self.model.device.type} while staining {part.height} x "
                        f"{part.width} px; close other programs or choose the device 'cpu'."
                    ) from error
                self._most = min(self._most, half)
                pending += list(tile_windows(part, self._most))[::-1]
        return drawn

    def _draw(self, part: Window) -> Pixels:
        """Run the network on a part at the model's scale and its surroundings."""
        seen = part.align(self._stride).grow(self._margin)
        rgb = self._picture.read(seen)
        planes = self._planes(seen, rgb)
        if self._painter is not None:
            drawn = self._painter.draw(seen, rgb, planes)
        elif planes is None and bool((rgb == rgb[0, 0]).all()):
            key = (rgb.shape, rgb[0, 0].tobytes())
            known = self._plain.get(key)
            if known is not None:  # the same input gives the same output
                self.blank += 1
                return known[part.relative_to(seen).slices]
            drawn = self.model.draw(rgb, reverse=self.reverse)
            self._plain.put(key, drawn)
        else:
            drawn = self.model.draw(rgb, planes, reverse=self.reverse)
        self.drawn += 1
        return drawn[part.relative_to(seen).slices]

    def _planes(self, seen: Window, rgb: Pixels) -> npt.NDArray[np.float32] | None:
        """Return what steers the network in a window at the model's scale."""
        return None if self._steering is None else self._steering.planes(seen, rgb)
