"""The proof in one call, on tissue whose nuclei grow with the grade and a model that was never trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.core.errors import HistosynthError, TrainingError
from napari_histosynth.io import read_image, save_image
from napari_histosynth.latent.anchors import Anchors, anchor_of
from napari_histosynth.paint.graded import GradedPicture
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.grade import evaluate_grade, measure_real
from napari_histosynth.study.gradematerial import BUDGETS, GradeBudget, ends_of, spread_over_patients
from napari_histosynth.study.gradereport import GradeReport, record_grade
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "graded"
scheme = "colon-2"
um_per_px = 1.0
latent_size = 12
[[data.sources]]
kind = "glas"
path = "glas"
um_per_px = 1.0
held_out = ["c"]
[data.grades]
healthy = 0.0
"poorly differentiated" = 1.0
[loop]
steps = 1
"""
SIZES = GradeBudget(2, 2, 64, 4, 4, 1, 1, 96, 3, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_graded_model: Callable[..., Path]) -> Path:
    return write_graded_model(tmp_path_factory.mktemp("m"), CONFIG, "# graded\n\n## Terms\n\nNone.\n")


@pytest.fixture(scope="module")
def data(
    tmp_path_factory: pytest.TempPathFactory,
    tissue: Callable[..., npt.NDArray[np.uint8]],
    write_glas: Callable[..., Path],
) -> Path:
    """Two pictures of each of three patients: one healthy, one poorly differentiated with larger nuclei."""
    rows = []
    for number, patient in enumerate("abc"):
        for grade, radius in (("healthy", 4), ("poorly differentiated", 7)):
            picture = tissue(radius, seed=10 * number + radius)
            mask = np.zeros_like(picture)
            mask[:, 20:] = 255
            rows.append((f"{patient}-{grade[0]}", patient, grade, picture, mask))
    return write_glas(tmp_path_factory.mktemp("data") / "glas", rows).parent


@pytest.fixture(scope="module")
def report(folder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[GradeReport, Path]:
    out = tmp_path_factory.mktemp("out")
    return evaluate_grade(folder, data, out, budget=SIZES, device="cpu"), out


def test_the_proof_says_what_it_is_of_and_writes_its_files(report: tuple[GradeReport, Path]) -> None:
    found, out = report
    assert found.subject["patients"] == ["GlaS c"]
    assert (found.subject["from"], found.subject["to"]) == ("healthy", "poorly differentiated")
    assert (found.subject["trained"], found.subject["held_out"]) == (4, 2)
    assert json.loads((out / "results.json").read_text())["metrics"] == found.metrics()
    assert read_image(out / "slider.png").ndim == 3
    table = (out / "results.md").read_text()
    for said in ("judge on real tissue held out, GlaS", "nuclear area", "nearest grade", "another stain"):
        assert said in table


def test_real_tissue_is_measured_by_grade(report: tuple[GradeReport, Path]) -> None:
    real = report[0].results["real"]["GlaS"]
    assert real["grades"] == ["healthy", "poorly differentiated"]
    assert real["nuclear_area"]["spearman"] > 0.8
    small, large = real["nuclear_area"]["means"]
    assert large > 2 * small
    assert real["pictures"] == 6


def test_the_slider_is_held_against_real_tissue_of_both_ends(report: tuple[GradeReport, Path]) -> None:
    ends = report[0].results["ends"]
    assert (ends["from"]["pictures"], ends["from"]["held_out"]) == (3, 1)
    assert ends["change"] == pytest.approx(ends["to"]["judged"] - ends["from"]["judged"], abs=1e-5)
    if ends["change"] > 0:
        assert report[0].reach == pytest.approx(
            report[0].results["slider"]["grade"]["change"] / ends["change"]
        )


def test_an_untrained_model_does_not_pass(report: tuple[GradeReport, Path]) -> None:
    found, _ = report
    assert not all(held for _, held in found.verdicts)


def test_the_same_seed_gives_the_same_numbers_and_the_judge_is_kept(
    report: tuple[GradeReport, Path], folder: Path, data: Path, tmp_path: Path
) -> None:
    found, out = report
    doings: list[str] = []

    @contextmanager
    def watch(doing: str) -> Any:
        doings.append(doing)
        yield lambda share: None

    again = evaluate_grade(folder, data, out, budget=SIZES, device="cpu", watch=watch)
    anew = evaluate_grade(folder, data, tmp_path, budget=SIZES, device="cpu")
    assert found.to_dict() == again.to_dict() == anew.to_dict()
    assert not any("Teaching" in doing for doing in doings)


def test_it_is_recorded_in_the_models_folder_once(report: tuple[GradeReport, Path], folder: Path) -> None:
    found, _ = report
    for _ in range(2):
        record_grade(find_model(folder), found)
    model = find_model(folder)
    assert model.card.metrics == found.metrics()
    assert model.notes.count("## Grade slider") == 1
    assert "## Terms\n\nNone." in model.notes
    assert not [line for line in model.notes.splitlines() if line.endswith(" ")]


def test_what_does_not_fit_is_one_sentence(folder: Path, data: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text(CONFIG.replace("[data.grades]", "[card]").replace("healthy = 0.0", "").replace(
        '"poorly differentiated" = 1.0', ""
    ))  # fmt: skip
    with pytest.raises(TrainingError, match=r"has no \[data.grades\] that say what grades count"):
        evaluate_grade(folder, data, tmp_path, config=plain, budget=SIZES)
    with pytest.raises(HistosynthError, match='There is no budget "long"; choose one of quick, full'):
        named_budget(BUDGETS, "long")
    with pytest.raises(HistosynthError, match="No grade is named or begins with 'bad'"):
        evaluate_grade(folder, data, tmp_path, budget=SIZES, start="bad", device="cpu")
    assert not (tmp_path / "results.json").exists()


def test_the_slider_goes_from_the_lowest_to_the_highest_grade_of_one_source() -> None:
    kinds = [
        ("a", 0.3, "A"),
        ("b", 0.5, "A"),
        ("c", 0.1, "B"),
        ("d", 0.8, "B"),
        ("e", 0.0, "C"),
        ("f", None, "B"),
    ]
    places = tuple(anchor_of(name, [[0.0]], grade=grade, source=source) for name, grade, source in kinds)
    anchors = Anchors("m", "0", places)
    assert [place.name for place in ends_of(anchors)] == ["c", "d"]
    assert [place.name for place in ends_of(anchors, start="a")] == ["a", "d"]
    with pytest.raises(TrainingError, match="knows no two grades of one source"):
        ends_of(Anchors("m", "0", places[4:]))


def test_patients_take_turns() -> None:
    made = [
        GradedPicture(f"{who}{n}", who, Path(), None, 1.0, "bad", 1.0, "A") for who in "ab" for n in range(3)
    ]
    other = replace(made[0], grade="good", name="g")
    chosen = spread_over_patients([*made, other], 3)
    assert [one.name for one in chosen] == ["a0", "b0", "a1", "g"]


def test_pictures_without_a_mask_are_not_measured(tmp_path: Path) -> None:
    save_image(tmp_path / "one.png", np.full((64, 64, 3), 200, np.uint8))
    picture = GradedPicture("one", "a", tmp_path / "one.png", None, 1.0, "bad", 1.0, "A")
    assert measure_real([picture], 1.0) == {}
