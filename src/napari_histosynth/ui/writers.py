"""Files that napari saves layers to through us, with scale, classes and origin inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_histosynth.core.errors import HistosynthError, ImageError, SchemeError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import noted_scheme
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.ui.layers import METADATA_KEY
from napari_histosynth.ui.layoutnote import labels_provenance, layout_in


def write_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels or RGB layer as OME-TIFF."""
    from napari_histosynth.io import save_ome_tiff

    pixels, scheme, um_per_px, made = _of_layer(data, attributes)
    save_ome_tiff(path, pixels, scheme, um_per_px, made)
    return [path]


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels or RGB layer as OME-Zarr 0.5."""
    return _write_zarr(path, data, attributes, "0.5")


def write_zarr_04(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels or RGB layer as OME-Zarr 0.4, which QuPath reads."""
    return _write_zarr(path, data, attributes, "0.4")


def write_geojson(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as annotations for QuPath."""
    from napari_histosynth.io import save_geojson

    pixels, scheme, um_per_px, made = _of_layer(data, attributes)
    if scheme is None:
        raise ImageError("Annotations are made from a Labels layer; select one.")
    save_geojson(path, pixels, scheme, um_per_px, provenance=made)
    return [path]


def _write_zarr(path: str, data: Any, attributes: dict[str, Any], version: Any) -> list[str]:
    from napari_histosynth.io import save_ome_zarr

    pixels, scheme, um_per_px, made = _of_layer(data, attributes)
    kind = "picture" if scheme is None else "labels"
    save_ome_zarr(
        path, **{kind: pixels}, scheme=scheme, um_per_px=um_per_px, provenance=made, version=version
    )
    return [path]


def _of_layer(
    data: Any, attributes: dict[str, Any]
) -> tuple[np.ndarray[Any, Any], TissueScheme | None, float | None, Provenance | None]:
    """Return pixels, scheme (of labels), scale and provenance of a layer."""
    name = attributes.get("name", "layer")
    pixels = np.asarray(data[0] if attributes.get("multiscale") else data)
    note = dict(attributes.get("metadata", {}).get(METADATA_KEY, {}))
    um_per_px = _scale(attributes, note)
    if "rgb" not in attributes:  # napari gives the attribute to image layers alone
        scheme = noted_scheme(note)
        if scheme is None:
            raise SchemeError(
                f'The layer "{name}" does not say which classes its values stand for; paint on it first, '
                "which gives it a scheme."
            )
        height, width = pixels.shape[:2]
        made = labels_provenance(scheme, um_per_px, (height, width), layout_in(note))
        return pixels, scheme, um_per_px, made
    if not attributes["rgb"]:
        raise ImageError(f'The layer "{name}" is no RGB picture; choose one of napari\'s own formats for it.')
    return pixels[..., :3], None, um_per_px, _provenance(note)


def _scale(attributes: dict[str, Any], note: dict[str, Any]) -> float | None:
    """Return the micrometers a pixel of a layer, None if it has no such scale."""
    if isinstance(note.get("um_per_px"), (int, float)):
        return float(note["um_per_px"])
    scale: Sequence[float] = attributes.get("scale", (1.0, 1.0))[-2:]
    units = [str(unit) for unit in (attributes.get("units") or ())[-2:]]
    square = len(scale) == 2 and np.isclose(scale[0], scale[1])
    return float(scale[0]) if square and set(units) <= {"um", "micrometer"} and units else None


def _provenance(note: dict[str, Any]) -> Provenance | None:
    """Return the provenance that a layer carries, None if there is none that can be read."""
    record = note.get("provenance")
    try:
        if isinstance(record, Provenance):
            return record
        return Provenance.from_dict(record) if isinstance(record, dict) else None
    except HistosynthError:
        return None
