"""The command as a whole: its help, its cost, and how it ends when it is called wrongly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import napari_histosynth


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['histosynth', sys.argv[1]]\n"
        "from napari_histosynth.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, option], capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.rpartition("LOADED")[2].split())
        assert loaded & {"torch", "napari", "qtpy", "scipy", "skimage", "numpy", "PIL"} == set()


def test_the_installed_command_says_its_version() -> None:
    command = shutil.which("histosynth", path=str(Path(sys.executable).parent))
    assert command is not None
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"histosynth {napari_histosynth.__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        "render", "labels", "demo", "examples", "example", "models list", "models show", "models verify",
        "models import", "train paint", "evaluate flat",
    ],
)  # fmt: skip
def test_the_help_of_every_command_has_an_example(run: Callable[..., Any], command: str) -> None:
    ended = run(*command.split(), "--help")
    assert ended.code == 0
    assert f"$ histosynth {command}" in ended.out


def test_every_command_is_in_the_help(run: Callable[..., Any]) -> None:
    shown = run("--help").out
    for name in ("render", "labels", "demo", "examples", "example", "models", "train", "evaluate"):
        assert f"│ {name} " in shown


@pytest.mark.parametrize(
    "arguments",
    [("rendr",), ("render",), ("render", "a.png", "-o", "b.png", "--seed", "-1"), ("models", "x")],
)
def test_a_wrong_command_line_ends_with_2(run: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 2
