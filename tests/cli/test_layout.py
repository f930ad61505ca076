"""`histosynth layout`, films between layouts, and data sets drawn from layouts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.cli import layoutset
from napari_histosynth.cli.layoutsource import ModelLayouts
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels, read_provenance

Run = Callable[..., Any]
SMALL = ("--size", 64, "--um-per-px", 0.62, "--device", "cpu", "--precision", "fp32")


@pytest.fixture
def layout(run: Run, layout_folder: Path) -> Run:
    """Return a function that runs `histosynth layout` with an untrained model on small maps."""
    return lambda *given: run("layout", "--model", layout_folder, *SMALL, *given)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_layouts_are_written_with_what_made_them(layout: Run, layout_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "set"
    ended = layout("--n", 3, "--seed", 5, "--grade", "poorly", "-o", out)
    assert ended.code == 0, ended.err
    assert "3 layouts of tiny-layout, seeds 5 to 7, 3 of them now" in ended.out
    names = ["000005", "000006", "000007"]
    assert sorted(path.stem for path in (out / "labels").iterdir()) == names
    made = read_provenance(out / "labels" / "000006.png")
    assert made is not None
    assert (made.model, made.seed, made.um_per_px, made.size) == ("tiny-layout", 6, 0.62, (64, 64))
    assert made.synthetic
    assert (made.extra["grade"], made.extra["scheme"]) == ("poorly differentiated", "colon-2")
    labels = read_labels(out / "labels" / "000006.png", get_scheme("colon-2"))
    assert sum(made.extra["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert made.extra["shares"]["epithelium"] == pytest.approx((labels == 2).mean(), abs=1e-4)
    with (out / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == names
    assert {row["grade"] for row in rows} == {"poorly differentiated"}
    assert {row["image"] for row in rows} == {""}


def test_the_same_command_writes_the_same_and_draws_nothing_again(layout: Run, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for out in (one, other):
        assert layout("--n", 2, "-o", out).code == 0
    before = bytes_of(one)
    assert before == bytes_of(other)
    assert "3 layouts of tiny-layout, seeds 0 to 2, 1 of them now" in layout("--n", 3, "-o", one).out
    after = bytes_of(one)
    assert {name: after[name] for name in before if name != "manifest.csv"} == {
        name: content for name, content in before.items() if name != "manifest.csv"
    }


def test_what_was_drawn_otherwise_is_left_alone(layout: Run, tmp_path: Path) -> None:
    assert layout("--n", 1, "--grade", "healthy", "-o", tmp_path).code == 0
    before = bytes_of(tmp_path)
    ended = layout("--n", 1, "--grade", "poorly", "-o", tmp_path)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "(grade differ" in ended.err
    assert bytes_of(tmp_path) == before


def test_grades_take_turns(layout: Run, tmp_path: Path) -> None:
    assert layout("--n", 3, "--grade", "healthy", "--grade", "poorly", "-o", tmp_path).code == 0
    found = [read_provenance(path) for path in sorted((tmp_path / "labels").iterdir())]
    grades = [one.extra["grade"] for one in found if one is not None]
    assert grades == ["healthy", "poorly differentiated", "healthy"]


def test_a_stopped_set_is_listed_and_goes_on(
    layout: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = layoutset._write

    def stop(out: Path, sampler: Any, settings: Any, seed: int, *rest: Any) -> int:
        if seed == 1:
            raise KeyboardInterrupt
        return kept(out, sampler, settings, seed, *rest)

    monkeypatch.setattr(layoutset, "_write", stop)
    ended = layout("--n", 3, "-o", tmp_path)
    assert ended.code == 130
    assert "the same command goes on" in ended.err
    assert (tmp_path / "manifest.csv").read_text().count("\n") == 2
    monkeypatch.undo()
    assert "2 of them now" in layout("--n", 3, "-o", tmp_path).out


def test_layouts_are_painted_in_the_painters_scheme(layout: Run, tiny_model: Path, tmp_path: Path) -> None:
    ended = layout("--n", 1, "--he", tiny_model, "-o", tmp_path)
    assert ended.code == 0, ended.err
    labels, image = tmp_path / "labels" / "000000.png", tmp_path / "images" / "000000.png"
    assert read_image(image).shape == (64, 64, 3)
    read_labels(labels, get_scheme("colon-3"))
    told, painted = read_provenance(labels), read_provenance(image)
    assert told is not None
    assert painted is not None
    assert (told.extra["scheme"], told.extra["nuclei"]) == ("colon-3", True)
    assert painted.model == "tiny"
    assert painted.extra["layout"]["model"] == "tiny-layout"
    assert not painted.extra["nuclei_added"]  # they are in the label map already
    image.unlink()
    again = layout("--n", 1, "--he", tiny_model, "-o", tmp_path)
    assert "0 of them now" in again.out
    assert image.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--grade", "odd"), "there are healthy, adenomatous, moderately differentiated"),
        (("--size", "9000"), "64 to 8,192 px"),
        (("--size", "many"), "width x height"),
        (("--scheme", "prostate-9"), "prostate-9"),
        (("--scheme", "colon-2", "--nuclei"), "has no nuclei"),
        (("--model", "colon-3class"), "colon-layout"),
        (("--he", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    layout: Run, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ended = layout(*options, "-o", tmp_path / "out")
    assert (ended.code, ended.in_one_sentence) == (2, True), ended.err
    assert says in ended.err
    assert not (tmp_path / "out").exists()


def test_sides_may_differ(layout: Run, tmp_path: Path) -> None:
    assert layout("--size", "96x64", "-o", tmp_path).code == 0
    labels = read_labels(tmp_path / "labels" / "000000.png", get_scheme("colon-2"))
    assert labels.shape == (64, 96)


def test_a_film_goes_from_grade_to_grade(
    run: Run, layout_folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    command = ("layout", "morph", "--model", layout_folder, *SMALL, "--from", "healthy", "--to", "poorly")
    ended = run(*command, "--steps", 3, "--he", tiny_model, "-o", tmp_path / "film.gif")
    assert ended.code == 0, ended.err
    assert "3 layouts from healthy to poorly differentiated" in ended.out
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.size, film.n_frames) == ((128, 64), 4)  # labels beside H&E, there and back
        assert json.loads(film.info["comment"])["model"] == "tiny-layout"
    ended = run(*command, "--to-seed", 4, "--steps", 3, "-o", tmp_path / "strip.png")
    assert ended.code == 0, ended.err
    assert read_image(tmp_path / "strip.png").shape[1] == 3 * 64 + 2 * 4
    ended = run(*command, "-o", tmp_path / "film.txt")
    assert (ended.code, ended.in_one_sentence) == (2, True)


def test_help_shows_examples(run: Run) -> None:
    assert "$ histosynth layout --n 100 --grade poorly -o layouts" in run("layout", "--help").out
    assert "$ histosynth layout morph --from healthy" in run("layout", "morph", "--help").out


def test_a_data_set_takes_layouts(run: Run, layout_folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    command = (
        "dataset", "--layouts", layout_folder, "--grade", "poorly", "--grade", "healthy",
        "--model", tiny_model, "--size", 64, "--device", "cpu", "--precision", "fp32", "--least-tissue", 0.05,
    )  # fmt: skip
    for name in ("one", "other"):
        ended = run(*command, "--n", 2, "-o", tmp_path / name)
        assert ended.code == 0, ended.err
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "other")
    with (tmp_path / "one" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["layout"] for row in rows} == {"tiny-layout: poorly differentiated", "tiny-layout: healthy"}
    record = json.loads((tmp_path / "one" / "dataset.json").read_text())
    assert record["maker"]["model"] == "tiny-layout"
    assert "tiny-layout" in (tmp_path / "one" / "README.md").read_text()
    labels = read_labels(tmp_path / "one" / "labels" / "000000.png", get_scheme("colon-3"))
    assert np.unique(labels).size > 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--layouts", "examples", "--grade", "poorly"), "--grade is for layouts of a model"),
        (("--layouts", "colon-3class"), "makes no new tissue"),
        (("--layouts", "nowhere"), "no folder nowhere"),
    ],
)
def test_layouts_that_cannot_be_had_are_one_sentence(
    run: Run, tiny_model: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ended = run("dataset", *options, "--model", tiny_model, "-o", tmp_path / "set")
    assert (ended.code, ended.in_one_sentence) == (2, True), ended.err
    assert says in ended.err


def test_an_unknown_grade_of_a_data_set_is_one_sentence(
    run: Run, layout_folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    given = ("--layouts", layout_folder, "--grade", "odd", "--model", tiny_model, "-o", tmp_path / "set")
    ended = run("dataset", *given)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "there are healthy" in ended.err


def test_layouts_for_ten_classes_come_in_ten(layout_folder: Path) -> None:
    made = ModelLayouts(str(layout_folder), "tiny-layout", "", ("healthy",), "cpu")
    assert [one.name for one in made.layouts()] == ["tiny-layout: healthy"]
    labels, scheme = made("tiny-layout: healthy", 64, 0.62, 3, get_scheme("colon-10"))
    assert (labels.shape, scheme.name) == ((64, 64), "colon-10")
    assert made("tiny-layout: healthy", 64, 0.62, 3, get_scheme("colon-3"))[1].name == "colon-2"
