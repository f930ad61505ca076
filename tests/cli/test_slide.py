"""`histosynth slide`: slides begun, drawn and exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import open_slide, read_image, read_provenance, save_labels
from napari_histosynth.slide.store import SlideStore

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an untrained model of slides."""
    import torch

    from napari_histosynth.slide.network import build_refiner
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(0)
    shape: dict[str, Any] = {"widths": [8, 8, 8, 6, 4], "hidden": [4] * 5}
    tensors = {f"refiner.{key}": value for key, value in build_refiner(**shape).state_dict().items()}
    tensors["palette.mean"] = torch.tensor([[[0.03] * 3, *[[0.2, 0.5, 0.3]] * 4]])
    tensors["palette.covariance"] = torch.eye(3).expand(1, 5, 3, 3).contiguous() * 1e-4
    card = ModelCard(
        name="tiny-slide", system="slide", preset="compact", scheme="slide-layout", um_per_px=0.5,
        latent_size=0, architecture=shape,
    )  # fmt: skip
    return write_folder(tmp_path_factory.mktemp("models") / "tiny-slide", card, tensors).path


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Write a label map of 16 x 24 px at 32 um."""
    labels = np.zeros((16, 24), np.uint8)
    labels[4:12, 3:12], labels[6:9, 5:9] = 1, 2
    save_labels(tmp_path / "map.png", labels, get_scheme("slide-layout"))
    return tmp_path / "map.png"


@pytest.fixture
def begun(run: Run, model: Path, layout: Path, tmp_path: Path) -> Path:
    """Begin a slide of 1,024 x 1,536 px."""
    out = tmp_path / "slide.ome.zarr"
    ended = run("slide", "new", out, "--layout", layout, "--seed", 3, "--model", model, "--precision", "fp32")
    assert ended.code == 0, ended.err
    return out


def test_a_slide_is_begun_with_its_overview(begun: Path, layout: Path) -> None:
    store = SlideStore.open(begun)
    assert store.key.size == (1024, 1536)
    assert (store.key.seed, store.key.model, store.note["layout"]) == (3, "tiny-slide", "map.png")
    assert all(store.finished(level).all() for level in (8, 7, 6, 5, 4))
    assert not store.finished(2).any()


def test_the_layout_of_a_slide_is_the_map(begun: Path) -> None:
    layout = SlideStore.open(begun).layout()
    assert layout.shape == (16, 24)
    assert np.bincount(layout.ravel(), minlength=5).tolist() == [16 * 24 - 72, 60, 12, 0, 0]


def test_a_layout_of_the_seed_is_drawn(run: Run, model: Path, tmp_path: Path) -> None:
    for name, options in {"a": (1,), "b": (2,), "c": (1, "--kind", "polyp")}.items():
        out = tmp_path / f"{name}.ome.zarr"
        ended = run("slide", "new", out, "--mm", 2, "--model", model, "--seed", *options)
        assert ended.code == 0, ended.err
        assert "4,000 x 4,000 px at 0.5 um/px, 2 x 2 mm" in ended.out
    hashes = {SlideStore.open(tmp_path / f"{name}.ome.zarr").key.layout_sha256 for name in "abc"}
    assert len(hashes) == 3


def test_it_is_drawn_goes_on_and_is_exported(run: Run, begun: Path, model: Path, tmp_path: Path) -> None:
    draw = ("slide", "draw", begun, "--model", model, "--workers", 1)
    ended = run(*draw, "--window", "0:256,0:256")
    assert ended.code == 0, ended.err
    assert SlideStore.open(begun).finished(0).sum() == 1
    assert run(*draw, "--level", 2).code == 0
    ended = run(*draw)
    assert "2 were there" not in ended.out
    assert SlideStore.open(begun).finished(0).all()
    assert SlideStore.open(begun).finished(1).all()
    assert " 0 tiles drawn" in run(*draw).out

    export = ("slide", "export", begun, "--model", model, "--workers", 1, "-o")
    assert run(*export, tmp_path / "a.ome.tif").code == 0
    assert run(*export, tmp_path / "a.ome.zarr", "--zarr-version", "0.4").code == 0
    assert run(*export, tmp_path / "a.png", "--window", "100:300,50:400").code == 0
    assert run(*export, tmp_path / "over.png", "--level", 3).code == 0
    assert run(*export, tmp_path / "um.png", "--window", "0:300,0:600", "--um", 1.5).code == 0
    pixels = np.asarray(open_slide(begun).levels[0])
    for name in ("a.ome.tif", "a.ome.zarr"):
        assert np.array_equal(np.asarray(open_slide(tmp_path / name).levels[0]), pixels)
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels[100:300, 50:400])
    assert read_image(tmp_path / "over.png").shape == (128, 192, 3)
    assert read_image(tmp_path / "um.png").shape == (100, 200, 3)
    made = read_provenance(tmp_path / "um.png")
    assert (made.synthetic, made.model, made.seed, made.um_per_px) == (True, "tiny-slide", 3, 1.5)
    assert made.extra["layout"] == "map.png"


def test_what_was_painted_into_it_is_exported(run: Run, begun: Path, model: Path, tmp_path: Path) -> None:
    from napari_histosynth.slide.overlay import FOLDER, Overlay, Patch

    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 255
    Overlay(begun / FOLDER).add(Patch.of(red, (0, 0), np.ones((256, 256), np.float32)))
    export = ("slide", "export", begun, "--model", model, "--workers", 1, "-o", tmp_path / "a.png")
    assert run(*export, "--window", "0:256,0:256").code == 0
    assert np.array_equal(read_image(tmp_path / "a.png"), red)
    assert read_provenance(tmp_path / "a.png").extra["painted"] == 1


def test_ctrl_c_keeps_what_is_finished(
    run: Run, begun: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.slide import drawing

    draw_block, calls = drawing.draw_block_of, iter(range(9))

    def interrupted(*arguments: Any) -> int:
        if next(calls):
            raise KeyboardInterrupt
        return draw_block(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(drawing, "draw_block_of", interrupted)
        ended = run("slide", "draw", begun, "--model", model, "--workers", 1)
    assert ended.code == 130
    assert "the same command goes on from there" in ended.err
    assert SlideStore.open(begun).finished(2).any()
    assert run("slide", "draw", begun, "--model", model, "--workers", 1).code == 0


def test_mistakes_are_one_sentence(
    run: Run, begun: Path, model: Path, label_file: Path, tmp_path: Path
) -> None:
    new = ("slide", "new", tmp_path / "b.ome.zarr", "--model", model)
    draw, export = ("slide", "draw", begun), ("slide", "export", begun, "--model", model, "-o")
    for arguments, said in (
        (("slide", "new", begun, "--size", 512, "--model", model), "something is there"),
        (("slide", "new", tmp_path / "b.png", "--size", 512), "ends in .ome.zarr"),
        ((*new, "--size", 40), "cannot be 40 x 40 px"),
        ((*new, "--layout", label_file), "slide-layout"),
        (draw, "'tiny-slide', which is not found by name; give its folder by --model"),
        (("slide", "draw", tmp_path), "is no slide of 'histosynth slide new'"),
        ((*draw, "--model", model, "--window", "5000:6000,0:9"), "1,536 x 1,024; choose a part"),
        ((*export, tmp_path / "a.jpg"), "ends in .png or .ome.tif or .ome.zarr"),
    ):  # fmt: skip
        ended = run(*arguments)
        assert ended.code == 2, (arguments, ended)
        assert ended.in_one_sentence, ended.err
        assert said in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "b.ome.zarr"), "add --size 40960, or --mm 20"),
        (("new", "b.ome.zarr", "--size", "512", "--mm", "3"), "give one of them"),
        (("new", "b.ome.zarr", "--size", "large"), "write it as 40960"),
        (("new", "b.ome.zarr", "--size", "512", "--steps", "3"), "--steps is of --setting diffusion"),
        (("draw", "b.ome.zarr", "--window", "9:3,0:5"), "write it as 8000:9000,12000:13000"),
        (("export", "b.ome.zarr", "-o", "b.png", "--level", "1", "--um", "3"), "give one of them"),
    ],
)
def test_options_that_do_not_fit_are_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("slide", *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.replace("│", " ").split())


def test_a_window_reaches_as_it_says(run: Run, begun: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    options = ("--model", model, "--workers", 1, "--window", "900:99999,1000:99999", "--level", 2)
    assert run("slide", "export", begun, "-o", out, *options).code == 0
    assert read_provenance(out).extra["window"] == list(Window(225, 256, 250, 384))
