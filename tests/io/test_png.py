"""Pictures and label maps on disk: exact, deterministic, with provenance; damage is one sentence."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from napari_histosynth.core.errors import (
    HistosynthError,
    ImageError,
    LabelMapError,
    SaveError,
    UnknownColorError,
)
from napari_histosynth.core.provenance import Provenance, ProvenanceError
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme
from napari_histosynth.io import (
    read_image,
    read_labels,
    read_provenance,
    save_image,
    save_labels,
    save_provenance,
)

SCHEME = get_scheme("prostate-3")
MADE_BY = Provenance(model="colon-3class", seed=3, um_per_px=0.62, size=(37, 53))
MANY = TissueScheme(
    "many", "Many", tuple(TissueClass(k, f"class {k}", f"#{k * 60_000:06x}") for k in range(255))
)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, (37, 53), dtype=np.uint8)


def chunks(path: Path) -> dict[bytes, bytes]:
    """Split a PNG into its chunks by the specification, checking each sum."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found: dict[bytes, bytes] = {}
    place = 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        found[kind] = found.get(kind, b"") + body
        place += 12 + length
    return found


def png_header(width: int, height: int) -> bytes:
    """Return the start of a PNG that claims a size, without its pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 1000)
    parts = (struct.pack(">I", len(b) - 4) + b + struct.pack(">I", zlib.crc32(b)) for b in (body, idat))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# -- pictures


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


# -- label maps


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("scheme", ["prostate-2", "prostate-3", "colon-10"])
def test_label_maps_read_back_exactly(tmp_path: Path, scheme: str, color: bool) -> None:
    chosen = get_scheme(scheme)
    labels = np.random.default_rng(2).integers(0, chosen.n_classes, (41, 29), dtype=np.uint8)
    save_labels(tmp_path / "a.png", labels, chosen, color=color)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", chosen), labels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), chosen.encode(labels))


@pytest.mark.parametrize("color", [False, True])
def test_a_map_of_255_classes_reads_back_exactly(tmp_path: Path, color: bool) -> None:
    labels = np.arange(255, dtype=np.uint8).reshape(15, 17)
    save_labels(tmp_path / "a.png", labels, MANY, color=color)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", MANY), labels)


def test_an_index_picture_holds_the_indices_and_the_palette_of_the_scheme(
    tmp_path: Path, labels: np.ndarray
) -> None:
    save_labels(tmp_path / "a.png", labels, SCHEME)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.array(picture), labels)
    assert chunks(tmp_path / "a.png")[b"PLTE"][: 3 * 4] == SCHEME.palette.tobytes()


def test_a_color_picture_is_rgb(tmp_path: Path, labels: np.ndarray) -> None:
    save_labels(tmp_path / "a.png", labels, SCHEME, color=True)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, bool])
def test_gray_pictures_of_any_depth_hold_indices(tmp_path: Path, dtype: type) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    suffix = "tif" if dtype is np.int32 else "png"
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    read = read_labels(tmp_path / f"a.{suffix}", SCHEME)
    assert read.tolist() == [[0, 1], [1, 0]]
    assert read.dtype == np.uint8


def test_gray_with_an_opaque_alpha_holds_indices(tmp_path: Path) -> None:
    values = np.array([[[3, 255], [1, 255]]], dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", SCHEME).tolist() == [[3, 1]]


def test_a_palette_in_another_order_is_read_by_its_colors(tmp_path: Path, labels: np.ndarray) -> None:
    picture = Image.fromarray(3 - labels)
    picture.putpalette(SCHEME.palette[::-1].tobytes())
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", SCHEME), labels)


def test_unused_colors_of_a_palette_do_not_matter(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[5, 6]], dtype=np.uint8))
    unused = np.arange(15, dtype=np.uint8).reshape(5, 3)
    picture.putpalette(np.concatenate([unused, SCHEME.palette[2:]]).tobytes())
    picture.save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", SCHEME).tolist() == [[2, 3]]


def test_a_foreign_palette_over_valid_indices_is_read_as_indices(tmp_path: Path, labels: np.ndarray) -> None:
    picture = Image.fromarray(labels)
    picture.putpalette([1, 2, 3, 90, 0, 90, 0, 0, 200, 60, 60, 60])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", SCHEME), labels)


def test_a_foreign_palette_over_foreign_indices_is_refused_by_color(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[1, 9]], dtype=np.uint8))
    picture.putpalette([10] * 30)
    picture.save(tmp_path / "a.png")
    with pytest.raises(UnknownColorError, match=r"a\.png: The color #0a0a0a .* 2 pixels"):
        read_labels(tmp_path / "a.png", SCHEME)


def test_a_foreign_color_is_named_with_the_file(tmp_path: Path, labels: np.ndarray) -> None:
    picture = SCHEME.encode(labels)
    picture[5, 7] = 0
    Image.fromarray(picture).save(tmp_path / "odd.png")
    with pytest.raises(UnknownColorError, match=r"odd\.png: .*#000000.*row 5, column 7"):
        read_labels(tmp_path / "odd.png", SCHEME)


def test_a_foreign_index_is_named_with_the_file(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(LabelMapError, match=r"mask\.png: .*the value 255"):
        read_labels(tmp_path / "mask.png", SCHEME)


def test_a_float_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 3), dtype=np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(LabelMapError, match=r"float\.tif: .*float32"):
        read_labels(tmp_path / "float.tif", SCHEME)


def test_a_transparent_label_picture_is_refused(tmp_path: Path, labels: np.ndarray) -> None:
    rgba = np.dstack([SCHEME.encode(labels), np.full(labels.shape, 128, dtype=np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    with pytest.raises(LabelMapError, match=r"clear\.png: .*transparent"):
        read_labels(tmp_path / "clear.png", SCHEME)


@pytest.mark.parametrize("color", [False, True])
def test_a_map_outside_the_scheme_is_not_written(tmp_path: Path, color: bool) -> None:
    with pytest.raises(LabelMapError, match="the value 4"):
        save_labels(tmp_path / "a.png", [[0, 4]], SCHEME, color=color)
    assert os.listdir(tmp_path) == []


@pytest.mark.data
def test_an_authors_file_reads_the_same_from_disk_as_from_an_array(histosynth_data: Path) -> None:
    file = histosynth_data / "seed-label-maps" / "10-class-colon-1.png"
    scheme = get_scheme("colon-10")
    np.testing.assert_array_equal(read_labels(file, scheme), scheme.decode(read_image(file)))


# -- what the file says of itself


def test_provenance_is_written_into_pictures_and_read_back(
    tmp_path: Path, rgb: np.ndarray, labels: np.ndarray
) -> None:
    save_image(tmp_path / "image.png", rgb, MADE_BY)
    save_labels(tmp_path / "index.png", labels, SCHEME, provenance=MADE_BY)
    save_labels(tmp_path / "color.png", labels, SCHEME, color=True, provenance=MADE_BY)
    for name in ("image", "index", "color"):
        assert read_provenance(tmp_path / f"{name}.png") == MADE_BY


def test_provenance_stands_in_an_itxt_chunk_that_says_synthetic(tmp_path: Path, rgb: np.ndarray) -> None:
    save_image(tmp_path / "a.png", rgb, MADE_BY)
    keyword, _, rest = chunks(tmp_path / "a.png")[b"iTXt"].partition(b"\0")
    assert keyword == b"histosynth"
    assert b'"synthetic": true' in rest


@pytest.mark.parametrize(("um_per_px", "per_meter"), [(1.0, 1_000_000), (0.62, 1_612_903), (0.5, 2_000_000)])
def test_the_scale_is_written_as_pixels_per_meter(
    tmp_path: Path, rgb: np.ndarray, um_per_px: float, per_meter: int
) -> None:
    save_image(tmp_path / "a.png", rgb, Provenance(um_per_px=um_per_px))
    assert chunks(tmp_path / "a.png")[b"pHYs"] == struct.pack(">IIB", per_meter, per_meter, 1)


@pytest.mark.parametrize("um_per_px", [1e-9, 1e9, None])
def test_a_scale_that_png_cannot_hold_is_left_out(
    tmp_path: Path, rgb: np.ndarray, um_per_px: float | None
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


# -- damage, and failing disks


def faulty_file(tmp_path: Path, fault: str) -> Path:
    """Write a file with the fault."""
    path = tmp_path / "faulty.png"
    whole = tmp_path / "whole.png"
    save_image(whole, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = whole.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    contents = {
        "empty": b"",
        "truncated": data[: len(data) // 2],
        "truncated in its header": data[:20],
        "flipped": bytes(flipped),
        "text": b"This is no picture.\n" * 50,
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "too wide": png_header(16_385, 4),
        "too high": png_header(4, 16_385),
        "bomb": png_header(2_000_000_000, 2_000_000_000),
        "without its pixels": png_header(16_000, 4),
    }
    if fault == "folder":
        path.mkdir()
    elif fault != "missing":
        path.write_bytes(contents[fault])
    return path


FAULTS = {
    "empty": "is empty",
    "missing": "no such file",
    "folder": "is a folder",
    "truncated": "damaged or cut short",
    "truncated in its header": "damaged or cut short",
    "flipped": "damaged",
    "text": "no picture",
    "postscript": "no picture",
    "too wide": "16,385 x 4 px",
    "too high": "4 x 16,385 px",
    "bomb": "2,000,000,000 x 2,000,000,000 px",
    "without its pixels": "damaged or cut short",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_file_that_cannot_be_read_is_one_sentence_with_its_path(tmp_path: Path, fault: str) -> None:
    path = faulty_file(tmp_path, fault)
    for read in (read_image, lambda path: read_labels(path, SCHEME), read_provenance):
        with pytest.raises(ImageError) as caught:
            read(path)
        message = str(caught.value)
        assert str(path) in message
        assert FAULTS[fault] in message
        assert "\n" not in message


def test_the_largest_side_is_read_and_pillow_keeps_its_own_limit(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("L", (16_384, 2), 1).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", SCHEME).shape == (2, 16_384)
    with pytest.raises(ImageError):
        read_image(faulty_file(tmp_path, "bomb"))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_canvas_that_pillow_would_call_a_bomb_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray
) -> None:
    save_image(tmp_path / "a.png", rgb)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as if 37 x 53 were beyond its limit
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb)


@pytest.mark.parametrize("writer", ["image", "index", "color", "json"])
def test_a_disk_that_fills_up_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray, labels: np.ndarray, writer: str
) -> None:
    path = tmp_path / ("a.json" if writer == "json" else "a.png")
    path.write_bytes(b"old")

    def fills_up(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PngImagePlugin, "putchunk", fills_up)
    monkeypatch.setattr(os, "fsync", fills_up)
    writers = {
        "image": lambda: save_image(path, rgb, MADE_BY),
        "index": lambda: save_labels(path, labels, SCHEME),
        "color": lambda: save_labels(path, labels, SCHEME, color=True),
        "json": lambda: save_provenance(path, MADE_BY),
    }
    with pytest.raises(SaveError, match="the disk is full") as caught:
        writers[writer]()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]
