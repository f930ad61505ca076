"""Pictures and label maps of any scale, brought to a model's so that a latent can be fitted to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.stain import check_he
from napari_histosynth.core.tissue import TissueScheme, convert_labels
from napari_histosynth.latent.refine import Refined, refine_latent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel

#: Side in pixels, at the model's scale, of the middle of a picture that a latent is fitted to.
FITTED_TO = 768


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


def fit_file(
    model: PaintModel,
    picture: Path,
    labels: Path,
    *,
    um_per_px: float | None = None,
    steps: int = 60,
    tell: Callable[[float], None] = lambda share: None,
) -> Refined:
    """Fit the latent of a picture in a file, with its label map in another; see :func:`fit_picture`.

    Both have at most 16,384 px a side. ``um_per_px`` is their scale, where it is known better than by files.
    """
    from napari_histosynth.paint.inputs import read_he, read_label_file

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
