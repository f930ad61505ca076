"""Tables, summaries and detections."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.stain.findnuclei import Nuclei
from napari_histosynth.stain.heatmap import HotSpot
from napari_histosynth.stain.ki67 import Ki67Count
from napari_histosynth.stain.ki67files import save_detections, save_nuclei, save_summary, summary
from napari_histosynth.stain.levels import Levels
from napari_histosynth.stain.unmix import StainBasis

SQUARE = np.array([[1, 1], [5, 1], [5, 5], [1, 5], [1, 1]], np.float32)


def _count(total: int = 2, *, outlined: bool = True) -> Ki67Count:
    """Return a count of nuclei, the first of which is positive."""
    values = np.arange(total, dtype=np.float32)
    outlines = tuple(SQUARE + 10 * i for i in range(total)) if outlined else ()
    nuclei = Nuclei(
        10 * values + 2.5, 10 * values + 2.5, values + 20, values / 4 + 0.1, 0.9 - values / 2,
        np.zeros(total, bool), 0.25, outlines,
    )  # fmt: skip
    levels = Levels(StainBasis.usual("hdab"), 0.2, 0.3, 0.7)
    return Ki67Count(nuclei, None, 0.5, 0.25, 0.5, levels, 0.25).with_threshold(0.5)


def test_the_table_has_um_and_px(tmp_path: Path) -> None:
    save_nuclei(tmp_path / "n.csv", _count())
    with (tmp_path / "n.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert (float(rows[1]["x_px"]), float(rows[1]["x_um"])) == (13.0, 3.25)
    assert float(rows[0]["area_um2"]) == 20
    assert float(rows[0]["dab_od"]) == pytest.approx(0.9)
    assert [row["class"] for row in rows] == ["Positive", "Negative"]


def test_the_summary_is_json_or_a_line_of_csv(tmp_path: Path) -> None:
    found = summary(_count(), HotSpot(10.0, 20.0, 5.0, 1, 2, 0.1))
    save_summary(tmp_path / "s.json", found)
    save_summary(tmp_path / "s.csv", found)
    read = json.loads((tmp_path / "s.json").read_text())
    assert (read["nuclei"], read["positive"], read["index"], read["hot_spot_index"]) == (2, 1, 0.5, 0.5)
    assert read["nuclei_per_mm2"] == 4
    with (tmp_path / "s.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["index_low_95"]) == pytest.approx(read["index_low_95"])


def test_no_nuclei_have_no_index_in_valid_json(tmp_path: Path) -> None:
    save_summary(tmp_path / "s.json", summary(_count(0)))
    read = json.loads((tmp_path / "s.json").read_text())
    assert (read["nuclei"], read["index"], read["index_low_95"]) == (0, None, None)
    save_detections(tmp_path / "d.geojson", _count(0))
    assert json.loads((tmp_path / "d.geojson").read_text())["features"] == []


def test_detections_are_what_qupath_calls_positive_and_negative(tmp_path: Path) -> None:
    save_detections(tmp_path / "d.geojson", _count(), HotSpot(10.0, 20.0, 5.0, 1, 2, 0.1))
    spot, first, second = json.loads((tmp_path / "d.geojson").read_text())["features"]
    assert spot["properties"] == {"objectType": "annotation", "name": "Hot spot"}
    ring = np.array(spot["geometry"]["coordinates"][0])
    assert np.hypot(*(ring - (20, 10)).T) == pytest.approx(5, abs=0.01)
    assert first["properties"]["objectType"] == "detection"
    assert first["properties"]["classification"]["name"] == "Positive"
    assert second["properties"]["classification"]["name"] == "Negative"
    assert first["properties"]["measurements"]["Nucleus: DAB OD mean"] == pytest.approx(0.9)
    assert first["geometry"] == {"type": "Polygon", "coordinates": [SQUARE.tolist()]}


def test_without_outlines_detections_are_points(tmp_path: Path) -> None:
    save_detections(tmp_path / "d.geojson", _count(outlined=False))
    first = json.loads((tmp_path / "d.geojson").read_text())["features"][0]
    assert first["geometry"] == {"type": "Point", "coordinates": [3.0, 3.0]}


@pytest.mark.parametrize("write", [save_nuclei, save_detections])
def test_other_names_are_refused(tmp_path: Path, write: object) -> None:
    with pytest.raises(SaveError, match="name that ends in"):
        write(tmp_path / "n.xlsx", _count())  # type: ignore[operator]
    assert not list(tmp_path.iterdir())
