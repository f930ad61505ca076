"""Outlines of nuclei as polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

_TOLERANCE = 0.3  # px that a corner may be off the outline


def outlines_of(labels: npt.NDArray[np.int32], where: Window) -> tuple[npt.NDArray[np.float32], ...]:
    """Trace the nuclei of a window.

    Parameters
    ----------
    labels : ndarray
        int32 (y, x), 1 to n.
    where : Window
        Where it lies.

    Returns
    -------
    tuple of ndarray
        float32 (k, 2) for each nucleus, the first corner again at the end: x and y of its largest outline,
        from the corner of the first pixel.
    """
    from scipy import ndimage as ndi
    from skimage.measure import approximate_polygon, find_contours

    outlines = []
    for number, place in enumerate(ndi.find_objects(labels), start=1):
        mask = np.pad(labels[place] == number, 1).astype(np.float32)
        longest = max(find_contours(mask, 0.5), key=len)
        corners = approximate_polygon(longest, _TOLERANCE)
        y = corners[:, 0] + place[0].start + where.y0 - 0.5
        x = corners[:, 1] + place[1].start + where.x0 - 0.5
        outlines.append(np.stack([x, y], axis=-1).astype(np.float32))
    return tuple(outlines)
