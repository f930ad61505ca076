"""Which nuclei proliferate: planes that steer a generator of Ki-67.

Little in H&E says whether a nucleus holds Ki-67, and a network that is to guess learns to go by darkness. A
generator that is *told* which nuclei are positive has to draw them and nothing else, so that a picture of a
given labelling index can be made. In training, nuclei of real Ki-67 tell themselves; those of H&E are made
positive by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_histosynth.core.stain import optical_density
from napari_histosynth.paint.labels import nuclei_mask, part_nuclei
from napari_histosynth.stain.colors import DAB, HEMATOXYLIN

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tiles import Window

#: Stream of the chances of nuclei, apart from those of other noise.
STREAM = 0x6167
#: Area of a piece that counts as a nucleus, um^2.
SMALLEST = 8.0
#: DAB, optical density, from which a nucleus of a real picture is taken for positive.
BROWN = 0.3
#: Least DAB and hematoxylin together of a nucleus in Ki-67, optical density.
STAINED = 0.18


class Steering(Protocol):
    """Whoever says which nuclei are positive."""

    def planes(self, window: Window, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
        """Return the planes of a window, float32 (3, y, x); None where the network is to decide.

        Parameters
        ----------
        window : Window
            Where, in pixels of the model's scale.
        rgb : ndarray
            uint8 (y, x, 3), what the picture shows there.
        """


def instances(mask: npt.NDArray[np.bool_], um_per_px: float) -> npt.NDArray[np.int32]:
    """Part a mask of nuclei into single ones, int32 (y, x), 0 where there is none.

    A watershed on the distance to the border; pieces below :data:`SMALLEST` are left out.
    """
    found = part_nuclei(mask, um_per_px, smooth_um=0.6, apart_um=2.2)
    large = np.bincount(found.ravel()) * um_per_px**2 >= SMALLEST
    large[0] = False
    return np.asarray(np.where(large[found], found, 0), np.int32)


def he_nuclei(rgb: npt.NDArray[np.uint8], um_per_px: float) -> npt.NDArray[np.int32]:
    """Find single nuclei of H&E, int32 (y, x), by their hematoxylin (SHI-GAN, section 2.1)."""
    return instances(nuclei_mask(rgb, um_per_px=um_per_px), um_per_px)


def ki67_nuclei(
    rgb: npt.NDArray[np.uint8], um_per_px: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Find single nuclei of a picture stained for Ki-67, and which are positive.

    Returns
    -------
    nuclei : ndarray
        int32 (y, x), 0 where there is none.
    positive : ndarray
        bool (n + 1,), by number; nothing for 0.
    """
    from scipy import ndimage

    amounts = unmixed(rgb)
    both = ndimage.gaussian_filter(amounts.sum(2), 0.7 / um_per_px)
    local = ndimage.gaussian_filter(both, 12.0 / um_per_px)
    mask = both > np.maximum(STAINED, 0.5 * local + 0.6 * STAINED)
    nuclei = instances(ndimage.binary_opening(mask, iterations=1), um_per_px)
    count = int(nuclei.max())
    means = ndimage.sum(amounts[..., 1], nuclei, np.arange(count + 1)) / np.maximum(
        np.bincount(nuclei.ravel()), 1
    )
    positive = np.asarray(means) > BROWN
    positive[0] = False
    return nuclei, np.asarray(positive, bool)


def unmixed(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return hematoxylin and DAB of a picture, float32 (y, x, 2), above its palest tissue or glass."""
    colors = np.array([HEMATOXYLIN, DAB])
    colors /= np.linalg.norm(colors, axis=1, keepdims=True)
    density = optical_density(rgb)
    density = density - np.percentile(density.reshape(-1, 3)[::7], 5, axis=0).astype(np.float32)
    return np.asarray(np.maximum(density @ np.linalg.pinv(colors).astype(np.float32), 0), np.float32)


def planes_of(nuclei: npt.NDArray[np.int32], positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the planes, float32 (3, y, x), of nuclei (y, x) of which some, (n + 1,), are positive."""
    is_positive = positive[nuclei]
    found = nuclei > 0
    return np.stack([is_positive & found, ~is_positive & found, np.ones_like(found)]).astype(np.float32)
