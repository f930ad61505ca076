"""Fields of slides: the right pixels at the right scale, from the level that has enough of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io.loaded import Loaded
from napari_histosynth.io.omezarr import save_ome_zarr
from napari_histosynth.io.slide import open_slide, read_field
from napari_histosynth.io.tiff import save_ome_tiff


@pytest.fixture
def svs(histosynth_data: Path) -> Path:
    """Return a real slide file."""
    pytest.importorskip("imagecodecs")
    path = histosynth_data / "slide-files" / "CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"no slide at {path}")
    return path


def ramp(height: int = 80, width: int = 120) -> np.ndarray:
    """Return a picture whose red is the column and whose green is the row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 128)], axis=2).astype(np.uint8)


def pyramid(*levels: np.ndarray, um_per_px: float | None = 0.5) -> Loaded:
    return Loaded("picture", levels, um_per_px)


def test_a_field_at_the_slides_own_scale_is_its_pixels() -> None:
    field = read_field(pyramid(ramp()), Window(10, 30, 20, 70), 0.5)
    np.testing.assert_array_equal(field, ramp()[10:30, 20:70])


def test_a_coarser_field_has_the_means_of_the_pixels_under_it() -> None:
    field = read_field(pyramid(ramp()), Window(16, 48, 32, 96), 2.0)
    assert field.shape == (8, 16, 3)
    np.testing.assert_allclose(field[..., 0], np.tile(32 + 4 * np.arange(16) + 1.5, (8, 1)), atol=1)
    np.testing.assert_allclose(field[..., 1], np.tile(16 + 4 * np.arange(8) + 1.5, (16, 1)).T, atol=1)


def test_fields_side_by_side_join_without_a_seam() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    whole = read_field(pyramid(noise), Window(0, 64, 0, 128), 1.0)
    halves = [read_field(pyramid(noise), Window(0, 64, x, x + 64), 1.0) for x in (0, 64)]
    np.testing.assert_allclose(np.concatenate(halves, axis=1).astype(int), whole, atol=1)


@pytest.mark.parametrize(
    ("um_per_px", "level"), [(0.25, 0), (0.5, 0), (0.9, 0), (1.0, 1), (1.5, 1), (2.0, 2), (9, 2)]
)
def test_the_coarsest_level_with_all_of_the_detail_is_read(um_per_px: float, level: int) -> None:
    flat = [np.full((256 >> k, 256 >> k, 3), 10 * k, np.uint8) for k in range(3)]
    assert read_field(pyramid(*flat), Window(112, 144, 112, 144), um_per_px)[0, 0, 0] == 10 * level


def test_what_lies_off_the_slide_is_white() -> None:
    field = read_field(pyramid(ramp()), Window(-10, 10, 110, 130), 0.5)
    assert (field[:10] == 255).all()
    assert (field[:, 10:] == 255).all()
    np.testing.assert_array_equal(field[10:, :10], ramp()[:10, 110:])


def test_a_field_of_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", ramp(), um_per_px=0.5)
    save_ome_zarr(tmp_path / "a.ome.zarr", ramp(), um_per_px=0.5)
    for name in ("a.ome.tif", "a.ome.zarr"):
        field = read_field(tmp_path / name, Window(0, 40, 0, 40), 0.5)
        np.testing.assert_array_equal(field, ramp()[:40, :40])


def test_a_slide_without_scale_asks_for_it_and_takes_it() -> None:
    with pytest.raises(ImageError, match="does not say how many um"):
        read_field(pyramid(ramp(), um_per_px=None), Window(0, 8, 0, 8), 0.5)
    assert read_field(
        pyramid(ramp(), um_per_px=None), Window(0, 8, 0, 8), 1.0, slide_um_per_px=0.5
    ).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("window", "um_per_px", "says"),
    [
        (Window(0, 8, 0, 8), 0.0, "impossible"),
        (Window(0, 8, 0, 8), float("nan"), "impossible"),
        (Window(8, 8, 0, 8), 0.5, "is empty"),
        (Window(0, 80, 0, 120), 0.001, "60,000 x 40,000 px"),
    ],
)
def test_an_impossible_field_is_one_sentence(window: Window, um_per_px: float, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        read_field(pyramid(ramp()), window, um_per_px)


def test_a_label_map_is_no_slide(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.tif", np.zeros((9, 9), int), get_scheme("colon-3"))
    with pytest.raises(ImageError, match="has one channel"):
        open_slide(tmp_path / "a.tif")


@pytest.mark.data
def test_a_real_slide_opens_lazily_with_its_scale(svs: Path) -> None:
    slide = open_slide(svs)
    assert (slide.shape, slide.um_per_px) == ((2967, 2220), 0.499)
    assert type(slide.levels[0]).__module__.startswith("dask")


@pytest.mark.data
def test_a_field_of_a_real_slide_is_what_tifffile_and_openslide_read(svs: Path) -> None:
    field = read_field(svs, Window(1000, 1300, 700, 1100), 0.499)
    np.testing.assert_array_equal(field, tifffile.imread(svs)[1000:1300, 700:1100])
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(svs) as slide:
        region = np.asarray(slide.read_region((700, 1000), 0, (400, 300)))[..., :3]
    assert np.abs(region.astype(int) - field).max() <= 2  # two decoders of JPEG


@pytest.mark.data
def test_a_real_slide_cut_short_is_one_sentence(svs: Path, tmp_path: Path) -> None:
    whole = svs.read_bytes()
    (tmp_path / "a.svs").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="cut short"):
        open_slide(tmp_path / "a.svs")
