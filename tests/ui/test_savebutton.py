"""Saving by the dock's buttons: what is written, what is asked, what a full disk does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QPushButton

from napari_histosynth.io import read_image, read_labels, read_provenance


def test_saving_writes_picture_labels_and_record(
    painted: Any, settle: Any, wait: Any, said: list[tuple[str, str]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    painter = painted.painter
    painter.stage.labels.paint((60, 60), 2)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "gland"), ""))
    painted.findChild(QPushButton, "save").click()  # before the stroke is drawn: what is saved has it
    wait(lambda: bool(said))
    assert said[0][0] == "info"
    settle()
    np.testing.assert_array_equal(read_image(tmp_path / "gland_he.png"), painter.stage.pixels)
    saved = read_labels(tmp_path / "gland_labels.png", painter.model.scheme)
    np.testing.assert_array_equal(saved, painter.stage.labels.data)
    assert 2 in saved
    record = read_provenance(tmp_path / "gland.json")
    assert record is not None
    assert (record.synthetic, record.model, record.seed) == (True, "tiny", 0)


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
def test_files_are_not_replaced_without_a_question(
    painted: Any, wait: Any, said: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    answer: QMessageBox.StandardButton,
) -> None:  # fmt: skip
    for name in ("gland_he.png", "gland_looks.json"):
        (tmp_path / name).write_bytes(b"precious")
    asked: list[str] = []

    def question(_: Any, __: str, text: str, *___: Any) -> QMessageBox.StandardButton:
        asked.append(text)
        return answer

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "gland.png"), ""))
    painted.save.ask_all()
    assert len(asked) == 1
    assert asked[0].startswith("gland_he.png, gland_looks.json are already in")
    if answer == QMessageBox.StandardButton.Yes:
        wait(lambda: bool(said))
        assert (tmp_path / "gland_he.png").read_bytes() != b"precious"
        assert not (tmp_path / "gland_looks.json").exists()  # this canvas has one look
    else:
        assert (tmp_path / "gland_he.png").read_bytes() == b"precious"
        assert not (tmp_path / "gland.json").exists()


def test_a_disk_that_is_full_is_one_sentence_and_the_old_files_stay(
    painted: Any, wait: Any, said: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from PIL import Image

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a_he.png").write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", full)
    painted.painter.save({"picture": tmp_path / "a_he.png"})
    wait(lambda: bool(said))
    assert said == [
        (
            "error",
            f"Cannot write {tmp_path / 'a_he.png'}: the disk is full; free some space or save elsewhere "
            "(what was there is untouched).",
        )
    ]
    assert (tmp_path / "a_he.png").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a_he.png"]
