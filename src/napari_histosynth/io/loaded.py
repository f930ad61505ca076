"""What a file held: a picture or a label map, with its scale, classes and origin."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, PixelKindError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import Labels, TissueScheme

MAX_SIDE = 16_384
"""Largest picture or label map that is read into memory at once, in pixels a side."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A file that is open.

    Attributes
    ----------
    kind : "picture" or "labels"
        What it holds.
    levels : tuple of array-like
        The finest first: uint8 (y, x, 3) of a picture, (y, x) of any integer dtype of a label map. Lazy where
        the format allows.
    um_per_px : float or None
        Scale of the finest level; None if the file does not say.
    scheme : TissueScheme or None
        Classes of a label map, where the file names some that are known.
    provenance : Provenance or None
        What made it, if this package did.
    """

    kind: Literal["picture", "labels"]
    levels: tuple[Any, ...]
    um_per_px: float | None = None
    scheme: TissueScheme | None = None
    provenance: Provenance | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finest level, in pixels."""
        height, width = self.levels[0].shape[:2]
        return int(height), int(width)

    def pixels(self, path: str | os.PathLike[str]) -> npt.NDArray[Any]:
        """Return the finest level in memory.

        Parameters
        ----------
        path : str or path-like
            Name of the file, for the error's sentence.

        Raises
        ------
        ImageError
            If the file turns out to be damaged, or is larger than 16,384 px a side.
        """
        if max(self.shape) > MAX_SIDE:
            raise ImageError(
                f"{path} is {self.shape[1]:,} x {self.shape[0]:,} px; at most {MAX_SIDE:,} px a side are "
                "read at once, so choose a part of it."
            )
        try:
            return np.asarray(self.levels[0])
        except Exception as error:  # decoders raise whatever damage leads to
            raise ImageError(f"Cannot read {path}: {why(error)}.") from error

    def labels(self, path: str | os.PathLike[str], scheme: TissueScheme | None = None) -> Labels:
        """Return the label map in memory, checked against a scheme or its own.

        Parameters
        ----------
        path : str or path-like
            Name of the file, for the error's sentence.
        scheme : TissueScheme, optional
            What the label map must fit; by default what the file names.

        Raises
        ------
        LabelMapError
            If it is a picture, or holds values outside the scheme.
        ImageError
            As for :meth:`pixels`.
        """
        if self.kind != "labels":
            raise LabelMapError(f"{path} holds a picture; give a label map, which has one channel.")
        values = self.pixels(path)
        scheme = scheme or self.scheme
        if scheme is None and values.dtype != np.uint8:
            raise LabelMapError(f"{path} holds {values.dtype} values of unknown classes; name their scheme.")
        try:
            return values if scheme is None else scheme.check(values)
        except LabelMapError as error:
            raise LabelMapError(f"{path}: {error}") from None


def checked_pixels(pixels: npt.ArrayLike, scheme: TissueScheme | None) -> npt.NDArray[np.uint8]:
    """Return a picture or label map to write, uint8 (y, x, 3) or (y, x).

    Raises
    ------
    ImageError
        If it is neither, or a label map comes without a scheme.
    LabelMapError
        If a label map does not fit its scheme.
    """
    array = np.asarray(pixels)
    if array.ndim == 2:
        if scheme is None:
            raise ImageError("A label map is saved with the scheme of its classes; name one.")
        return scheme.check(array)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or array.size == 0:
        shape = " x ".join(map(str, array.shape))
        raise ImageError(f"A picture to save is uint8 y x x x 3, but this array is {array.dtype} {shape}.")
    return array


def check_dtype(path: str | os.PathLike[str], dtype: np.dtype[Any], channels: int) -> None:
    """Raise PixelKindError unless pixels are 8 bits, or one channel of whole numbers: a label map."""
    if dtype == np.uint8 or (channels == 1 and dtype.kind in "iu"):
        return
    if channels == 1:
        raise PixelKindError(f"{path} holds {dtype} pixels; a label map has whole numbers, so convert it.")
    raise PixelKindError(f"{path} has {dtype} pixels; save it with 8 bits per channel.")


def checked_scale(um_per_px: float | None) -> float | None:
    """Return a scale to write.

    Raises
    ------
    ImageError
        If it is no positive number.
    """
    if um_per_px is None:
        return None
    if not (math.isfinite(um_per_px) and um_per_px > 0):
        raise ImageError(f"A scale of {um_per_px} um per px is impossible; give a positive number.")
    return float(um_per_px)


def plausible_scale(um_per_px: object) -> float | None:
    """Return a scale that a file gives, None if it is no positive number."""
    try:
        value = float(um_per_px)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def provenance_of(text: object) -> Provenance | None:
    """Return the provenance in a file's text, None if there is none that can be read."""
    try:
        return Provenance.from_json(text) if isinstance(text, str) else None
    except HistosynthError:
        return None


def why(error: BaseException) -> str:
    """Say in half a sentence why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "it is a folder; give the name of a file"
    if isinstance(error, PermissionError):
        return "you may not read it; change its permissions or copy it"
    return "it is damaged or cut short; copy or save it again"
