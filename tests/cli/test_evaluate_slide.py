"""``histosynth evaluate slide``, with a proof whose results are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.study.slidematerial import BUDGETS
from napari_histosynth.study.slidereport import SlideReport
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "tiny-slide"
[data]
held_out = ["c", "d"]
[loop]
steps = 1
"""


def around(median: float) -> dict[str, float]:
    return {"median": median, "low": median / 2, "high": 2 * median}


def results(cheap: bool = True) -> dict[str, Any]:
    seam = {"ratio": 1.003, "error": 0.004}
    levels = {
        "likeness": {
            "whole": {"real": around(20.0), "drawn": around(30.0), "windows": 96},
            "refined": {
                "real": around(40.0), "drawn": around(10.0), "enlarged": around(60.0), "windows": 32,
            },
        },
        "told_apart": {"whole": {"100": 0.93}, "refined": {"100": 0.7}, "real": {"100": 0.5}},
        "detail": {
            "mae": {"drawn": 9.0, "enlarged": 7.0},
            "strength": {"refined": [0.9, 1.0, 1.1], "enlarged": [0.1, 0.2, 0.5], "whole": [0.8, 1.0, 1.2]},
            "noise": {"seeds": 0.4, "neighbors": 1.0},
        },
        "joins": {
            "coherence": 48.3, "with_borders": 31.2, "drift": [0.1, -0.2, 0.0], "seam": seam, "inside": seam,
            "alone": {"ratio": 1.42, "error": 0.05}, "one": {"ratio": 1.0, "differs": 1},
            "glass": {"pixels": 9, "pale": 0.991},
        },
    }  # fmt: skip
    found: dict[str, Any] = {
        part: {str(level): known for level in (6, 4, 2, 0)} for part, known in levels.items()
    }
    found["likeness"]["features"] = "bridge of X"
    found["cost"] = {
        "side": 40_960, "evaluations": 12_345.0 if cheap else 500_000.0, "evaluations_error": 678.0,
        "urcdm": 269.5 if cheap else 6.7, "seconds_overview": 1.5, "seconds_view": 4.25, "seconds_tile": 0.1,
        "hours": 0.5, "megapixels_s": 0.9, "memory_mb": 987.0, "threads": 2, "tissue": 0.4,
    }  # fmt: skip
    return found


@pytest.fixture
def model(slide_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose evaluation is known, in both settings."""
    folder = tmp_path / "tiny-slide"
    shutil.copytree(slide_folder, folder)
    (folder / "train.toml").write_text(CONFIG)

    def evaluate(subject: Any, out: Path, **options: Any) -> SlideReport:
        about = {
            "model": subject.name, "sha256": subject.sha256, "budget": options["budget"],
            "sizes": asdict(BUDGETS["quick"]), "held_out": ["c", "d"], "trained": ["a", "b"],
        }  # fmt: skip
        return SlideReport(about, {"fast": results(), "diffusion": results(cheap=False)})

    monkeypatch.setattr("napari_histosynth.study.slide.evaluate_slide", evaluate)
    return folder


def test_a_table_a_part_is_printed_and_what_must_hold(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "slide", "--model", model, "--data", tmp_path, "-o", tmp_path / "out")
    assert ended.code == 0
    said = " ".join(ended.out.replace("│", " ").split())
    for part in (
        "budget quick: 4 synthetic slides of 40,960 px; real ones held out: c, d (2 others seen)",
        "6 (32 um/px)",
        "30.0 (15.0 to 60.0) 20.0 (10.0 to 40.0) (1.50 times)",
        "weights of Inception (the usual FID) are not on this machine",
        "0.930 0.700 0.500",
        "9.0 (7.0)",
        "48.3 dB",
        "1.420 ± 0.050",
        "1.0000 (differs by 1)",
        "99.1%",
        "12,345 ± 678",
        "1/270",
        "3,326,976",
        "987",
        "Yes: fast: every level reduced four times is its parent",
        "NO: fast: a small network does not tell synthetic tissue at first sight",
        "Yes: fast: a slide takes at most 1/50 of URCDM's network evaluations.",
        "Yes: diffusion: tiles show no seams",
    ):
        assert part in said
    assert "diffusion: a slide takes" not in said  # many evaluations are what it is there for
    assert find_model(model).card.metrics == {}


def test_record_writes_into_the_models_folder(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    ended = run("evaluate", "slide", "--model", model, "--data", tmp_path, "-o", tmp_path / "o", "--record")
    assert ended.code == 0
    folder = find_model(model)
    assert folder.card.metrics["slide_fast_frechet_to_real_0"] == 1.5
    assert folder.card.metrics["slide_diffusion_urcdm"] == 6.7
    assert "## Whole slides" in folder.notes


def test_what_cannot_be_is_one_sentence(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    for given in (["--budget", "long"], ["--model", tmp_path / "none"], ["--model", "colon-3class"]):
        ended = run("evaluate", "slide", "--model", model, "--data", tmp_path, *given)
        assert ended.code == 2
        assert ended.in_one_sentence
    (model / "train.toml").unlink()
    ended = run("evaluate", "slide", "--model", model, "--data", tmp_path)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "--config" in ended.err


def test_its_help_has_an_example(run: Callable[..., Any]) -> None:
    assert "$ histosynth evaluate slide --data DATA" in run("evaluate", "slide", "--help").out
