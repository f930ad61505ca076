"""A whole evaluation with tiny networks: what it writes, keeps and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from napari_histosynth.core.errors import HistosynthError, TrainingError
from napari_histosynth.io import read_image
from napari_histosynth.study import parts
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.budget import BUDGETS, Budget
from napari_histosynth.study.evaluate import evaluate_paint
from napari_histosynth.study.material import find_subject, load_material


@pytest.fixture(scope="module")
def evaluated(
    tmp_path_factory: pytest.TempPathFactory, little_model: Path, little_data: Path, little_budget: Budget
) -> Path:
    out = tmp_path_factory.mktemp("evaluation")
    evaluate_paint(little_model, little_data, out, budget=little_budget, device="cpu")
    return out


def test_results_are_a_table_json_and_two_sheets(evaluated: Path) -> None:
    found = json.loads((evaluated / "results.json").read_text())
    assert set(found["segmentation"]) == {"real", "synthetic", "both"}
    assert 0 <= found["metrics"]["miou_real"] <= 1
    assert set(found["two_sample"]) == {"own", "random", "real"}
    assert found["subject"]["patients"] == ["2", "3"]
    lines = (evaluated / "results.md").read_text().splitlines()
    assert lines[2] == "| measure | result | beside it | best |"
    assert all(line.count("|") == 5 for line in lines[2:])
    for sheet in ("pictures.png", "neighbors.png"):
        assert min(read_image(evaluated / sheet).shape[:2]) > 300


def test_the_same_call_again_computes_nothing(
    evaluated: Path,
    little_model: Path,
    little_data: Path,
    little_budget: Budget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = (evaluated / "results.json").read_bytes()
    monkeypatch.setattr(parts, "load_material", None)
    evaluate_paint(little_model, little_data, evaluated, budget=little_budget, device="cpu")
    assert (evaluated / "results.json").read_bytes() == before


def test_a_stopped_evaluation_goes_on_and_ends_the_same(
    evaluated: Path,
    little_model: Path,
    little_data: Path,
    little_budget: Budget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = parts.faithfulness

    def stop(bench: parts.Bench) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(parts, "faithfulness", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate_paint(little_model, little_data, tmp_path, budget=little_budget, device="cpu")
    assert not (tmp_path / "results.json").exists()
    monkeypatch.setattr(parts, "faithfulness", real)
    monkeypatch.setattr(parts, "train_segmenter", None)  # all networks are on disk
    evaluate_paint(little_model, little_data, tmp_path, budget=little_budget, device="cpu")
    assert (tmp_path / "results.json").read_bytes() == (evaluated / "results.json").read_bytes()


def test_patients_are_on_one_side_only(little_model: Path, little_data: Path) -> None:
    material = load_material(find_subject(little_model, little_data))
    assert {field.group for field in material.trained} == {"0", "1"}
    assert {field.group for field in material.held_out} == {"2", "3"}


def test_a_model_that_does_not_say_whom_it_saw_is_refused(
    little_model: Path, little_data: Path, tmp_path: Path
) -> None:
    silent = tmp_path / "silent"
    shutil.copytree(little_model, silent)
    (silent / "train.toml").unlink()
    with pytest.raises(TrainingError, match="--config"):
        find_subject(silent, little_data)
    (silent / "train.toml").write_text((little_model / "train.toml").read_text().replace("held_out", "#"))
    with pytest.raises(TrainingError, match="holds nobody out"):
        find_subject(silent, little_data)


def test_data_without_pictures_are_refused(little_model: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="images"):
        find_subject(little_model, tmp_path)


def test_an_unknown_budget_is_refused() -> None:
    with pytest.raises(HistosynthError, match="quick, full"):
        named_budget(BUDGETS, "huge")
