"""What lies around each place of a label map: how deep in the epithelium, which way fibers run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_histosynth.paint.ellipses import Mask
from napari_histosynth.paint.fields import Field, cell_of, smooth_noise

_FAR = 1e3  # um: farther than anything that matters
_CLEFT_UM = 25.0  # half the width of the widest gap that counts as a cleft around a gland
_FIBER_STREAM, _RIPPLE_STREAM = 10, 11


@dataclass(frozen=True)
class Surroundings:
    """Distances and directions over a label map, on cells of ``cell`` x ``cell`` pixels.

    Parameters
    ----------
    cell : int
        Edge of a cell, in pixels.
    depth : ndarray
        float32 (y, x), in epithelium: micrometers from its base, the border to stroma or to a cleft in it.
    apical : ndarray
        float32 (y, x), in epithelium: micrometers from the nearest lumen or surface; 1000 without one.
    height : ndarray
        float32 (y, x), in epithelium: micrometers from base to lumen, or from base to base.
    outside : ndarray
        float32 (y, x), in stroma: micrometers from the nearest epithelium.
    rise : ndarray
        float32 (y, x), direction from the base into the epithelium, radians from the x towards the y axis.
    fiber : ndarray
        float32 (y, x), direction of fibers, radians: along glands near them, drifting smoothly elsewhere.
    """

    cell: int
    depth: Field
    apical: Field
    height: Field
    outside: Field
    rise: Field
    fiber: Field

    @classmethod
    def measure(
        cls,
        labels: npt.NDArray[np.uint8],
        um_per_px: float,
        *,
        epithelium: int,
        stroma: int,
        nuclei: int,
        seed: int,
        fiber_angle: float | None = None,
        origin_um: tuple[float, float] = (0.0, 0.0),
    ) -> Surroundings:
        """Look around in a label map.

        Parameters
        ----------
        labels : ndarray
            uint8 (y, x); every class besides the three below counts as empty.
        um_per_px : float
            Micrometers a pixel.
        epithelium, stroma, nuclei : int
            Classes; a nucleus belongs to the nearest other class.
        seed : int
            Chooses how fibers run far from glands.
        fiber_angle : float, optional
            Direction that they mostly have there, in radians; by chance if not given.
        origin_um : tuple of float
            Position of the top left corner on the canvas, (y, x) in micrometers.
        """
        cell = cell_of(um_per_px)
        cell_um = cell * um_per_px
        around = _without(_thin_out(labels, cell), nuclei)
        gland, connective = around == epithelium, around == stroma
        gap = ~gland & ~connective
        base = connective | _clefts(gap, connective, gland, cell_um)
        depth = _distance(~base, cell_um)
        apical = _distance(~(gap & ~base), cell_um)
        outside = _distance(~gland, cell_um)
        thickest = ndimage.maximum_filter(depth * gland, max(3, round(20 / cell_um)))
        height = np.minimum(depth + apical, 2 * thickest)
        signed = ndimage.gaussian_filter(np.where(gland, depth, -outside), 3.0 / cell_um)
        rise = np.arctan2(_slope(signed, 0), _slope(signed, 1)).astype(np.float32)
        if fiber_angle is None:
            fiber_angle = float(np.random.default_rng([seed % 2**64, 1]).random() * np.pi)
        drift = smooth_noise(
            seed, _FIBER_STREAM, gland.shape, um_per_px=cell_um, scale_um=110, origin_um=origin_um
        )
        ripple = smooth_noise(
            seed, _RIPPLE_STREAM, gland.shape, um_per_px=cell_um, scale_um=30, origin_um=origin_um
        )
        free = fiber_angle + 0.6 * drift + 0.25 * ripple
        fiber = _between(free, rise + np.pi / 2, np.exp(-outside / 25.0))
        return cls(cell, depth, apical, height, outside, rise, fiber)

    def at(self, field: Field, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> Field:
        """Return a field at positions in pixels: that of the cell, for directions must not be blended."""
        return field[(y // self.cell).astype(np.int64), (x // self.cell).astype(np.int64)]

    def share(self, mask: Mask) -> Field:
        """Return which share of each cell a mask of pixels covers, float32 (y, x), 0 to 1."""
        height, width = self.depth.shape
        padding = ((0, height * self.cell - mask.shape[0]), (0, width * self.cell - mask.shape[1]))
        blocks = np.pad(mask, padding).reshape(height, self.cell, width, self.cell)
        return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _thin_out(labels: npt.NDArray[np.uint8], cell: int) -> npt.NDArray[np.uint8]:
    """Return the middle pixel of each cell; cells at the far edges may be cut."""
    rows, columns = (
        np.minimum(np.arange(0, length, cell) + cell // 2, length - 1) for length in labels.shape
    )
    return labels[np.ix_(rows, columns)]


def _clefts(gap: Mask, connective: Mask, gland: Mask, cell_um: float) -> Mask:
    """Tell clefts in stroma, where a gland's base is, from lumina and surfaces, bool (y, x)."""
    patches, count = ndimage.label(gap)
    if count == 0:
        return gap
    padded = np.pad(patches, 1)
    contact = np.zeros((2, count + 1))
    height, width = gap.shape
    for down, across in ((0, 1), (2, 1), (1, 0), (1, 2)):
        beside = padded[down : down + height, across : across + width]
        for kind, other in enumerate((connective, gland)):
            contact[kind] += np.bincount(beside[other], minlength=count + 1)
    in_stroma = contact[0] > 0.3 * (contact[0] + contact[1])
    in_stroma[0] = False
    return np.asarray(in_stroma[patches] & (_distance(~connective, cell_um) < _CLEFT_UM))


def _distance(mask: Mask, cell_um: float) -> Field:
    """Return the distance to the nearest cell where ``mask`` is False, in um, float32."""
    if mask.all():
        return np.full(mask.shape, _FAR, np.float32)
    return np.asarray(ndimage.distance_transform_edt(mask) * cell_um, dtype=np.float32)


def _slope(field: Field, axis: int) -> Field:
    """Return the change along an axis; zero where there is only one cell."""
    return np.gradient(field, axis=axis) if field.shape[axis] > 1 else np.zeros_like(field)


def _between(first: Field, second: Field, weight: Field) -> Field:
    """Blend two directions without head or tail: average twice the angle."""
    sine = (1 - weight) * np.sin(2 * first) + weight * np.sin(2 * second)
    cosine = (1 - weight) * np.cos(2 * first) + weight * np.cos(2 * second)
    return np.asarray(0.5 * np.arctan2(sine, cosine), dtype=np.float32)


def _without(labels: npt.NDArray[np.uint8], nuclei: int) -> npt.NDArray[np.uint8]:
    """Give nuclei to the nearest other class."""
    present = labels == nuclei
    if not present.any() or present.all():
        return labels
    nearest = ndimage.distance_transform_edt(present, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)])
