"""Pictures as PNG: exact, deterministic, with provenance and scale."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from napari_histosynth.core.errors import HistosynthError, ImageError, SaveError
from napari_histosynth.core.provenance import Provenance, ProvenanceError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_provenance, save_image, save_labels, save_provenance

Chunks = Callable[[Path], dict[bytes, bytes]]
SCHEME = get_scheme("prostate-3")
MADE_BY = Provenance(model="colon-3class", seed=3, um_per_px=0.62, size=(37, 53))


def test_a_picture_reads_back_exactly(tmp_path: Path, rgb: np.ndarray) -> None:
    save_image(tmp_path / "a.png", rgb)
    read = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(read, rgb)
    assert read.dtype == np.uint8
    assert read.flags.writeable


def test_a_strided_view_is_written_as_it_looks(tmp_path: Path, rgb: np.ndarray) -> None:
    save_image(tmp_path / "a.png", rgb[::-2, ::3])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb[::-2, ::3])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, rgb: np.ndarray, labels: np.ndarray) -> None:
    for name in ("1", "2"):
        save_image(tmp_path / f"image-{name}.png", rgb, MADE_BY)
        save_labels(tmp_path / f"labels-{name}.png", labels, SCHEME, provenance=MADE_BY)
    for kind in ("image", "labels"):
        assert (tmp_path / f"{kind}-1.png").read_bytes() == (tmp_path / f"{kind}-2.png").read_bytes()


@pytest.mark.parametrize(
    ("array", "named"),
    [
        (np.zeros((4, 4), dtype=np.uint8), "uint8 4 x 4"),
        (np.zeros((4, 4, 4), dtype=np.uint8), "uint8 4 x 4 x 4"),
        (np.zeros((4, 4, 3)), "float64 4 x 4 x 3"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "uint8 0 x 4 x 3"),
    ],
)
def test_what_is_no_picture_is_not_written(tmp_path: Path, array: np.ndarray, named: str) -> None:
    with pytest.raises(ImageError, match=named):
        save_image(tmp_path / "a.png", array)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.tif"])
def test_only_png_is_written(tmp_path: Path, rgb: np.ndarray, name: str) -> None:
    with pytest.raises(SaveError, match=r"ends in \.png"):
        save_image(tmp_path / name, rgb)


def test_gray_and_palette_pictures_become_rgb(tmp_path: Path, rgb: np.ndarray) -> None:
    gray = Image.fromarray(rgb[..., 0])
    gray.save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), np.repeat(rgb[..., :1], 3, axis=2))
    few = gray.quantize(7)
    few.save(tmp_path / "few.png")
    np.testing.assert_array_equal(read_image(tmp_path / "few.png"), np.array(few.convert("RGB")))


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["tif", "bmp", "webp", "ppm", "gif"])
def test_other_lossless_formats_are_read(tmp_path: Path, suffix: str) -> None:
    rgb = np.kron(np.arange(4).reshape(2, 2, 1), np.full((8, 8, 3), 60)).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / f"a.{suffix}", lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), rgb)


def test_a_16_bit_picture_is_refused_rather_than_cut(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match=r"deep\.png has more than 8 bits"):
        read_image(tmp_path / "deep.png")


def test_provenance_is_written_into_pictures_and_read_back(
    tmp_path: Path, rgb: np.ndarray, labels: np.ndarray
) -> None:
    save_image(tmp_path / "image.png", rgb, MADE_BY)
    save_labels(tmp_path / "index.png", labels, SCHEME, provenance=MADE_BY)
    save_labels(tmp_path / "color.png", labels, SCHEME, color=True, provenance=MADE_BY)
    for name in ("image", "index", "color"):
        assert read_provenance(tmp_path / f"{name}.png") == MADE_BY


def test_provenance_stands_in_an_itxt_chunk_that_says_synthetic(
    chunks: Chunks, tmp_path: Path, rgb: np.ndarray
) -> None:
    save_image(tmp_path / "a.png", rgb, MADE_BY)
    keyword, _, rest = chunks(tmp_path / "a.png")[b"iTXt"].partition(b"\0")
    assert keyword == b"histosynth"
    assert b'"synthetic": true' in rest


@pytest.mark.parametrize(("um_per_px", "per_meter"), [(1.0, 1_000_000), (0.62, 1_612_903), (0.5, 2_000_000)])
def test_the_scale_is_written_as_pixels_per_meter(
    chunks: Chunks,
    tmp_path: Path,
    rgb: np.ndarray,
    um_per_px: float,
    per_meter: int,
) -> None:
    save_image(tmp_path / "a.png", rgb, Provenance(um_per_px=um_per_px))
    assert chunks(tmp_path / "a.png")[b"pHYs"] == struct.pack(">IIB", per_meter, per_meter, 1)


@pytest.mark.parametrize("um_per_px", [1e-9, 1e9, None])
def test_a_scale_that_png_cannot_hold_is_left_out(
    chunks: Chunks, tmp_path: Path, rgb: np.ndarray, um_per_px: float | None
) -> None:
    save_image(tmp_path / "a.png", rgb, Provenance(um_per_px=um_per_px))
    assert b"pHYs" not in chunks(tmp_path / "a.png")


def test_a_picture_without_provenance_has_none(tmp_path: Path, rgb: np.ndarray) -> None:
    save_image(tmp_path / "a.png", rgb)
    assert read_provenance(tmp_path / "a.png") is None
    Image.fromarray(rgb).save(tmp_path / "a.jpg")
    assert read_provenance(tmp_path / "a.jpg") is None


def test_foreign_text_under_our_keyword_is_a_sentence(tmp_path: Path, rgb: np.ndarray) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("histosynth", "hello")
    Image.fromarray(rgb).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ProvenanceError, match="not JSON"):
        read_provenance(tmp_path / "a.png")


def test_provenance_goes_to_a_json_file_and_back(tmp_path: Path) -> None:
    save_provenance(tmp_path / "a.json", MADE_BY)
    assert read_provenance(tmp_path / "a.json") == MADE_BY
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_json_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HistosynthError) as caught:
        read_provenance(path)
    assert "\n" not in str(caught.value)
