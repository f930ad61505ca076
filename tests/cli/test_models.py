"""`histosynth models`: listed, shown, verified, imported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.latent.anchors import Anchors, anchor_of


@pytest.fixture
def known_models(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a copy of the tiny model be found by its name; returns the copy."""
    copy = tmp_path / "models" / "tiny"
    shutil.copytree(tiny_model, copy)
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(copy.parent))
    return copy


def test_the_list_of_models_says_what_and_where(run: Callable[..., Any], known_models: Path) -> None:
    ended = run("models", "list")
    assert ended.code == 0
    row = next(line for line in ended.out.splitlines() if line.strip().startswith("tiny"))
    for word in ("Tiny, untrained", "shi-gan", "0.5", "colon-3", " 3 "):
        assert word in row
    assert str(known_models) in ended.out.replace("\n", "").replace(" ", "")


def test_a_damaged_card_is_told_and_the_others_are_listed(
    run: Callable[..., Any], known_models: Path
) -> None:
    bad = known_models.with_name("bad")
    bad.mkdir()
    (bad / "model.toml").write_text("name = ")
    ended = run("models", "list")
    assert ended.code == 0
    assert "tiny" in ended.out
    assert "not valid TOML" in ended.err


def test_show_prints_the_card_and_its_notes(run: Callable[..., Any], known_models: Path) -> None:
    shown = run("models", "show", "tiny").out
    for words in (
        "Tiny, untrained",
        "0.5 um/px",
        "background, non-epithelium, epithelium, nuclei",
        "For tests.",
    ):
        assert words in shown


def test_verify_ends_with_0_for_a_whole_model(run: Callable[..., Any], known_models: Path) -> None:
    ended = run("models", "verify", "tiny")
    assert (ended.code, ended.err) == (0, "")
    assert "tiny is whole" in ended.out


def test_verify_tells_every_damaged_model_and_ends_with_2(
    run: Callable[..., Any], known_models: Path
) -> None:
    weights = known_models / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    ended = run("models", "verify", "tiny", "nothing")
    assert ended.code == 2
    assert [line[:7] for line in ended.err.splitlines()] == ["Error: ", "Error: "]


def test_verify_tells_places_of_other_weights_and_the_list_counts_places(
    run: Callable[..., Any], known_models: Path
) -> None:
    places = (anchor_of("healthy", [np.zeros(4)]), anchor_of("poor", [np.ones(4)]))
    Anchors("tiny", "f" * 64, places).write(known_models / "anchors.json")
    ended = run("models", "verify", "tiny")
    assert ended.code == 2
    assert "anchors.json of other weights" in ended.err
    assert "healthy, poor" in run("models", "show", "tiny").out
    row = next(line for line in run("models", "list").out.splitlines() if line.startswith("tiny"))
    assert " 2 " in row


def test_verify_without_names_checks_all_that_are_found(
    run: Callable[..., Any], known_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_histosynth.zoo.folder.model_roots", lambda: [known_models.parent])
    assert run("models", "verify").code == 0
    (known_models / "weights.safetensors").unlink()
    assert run("models", "verify").code == 2


def test_an_import_that_fails_is_one_sentence(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "G.pth").write_bytes(b"no checkpoint")
    options = ("--system", "shi-gan", "--scheme", "prostate-3", "-o", tmp_path / "imported")
    ended = run("models", "import", tmp_path / "G.pth", *options)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert not (tmp_path / "imported").exists()


def test_only_known_systems_are_imported(run: Callable[..., Any], tmp_path: Path) -> None:
    options = ("--system", "other-gan", "--scheme", "prostate-3", "-o", tmp_path / "imported")
    assert run("models", "import", tmp_path / "G.pth", *options).code == 2
