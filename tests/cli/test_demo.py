"""`histosynth demo` and `histosynth example`: with a display, without one, with a dead one."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.cli import demo
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_labels, read_provenance


def test_examples_are_listed_by_name_and_title(run: Callable[..., Any]) -> None:
    from napari_histosynth.paint.examples import example_names, example_title

    shown = run("examples").out
    for name in example_names():
        assert name in shown
        assert example_title(name) in shown


def test_an_example_can_be_written_and_rendered_without_saying_more(
    run: Callable[..., Any], tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.png"
    ended = run("example", "adenoma", "-o", out, "--size", 64, "--um-per-px", 0.5)
    assert ended.code == 0
    assert read_labels(out, get_scheme("colon-3")).shape == (64, 64)
    ended = run("render", out, "-o", tmp_path / "he.png", "--model", tiny_model)
    assert (ended.code, ended.err) == (0, "")


def test_an_example_in_ten_classes_has_their_scheme_and_scale(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "labels.png"
    assert run("example", "mucinous", "-o", out, "--size", 64).code == 0
    assert read_labels(out, get_scheme("colon-10")).shape == (64, 64)
    made = read_provenance(out)
    assert made is not None
    assert (made.um_per_px, made.extra["scheme"]) == (1.0, "colon-10")


def test_an_unknown_example_is_one_sentence(run: Callable[..., Any], tmp_path: Path) -> None:
    ended = run("example", "liver", "-o", tmp_path / "labels.png")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "adenoma" in ended.err


def test_without_a_display_the_demo_draws_pictures(
    run: Callable[..., Any], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.paint.examples import example_names

    monkeypatch.setattr(demo, "has_display", lambda: False)
    out = tmp_path / "deep" / "pictures"
    ended = run("demo", "-o", out, "--size", 64, "--model", tiny_model)
    assert ended.code == 0
    written = [Path(line) for line in ended.out.splitlines()]
    assert len(written) == 4 * len(example_names(get_scheme("colon-3"))) + 1
    assert {path.resolve() for path in written} == {path.resolve() for path in out.iterdir()}
    made = read_provenance(out / "contact-sheet.png")
    assert made is not None
    assert made.synthetic


def test_a_display_that_is_dead_is_none(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(demo, "draw_pictures", lambda output, **_: drawn.append(output))
    monkeypatch.setenv("DISPLAY", ":64321")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    ended = run("demo", "-o", tmp_path)
    assert ended.code == 0
    assert "No window can be opened" in ended.err
    assert drawn == [tmp_path]


def test_with_a_display_the_demo_opens_napari(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    window = types.ModuleType("napari_histosynth.ui.demo")
    monkeypatch.setattr(window, "open_demo", opened.append, raising=False)
    monkeypatch.setitem(sys.modules, window.__name__, window)
    monkeypatch.setattr(demo, "has_display", lambda: True)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: types.SimpleNamespace(returncode=0))
    assert run("demo", "-o", tmp_path / "none", "--model", "mine").code == 0
    assert opened == ["mine"]
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="a display is taken for granted there")
@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", None])
def test_a_display_is_what_the_session_names(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "x")
    assert demo.has_display() is (variable is not None)
