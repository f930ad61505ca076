"""Where tissue ends: a line, not the haze that a parent four times coarser shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.stain import optical_density
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.sampling import enlarged_by, mean_around
from napari_histosynth.slide.softnoise import soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

    Plane = npt.NDArray[np.float32]

#: Pixels of the parent within which tissue and glass around a border are looked for.
AROUND = 5
#: Stream of noise, by which borders are frayed, and by how much of the way from glass to tissue.
_FRAYED, _FRAY = 0x8230, np.float32(0.12)
#: How sharp the border is: a share of the haze of one over this is grey.
_SHARP = np.float32(5)


@dataclass(frozen=True)
class Border:
    """Borders of tissue in a window.

    Attributes
    ----------
    density : ndarray
        float32 (height, width, 3), optical density of tissue and glass beside each other.
    near : ndarray
        float32 (height, width, 1), 1 at a border to 0.
    glass : ndarray
        float32 (height, width, 1), how much of each pixel near a border is glass.
    """

    density: Plane
    near: Plane
    glass: Plane

    def without(self, rim: int) -> Border:
        """Return the borders in a window without its rim."""
        part = np.s_[rim:-rim, rim:-rim]
        return Border(self.density[part], self.near[part], self.glass[part])

    def tissue(self, shares: Plane) -> npt.NDArray[np.bool_]:
        """Return where there is tissue in the window, bool (height, width)."""
        far = shares[GLASS] < np.float32(0.5)
        return np.where(self.near[..., 0] > np.float32(0.5), self.glass[..., 0] < self.near[..., 0] / 2, far)


def border(
    level: int,
    seed: int,
    window: Window,
    density: Plane,
    shares: Plane,
    layout: npt.NDArray[np.uint8],
    rim: int,
    color: npt.NDArray[np.int64],
) -> Border | None:
    """Find borders of tissue in a window.

    Parameters
    ----------
    level : int
        Of the window.
    seed : int
        Of the slide.
    window : Window
        Pixels of the level, corners multiples of 4.
    density : ndarray
        float32 (y, x, 3), optical density of the parent: ``window.coarsen(4).grow(rim)``.
    shares : ndarray
        float32 (5, height, width), which share of each pixel of the window is of each class.
    layout : ndarray
        uint8 (y, x), the whole.
    rim : int
        More than :data:`AROUND`.
    color : ndarray
        Of glass, (3,), 0 to 255.

    Returns
    -------
    Border or None
        None where there is none.
    """
    seen = window.coarsen(STEP).grow(rim)
    glass = fractions(layout, seen, level + 2)[GLASS][..., None]
    kept = rim - AROUND
    share = mean_around(glass, AROUND)
    close = np.clip(8 * np.minimum(share, 1 - share), 0, 1)
    if not close.any():
        return None
    # what tissue is like there is told by the densest pixels around, what glass is like by the palest
    weight = density * density
    tissue = mean_around(weight * density, AROUND) / np.maximum(mean_around(weight, AROUND), np.float32(1e-6))
    palest = np.asarray(1 / (density + np.float32(0.04)) ** 2, np.float32)
    empty = mean_around(palest * density, AROUND) / mean_around(palest, AROUND)
    empty = np.minimum(empty, optical_density(color.astype(np.uint8)[None, None]))
    here = mean_around(density, 1)[AROUND - 1 : 1 - AROUND, AROUND - 1 : 1 - AROUND]
    cover = (here - empty).sum(2, keepdims=True) / np.maximum(
        (tissue - empty).sum(2, keepdims=True), np.float32(0.1)
    )
    planes = enlarged_by(np.concatenate([empty, tissue, cover, close], 2).astype(np.float32), kept)
    outside, within, near = planes[..., :3], planes[..., 3:6], planes[..., 7:]
    # a cleft that the layout has is one, however much of it the parent shows
    cover = planes[..., 6:7] * (1 - np.float32(0.6) * shares[GLASS][..., None])
    noise = soft_noise(seed, _FRAYED, window, 5)[..., None]
    inside = np.clip(np.float32(0.5) + _SHARP * (cover - np.float32(0.4) + _FRAY * noise), 0, 1)
    between = outside + (within - outside) * inside
    return Border(np.asarray(between, np.float32), near, near * (1 - inside))
