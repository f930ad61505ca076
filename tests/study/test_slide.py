"""The proof of slides in one call, on little slides and a model that was never trained."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError, ModelError, TrainingError
from napari_histosynth.io import read_image, save_image
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.slide import evaluate_slide, settings_of
from napari_histosynth.study.slidematerial import (
    BUDGETS,
    MEASURED,
    SlideBudget,
    find_slide_subject,
    load_slide_material,
)
from napari_histosynth.study.slidereport import SlideReport, record_slide
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "tiny-slide"
[data]
path = "slides"
held_out = ["c", "d"]
[loop]
steps = 1
"""
SIZES = SlideBudget(
    slides=2, tiles=1, real=2, steps=(1,), judged=8, rounds=1, halvings=2, fields=1, places=2, side=20_480,
    field=512, cost_side=2048, tile=128, apart=False,
)  # fmt: skip


def tissue(side: int, seed: int) -> Any:
    """Paint pink tissue with grain, glass along one side."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.normal(0, 12, (side // 8, side // 8, 1)), np.ones((8, 8, 1)))
    picture = np.array((205, 140, 185)) + coarse + rng.normal(0, 8, (side, side, 3))
    picture[:, : side // 8] = 244
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, name in enumerate("abcd"):
        slide = folder / "slides" / name
        for part in ("fields_2um", "regions_0.5um"):
            (slide / part).mkdir(parents=True)
        save_image(slide / "overview_8um.png", tissue(1024, number))
        save_image(slide / "fields_2um" / "f.png", tissue(512, 10 + number))
        save_image(slide / "regions_0.5um" / "r.png", tissue(512, 20 + number))
        place = [{"y": 4096, "x": 4096}]
        record = {"fields": [{"file": "f.png", **place[0]}], "regions": [{"file": "r.png", **place[0]}]}
        (slide / "slide.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def model(slide_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-slide"
    shutil.copytree(slide_folder, folder)
    (folder / "train.toml").write_text(CONFIG)
    (folder / "card.md").write_text("# Tiny\n\n## Terms\n\nNone.\n")
    return folder


@pytest.fixture(scope="module")
def report(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SlideReport, Path]:
    out = tmp_path_factory.mktemp("out")
    return evaluate_slide(find_slide_subject(model, data), out, budget=SIZES, device="cpu"), out


def test_every_part_is_measured_at_every_level(report: tuple[SlideReport, Path]) -> None:
    found, out = report
    assert list(found.settings) == ["fast"]
    fast = found.settings["fast"]
    assert (fast["tissue"]["trained"], fast["tissue"]["held_out"]) == (["a", "b"], ["c", "d"])
    for level in map(str, MEASURED):
        assert fast["tissue"]["real"][level] == 8
        assert fast["likeness"][level]["whole"]["drawn"]["median"] > 0
        assert fast["likeness"][level]["refined"]["enlarged"]["median"] > 0
        assert set(fast["told_apart"][level]) == {"whole", "refined", "real"}
        # by construction; what is laid keeps the mean of some 350 um alone at level 6
        assert fast["joins"][level]["coherence"] > {"6": 30, "4": 34, "2": 33, "0": 40}[level]
        assert fast["joins"][level]["with_borders"] > 20
        assert fast["joins"][level]["seam"]["ratio"] > 0
        assert 0 < fast["detail"][level]["noise"]["seeds"] <= 1.01
        assert fast["detail"][level]["noise"]["neighbors"] == pytest.approx(1, abs=0.1)
    # 2,048 px are one tile of levels 6 and 4, four of level 2 and 64 of level 0, fewer where there is glass
    assert 3 <= fast["cost"]["evaluations"] <= 1 + 1 + 4 + 64
    assert fast["cost"]["memory_mb"] is None or fast["cost"]["memory_mb"] > 50
    written = json.loads((out / "results.json").read_text())
    assert written["metrics"] == found.metrics()
    table = (out / "results.md").read_text()
    for said in ("Fréchet", "told from real", "Detail", "Levels and tiles", "Cost of a slide", "Inception"):
        assert said in table


def test_sheets_show_real_and_synthetic_tissue(report: tuple[SlideReport, Path]) -> None:
    for level in MEASURED:
        assert read_image(report[1] / f"sheet-{level}.png").shape[1] == 5 * 328 + 8


def test_an_untrained_model_does_not_pass(report: tuple[SlideReport, Path]) -> None:
    said = dict(report[0].verdicts("fast"))
    assert not all(said.values())
    assert said["a slide takes at most 1/50 of URCDM's network evaluations"]


def test_it_goes_on_where_it_was(report: tuple[SlideReport, Path], model: Path, data: Path) -> None:
    found, out = report
    doings: list[str] = []

    @contextmanager
    def watch(doing: str) -> Any:
        doings.append(doing)
        yield lambda share: None

    subject = find_slide_subject(model, data)
    again = evaluate_slide(subject, out, budget=SIZES, device="cpu", watch=watch)
    assert again.to_dict() == found.to_dict()
    assert doings == []
    (out / "sheet-4.png").unlink()
    next((out / "cache").glob("joins-*")).unlink()
    again = evaluate_slide(subject, out, budget=SIZES, device="cpu", watch=watch)
    assert (out / "sheet-4.png").exists()
    assert again.settings["fast"]["joins"] == found.settings["fast"]["joins"]
    assert not any("from real parents" in doing or "tissue of" in doing for doing in doings)  # kept pictures


def test_it_is_recorded_in_the_models_folder_once(report: tuple[SlideReport, Path], model: Path) -> None:
    for _ in range(2):
        record_slide(find_model(model), report[0])
    folder = find_model(model)
    assert folder.card.metrics == report[0].metrics()
    assert folder.notes.count("## Whole slides") == 1
    assert "## Terms\n\nNone." in folder.notes


def test_verdicts_see_faults(report: tuple[SlideReport, Path]) -> None:
    fast = json.loads(json.dumps(report[0].settings["fast"]))
    fast["joins"]["2"]["one"] = {"ratio": 1.3, "differs": 40}
    fast["joins"]["4"]["glass"]["pale"] = 0.5
    fast["joins"]["6"]["coherence"] = 30
    fast["joins"]["0"]["drift"] = [0, -5, 0]
    fast["detail"]["0"]["noise"]["seeds"] = 0.01
    fast["cost"]["urcdm"] = 10
    said = SlideReport(report[0].subject, {"fast": fast}).verdicts("fast")
    failed = [line for line, held in said if not held]
    for part in ("seams", "glass", "reduced four times", "drift", "noise", "1/50"):
        assert any(part in line for line in failed)


def test_what_cannot_be_is_one_sentence(model: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(HistosynthError, match='There is no budget "long"'):
        named_budget(BUDGETS, "long")
    with pytest.raises(ModelError):
        find_slide_subject(tmp_path / "none", data)
    with pytest.raises(TrainingError, match="draws no slides"):
        find_slide_subject("colon-3class", data)
    with pytest.raises(TrainingError, match="There is no folder"):
        find_slide_subject(model, tmp_path / "none")
    config = tmp_path / "one.toml"
    config.write_text(CONFIG.replace(', "d"', ""))
    with pytest.raises(TrainingError, match="holds 1 slides out"):
        find_slide_subject(model, data, config)
    bare = tmp_path / "bare"
    shutil.copytree(model, bare)
    (bare / "train.toml").unlink()
    with pytest.raises(TrainingError, match="--config"):
        find_slide_subject(bare, data)
    with pytest.raises(TrainingError, match="400 px a side of tissue at level 6"):
        load_slide_material(find_slide_subject(model, data), replace(SIZES, tile=400))


def test_diffusion_draws_less_and_only_where_the_model_has_it(model: Path, data: Path) -> None:
    assert settings_of(find_slide_subject(model, data)) == ["fast"]
    small = BUDGETS["full"].small()
    assert small.slides < BUDGETS["full"].slides
    assert small.places < BUDGETS["full"].places
