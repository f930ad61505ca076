"""Ten colon classes from any H&E: a network finds the glands, rules tell the rest (docs/weak-labels.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.paint.regions import glands_of
from napari_histosynth.paint.resample import resize_labels
from napari_histosynth.paint.scaledpicture import LABEL_REACH, ScaledPicture, checked_scale
from napari_histosynth.paint.weak import Hints, weak_label_maps

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.segment import Segmenter

SCHEME = "colon-10"
"""Name of the scheme of these labels."""

UM_PER_PX = 1.0
"""Scale at which the rules look at a picture, unless it is coarser itself: the one they were set at."""

MOST_PX = 4096
"""Pixels a side, at that scale, that are labeled at once: the rules compare with all of the picture."""

_GLANDS_SHARE = 0.6  # of the time


def takes_ten_classes(scheme: TissueScheme) -> bool:
    """Return whether label maps in a scheme can hold the ten classes."""
    return set(get_scheme(SCHEME).names) <= set(scheme.names)


def ten_classes(
    segmenter: Segmenter,
    rgb: Any,
    um_per_px: float | None,
    window: Window | None = None,
    *,
    tissue: Hints | None = None,
    keep_scale: bool = True,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Label H&E of colon in the ten classes of SHI-GAN.

    Parameters
    ----------
    segmenter : Segmenter
        Finds the glands.
    rgb : array_like
        uint8 (y, x, 3): an array, or anything with ``shape`` and ``dtype`` that slices give arrays of.
    um_per_px : float
        Micrometers a pixel of ``rgb``, 0.05 to 4.
    window : Window, optional
        Part of ``rgb`` to label; all of it by default. The rules compare with what is in it alone.
    tissue : Hints, optional
        What is known of the tissue; by default each gland is judged by its mucin.
    keep_scale : bool
        Whether the labels have the pixels of ``rgb``; if not, they are at :data:`UM_PER_PX`, or at the
        scale of ``rgb`` if that is coarser.
    cancel : callable, optional
        Asked now and then whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    labels : ndarray
        uint8 (y, x) of the scheme ``colon-10``.
    glands : ndarray
        bool (y, x), where glands are, lumen included.

    Raises
    ------
    ImageError
        If the picture or the scale cannot be used, or the part has more than :data:`MOST_PX` a side.
    DeviceError
        If memory does not suffice.
    Cancelled
        If ``cancel`` returned true.
    """
    scale = checked_scale(um_per_px)
    picture = ScaledPicture(rgb, scale, max(scale, UM_PER_PX))
    wanted = Window.of_shape(picture.source) if window is None else window.clip(picture.source)
    seen = picture.at_scale(wanted, LABEL_REACH if keep_scale else 0)
    if max(seen.shape) > MOST_PX + 2 * LABEL_REACH:
        raise ImageError(
            f"The part to label is {seen.width:,} x {seen.height:,} px at {max(scale, UM_PER_PX):g} um/px; "
            f"ten classes are told in at most {MOST_PX:,} px a side at once, so choose a smaller part."
        )

    def tell(share: float) -> None:
        if cancel is not None and cancel():
            raise Cancelled("Labeling was stopped.")
        if progress is not None:
            progress(share)

    glands = _glands(segmenter, picture, seen, scale, rgb, lambda share: tell(_GLANDS_SHARE * share))
    labels = weak_label_maps(
        picture.read(seen),
        max(scale, UM_PER_PX),
        epithelium=glands,
        tissue=tissue or Hints("mixed"),
        details=(1.0,),
        progress=lambda share: tell(_GLANDS_SHARE + (1 - _GLANDS_SHARE) * share),
    )[0]
    tell(1.0)
    if not keep_scale or picture.shape == picture.source:
        return labels, glands
    back = picture.back(glands.astype(np.uint8), seen, wanted)
    return picture.back(labels, seen, wanted), back.astype(bool)


def _glands(
    segmenter: Segmenter,
    picture: ScaledPicture,
    seen: Window,
    scale: float,
    rgb: Any,
    tell: Callable[[float], None],
) -> npt.NDArray[np.bool_]:
    """Return where glands are in a window at the rules' scale, bool (y, x)."""
    fy, fx = (a / b for a, b in zip(picture.source, picture.shape, strict=True))
    part = Window(
        int(seen.y0 * fy), int(np.ceil(seen.y1 * fy)), int(seen.x0 * fx), int(np.ceil(seen.x1 * fx))
    ).clip(picture.source)
    found = glands_of(segmenter.regions(rgb, scale, part, keep_scale=False, progress=tell))
    # the answers cover the part; where the window lies in them follows from where it lies in the part
    down, across = found.shape[0] / part.height, found.shape[1] / part.width
    box = (
        (seen.x0 * fx - part.x0) * across,
        (seen.y0 * fy - part.y0) * down,
        (seen.x1 * fx - part.x0) * across,
        (seen.y1 * fy - part.y0) * down,
    )
    return resize_labels(found.astype(np.uint8), box, seen.shape).astype(bool)
