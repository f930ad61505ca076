"""The proof in one call, on little pictures and models that were never trained."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from napari_histosynth.core.errors import HistosynthError, ModelError, TrainingError
from napari_histosynth.io import read_image, save_image
from napari_histosynth.stain.network import build_stain_generator
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.stain import evaluate_stain, plain
from napari_histosynth.study.stainmaterial import (
    BUDGETS,
    NamedField,
    StainBudget,
    find_stain_subject,
    halves_of,
    largest,
    load_stain_material,
    spread,
)
from napari_histosynth.study.stainreport import StainReport, record_stain
from napari_histosynth.study.stainvariants import VARIANTS, best_of_variants, find_variants, variants_table
from napari_histosynth.zoo import ModelCard, find_model, write_folder

Pixels = npt.NDArray[np.uint8]

CONFIG = """
[model]
name = "NAME"
um_per_px = 0.5
[data]
[[data.first]]
path = "he/*.png"
um_per_px = 0.5
held_out = ["b.png"]
[[data.second]]
path = "ki67.png"
um_per_px = 0.5
held_out_right = 0.5
[loop]
steps = 1
"""
SIZES = StainBudget(1, (0.2, 0.6), 1, 0, 192, field=192, crop=176, crops=2, tile=96)


def tissue(side: int, blue: Any, seed: int) -> Pixels:
    """Paint pink tissue with nuclei of a color."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side, 3), (222, 160, 200), np.float64)
    for y, x in rng.uniform(0, side, (side * side // 700, 2)):
        picture[np.hypot(rows - y, columns - x) < 6] = blue
    return np.clip(picture + rng.normal(0, 5, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "he").mkdir()
    for number, name in enumerate("ab"):
        save_image(folder / "he" / f"{name}.png", tissue(200, (96, 62, 150), number))
    save_image(folder / "ki67.png", tissue(400, (120, 80, 50), 5))
    return folder


def write_model(folder: Path, name: str, preset: str, directions: tuple[str, ...], **shape: Any) -> Path:
    """Write untrained generators as a model folder, with the configuration that says what was held out."""
    torch.manual_seed(3)
    shape = {"widths": [4, 8], "blocks": 1, **shape}
    card = ModelCard(
        name=name, system="stain", preset=preset, latent_size=0, stains=("H&E", "Ki-67"), um_per_px=0.5,
        architecture=shape,
    )  # fmt: skip
    tensors = {}
    for direction in directions:
        own = {key: value for key, value in shape.items() if direction == "forward" or key != "steering"}
        state = build_stain_generator(preset, **own).state_dict()
        tensors |= {f"{direction}.{key}": value for key, value in state.items()}
    path = write_folder(folder / name, card, tensors).path
    (path / "train.toml").write_text(CONFIG.replace("NAME", name))
    (path / "card.md").write_text(f"# {name}\n\n## Terms\n\nNone.\n")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a local model of both directions that can be steered, and one with InstanceNorm, forward only."""
    folder = tmp_path_factory.mktemp("models")
    both = ("forward", "reverse")
    local = write_model(folder, "local", "compact", both, steering=3)
    return local, write_model(folder, "instance", "paper", ("forward",))


@pytest.fixture(scope="module")
def report(
    models: tuple[Path, Path], data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[StainReport, Path]:
    out = tmp_path_factory.mktemp("out")
    subjects = [find_stain_subject(model, data) for model in models]
    return evaluate_stain(subjects, out, budget=SIZES, device="cpu"), out


def test_the_proof_measures_every_part_of_every_model(report: tuple[StainReport, Path]) -> None:
    found, out = report
    assert list(found.models) == ["local", "instance"]
    local, instance = found.models.values()
    assert local["tissue"]["fields"] == instance["tissue"]["fields"] == ["he/b.png at 0, 0"]
    assert local["cycle"]["he"]["pictures"] == 1
    assert local["cycle"]["ki67_told"]["pictures"] == local["tissue"]["crops"]
    assert set(instance["cycle"].values()) == {None}
    assert (set(local["structure"]), set(instance["structure"])) == ({"alone", "told"}, {"alone"})
    assert [row["asked"] for row in local["steering"]["rows"]] == pytest.approx([0.2, 0.6], abs=0.02)
    assert instance["steering"]["all"] is None
    assert ("local" in local["seams"], "plain" in local["seams"]) == (True, False)
    assert {"plain", "kin", "position"} < set(instance["seams"])
    assert local["seams"]["local"]["megapixels_s"] > 0
    written = json.loads((out / "results.json").read_text())
    assert written["models"]["local"]["metrics"] == found.metrics("local")
    table = (out / "results.md").read_text()
    for said in (
        "P-hash of drawn",
        "Given back",
        "found again",
        "Labelling index",
        "Seams of tiles",
        "**no**",
    ):
        assert said in table


def test_sheets_show_cycles_and_steered_series(report: tuple[StainReport, Path]) -> None:
    _, out = report
    cycle, steered = (read_image(out / f"{name}-local.png") for name in ("cycle", "steered"))
    assert cycle.shape[1] == 4 * 328 + 8  # picture, other stain, back, residual
    assert steered.shape[1] == 3 * 328 + 8  # H&E and two indices
    assert read_image(out / "cycle-instance.png").shape[1] == 2 * 328 + 8  # no way back
    assert not (out / "steered-instance.png").exists()


def test_measurements_are_kept_and_lost_sheets_are_drawn_again(
    report: tuple[StainReport, Path], models: tuple[Path, Path], data: Path
) -> None:
    found, out = report
    doings: list[str] = []

    @contextmanager
    def watch(doing: str) -> Any:
        doings.append(doing)
        yield lambda share: None

    subjects = [find_stain_subject(model, data) for model in models]
    again = evaluate_stain(subjects, out, budget=SIZES, device="cpu", watch=watch)
    assert again.to_dict() == found.to_dict()
    assert doings == []
    (out / "cycle-local.png").unlink()
    evaluate_stain(subjects, out, budget=SIZES, device="cpu", watch=watch)
    assert (out / "cycle-local.png").exists()
    assert not any("nuclei again" in doing or "labelling" in doing for doing in doings)


def test_an_untrained_model_does_not_pass(report: tuple[StainReport, Path]) -> None:
    assert not all(held for _, held in report[0].verdicts("local"))
    said = dict(report[0].verdicts("instance"))
    assert not any("comes back" in one or "indices" in one for one in said)  # it does neither


def test_it_is_recorded_in_the_models_folder_once(
    report: tuple[StainReport, Path], models: tuple[Path, Path]
) -> None:
    found, _ = report
    for _ in range(2):
        record_stain(find_model(models[0]), found, "local")
    model = find_model(models[0])
    assert model.card.metrics == found.metrics("local")
    assert model.notes.count("## Virtual stain") == 1
    assert "## Terms\n\nNone." in model.notes
    assert "instance" not in model.notes.split("## Virtual stain")[1].split(":")[0]


def test_the_table_of_variants_names_the_papers_figures_and_the_best(
    report: tuple[StainReport, Path],
) -> None:
    found, _ = report
    titles = [title for title, _ in VARIANTS.values()]
    local = found.models["local"]
    better = local | {
        "likeness": local["likeness"]
        | {"drawn": {mode: {"mean": 0.999, "sd": 0.1} for mode in ("alone", "told")}}
    }
    of_four = {titles[0]: local, titles[1]: better, "local": local}
    subject = {**found.subject, "models": dict.fromkeys(of_four, "0" * 64)}
    made = StainReport(subject, of_four)
    table = variants_table(made)
    told = [f"{title}, told which nuclei are positive" for title in (*titles[:2], "local")]
    expected = [name for pair in zip((*titles[:2], "local"), told, strict=True) for name in pair]
    assert [row[0] for row in table.rows] == expected
    assert [row[-1] for row in table.rows][::2] == ["0.7366", "0.7544", "-"]
    assert "not ResNet-18" in table.words
    assert dict(best_of_variants(made))["P-hash"] == titles[1]


def test_variants_that_are_not_trained_are_named(models: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "model").symlink_to(models[0])
    with pytest.raises(TrainingError, match=r"skips.*ssim.*both.*benchmarks/stain_variants.py"):
        find_variants(tmp_path)


def test_the_shipped_configurations_of_the_variants_differ_in_skips_and_ssim_alone() -> None:
    from napari_histosynth.stain.config import read_stain_config

    folder = Path(__file__).parents[2] / "docs" / "stain-variants"
    configs = {name: read_stain_config(folder / f"{name}.toml") for name in VARIANTS}
    seen = {name: (one.model.architecture["skips"], one.loss.ssim > 0) for name, one in configs.items()}
    assert seen == {
        "plain": (False, False), "skips": (True, False), "ssim": (False, True), "both": (True, True),
    }  # fmt: skip
    ours = read_stain_config(Path(__file__).parents[2] / "models" / "ki67-he" / "train.toml")
    for one in configs.values():
        assert one.data.first == ours.data.first
        assert one.data.second == ours.data.second
        assert one.data == configs["plain"].data
        assert one.loss.model_copy(update={"ssim": 0}) == configs["plain"].loss
        assert one.optimizer == configs["plain"].optimizer
        assert one.loop == configs["plain"].loop


def test_only_what_was_held_out_is_read(models: tuple[Path, Path], data: Path) -> None:
    material = load_stain_material(find_stain_subject(models[0], data), SIZES)
    assert [one.name for one in material.he] == ["he/b.png at 0, 0"]
    picture = read_image(data / "ki67.png")[:, 200:]
    assert any(np.array_equal(material.ki67[0].image, picture[y : y + 176, x : x + 176])
               for y in range(0, 225, 88) for x in range(0, 25, 88))  # fmt: skip
    assert (material.large.name, material.large.image.shape) == ("he/b.png", (192, 192, 3))


def test_squares_take_turns_between_pictures_and_leave_glass_out() -> None:
    gray = np.full((64, 64, 3), 150, np.uint8)
    half_glass = np.full((32, 64, 3), 240, np.uint8)
    half_glass[:, :32] = 150
    pictures = [NamedField("gray", gray), NamedField("half", half_glass), NamedField("small", gray[:9])]
    names = [one.name for one in spread(pictures, 32, 32, 4)]
    assert [name.split(" at")[0] for name in names] == ["gray", "half", "gray", "gray"]
    assert names[1] == "half at 0, 0"
    assert [one.image.shape for one in halves_of(pictures[1])] == [(32, 32, 3)] * 2
    assert largest(pictures, 48).image.shape == (48, 48, 3)


def test_what_does_not_fit_is_one_sentence(
    models: tuple[Path, Path], data: Path, tmp_path: Path, tiny_model: Path
) -> None:
    local = models[0]
    subject = find_stain_subject(local, data)
    nothing_out = tmp_path / "all.toml"
    nothing_out.write_text(CONFIG.replace('held_out = ["b.png"]', ""))
    with pytest.raises(TrainingError, match="holds no H&E out"):
        find_stain_subject(local, data, nothing_out)
    with pytest.raises(TrainingError, match="no stain into another"):
        find_stain_subject(tiny_model, data)
    with pytest.raises(TrainingError, match="There is no folder"):
        find_stain_subject(local, tmp_path / "none")
    with pytest.raises(ModelError):
        find_stain_subject(tmp_path / "none", data)
    with pytest.raises(HistosynthError, match="cannot be told apart"):
        evaluate_stain([subject, subject], tmp_path, budget=SIZES)
    with pytest.raises(HistosynthError, match='There is no budget "long"'):
        named_budget(BUDGETS, "long")
    with pytest.raises(TrainingError, match="No H&E that was held out has 512 px a side"):
        load_stain_material(subject, StainBudget(1, (0.2,), 1, 0, 192))
    assert not (tmp_path / "results.json").exists()


def test_numbers_are_made_fit_for_json() -> None:
    assert plain({"a": [1.23456789, float("inf"), np.float32(0.5)], "b": 2}) == {
        "a": [1.23457, None, 0.5], "b": 2,
    }  # fmt: skip
