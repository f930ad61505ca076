"""`histosynth stain`: pictures and slides in another stain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import open_slide, read_image, read_provenance, save_image, save_labels
from napari_histosynth.stain.whole import scratch_of


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """Return pink tissue with dark blue nuclei, 128 x 160 px."""
    rgb = np.random.default_rng(0).normal((225, 160, 200), 4, (128, 160, 3)).astype(np.uint8)
    for y in range(16, 128, 24):
        for x in range(12, 160, 24):
            rgb[y - 5 : y + 5, x - 5 : x + 5] = (90, 60, 140)
    return rgb


@pytest.fixture
def he(tmp_path: Path, rgb: np.ndarray) -> Path:
    """Write it with its scale inside."""
    save_image(tmp_path / "he.png", rgb, Provenance(synthetic=False, um_per_px=0.5))
    return tmp_path / "he.png"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an untrained model of both ways that can be steered."""
    import torch

    from napari_histosynth.stain.network import build_stain_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(0)
    shape: dict[str, Any] = {"widths": [8, 16], "blocks": 1}
    ways = {
        "forward": build_stain_generator("compact", **shape, steering=3),
        "reverse": build_stain_generator("compact", **shape),
    }
    card = ModelCard(
        name="tiny-stain", system="stain", preset="compact", scheme="", stains=("H&E", "Ki-67"),
        um_per_px=0.5, latent_size=0, architecture={**shape, "steering": 3},
    )  # fmt: skip
    tensors = {f"{way}.{key}": value for way, net in ways.items() for key, value in net.state_dict().items()}
    return write_folder(tmp_path_factory.mktemp("models") / "tiny-stain", card, tensors).path


def test_a_picture_is_stained_and_says_how(
    run: Callable[..., Any], he: Path, model: Path, tmp_path: Path
) -> None:
    ended = run("stain", he, "-o", tmp_path / "out.png", "--model", model)
    assert ended.code == 0
    assert "160 x 128 px at 0.5 um/px, H&E as Ki-67, by tiny-stain" in ended.out
    made = read_provenance(tmp_path / "out.png")
    assert made.synthetic
    assert (made.model, made.extra["from"], made.extra["direction"]) == ("tiny-stain", "he.png", "forward")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["he.png", "out.png"]


def test_every_format_holds_the_same(run: Callable[..., Any], he: Path, model: Path, tmp_path: Path) -> None:
    for name in ("out.png", "out.ome.tif", "out.ome.zarr", "old.ome.zarr"):
        more = ("--zarr-version", "0.4") if name.startswith("old") else ()
        assert run("stain", he, "-o", tmp_path / name, "--model", model, *more).code == 0
    assert (tmp_path / "old.ome.zarr" / ".zgroup").is_file()
    for name in ("out.ome.tif", "out.ome.zarr", "old.ome.zarr"):
        assert np.array_equal(
            np.asarray(open_slide(tmp_path / name).levels[0]), read_image(tmp_path / "out.png")
        )


def test_the_way_back_is_another(run: Callable[..., Any], he: Path, model: Path, tmp_path: Path) -> None:
    run("stain", he, "-o", tmp_path / "there.png", "--model", model)
    ended = run("stain", he, "-o", tmp_path / "back.png", "--model", model, "--reverse")
    assert "Ki-67 as H&E" in ended.out
    assert not np.array_equal(read_image(tmp_path / "there.png"), read_image(tmp_path / "back.png"))


def test_the_index_chooses_nuclei_by_the_seed(
    run: Callable[..., Any], he: Path, model: Path, tmp_path: Path
) -> None:
    found = []
    for name, options in {"a": (0.3, 0), "same": (0.3, 0), "seed": (0.3, 7), "index": (0.9, 0)}.items():
        out = tmp_path / f"{name}.png"
        index, seed = options
        assert run("stain", he, "-o", out, "--model", model, "--index", index, "--seed", seed).code == 0
        found.append(read_image(out))
        made = read_provenance(out)
        assert (made.extra["index"], made.seed) == options
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[3])


def test_nuclei_of_a_label_map_are_chosen(
    run: Callable[..., Any], he: Path, model: Path, tmp_path: Path, rgb: np.ndarray
) -> None:
    labels = np.where(rgb[..., 0] < 120, 3, 1).astype(np.uint8)
    save_labels(
        tmp_path / "labels.png", labels, get_scheme("colon-3"), provenance=Provenance(synthetic=False)
    )
    options = ("--model", model, "--index", 0.5, "--labels", tmp_path / "labels.png")
    assert run("stain", he, "-o", tmp_path / "out.png", *options).code == 0
    assert read_provenance(tmp_path / "out.png").extra["labels"] == "labels.png"
    save_labels(tmp_path / "labels.png", labels[:, :90], get_scheme("colon-3"))
    ended = run("stain", he, "-o", tmp_path / "out.png", *options)
    assert ended.code == 2
    assert "give the label map of the picture" in ended.err


def test_ctrl_c_keeps_what_is_finished(
    run: Callable[..., Any], he: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.stain import whole

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out.png"
    with monkeypatch.context() as patched:
        patched.setattr(whole, "save_streamed", interrupted)
        ended = run("stain", he, "-o", out, "--model", model)
    assert ended.code == 130
    assert "the same command goes on from there" in ended.err
    assert scratch_of(out).is_dir()
    ended = run("stain", he, "-o", out, "--model", model)
    assert ended.code == 0
    assert "1 of 1 tiles from an earlier run" in ended.out
    assert not scratch_of(out).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out.jpg"], "ends in .png"),
        (["-o", "he.png"], "read at the same time"),
        (["-o", "out.png", "--um-per-px", "85"], "At 85 um"),
        (["-o", "out.png", "--model", "colon-3class"], "no model of two stains"),
        (["-o", "out.png", "--model", "none-such"], "There is no model"),
        (["-o", "out.png", "--method", "best"], "no method 'best'"),
        (["-o", "out.png", "--index", "1.5"], "0 to 1"),
        (["-o", "out.png", "--index", "0.2", "--reverse"], "leave out --index"),
        (["-o", "out.png", "--device", "abacus"], "no device"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    run: Callable[..., Any], he: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if "--model" not in options:
        options = [*options, "--model", str(model)]
    ended = run("stain", "he.png", *options)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert said in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["he.png"]


def test_bad_pictures_are_one_sentence(
    run: Callable[..., Any], model: Path, tmp_path: Path, rgb: np.ndarray
) -> None:
    from PIL import Image

    save_image(tmp_path / "bare.png", rgb)
    save_image(tmp_path / "dot.png", rgb[:1, :1], Provenance(um_per_px=0.5))
    Image.fromarray(rgb[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(rgb[..., 0].astype(np.uint16)).save(tmp_path / "deep.png")
    (tmp_path / "text.png").write_text("not a picture")
    for name, said in {
        "bare.png": "give its scale by --um-per-px", "dot.png": "too small", "gray.png": "is gray",
        "deep.png": "16 bits", "text.png": "is no picture", "none.svs": "no such file",
    }.items():  # fmt: skip
        ended = run("stain", tmp_path / name, "-o", tmp_path / "out.png", "--model", model)
        assert ended.code == 2
        assert ended.in_one_sentence
        assert said in ended.err


def test_glass_is_said(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    save_image(tmp_path / "glass.png", np.full((64, 64, 3), 243, np.uint8), Provenance(um_per_px=0.5))
    ended = run("stain", tmp_path / "glass.png", "-o", tmp_path / "out.png", "--model", model)
    assert ended.code == 0
    assert "shows nothing but glass" in ended.err


def test_a_cyclegan_is_imported_and_stains(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    import torch

    from napari_histosynth.stain.network import build_stain_generator
    from napari_histosynth.zoo.cyclegan import ResnetShape

    names = ResnetShape(4, 6).names()
    state = build_stain_generator("resnet", widths=(4, 8, 16), blocks=6).state_dict()
    theirs = {
        f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in state.items()
    }
    torch.save(theirs, tmp_path / "latest_net_G_A.pth")
    options = ("--system", "cyclegan", "--um-per-px", 0.5, "-o", tmp_path / "gan")
    ended = run("models", "import", tmp_path / "latest_net_G_A.pth", *options, "--stains", "H&E,Ki-67")
    assert ended.code == 0
    assert run("models", "verify", tmp_path / "gan").code == 0
    assert run("stain", he, "-o", tmp_path / "out.png", "--model", tmp_path / "gan").code == 0
    assert read_provenance(tmp_path / "out.png").extra["statistics"] == "position"
    ended = run("stain", he, "-o", tmp_path / "out.png", "--model", tmp_path / "gan", "--reverse")
    assert "does not turn Ki-67 into H&E" in ended.err
    ended = run("stain", he, "-o", tmp_path / "out.png", "--model", tmp_path / "gan", "--index", 0.2)
    assert "cannot be said by the model 'gan'" in ended.err
    for wrong in ((), ("--stains", "H&E"), ("--stains", "H&E,Ki-67", "--scheme", "colon-3")):
        assert run("models", "import", tmp_path / "latest_net_G_A.pth", *options, *wrong).code == 2
