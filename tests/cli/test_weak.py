"""`histosynth weak-labels`: ten colon classes from H&E by rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels, read_provenance, save_image
from napari_histosynth.paint.weak import TISSUES

SCHEME = get_scheme("colon-10")


@pytest.fixture
def he(tmp_path: Path) -> Path:
    """Write faint stroma with a purple gland, a quarter of the picture glass, and the gland's mask."""
    rgb = np.full((120, 120, 3), 245, np.uint8)
    rgb[:, 30:] = (228, 190, 220)
    rgb[40:100, 50:100] = (140, 80, 150)
    (tmp_path / "slide").mkdir()
    save_image(tmp_path / "slide" / "he.png", rgb)
    mask = np.zeros_like(rgb)
    mask[40:100, 50:100] = 255
    save_image(tmp_path / "mask.png", mask)
    return tmp_path / "slide" / "he.png"


@pytest.mark.parametrize(("tissue", "expected"), [("healthy", 1), ("adenoma", 2), ("adenomatous", 2)])
def test_glands_get_the_epithelium_of_their_grade(
    run: Callable[..., Any], he: Path, tmp_path: Path, tissue: str, expected: int
) -> None:
    out = tmp_path / "out.png"
    ended = run("weak-labels", he, "-o", out, "--mask", tmp_path / "mask.png", "--tissue", tissue)
    assert ended.code == 0
    found = read_labels(out, SCHEME)
    assert found[70, 75] == expected
    assert found[60, 10] == SCHEME.background
    made = read_provenance(out)
    assert made is not None
    assert not made.synthetic


def test_notes_say_where_muscle_is_and_a_sheet_shows_it(
    run: Callable[..., Any], he: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.toml"
    notes.write_text(
        '["slide/he"]\nareas = [{ tissue = "blood", polygon = [[0, 0], [1, 0], [1, 0.25], [0, 0.25]] }]'
    )
    out, sheet = tmp_path / "out.png", tmp_path / "sheet.png"
    assert run("weak-labels", he, "-o", out, "--notes", notes, "--sheet", sheet).code == 0
    assert read_labels(out, SCHEME)[12, 80] == 5
    assert read_image(sheet).shape == (120, 240, 3)


def test_the_help_names_every_tissue() -> None:
    from napari_histosynth.cli.labelinput import TissueOption

    said = TissueOption.__metadata__[0].help
    assert all(name in said for name in TISSUES)


def test_an_unknown_tissue_is_refused_in_one_sentence(
    run: Callable[..., Any], he: Path, tmp_path: Path
) -> None:
    ended = run("weak-labels", he, "-o", tmp_path / "out.png", "--tissue", "angry", "--um-per-px", 1)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "angry" in ended.err
