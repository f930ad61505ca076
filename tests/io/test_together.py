"""Files that belong together: all take their names, or none does, and nothing that was there is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.io.together import put_all_in_place


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    folder = tmp_path / "waiting"
    (folder / "aside").mkdir(parents=True)
    return folder


def finished(waiting: Path, *names: str) -> dict[Path, Path]:
    """Write files with new content and return where they belong."""
    for name in names:
        (waiting / name).write_text(f"new {name}")
    return {waiting.parent / name: waiting / name for name in names}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_all_take_their_names_and_what_is_outdated_goes(waiting: Path) -> None:
    home = waiting.parent
    for name in ("a", "old"):
        (home / name).write_text("before")
    put_all_in_place(
        finished(waiting, "a", "b"), waiting / "aside", outdated=[home / "old", home / "never there"]
    )
    assert contents(home) == {"a": "new a", "b": "new b"}


def test_a_folder_in_the_way_is_told_before_anything_moves(waiting: Path) -> None:
    home = waiting.parent
    (home / "a").write_text("before")
    (home / "b").mkdir()
    with pytest.raises(SaveError, match=r"b is a folder of something else; .*none of a, b was written"):
        put_all_in_place(finished(waiting, "a", "b"), waiting / "aside")
    assert contents(home) == {"a": "before"}
    assert not any((waiting / "aside").iterdir())


def test_what_cannot_be_put_back_is_kept_and_its_place_is_told(
    waiting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = waiting.parent
    for name in ("a", "b"):
        (home / name).write_text("before")
    real = os.replace

    def broken(source: Path, target: Path) -> None:
        if Path(target) == home / "b":  # neither the new one nor the old one
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    new = finished(waiting, "a", "b")
    monkeypatch.setattr("napari_histosynth.io.together.os.replace", broken)
    with pytest.raises(SaveError) as caught:
        put_all_in_place(new, waiting / "aside")
    assert f"what was there of b could not be put back and lies in {waiting / 'aside'}" in str(caught.value)
    assert contents(home) == {"a": "before"}
    assert contents(waiting / "aside") == {"b": "before"}
