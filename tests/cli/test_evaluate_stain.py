"""``histosynth evaluate stain``, with a proof whose results are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.study.stainreport import StainReport
from napari_histosynth.study.stainvariants import VARIANTS
from napari_histosynth.zoo import ModelCard, find_model, write_folder

CONFIG = """
[model]
name = "mine"
um_per_px = 0.5
[data]
[[data.first]]
path = "he.png"
um_per_px = 0.5
held_out_right = 0.2
[[data.second]]
path = "ki67.png"
um_per_px = 0.5
held_out_right = 0.2
[loop]
steps = 1
"""
FOLLOWS = {
    "pictures": 6, "correlation": 0.97, "slope": 0.9, "offset": 0.0, "error": 0.03, "means": {"0.20": 0.18},
}  # fmt: skip
SEAM = {"ratio": 1.001, "error": 0.004, "horizontal": 1.0, "vertical": 1.0, "pixels": 9}
SPEED = {"megapixels_s": 0.5, "megapixels_cpu_s": 0.6}
GLASS = {"gray": 240.0, "tint": 6.0}


def spread(mean: float) -> dict[str, float]:
    return {"mean": mean, "sd": 0.1}


def results(phash: float = 0.8) -> dict[str, Any]:
    again = {name: spread(0.9) for name in ("ssim", "ms_ssim", "psnr", "mae")} | {"pictures": 3}
    stain = {"alone": 0.02, "told": 0.3, "source": 0.2, "real": 0.03, "histogram": {}}
    kept = {
        "he": 100, "ki67": 90, "matched": 0.6, "lost": 0.4, "invented": 0.2, "f1": 0.7, "chance": 0.3,
        "distance": 1.0, "correlation": 0.8,
    }  # fmt: skip
    glass = {"pixels": 9, "pale": 0.99, "source": GLASS, "drawn": GLASS}
    return {
        "tissue": {"fields": ["a"], "field": 512, "crops": 9, "crop": 192, "um_per_px": 0.5},
        "likeness": {
            "features": "second layer of X", "paper": False, "crops": 4, "real_crops": 9,
            "drawn": {"alone": spread(phash), "told": spread(0.6)}, "source": spread(0.7), "real": None,
        },
        "cycle": {"he": again, "he_told": again, "ki67": again, "ki67_told": None},
        "structure": {"alone": kept, "told": kept | {"matched": 0.8}},
        "densities": {
            "hematoxylin": stain, "dab": stain, "index": {"alone": 0.1, "told": 0.2, "real": 0.15},
            "glass": {"alone": glass, "told": glass},
        },
        "steering": {"rows": [], "all": FOLLOWS, "he": FOLLOWS, "canvas": FOLLOWS | {"correlation": 0.9}},
        "seams": {"side": 999, "tile": 512, "source": SEAM, "control": SEAM, "local": SEAM | SPEED},
    }  # fmt: skip


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose evaluation is known; better by its place among the models given."""
    import torch

    card = ModelCard(
        name="mine", system="stain", preset="compact", latent_size=0, stains=("H&E", "Ki-67"), um_per_px=0.5
    )
    folder = write_folder(tmp_path / "mine", card, {"forward.w": torch.zeros(1)}).path
    (folder / "train.toml").write_text(CONFIG)

    def evaluate(subjects: Any, out: Path, **options: Any) -> StainReport:
        models = {one.label: results(0.8 + 0.01 * place) for place, one in enumerate(subjects)}
        about = {
            "models": {one.label: one.sha256 for one in subjects}, "same_tissue": True,
            "budget": options["budget"],
        }  # fmt: skip
        return StainReport(about, models)

    monkeypatch.setattr("napari_histosynth.study.stain.evaluate_stain", evaluate)
    return folder


def test_a_table_a_part_is_printed_and_what_must_hold(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    ended = run("evaluate", "stain", "--model", model, "--data", tmp_path, "-o", tmp_path / "out")
    assert ended.code == 0
    said = " ".join(ended.out.replace("│", " ").split())
    for part in (
        "budget quick: 1 fields of H&E of 512 px and 9 crops of real Ki-67",
        "0.800 ± 0.100",
        "not comparable with the paper's figures",
        "H&E to Ki-67 to H&E",
        "60.0%",
        "0.020 (0.200; 0.030)",
        "20%: 18%",
        "1.001 ± 0.004",
        "Yes: mine: by itself: drawn Ki-67 is nearer to real Ki-67 than H&E is (P-hash).",
        "NO: mine: told which nuclei are positive: drawn Ki-67 is nearer to real Ki-67 than H&E is (P-hash).",
        "NO: mine: by itself: 70% or more of the nuclei of H&E are found again.",
        "Yes: mine: told which nuclei are positive: 70% or more of the nuclei of H&E are found again.",
        "Yes: mine: by itself: 95% or more of glass stays pale.",
        "NO: mine: counted indices follow those asked for (Pearson above 0.95).",
        "Yes: mine: tiles show no seams",
    ):
        assert part in said
    assert find_model(model).card.metrics == {}


def test_record_writes_into_the_models_folder(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    ended = run("evaluate", "stain", "--model", model, "--data", tmp_path, "-o", tmp_path / "o", "--record")
    assert ended.code == 0
    folder = find_model(model)
    assert folder.card.metrics["stain_phash"] == 0.8
    assert folder.card.metrics["stain_told_nuclei_matched"] == 0.8
    assert folder.card.metrics["stain_index_correlation_canvas"] == 0.9
    assert "## Virtual stain" in folder.notes


def test_the_four_variants_are_compared_beside_ours(
    run: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    variants = tmp_path / "variants"
    for name in VARIANTS:
        shutil.copytree(model, variants / name / "model")
    ended = run(
        "evaluate",
        "stain",
        "--variants",
        variants,
        "--model",
        model,
        "--data",
        tmp_path,
        "-o",
        tmp_path / "out",
    )
    assert ended.code == 0
    said = " ".join(ended.out.replace("│", " ").split())
    assert "The variants of the paper" in said
    assert "0.7767" in said
    assert "Best of the four by P-hash: CycleGAN + skip connections + SSIM." in said
    assert "mine, told which nuclei are positive" in said
    assert "0.7767" in (tmp_path / "out" / "variants.md").read_text()


def test_what_cannot_be_is_one_sentence(run: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    for given in (["--budget", "long"], ["--variants", tmp_path / "none"], ["--model", tmp_path / "none"]):
        ended = run("evaluate", "stain", "--model", model, "--data", tmp_path, *given)
        assert ended.code == 2
        assert ended.in_one_sentence
    (model / "train.toml").unlink()
    ended = run("evaluate", "stain", "--model", model, "--data", tmp_path)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "--config" in ended.err
