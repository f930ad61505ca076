"""Label maps and pictures of every format go through the commands and come out unharmed."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    open_ome_zarr,
    open_tiff,
    read_geojson,
    read_image,
    read_labels,
    save_image,
    save_labels,
    save_labels_as,
    save_ome_zarr,
    save_picture_as,
)
from napari_histosynth.paint.inputs import LabelFile, read_label_file

COLON = get_scheme("colon-3")
ENDINGS = (".png", ".ome.tif", ".ome.zarr", ".geojson")
OWN = """
name = "kidney"
um_per_px = 0.25
[[classes]]
index = 0
name = "background"
color = "#ffffff"
[[classes]]
index = 1
name = "epithelium"
color = "#1f77b4"
[[classes]]
index = 2
name = "non-epithelium"
color = "#d62728"
"""


def read(path: Path, **known: Any) -> LabelFile:
    return read_label_file(path, COLON, 0.62, **known)


def qupath(path: Path, *features: tuple[str, list[list[list[float]]]]) -> Path:
    """Write annotations as QuPath 0.5 exports them: with ids, without the size of the picture."""
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": f"5b3a7d9e-0000-4000-8000-{number:012d}",
                "geometry": {"type": "Polygon", "coordinates": rings},
                "properties": {
                    "objectType": "annotation",
                    "classification": {"name": name, "color": [200, 0, 0]},
                },
            }
            for number, (name, rings) in enumerate(features)
        ],
    }
    path.write_text(json.dumps(collection))
    return path


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_label_map_of_any_format_reads_back_with_scheme_and_scale(tmp_path: Path, ending: str) -> None:
    labels = np.random.default_rng(1).integers(0, 4, (21, 34), dtype=np.uint8)
    made = Provenance(synthetic=False, um_per_px=0.25, extra={"scheme": "colon-3"})
    save_labels_as(tmp_path / f"a{ending}", labels, COLON, provenance=made)
    file = read(tmp_path / f"a{ending}")
    assert (file.scheme, file.um_per_px, file.guessed) == (COLON, 0.25, ())
    np.testing.assert_array_equal(file.labels, labels)


@pytest.mark.parametrize("ending", ENDINGS)
def test_edit_carries_a_map_from_format_to_format(
    run: Callable[..., Any], labels: npt.NDArray[np.uint8], tmp_path: Path, ending: str
) -> None:
    save_labels(tmp_path / "a.png", labels, COLON, provenance=Provenance(um_per_px=0.4))
    there, back = tmp_path / f"b{ending}", tmp_path / "c.png"
    relabel = ("relabel", "--from", "nuclei", "--to", "epithelium", "--scheme", "colon-3")  # there are none
    assert run("edit", tmp_path / "a.png", *relabel, "-o", there).code == 0
    assert run("edit", there, *relabel[:-2], "-o", back).code == 0
    np.testing.assert_array_equal(read_labels(back, COLON), labels)
    assert read(back).um_per_px == 0.4


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_scheme_of_ones_own_goes_with_the_file(
    run: Callable[..., Any], labels: npt.NDArray[np.uint8], tmp_path: Path, ending: str
) -> None:
    (tmp_path / "kidney.toml").write_text(OWN)
    own = get_scheme(tmp_path / "kidney.toml")
    save_image(tmp_path / "a.png", own.encode(labels))
    out = tmp_path / f"b{ending}"
    options = ("relabel", "--from", "epithelium", "--to", "non-epithelium")
    assert (
        run("edit", tmp_path / "a.png", *options, "-o", out, "--scheme", tmp_path / "kidney.toml").code == 0
    )
    (tmp_path / "kidney.toml").unlink()
    file = read(out)
    assert (file.scheme, file.um_per_px, file.guessed) == (own, 0.25, ())
    assert (file.labels == 2).all()


def test_render_draws_annotations_and_writes_an_ome_tiff_with_its_pair(
    run: Callable[..., Any], tiny_model: Path, tmp_path: Path
) -> None:
    save_image(tmp_path / "case.png", np.full((24, 40, 3), 200, np.uint8), Provenance(um_per_px=0.5))
    annotations = qupath(
        tmp_path / "case.geojson",
        ("Tumor", [box(2, 2, 30, 20), box(10, 8, 14, 12)]),
        ("Stroma", [box(0, 0, 40, 24)]),
        ("Ignore*", [box(0, 0, 4, 4)]),
    )
    out, pair = tmp_path / "he.ome.tif", tmp_path / "pair.geojson"
    calls = ("--call", "Tumor=epithelium", "--call", "Stroma=non-epithelium", "--call", "Ignore*=")
    ended = run(
        "render",
        annotations,
        "-o",
        out,
        "--labels-output",
        pair,
        "--model",
        tiny_model,
        *calls,
        "--no-nuclei",
    )
    assert ended.code == 0, ended.err
    expected = np.ones((24, 40), np.uint8)
    expected[2:20, 2:30] = 2
    expected[8:12, 10:14] = 1
    drawn = read_geojson(pair)
    np.testing.assert_array_equal(drawn.levels[0], expected)
    picture = open_tiff(out)
    assert (picture.shape, picture.um_per_px, drawn.um_per_px) == ((24, 40), 0.5, 0.5)
    assert picture.provenance is not None
    assert picture.provenance.model == "tiny"


def test_the_annotated_picture_can_be_named(run: Callable[..., Any], tmp_path: Path) -> None:
    save_picture_as(tmp_path / "slide.ome.zarr", np.zeros((24, 40, 3), np.uint8), Provenance(um_per_px=0.3))
    annotations = qupath(tmp_path / "a.geojson", ("epithelium", [box(0, 0, 4, 4)]))
    tool = ("clear-nuclei", "--annotated", tmp_path / "slide.ome.zarr", "--scheme", "colon-3")
    assert run("edit", annotations, *tool, "-o", tmp_path / "b.png").code == 0
    file = read(tmp_path / "b.png")
    assert (file.labels.shape, file.um_per_px, (file.labels == 2).sum()) == ((24, 40), 0.3, 16)


@pytest.mark.parametrize("ending", [".png", ".ome.tif", ".ome.zarr"])
def test_labels_are_made_from_h_and_e_of_every_format(
    run: Callable[..., Any], tmp_path: Path, ending: str
) -> None:
    picture = np.full((40, 60, 3), 250, np.uint8)
    picture[10:30, 10:50] = (210, 120, 170)
    save_picture_as(tmp_path / f"he{ending}", picture, Provenance(um_per_px=0.5))
    ended = run("labels", tmp_path / f"he{ending}", "-o", tmp_path / "labels.geojson")
    assert (ended.code, "is assumed" in ended.err) == (0, False)
    made = read_geojson(tmp_path / "labels.geojson")
    assert (made.um_per_px, made.shape, int(made.levels[0][20, 30])) == (0.5, (40, 60), 1)


def test_whole_numbers_of_any_depth_and_sign_are_labels(tmp_path: Path) -> None:
    labels = np.arange(12).reshape(3, 4) % 4
    for dtype in (np.int16, np.uint32, np.int32):
        tifffile.imwrite(tmp_path / "a.ome.tif", labels.astype(dtype))
        np.testing.assert_array_equal(read(tmp_path / "a.ome.tif").labels, labels)


def test_the_label_map_beside_a_picture_is_read_from_a_zarr(tmp_path: Path) -> None:
    labels = np.eye(8, dtype=np.uint8)
    save_ome_zarr(tmp_path / "a.ome.zarr", np.zeros((8, 8, 3), np.uint8), labels, COLON, 0.5)
    np.testing.assert_array_equal(read(tmp_path / "a.ome.zarr").labels, labels)
    np.testing.assert_array_equal(read(tmp_path / "a.ome.zarr" / "labels" / "tissue").labels, labels)


def test_an_ome_tiff_of_class_colors_is_read_by_them(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4) % 11
    tifffile.imwrite(tmp_path / "a.ome.tif", get_scheme("colon-10").encode(labels), photometric="rgb")
    file = read(tmp_path / "a.ome.tif")
    assert file.scheme.name == "colon-10"
    np.testing.assert_array_equal(file.labels, labels)


# -- what is wrong


def malformed(name: str, folder: Path) -> tuple[Path, str]:
    """Write a file that is no label map; return it and what its sentence says."""
    tiff, geojson, zarr_path = folder / "a.ome.tif", folder / "a.geojson", folder / "a.ome.zarr"
    sized = {"histosynth": {"size": [24, 40]}}
    if name == "self-crossing":
        qupath(geojson, ("epithelium", [[[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]]))
        geojson.write_text(json.dumps({**json.loads(geojson.read_text()), **sized}))
        return geojson, "annotation 1 crosses its own outline"
    if name == "unknown class":
        qupath(geojson, ("Tumour", [box(0, 0, 4, 4)]))
        geojson.write_text(json.dumps({**json.loads(geojson.read_text()), **sized}))
        return geojson, 'the class "Tumour", which colon-3 does not have'
    if name == "no size":
        return qupath(geojson, ("epithelium", [box(0, 0, 4, 4)])), "does not say how large its picture is"
    if name == "empty geojson":
        geojson.touch()
        return geojson, "no JSON, or cut short"
    if name == "truncated tiff":
        noise = np.random.default_rng(0).integers(0, 4, (600, 600))
        save_labels_as(tiff, noise, COLON)
        tiff.write_bytes(tiff.read_bytes()[:20_000])
        return tiff, "cut short"
    if name == "empty tiff":
        tiff.touch()
        return tiff, "is empty; it may not have been saved"
    if name == "float tiff":
        tifffile.imwrite(tiff, np.full((8, 8), 0.5, np.float32))
        return tiff, "a label map has whole numbers"
    if name == "negative":
        tifffile.imwrite(tiff, np.full((8, 8), -1, np.int16))
        return tiff, "the value -1, which is no class"
    if name == "outside":
        tifffile.imwrite(tiff, np.full((8, 8), 77, np.uint8))
        return tiff, "the value 77, which is no class"
    if name == "photograph":
        tifffile.imwrite(tiff, np.full((8, 8, 3), 77, np.uint8), photometric="rgb")
        return tiff, "belongs to no class"
    if name == "plain array":
        zarr.create_array(zarr_path, shape=(8, 8), dtype="u1", chunks=(8, 8))[...] = 1
        return zarr_path, "is no zarr group"
    if name == "foreign group":
        zarr.open_group(zarr_path, mode="w").create_array("x", shape=(8, 8), dtype="u1")
        return zarr_path, 'without "multiscales"'
    if name == "empty zarr":
        zarr_path.mkdir()
        return zarr_path, "is no zarr group"
    if name == "png bomb":
        header = b"IHDR" + struct.pack(">IIBBBBB", 10**9, 10**9, 8, 2, 0, 0, 0)
        data = b"IDAT" + zlib.compress(b"\0" * 1000)
        chunks = [
            struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
            for chunk in (header, data)
        ]
        (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        return folder / "a.png", "1,000,000,000 x 1,000,000,000 px"
    if name == "zarr bomb":
        save_ome_zarr(zarr_path, None, np.zeros((8, 8), int), COLON)
        about = zarr_path / "0" / "zarr.json"
        record = json.loads(about.read_text())
        record["shape"] = [10**6, 10**6]
        about.write_text(json.dumps(record))
        return zarr_path, "1,000,000 x 1,000,000 px"
    if name == "geojson bomb":
        note = {"size": [1, 10**9], "scheme": "colon-3"}
        geojson.write_text(json.dumps({"type": "FeatureCollection", "features": [], "histosynth": note}))
        return geojson, "1,000,000,000 x 1 px"
    if name == "missing zarr":
        return zarr_path, "there is no such folder"
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "self-crossing",
        "unknown class",
        "no size",
        "empty geojson",
        "truncated tiff",
        "empty tiff",
        "float tiff",
        "negative",
        "outside",
        "photograph",
        "plain array",
        "foreign group",
        "empty zarr",
        "png bomb",
        "zarr bomb",
        "geojson bomb",
        "missing zarr",
    ],
)
def test_what_is_malformed_is_one_sentence_and_nothing_is_written(
    run: Callable[..., Any], tiny_model: Path, tmp_path: Path, name: str
) -> None:
    path, says = malformed(name, tmp_path)
    ended = run("render", path, "-o", tmp_path / "he.png", "--model", tiny_model)
    assert (ended.code, ended.in_one_sentence) == (2, True), ended.err
    assert says in ended.err
    assert str(path) in ended.err
    assert not (tmp_path / "he.png").exists()


def test_a_picture_of_another_size_than_the_annotations_say_is_one_sentence(
    run: Callable[..., Any], labels: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    save_labels_as(tmp_path / "a.geojson", labels, COLON)
    save_image(tmp_path / "b.png", np.zeros((9, 9, 3), np.uint8))
    ended = run(
        "edit",
        tmp_path / "a.geojson",
        "clear-nuclei",
        "--annotated",
        tmp_path / "b.png",
        "-o",
        tmp_path / "c.png",
    )
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "40 x 24 px, but this one is 9 x 9 px" in ended.err


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("a.jpg", (), "ends in .png or .ome.tif or .ome.zarr or .geojson"),
        ("a.ome.tif", ("--color",), "only PNG holds class colors"),
    ],
)
def test_an_ending_or_colors_that_cannot_be_written_are_one_sentence(
    run: Callable[..., Any], tmp_path: Path, name: str, more: tuple[str, ...], says: str
) -> None:
    ended = run("example", "poor", "-o", tmp_path / name, "--size", 64, *more)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert says in ended.err


@pytest.mark.parametrize("call", ["Tumor", "=epithelium"])
def test_a_call_that_is_no_pair_is_refused(
    run: Callable[..., Any], label_file: Path, tmp_path: Path, call: str
) -> None:
    ended = run("edit", label_file, "clear-nuclei", "--call", call, "-o", tmp_path / "b.png")
    assert ended.code == 2
    assert "is no pair" in ended.err


def test_a_zarr_that_is_replaced_keeps_to_the_new_content(run: Callable[..., Any], tmp_path: Path) -> None:
    for size in (64, 32):
        assert run("example", "poor", "-o", tmp_path / "a.ome.zarr", "--size", size).code == 0
    assert open_ome_zarr(tmp_path / "a.ome.zarr").shape == (32, 32)


def test_a_picture_that_is_rendered_to_zarr_is_that_of_png(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for ending in (".png", ".ome.zarr"):
        assert run("render", label_file, "-o", tmp_path / f"he{ending}", "--model", tiny_model).code == 0
    stored = open_ome_zarr(tmp_path / "he.ome.zarr")
    np.testing.assert_array_equal(stored.pixels("he"), read_image(tmp_path / "he.png"))
    assert stored.provenance is not None
    assert stored.provenance.synthetic
