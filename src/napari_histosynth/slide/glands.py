"""How dense crypts, glands and the stroma around them are on a slide, drawn by rule: its architecture.

A network that draws each magnification from the one before it makes glands of what its parent shows of them.
The sketch, 128 um a pixel, shows nothing of them. So the glands of
:mod:`~napari_histosynth.slide.glandshapes` are drawn at levels 6, 4 and 2 (32, 8, 2 um a pixel): epithelium
is denser than the tissue around, mucin and lumens are paler. At level 2 they are made of cells
(:mod:`~napari_histosynth.slide.glandcells`) and lie among those of :mod:`~napari_histosynth.slide.stroma`.
:mod:`~napari_histosynth.slide.laying` lays all that into pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.slide.follicles import follicles_around
from napari_histosynth.slide.glandcells import cell_density, cell_height, depth_of, goblet_cells
from napari_histosynth.slide.glandground import Manner
from napari_histosynth.slide.glandnear import nearest_glands
from napari_histosynth.slide.glandshapes import Glands, glands_around
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.levels import LAYOUT_LEVEL
from napari_histosynth.slide.sampling import halved_by_means
from napari_histosynth.slide.softnoise import STREAM, soft_noise
from napari_histosynth.slide.stroma import bundles, news, stroma_density
from napari_histosynth.slide.vessels import vessels

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]

#: Level whose pixels are the unit of lengths, 8 um.
UNIT_LEVEL = 4
#: Cells of the layout from mucosa to fat, at least; and those that its own muscle is thick.
_FAT_FROM_MUCOSA, _MUSCULAR = 5, 1
#: Red, green and blue of that muscle, of what it would have else.
_MUSCULAR_COLOR = np.array([1.05, 1.45, 1.2], np.float32)
#: Units that glands are found for at a time, at least.
_BLOCK = 536
#: Streams of noise: outlines that wander, small lumens, cells, how thick the muscle of mucosa is, follicles.
_WARP, _HOLES, _GRAIN, _THIN, _CROWD = 0x8100, 0x8110, 0x8111, 0x8112, 0x8113
#: Optical density of stroma, epithelium, and what it holds, mucin and an empty lumen, over that of the tissue
#: around: of mucosa and of tumor.
_STROMA, _EPITHELIUM = (0.55, 0.7), (1.5, 1.45)
#: How much denser epithelium is at its foot, and paler at its top, than on average.
_NUCLEI = 0.15
#: Density of follicles, and how much more it is in the palest tissue.
_LYMPH, _LYMPH_IN_PALE = 1.45, np.array([0.95, 1.0, 0.9], np.float32)
#: How much the density of stroma varies from pixel to pixel of level 4: cells in mucosa, in tumor.
_CELLS = (0.18, 0.08)
_MUCIN, _EMPTY, _GOBLET = 1.0, 0.15, 0.45
#: Red, green and blue of epithelium and of stroma, of the same density.
_BLUE, _PINK = np.array([1.05, 0.99, 1.0], np.float32), np.array([0.93, 1.03, 1.0], np.float32)


@dataclass(frozen=True)
class _Cover:
    """What there is in a window beside glands.

    ``shares`` float32 (5, y, x), of the classes of the layout; ``fatty`` and ``loose`` float32 (y, x), what
    may be fat, and is loose tissue where it is not; ``lymph`` float32 (y, x), what is follicle, None if
    nothing is.
    """

    shares: Plane
    fatty: Plane
    loose: Plane
    lymph: Plane | None

    def repeated(self, times: int) -> _Cover:
        """Return the same, each pixel several; without follicles."""
        shares, fatty, loose = (
            np.repeat(np.repeat(one, times, -2), times, -1) for one in (self.shares, self.fatty, self.loose)
        )
        return _Cover(shares, fatty, loose, None)


def tissue_density(
    level: int,
    seed: int,
    window: Window,
    shares: Plane,
    layout: npt.NDArray[np.uint8],
    pale: Plane | None = None,
) -> Plane | None:
    """Return the optical density of tissue, as a share of that around it.

    Parameters
    ----------
    level : int
        Of the window: 6, 4 or 2.
    seed : int
        Of the slide.
    window : Window
        Pixels of the level.
    shares : ndarray
        float32 (5, height, width), which share of each pixel is of each class.
    layout : ndarray
        uint8 (y, x), the whole.
    pale : ndarray, optional
        float32 (height, width), 1 where the tissue around is pale enough to be fat, to 0.

    Returns
    -------
    ndarray or None
        float32 (height, width, 5): of red, green and blue, which share of each pixel is gland, and how much
        of it is unlike what the parent shows there; None at level 6 where there are no glands.
    """
    manner = manner_of(seed)
    over = 1 if level <= UNIT_LEVEL else 2  # coarse pixels are means of finer ones
    scale = 2.0 ** (level - UNIT_LEVEL)  # units a pixel
    out, crowds = np.empty((*window.shape, 5), np.float32), np.zeros(window.shape, np.float32)
    found = scale <= 1
    fatty, muscular = shares[TISSUE], None
    if found and fatty.any():
        muscular = _muscle_of_mucosa(level, seed, window, shares, layout)
        fatty = fatty * (1 - _near_mucosa(level, window, layout, _FAT_FROM_MUCOSA))
        shares = shares.copy()
        shares[MUSCLE] += muscular
        shares[TISSUE] -= muscular
    loose = shares[TISSUE]
    if pale is not None:
        fatty, loose = fatty * pale, loose * pale
    for relative in tile_windows(Window.of_shape(window.shape), int(_BLOCK / scale)):
        block = relative.shift(window.y0, window.x0)
        units = block.refine(int(scale)) if scale >= 1 else block.coarsen(int(1 / scale))
        glands, follicles = glands_around(seed, units, layout, manner), follicles_around(seed, units, layout)
        cover = _Cover(shares[:, *relative.slices], fatty[relative.slices], loose[relative.slices], None)
        if glands is None and (follicles is None or not found):
            out[relative.slices] = _stroma(seed, block, scale, cover)
            continue
        found = True
        fine = block.refine(over)
        lymph = None if follicles is None else follicles.share(seed, fine, scale / over)
        if over > 1:
            cover = cover.repeated(over)
        painted = _painted(seed, fine, scale / over, glands, replace(cover, lymph=lymph))
        out[relative.slices] = painted if over == 1 else halved_by_means(painted)
        if lymph is not None and over == 1:
            crowds[relative.slices] = lymph
    if not found:
        return None
    if pale is not None:
        # cells crowd in pale tissue as they do elsewhere
        out[..., :3] *= 1 + _LYMPH_IN_PALE * (crowds * pale)[..., None]
    if muscular is not None:
        outside = muscular * (1 - out[..., 3]) * (1 - crowds)
        out[..., :3] *= 1 + outside[..., None] * (_MUSCULAR_COLOR - 1)
        out[..., 4] = np.maximum(out[..., 4], outside)
    return out


def _muscle_of_mucosa(
    level: int, seed: int, window: Window, shares: Plane, layout: npt.NDArray[np.uint8]
) -> Plane:
    """Return how much of each pixel is the thin layer of muscle below mucosa, float32 (y, x)."""
    near = np.clip(2 * _near_mucosa(level, window, layout, _MUSCULAR), 0, 1) * shares[TISSUE]
    thin = soft_noise(seed, _THIN, window, 30 / 2.0 ** (level - UNIT_LEVEL))
    return np.asarray(near * np.clip(np.float32(1.3) + thin, 0, 1), np.float32)


def _near_mucosa(level: int, window: Window, layout: npt.NDArray[np.uint8], within: int) -> Plane:
    """Return 0 to 1, float32 (y, x), where the layout has mucosa within some of its cells."""
    from scipy import ndimage

    side = 2 ** (LAYOUT_LEVEL - level)
    cells = window.coarsen(side).grow(within + 2).clip(layout.shape)
    near = ndimage.binary_dilation(layout[cells.slices] == MUCOSA, iterations=within)
    marked = np.where(near, MUCOSA, GLASS).astype(np.uint8)
    here = window.shift(-cells.y0 * side, -cells.x0 * side)
    return np.asarray(fractions(marked, here, level)[MUCOSA], np.float32)


@lru_cache(maxsize=8)
def manner_of(seed: int) -> Manner:
    """Return how glands of a slide look."""
    return Manner.of(seed)


def _stroma(seed: int, window: Window, scale: float, cover: _Cover) -> Plane:
    """Return the densities of a window beside glands."""
    shares, fatty, loose, lymph = cover.shares, cover.fatty, cover.loose, cover.lymph
    if scale < 1:
        return stroma_density(seed, window, scale, shares, fatty, loose, lymph)
    tumor, outside = shares[TUMOR], shares[TISSUE] + shares[MUSCLE]
    stroma = np.float32(_STROMA[0]) + np.float32(_STROMA[1] - _STROMA[0]) * tumor
    if scale == 1:
        grain = gaussian(seed, STREAM + _GRAIN, UNIT_LEVEL, window)
        stroma *= 1 + (np.float32(_CELLS[0]) + np.float32(_CELLS[1] - _CELLS[0]) * tumor) * grain
        stroma += (bundles(seed, window, shares, fatty, loose) - stroma) * outside
    if lymph is not None:
        crowd = np.float32(_LYMPH) * (1 + np.float32(_CELLS[0]) * gaussian(seed, STREAM + _CROWD, 0, window))
        stroma += (crowd - stroma) * lymph
        outside = np.maximum(outside, lymph)
    blood = vessels(seed, window, scale, shares) if scale == 1 else None
    out = np.zeros((*window.shape, 5), np.float32)
    for color in range(3):
        out[..., color] = stroma * (_PINK[color] + (1 - _PINK[color]) * outside)
        if blood is not None:
            out[..., color] = blood.into(out[..., color], color)
    out[..., 4] = news(blood, lymph)
    return out


def _painted(seed: int, window: Window, scale: float, glands: Glands | None, cover: _Cover) -> Plane:
    """Return the densities of a window in which there are glands or follicles."""
    if glands is None:
        return _stroma(seed, window, scale, cover)
    shares = cover.shares
    cell, tumor = 7 / scale, shares[TUMOR]
    sway = (np.float32(0.35) + np.float32(1.1) * tumor, np.float32(0.8) * tumor)
    warp = []
    for k in (0, 1):
        bent = sway[0] * soft_noise(seed, _WARP + k, window, cell)
        if sway[1].any():
            bent += sway[1] * soft_noise(seed, _WARP + 2 + k, window, cell / 2)
        warp.append(bent)
    near = nearest_glands(window, scale, glands, warp)
    edge = near.edge(0.55)
    pierced = None
    if glands.holes.any():
        # lumens pierce a nest where noise is high, but for its outermost cells
        pierced = np.float32(2.2) * (soft_noise(seed, _HOLES, window, 4.2 / scale) - np.float32(0.75))
        pierced = np.minimum(pierced, -(edge + np.float32(2.5)))
    stroma = _stroma(seed, window, scale, cover)
    # a crypt that is longer than the mucosa is thick ends with it
    there = np.clip(2 * (shares[MUCOSA] + tumor), 0, 1)
    if scale < 1:
        return cell_density(seed, window, scale, near, edge, pierced, stroma, there)
    soft = np.float32(1 / max(1.0, scale))
    wall, pale, holes, of_tumor = (near.of(name) for name in ("wall", "pale", "holes", "tumor"))
    within = there * np.clip(np.float32(0.5) - edge * soft, 0, 1)
    goblets = None
    if scale == 1:
        deep, height = depth_of(near, edge), cell_height(near)
        goblets = goblet_cells(seed, window, scale, near, deep, height)
        core = np.clip(np.float32(0.5) + (deep - height) * soft, 0, 1)
    else:
        core = np.clip(np.float32(0.5) - (edge + wall) * soft, 0, 1)
    if pierced is not None:
        core = np.where(holes > 0, np.clip(np.float32(0.5) + pierced * soft, 0, 1), core)
    core = np.minimum(core, within)
    # nuclei stand at the foot of the epithelium
    slope = np.float32(1 + _NUCLEI) - np.float32(2 * _NUCLEI) * np.clip(-edge / wall, 0, 1)
    epithelium = (np.float32(_EPITHELIUM[0]) + np.float32(_EPITHELIUM[1] - _EPITHELIUM[0]) * of_tumor) * slope
    fill = np.float32(_MUCIN) + np.float32(_EMPTY - _MUCIN) * pale
    if goblets is not None:
        epithelium += (np.float32(_GOBLET) - epithelium) * goblets
    epithelium *= within - core
    fill *= core
    for color in range(3):
        stroma[..., color] = stroma[..., color] * (1 - within) + epithelium * _BLUE[color] + fill
    stroma[..., 3] = within
    stroma[..., 4] *= 1 - within
    return stroma
