"""Pictures and label maps as OME-Zarr: version 0.5, or 0.4, which QuPath and Bio-Formats read."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

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
)

Version = Literal["0.4", "0.5"]

KEY = "histosynth"
"""Attribute of the group that holds provenance and scheme."""

LABELS_NAME = "tissue"
"""Name of the label map in the group ``labels`` of a picture."""

_UM = {"micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6, "nanometer": 1e-3}
_CHANNELS = (("Red", "FF0000"), ("Green", "00FF00"), ("Blue", "0000FF"))


def save_ome_zarr(
    path: str | os.PathLike[str],
    picture: npt.ArrayLike | None = None,
    labels: npt.ArrayLike | None = None,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    provenance: Provenance | None = None,
    version: Version = "0.5",
) -> None:
    """Write a picture, a label map, or both as OME-Zarr.

    Parameters
    ----------
    path : str or path-like
        Folder to write, ending in ``.zarr``, best ``.ome.zarr``. An OME-Zarr that is there is replaced
        once the new one is whole; any other folder is left alone.
    picture : array_like, optional
        uint8 (y, x, 3) RGB; stored as c, y, x.
    labels : array_like, optional
        (y, x) indices into ``scheme``. Beside a picture it becomes ``labels/tissue``, alone the
        folder itself.
    scheme : TissueScheme, optional
        Scheme of the label map, which needs it; names and colors of its classes are written.
    um_per_px : float, optional
        Micrometers a pixel; by default that of the provenance.
    provenance : Provenance, optional
        Written into the attributes of the folder.
    version : "0.5" or "0.4"
        0.5 (zarr 3) is current; 0.4 (zarr 2) is what QuPath reads.

    Raises
    ------
    ImageError
        If there is neither picture nor label map, their sizes differ, or the scale is impossible.
    LabelMapError
        If the label map does not fit its scheme.
    SaveError
        If the folder cannot be written.
    """
    scale = checked_scale(um_per_px or (provenance.um_per_px if provenance else None))
    levels = _checked(picture, labels, scheme)
    with new_group(path, version) as root:
        for kind, pixels in levels.items():
            group = root
            if kind == "labels" and "picture" in levels:
                parent = root.create_group("labels")
                describe_group(parent, {"labels": [LABELS_NAME]}, version)
                group = parent.create_group(LABELS_NAME)
            extra = provenance_note(provenance) if group is root else {}
            if kind == "labels" and scheme is not None:
                extra |= scheme_note(scheme)
            _write_levels(group, pixels, scale, version, scheme if kind == "labels" else None, extra)


@contextmanager
def new_group(path: str | os.PathLike[str], version: Version) -> Iterator[Any]:
    """Give an empty zarr group to write to, and put it in place once it is whole.

    Raises
    ------
    SaveError
        If the name is none of an OME-Zarr, something else is there, or the folder cannot be written; what was
        there is untouched.
    """
    import zarr

    target = Path(os.path.realpath(path))
    check_target(path, target, version)
    temporary = target.with_name(f".{target.stem[:40]}.{secrets.token_hex(6)}.tmp")
    try:
        yield zarr.open_group(temporary, mode="w-", zarr_format=3 if version == "0.5" else 2)
        put_in_place(temporary, target)
    except OSError as error:
        reason = (error.strerror or str(error)).lower().rstrip(".")
        raise SaveError(f"Cannot write {path}: {reason} (what was there is untouched).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def provenance_note(provenance: Provenance | None) -> dict[str, Any]:
    """Return what a group notes of a provenance."""
    return {} if provenance is None else {"provenance": json.loads(provenance.to_json())}


def open_ome_zarr(path: str | os.PathLike[str]) -> Loaded:
    """Open an OME-Zarr of version 0.4 or 0.5 without reading its pixels.

    Parameters
    ----------
    path : str or path-like
        Folder of a picture (8-bit RGB) or a label map (whole numbers, one channel). Axes of length one are
        left out; ``labels/tissue`` beside a picture is opened by its own path.

    Returns
    -------
    Loaded
        Levels are dask arrays.

    Raises
    ------
    ImageError
        If it is no OME-Zarr, or its multiscales are malformed.
    PixelKindError
        If it is a stack, a picture of more than 8 bits a channel, or one channel of fractions.
    """
    import zarr

    if not Path(path).is_dir():
        raise ImageError(f"Cannot read {path}: there is no such folder; check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that belong to other programs
            group = zarr.open_group(Path(path), mode="r")
            attributes = group.attrs.asdict()
            if "bioformats2raw.layout" in _ome(attributes):
                group = zarr.open_group(Path(path), mode="r", path="0")
                attributes = group.attrs.asdict()
    except Exception as error:  # zarr raises whatever damage leads to
        raise ImageError(f"{path} is no zarr group; check that it is the folder you mean.") from error
    multiscales = _ome(attributes).get("multiscales")
    if not (isinstance(multiscales, list) and multiscales and isinstance(multiscales[0], Mapping)):
        raise ImageError(f'{path} is a zarr without "multiscales", so no OME-Zarr picture; write it again.')
    try:
        arrays = [group[str(entry["path"])] for entry in multiscales[0]["datasets"]]
        axes = [str(axis["name"]) for axis in multiscales[0]["axes"]]
        scale = _scale(multiscales[0], axes)
        if not arrays or not all(isinstance(a, zarr.Array) and a.ndim == len(axes) for a in arrays):
            raise ValueError("axes")
    except Exception as error:
        raise ImageError(
            f'{path} has "multiscales" that do not fit its arrays; it may not have been copied to the end.'
        ) from error
    levels = tuple(_lazy(path, array, axes) for array in arrays)
    note = attributes.get(KEY)
    note = note if isinstance(note, Mapping) else {}
    provenance = note.get("provenance")
    return Loaded(
        "picture" if levels[0].ndim == 3 else "labels",
        levels,
        scale,
        noted_scheme(note),
        provenance_of(json.dumps(provenance)) if provenance else None,
    )


def check_target(path: str | os.PathLike[str], target: Path, version: str) -> None:
    """Raise SaveError if nothing should be written there."""
    if version not in ("0.4", "0.5"):
        raise SaveError(f"Cannot write {path}: there is no OME-Zarr {version} here; choose 0.5 or 0.4.")
    if target.suffix.lower() != ".zarr":
        raise SaveError(f"Cannot write {path}: OME-Zarr needs a name that ends in .ome.zarr.")
    if not target.parent.is_dir():
        raise SaveError(f"Cannot write {path}: there is no folder {target.parent}; create it first.")
    if target.exists() and not _is_group(target):
        raise SaveError(f"Cannot write {path}: something else is there; give another name.")


def _is_group(path: Path) -> bool:
    """Return whether a folder is a zarr group, by its marks."""
    return (path / "zarr.json").is_file() or (path / ".zgroup").is_file()


def _checked(
    picture: npt.ArrayLike | None, labels: npt.ArrayLike | None, scheme: TissueScheme | None
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return what is to be written, checked."""
    found = {}
    for kind, pixels, dimensions in (("picture", picture, 3), ("labels", labels, 2)):
        if pixels is not None:
            found[kind] = checked_pixels(pixels, scheme)
            if found[kind].ndim != dimensions:
                raise ImageError(f"The {kind} to save has {found[kind].ndim} dimensions, not {dimensions}.")
    if not found:
        raise ImageError("There is nothing to save: give a picture, a label map, or both.")
    if len({pixels.shape[:2] for pixels in found.values()}) > 1:
        (h, w), (y, x) = (pixels.shape[:2] for pixels in found.values())
        raise ImageError(f"The picture is {w:,} x {h:,} px but its label map {x:,} x {y:,}; save them apart.")
    return found


def describe_group(group: Any, metadata: dict[str, Any], version: Version) -> None:
    """Write OME metadata where a version has them."""
    if version == "0.5":
        group.attrs["ome"] = {"version": version, **metadata}
    else:
        group.attrs.update(metadata)


def _write_levels(
    group: Any,
    pixels: npt.NDArray[np.uint8],
    scale: float | None,
    version: Version,
    scheme: TissueScheme | None,
    note: dict[str, Any],
) -> None:
    """Write a picture or label map as a multiscale group."""
    levels = levels_of(pixels)
    for step, level in enumerate(levels):
        planes = np.ascontiguousarray(np.moveaxis(level, 2, 0)) if level.ndim == 3 else level
        create_level(group, step, planes.shape, version)[...] = planes
    name = "H&E" if pixels.ndim == 3 else "Tissue"
    describe_levels(group, len(levels), pixels.ndim, name, scale, version, scheme, note)


def create_level(
    group: Any, step: int, shape: tuple[int, ...], version: Version, *, tile: int = TILE, **options: Any
) -> Any:
    """Return a new array of a multiscale group, uint8 of a shape ([c,] y, x), in chunks of a tile.

    ``options`` are zarr's own, such as ``fill_value`` and ``compressors``.
    """
    if version == "0.4":
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        options["dimension_names"] = ["c", "y", "x"][-len(shape) :]
    return group.create_array(
        str(step),
        shape=shape,
        dtype=np.dtype(np.uint8),
        chunks=(*shape[:-2], *(min(tile, side) for side in shape[-2:])),
        **{"fill_value": 0, **options},
    )


def describe_levels(
    group: Any,
    count: int,
    dimensions: int,
    name: str,
    scale: float | None,
    version: Version,
    scheme: TissueScheme | None,
    note: dict[str, Any],
) -> None:
    """Write the metadata of a multiscale group whose levels are halved ``count - 1`` times."""
    spatial = {"type": "space"} if scale is None else {"type": "space", "unit": "micrometer"}
    axes: list[dict[str, str]] = [{"name": "y", **spatial}, {"name": "x", **spatial}]
    if dimensions == 3:
        axes.insert(0, {"name": "c", "type": "channel"})
    datasets = []
    for step in range(count):
        sizes = [1.0] * (dimensions - 2) + [(scale or 1.0) * 2.0**step] * 2
        datasets.append({"path": str(step), "coordinateTransformations": [{"type": "scale", "scale": sizes}]})
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": axes,
        "datasets": datasets,
        "type": "mean" if dimensions == 3 else "nearest",
    }
    metadata: dict[str, Any] = {"multiscales": [multiscale]}
    if version == "0.4":
        multiscale["version"] = version
    if dimensions == 3:
        metadata["omero"] = _omero(version)
    if scheme is not None:
        metadata["image-label"] = _image_label(scheme, version, group.path)
    describe_group(group, metadata, version)
    if note:
        group.attrs[KEY] = note


def _omero(version: Version) -> dict[str, Any]:
    """Return how the channels are to be shown: as the red, green and blue of one picture."""
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    return {
        "version": version,
        "channels": [
            {"label": label, "color": color, "window": window, "active": True} for label, color in _CHANNELS
        ],
        "rdefs": {"model": "color"},
    }


def _image_label(scheme: TissueScheme, version: Version, path: str) -> dict[str, Any]:
    """Return names and colors of the classes, and the picture above that they are of, if there is one."""
    metadata: dict[str, Any] = {
        "version": version,
        "colors": [
            {"label-value": entry.index, "rgba": [*scheme.palette[entry.index].tolist(), 255]}
            for entry in scheme.classes
        ],
        "properties": [{"label-value": entry.index, "class": entry.name} for entry in scheme.classes],
    }
    if path:
        metadata["source"] = {"image": "../" * len(path.split("/"))}
    return metadata


def check_replaceable(target: Path) -> None:
    """Raise FileExistsError if a folder is there that is no zarr: nobody meant to replace it."""
    if target.is_dir() and not _is_group(target):
        raise FileExistsError(
            errno.EEXIST, f"{target.name} is a folder of something else; choose another folder"
        )


def put_in_place(temporary: Path, target: Path) -> None:
    """Give a finished file or folder its name; what had it goes only then.

    Raises
    ------
    OSError
        If it cannot be moved, or a folder is there that is no zarr; what was there is there still.
    """
    check_replaceable(target)
    if not target.is_dir():
        os.replace(temporary, target)
        return
    old = target.with_name(f"{temporary.name}.old")
    os.replace(target, old)
    try:
        os.replace(temporary, target)
    except OSError:
        os.replace(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the OME metadata of a group: 0.5 has them one deeper than 0.4."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def _scale(multiscale: Mapping[str, Any], axes: list[str]) -> float | None:
    """Return the micrometers a pixel of the finest level, None if there is no unit of length."""
    unit = _UM.get(multiscale["axes"][axes.index("x")].get("unit", ""))
    transforms = [
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ]
    size = 1.0
    for transform in transforms:
        if transform["type"] == "scale":
            size *= float(transform["scale"][axes.index("x")])
    return plausible_scale(size * unit) if unit else None


def _lazy(path: str | os.PathLike[str], array: Any, axes: list[str]) -> Any:
    """Return an array as dask array (y, x, 3) or (y, x)."""
    import dask.array as da

    kept = [name for name, side in zip(axes, array.shape, strict=True) if side > 1 or name in ("y", "x")]
    channels = array.shape[axes.index("c")] if "c" in kept else 1
    check_dtype(path, array.dtype, channels)
    if sorted(kept) not in (["x", "y"], ["c", "x", "y"]) or channels not in (1, 3):
        size = " x ".join(f"{side:,}" for side in array.shape)
        raise PixelKindError(
            f"{path} is a stack of {size} ({', '.join(axes)}); save one plane of it, in RGB or as a label "
            "map."
        )
    lazy = da.from_array(array, chunks=array.chunks, name=False, inline_array=True)
    lazy = lazy[tuple(slice(None) if name in kept else 0 for name in axes)]
    return lazy.transpose([kept.index(name) for name in ("y", "x", "c") if name in kept])
