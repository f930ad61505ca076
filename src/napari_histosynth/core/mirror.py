"""What lies beyond the border of a picture or label map: itself, mirrored about its outermost pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window


def mirrored_index(index: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.integer]:
    """Return indices folded back into 0 to ``size - 1``, the outermost standing once."""
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    index = np.abs(index) % period
    return np.asarray(np.minimum(index, period - index))


def mirrored(labels: npt.NDArray[np.uint8], window: Window) -> npt.NDArray[np.uint8]:
    """Read a window that may reach outside a label map, which is mirrored there.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x) or (y, x, 3).
    window : Window
        Any window.

    Returns
    -------
    ndarray
        uint8 of the window's shape.
    """
    if window.clip(labels.shape) == window:
        return labels[window.slices]
    rows = mirrored_index(np.arange(window.y0, window.y1), labels.shape[0])
    columns = mirrored_index(np.arange(window.x0, window.x1), labels.shape[1])
    return np.asarray(labels[np.ix_(rows, columns)])
