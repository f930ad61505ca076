from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.errors import Cancelled, ImageError, ModelError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import (
    open_ome_zarr,
    open_slide,
    open_tiff,
    read_image,
    read_provenance,
    save_image,
    save_ome_tiff,
    save_ome_zarr,
)
from napari_histosynth.io.tilefolder import TileFolder
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.translator import Translator
from napari_histosynth.stain.whole import scratch_of, stain_file


@pytest.fixture(scope="module")
def model(local_folder: Path) -> StainModel:
    return load_stain_model(local_folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def large(he: np.ndarray) -> np.ndarray:
    """Return 5 x 2 tiles of a file, with glass of one color at the end."""
    rgb = np.tile(he, (3, 7, 1))[:520, :2060].copy()
    rgb[:, 1500:] = 243
    return rgb


@pytest.fixture
def source(tmp_path: Path, large: np.ndarray) -> Path:
    save_ome_tiff(tmp_path / "he.ome.tif", large, um_per_px=0.5)
    return tmp_path / "he.ome.tif"


@pytest.fixture(scope="module")
def wanted(model: StainModel, large: np.ndarray) -> np.ndarray:
    return Translator(model, large, 0.5).translate()


@pytest.mark.parametrize("name", ["out.png", "out.ome.tif", "out.ome.zarr"])
def test_a_slide_file_becomes_one_of_the_other_stain(
    model: StainModel, source: Path, wanted: np.ndarray, name: str
) -> None:
    out = source.with_name(name)
    told: list[float] = []
    done = stain_file(model, source, out, note={"index": 0.2, "seed": 3}, progress=told.append)
    assert (done.shape, done.um_per_px, done.tiles, done.kept) == ((520, 2060), 0.5, 10, 0)
    assert told == sorted(told)
    assert told[-1] == 1.0
    if name.endswith("png"):
        assert np.array_equal(read_image(out), wanted)
        made = read_provenance(out)
    else:
        opened = open_slide(out)
        assert np.array_equal(np.asarray(opened.levels[0]), wanted)
        assert len(opened.levels) == 4
        assert opened.um_per_px == 0.5
        made = opened.provenance
    assert made is not None
    assert made.synthetic
    assert (made.model, made.model_sha256, made.um_per_px) == (model.name, model.sha256, 0.5)
    assert made.seed == 3
    assert made.extra == {
        "from": "he.ome.tif", "from_stain": "H&E", "stain": "Ki-67", "direction": "forward",
        "statistics": "local", "index": 0.2,
    }  # fmt: skip
    assert sorted(path.name for path in source.parent.iterdir()) == sorted(["he.ome.tif", name])


@pytest.mark.parametrize("kind", ["png", "jpg", "zarr"])
def test_other_sources_and_the_way_back(model: StainModel, tmp_path: Path, he: np.ndarray, kind: str) -> None:
    source = tmp_path / f"he.{kind}"
    if kind == "zarr":
        save_ome_zarr(source, he, um_per_px=0.25)
    elif kind == "png":
        save_image(source, he, Provenance(um_per_px=0.25))
    else:
        Image.fromarray(he).save(source, quality=95)
    rgb = np.asarray(open_ome_zarr(source).levels[0]) if kind == "zarr" else read_image(source)
    done = stain_file(model, source, tmp_path / "out.png", um_per_px=0.25, reverse=True)
    assert np.array_equal(read_image(done.path), Translator(model, rgb, 0.25, reverse=True).translate())
    made = read_provenance(done.path)
    assert made is not None
    assert (made.extra["stain"], made.extra["direction"]) == ("H&E", "reverse")


def test_an_svs_is_read_as_it_is(model: StainModel, histosynth_data: Path, tmp_path: Path) -> None:
    source = histosynth_data / "slide-files" / "CMU-1-Small-Region.svs"
    slide = open_slide(source)
    small = tmp_path / "part.ome.tif"
    save_ome_tiff(small, np.asarray(slide.levels[0][:300, :300]), um_per_px=slide.um_per_px)
    done = stain_file(model, small, tmp_path / "out.ome.tif")
    assert done.um_per_px == pytest.approx(0.499)
    lazy = Translator(model, slide.levels[0], slide.um_per_px).translate(Window(0, 200, 0, 200))
    assert np.array_equal(np.asarray(open_tiff(done.path).levels[0][:200, :200]), lazy)


def test_a_cancelled_work_goes_on_where_it_was(model: StainModel, source: Path, wanted: np.ndarray) -> None:
    out = source.with_name("out.ome.zarr")
    shares: list[float] = []
    with pytest.raises(Cancelled, match="kept"):
        stain_file(model, source, out, progress=shares.append, is_cancelled=lambda: len(shares) >= 4)
    assert scratch_of(out).is_dir()
    assert not out.exists()
    done = stain_file(model, source, out)
    assert (done.kept, done.drawn + done.blank) == (4, 6)
    assert np.array_equal(np.asarray(open_ome_zarr(out).levels[0]), wanted)
    assert not scratch_of(out).exists()


KILLED = """
import sys, time
from napari_histosynth.stain.model import load_stain_model
from napari_histosynth.stain.translator import Translator
from napari_histosynth.stain import whole
draw = Translator.translate
def slowly(self, window, **options):
    pixels = draw(self, window, **options)
    print(self.drawn + self.blank, flush=True)
    time.sleep(0.3)
    return pixels
Translator.translate = slowly
folder, source, out = sys.argv[1:]
whole.stain_file(load_stain_model(folder, device="cpu", precision="fp32"), source, out)
"""


def test_a_killed_process_leaves_what_it_finished(
    model: StainModel, local_folder: Path, source: Path, wanted: np.ndarray
) -> None:
    out = source.with_name("out.ome.tif")
    command = [sys.executable, "-c", KILLED, str(local_folder), str(source), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 5:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not out.exists()
    finished = len(list((scratch_of(out) / "level-0").glob("?-?")))
    assert finished >= 4
    done = stain_file(model, source, out)
    assert done.kept == finished
    assert done.drawn + done.blank == 10 - finished
    assert np.array_equal(np.asarray(open_tiff(out).levels[0]), wanted)
    assert not scratch_of(out).exists()


@pytest.mark.parametrize("changed", ["source", "direction", "note", "scale", "weights"])
def test_tiles_of_another_work_are_not_taken(
    model: StainModel, source: Path, large: np.ndarray, stain_folder: Any, changed: str
) -> None:
    out = source.with_name("out.png")
    shares: list[float] = []
    with pytest.raises(Cancelled):
        stain_file(model, source, out, progress=shares.append, is_cancelled=lambda: len(shares) >= 2)
    options: dict[str, Any] = {}
    if changed == "source":
        time.sleep(0.01)
        save_ome_tiff(source, 255 - large, um_per_px=0.5)
    elif changed == "weights":
        model = load_stain_model(stain_folder("compact", blocks=0), device="cpu", precision="fp32")
    else:
        options = {
            "direction": {"reverse": True},
            "note": {"note": {"index": 0.5}},
            "scale": {"um_per_px": 0.4},
        }[changed]
    shares.clear()
    with pytest.raises(Cancelled):
        stain_file(
            model, source, out, **options, progress=shares.append, is_cancelled=lambda: len(shares) >= 1
        )
    assert len(list((scratch_of(out) / "level-0").iterdir())) == 1


def test_a_damaged_tile_is_drawn_anew(model: StainModel, source: Path, wanted: np.ndarray) -> None:
    out = source.with_name("out.png")
    shares: list[float] = []
    with pytest.raises(Cancelled):
        stain_file(model, source, out, progress=shares.append, is_cancelled=lambda: len(shares) >= 3)
    (scratch_of(out) / "level-0" / "0-1").write_bytes(b"half a ti")
    assert stain_file(model, source, out).kept == 2
    assert np.array_equal(read_image(out), wanted)


def test_glass_alone_is_drawn_and_said(model: StainModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save_image(tmp_path / "glass.png", rng.integers(236, 248, (90, 90, 3), np.uint8))
    done = stain_file(model, tmp_path / "glass.png", tmp_path / "out.png", um_per_px=0.5)
    assert done.remarks == (f"{tmp_path / 'glass.png'} shows nothing but glass, and so does {done.path}.",)
    assert read_image(done.path).shape == (90, 90, 3)


def test_transparent_pixels_are_glass_and_it_is_said(
    model: StainModel, tmp_path: Path, he: np.ndarray
) -> None:
    alpha = np.full((*he.shape[:2], 1), 255, np.uint8)
    alpha[:50] = 0
    Image.fromarray(np.concatenate([he, alpha], 2)).save(tmp_path / "a.png")
    done = stain_file(model, tmp_path / "a.png", tmp_path / "out.png", um_per_px=0.5)
    assert "Transparent pixels" in done.remarks[0]
    laid = he.copy()
    laid[:50] = 255
    assert np.array_equal(read_image(done.path), Translator(model, laid, 0.5).translate())


def test_a_full_disk_is_one_sentence_and_keeps_what_is_finished(
    model: StainModel, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = source.with_name("out.png")
    write = TileFolder.write

    def full(folder: TileFolder, row: int, col: int, pixels: np.ndarray) -> None:
        if (row, col) == (1, 1):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, row, col, pixels)

    monkeypatch.setattr(TileFolder, "write", full)
    with pytest.raises(SaveError, match="the disk is full") as caught:
        stain_file(model, source, out)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert stain_file(model, source, out).kept == 6


def test_what_is_wrong_with_a_source_is_one_sentence(
    model: StainModel, tmp_path: Path, he: np.ndarray
) -> None:
    import tifffile

    small = he[:40, :40]
    Image.fromarray(small[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(small[..., 0]).save(tmp_path / "gray.jpg")
    Image.fromarray(small[..., 0].astype(np.uint16) * 99).save(tmp_path / "deep.png")
    tifffile.imwrite(tmp_path / "deep.tif", small.astype(np.uint16), photometric="rgb")
    tifffile.imwrite(tmp_path / "nan.ome.tif", np.full((40, 40, 3), np.nan, np.float32), photometric="rgb")
    save_image(tmp_path / "dot.png", small[:1, :1], Provenance(um_per_px=0.5))
    save_image(tmp_path / "bare.png", small)
    (tmp_path / "empty.png").write_bytes(b"")
    said = {
        "gray.png": "is gray", "gray.jpg": "is gray", "deep.png": "8 bits|8-bit", "deep.tif": "8 bits|8-bit",
        "nan.ome.tif": "float32", "dot.png": "too small", "bare.png": "um_per_px", "empty.png": "is empty",
        "none.svs": "no such file",
    }  # fmt: skip
    for name, sentence in said.items():
        with pytest.raises(ImageError, match=sentence) as caught:
            stain_file(
                model, tmp_path / name, tmp_path / "out.png", um_per_px=None if name == "bare.png" else 0.5
            )
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.png").exists()
    assert not scratch_of(tmp_path / "out.png").exists()


def test_a_slide_that_turns_out_damaged_is_one_sentence(model: StainModel, source: Path) -> None:
    content = bytearray(source.read_bytes())
    for place in range(2000, 40_000, 50):
        content[place] ^= 0xFF
    source.write_bytes(bytes(content))
    with pytest.raises(ImageError, match="damaged"):
        stain_file(model, source, source.with_name("out.png"))


def test_where_nothing_can_be_written_is_said_before_work_begins(
    model: StainModel, instance_folder: Path, source: Path
) -> None:
    (source.parent / "folder.png").mkdir()
    for name, said in (
        ("out.jpg", "ends in"),
        ("folder.png", "is a folder"),
        ("none/out.png", "no folder"),
        ("he.ome.tif", "read at the"),
    ):
        with pytest.raises(SaveError, match=said):
            stain_file(model, source, source.parent / name)
    one_way = load_stain_model(instance_folder, device="cpu")
    with pytest.raises(ModelError, match="does not turn"):
        stain_file(one_way, source, source.with_name("b.png"), reverse=True)
