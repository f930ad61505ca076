"""What is drawn of a slide by rule, laid into what a network drew: glands, cells, fibers, borders of tissue.

Tiles of levels 6, 4 and 2 (32, 8 and 2 um a pixel) are changed as soon as they are drawn, so that whatever is
drawn from them takes it up. At level 6 colors stay as they are in the mean over some 350 um, at level 4 those
of every pixel of the parent do within glands and between them, at level 2 about. Connective tissue is about
as light as its parent at level 4. Where tissue ends, what belongs to it and what is glass is told apart.

What is laid depends on the seed, the layout, the pixels and the parent around them: not on the tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.stain import optical_density
from napari_histosynth.slide.border import border
from napari_histosynth.slide.glands import UNIT_LEVEL, tissue_density
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.sampling import enlarged_by, mean_around, mean_of_blocks, repeated
from napari_histosynth.slide.sketch import light_through
from napari_histosynth.slide.surface import surface_cells

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

    Plane = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]

#: Version of the rules; 0 stands for none. Another one makes other pixels, and stores say which it was.
GLANDS = 5
#: Levels that are changed.
LAID = (6, 4, 2)
#: Pixels of the parent around a tile that are looked at.
RIM = 12
#: Pixels of the parent around a tile for which densities are drawn, at levels 4 and 2.
_RIMS = 3
#: Pixels of the parent around a tile for which it is asked where tissue ends.
_BORDERS = 6
#: Share that is kept of what was drawn finer than its parent: in stroma of mucosa, of tumor, in glands, and
#: in other tissue; and how much of that at level 2.
_KEPT, _KEPT_ELSEWHERE, _KEPT_OF_CELLS = (0.8, 0.5, 0.4), np.float32(0.3), np.float32(1.0)
#: How much of all that at a border.
_KEPT_AT_BORDER = np.float32(0.2)
#: Share of the parent's colors that is not given back at level 4 to vessels and the muscle of mucosa.
_UNLIKE = np.float32(0.85)
#: Density, of red, green and blue together, from which tissue has no fat; how soon it has below that.
_NO_FAT, _PALER = np.float32(1.0), np.float32(3)
#: How much denser or paler connective tissue is made at most to be as light as its parent, at a time; and how
#: many gray levels, of red, green and blue together, twice its density is darker, at least.
_MOST_CHANGED, _LEAST_SLOPE = np.float32(0.4), np.float32(6)
#: Half the side in pixels of level 6 of the square that keeps its mean there.
_EVEN = 5


def lay_tissue(
    level: int,
    seed: int,
    window: Window,
    drawn: Pixels,
    parent: Pixels,
    layout: npt.NDArray[np.uint8],
    glass: npt.NDArray[np.int64],
) -> Pixels:
    """Lay glands, cells, fibers and borders into a window of a slide.

    Parameters
    ----------
    level : int
        Of the window; where it is not in :data:`LAID`, nothing is laid.
    seed : int
        Of the slide.
    window : Window
        Pixels of the level, corners multiples of 4.
    drawn : ndarray
        uint8 (height, width, 3), what was drawn of it.
    parent : ndarray
        uint8 (y, x, 3), what it was drawn from: ``window.coarsen(4).grow(RIM)`` of ``level + 2``.
    layout : ndarray
        uint8 (y, x), the whole.
    glass : ndarray
        Color of the slide's glass, (3,), 0 to 255.

    Returns
    -------
    ndarray
        uint8 (height, width, 3).
    """
    if level not in LAID:
        return drawn
    if level > UNIT_LEVEL:
        change = _glands_alone(level, seed, window, drawn, parent, layout)
    else:
        change = _all_tissue(level, seed, window, drawn, parent, layout, glass)
    if change is None:
        return drawn
    laid: Pixels = np.clip(np.rint(drawn + change), 0, 255).astype(np.uint8)
    return laid


def _glands_alone(
    level: int,
    seed: int,
    window: Window,
    drawn: Pixels,
    parent: Pixels,
    layout: npt.NDArray[np.uint8],
) -> Plane | None:
    """Return what changes at level 6, or None."""
    wide, inner = window.grow(_EVEN), np.s_[_EVEN:-_EVEN, _EVEN:-_EVEN]
    shares = fractions(layout, wide, level)
    strength = np.clip(2 * (shares[MUCOSA] + shares[TUMOR]) - 1, 0, 1)[..., None]
    painted = tissue_density(level, seed, wide, shares, layout) if strength.any() else None
    if painted is None:
        return None
    factor, density = painted[..., :3], enlarged_by(optical_density(parent), RIM)
    light = _light(density * factor[inner] * _held(factor, strength, density, _EVEN))
    light += _kept(level, painted[..., 3:4][inner], shares[:, *inner]) * _finer(drawn, parent)
    return np.asarray(strength[inner] * (light - drawn), np.float32)


def _all_tissue(
    level: int,
    seed: int,
    window: Window,
    drawn: Pixels,
    parent: Pixels,
    layout: npt.NDArray[np.uint8],
    glass: npt.NDArray[np.int64],
) -> Plane | None:
    """Return what changes at levels 4 and 2, or None."""
    rim, beyond = STEP * _RIMS, STEP * (_BORDERS - _RIMS)
    wide, inner = window.grow(rim), np.s_[rim:-rim, rim:-rim]
    shares, even = fractions(layout, wide.grow(beyond), level), optical_density(parent)
    line = border(level, seed, wide.grow(beyond), even, shares, layout, RIM - _BORDERS, glass)
    around, shares = shares, shares[:, beyond:-beyond, beyond:-beyond]
    strength = np.clip(1 - 2 * shares[GLASS], 0, 1)[..., None]
    if line is not None:
        tissue, line = line.tissue(around), line.without(beyond)
        strength = np.maximum(strength, line.near)
    if not strength.any():
        return None
    # the parent shows glands already, laid there: they are laid into its mean around
    density = enlarged_by(mean_around(even, RIM - 1 - _RIMS), 1)
    pale = np.clip((_NO_FAT - density.sum(2)) * _PALER, 0, 1)
    if level == UNIT_LEVEL:
        # nothing was laid outside mucosa before: what is dense there has more fibers, not more haze
        narrow = enlarged_by(_cut(mean_around(even, 1), RIM - 2 - _RIMS), 1)
        density += shares[TISSUE][..., None] * (narrow - density)
    painted = tissue_density(level, seed, wide, shares, layout, pale)
    if painted is None:
        return None
    factor, within = painted[..., :3], painted[..., 3:4][inner]
    away, alike = np.ones_like(strength), np.ones_like(strength)
    if level == UNIT_LEVEL:
        # vessels are what the parent does not show
        alike -= _UNLIKE * painted[..., 4:]
        away *= alike
    if line is not None:
        cells = None
        if level < UNIT_LEVEL:
            cells = surface_cells(seed, wide, 2.0 ** (level - UNIT_LEVEL), tissue, shares, beyond)
        if cells is not None:
            factor += cells[0] * (1 - painted[..., 3:4]) * (cells[1] - factor)
        density += line.near * (line.density - density)
        factor += line.glass * (1 - factor)
        away *= 1 - line.near
    tissue_share = shares[TISSUE][..., None] if level == UNIT_LEVEL else None
    light = _in_colors_of(parent, density * factor, alike, away, tissue_share)
    strength, shares, away = strength[inner], shares[:, *inner], away[inner]
    # gaps between fibers are no brighter than glass
    light += shares[TISSUE][..., None] * (np.minimum(light, glass.astype(np.float32)) - light)
    kept = _kept(level, within, shares) * (_KEPT_AT_BORDER + (1 - _KEPT_AT_BORDER) * away)
    change = strength * (light + kept * _finer(drawn, parent) - drawn)
    if level == UNIT_LEVEL:
        lost = repeated(mean_of_blocks(change * alike[inner]))
        change -= lost * (shares[MUCOSA] + shares[TUMOR])[..., None] * away
    return np.asarray(change, np.float32)


def _in_colors_of(parent: Pixels, density: Plane, alike: Plane, away: Plane, loose: Plane | None) -> Plane:
    """Return the light that tissue lets through, in the colors of its parent, which are given back smoothly.

    Parameters
    ----------
    parent : ndarray
        uint8 (y, x, 3), with a rim of :data:`RIM`.
    density : ndarray
        float32 (4 y', 4 x', 3), natural, with a rim of :data:`_RIMS` pixels of the parent.
    alike, away : ndarray
        float32 (4 y', 4 x', 1), how much of each pixel the parent shows; how much is given back to it.
    loose : ndarray, optional
        The same, of connective tissue: its fibers and membranes are made denser or paler instead, so that
        what lies between them stays clear.
    """
    light = _light(density)
    for left in range(_RIMS, 0, -1):
        above, cut = _cut(parent, RIM - left), STEP * (_RIMS + 1 - left)
        lost = mean_of_blocks((repeated(above) - light) * _cut(alike, cut - STEP))
        given = _cut(light, STEP) + enlarged_by(lost, 1) * _cut(away, cut)
        if loose is not None:
            slope = np.maximum(mean_of_blocks((light + 1) * density).sum(2, keepdims=True), _LEAST_SLOPE)
            paler = enlarged_by(lost.sum(2, keepdims=True) / slope, 1)
            more = 1 - np.clip(paler, -_MOST_CHANGED, _MOST_CHANGED) * _cut(alike, cut)
            density = _cut(density, STEP) * more
            given += _cut(loose, cut) * (_light(density) - given)
        light = given
    return light


def _cut(values: npt.NDArray[Any], rim: int) -> npt.NDArray[Any]:
    """Return a picture without its rim."""
    return values[rim:-rim, rim:-rim] if rim else values


def _kept(level: int, within: Plane, shares: Plane) -> Plane:
    """Return the share that is kept of what was drawn finer than its parent, float32 (y, x, 1)."""
    of_mucosa, of_tumor, of_glands = (np.float32(one) for one in _KEPT)
    kept = of_mucosa + (of_tumor - of_mucosa) * shares[TUMOR][..., None]
    kept += (of_glands - kept) * within
    if level < UNIT_LEVEL:
        kept *= _KEPT_OF_CELLS
    kept += (_KEPT_ELSEWHERE - kept) * (shares[TISSUE] + shares[MUSCLE])[..., None] * (1 - within)
    return np.asarray(kept, np.float32)


def _finer(drawn: Pixels, parent: Pixels) -> Plane:
    """Return what was drawn finer than its parent."""
    return np.asarray(drawn - enlarged_by(parent.astype(np.float32), RIM), np.float32)


def _held(factor: Plane, strength: Plane, density: Plane, radius: int) -> Plane:
    """Return what densities are multiplied by, so that the light which passes keeps its mean over a square.

    Densities that vary let more light pass than their mean does: to the second order by half their variance.

    Parameters
    ----------
    factor, strength : ndarray
        float32 (y, x, 3) and (y, x, 1): what densities are multiplied by already, and how much of it is laid.
    density : ndarray
        float32 (y - 2 radius, x - 2 radius, 3), natural, of the tissue around.
    radius : int
        Half the side of the square.
    """
    least = np.float32(0.01)
    laid = np.maximum(mean_around(strength, radius), least)
    mean = np.maximum(mean_around(factor * strength, radius) / laid, least)
    spread = np.maximum(mean_around(factor * factor * strength, radius) / laid - mean * mean, 0)
    # 1 = held * mean - held ** 2 * density * spread / 2
    root = np.sqrt(np.maximum(mean * mean - 2 * density * spread, 0))
    return np.asarray(2 / (mean + root), np.float32)


def _light(density: Plane) -> Plane:
    """Return gray levels, 0 to 255, that densities let through."""
    return np.asarray(256 * light_through(np.maximum(density, np.float32(0.004))) - 1, np.float32)
