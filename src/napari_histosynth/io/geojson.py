"""Annotations of QuPath (GeoJSON) from label maps and to them, exact to the pixel.

Coordinates are pixels of full resolution from the top left corner of the picture, as QuPath has them: pixel
(row 2, column 3) begins at x = 3, y = 2.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import (
    AnnotationError,
    ImageError,
    SaveError,
    SchemeError,
    UnknownClassError,
)
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import noted_scheme, scheme_note
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.io.fill import CrossingError, Ring, fill_polygon, ring_area
from napari_histosynth.io.loaded import (
    MAX_SIDE,
    Loaded,
    checked_scale,
    plausible_scale,
    provenance_of,
    why,
)
from napari_histosynth.io.trace import Region, trace_regions

KEY = "histosynth"
"""Member of the collection that holds size, scale and scheme; QuPath leaves it aside."""

_FARTHEST = 2.0**31


def save_geojson(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    scheme: TissueScheme,
    um_per_px: float | None = None,
    *,
    background: bool = False,
    provenance: Provenance | None = None,
) -> None:
    """Write a label map as annotations for QuPath; the same input gives the same bytes.

    Every set of pixels of one class that hang together by their sides becomes one annotation, a polygon with
    holes whose corners are pixel corners. :func:`read_geojson` gives back the very same label map.

    Parameters
    ----------
    path : str or path-like
        File to write, ending in ``.geojson`` or ``.json``. If writing fails, what was there stays.
    labels : array_like
        (y, x) indices into ``scheme``, any integer dtype.
    scheme : TissueScheme
        Gives annotations their classes' names and colors.
    um_per_px : float, optional
        Micrometers a pixel, noted in the file.
    background : bool
        Whether to outline the background, too.
    provenance : Provenance, optional
        Noted in the file.

    Raises
    ------
    LabelMapError
        If the label map does not fit the scheme.
    SaveError
        If the file cannot be written.
    """
    if Path(path).suffix.lower() not in (".geojson", ".json"):
        raise SaveError(f"Cannot write {path}: annotations need a name that ends in .geojson.")
    checked = scheme.check(labels)
    note: dict[str, Any] = {"size": list(checked.shape), **scheme_note(scheme)}
    if (scale := checked_scale(um_per_px)) is not None:
        note["um_per_px"] = scale
    if provenance is not None:
        note["provenance"] = json.loads(provenance.to_json())
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"type":"FeatureCollection","{KEY}":{_compact(note)},"features":[')
        separator = "\n"
        for region in trace_regions(checked):
            if background or region.value != scheme.background:
                file.write(separator + _compact(_feature(region, scheme)))
                separator = ",\n"
        file.write("\n]}\n")


def read_geojson(
    path: str | os.PathLike[str],
    scheme: TissueScheme | None = None,
    shape: tuple[int, int] | None = None,
    *,
    names: Mapping[str, str | None] | None = None,
) -> Loaded:
    """Draw annotations of QuPath as a label map.

    A pixel belongs to the annotations that its center is in; of several to the smallest, so that what
    lies inside another wins. What no annotation covers is background, what lies off the picture is cut off.

    Parameters
    ----------
    path : str or path-like
        FeatureCollection, list of features or single feature; polygons and multipolygons.
    scheme : TissueScheme, optional
        Classes to read: by name, else by color. By default those that the file was written with.
    shape : tuple of int, optional
        Height and width of the picture that was annotated. Files of QuPath do not say it, ours do.
    names : mapping of str to (str or None), optional
        Class of the scheme for names of the file, such as ``{"Tumor": "epithelium"}``; annotations of a name
        that stands for None are left out.

    Returns
    -------
    Loaded
        One level, uint8 (y, x) in memory.

    Raises
    ------
    ImageError
        If the file cannot be read.
    AnnotationError
        If it is no GeoJSON of regions, an outline crosses itself, a class is unknown, or the size is unknown
        or another than the file's.
    SchemeError
        If no scheme is given and the file names none that is built in, or ``names`` leads to a class that
        the scheme does not have.
    """
    document = _read_json(path)
    note = document.get(KEY) if isinstance(document, dict) else None
    note = note if isinstance(note, dict) else {}
    scheme = scheme or noted_scheme(note)
    if scheme is None:
        raise SchemeError(f"{path} does not say which scheme its classes belong to; name one.")
    size = _size(path, note, shape)
    renamed = {
        theirs: None if ours is None else scheme.index_of(ours) for theirs, ours in (names or {}).items()
    }
    polygons = []
    for number, feature in enumerate(_features(path, document), start=1):
        where = f"{path}: annotation {number}"
        parts = _polygons(where, feature)
        index = _class_of(where, feature, scheme, renamed)
        if index is None:
            continue
        area = sum(ring_area(part[0]) - sum(map(ring_area, part[1:])) for part in parts)
        polygons.append((area, index, where, parts))
    labels = np.full(size, scheme.background, dtype=np.uint8)
    for _, index, where, parts in sorted(polygons, key=lambda entry: -entry[0]):
        for rings in parts:
            try:
                window, inside = fill_polygon(rings, size)
            except CrossingError:
                raise AnnotationError(
                    f"{where} crosses its own outline; simplify it or draw it again in QuPath."
                ) from None
            labels[window.slices][inside] = index
    provenance = note.get("provenance")
    return Loaded(
        "labels",
        (labels,),
        plausible_scale(note.get("um_per_px")),
        scheme,
        provenance_of(json.dumps(provenance)) if provenance else None,
    )


def read_note(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return size, scheme and scale as far as a file of annotations gives them.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    document = _read_json(path)
    note = document.get(KEY) if isinstance(document, dict) else None
    return note if isinstance(note, dict) else {}


def foreign_classes(path: str | os.PathLike[str], scheme: TissueScheme) -> tuple[str, ...]:
    """Return the names of classes in a file of annotations that a scheme does not have, in their order.

    Raises
    ------
    ImageError
        If the file cannot be read.
    AnnotationError
        If it is no GeoJSON of features, or an annotation has no class at all.
    """
    found: dict[str, None] = {}
    for number, feature in enumerate(_features(path, _read_json(path)), start=1):
        try:
            _class_of(f"{path}: annotation {number}", feature, scheme, {})
        except UnknownClassError:
            if (name := _name_of(feature)) is None:
                raise
            found[name] = None
    return tuple(found)


def _feature(region: Region, scheme: TissueScheme) -> dict[str, Any]:
    """Return one annotation."""
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring.tolist() for ring in region.rings]},
        "properties": {
            "objectType": "annotation",
            "classification": {
                "name": scheme.names[region.value],
                "color": scheme.palette[region.value].tolist(),
            },
        },
    }


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _read_json(path: str | os.PathLike[str]) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {why(error)}.") from None
    except (ValueError, RecursionError):
        raise ImageError(f"Cannot read {path}: it is no JSON, or cut short; export it again.") from None


def _size(
    path: str | os.PathLike[str], note: Mapping[str, Any], shape: tuple[int, int] | None
) -> tuple[int, int]:
    """Return height and width of the label map."""
    noted = note.get("size")
    if not (isinstance(noted, list) and len(noted) == 2 and all(type(s) is int and s > 0 for s in noted)):
        noted = None
    sides = noted if shape is None else shape
    if sides is None:
        raise AnnotationError(
            f"{path} does not say how large its picture is; put the picture beside it under the same "
            "name, or open it first."
        )
    height, width = (int(side) for side in sides)
    if noted is not None and [height, width] != noted:
        raise AnnotationError(
            f"{path} annotates a picture of {noted[1]:,} x {noted[0]:,} px, but this one is {width:,} x "
            f"{height:,} px; open the picture that belongs to it."
        )
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise AnnotationError(
            f"{path} would become a label map of {width:,} x {height:,} px; 1 to {MAX_SIDE:,} px a side are "
            "possible, so export a part of the slide."
        )
    return height, width


def _features(path: str | os.PathLike[str], document: Any) -> list[dict[str, Any]]:
    """Return the features of a document, whichever way they are wrapped."""
    features: Any = document
    if isinstance(document, dict):
        features = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list) or not all(
        isinstance(entry, dict) and entry.get("type") == "Feature" for entry in features
    ):
        raise AnnotationError(
            f"{path} is JSON, but holds no GeoJSON features; export annotations as GeoJSON."
        )
    return features


def _polygons(where: str, feature: Mapping[str, Any]) -> list[list[Ring]]:
    """Return the polygons of a feature, each as its rings."""
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("Polygon", "MultiPolygon"):
        raise AnnotationError(
            f"{where} is a {kind or 'feature without a shape'}, which has no area; export regions only."
        )
    coordinates = geometry.get("coordinates")
    parts: Any = coordinates if kind == "MultiPolygon" else [coordinates]
    try:
        polygons = [[_ring(points) for points in part] for part in parts]
    except (TypeError, ValueError, OverflowError):
        polygons = []
    if not polygons or not all(polygons):
        raise AnnotationError(f"{where} has an outline that is no list of points; export it again.")
    return polygons


def _ring(points: Any) -> Ring:
    """Return a ring from its points; ValueError if they make none."""
    ring = np.array([(x, y) for x, y, *_ in points], dtype=np.float64)
    if len(ring) < 3 or not (np.abs(ring) < _FARTHEST).all():  # the comparison is false for NaN
        raise ValueError("no ring")
    return ring


def _class_of(
    where: str, feature: Mapping[str, Any], scheme: TissueScheme, renamed: Mapping[str, int | None]
) -> int | None:
    """Return the class of a feature, by its name, else by its color; None if it is to be left out."""
    given, name = _classification(feature), _name_of(feature)
    if name is not None:
        if name in renamed:
            return renamed[name]
        for entry in scheme.classes:
            if entry.name.casefold() == name.strip().casefold():
                return entry.index
    color = _color(given.get("color", given.get("colorRGB")))
    if color is not None:
        for entry in scheme.classes:
            if f"#{color:06x}" in entry.colors:
                return entry.index
    if name is None and color is None:
        raise AnnotationError(f"{where} has no class; give it one of {', '.join(scheme.names)}.")
    what = f'is of the class "{name}"' if name is not None else f"is of the color #{color:06x}"
    raise UnknownClassError(
        f"{where} {what}, which {scheme.name} does not have; its classes are {', '.join(scheme.names)}."
    )


def _classification(feature: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a feature says of its class."""
    properties = feature.get("properties")
    given = properties.get("classification") if isinstance(properties, dict) else None
    return {"name": given} if isinstance(given, str) else given if isinstance(given, dict) else {}


def _name_of(feature: Mapping[str, Any]) -> str | None:
    """Return the name of a feature's class."""
    given = _classification(feature)
    name = given.get("name")
    if name is None and isinstance(given.get("names"), list):
        name = ": ".join(map(str, given["names"]))  # as QuPath writes derived classes
    return name if isinstance(name, str) else None


def _color(value: Any) -> int | None:
    """Return a color of QuPath, [r, g, b] or a packed integer, as 0xrrggbb."""
    if (
        isinstance(value, list)
        and len(value) >= 3
        and all(type(v) is int and 0 <= v < 256 for v in value[:3])
    ):
        return int(value[0]) << 16 | int(value[1]) << 8 | int(value[2])
    return value & 0xFFFFFF if type(value) is int else None
