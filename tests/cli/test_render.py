"""`histosynth render`: what it writes, and what it says when it is given the wrong thing."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import napari_histosynth
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels, read_provenance, save_labels


def test_render_writes_a_picture_of_the_inputs_size_with_its_provenance(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "he.png"
    ended = run("render", label_file, "-o", out, "--model", tiny_model, "--seed", 3, "--latent-seed", 4)
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert str(out) in ended.out
    assert read_image(out).shape == (24, 40, 3)
    made = read_provenance(out)
    assert made is not None
    assert made.synthetic
    assert (made.model, made.seed, made.latent_seed, made.um_per_px) == ("tiny", 3, 4, 1.0)
    assert made.size == (24, 40)


def test_render_says_what_it_took_the_labels_for(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    command = ("render", label_file, "-o", tmp_path / "he.png", "--model", tiny_model)
    assert "prostate-2 at 1 um/px" in run(*command).err
    assert run(*command, "--scheme", "prostate-2", "--um-per-px", 1).err == ""


def test_the_same_command_writes_the_same_bytes(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for name in ("first.png", "second.png"):
        run("render", label_file, "-o", tmp_path / name, "--model", tiny_model)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_render_is_what_the_library_draws(
    run: Callable[..., Any], labels: npt.NDArray[np.uint8], tiny_model: Path, tmp_path: Path
) -> None:
    save_labels(tmp_path / "labels.png", labels, get_scheme("colon-3"))
    options = ("--scheme", "colon-3", "--um-per-px", 0.5, "--model", tiny_model, "--device", "cpu")
    run("render", tmp_path / "labels.png", "-o", tmp_path / "he.png", *options, "--precision", "fp32")
    model = napari_histosynth.load_model(tiny_model, device="cpu", precision="fp32")
    drawn = napari_histosynth.Canvas(model, labels, seed=0).render()
    assert np.array_equal(read_image(tmp_path / "he.png"), drawn)


def test_render_writes_the_json_and_the_labels_as_drawn(
    run: Callable[..., Any],
    label_file: Path,
    labels: npt.NDArray[np.uint8],
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    out, pair = tmp_path / "he.png", tmp_path / "pair.png"
    run("render", label_file, "-o", out, "--model", tiny_model, "--json", "--labels-output", pair)
    record = json.loads((tmp_path / "he.json").read_text())
    assert record["synthetic"] is True
    assert record["extra"]["nuclei_added"] is True
    drawn = read_labels(pair, get_scheme("colon-3"))
    assert set(np.unique(drawn[drawn != labels])) == {3}


def test_render_leaves_nuclei_out_and_the_models_scale_on_request(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out, pair = tmp_path / "he.png", tmp_path / "pair.png"
    options = ("--no-nuclei", "--model-scale", "--labels-output", pair)
    run("render", label_file, "-o", out, "--model", tiny_model, *options)
    assert read_image(out).shape == (48, 80, 3)
    drawn = read_labels(pair, get_scheme("colon-3"))
    assert drawn.shape == (48, 80)
    assert 3 not in drawn


def test_a_latent_from_a_file_is_the_look(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    model = napari_histosynth.load_model(tiny_model, device="cpu")
    np.save(tmp_path / "z.npy", model.sample_latent(9))
    command = ("render", label_file, "--model", tiny_model)
    run(*command, "-o", tmp_path / "by-seed.png", "--latent-seed", 9)
    run(*command, "-o", tmp_path / "by-file.png", "--latent", tmp_path / "z.npy")
    by_seed, by_file = (read_image(tmp_path / name) for name in ("by-seed.png", "by-file.png"))
    assert np.array_equal(by_seed, by_file)


def spoiled(name: str, folder: Path, labels: Path) -> list[object]:
    """Return the options of ``render`` with one thing wrong."""
    out = folder / "he.png"
    if name == "no such labels":
        return [folder / "nowhere.png", "-o", out]
    if name == "empty labels":
        (folder / "empty.png").touch()
        return [folder / "empty.png", "-o", out]
    if name == "labels are a folder":
        return [folder, "-o", out]
    if name == "foreign color":
        Image.new("RGB", (8, 8), "#00ff00").save(folder / "green.png")
        return [folder / "green.png", "-o", out]
    if name == "float labels":
        Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(folder / "float.tif")
        return [folder / "float.tif", "-o", out]
    if name == "no such scheme":
        return [labels, "-o", out, "--scheme", "liver-9"]
    if name == "no such model":
        return [labels, "-o", out, "--model", "liver"]
    if name == "no such device":
        return [labels, "-o", out, "--device", "abacus"]
    if name == "impossible scale":
        return [labels, "-o", out, "--um-per-px", "-1"]
    if name == "latent of another size":
        np.save(folder / "z.npy", np.zeros(5))
        return [labels, "-o", out, "--latent", folder / "z.npy"]
    if name == "latent is a pickle":
        np.save(folder / "z.npy", np.array([{}], dtype=object), allow_pickle=True)
        return [labels, "-o", out, "--latent", folder / "z.npy"]
    if name == "no folder to write to":
        return [labels, "-o", folder / "nowhere" / "he.png"]
    if name == "output is a folder":
        (folder / "folder.png").mkdir()
        return [labels, "-o", folder / "folder.png"]
    if name == "output is no png":
        return [labels, "-o", folder / "he.jpg"]
    assert name == "output is the input"
    return [labels, "-o", labels]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no such labels", "nowhere.png"),
        ("empty labels", "empty.png is empty"),
        ("labels are a folder", "folder"),
        ("foreign color", "#00ff00"),
        ("float labels", "float.tif"),
        ("no such scheme", "liver-9"),
        ("no such model", "liver"),
        ("no such device", "abacus"),
        ("impossible scale", "-1"),
        ("latent of another size", "takes 4 numbers"),
        ("latent is a pickle", "z.npy"),
        ("no folder to write to", "nowhere"),
        ("output is a folder", "folder.png"),
        ("output is no png", ".png"),
        ("output is the input", "labels.png"),
    ],
)
def test_what_cannot_be_rendered_is_one_sentence_and_ends_with_2(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path, name: str, words: str
) -> None:
    options = spoiled(name, tmp_path, label_file)
    if "--model" not in options:
        options += ["--model", tiny_model]
    before = label_file.read_bytes()
    ended = run("render", "--scheme", "prostate-2", *options)
    assert ended.code == 2
    assert ended.in_one_sentence, ended.err
    assert words in ended.err
    assert not (tmp_path / "he.png").exists()
    assert label_file.read_bytes() == before


def test_latent_and_latent_seed_exclude_each_other(
    run: Callable[..., Any], label_file: Path, tmp_path: Path
) -> None:
    options = ("--latent", tmp_path / "z.npy", "--latent-seed", 1)
    assert run("render", label_file, "-o", tmp_path / "he.png", *options).code == 2


def test_a_folder_that_is_closed_is_told_before_anything_is_drawn(
    run: Callable[..., Any], label_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)  # root may write anywhere
    ended = run("render", label_file, "-o", tmp_path / "he.png", "--model", "no such model")
    assert ended.code == 2
    assert "you may not write to" in ended.err


def test_a_full_disk_leaves_the_old_picture_in_place(
    run: Callable[..., Any],
    label_file: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "he.png"
    out.write_text("the old picture")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    ended = run(
        "render", label_file, "-o", out, "--model", tiny_model, "--scheme", "colon-2", "--um-per-px", 0.5
    )
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "disk is full" in ended.err
    assert out.read_text() == "the old picture"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["he.png", "labels.png"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(KeyboardInterrupt(), 130, "Stopped"), (MemoryError(), 1, "Memory ran out")],
)
def test_an_end_before_the_end_is_one_sentence_and_leaves_no_file(
    run: Callable[..., Any],
    label_file: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("napari_histosynth.paint.render.render_labels", interrupt)
    options = ("--scheme", "colon-2", "--um-per-px", 0.5)
    ended = run("render", label_file, "-o", tmp_path / "he.png", "--model", tiny_model, *options)
    assert ended.code == code
    assert ended.in_one_sentence
    assert words in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["labels.png"]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["2-class-prostate-1.png", "3-class-prostate-2.png", "3-class-prostate-3.png"]
)
def test_published_label_maps_are_drawn_at_their_own_scale(
    run: Callable[..., Any], histosynth_data: Path, tiny_model: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "he.png"
    ended = run("render", histosynth_data / "seed-label-maps" / name, "-o", out, "--model", tiny_model)
    assert ended.code == 0
    assert read_image(out).shape == (512, 512, 3)
    made = read_provenance(out)
    assert made is not None
    assert made.um_per_px == 1.0
    assert made.extra["nuclei_added"] is name.startswith("2")


def test_a_look_map_places_looks(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    looks = tmp_path / "looks.json"
    record = {"format": "histosynth-looks-1", "own": {"seed": 1}, "looks": [{"seed": 2}], "width_um": 8}
    looks.write_text(json.dumps({**record, "points": [{"y": 12, "x": 40, "look": 1, "radius_um": 12}]}))
    command = ("render", label_file, "--model", tiny_model, "--device", "cpu")
    run(*command, "-o", tmp_path / "own.png", "--latent-seed", 1)
    assert run(*command, "-o", tmp_path / "he.png", "--look-map", looks).code == 0
    changed = (read_image(tmp_path / "he.png") != read_image(tmp_path / "own.png")).any(axis=2)
    assert changed[:, 36:].mean() > 0.5
    made = read_provenance(tmp_path / "he.png")
    assert made is not None
    assert (made.latent_seed, made.extra["look_map"]["points"]) == (1, 1)


def test_a_look_map_of_another_model_is_one_sentence(
    run: Callable[..., Any], label_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    looks = tmp_path / "looks.json"
    looks.write_text(json.dumps({"format": "histosynth-looks-1", "model": "x", "model_sha256": "0" * 64}))
    ended = run("render", label_file, "-o", tmp_path / "he.png", "--model", tiny_model, "--look-map", looks)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "made for the model 'x'" in ended.err
    assert not (tmp_path / "he.png").exists()
