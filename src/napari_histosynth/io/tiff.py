"""Pictures and label maps as OME-TIFF, and slide files that are TIFF at heart."""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy.typing as npt

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import ImageError, PixelKindError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import noted_scheme, scheme_note
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.io.halving import TILE, levels_of
from napari_histosynth.io.loaded import (
    Loaded,
    check_dtype,
    checked_pixels,
    checked_scale,
    plausible_scale,
    provenance_of,
    why,
)

NAMESPACE = "napari-histosynth"
"""Namespace of the annotation in the OME-XML that holds scheme and provenance."""

# without a handler, Python prints what tifffile logs of damage beside the sentence that says it already
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_UM = {"µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6, "nm": 1e-3}
_MOST_BYTES = 2**32 - 2**25  # what a classic TIFF can address, less room for the directories
_COARSEST_BELIEVED = 50.0  # um per px; resolutions beyond it are those of printers


def save_ome_tiff(
    path: str | os.PathLike[str],
    pixels: npt.ArrayLike,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write a picture or a label map as OME-TIFF, without loss; the same input gives the same bytes.

    Tiles of 512 px are deflated. From 2,048 px a side on, the file holds halved copies as SubIFDs, as QuPath
    and Bio-Formats read them.

    Parameters
    ----------
    path : str or path-like
        File to write, ending in ``.tif`` or ``.tiff``, best ``.ome.tif``. If writing fails, what was there
        stays.
    pixels : array_like
        uint8 (y, x, 3) RGB, or (y, x) indices into ``scheme``, any integer dtype.
    scheme : TissueScheme, optional
        Scheme of a label map, which needs it; its name is written.
    um_per_px : float, optional
        Micrometers a pixel; by default that of the provenance.
    provenance : Provenance, optional
        Written into a structured annotation, which says whether the pixels are synthetic.

    Raises
    ------
    ImageError
        If the array is neither, or the scale impossible.
    LabelMapError
        If a label map does not fit its scheme.
    SaveError
        If the file cannot be written.
    """
    import tifffile

    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        raise SaveError(f"Cannot write {path}: OME-TIFF needs a name that ends in .ome.tif.")
    checked = checked_pixels(pixels, scheme)
    scale = checked_scale(um_per_px or (provenance.um_per_px if provenance else None))
    levels = levels_of(checked)
    metadata = ome_metadata(checked.shape, scheme, scale, provenance)
    with (
        atomic_path(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=needs_bigtiff(checked.shape), ome=True) as writer,
    ):
        for step, level in enumerate(levels):
            options = level_options(step, len(levels), scale, checked.ndim == 3)
            writer.write(level, metadata=metadata if step == 0 else None, **options)


def open_tiff(path: str | os.PathLike[str]) -> Loaded:
    """Open an OME-TIFF, or a slide file that is a TIFF (SVS), without reading its pixels.

    Parameters
    ----------
    path : str or path-like
        RGB of 8 bits is a picture, one channel of whole numbers a label map.

    Returns
    -------
    Loaded
        Levels are dask arrays; the file stays open as long as they live.

    Raises
    ------
    ImageError
        If the file is missing, no TIFF, or cut short.
    PixelKindError
        If it is a stack, a picture of more than 8 bits a channel, or one channel of fractions.
    """
    import tifffile

    try:
        file = tifffile.TiffFile(path)
    except Exception as error:  # tifffile raises whatever damage leads to
        if Path(path).is_file() and os.path.getsize(path) == 0:
            raise ImageError(f"{path} is empty; it may not have been saved or copied to the end.") from None
        if isinstance(error, tifffile.TiffFileError) and "not a TIFF" in str(error):
            raise ImageError(f"{path} is no TIFF; check that it is the file you mean.") from None
        raise ImageError(f"Cannot read {path}: {why(error)}.") from None
    try:
        with damage_is_one_sentence(path):
            found = file.series[0].levels
            _check_complete(file, found)
            note = _note(file.ome_metadata)
            kind, levels = _levels(path, file, found)
            scale = _scale(file)
        return Loaded(kind, levels, scale, noted_scheme(note), provenance_of(note.get("provenance")))
    except BaseException:
        file.close()
        raise


def is_plain_tiff(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a TIFF of one picture without OME-XML, smaller copies or Aperio's line.

    Such files may have palettes and bits of any depth, which Pillow knows better.
    """
    import tifffile

    if Path(path).name.lower().endswith((".ome.tif", ".ome.tiff", ".svs")):
        return False  # also where it is cut short, and the line that says so is lost
    try:
        with tifffile.TiffFile(path) as file:
            plain = not (file.is_ome or file.is_svs) and len(file.pages) == 1
            return plain and len(file.series[0].levels) == 1
    except Exception:  # whoever reads it says what is wrong with it
        return False


@contextmanager
def damage_is_one_sentence(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"Cannot read {path}: {why(error)}.") from error


def needs_bigtiff(shape: tuple[int, ...]) -> bool:
    """Return whether pixels of a shape, with smaller copies, may be more than a classic TIFF can hold."""
    return math.prod(shape) > _MOST_BYTES // 2


def level_options(step: int, count: int, scale: float | None, picture: bool) -> dict[str, Any]:
    """Return how tifffile is to write one level of a pyramid of ``count``, the finest being 0."""
    options: dict[str, Any] = {
        "photometric": "rgb" if picture else "minisblack",
        "tile": (TILE, TILE),
        "compression": "adobe_deflate",
        "predictor": picture,
    }
    if scale is not None:
        per_centimeter = 1e4 / (scale * 2**step)
        options |= {"resolution": (per_centimeter,) * 2, "resolutionunit": "CENTIMETER"}
    return options | ({"subifds": count - 1} if step == 0 else {"subfiletype": 1})


def ome_metadata(
    shape: tuple[int, ...],
    scheme: TissueScheme | None,
    scale: float | None,
    provenance: Provenance | None,
    name: str = "H&E",
) -> dict[str, Any]:
    """Return what tifffile writes as OME-XML; ``name`` is that of a picture."""
    picture = len(shape) == 3
    note: dict[str, str] = {}
    if scheme is not None and not picture:
        note |= scheme_note(scheme)
        note["classes"] = ", ".join(f"{entry.index} {entry.name}" for entry in scheme.classes)
    if provenance is not None:
        note["synthetic"] = str(provenance.synthetic).lower()
        note["provenance"] = provenance.to_json()
    # tifffile would number files at random; two files of the same content may well have one number
    number = uuid.uuid5(uuid.NAMESPACE_OID, repr((shape, scale, sorted(note.items()))))
    metadata: dict[str, Any] = {
        "axes": "YXS" if picture else "YX",
        "UUID": str(number),
        "Creator": NAMESPACE,
        "Name": name if picture else "Tissue",
    }
    if provenance is not None and provenance.synthetic:
        metadata["Description"] = "Synthetic: drawn by a network, not photographed."
    if scale is not None:
        metadata |= {"PhysicalSizeX": scale, "PhysicalSizeY": scale}
        metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    if note:
        metadata["MapAnnotation"] = {"Namespace": NAMESPACE, "Value": note}
    return metadata


def _check_complete(file: Any, levels: list[Any]) -> None:
    """Raise EOFError if pixels that the directories point to lie beyond the end of the file."""
    size = file.filehandle.size
    for level in levels:
        for page in level.pages:
            if page is not None and any(
                offset + count > size
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
            ):
                raise EOFError("cut short")


def _levels(
    path: str | os.PathLike[str], file: Any, found: list[Any]
) -> tuple[Literal["picture", "labels"], tuple[Any, ...]]:
    """Return what the file holds and its levels as dask arrays."""
    import dask.array as da
    import zarr

    axes, shape, dtype = found[0].axes, found[0].shape, found[0].dtype
    sizes = dict(zip(axes, shape, strict=True))
    samples = sizes.get("S", sizes.get("C", 1))
    check_dtype(path, dtype, int(samples or 1))
    if set(axes) - set("YXSC") or {"S", "C"} <= set(axes) or samples not in (1, 3, 4):
        size = " x ".join(f"{side:,}" for side in shape)
        raise PixelKindError(
            f"{path} is a stack of {size} ({axes}); save one plane of it, in RGB or as a label map."
        )
    users = _Users(len(found), file)
    levels = []
    for number, level in enumerate(found):
        store = file.series[0].aszarr(level=number)
        array = zarr.open_array(store, mode="r")
        weakref.finalize(store, users.leave)
        chunks = tuple(
            max(1, round(TILE / chunk)) * chunk if name in "YX" else side
            for name, side, chunk in zip(level.axes, array.shape, array.chunks, strict=True)
        )
        lazy = da.from_array(array, chunks=chunks, name=False, inline_array=True)
        if len(axes) == 3:
            lazy = lazy.transpose([axes.index("Y"), axes.index("X"), 3 - axes.index("Y") - axes.index("X")])
            lazy = lazy[..., :3] if samples > 1 else lazy[..., 0]
        levels.append(lazy)
    return "labels" if samples == 1 else "picture", tuple(levels)


class _Users:
    """Counts the levels that still read from a file, and closes it after the last."""

    def __init__(self, count: int, file: Any) -> None:
        self._count, self._file, self._lock = count, file, threading.Lock()

    def leave(self) -> None:
        """Note that a level is gone."""
        with self._lock:
            self._count -= 1
            if self._count == 0:
                self._file.close()


def _note(xml: str | None) -> dict[str, str]:
    """Return what our annotation in an OME-XML says; empty if there is none."""
    if not xml:
        return {}
    for annotation in ElementTree.fromstring(xml).iter():
        if annotation.tag.endswith("}MapAnnotation") and annotation.get("Namespace") == NAMESPACE:
            entries = (entry for entry in annotation.iter() if entry.tag.endswith("}M"))
            return {entry.get("K", ""): entry.text or "" for entry in entries}
    return {}


def _scale(file: Any) -> float | None:
    """Return the micrometers a pixel that a file gives: OME-XML, Aperio's line, or TIFF resolution."""
    page = file.pages[0]
    if file.ome_metadata:
        for element in ElementTree.fromstring(file.ome_metadata).iter():
            if element.tag.endswith("}Pixels"):
                unit = _UM.get(element.get("PhysicalSizeXUnit", "µm"))
                size = plausible_scale(element.get("PhysicalSizeX"))
                return size * unit if size and unit else None
    if file.is_svs:
        match = re.search(r"\bMPP\s*=\s*([0-9.]+)", page.description)
        return plausible_scale(match[1]) if match else None
    per_unit = page.get_resolution("micrometer")[0] if page.resolution != (1, 1) else 0
    if page.resolutionunit == 3 and per_unit > 0 and 1 / per_unit <= _COARSEST_BELIEVED:
        return float(1 / per_unit)
    return None
