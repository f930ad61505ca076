"""Which nuclei are to be positive, as it was asked for, and what that makes of a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError, LabelMapError
from napari_histosynth.core.tiles import Window, tile_windows

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.stain.model import StainModel
    from napari_histosynth.stain.steering import Steering

Mask = npt.NDArray[np.bool_]

WAYS = ("network", "share", "classes", "painted")
"""Who decides: the network, a share of all nuclei, shares by class, what is painted."""

MOST_AT_ONCE = 4096 * 4096
"""Pixels at the model's scale up to which all nuclei of a picture are found before it is drawn."""

_BLOCK = 128  # px at the model's scale: what is compared at once


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked for.

    Attributes
    ----------
    way : str
        One of :data:`WAYS`.
    share : float
        Of all nuclei, 0 to 1.
    shares : mapping of int to float
        By class of the canvas's labels.
    seed : int
        Other nuclei for another seed.
    mask : callable or None
        Given a shape (y, x) that the source is seen at, returns where nuclei are positive, bool (y, x).
    labels : callable or None
        Returns the canvas's labels, (y, x), if it is one.
    scheme : TissueScheme or None
        Of these.
    """

    way: str = "network"
    share: float = 0.2
    shares: Mapping[int, float] = field(default_factory=dict)
    seed: int = 0
    mask: Callable[[tuple[int, int]], Mask] | None = None
    labels: Callable[[], Any] | None = None
    scheme: TissueScheme | None = None


class AskedSteering:
    """Steers a generator as asked for, and anew when the picture or what is asked changes.

    Parameters
    ----------
    asked : Asked
        What was asked for; not "network".
    source : array_like
        uint8 (y, x, 3), the picture; read anew by :meth:`renew`.
    um_per_px : float
        Its scale.
    model : StainModel
        What is steered.

    Attributes
    ----------
    asked : Asked
        As given.
    index : float
        Share of all nuclei that is to be positive; where each piece of a picture finds its own, on average.
    is_whole : bool
        Whether all nuclei are known, and the share is exact.

    Raises
    ------
    ImageError
        If the picture is too large to find all nuclei before it is drawn, and it takes that.
    LabelMapError
        If shares by class come without a canvas.
    """

    def __init__(self, asked: Asked, source: Any, um_per_px: float, model: StainModel) -> None:
        from napari_histosynth.paint.scaledpicture import ScaledPicture

        self.asked, self._um = asked, model.um_per_px
        self._picture = ScaledPicture(source, um_per_px, model.um_per_px)
        self.index = asked.share
        self._inner: Steering
        self._state = np.zeros((0, 0), np.int8)
        self.is_whole = self._picture.shape[0] * self._picture.shape[1] <= MOST_AT_ONCE
        if self.is_whole:
            self.renew()
            return
        if asked.way != "share":
            raise ImageError(
                f"A picture of {self._picture.source[1]:,} x {self._picture.source[0]:,} px is too large to "
                "choose its nuclei one by one; give a share of all instead."
            )
        from napari_histosynth.stain.asked import IndexSteering

        self._inner = IndexSteering(asked.share, asked.seed, self._um)

    @property
    def by_window(self) -> bool:
        """Whether nuclei are found piece by piece, which depends on the pieces."""
        return not self.is_whole

    def planes(self, window: Window, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
        """Return the planes of a window at the model's scale; see :mod:`napari_histosynth.stain.steering`."""
        return self._inner.planes(window, rgb)

    def renew(self) -> list[Window]:
        """Choose anew from the picture as it is now; return where that makes a difference, in its pixels."""
        from napari_histosynth.stain.asked import choose, classes_of, labeled_nuclei, nuclei_class
        from napari_histosynth.stain.steering import he_nuclei

        if not self.is_whole:
            return []
        asked, shape = self.asked, self._picture.shape
        labels = None
        if asked.labels is not None and asked.scheme is not None:
            clean, _ = asked.scheme.sanitize(np.asarray(asked.labels()))
            labels = nearest(clean, shape)
        if labels is not None and asked.scheme is not None and nuclei_class(asked.scheme) is not None:
            nuclei = labeled_nuclei(labels, asked.scheme, self._um)
        else:
            nuclei = he_nuclei(self._picture.read(Window.of_shape(shape)), self._um)
        classes = painted = None
        share: float | Mapping[int, float] = asked.share
        if asked.way == "classes":
            if labels is None or asked.scheme is None:
                raise LabelMapError("Shares by class take a canvas; give a share of all nuclei instead.")
            classes, share = classes_of(nuclei, labels, asked.scheme, self._um), asked.shares
        elif asked.way == "painted" and asked.mask is not None:
            painted = asked.mask(shape)
        known = choose(nuclei, share, asked.seed, self._um, classes=classes, painted=painted)
        state = np.where(nuclei > 0, 1 + known.positive[nuclei], 0).astype(np.int8)
        before, self._state = self._state, state
        self._inner, self.index = known, known.index
        if before.shape != state.shape:
            return []
        blocks = [block for block in tile_windows(Window.of_shape(shape), _BLOCK)
                  if not np.array_equal(before[block.slices], state[block.slices])]  # fmt: skip
        return [self._picture.at_source(block, 1) for block in blocks]


def nearest(pixels: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return a map (y, x) at another size, each pixel from the nearest one."""
    rows, columns = (
        np.minimum(((np.arange(here) + 0.5) * there / here).astype(int), there - 1)
        for here, there in zip(shape, pixels.shape, strict=True)
    )
    return pixels[np.ix_(rows, columns)]


def mask_of_layer(layer: Any, source: Any, full: tuple[int, int]) -> Callable[[tuple[int, int]], Mask]:
    """Return what gives the painted part of a Labels or Shapes layer on a picture.

    Parameters
    ----------
    layer : napari layer
        Labels, of which every value but 0 counts, or Shapes, of which the insides count.
    source : napari layer
        The picture.
    full : tuple of int
        Height and width of the picture.
    """

    def mask(shape: tuple[int, int]) -> Mask:
        steps = [there / here for there, here in zip(full, shape, strict=True)]
        if hasattr(layer, "shape_type"):
            return _inside_shapes(layer, source, shape, steps)
        data = np.asarray(layer.data)
        rows = [layer.world_to_data(source.data_to_world(((y + 0.5) * steps[0] - 0.5, 0)))[-2]
                for y in range(shape[0])]  # fmt: skip
        columns = [layer.world_to_data(source.data_to_world((0, (x + 0.5) * steps[1] - 0.5)))[-1]
                   for x in range(shape[1])]  # fmt: skip
        y, x = (np.rint(places).astype(int) for places in (rows, columns))
        inside_y, inside_x = (y >= 0) & (y < data.shape[0]), (x >= 0) & (x < data.shape[1])
        found = data[np.ix_(np.clip(y, 0, data.shape[0] - 1), np.clip(x, 0, data.shape[1] - 1))] != 0
        return np.asarray(found & inside_y[:, None] & inside_x[None], bool)

    return mask


def _inside_shapes(layer: Any, source: Any, shape: tuple[int, int], steps: list[float]) -> Mask:
    from skimage.draw import polygon2mask

    mask = np.zeros(shape, bool)
    for corners, kind in zip(layer.data, layer.shape_type, strict=True):
        points = np.asarray(corners)[:, -2:]
        if str(kind) not in ("rectangle", "polygon", "ellipse"):
            continue
        if str(kind) == "ellipse":  # given by its corners
            middle, one, other = points.mean(0), (points[1] - points[0]) / 2, (points[3] - points[0]) / 2
            angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
            points = middle + np.cos(angles) * one + np.sin(angles) * other
        there = np.array([source.world_to_data(layer.data_to_world(point))[-2:] for point in points])
        mask |= polygon2mask(shape, (there + 0.5) / steps - 0.5)
    return mask
