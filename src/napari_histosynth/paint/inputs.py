"""What a person gives to be drawn: latents, and label maps whose scheme and scale may be unknown."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_histosynth.core.colors import hex_to_rgb
from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, ModelError
from napari_histosynth.core.provenance import Provenance, ProvenanceError
from napari_histosynth.core.scheme_note import noted_scheme
from napari_histosynth.core.stain import LEAST_SIDE, check_he
from napari_histosynth.core.tissue import Labels, TissueScheme, get_scheme, scheme_names
from napari_histosynth.io import open_slide, read_image, read_labels, read_provenance
from napari_histosynth.io.companion import Extent
from napari_histosynth.io.kinds import file_kind
from napari_histosynth.io.tiff import is_plain_tiff

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelCard

# Scales that a picture of tissue may have, in um/px: what a file says beyond them was meant for a printer
# (300 dpi is 85 um/px) or for nobody.
_PLAUSIBLE_UM_PER_PX = (0.05, 20.0)
_LOOKED_AT = 1024  # px at the model's scale: a look does not get clearer by more


@dataclass(frozen=True)
class LabelFile:
    """A label map read from a file.

    Attributes
    ----------
    labels : ndarray
        uint8 (y, x), indices into :attr:`scheme`.
    scheme : TissueScheme
        What it is written in.
    um_per_px : float
        Its scale.
    guessed : tuple of str
        Which of ``"scheme"`` and ``"um_per_px"`` neither the caller nor the file said.
    """

    labels: Labels
    scheme: TissueScheme
    um_per_px: float
    guessed: tuple[str, ...] = ()


def read_label_file(
    path: str | os.PathLike[str],
    model_scheme: TissueScheme,
    model_um_per_px: float,
    *,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    annotated: str | os.PathLike[str] | Extent | None = None,
    names: Mapping[str, str | None] | None = None,
) -> LabelFile:
    """Read a label map, finding out its scheme and scale where they are not given.

    What the file says of itself (files of this package do) comes first. Otherwise the scheme is the first
    that holds all of its colors, of: the model's own, if it is not built in; ``prostate-3``; ``colon-10``;
    the model's. A map of gray index values is tried with the model's first. Where no pixel is a nucleus,
    a scheme of three classes gives way to its counterpart of two. The scale is then the scheme's, if it
    has one, else the model's.

    Parameters
    ----------
    path : str or path-like
        Picture of class indices or class colors, OME-TIFF, OME-Zarr, or GeoJSON of QuPath.
    model_scheme : TissueScheme
        Of the model that is to draw it.
    model_um_per_px : float
        Of the model that is to draw it.
    scheme : TissueScheme, optional
        Of the label map, if known.
    um_per_px : float, optional
        Micrometers a pixel of the label map, if known.
    annotated : str, path-like or Extent, optional
        GeoJSON only: the picture that was annotated, or its size and scale, where it does not lie beside
        the file under its name.
    names : mapping of str to (str or None), optional
        GeoJSON only: class of the scheme for names of the file; see
        :func:`~napari_histosynth.io.read_geojson`.

    Returns
    -------
    LabelFile

    Raises
    ------
    ImageError
        If the file is no picture that can be read.
    AnnotationError
        If annotations cannot be drawn; see :func:`~napari_histosynth.io.read_geojson`.
    LabelMapError
        If it fits no scheme; the sentence is that of the scheme it fits best.
    """
    kind = file_kind(path)
    if kind != "picture" and not (kind == "tiff" and is_plain_tiff(path)):
        from napari_histosynth.paint.labelfiles import read_annotations, read_pyramid

        if kind == "geojson":
            return read_annotations(path, model_scheme, model_um_per_px, scheme, um_per_px, annotated, names)
        return read_pyramid(path, model_scheme, model_um_per_px, scheme, um_per_px)
    guessed = []
    record = _provenance(path)
    if scheme is None:
        scheme = _named_scheme(record)
    if scheme is not None:
        labels = read_labels(path, scheme)
    else:
        labels, scheme = _guess_scheme(path, model_scheme)
        guessed.append("scheme")
    if um_per_px is None:
        um_per_px = read_scale(path)
    if um_per_px is None:
        um_per_px = scheme.um_per_px or model_um_per_px
        guessed.append("um_per_px")
    return LabelFile(labels, scheme, um_per_px, tuple(guessed))


def read_he(path: str | os.PathLike[str]) -> tuple[npt.NDArray[np.uint8], float | None]:
    """Read an H&E picture with its scale.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG and the like, OME-TIFF, SVS or OME-Zarr, of at most 16,384 px a side.

    Returns
    -------
    rgb : ndarray
        uint8 (y, x, 3).
    um_per_px : float or None
        Micrometers a pixel, None if the file does not say.

    Raises
    ------
    ImageError
        If the file is no RGB picture that can be read, or too large.
    """
    kind = file_kind(path)
    if kind == "picture" or (kind == "tiff" and is_plain_tiff(path)):
        return read_image(path), read_scale(path)
    slide = open_slide(path)
    return slide.pixels(path), slide.um_per_px


def read_scale(path: str | os.PathLike[str]) -> float | None:
    """Return the micrometers a pixel that a picture file states.

    Parameters
    ----------
    path : str or path-like
        Picture. Provenance of this package counts first, then the resolution in its header.

    Returns
    -------
    float or None
        None if there is none, or one that no picture of tissue has.
    """
    record = _provenance(path)
    if record is not None and record.um_per_px is not None:
        return record.um_per_px
    with contextlib.suppress(OSError, SyntaxError, ValueError, ZeroDivisionError, TypeError):
        with Image.open(path) as picture:
            per_inch = float(picture.info.get("dpi", (0, 0))[0])
        um_per_px = float(f"{25_400 / per_inch:.4g}")  # the header holds whole pixels a meter
        if _PLAUSIBLE_UM_PER_PX[0] <= um_per_px <= _PLAUSIBLE_UM_PER_PX[1]:
            return um_per_px
    return None


def read_latent(path: str | os.PathLike[str], card: ModelCard) -> npt.NDArray[np.float32]:
    """Read a latent from a NumPy file.

    Parameters
    ----------
    path : str or path-like
        ``.npy`` file of numbers, (latent_size,) or (1, latent_size), or (latent_size, y, x) for a look that
        varies over the canvas.
    card : ModelCard
        Of the model that it is for.

    Returns
    -------
    ndarray
        float32 (latent_size,) or (latent_size, y, x).

    Raises
    ------
    ModelError
        If the file cannot be read, holds anything but numbers, or does not fit the model.
    """
    try:
        latent = np.load(path, allow_pickle=False)  # a pickle may hold programs
    except OSError as error:
        raise ModelError(
            f"Cannot read the latent {path}: {(error.strerror or 'it is damaged').lower()}."
        ) from None
    except (ValueError, EOFError):
        raise ModelError(f"{path} is no NumPy file of numbers; save the latent with numpy.save.") from None
    if not isinstance(latent, np.ndarray) or latent.dtype.kind not in "fiu":
        raise ModelError(f"{path} is no NumPy array of numbers; save the latent with numpy.save.")
    if latent.shape == (1, card.latent_size):
        latent = latent[0]
    if latent.ndim not in (1, 3) or latent.shape[0] != card.latent_size:
        shape = " x ".join(map(str, latent.shape)) or "a single number"
        raise ModelError(
            f"The latent {path} is {shape}, but {card.name} takes {card.latent_size} numbers; give one of "
            "that size."
        )
    if not np.isfinite(latent).all():
        raise ModelError(f"The latent {path} holds values that are not finite; give one of numbers alone.")
    return np.ascontiguousarray(latent, np.float32)


def latent_of_file(
    path: str | os.PathLike[str], model: PaintModel, um_per_px: float | None = None
) -> npt.NDArray[np.float32]:
    """Read the look of an H&E picture from its file.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG and the like of at most 16,384 px a side; OME-TIFF, SVS or OME-Zarr of any size.
    model : PaintModel
        With an encoder.
    um_per_px : float, optional
        Scale of the picture; what its file says by default, else the model's.

    Raises
    ------
    ImageError
        If the file is no picture that can be read, or is gray or too small.
    ModelError
        If the model has no encoder.
    """
    from napari_histosynth.paint.middle import read_he_middle

    model.checked_encoder()  # before a slide is read for nothing
    rgb, scale = read_he_middle(path, model.um_per_px, _LOOKED_AT, um_per_px)
    return latent_of_picture(rgb, scale or model.um_per_px, model)


def latent_of_picture(rgb: Any, um_per_px: float, model: PaintModel) -> npt.NDArray[np.float32]:
    """Read the look of an H&E picture of any scale and size.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3), perhaps lazy. Of a large picture only the middle is looked at, and read.
    um_per_px : float
        Its scale.
    model : PaintModel
        With an encoder.

    Returns
    -------
    ndarray
        float32 (latent_size,).

    Raises
    ------
    ImageError
        If it is no picture, or is gray or too small.
    ModelError
        If the model has no encoder.
    """
    from napari_histosynth.paint.middle import middle_of
    from napari_histosynth.paint.resample import resize_rows, scaled_shape

    model.checked_encoder()
    part = middle_of(rgb, um_per_px, model.um_per_px, _LOOKED_AT)
    check_he(part)
    shape = scaled_shape((part.shape[0], part.shape[1]), um_per_px, model.um_per_px)
    if min(shape) < LEAST_SIDE:
        raise ImageError(
            f"The picture is {part.shape[0]} x {part.shape[1]} px at {um_per_px:g} um/px, {shape[0]} x "
            f"{shape[1]} at the {model.um_per_px:g} um/px of {model.name!r}; a look is read from "
            f"{LEAST_SIDE} px or more a side, so give a larger one."
        )
    if shape != part.shape[:2]:
        part = resize_rows(part, (0.0, 0.0, float(part.shape[1]), float(part.shape[0])), shape)
    return model.encode(part)


def _provenance(path: str | os.PathLike[str]) -> Provenance | None:
    """Return what a file says of itself; a malformed record counts as none."""
    with contextlib.suppress(ProvenanceError):
        return read_provenance(path)
    return None


def _named_scheme(record: Provenance | None) -> TissueScheme | None:
    """Return the scheme that a file names as its own, if it is known or told in full."""
    return None if record is None else noted_scheme(record.extra)


def _guess_scheme(path: str | os.PathLike[str], model_scheme: TissueScheme) -> tuple[Labels, TissueScheme]:
    """Return a label map with the first scheme that it can be read in."""
    schemes = list(candidates(model_scheme, _holds_indices(path)))
    for scheme in schemes:
        with contextlib.suppress(LabelMapError):
            labels = read_labels(path, scheme)
            return labels, without_unused_nuclei(labels, scheme)
    best = max(schemes, key=lambda scheme: _share_that_fits(path, scheme))
    return read_labels(path, best), best  # raises: the sentence of the scheme that fits best


def candidates(model_scheme: TissueScheme, indices: bool) -> Iterator[TissueScheme]:
    """Yield the schemes to try on a label map that names none, in order.

    Parameters
    ----------
    model_scheme : TissueScheme
        Of the model that is to draw it.
    indices : bool
        Whether the file holds class indices, which tell less than colors do.
    """
    if indices or model_scheme.name not in scheme_names():
        yield model_scheme
    yield from (get_scheme(name) for name in ("prostate-3", "colon-10") if name != model_scheme.name)
    if not indices and model_scheme.name in scheme_names():
        yield model_scheme


def without_unused_nuclei(labels: Labels, scheme: TissueScheme) -> TissueScheme:
    """Return the scheme of two classes where one of three is used without its third, else the scheme."""
    name = scheme.name.removesuffix("-3") + "-2"
    if (
        scheme.name in scheme_names()
        and scheme.n_classes == 4
        and name in scheme_names()
        and labels.max() < 3
    ):
        return get_scheme(name)
    return scheme


def _holds_indices(path: str | os.PathLike[str]) -> bool:
    """Return whether a picture is gray: its values are indices, and tell less of the scheme than colors."""
    with contextlib.suppress(OSError, SyntaxError, ValueError), Image.open(path) as picture:
        return picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;")
    return False


def _share_that_fits(path: str | os.PathLike[str], scheme: TissueScheme) -> float:
    """Return the share of a picture's pixels that are of a scheme."""
    try:
        rgb = read_image(path)
    except HistosynthError:  # deeper than 8 bits: no color picture in any case
        return 0.0
    if _holds_indices(path):
        return float((rgb[..., 0] < scheme.n_classes).mean())
    found, counts = np.unique(rgb.reshape(-1, 3), axis=0, return_counts=True)
    known = np.array([hex_to_rgb(color) for entry in scheme.classes for color in entry.colors])
    distance = np.linalg.norm(found[:, None].astype(float) - known[None], axis=-1).min(axis=1)
    return float(counts[distance <= scheme.tolerance].sum() / counts.sum())
