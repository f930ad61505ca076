"""`histosynth evaluate grade`: what it prints, records and refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.study.correlates import NAMES
from napari_histosynth.study.gradereport import GradeReport
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "tiny"
scheme = "colon-3"
um_per_px = 0.5
[data]
held_out = ["x"]
[loop]
steps = 1
"""
SERIES = {
    "spearman": 0.95,
    "interval": [0.9, 1.0],
    "lowest": 0.8,
    "of_maps": [0.95],
    "overall": 0.94,
    "means": [0.2, 0.7],
    "intervals": [[0.1, 0.3], [0.6, 0.8]],
    "change": 0.5,
}
TOLD = dict.fromkeys(("spearman", "pearson", "foretold_spearman", "foretold_pearson"), 0.5)
JUDGED = {"pictures": 9, "patients": 2, "spearman": 0.81, "error": 0.1, "error_of_mean": 0.3}
RESULTS: dict[str, Any] = {
    "judge": {"all": JUDGED | {"carcinoma_auc": 0.9}},
    "ends": {
        "from": {"judged": 0.2, "pictures": 5, "held_out": 2},
        "to": {"judged": 0.9, "pictures": 6, "held_out": 0},
        "change": 0.7,
    },
    "slider": {
        "shares": [0, 1],
        "maps": ["one"],
        "stains": 2,
        "grade": SERIES,
        "correlates": dict.fromkeys(NAMES, SERIES) | {"density": {"spearman": None}},
    },
    "real": {"GlaS": {name: {"spearman": 0.6, "means": [40.0, 60.0]} for name in NAMES}},
    "latents": {
        "nearest": {"GlaS": {"balanced": 0.5, "chance": 0.2, "chance_95": 0.3, "places": 5, "pictures": 9}},
        "along": {"all": TOLD},
        "stain": 0.05,
        "source": None,
    },
    "separate": {
        "grade_by_slider": 0.5,
        "grade_by_stain": 0.6,
        "grade_ratio": 0.83,
        "stain_by_slider": 0.1,
        "stain_by_stain": 0.9,
        "stain_ratio": 9.0,
    },
}


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny model, whose evaluation is known."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "tiny"))
    (folder / "train.toml").write_text(CONFIG)
    (tmp_path / "images").mkdir()
    subject = {
        "model": "tiny",
        "sha256": "0" * 64,
        "from": "healthy",
        "to": "poor",
        "budget": "quick",
        "held_out": 9,
        "patients": ["GlaS 5", "GlaS 8"],
    }
    monkeypatch.setattr(
        "napari_histosynth.study.grade.evaluate_grade",
        lambda *given, **options: GradeReport(subject, RESULTS),
    )
    return folder


def test_the_table_names_every_measure_and_says_what_does_not_hold(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "grade", "--model", model, "--data", tmp_path, "-o", tmp_path / "out")
    assert ended.code == 0
    for said in (
        "from healthy to poor",
        "0.81, carcinoma or not: AUC 0.90",
        "0.95 (0.90 to 1.00)",
        "too few nuclei",
    ):
        assert said in ended.out
    assert "Yes: the judged grade rises" in ended.out
    assert "Yes: it rises at least half as far as real tissue" in ended.out
    assert "6 pictures, 0 of" in " ".join(ended.out.replace("│", " ").split())
    assert "NO: the slider moves the judged grade more than a stain does." in ended.out
    assert find_model(model).card.metrics == {}


def test_record_writes_into_the_models_folder(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    ended = run("evaluate", "grade", "--model", model, "--data", tmp_path, "-o", tmp_path / "out", "--record")
    assert ended.code == 0
    metrics = find_model(model).card.metrics
    assert metrics["grade_change_to_real"] == pytest.approx(0.5 / 0.7, abs=1e-3)
    assert (metrics["grade_spearman"], metrics["grade_nearest_glas"]) == (0.95, 0.5)
    assert "## Grade slider" in find_model(model).notes
    assert "**no**" in find_model(model).notes


def test_what_cannot_be_is_one_sentence(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    ended = run("evaluate", "grade", "--model", model, "--data", tmp_path, "--budget", "long")
    assert ended.code == 2
    assert ended.in_one_sentence
