from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.io import open_ome_zarr, open_tiff, read_image, read_provenance, save_picture_as
from napari_histosynth.io.halving import levels_of
from napari_histosynth.io.streamed import check_streamed, save_streamed
from napari_histosynth.io.tilefolder import TileFolder, pyramid_of

MADE = Provenance(model="tiny", um_per_px=0.5, extra={"from": "Gewebe µ.svs"})


def picture(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.stack([y // 3 + x, x // 2, y * 2 + x // 5], -1)
    return (wave + np.random.default_rng(0).integers(0, 9, (*shape, 3))).astype(np.uint8)


def in_tiles(rgb: np.ndarray, path: Path) -> TileFolder:
    folder = TileFolder(path, rgb.shape[:2])
    for row in range(folder.count[0]):
        for col in range(folder.count[1]):
            folder.write(row, col, rgb[folder.window(row, col).slices])
    return folder


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (700, 1030), (2051, 1025)])
def test_the_pyramid_is_that_of_pictures_in_memory(tmp_path: Path, shape: tuple[int, int]) -> None:
    rgb = picture(shape)
    found = pyramid_of(in_tiles(rgb, tmp_path / "0"), tmp_path)
    wanted = levels_of(rgb)
    assert [level.shape for level in found] == [level.shape[:2] for level in wanted]
    for level, pixels in zip(found, wanted, strict=True):
        whole = np.concatenate([level.strip(row) for row in range(level.count[0])])
        assert np.array_equal(whole, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (700, 1030), (2051, 1025)])
def test_files_hold_what_those_of_pictures_in_memory_hold(tmp_path: Path, shape: tuple[int, int]) -> None:
    rgb = picture(shape)
    levels = pyramid_of(in_tiles(rgb, tmp_path / "0"), tmp_path)
    told: list[float] = []
    for name in ("a.png", "a.ome.tif", "a.ome.zarr"):
        save_streamed(tmp_path / name, levels, MADE, name="Ki-67", progress=told.append)
        assert told[-1] == 1.0
    assert np.array_equal(read_image(tmp_path / "a.png"), rgb)
    assert read_provenance(tmp_path / "a.png") == MADE
    with Image.open(tmp_path / "a.png") as opened:
        opened.verify()
        assert opened.info["dpi"][0] == pytest.approx(50_800)
    for opened in (open_tiff(tmp_path / "a.ome.tif"), open_ome_zarr(tmp_path / "a.ome.zarr")):
        assert [level.shape for level in opened.levels] == [level.shape for level in levels_of(rgb)]
        for level, pixels in zip(opened.levels, levels_of(rgb), strict=True):
            assert np.array_equal(np.asarray(level), pixels)
        assert opened.um_per_px == 0.5
        assert opened.provenance == MADE


def test_an_ome_tiff_is_the_same_to_the_byte(tmp_path: Path) -> None:
    rgb = picture((2100, 530))
    save_picture_as(tmp_path / "at-once.ome.tif", rgb, MADE)
    save_streamed(tmp_path / "streamed.ome.tif", pyramid_of(in_tiles(rgb, tmp_path / "0"), tmp_path), MADE)
    assert (tmp_path / "streamed.ome.tif").read_bytes() == (tmp_path / "at-once.ome.tif").read_bytes()


def test_an_ome_zarr_of_version_0_4_is_written_where_asked(tmp_path: Path) -> None:
    rgb = picture((600, 530))
    save_streamed(tmp_path / "a.ome.zarr", [in_tiles(rgb, tmp_path / "0")], MADE, zarr_version="0.4")
    assert (tmp_path / "a.ome.zarr" / ".zgroup").is_file()
    assert np.array_equal(np.asarray(open_ome_zarr(tmp_path / "a.ome.zarr").levels[0]), rgb)


def test_a_damaged_tile_counts_as_missing(tmp_path: Path) -> None:
    folder = in_tiles(picture((600, 600)), tmp_path)
    file = tmp_path / "0-1"
    content = bytearray(file.read_bytes())
    for damaged in (content[:-9], content[:99] + bytes([content[99] ^ 1]) + content[100:], b""):
        file.write_bytes(bytes(damaged))
        assert folder.find(0, 1) is None
        with pytest.raises(OSError, match="is gone"):
            folder.read(0, 1)
    assert folder.find(0, 0) is not None


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [in_tiles(picture((600, 530)), tmp_path / "tiles")]
    for name in ("a.png", "a.ome.tif", "a.ome.zarr"):
        save_streamed(tmp_path / name, levels, MADE)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TileFolder, "read", full)
    for name in ("a.png", "a.ome.tif", "a.ome.zarr"):
        with pytest.raises(SaveError, match=r"full|no space left"):
            save_streamed(tmp_path / name, levels, MADE)
    assert read_image(tmp_path / "a.png").shape == (600, 530, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.tif", "a.ome.zarr", "a.png", "tiles"]


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"ends in \.png"):
        check_streamed(tmp_path / "a.jpg", (5, 5))
    with pytest.raises(SaveError, match=r"name it .ome.tif"):
        check_streamed(tmp_path / "a.png", (5, 20_000))
    check_streamed(tmp_path / "a.ome.tif", (5, 200_000))
