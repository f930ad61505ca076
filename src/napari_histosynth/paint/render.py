"""A label map of any scheme and scale becomes a picture of its size: the job of ``histosynth render``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme, convert_labels
from napari_histosynth.paint.canvas import MAX_SIDE, Canvas
from napari_histosynth.paint.nuclei import scatter_nuclei
from napari_histosynth.paint.resample import picture_strips, resample_labels, resize_rows, scaled_shape

if TYPE_CHECKING:
    from napari_histosynth.paint.lookfile import LookPlan
    from napari_histosynth.paint.model import PaintModel

NUCLEI = "nuclei"


@dataclass(frozen=True)
class Rendering:
    """A picture with the label map that it was drawn from, pixel by pixel.

    Attributes
    ----------
    image : ndarray
        uint8 (y, x, 3), RGB.
    labels : ndarray
        uint8 (y, x), in the model's scheme, nuclei that were added included.
    um_per_px : float
        Scale of both.
    nuclei_added : bool
        Whether nuclei were scattered because the scheme of the input has none.
    provenance : Provenance
        What made it.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    um_per_px: float
    nuclei_added: bool
    provenance: Provenance


def render_labels(
    model: PaintModel,
    labels: npt.ArrayLike,
    *,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    seed: int = 0,
    latent: npt.NDArray[np.float32] | None = None,
    latent_seed: int | None = None,
    looks: LookPlan | None = None,
    add_nuclei: bool = True,
    keep_scale: bool = True,
    cancel: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rendering:
    """Draw a label map, taking its classes and its scale to the model's and the picture back to its scale.

    In this order: the classes are rewritten in the model's scheme
    (:func:`~napari_histosynth.core.tissue.convert_labels`); the map is resampled to the model's scale with
    smooth contours; nuclei are scattered if the model has them and the scheme of the input does not; the
    picture is drawn, and resampled to the pixels of the input.

    Parameters
    ----------
    model : PaintModel
        From :func:`napari_histosynth.load_model`.
    labels : array_like
        (y, x) of any integer dtype; not changed.
    scheme : TissueScheme, optional
        Of ``labels``; the model's by default.
    um_per_px : float, optional
        Micrometers a pixel of ``labels``; the model's by default.
    seed : int
        Chooses the fine texture, and the arrangement of nuclei that are added.
    latent : ndarray, optional
        float32 (latent_size,), the look. By default drawn at random by ``latent_seed``.
    latent_seed : int, optional
        Chooses the look; ``seed`` by default.
    looks : LookPlan, optional
        Looks at places and in regions of the label map; see :mod:`napari_histosynth.paint.lookfile`. The
        look that they lie on is ``latent`` or that of ``latent_seed``, else what the plan says, with its
        strengths by class.
    add_nuclei : bool
        Whether to scatter nuclei into a map whose scheme has none, if the model's has. Without, the
        model is left to draw tissue without marked nuclei.
    keep_scale : bool
        Whether the picture has the pixels of ``labels``; if not, it stays at the model's scale.
    cancel : callable, optional
        Asked now and then whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    Rendering

    Raises
    ------
    LabelMapError
        If the label map does not fit its scheme, or is too large at the model's scale.
    SchemeError
        If it holds a class that the model's scheme has no counterpart for.
    Cancelled
        If ``cancel`` returned true.
    """
    scheme = model.scheme if scheme is None else scheme
    um_per_px = model.um_per_px if um_per_px is None else um_per_px
    source = scheme.check(labels)
    canvas_shape = _canvas_shape(source.shape, um_per_px, model)
    converted = convert_labels(source, scheme, model.scheme)
    drawn = resample_labels(converted, canvas_shape)
    scatters = add_nuclei and NUCLEI in model.scheme.names and NUCLEI not in scheme.names
    if scatters:
        drawn = scatter_nuclei(drawn, scheme=model.scheme, um_per_px=model.um_per_px, seed=seed)
    canvas = _canvas(model, drawn, seed, latent, latent_seed, looks)
    shape = source.shape if keep_scale else canvas_shape
    image = _render(canvas, shape, cancel, progress)
    facts: dict[str, Any] = {
        "input_scheme": scheme.name,
        "input_um_per_px": um_per_px,
        "input_sha256": hashlib.sha256(source.tobytes()).hexdigest(),
        "nuclei_added": scatters,
        **scheme_note(model.scheme),
    }
    made = canvas.provenance()
    scale = um_per_px if keep_scale else model.um_per_px
    made = replace(made, um_per_px=scale, size=shape, extra={**made.extra, **facts})
    if keep_scale and shape != canvas_shape:
        drawn = _with_nuclei_of(converted, drawn, model.scheme) if scatters else converted
    return Rendering(image, drawn, scale, scatters, made)


def _canvas_shape(shape: tuple[int, ...], um_per_px: float, model: PaintModel) -> tuple[int, int]:
    """Return the size of a label map at the model's scale, or say what is wrong with it."""
    if not (math.isfinite(um_per_px) and um_per_px > 0):
        raise LabelMapError(f"A scale of {um_per_px} um per px is impossible; give a positive number.")
    height, width = scaled_shape((shape[0], shape[1]), um_per_px, model.um_per_px)
    if max(height, width) > MAX_SIDE:
        raise LabelMapError(
            f"The label map is {shape[1]:,} x {shape[0]:,} px at {um_per_px:g} um/px, which is {width:,} x "
            f"{height:,} px at the {model.um_per_px:g} um/px of {model.name}; at most {MAX_SIDE:,} px a side "
            "are drawn, so crop it or correct its scale."
        )
    return height, width


def _canvas(
    model: PaintModel,
    labels: npt.NDArray[np.uint8],
    seed: int,
    latent: npt.NDArray[np.float32] | None,
    latent_seed: int | None,
    looks: LookPlan | None,
) -> Canvas:
    """Return the canvas of a label map at the model's scale, of one look or of several."""
    if looks is None:
        return Canvas(model, labels, latent=latent, seed=seed, latent_seed=latent_seed)
    if latent is None and latent_seed is None and looks.own is not None:
        latent, latent_seed = looks.own.latent, looks.own.seed
    else:
        looks = replace(looks, strengths=None)  # they lead to the plan's own look, not to another one
        if latent is None:
            latent_seed = seed if latent_seed is None else latent_seed
            latent = model.sample_latent(latent_seed)
    height, width = labels.shape
    field = looks.build(model, latent, (height, width), labels)
    return Canvas(model, labels, latent=field, seed=seed, latent_seed=latent_seed)


def _render(
    canvas: Canvas,
    shape: tuple[int, ...],
    cancel: Callable[[], bool] | None,
    progress: Callable[[float], None] | None,
) -> npt.NDArray[np.uint8]:
    """Draw a canvas and resample it to a shape, in strips of rows."""
    height, width = canvas.shape
    if shape == (height, width):
        return np.asarray(canvas.render(cancel=cancel, progress=progress))
    image = np.empty((*shape, 3), np.uint8)
    for rows, source, box in picture_strips((height, width), (shape[0], shape[1])):
        begun, share = rows.start / shape[0], (rows.stop - rows.start) / shape[0]

        def tell(part: float, begun: float = begun, share: float = share) -> None:
            if progress is not None:
                progress(begun + share * part)

        drawn = canvas.render(Window(source.start, source.stop, 0, width), cancel=cancel, progress=tell)
        image[rows] = resize_rows(drawn, box, (rows.stop - rows.start, shape[1]))
    return image


def _with_nuclei_of(
    labels: npt.NDArray[np.uint8], drawn: npt.NDArray[np.uint8], scheme: TissueScheme
) -> npt.NDArray[np.uint8]:
    """Return a label map with the nuclei of the map that was drawn at another scale."""
    nuclei = scheme.index_of(NUCLEI)
    found = resample_labels(drawn, (labels.shape[0], labels.shape[1])) == nuclei
    return np.where(found, np.uint8(nuclei), labels)
