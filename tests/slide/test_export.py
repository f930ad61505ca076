"""Slides as files: all formats hold what the slide shows, and other programs read them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ImageError, SaveError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import open_slide, read_image, read_provenance
from napari_histosynth.slide.drawing import draw_slide
from napari_histosynth.slide.export import export_at, export_slide, export_window, level_for
from napari_histosynth.slide.pyramid import Slide

SIZE = (600, 2100)  # large enough for smaller copies


@pytest.fixture(scope="module")
def slide(tiny_slide_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Slide:
    layout = np.zeros((10, 33), np.uint8)
    layout[2:9, 1:6] = 1
    slide = Slide(tiny_slide_model, 7, SIZE, layout=layout)
    slide.begin_store(tmp_path_factory.mktemp("slide") / "a.ome.zarr")
    draw_slide(slide)
    return slide


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr", "old.ome.zarr"])
def test_a_file_holds_the_levels_of_the_slide(slide: Slide, tmp_path: Path, name: str) -> None:
    told: list[float] = []
    export_slide(
        slide,
        tmp_path / name,
        slide.key.provenance({"layout": "any"}),
        zarr_version="0.4" if name.startswith("old") else "0.5",
        progress=told.append,
    )
    assert told[-1] == 1
    found = open_slide(tmp_path / name)
    assert [level.shape[:2] for level in found.levels] == [slide.shape(level) for level in range(4)]
    for level, pixels in enumerate(found.levels):
        assert np.array_equal(np.asarray(pixels), slide.read(level, Window.of_shape(slide.shape(level))))
    made = found.provenance
    assert made is not None
    assert made.synthetic
    assert (made.model, made.seed, made.um_per_px, made.extra["layout"]) == ("tiny-slide", 7, 0.5, "any")


def test_openslide_and_tifffile_read_the_tiff(slide: Slide, tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    import tifffile

    path = tmp_path / "a.ome.tif"
    export_slide(slide, path, slide.key.provenance())
    with openslide.OpenSlide(path) as opened:
        assert opened.dimensions == (2100, 600)
        assert float(opened.properties["openslide.mpp-x"]) == pytest.approx(0.5, abs=1e-3)
        region = np.asarray(opened.read_region((300, 200), 0, (90, 70)))[..., :3]
    assert np.array_equal(region, slide.read(0, Window(200, 270, 300, 390)))
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert len(file.series[0].levels) == 4


@pytest.mark.parametrize("level", [0, 3, 8])
def test_a_window_of_a_level_is_written_as_png(slide: Slide, tmp_path: Path, level: int) -> None:
    window = Window(100, 9999, 200, 901)
    shape = export_window(slide, tmp_path / "a.png", window, slide.key.provenance(), level=level)
    on_level = Window(100, 600, 200, 901).coarsen(2**level)
    found = read_image(tmp_path / "a.png")
    assert found.shape[:2] == shape == on_level.shape
    assert np.array_equal(found, slide.read(level, on_level))
    made = read_provenance(tmp_path / "a.png")
    assert (made.um_per_px, made.size) == (0.5 * 2**level, shape)
    assert (made.extra["level"], made.extra["window"]) == (level, list(on_level))


def test_a_window_at_any_scale_has_its_size(slide: Slide, tmp_path: Path) -> None:
    shape = export_at(slide, tmp_path / "a.png", Window(0, 600, 0, 900), slide.key.provenance(), 1.5)
    found = read_image(tmp_path / "a.png")
    assert found.shape == (*shape, 3) == (200, 300, 3)
    assert read_provenance(tmp_path / "a.png").um_per_px == 1.5
    wanted = slide.read(0, Window(0, 600, 0, 900)).reshape(200, 3, 300, 3, 3).mean((1, 3))
    assert np.abs(found - wanted).mean() < 3
    assert (level_for(1.5), level_for(0.5), level_for(0.1), level_for(1000)) == (1, 0, 0, 8)


def test_a_small_slide_has_no_smaller_copies(tiny_slide_model: Any, tmp_path: Path) -> None:
    slide = Slide(tiny_slide_model, 1, 256, layout=np.zeros((4, 4), np.uint8))
    export_slide(slide, tmp_path / "a.ome.tif", slide.key.provenance())
    assert len(open_slide(tmp_path / "a.ome.tif").levels) == 1


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr", "a.png"])
def test_what_is_stopped_or_finds_no_room_leaves_no_file(
    slide: Slide, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(99))
    with pytest.raises(Cancelled, match="no file was written"):
        export_slide(slide, tmp_path / name, slide.key.provenance(), is_cancelled=lambda: next(calls) > 2)
    assert list(tmp_path.iterdir()) == []

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(slide, "read", full)
    with pytest.raises(SaveError, match=r"full|no space left"):
        export_slide(slide, tmp_path / name, slide.key.provenance())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda s, p: export_window(s, p, Window(700, 800, 0, 9), s.key.provenance()), "2,100 x 600"),
        (lambda s, p: export_window(s, p, Window(0, 9, 0, 9), s.key.provenance(), level=9), "not 9"),
        (lambda s, p: level_for(-1), "-1 um per px is impossible"),
    ],
)
def test_what_is_not_on_the_slide_is_said(
    slide: Slide, tmp_path: Path, ask: Callable[[Slide, Path], Any], said: str
) -> None:
    with pytest.raises(ImageError, match=said):
        ask(slide, tmp_path / "a.png")
