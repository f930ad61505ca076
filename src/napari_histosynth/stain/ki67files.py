"""A count on disk: a table of nuclei, a summary, and detections for QuPath."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import SaveError

if TYPE_CHECKING:
    from napari_histosynth.stain.heatmap import HotSpot
    from napari_histosynth.stain.ki67 import Ki67Count

COLUMNS = ("number", "x_um", "y_um", "x_px", "y_px", "area_um2", "hematoxylin_od", "dab_od", "class")
"""Columns of the table of nuclei."""

CLASSES = {True: ("Positive", (250, 62, 62)), False: ("Negative", (112, 112, 225))}
"""Names and colors that QuPath gives these classes."""


def save_nuclei(path: str | os.PathLike[str], count: Ki67Count) -> None:
    """Write the nuclei as CSV, one a line; the same count gives the same bytes.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.csv``. If writing fails, what was there stays.
    count : Ki67Count
        Positions are from the picture's top left corner, in um and in px.

    Raises
    ------
    SaveError
        If the name ends in something else, or the file cannot be written.
    """
    _check_ending(path, (".csv",))
    nuclei = count.nuclei
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for i in range(count.total):
            x, y = float(nuclei.x[i]) + 0.5, float(nuclei.y[i]) + 0.5
            writer.writerow(
                (
                    i + 1,
                    f"{x * count.um_per_px:.2f}",
                    f"{y * count.um_per_px:.2f}",
                    f"{x:.1f}",
                    f"{y:.1f}",
                    f"{nuclei.area_um2[i]:.2f}",
                    f"{nuclei.hematoxylin[i]:.4f}",
                    f"{nuclei.dab[i]:.4f}",
                    CLASSES[bool(nuclei.positive[i])][0],
                )
            )


def summary(count: Ki67Count, hot_spot: HotSpot | None = None) -> dict[str, Any]:
    """Return what a count says in all, ready for JSON: shares 0 to 1, None for what there is none of."""
    low, high = count.interval
    found: dict[str, Any] = {
        "nuclei": count.total,
        "positive": count.positive,
        "negative": count.negative,
        "index": _number(count.index),
        "index_low_95": _number(low),
        "index_high_95": _number(high),
        "area_mm2": _number(count.area_mm2),
        "tissue_mm2": _number(count.tissue_mm2),
        "nuclei_per_mm2": _number(count.per_mm2),
        "dab_threshold_od": _number(count.threshold),
        "um_per_px": count.um_per_px,
    }
    if hot_spot is not None:
        found |= {
            "hot_spot_x_px": _number(hot_spot.x),
            "hot_spot_y_px": _number(hot_spot.y),
            "hot_spot_radius_px": _number(hot_spot.radius),
            "hot_spot_mm2": hot_spot.area_mm2,
            "hot_spot_nuclei": hot_spot.total,
            "hot_spot_positive": hot_spot.positive,
            "hot_spot_index": _number(hot_spot.index),
        }
    return found


def save_summary(path: str | os.PathLike[str], found: Mapping[str, Any]) -> None:
    """Write a :func:`summary` as JSON, or as CSV of a line under its names.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.json`` or ``.csv``. If writing fails, what was there stays.
    found : mapping
        What :func:`summary` gave, perhaps with the picture's name.

    Raises
    ------
    SaveError
        If the name ends in something else, or the file cannot be written.
    """
    _check_ending(path, (".json", ".csv"))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if Path(path).suffix.lower() == ".json":
            file.write(json.dumps(dict(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        else:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(found)
            writer.writerow("" if value is None else value for value in found.values())


def save_detections(path: str | os.PathLike[str], count: Ki67Count, hot_spot: HotSpot | None = None) -> None:
    """Write the nuclei as detections for QuPath (GeoJSON), Positive or Negative.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.geojson`` or ``.json``. If writing fails, what was there stays.
    count : Ki67Count
        With outlines; without, nuclei are points.
    hot_spot : HotSpot, optional
        Written as an annotation of that name.

    Raises
    ------
    SaveError
        If the name ends in something else, or the file cannot be written.
    """
    _check_ending(path, (".geojson", ".json"))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type":"FeatureCollection","features":[')
        separator = "\n"
        if hot_spot is not None:
            file.write(separator + _compact(_disk(hot_spot)))
            separator = ",\n"
        for number in range(count.total):
            file.write(separator + _compact(_detection(count, number)))
            separator = ",\n"
        file.write("\n]}\n")


def _detection(count: Ki67Count, number: int) -> dict[str, Any]:
    """Return a nucleus as QuPath writes one."""
    nuclei = count.nuclei
    geometry: dict[str, Any]
    if nuclei.outlines:
        ring = [[round(float(x), 2), round(float(y), 2)] for x, y in nuclei.outlines[number]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
    else:
        x, y = float(nuclei.x[number]) + 0.5, float(nuclei.y[number]) + 0.5
        geometry = {"type": "Point", "coordinates": [round(x, 2), round(y, 2)]}
    name, color = CLASSES[bool(nuclei.positive[number])]
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": "detection",
            "classification": {"name": name, "color": list(color)},
            "measurements": {
                "Nucleus: Area µm^2": round(float(nuclei.area_um2[number]), 2),
                "Nucleus: Hematoxylin OD mean": round(float(nuclei.hematoxylin[number]), 4),
                "Nucleus: DAB OD mean": round(float(nuclei.dab[number]), 4),
            },
        },
    }


def _disk(spot: HotSpot, corners: int = 96) -> dict[str, Any]:
    """Return the hot spot as an annotation."""
    angles = [2 * math.pi * k / corners for k in range(corners)]
    ring = [
        [round(spot.x + spot.radius * math.cos(a), 2), round(spot.y + spot.radius * math.sin(a), 2)]
        for a in angles
    ]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "properties": {"objectType": "annotation", "name": "Hot spot"},
    }


def _number(value: float) -> float | None:
    """Return a number as it is written, None for NaN."""
    return round(float(value), 6) if math.isfinite(value) else None


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _check_ending(path: str | os.PathLike[str], endings: tuple[str, ...]) -> None:
    if Path(path).suffix.lower() not in endings:
        raise SaveError(f"Cannot write {path}: give a name that ends in {' or '.join(endings)}.")
