"""The proof of layouts in one call, on little tissue and a model that was never trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError, ModelError, TrainingError
from napari_histosynth.io import read_image
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.budget import Budget
from napari_histosynth.study.layout import evaluate_layout, plain
from napari_histosynth.study.layoutmaterial import BUDGETS, LayoutBudget, find_layout_subject
from napari_histosynth.study.layoutreport import LayoutReport
from napari_histosynth.study.layoutshapes import NAMES
from napari_histosynth.zoo import ModelCard, write_folder

GRADES = ("healthy", "poorly differentiated")
CONFIG = """
[model]
name = "little-layout"
scheme = "colon-2"
um_per_px = 1.24
latent_size = 6
widths = [4, 4, 4, 4, 4, 4]
grades = ["healthy", "poorly differentiated"]
[[data.sources]]
kind = "glas"
um_per_px = 1.24
held_out = ["3", "4"]
[[growth]]
[[growth]]
[[growth]]
[[growth]]
[[growth]]
[[growth]]
stable = 1
[loop]
steps = 1
"""
SIZES = LayoutBudget(
    layouts=4, real=4, segmented=2, pairs=3, encoded=2, latents=2, places=3, larges=1, large=512, drawn=2,
    painted=64, arms=("maps", "layouts"),
    teaching=Budget(seeds=1, steps=1, drawn=2, judge_steps=(), batch=2, crop=32, widths=(4, 4, 4, 4)),
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_glas: Callable[..., Path], tissue: Any) -> Path:
    """Eight pictures of four patients, one a little smaller, with square glands."""
    rows = []
    for number in range(8):
        side = 104 if number == 5 else 132
        mask = np.zeros((side, side, 3), np.uint8)
        mask[30 : 60 + number, 30:78] = 255
        picture = tissue(3, side=side, apart=12, seed=number)
        rows.append((f"f{number}", str(number // 2 + 1), GRADES[number % 2], picture, mask))
    return write_glas(tmp_path_factory.mktemp("glas"), rows)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained model of layouts of 128 px."""
    import torch

    from napari_histosynth.layout.network import build_encoder, build_generator

    torch.manual_seed(0)
    shape = {
        "widths": [4] * 6, "encoder": [4] * 3, "channels": 6, "image": 3, "grades": list(GRADES),
        "rim": "replicate",
    }  # fmt: skip
    networks = {"generator": build_generator(shape, 6), "encoder": build_encoder(shape, 6)}
    tensors = {
        f"{part}.{name}": value
        for part, network in networks.items()
        for name, value in network.state_dict().items()
    }
    card = ModelCard(
        name="little-layout", system="layout", preset="compact", scheme="colon-2", um_per_px=1.24,
        latent_size=6, architecture=shape,
    )  # fmt: skip
    folder = write_folder(tmp_path_factory.mktemp("models") / "little-layout", card, tensors).path
    (folder / "train.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an untrained segmenter."""
    import torch

    from napari_histosynth.paint.regions import N_LOGITS
    from napari_histosynth.paint.unet import SegmentationNet

    torch.manual_seed(3)
    state = SegmentationNet(N_LOGITS, (4, 4, 4, 4)).state_dict()
    card = ModelCard(
        name="little-segmenter", system="segmenter", preset="unet", scheme="colon-3", um_per_px=1.0,
        latent_size=0, architecture={"widths": [4, 4, 4, 4]},
    )  # fmt: skip
    tensors = {f"segmenter.{name}": one for name, one in state.items() if not name.endswith("tracked")}
    return write_folder(tmp_path_factory.mktemp("models") / card.name, card, tensors).path


@pytest.fixture(scope="module")
def proof(
    model: Path, data: Path, segmenter: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LayoutReport, Path, list[str]]:
    out, said = tmp_path_factory.mktemp("out"), []

    @contextmanager
    def watch(doing: str) -> Iterator[Callable[[float], None]]:
        said.append(doing)
        yield lambda share: None

    options: dict[str, Any] = {
        "budget": SIZES, "device": "cpu", "painter": str(tiny_model), "segmenter": str(segmenter),
    }  # fmt: skip
    subject = find_layout_subject(model, data)
    evaluate_layout(subject, out, watch=watch, **options)
    first = len(said)
    again = evaluate_layout(subject, out, watch=watch, **options)
    return again, out, said[first:]


def test_every_part_is_measured(proof: tuple[LayoutReport, Path, list[str]]) -> None:
    found, out, _ = proof
    one = found.results
    # all windows are as large as the smallest graded field, of 104 px: nearly as large as a layout
    assert (found.subject["trained"], found.subject["held_out"]) == (4, 4)
    assert found.subject["patients"] == [". 3", ". 4"]
    assert set(one["shapes"]) == {"all", *GRADES}
    assert one["shapes"]["all"]["held_out"]
    assert not one["shapes"]["healthy"]["held_out"]  # two windows are too few: halves of patients
    for name in NAMES:
        assert one["shapes"]["all"][name]["real"] is not None
    assert one["looks"]["drawn"]["pictures"] == one["looks"]["real"]["pictures"] == 2
    assert one["variety"]["real"] == {"pairs": 3, "image": None, "labels": None}  # too small for five scales
    assert one["memory"]["windows"] > 4
    assert 0 <= one["encoded"]["again"]["dice"] <= 1
    assert set(one["teaching"]["arms"]) == {"maps", "layouts"}
    assert one["teaching"]["fields"] == 4
    assert one["axis"]["latents"] == 2
    assert -1 <= one["axis"]["glands"]["real"] <= 1
    # a place of a base is 32 px at 1.24 um, 64 px at 0.62
    assert [one["large"][key]["period"] for key in ("latents", "places", "blocks")] == [128, 64, 1024]
    assert one["large"]["blocks"]["ratio"] is None  # one block, no line
    written = json.loads((out / "results.json").read_text())
    assert written["metrics"] == found.metrics()


def test_sheets_and_tables_are_written(proof: tuple[LayoutReport, Path, list[str]]) -> None:
    out = proof[1]
    assert read_image(out / "layouts.png").shape[1] == 6 * 328 + 8
    assert read_image(out / "large.png").shape == (512, 512, 3)
    assert (out / "neighbors.png").exists()
    table = (out / "results.md").read_text()
    for said in (
        "Architecture",
        "AUC of glands",
        "MS-SSIM",
        "encoder",
        "trained on painted",
        "Spearman",
        "Grids",
    ):
        assert said in table


def test_an_untrained_model_does_not_pass(proof: tuple[LayoutReport, Path, list[str]]) -> None:
    assert not all(held for _, held in proof[0].verdicts)


def test_what_was_kept_is_not_measured_again(proof: tuple[LayoutReport, Path, list[str]]) -> None:
    assert proof[2] == []


def test_what_cannot_be_measured_is_one_sentence(
    model: Path, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(HistosynthError, match='no budget "long"'):
        named_budget(BUDGETS, "long")
    with pytest.raises(ModelError):
        find_layout_subject(tmp_path / "nothing", data)
    with pytest.raises(TrainingError, match="draws no layouts"):
        find_layout_subject(tiny_model, data)
    with pytest.raises(TrainingError, match="no folder"):
        find_layout_subject(model, tmp_path / "nothing")
    config = tmp_path / "mine.toml"
    config.write_text(CONFIG.replace('held_out = ["3", "4"]', ""))
    with pytest.raises(TrainingError, match="holds nobody out"):
        find_layout_subject(model, data, config)


def test_what_is_kept_is_json() -> None:
    found = plain({"a": np.float64("nan"), "b": [np.float32(1.5), np.int64(3)], "c": ("x", None, True)})
    assert json.loads(json.dumps(found)) == {"a": None, "b": [1.5, 3], "c": ["x", None, True]}
