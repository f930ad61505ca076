"""`histosynth train`: what reaches the trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_training_gets_what_the_command_says(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[object] = []

    def train_paint(*arguments: object, **options: object) -> None:
        options.pop("say")
        got.extend([arguments, options])

    monkeypatch.setattr("napari_histosynth.paint.fit.train_paint", train_paint)
    config = tmp_path / "train.toml"
    config.write_text('[model]\nname = "mine"\nscheme = "colon-3"\num_per_px = 0.5\n[loop]\nsteps = 5\n')
    ended = run("train", "paint", "--config", config, "--data", "slides", "--steps", 7, "--threads", 1)
    assert ended.code == 0
    assert got == [
        (config, Path("slides"), Path("runs/mine"), None),
        {"steps": 7, "device": "auto", "threads": 1},
    ]


def test_a_missing_configuration_is_one_sentence(run: Callable[..., Any], tmp_path: Path) -> None:
    ended = run("train", "paint", "--config", tmp_path / "no.toml", "--data", tmp_path)
    assert ended.code == 2
    assert ended.in_one_sentence


def test_a_segmenter_is_trained_as_the_command_says(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[object] = []

    def train_segmenter(*arguments: object, **options: object) -> None:
        options.pop("say")
        got.extend([arguments, options])

    monkeypatch.setattr("napari_histosynth.paint.segment_training.train_segmenter", train_segmenter)
    config = tmp_path / "train.toml"
    config.write_text('[model]\nname = "mine"\num_per_px = 0.5\n[loop]\nsteps = 5\n')
    ended = run("train", "segment", "--config", config, "--data", "slides", "--out", "model")
    assert ended.code == 0
    assert got == [
        (config, Path("slides"), Path("runs/mine"), Path("model")),
        {"steps": None, "device": "auto", "threads": 0},
    ]
