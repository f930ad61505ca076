"""How like two pictures are (Liu et al., section 5.1 and figure 3), and where they differ (figure 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import HistosynthError, ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

MEASURES = ("ssim", "ms_ssim", "psnr", "mae")

LEAST_SIDE = 161
"""Pixels a side that the five scales of MS-SSIM and its window of 11 px need."""

WHOLE = 64
"""Difference in gray levels from which a residual map is darkest."""

_COLORS = np.array([[255, 255, 255], [253, 205, 140], [222, 70, 50], [70, 0, 60]], np.float64)


def similarities(pictures: Sequence[Pixels], others: Sequence[Pixels]) -> dict[str, npt.NDArray[np.float64]]:
    """Compare pictures pair by pair.

    Parameters
    ----------
    pictures, others : sequence of ndarray
        uint8 (y, x, 3), those of a pair of one size, of at least :data:`LEAST_SIDE` px a side.

    Returns
    -------
    dict of str to ndarray
        float64 (n,): ``ssim`` (Wang et al. 2004, windows of spread 1.5 px, mean of the colors) and
        ``ms_ssim`` (Wang et al. 2003, five scales), 1 for the same; ``psnr`` in dB; ``mae``, mean absolute
        difference in gray levels of 255.

    Raises
    ------
    ImageError
        If pictures are too small, or of different sizes.
    HistosynthError
        If torchmetrics is not installed.
    """
    try:
        from torchmetrics.functional import image as measures
    except ImportError as error:
        raise HistosynthError(
            "Comparing pictures needs torchmetrics; install it with pip install 'napari-histosynth[study]'."
        ) from error
    import torch

    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for one, other in zip(pictures, others, strict=True):
        if one.shape != other.shape or min(one.shape[:2]) < LEAST_SIDE:
            raise ImageError(
                f"Pictures of {one.shape[:2]} and {other.shape[:2]} px cannot be compared; give pairs of one "
                f"size with {LEAST_SIDE} px a side or more."
            )
        a, b = (torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255 for rgb in (one, other))
        ssim = measures.structural_similarity_index_measure(a, b, data_range=1.0)
        assert isinstance(ssim, torch.Tensor)  # a pair only where the full map is asked for
        found["ssim"].append(float(ssim))
        found["ms_ssim"].append(
            float(measures.multiscale_structural_similarity_index_measure(a, b, data_range=1.0))
        )
        found["psnr"].append(float(measures.peak_signal_noise_ratio(a, b, data_range=1.0)))
        found["mae"].append(float((a - b).abs().mean() * 255))
    return {name: np.array(values, np.float64) for name, values in found.items()}


def residual_map(picture: Pixels, other: Pixels) -> Pixels:
    """Show where two pictures differ: white where they agree, dark where by :data:`WHOLE` levels or more.

    Parameters
    ----------
    picture, other : ndarray
        uint8 (y, x, 3).

    Returns
    -------
    ndarray
        uint8 (y, x, 3), by the mean absolute difference of the colors.
    """
    apart = np.abs(picture.astype(np.float64) - other.astype(np.float64)).mean(axis=2)
    place = np.clip(apart / WHOLE, 0, 1) * (len(_COLORS) - 1)
    shown = [np.interp(place, np.arange(len(_COLORS)), column) for column in _COLORS.T]
    return np.asarray(np.rint(np.stack(shown, -1)), np.uint8)
