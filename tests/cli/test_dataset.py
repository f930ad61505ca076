"""`histosynth dataset`: what it writes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.paint import datasetfolder


def test_a_set_is_written_and_goes_on_with_more(
    run: Callable[..., Any], tiny_model: Path, label_file: Path, tmp_path: Path
) -> None:
    command = ("dataset", "--layouts", label_file.parent, "--model", tiny_model, "--size", 32)
    out = ("-o", tmp_path / "out" / "set")
    ended = run(*command, *out, "--n", 2)
    assert ended.code == 0, ended.err
    assert "2 pairs, 2 of them now" in ended.out
    assert "3 pairs, 1 of them now" in run(*command, *out, "--n", 3).out
    assert len(list((tmp_path / "out" / "set" / "images").iterdir())) == 3


def test_ctrl_c_ends_with_130_and_a_word(
    run: Callable[..., Any],
    tiny_model: Path,
    label_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasetfolder, "save_image", stop)
    command = ("dataset", "--layouts", label_file.parent, "--model", tiny_model, "--size", 32, "--n", 2)
    ended = run(*command, "-o", tmp_path / "set")
    assert ended.code == 130
    assert "the same command goes on" in ended.err
    assert (tmp_path / "set" / "manifest.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--layouts", "nowhere"), "no folder nowhere"),
        (("--layouts", "examples", "--looks", "odd"), "no looks"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    run: Callable[..., Any], tiny_model: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ended = run("dataset", *options, "--model", tiny_model, "-o", tmp_path / "set")
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert says in ended.err
