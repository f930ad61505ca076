"""``histosynth evaluate layout``, with a proof whose results are known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.study.layoutmaterial import BUDGETS
from napari_histosynth.study.layoutreport import LayoutReport, follows, record_layout
from napari_histosynth.study.layoutshapes import NAMES
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "tiny-layout"
scheme = "colon-2"
um_per_px = 1.24
widths = [8, 8]
[[data.sources]]
kind = "glas"
um_per_px = 0.62
held_out = ["3"]
[[growth]]
[[growth]]
stable = 1
[loop]
steps = 1
"""


def results() -> dict[str, Any]:
    """Return what an evaluation of good layouts finds."""
    shape = {"drawn": 0.31, "real": 0.22, "means": [0.5, 1234.4]}
    unknown = {"drawn": 0.31, "real": None, "means": [0.5, 1234.4]}
    of = {"windows": 24, "patients": 6, "held_out": True, **dict.fromkeys(NAMES, shape)}
    poor = {**of, "patients": 1, "held_out": False, **dict.fromkeys(NAMES, unknown)}
    dice = {"background": 0.8, "stroma": 0.7, "epithelium": 0.9}
    followed = {
        "drawn": -0.8, "interval": [-0.9, -0.7], "means": [200.0, 50.0], "real": -0.4,
        "real_means": [150.0, 60.0],
    }  # fmt: skip
    grid = {"period": 256, "ratio": 1.01, "error": 0.02, "lines": 14, "blend": 0.97}
    arm = {"miou": 0.7, "mpa": 0.8, "iou": [0.8, 0.6, 0.7], "to_maps": 1.0, "interval": [1.0, 1.0]}
    return {
        "shapes": {"all": of, "poorly differentiated": poor},
        "looks": {
            "segmenter": "gland-segmenter",
            "drawn": {"pictures": 32, "dice": dice, "auc": 0.951},
            "real": {"pictures": 24, "dice": dice, "auc": 0.97},
        },
        "variety": {
            "drawn": {"pairs": 60, "image": 0.21, "labels": 0.30},
            "real": {"pairs": 60, "image": 0.19, "labels": 0.28},
        },
        "memory": {
            "windows": 5000, "drawn": {"windows": 80, "median": 0.2, "closest": 0.15},
            "held_out": {"windows": 24, "median": 0.2, "closest": 0.15}, "ratio": 1.0, "closest_ratio": 1.0,
        },
        "encoded": {
            "windows": 24, "again": {"dice": 0.6, "error": 30.0}, "random": {"dice": 0.4, "error": 45.0},
            "grade": 0.6, "chance": 0.33, "chance_95": 0.5,
        },
        "teaching": {
            "painter": "colon-3class", "drawn": 32, "fields": 16, "patients": 6, "chance": 0.15,
            "classes": ["background", "non-epithelium", "epithelium"],
            "arms": {
                "maps": arm, "layouts": {**arm, "miou": 0.68, "to_maps": 0.97, "interval": [0.95, 0.99]},
            },
        },
        "axis": {
            "latents": 8, "places": 9, "grades": ["healthy", "poorly differentiated"],
            **dict.fromkeys(("glands", "gland_area", "solidity", "lumen", "background"), followed),
        },
        "large": {
            "side": 2048, "um_per_px": 0.62, "layouts": 1, "seconds": 4.2, "latents": grid, "places": grid,
            "blocks": {**grid, "ratio": None, "error": None, "lines": 0, "blend": None},
        },
    }  # fmt: skip


def report_of(found: dict[str, Any], budget: str = "quick") -> LayoutReport:
    about = {
        "model": "tiny-layout", "sha256": "0123456789abcdef", "budget": budget,
        "sizes": asdict(BUDGETS["quick"]), "trained": 200, "held_out": 24, "patients": ["glas 3"],
        "grades": ["healthy", "poorly differentiated"],
    }  # fmt: skip
    return LayoutReport(about, found)


@pytest.fixture
def model(layout_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose evaluation is known."""
    folder = tmp_path / "tiny-layout"
    shutil.copytree(layout_folder, folder)
    (folder / "train.toml").write_text(CONFIG)
    monkeypatch.setattr(
        "napari_histosynth.study.layout.evaluate_layout",
        lambda subject, out, **options: report_of(results(), options["budget"]),
    )
    return folder


def test_a_table_a_part_is_printed_and_what_must_hold(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "layout", "--model", model, "--data", tmp_path, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    said = " ".join(ended.out.replace("│", " ").split())
    for part in (
        "budget quick: 16 layouts of each of 2 grades",
        "0.31 (0.22)",
        "0.31 (-)",
        "0.951",
        "0.97 (vessels of the retina)",
        "0.210 0.190 between patients",
        "0.600 30.0 0.60 (chance 0.33, 95 % below 0.50)",
        "97.0% (95.0% to 99.0%)",
        "-0.80 (-0.90 to -0.70) 200 to 50",
        "1.010 ± 0.020",
        "Yes: layouts teach 95% or more",
        "Yes: no grid of lattice of latents shows",
    ):
        assert part in said, part
    assert "NO:" not in said
    assert find_model(model).card.metrics == {}


def test_record_writes_into_the_models_folder_once(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    (model / "card.md").write_text("# Tiny\n\n## Terms\n\nNone.\n")
    for _ in range(2):
        given = ("--data", tmp_path, "-o", tmp_path / "o", "--record")
        assert run("evaluate", "layout", "--model", model, *given).code == 0
    folder = find_model(model)
    assert folder.card.metrics["layout_gland_auc"] == 0.951
    assert folder.card.metrics["layout_miou_to_maps"] == 0.97
    assert folder.notes.count("## New tissue") == 1
    assert "## Terms" in folder.notes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda one: one["shapes"]["all"].update(solidity={"drawn": 0.9, "real": 0.2, "means": [1, 2]}),
            "solid",
        ),
        (lambda one: one["looks"]["drawn"].update(auc=0.9), "AUC of glands"),
        (lambda one: one["variety"]["drawn"].update(labels=0.6), "label maps are as various"),
        (lambda one: one["memory"].update(closest_ratio=0.1), "no copies"),
        (lambda one: one["encoded"]["again"].update(dice=0.45), "finds the layout"),
        (lambda one: one["encoded"]["again"].update(error=46.0), "nearer to the real one"),
        (lambda one: one["teaching"]["arms"]["layouts"].update(to_maps=0.9), "layouts teach"),
        (lambda one: one["axis"]["glands"].update(drawn=0.8), "glands per mm² follow"),
        (lambda one: one["large"]["latents"].update(ratio=1.2), "lattice of latents"),
    ],
)
def test_what_is_poor_is_said(change: Callable[[Any], Any], says: str) -> None:
    found = json.loads(json.dumps(results()))  # no part is another
    change(found)
    poor = [said for said, held in report_of(found).verdicts if not held]
    assert len(poor) == 1
    assert says in poor[0]


def test_a_grade_is_followed_the_same_way_and_as_clearly() -> None:
    assert follows({"drawn": -0.6, "real": -0.9})
    assert follows({"drawn": 0.3, "real": 0.3})
    assert not follows({"drawn": 0.3, "real": 0.9})
    assert not follows({"drawn": -0.9, "real": 0.9})
    assert not follows({"drawn": None, "real": 0.9})


def test_without_encoder_nothing_is_said_of_it(model: Path) -> None:
    found = results()
    found["encoded"] = {"windows": 0}
    report = report_of(found)
    assert not any("encoder" in said for said, _ in report.verdicts)
    record_layout(find_model(model), report)
    assert "layout_encoder_grade" not in find_model(model).card.metrics


def test_what_cannot_be_is_one_sentence(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    for given in (["--budget", "long"], ["--model", tmp_path / "none"], ["--model", "colon-3class"]):
        ended = run("evaluate", "layout", "--model", model, "--data", tmp_path, *given)
        assert (ended.code, ended.in_one_sentence) == (2, True)
    (model / "train.toml").unlink()
    ended = run("evaluate", "layout", "--model", model, "--data", tmp_path)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "--config" in ended.err


def test_its_help_has_an_example(run: Callable[..., Any]) -> None:
    assert "$ histosynth evaluate layout --data DATA" in run("evaluate", "layout", "--help").out
