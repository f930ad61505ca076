"""Label maps from H&E by the best means there are: a trained segmenter, else the stain alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import Cancelled, ModelError
from napari_histosynth.core.tissue import Labels, TissueScheme, get_scheme
from napari_histosynth.paint.labels import labels_from_he

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.paint.segment import Segmenter
    from napari_histosynth.paint.weak import Hints

BY_STAIN = "stain"
"""Name of the way that needs no model: brightness and color deconvolution, which tells no glands."""

SEGMENTER = "gland-segmenter"


@dataclass(frozen=True, eq=False)
class Found:
    """A label map that was made of H&E.

    Attributes
    ----------
    labels : ndarray
        uint8 (y, x), pixel by pixel with the picture.
    scheme : TissueScheme
        Its classes.
    by : str
        Name of the model that found them, or :data:`BY_STAIN`.
    """

    labels: Labels
    scheme: TissueScheme
    by: str


def labels_of(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    *,
    tissue: Hints | None = None,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Found:
    """Label an H&E picture.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3).
    um_per_px : float
        Micrometers a pixel.
    tissue : Hints, optional
        What is known of the tissue: the labels are then of the ten classes of ``colon-10``, by rules.
    cancel : callable, optional
        Asked now and then whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Raises
    ------
    ImageError
        If the picture or its scale cannot be used, or it is too large for ten classes.
    ModelError
        If ten classes are wanted, and there is no segmenter to find the glands.
    Cancelled
        If ``cancel`` returned true.
    """
    if tissue is not None:
        return _of_ten(rgb, um_per_px, tissue, cancel, progress)
    segmenter = _segmenter()
    if segmenter is not None:
        labels = segmenter.segment(rgb, um_per_px, cancel=cancel, progress=progress)
        return Found(labels, segmenter.scheme, segmenter.name)
    if cancel is not None and cancel():
        raise Cancelled("Labeling was stopped.")
    return Found(labels_from_he(rgb, um_per_px=um_per_px), get_scheme("colon-3"), BY_STAIN)


def _of_ten(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    tissue: Hints,
    cancel: Callable[[], bool] | None,
    progress: Callable[[float], None] | None,
) -> Found:
    """Label in ten classes, which takes the segmenter."""
    from napari_histosynth.paint.segment import load_segmenter
    from napari_histosynth.paint.tenclasses import SCHEME, ten_classes

    segmenter = load_segmenter(SEGMENTER)
    labels, _ = ten_classes(segmenter, rgb, um_per_px, tissue=tissue, cancel=cancel, progress=progress)
    return Found(labels, get_scheme(SCHEME), segmenter.name)


def _segmenter() -> Segmenter | None:
    """Return the segmenter, None where there is none."""
    from napari_histosynth.zoo import find_model

    try:
        find_model(SEGMENTER)
    except ModelError:
        return None
    from napari_histosynth.paint.segment import load_segmenter

    return load_segmenter(SEGMENTER)
