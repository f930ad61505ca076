"""The two questions that a segmenter answers, and how the classes of a label map follow from them.

What is it - background, tissue or a nucleus - and is it inside of a gland? The second is asked of every
pixel, lumen and nuclei included, as the masks of pathologists answer it. Together they give the map of
background, non-epithelium, epithelium and nuclei that is painted on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_histosynth.paint.labels import BACKGROUND, EPITHELIUM, NUCLEI, STROMA, without_nuclei

VOID, TISSUE, NUCLEUS = range(3)
N_KINDS = 3

#: Added to the kind of a pixel inside of a gland.
IN_GLAND = N_KINDS

#: Logits a pixel: one for each kind, and one for being in a gland.
N_LOGITS = N_KINDS + 1

_LABEL_OF = np.array([BACKGROUND, STROMA, NUCLEI, BACKGROUND, EPITHELIUM, NUCLEI], np.uint8)


def regions_of(
    labels: npt.NDArray[np.uint8], glands: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint8]:
    """Return what a segmenter should answer for a label map.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x) of the scheme ``colon-3`` or ``prostate-3``.
    glands : ndarray, optional
        bool (y, x), where glands are, lumen and nuclei included. Without, glands are epithelium with
        the nuclei nearest to it and what both enclose.

    Returns
    -------
    ndarray
        uint8 (y, x): kind, plus :data:`IN_GLAND` where in a gland.
    """
    from scipy.ndimage import binary_fill_holes

    if glands is None:
        glands = np.asarray(binary_fill_holes(without_nuclei(labels) == EPITHELIUM))
    kinds = np.full(labels.shape, TISSUE, np.uint8)
    kinds[labels == BACKGROUND] = VOID
    kinds[labels == NUCLEI] = NUCLEUS
    return kinds + np.uint8(IN_GLAND) * glands.astype(np.uint8)


def labels_of(regions: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the label map of a segmenter's answers, uint8 (y, x) of the scheme ``colon-3``."""
    return _LABEL_OF[regions]


def glands_of(regions: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where a segmenter's answers are inside of glands, bool (y, x)."""
    return np.asarray(regions >= IN_GLAND)
