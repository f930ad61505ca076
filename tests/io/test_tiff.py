"""OME-TIFF: exact, with scale, classes and origin, read by others; damage is one sentence."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io.halving import levels_of
from napari_histosynth.io.tiff import open_tiff, save_ome_tiff

SCHEME = get_scheme("colon-3")
MADE = Provenance(model="colon-3class", seed=3, um_per_px=0.62, extra={"note": "a < b & 'c'"})
ONE_SENTENCE = r"^[^\n]*\.$"


def picture(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def label_map(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, (height, width), dtype=np.uint8)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a picture of 2,048 x 300 px as a file."""
    path = tmp_path_factory.mktemp("large") / "a.ome.tif"
    save_ome_tiff(path, picture(2048, 300), um_per_px=0.5)
    return path


# -- what goes in comes out


def test_a_picture_comes_back_with_scale_and_provenance(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture(), provenance=MADE)
    read = open_tiff(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read.pixels("a"), picture())
    assert (read.kind, read.um_per_px, read.provenance) == ("picture", 0.62, MADE)


def test_a_label_map_comes_back_with_its_scheme(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", label_map().astype(int), SCHEME, 0.5)
    read = open_tiff(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read.labels("a"), label_map())
    assert (read.kind, read.um_per_px, read.scheme, read.provenance) == ("labels", 0.5, SCHEME, None)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        save_ome_tiff(tmp_path / name, picture(), provenance=MADE)
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_levels_are_read_lazily(large: Path) -> None:
    assert [type(level).__module__.split(".")[0] for level in open_tiff(large).levels] == ["dask"] * 3


def test_a_level_can_be_read_when_the_others_are_gone(large: Path) -> None:
    loaded = open_tiff(large)
    coarsest = loaded.levels[-1]
    del loaded
    gc.collect()
    np.testing.assert_array_equal(np.asarray(coarsest), levels_of(picture(2048, 300))[-1])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files can be listed on Linux only")
def test_the_file_is_closed_when_all_levels_are_gone(large: Path) -> None:
    loaded = open_tiff(large)
    assert large.resolve() in {entry.resolve() for entry in Path("/proc/self/fd").iterdir()}
    del loaded
    gc.collect()
    assert large.resolve() not in {entry.resolve() for entry in Path("/proc/self/fd").iterdir()}


def test_tiles_read_by_several_threads_are_the_right_ones(large: Path) -> None:
    level = open_tiff(large).levels[0]
    for _ in range(5):
        read = level.rechunk((64, 300, 3)).compute(scheduler="threads", num_workers=8)
        np.testing.assert_array_equal(read, picture(2048, 300))


# -- as others see it


def test_large_pictures_hold_halved_copies_as_subifds_of_512_px_tiles(large: Path) -> None:
    with tifffile.TiffFile(large) as file:
        (series,) = file.series
        assert [level.shape[:2] for level in series.levels] == [(2048, 300), (1024, 150), (512, 75)]
        assert [len(page.subifds or ()) for page in file.pages] == [2]
        assert {level.keyframe.tile for level in series.levels} == {(512, 512)}
        np.testing.assert_array_equal(series.asarray(), picture(2048, 300))


def test_below_2048_px_there_are_no_copies(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", label_map(2047, 3), SCHEME)
    assert len(open_tiff(tmp_path / "a.ome.tif").levels) == 1


def test_the_ome_xml_gives_scale_and_marks_the_picture_as_synthetic(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture(), provenance=MADE)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        xml = tifffile.xml2dict(file.ome_metadata)["OME"]
    pixels = xml["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["PhysicalSizeXUnit"]) == (
        0.62,
        0.62,
        "µm",
    )
    assert xml["Image"]["Description"].startswith("Synthetic")
    entries = {
        entry["K"]: entry["value"] for entry in xml["StructuredAnnotations"]["MapAnnotation"]["Value"]["M"]
    }
    assert entries["synthetic"] in ("true", True)


def test_openslide_reads_the_same_pixels_and_scale(large: Path) -> None:
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(large) as slide:
        # the copies are SubIFDs, as OME has them, which OpenSlide does not look at
        assert (slide.properties["openslide.vendor"], slide.level_count) == ("generic-tiff", 1)
        assert slide.dimensions == (300, 2048)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        region = np.asarray(slide.read_region((100, 1000), 0, (150, 60)))[..., :3]
    np.testing.assert_array_equal(region, picture(2048, 300)[1000:1060, 100:250])


# -- smaller copies


def test_pictures_are_averaged_and_classes_are_picked() -> None:
    rgb = np.zeros((2048, 3, 3), np.uint8)
    rgb[1::2] = 3
    assert np.unique(levels_of(rgb)[1]).tolist() == [2]
    assert [level.shape for level in levels_of(rgb)] == [(2048, 3, 3), (1024, 2, 3), (512, 1, 3)]
    labels = np.zeros((2048, 3), np.uint8)
    labels[1::2] = 3
    assert np.unique(levels_of(labels)[1]).tolist() == [0]


# -- what others write


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_pictures_of_others_are_read_interleaved_or_planar(tmp_path: Path, planar: str) -> None:
    rgb = picture() if planar == "contig" else np.moveaxis(picture(), 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif").pixels("a"), picture())


def test_scale_in_other_units_becomes_micrometers(tmp_path: Path) -> None:
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.0005, "PhysicalSizeXUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", picture(), photometric="rgb", metadata=metadata)
    assert open_tiff(tmp_path / "a.ome.tif").um_per_px == pytest.approx(0.5)


def test_resolution_of_slides_is_believed_and_that_of_printers_is_not(tmp_path: Path) -> None:
    for name, resolution, unit in (("a", (20_000, 20_000), "CENTIMETER"), ("b", (72, 72), "INCH")):
        tifffile.imwrite(
            tmp_path / f"{name}.tif", picture(), photometric="rgb", resolution=resolution, resolutionunit=unit
        )
    assert open_tiff(tmp_path / "a.tif").um_per_px == pytest.approx(0.5)
    assert open_tiff(tmp_path / "b.tif").um_per_px is None


# -- what is wrong


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_a_file_cut_short_is_one_sentence(tmp_path: Path, large: Path, share: float) -> None:
    whole = large.read_bytes()
    (tmp_path / "a.ome.tif").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageError, match=ONE_SENTENCE):
        open_tiff(tmp_path / "a.ome.tif")


def test_damaged_pixels_are_one_sentence(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.tif", label_map(600, 600), SCHEME)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[offset : offset + count] = b"\x55" * count
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match="damaged or cut short"):
        open_tiff(tmp_path / "a.tif").labels("a.tif")


@pytest.mark.parametrize(
    ("array", "options", "says"),
    [
        (np.zeros((9, 9), np.float32), {}, "float32 pixels; a label map has whole numbers"),
        (np.zeros((9, 9, 3), np.float32), {"photometric": "rgb"}, "float32 pixels"),
        (
            np.zeros((5, 9, 9), np.uint8),
            {"photometric": "minisblack", "metadata": {"axes": "ZYX"}},
            "stack of 5",
        ),
        (
            np.zeros((2, 9, 9), np.uint8),
            {"photometric": "minisblack", "metadata": {"axes": "CYX"}},
            "stack of 2",
        ),
    ],
)
def test_pixels_of_another_kind_are_one_sentence(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any], says: str
) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", array, **options)
    with pytest.raises(ImageError, match=says):
        open_tiff(tmp_path / "a.ome.tif")


def test_what_is_no_tiff_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(ImageError, match="is no TIFF"):
        open_tiff(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="there is no such file"):
        open_tiff(tmp_path / "b.tif")


def test_a_picture_is_no_label_map_and_a_huge_one_is_not_read(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.tif", picture())
    with pytest.raises(LabelMapError, match="holds a picture"):
        open_tiff(tmp_path / "a.tif").labels("a.tif")
    tifffile.imwrite(tmp_path / "b.tif", shape=(1, 20_000), dtype=np.uint8)
    with pytest.raises(ImageError, match="20,000 x 1 px"):
        open_tiff(tmp_path / "b.tif").labels("b.tif")


def test_values_outside_the_scheme_name_the_file(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.tif", label_map(), SCHEME)
    with pytest.raises(LabelMapError, match=r"a\.tif: .* the value 3"):
        open_tiff(tmp_path / "a.tif").labels("a.tif", get_scheme("colon-2"))


@pytest.mark.parametrize(
    ("name", "pixels", "options", "error"),
    [
        ("a.png", picture(), {}, SaveError),
        ("a.tif", label_map(), {}, ImageError),
        ("a.tif", picture()[..., :2], {}, ImageError),
        ("a.tif", picture().astype(float), {}, ImageError),
        ("a.tif", picture(), {"um_per_px": -1.0}, ImageError),
        ("a.tif", label_map() + 9, {"scheme": SCHEME}, LabelMapError),
        ("no/a.tif", picture(), {}, SaveError),
    ],
)
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, pixels: np.ndarray, options: dict[str, Any], error: type[HistosynthError]
) -> None:
    with pytest.raises(error, match=ONE_SENTENCE):
        save_ome_tiff(tmp_path / name, pixels, **options)
    assert list(tmp_path.iterdir()) == []
