"""Pictures and label maps of any scale, brought to a model's so that a latent can be fitted to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.stain import LEAST_SIDE, check_he
from napari_histosynth.core.tissue import TissueScheme, convert_labels
from napari_histosynth.latent.refine import Refined, refine_latent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.paint.weak import Hints

#: Side in pixels, at the model's scale, of the middle of a picture that a latent is fitted to.
FITTED_TO = 768
_LABELING = 0.3  # share of the time that labeling takes


def fit_picture(
    model: PaintModel,
    rgb: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    *,
    um_per_px: float | None = None,
    scheme: TissueScheme | None = None,
    steps: int = 60,
    tell: Callable[[float], None] = lambda share: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Refined:
    """Fit the latent of a picture of any scale and size, with its label map in any scheme.

    Parameters
    ----------
    model : PaintModel
        A local one with an encoder.
    rgb : ndarray
        uint8 (y, x, 3). Of a large picture the middle is looked at.
    labels : ndarray
        uint8 (y, x), pixel by pixel with the picture.
    um_per_px : float, optional
        Scale of both; the model's by default.
    scheme : TissueScheme, optional
        Of the labels; the model's by default.
    steps, tell, is_cancelled
        See :func:`~napari_histosynth.latent.refine.refine_latent`.

    Raises
    ------
    ImageError
        If the picture is too small or too large, or the labels have another size.
    """
    from napari_histosynth.paint.middle import middle_of
    from napari_histosynth.paint.resample import resample_labels, resize_rows, scaled_shape

    um_per_px = model.um_per_px if um_per_px is None else um_per_px
    part = middle_of(rgb, um_per_px, model.um_per_px, FITTED_TO)
    check_he(part)
    if labels.shape != rgb.shape[:2]:
        raise ImageError(
            f"The labels are {labels.shape}, the picture {rgb.shape[:2]}; they must be of one size."
        )
    own = middle_of(labels, um_per_px, model.um_per_px, FITTED_TO)
    drawn = convert_labels(own, scheme or model.scheme, model.scheme)
    shape = scaled_shape((part.shape[0], part.shape[1]), um_per_px, model.um_per_px)
    if shape != part.shape[:2]:
        part = resize_rows(part, (0, 0, part.shape[1], part.shape[0]), shape)
        drawn = resample_labels(drawn, shape)
    return refine_latent(model, part, drawn, steps=steps, tell=tell, is_cancelled=is_cancelled)


def fit_unlabeled(
    model: PaintModel,
    rgb: npt.NDArray[np.uint8],
    *,
    um_per_px: float | None = None,
    tissue: Hints | None = None,
    steps: int = 60,
    tell: Callable[[float], None] = lambda share: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Refined:
    """Fit the latent of a picture without a label map: its middle is labeled first, in the model's classes.

    Parameters
    ----------
    model, rgb, um_per_px, steps, tell, is_cancelled
        See :func:`fit_picture`.
    tissue : Hints, optional
        What is known of the tissue, where the model draws ten classes; by default each gland is judged by
        its mucin.

    Raises
    ------
    ImageError
        If the picture is gray, too small, or cannot be labeled at its scale.
    """
    from napari_histosynth.paint.fromhe import labels_of
    from napari_histosynth.paint.middle import middle_of
    from napari_histosynth.paint.tenclasses import takes_ten_classes
    from napari_histosynth.paint.weak import UNKNOWN, hints_of

    um_per_px = model.um_per_px if um_per_px is None else um_per_px
    part = middle_of(rgb, um_per_px, model.um_per_px, FITTED_TO)
    check_he(part, LEAST_SIDE)
    ten = takes_ten_classes(model.scheme)
    found = labels_of(
        part,
        um_per_px,
        tissue=(tissue or hints_of(UNKNOWN)) if ten else None,
        cancel=is_cancelled,
        progress=lambda share: tell(_LABELING * share),
    )
    return fit_picture(
        model,
        part,
        found.labels,
        um_per_px=um_per_px,
        scheme=found.scheme,
        steps=steps,
        tell=lambda share: tell(_LABELING + (1 - _LABELING) * share),
        is_cancelled=is_cancelled,
    )


def fit_file(
    model: PaintModel,
    picture: Path,
    labels: Path | None,
    *,
    um_per_px: float | None = None,
    tissue: Hints | None = None,
    steps: int = 60,
    tell: Callable[[float], None] = lambda share: None,
) -> Refined:
    """Fit the latent of a picture in a file, with its label map in another, at most 16,384 px a side.

    Without one the picture is labeled first; see :func:`fit_unlabeled`. ``um_per_px`` is the scale, where it
    is known better than by files.
    """
    from napari_histosynth.paint.inputs import read_he, read_label_file
    from napari_histosynth.paint.middle import read_he_middle

    if labels is None:
        part, scale = read_he_middle(picture, model.um_per_px, FITTED_TO, um_per_px)
        return fit_unlabeled(model, part, um_per_px=scale, tissue=tissue, steps=steps, tell=tell)
    rgb, stated = read_he(picture)
    um_per_px = um_per_px or stated
    given = read_label_file(labels, model.scheme, um_per_px or model.um_per_px)
    return fit_picture(
        model,
        rgb,
        given.labels,
        um_per_px=um_per_px or given.um_per_px,
        scheme=given.scheme,
        steps=steps,
        tell=tell,
    )
