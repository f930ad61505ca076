"""`histosynth evaluate paint`: what it prints and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.study.report import Report

_ARM = {
    "mpa": 0.9,
    "miou": 0.7,
    "miou_spread": 0.01,
    "iou": [0.7],
    "to_real": 1.0,
    "to_real_interval": [0.9, 1],
}
RESULTS = {
    "segmentation": dict.fromkeys(("real", "synthetic", "both"), _ARM),
    "faithfulness": {
        "miou_own": 0.8,
        "miou_random": 0.8,
        "miou_real": 0.7,
        "ratio": 1.14,
        "dice": {"nuclei": 0.86},
    },
    "two_sample": {"own": {"300": 0.78}, "real": {"300": 0.5}},
    "frechet": {
        **{name: {"median": 2.0, "low": 1.0, "high": 3.0} for name in ("real", "own", "random")},
        "own_to_real": 1.2,
        "random_to_real": 1.3,
    },
    "neighbors": {
        "features": {
            f"{name}{look}": 1.0 for name in ("median_", "closest_") for look in ("real", "own", "random")
        }
        | {f"{look}_to_real{end}": 1.0 for look in ("own", "random") for end in ("", "_closest")}
    },
}


def test_the_table_names_every_measure_and_the_files(
    run: Callable[..., Any],
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = {
        "model": "mine",
        "sha256": "0" * 64,
        "budget": "quick",
        "patients": ["5", "8"],
        "trained": 3,
        "held_out": 2,
    }
    monkeypatch.setattr("napari_histosynth.study.material.find_subject", lambda *given: None)
    monkeypatch.setattr(
        "napari_histosynth.study.evaluate.evaluate_paint",
        lambda *given, **options: Report(subject, ["nuclei"], RESULTS),
    )
    ended = run("evaluate", "paint", "--data", tmp_path, "-o", tmp_path / "out")
    assert ended.code == 0
    expected = ("patients 5, 8", "trained on synthetic", "0.780", "0.500 real against real", "1.20 times")
    for said in expected:
        assert said in ended.out


def test_a_missing_folder_is_one_sentence_and_leaves_nothing(run: Callable[..., Any], tmp_path: Path) -> None:
    ended = run("evaluate", "paint", "--data", tmp_path / "no", "-o", tmp_path / "out")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert not (tmp_path / "out").exists()


def test_an_unknown_budget_is_one_sentence(run: Callable[..., Any], tmp_path: Path) -> None:
    ended = run("evaluate", "paint", "--data", tmp_path, "--budget", "huge")
    assert ended.code == 2
    assert ended.in_one_sentence
