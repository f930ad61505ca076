"""Which format a file's name stands for, and writing in the format that a name asks for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy.typing as npt

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.io.geojson import save_geojson
from napari_histosynth.io.omezarr import Version, save_ome_zarr
from napari_histosynth.io.png import save_image, save_labels
from napari_histosynth.io.tiff import save_ome_tiff

Kind = Literal["picture", "tiff", "zarr", "geojson"]

PICTURE_ENDINGS = (".png", ".ome.tif", ".ome.zarr")
"""Endings that a picture can be saved under."""

LABEL_ENDINGS = (*PICTURE_ENDINGS, ".geojson")
"""Endings that a label map can be saved under."""

_TIFF = (".tif", ".tiff", ".svs")
_ANNOTATIONS = (".geojson", ".json")
_ZARR_MARKS = (".zgroup", "zarr.json")


def file_kind(path: str | os.PathLike[str]) -> Kind:
    """Return which reader a file is for, by its name.

    Parameters
    ----------
    path : str or path-like
        File or folder, need not exist.

    Returns
    -------
    str
        "tiff" (SVS, too), "zarr" (also a group inside of one), "geojson", else "picture": PNG and whatever
        else Pillow reads.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in _TIFF:
        return "tiff"
    if ending in _ANNOTATIONS:
        return "geojson"
    if ending == ".zarr" or (path.is_dir() and any((path / mark).is_file() for mark in _ZARR_MARKS)):
        return "zarr"
    return "picture"


def has_ending(path: str | os.PathLike[str], endings: Sequence[str]) -> bool:
    """Return whether a file can be written under a name: ``.tif`` counts as ``.ome.tif``, and so on."""
    wide = {".ome.tif": _TIFF[:2], ".ome.zarr": (".zarr",), ".geojson": _ANNOTATIONS[:1]}
    return Path(path).suffix.lower() in {ending for asked in endings for ending in wide.get(asked, (asked,))}


def save_labels_as(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    scheme: TissueScheme,
    *,
    color: bool = False,
    provenance: Provenance | None = None,
    zarr_version: Version = "0.5",
) -> None:
    """Write a label map in the format that the name ends in.

    Parameters
    ----------
    path : str or path-like
        Ends in one of :data:`LABEL_ENDINGS`. If writing fails, what was there stays.
    labels : array_like
        (y, x) indices into ``scheme``, any integer dtype.
    scheme : TissueScheme
        Scheme of the label map; noted in the file.
    color : bool
        Whether a PNG holds class colors instead of indices.
    provenance : Provenance, optional
        Noted in the file; its scale is the file's.
    zarr_version : "0.5" or "0.4"
        Of an OME-Zarr.

    Raises
    ------
    LabelMapError
        If the label map does not fit the scheme.
    SaveError
        If the name ends in something else, colors are asked for in another format than PNG, or the file
        cannot be written.
    """
    _check_ending(path, LABEL_ENDINGS)
    kind = file_kind(path)
    um_per_px = None if provenance is None else provenance.um_per_px
    if color and kind != "picture":
        raise SaveError(f"Cannot write {path} in colors: only PNG holds class colors; name it .png.")
    if kind == "tiff":
        save_ome_tiff(path, labels, scheme, um_per_px, provenance)
    elif kind == "zarr":
        save_ome_zarr(path, None, labels, scheme, um_per_px, provenance, zarr_version)
    elif kind == "geojson":
        save_geojson(path, labels, scheme, um_per_px, provenance=provenance)
    else:
        save_labels(path, labels, scheme, color=color, provenance=provenance)


def save_picture_as(
    path: str | os.PathLike[str],
    rgb: npt.ArrayLike,
    provenance: Provenance | None = None,
    *,
    zarr_version: Version = "0.5",
) -> None:
    """Write a picture in the format that the name ends in.

    Parameters
    ----------
    path : str or path-like
        Ends in one of :data:`PICTURE_ENDINGS`. If writing fails, what was there stays.
    rgb : array_like
        uint8 (y, x, 3).
    provenance : Provenance, optional
        Noted in the file; its scale is the file's.
    zarr_version : "0.5" or "0.4"
        Of an OME-Zarr.

    Raises
    ------
    ImageError
        If the array is no such picture.
    SaveError
        If the name ends in something else, or the file cannot be written.
    """
    _check_ending(path, PICTURE_ENDINGS)
    kind = file_kind(path)
    um_per_px = None if provenance is None else provenance.um_per_px
    if kind == "tiff":
        save_ome_tiff(path, rgb, None, um_per_px, provenance)
    elif kind == "zarr":
        save_ome_zarr(path, rgb, None, None, um_per_px, provenance, zarr_version)
    else:
        save_image(path, rgb, provenance)


def _check_ending(path: str | os.PathLike[str], endings: Sequence[str]) -> None:
    """Raise SaveError for a name of another format."""
    if not has_ending(path, endings):
        raise SaveError(f"Cannot write {path}: give a name that ends in {', '.join(endings)}.")
