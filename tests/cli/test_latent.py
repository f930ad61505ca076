"""`histosynth encode`, `interpolate` and `anchors`: what they write, and what they refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_provenance, save_image, save_labels
from napari_histosynth.latent.anchors import Anchors, anchor_of
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.zoo import find_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, write_graded_model: Callable[..., Path]) -> Path:
    """A tiny model with an encoder, the stain apart, and two grades beside its weights."""
    folder = write_graded_model(tmp_path_factory.mktemp("m"))
    places = (
        anchor_of("healthy", np.zeros((3, 3)), grade=0, source="fields"),
        anchor_of("poorly differentiated", np.full((4, 3), 2.0), grade=1, source="fields"),
    )
    card = find_model(folder).card
    Anchors(card.name, card.sha256, places).write(folder / "anchors.json")
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "he.png"
    rgb = np.full((200, 180, 3), (220, 160, 200), np.uint8)
    rgb[::5, ::5] = (90, 50, 130)
    save_image(path, rgb)
    return path


def test_encode_writes_the_latent_of_a_picture(
    run: Callable[..., Any], model: Path, picture: Path, tmp_path: Path
) -> None:
    ended = run("encode", picture, "-o", tmp_path / "z.npy", "--model", model)
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "12 numbers for graded" in ended.out
    latent = np.load(tmp_path / "z.npy")
    assert (latent.shape, latent.dtype) == ((12,), np.float32)


def test_encode_fits_a_latent_to_labels_and_says_how_well(
    run: Callable[..., Any], model: Path, picture: Path, tmp_path: Path
) -> None:
    drawn = example_labels("crypts-cross", (200, 180), 1.0)
    save_labels(tmp_path / "labels.png", np.minimum(drawn, 2), get_scheme("colon-2"))
    command = ("encode", picture, "-o", tmp_path / "z.npy", "--model", model)
    ended = run(*command, "--labels", tmp_path / "labels.png", "--steps", 2)
    assert ended.code == 0, ended.err
    assert "gray levels (encoder:" in ended.out
    save_labels(tmp_path / "small.png", np.ones((20, 20), np.uint8), get_scheme("colon-2"))
    ended = run(*command, "--labels", tmp_path / "small.png")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "of one size" in ended.err


def test_encode_labels_a_picture_by_itself_to_fit_its_latent(
    run: Callable[..., Any], model: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.paint.fromhe import Found

    asked: list[float] = []

    def label(rgb: Any, um_per_px: float, **_: Any) -> Found:
        asked.append(um_per_px)
        return Found(np.full(rgb.shape[:2], 2, np.uint8), get_scheme("colon-3"), "test")

    monkeypatch.setattr("napari_histosynth.paint.fromhe.labels_of", label)
    command = ("encode", picture, "-o", tmp_path / "z.npy", "--model", model, "--refine", "--steps", 2)
    ended = run(*command, "--um-per-px", 0.9, "--tissue", "adenoma")
    assert ended.code == 0, ended.err
    assert asked == [0.9]
    assert "gray levels (encoder:" in ended.out
    ended = run(*command, "--tissue", "jelly")
    assert ended.code == 2
    assert "no tissue 'jelly'" in ended.err


@pytest.mark.parametrize("ending", ["png", "gif", "mp4"])
def test_interpolate_draws_a_way_and_says_what_made_it(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"way.{ending}"
    command = ("interpolate", label_file, "--from", "healthy", "--to", "poor", "--steps", 4, "--model", model)
    ended = run(*command, "-o", out)
    assert ended.code == 0, ended.err
    assert "4 pictures from healthy to poor by graded" in ended.out
    first = out.read_bytes()
    if ending == "png":
        assert read_image(out).shape == (24 + 24, 4 * 40 + 3 * 4, 3)
        made = read_provenance(out)
        assert made is not None
        assert [frame["caption"] for frame in made.extra["frames"]] == ["healthy", "33%", "67%", "poor"]
    elif ending == "gif":
        with Image.open(out) as film:
            assert getattr(film, "n_frames", 1) > 1
            assert json.loads(film.info["comment"])["synthetic"] is True
    else:
        import av

        with av.open(str(out)) as film:
            assert sum(1 for _ in film.decode(video=0)) == 6
            assert json.loads(film.metadata["comment"])["model"] == "graded"
    run(*command, "-o", out)
    assert out.read_bytes() == first


def test_interpolate_takes_the_classes_along_that_it_is_told_to(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    labels = np.ones((24, 160), np.uint8)
    labels[:, 96:] = 2
    save_labels(tmp_path / "l.png", labels, get_scheme("colon-2"))
    out = tmp_path / "way.png"
    command = ("interpolate", tmp_path / "l.png", "--from", "healthy", "--to", "poor", "--steps", 2,
               "--model", model, "-o", out)  # fmt: skip
    whole = run(*command)
    first, last = np.split(read_image(out)[:24, :324].astype(int)[:, np.r_[0:160, 164:324]], 2, axis=1)
    assert whole.code == 0
    assert (first[:, :8] != last[:, :8]).any()
    ended = run(*command, "--strength", "epith=1")
    assert ended.code == 0, ended.err
    began, part = np.split(read_image(out)[:24, :324].astype(int)[:, np.r_[0:160, 164:324]], 2, axis=1)
    np.testing.assert_array_equal(began, first)
    np.testing.assert_array_equal(part[:, :8], first[:, :8])  # stroma that epithelium is far from
    np.testing.assert_array_equal(part[:, 152:], last[:, 152:])
    made = read_provenance(out)
    assert made is not None
    assert made.extra["strength"] == {"background": 0.0, "non-epithelium": 0.0, "epithelium": 1.0}
    assert made.extra["strength_from"] == "healthy"


@pytest.mark.parametrize("given", ["epithelium", "epithelium=2", "epithelium=much", "=1", "bone=1"])
def test_a_strength_that_is_none_is_one_sentence(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path, given: str
) -> None:
    ended = run("interpolate", label_file, "--from", "healthy", "--to", "poor", "--model", model,
                "-o", tmp_path / "way.png", "--strength", given)  # fmt: skip
    assert ended.code == 2
    said = ended.err.splitlines()[-1]  # what was guessed of the labels is said before
    assert ("CLASS=SHARE" if given != "bone=1" else "begins with 'bone'") in said
    assert said.startswith("Error: ")
    assert not (tmp_path / "way.png").exists()


def test_interpolate_goes_as_far_beyond_as_the_slider() -> None:
    from napari_histosynth.cli import latent
    from napari_histosynth.latent.space import BEYOND

    assert latent._BEYOND == BEYOND


def test_the_stain_stays_from_one_grade_to_another(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path
) -> None:
    strips = []
    for seed in (1, 2):
        out = tmp_path / f"{seed}.png"
        run("interpolate", label_file, "--from", "healthy", "--to", "healthy", "--steps", 2, "--model", model,
            "-o", out, "--latent-seed", seed)  # fmt: skip
        strips.append(read_image(out)[:24].astype(int))
    np.testing.assert_array_equal(strips[0][:, :40], strips[0][:, 44:])
    assert np.abs(strips[0][:, :40] - strips[1][:, :40]).mean() > 1


def test_a_latent_of_a_file_is_an_end_too(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "z.npy", np.ones(12, np.float32))
    np.save(tmp_path / "map.npy", np.ones((12, 2, 2), np.float32))
    command = ("interpolate", label_file, "--to", "healthy", "-o", tmp_path / "s.png", "--model", model)
    assert run(*command, "--from", tmp_path / "z.npy", "--steps", 2).code == 0
    ended = run(*command, "--from", tmp_path / "map.npy")
    assert ended.code == 2
    assert "varies over a canvas" in ended.err


def test_anchors_are_listed_added_and_shared(
    run: Callable[..., Any], model: Path, picture: Path, label_file: Path, tmp_path: Path
) -> None:
    ended = run("anchors", "list", "--model", model)
    assert ended.code == 0
    assert "poorly differentiated" in ended.out
    assert run("anchors", "add", "mine", picture, picture, "--model", model).code == 0
    assert "mine" in run("anchors", "list", "--model", model).out
    shared = tmp_path / "shared.json"
    ended = run("anchors", "add", "theirs", picture, "--model", model, "-o", shared)
    assert "Added 'theirs' of 1 picture for graded" in ended.out
    command = ("interpolate", label_file, "--from", "mine", "--to", "theirs", "--steps", 2, "--model", model)
    assert run(*command, "-o", tmp_path / "s.png", "--anchors", shared).code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--from", "bad"), "No grade is named or begins with 'bad' in 'graded'; there are healthy, poorly"),
        (("-o", "way.avi"), "ends in .png or .gif or .mp4"),
        (("--anchors", "none.json"), "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    run: Callable[..., Any],
    model: Path,
    label_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"--from": "healthy", "--to": "poor", "-o": "way.png", "--model": str(model)} | dict([change])
    ended = run("interpolate", label_file, *(part for pair in options.items() for part in pair))
    assert ended.code == 2
    assert ended.in_one_sentence
    assert said in ended.err


def test_anchors_of_another_model_are_refused(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path
) -> None:
    Anchors("graded", "f" * 64, (anchor_of("x", [np.zeros(3)]),)).write(tmp_path / "other.json")
    ended = run("anchors", "list", "--model", model, "--anchors", tmp_path / "other.json")
    assert ended.code == 2
    assert "belong to 'graded' ffffffffffff" in ended.err


def test_places_of_other_weights_are_told_and_left_out(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "graded"))
    Anchors("graded", "f" * 64, (anchor_of("x", [np.zeros(3)]),)).write(copy / "anchors.json")
    ended = run("anchors", "list", "--model", copy)
    assert ended.code == 0
    assert "no named places" in ended.out
    assert "belong to 'graded' ffffffffffff" in ended.err
    assert ended.err.count("\n") == 1


def test_the_stain_of_a_picture_is_taken(
    run: Callable[..., Any], model: Path, picture: Path, label_file: Path, tmp_path: Path
) -> None:
    command = ("interpolate", label_file, "--from", "healthy", "--to", "poor", "--steps", 2, "--model", model)
    blue = np.full((200, 180, 3), (150, 150, 235), np.uint8)
    blue[::5, ::5] = (40, 50, 150)
    save_image(tmp_path / "blue.png", blue)
    shown = []
    for number, he in enumerate((picture, tmp_path / "blue.png")):
        ended = run(*command, "-o", tmp_path / f"{number}.png", "--stain-of", he)
        assert ended.code == 0, ended.err
        shown.append(read_image(tmp_path / f"{number}.png")[:24].astype(int))
    assert np.abs(shown[0] - shown[1]).mean() > 1
    ended = run(*command, "-o", tmp_path / "s.png", "--stain-of", picture, "--latent-seed", 1)
    assert ended.code == 2
    assert "both choose the stain" in ended.err


def _spoiled(kind: str, folder: Path) -> Path:
    """Write a picture that no look can be read from."""
    path = folder / f"{kind}.png"
    if kind == "gray":
        Image.fromarray(np.full((64, 64), 120, np.uint8)).save(path)
    elif kind == "colorless":
        Image.fromarray(np.full((64, 64, 3), 120, np.uint8)).save(path)
    elif kind == "tiny":
        Image.fromarray(np.full((3, 3, 3), (220, 160, 200), np.uint8)).save(path)
    else:
        Image.new("1", (20_000, 20_000)).save(path)
    return path


SPOILED = {
    "gray": "picture is gray",
    "colorless": "picture is gray",
    "tiny": "3 x 3 px at 1 um/px",
    "huge": "20,000 x 20,000 px; at most 16,384",
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [(command, kind) for command in ("encode", "refine", "add", "stain-of") for kind in SPOILED],
)
def test_a_picture_without_a_look_is_one_sentence(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path, command: str, kind: str
) -> None:
    he, labels = _spoiled(kind, tmp_path), tmp_path / "own.png"
    side = 3 if kind == "tiny" else 64
    save_labels(labels, np.ones((side, side), np.uint8), get_scheme("colon-2"))
    commands: dict[str, tuple[object, ...]] = {
        "encode": ("encode", he, "-o", tmp_path / "out.npy"),
        "refine": ("encode", he, "--labels", labels, "-o", tmp_path / "out.npy"),
        "add": ("anchors", "add", "mine", he, "-o", tmp_path / "out.json"),
        "stain-of": (
            "interpolate", label_file, "--from", "healthy", "--to", "poor", "--stain-of", he,
            "-o", tmp_path / "out.png",
        ),
    }  # fmt: skip
    ended = run(*commands[command], "--model", model)
    assert ended.code == 2
    assert ended.in_one_sentence
    few = {"refine": "32 px or more", "stain-of": "32 px or more"}
    assert (few.get(command, SPOILED[kind]) if kind == "tiny" else SPOILED[kind]) in ended.err
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    ("latent", "said"),
    [
        (np.full(12, np.nan, np.float32), "not finite"),
        (np.zeros(7, np.float32), "is 7, but graded takes 12"),
        (np.zeros((12, 2, 2), np.float32), "varies over a canvas"),
    ],
)
def test_a_latent_that_is_none_is_one_sentence(
    run: Callable[..., Any], model: Path, label_file: Path, tmp_path: Path, latent: np.ndarray, said: str
) -> None:
    np.save(tmp_path / "z.npy", latent)
    command = ("interpolate", label_file, "--to", "healthy", "-o", tmp_path / "s.png", "--model", model)
    ended = run(*command, "--from", tmp_path / "z.npy")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert said in ended.err
