"""The layout of a real overview, told by its stain: weak labels to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.stain import (
    SPREAD,
    TYPICAL,
    check_he,
    hematoxylin_weights,
    optical_density,
    read_stain,
)
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR

if TYPE_CHECKING:
    import numpy.typing as npt

#: Sum of optical densities above glass from which a pixel is tissue: fat is hardly darker than glass.
_TISSUE = 0.12
#: Share of the slide's usual density below which, over some 400 um, tissue is fat, and its gaps are closed.
_FAT = 0.45
#: Pixels over which stain is averaged (standard deviation): about as wide as a crypt is apart from the next.
_BLUR = 2.0
#: Pixels at a border, half glass, that take their class from what lies deeper.
_RIND = 2
#: Hematoxylin, 1 in the stain's own color of nuclei, from which tissue holds crypts.
_CRYPTS = 0.27
#: What pinkness beyond eosin's own, and in pink tissue a lack of texture, count as in hematoxylin.
_PINK, _SMOOTH = 0.6, 2.0
#: Local contrast that tissue with crypts has at least.
_TEXTURE = 0.17
#: Share of eosin's own pinkness from which tissue is pink, and of the stain's density from which it is dense.
_PINKISH, _DENSE = 0.9, 0.3
#: Pixels that a patch of a class has at least (0.1 mm2), a fragment of tissue, and a hole.
_PATCH, _FRAGMENT, _HOLE = 100, 12, 20
#: Pixels that a piece of muscle has at least: a wall, not a vessel.
_WALL = 600


def layout_of_picture(rgb: npt.NDArray[np.uint8], *, tumor: bool, muscle: bool) -> npt.NDArray[np.uint8]:
    """Read a layout from the overview of a real slide by the stain that it has.

    Glass is what is pale. Tissue is mucosa (or tumor) where it is rich in hematoxylin and textured, as crypts
    are; muscle in large areas that are dense and as pink as eosin's own color in this slide; else tissue.
    The stain is the picture's own, so that pale slides and dark ones are read alike. These are weak
    labels: lymphoid tissue counts as mucosa, and so does dense blue stroma.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3) at 32 um a pixel, H&E.
    tumor : bool
        Whether the epithelium of the slide is tumor: then it holds no mucosa.
    muscle : bool
        Whether the slide holds muscle, which stroma is easily taken for.

    Returns
    -------
    ndarray
        uint8 (y, x), classes of ``slide-layout``.

    Raises
    ------
    ImageError
        If the picture is not uint8 (y, x, 3) in color.
    """
    from scipy import ndimage

    rgb = np.asarray(rgb)
    check_he(rgb)
    stain = np.maximum(read_stain(rgb) * SPREAD + TYPICAL, 0.02).reshape(3, 3)
    above = optical_density(rgb) - stain[2]
    density = above.sum(2)
    inside = _tissue_of(density)
    layout = np.where(inside, TISSUE, GLASS).astype(np.uint8)
    solid = ndimage.binary_erosion(inside, iterations=_RIND, border_value=1)
    if not solid.any():
        return layout
    weight = solid.astype(np.float32)
    share = np.maximum(ndimage.gaussian_filter(weight, _BLUR), 1e-3)

    def blurred(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Average over tissue alone."""
        return np.asarray(ndimage.gaussian_filter(plane * weight, _BLUR) / share, np.float32)

    around = np.maximum(blurred(density), 0.05)
    eosin = max(float((stain[1, 1] - stain[1, 0]) / stain[1].sum()), 0.05)
    pinkness = blurred(above[..., 1] - above[..., 0]) / around / eosin
    texture = blurred(np.abs(density - around)) / around
    crypts = blurred(_hematoxylin_of(above, stain)) - _PINK * np.maximum(pinkness - 1, 0)
    crypts -= _SMOOTH * np.maximum(_TEXTURE - texture, 0) * (pinkness > _PINKISH)
    rich = _without_specks((crypts > _CRYPTS) & solid, _PATCH)
    rich |= solid & ~_without_specks(solid & ~rich, _PATCH) & (ndimage.gaussian_filter(1.0 * rich, 4) > 0.4)
    layout[rich] = TUMOR if tumor else MUCOSA
    if muscle:
        dense = around > _DENSE * float(stain[:2].sum(1).mean())
        layout[_without_specks((pinkness > _PINKISH) & dense & solid & ~rich, _WALL)] = MUSCLE
    rind = inside & ~solid
    far, (rows, columns) = ndimage.distance_transform_edt(~solid, return_indices=True)
    near = rind & (far <= 2 * _RIND)
    layout[near] = layout[rows[near], columns[near]]
    return layout


def _tissue_of(density: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return where there is tissue, fat included, by the density above glass."""
    from scipy import ndimage

    inside = np.asarray(ndimage.gaussian_filter(density, 1.0) > _TISSUE)
    if not inside.any():
        return inside
    pale = ndimage.gaussian_filter(density, 6.0) < _FAT * float(np.median(density[inside]))
    disk = np.hypot(*np.mgrid[-4:5, -4:5]) <= 4
    closed = ndimage.binary_closing(np.pad(inside, 4, mode="edge"), disk)[4:-4, 4:-4]
    inside |= closed & pale
    inside = _without_specks(inside, _FRAGMENT)
    return inside | ~(_without_specks(~inside, _HOLE) | inside)


def _hematoxylin_of(
    above: npt.NDArray[np.float32], stain: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return how much hematoxylin densities above glass hold, (y, x): 1 is the stain's color of nuclei."""
    unmix = hematoxylin_weights(stain.astype(np.float64)).astype(np.float32)
    return np.asarray(np.maximum((above * unmix).sum(2), 0), np.float32)


def _without_specks(mask: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """Return a mask without connected patches of fewer than ``least`` pixels."""
    from scipy import ndimage

    named, _ = ndimage.label(mask)
    sizes = np.bincount(named.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= least)[named], np.bool_)
