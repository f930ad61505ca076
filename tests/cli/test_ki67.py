"""`histosynth ki67`: counting from the shell."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.io import read_image, save_image, save_ome_tiff, save_ome_zarr

UM = 0.25


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """Return 6 x 8 nuclei on pale tissue, every fourth brown, 384 x 512 px of 0.25 um."""
    rgb = np.full((384, 512, 3), (226, 229, 238), np.uint8)
    y, x = np.mgrid[:384, :512]
    for number in range(48):
        row, column = divmod(number, 8)
        inside = np.hypot(y - 64 * row - 32, x - 64 * column - 32) < 14
        rgb[inside] = (104, 62, 36) if number % 4 == 0 else (120, 110, 172)
    return rgb


@pytest.fixture
def picture(tmp_path: Path, rgb: np.ndarray) -> Path:
    """Write it with its scale inside."""
    save_image(tmp_path / "ki67.png", rgb, Provenance(synthetic=False, um_per_px=UM))
    return tmp_path / "ki67.png"


def test_counts_index_interval_and_area_are_printed(run: Callable[..., Any], picture: Path) -> None:
    ended = run("ki67", picture)
    assert ended.code == 0
    assert "index 25.0% (95 % interval 14.9% to 38.8%), 12 of 48 nuclei positive, 36 negative" in ended.out
    assert "0.0123 mm2" in ended.out
    assert "nuclei per mm2" in ended.out
    assert "by the picture's own stains" in ended.out
    assert "No hot spot" in ended.err


def test_every_format_gives_the_same_count(run: Callable[..., Any], tmp_path: Path, rgb: np.ndarray) -> None:
    save_ome_tiff(tmp_path / "p.ome.tif", rgb, um_per_px=UM)
    save_ome_zarr(tmp_path / "p.ome.zarr", rgb, None, None, UM)
    Image.fromarray(rgb).save(tmp_path / "p.jpg", quality=95)
    for name, options in (("p.ome.tif", ()), ("p.ome.zarr", ()), ("p.jpg", ("--um-per-px", UM))):
        ended = run("ki67", tmp_path / name, *options)
        assert "12 of 48 nuclei positive" in ended.out, name


def test_files_are_written_as_asked(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    table, summary, found, overlay, heat = (
        tmp_path / name for name in ("n.csv", "s.json", "n.geojson", "overlay.png", "heat.png")
    )
    ended = run(
        "ki67", picture, "-o", table, "--summary", summary, "--geojson", found, "--overlay", overlay,
        "--heatmap", heat, "--cell-um", 32, "--hot-spot-mm2", 0.002, "--hot-spot-nuclei", 4,
    )  # fmt: skip
    assert ended.code == 0
    assert "Hot spot of 0.002 mm2" in ended.out
    with table.open() as file:
        assert sum(row["class"] == "Positive" for row in csv.DictReader(file)) == 12
    assert json.loads(summary.read_text())["index"] == 0.25
    features = json.loads(found.read_text())["features"]
    assert [f["properties"]["objectType"] for f in features].count("detection") == 48
    for path in (overlay, heat):
        assert read_image(path).shape == (384, 512, 3)


def test_a_region_is_counted_by_the_stains_of_all_in_the_picture_s_pixels(
    run: Callable[..., Any], picture: Path, tmp_path: Path
) -> None:
    ended = run("ki67", picture, "--region", 256, 64, 256, 128, "-o", tmp_path / "n.csv")
    assert "2 of 8 nuclei positive" in ended.out
    with (tmp_path / "n.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert {round(float(row["x_px"])) // 64 for row in rows} == {4, 5, 6, 7}
    assert {round(float(row["y_px"])) // 64 for row in rows} == {1, 2}


def test_a_threshold_and_a_mask_as_asked(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    assert "0 of 48 nuclei positive" in run("ki67", picture, "--threshold", 2.5).out
    mask = np.zeros((384, 512, 3), np.uint8)
    mask[:, :256] = 255
    save_image(tmp_path / "mask.png", mask)
    assert "6 of 24 nuclei positive" in run("ki67", picture, "--mask", tmp_path / "mask.png").out


def test_a_blank_slide_has_no_nuclei(run: Callable[..., Any], tmp_path: Path) -> None:
    save_image(tmp_path / "blank.png", np.full((60, 80, 3), 244, np.uint8))
    ended = run("ki67", tmp_path / "blank.png", "--um-per-px", 0.5, "--summary", tmp_path / "s.json",
                "--heatmap", tmp_path / "heat.png")  # fmt: skip
    assert ended.code == 0
    assert "no nuclei" in ended.out
    assert json.loads((tmp_path / "s.json").read_text())["index"] is None


def test_pictures_that_cannot_be_counted_are_refused_in_a_sentence(
    run: Callable[..., Any], tmp_path: Path, rgb: np.ndarray, picture: Path
) -> None:
    save_image(tmp_path / "unscaled.png", rgb)
    Image.fromarray(rgb[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(rgb[..., 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    for arguments in (
        (tmp_path / "unscaled.png",),
        (tmp_path / "gray.png", "--um-per-px", UM),
        (tmp_path / "deep.png", "--um-per-px", UM),
        (tmp_path / "missing.svs",),
        (picture, "--um-per-px", 4),
        (picture, "--threshold", 9),
        (picture, "--region", 500, 300, 100, 100),
        (picture, "-o", tmp_path / "n.xlsx"),
    ):
        ended = run("ki67", *arguments)
        assert ended.code == 2, arguments
        assert ended.in_one_sentence, ended.err


def test_two_files_of_one_name_are_refused(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.png"
    assert run("ki67", picture, "--overlay", same, "--heatmap", same).code == 2
    assert not same.exists()
