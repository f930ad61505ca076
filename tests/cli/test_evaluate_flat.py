"""``histosynth evaluate flat``: the tables, the sheet, and what it records in the model's folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, save_labels
from napari_histosynth.study.repetition import Repetition
from napari_histosynth.zoo import ModelFolder

GOOD = Repetition(0.05, 0.06, 0.5, (40.0, 0.0), 20.0)
BAD = Repetition(0.5, 0.06, 0.025, (80.0, 0.0), 20.0)


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


@pytest.fixture
def repeating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let epithelium, the third class drawn, be found to repeat."""
    found = iter([GOOD, GOOD, BAD, GOOD])
    monkeypatch.setattr("napari_histosynth.study.flat.measure", lambda *a, **k: next(found))


def test_it_prints_every_class_and_writes_a_sheet(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "flat", "--model", folder, "--quick", "-o", tmp_path / "sheet.png")
    assert ended.code == 0
    for name in get_scheme("colon-3").names:
        assert name in ended.out
    assert read_image(tmp_path / "sheet.png").shape[1] > 600
    assert "chance alone" in ended.err
    assert ModelFolder(folder).card.repeats is None, "nothing is recorded unless one says so"


def test_what_is_recorded_stands_on_the_card_once_and_the_rest_of_it_stays(
    run: Callable[..., Any], folder: Path, tmp_path: Path, repeating: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ModelFolder(folder)
    command = ("evaluate", "flat", "--model", folder, "--quick", "--record", "-o", tmp_path / "sheet.png")
    ended = run(*command)
    assert "repeats itself on epithelium" in ended.out
    after = ModelFolder(folder)
    assert after.card.repeats == ("epithelium",)
    assert after.card.metrics["flat_peak_epithelium"] == pytest.approx(0.5 / 0.06, abs=0.01)
    assert after.card.model_copy(update={"repeats": None, "metrics": before.card.metrics}) == before.card
    assert before.notes.strip() in after.notes
    after.verify()
    monkeypatch.setattr("napari_histosynth.study.flat.measure", lambda *a, **k: GOOD)
    run(*command)
    again = ModelFolder(folder)
    assert again.card.repeats == ()
    assert again.notes.count("## Maps of one class") == 1


def test_render_warns_of_a_large_area_of_a_class_that_repeats(
    run: Callable[..., Any], folder: Path, tmp_path: Path, repeating: None
) -> None:
    run("evaluate", "flat", "--model", folder, "--quick", "--record", "-o", tmp_path / "sheet.png")
    for value, warned in ((2, True), (1, False)):
        save_labels(tmp_path / "map.png", np.full((620, 620), value, np.uint8), get_scheme("colon-3"))
        ended = run("render", tmp_path / "map.png", "-o", tmp_path / "he.png", "--model", folder,
                    "--um-per-px", 0.5, "--scheme", "colon-3")  # fmt: skip
        assert ended.code == 0
        assert ("repeats its texture on large areas of epithelium" in ended.err) is warned


def test_data_without_tissue_is_refused_in_one_sentence(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "flat", "--model", folder, "--data", tmp_path, "-o", tmp_path / "sheet.png")
    assert ended.code == 2
    assert ended.in_one_sentence
