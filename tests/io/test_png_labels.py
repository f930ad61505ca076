"""Label maps as PNG: exact in indices and in colors; foreign palettes, depths and values."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.errors import LabelMapError, UnknownColorError
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme
from napari_histosynth.io import read_image, read_labels, save_labels

Chunks = Callable[[Path], dict[bytes, bytes]]
SCHEME = get_scheme("prostate-3")
MANY = TissueScheme(
    "many", "Many", tuple(TissueClass(k, f"class {k}", f"#{k * 60_000:06x}") for k in range(255))
)


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
    chunks: Chunks, tmp_path: Path, labels: np.ndarray
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
