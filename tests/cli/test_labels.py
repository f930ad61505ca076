"""`histosynth labels`: label maps from H&E."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_labels, read_provenance, save_image


@pytest.fixture
def he(tmp_path: Path) -> Path:
    """Write pink tissue with dark blue nuclei, half of the picture glass."""
    rgb = np.full((64, 64, 3), 245, np.uint8)
    rgb[:, :32] = (225, 160, 195)
    for y in range(8, 64, 16):
        rgb[y - 4 : y + 4, 12:20] = (90, 60, 140)
    save_image(tmp_path / "he.png", rgb)
    return tmp_path / "he.png"


@pytest.mark.parametrize(("classes", "values"), [(2, {0, 1}), (3, {0, 1, 3})])
def test_labels_are_made_from_he(
    run: Callable[..., Any], he: Path, tmp_path: Path, classes: int, values: set[int]
) -> None:
    out = tmp_path / "out.png"
    ended = run("labels", he, "-o", out, "--classes", classes, "--um-per-px", 0.5)
    assert ended.code == 0
    found = read_labels(out, get_scheme(f"colon-{classes}"))
    assert set(np.unique(found)) == values
    assert (found[:, 40:] == 0).all()
    made = read_provenance(out)
    assert made is not None
    assert not made.synthetic
    assert made.extra["scheme"] == f"colon-{classes}"


def test_epithelium_is_where_the_mask_is(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:32, :32] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "out.png"
    run("labels", he, "-o", out, "--mask", tmp_path / "mask.png", "--um-per-px", 0.5)
    found = read_labels(out, get_scheme("colon-3"))
    assert found[2, 2] == 2
    assert 2 not in found[34:]


@pytest.mark.parametrize(("option", "mode"), [([], "P"), (["--color"], "RGB")])
def test_labels_are_indices_or_colors(
    run: Callable[..., Any], he: Path, tmp_path: Path, option: list[str], mode: str
) -> None:
    run("labels", he, "-o", tmp_path / "out.png", "--um-per-px", 0.5, *option)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.mode == mode


def test_an_assumed_scale_is_said(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    assert "0.5 um/px is assumed" in run("labels", he, "-o", tmp_path / "out.png").err


def test_a_mask_of_another_size_is_one_sentence(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "mask.png")
    options = ("--um-per-px", 0.5, "--mask", tmp_path / "mask.png")
    ended = run("labels", he, "-o", tmp_path / "out.png", *options)
    assert ended.code == 2
    assert ended.in_one_sentence


def test_labels_from_he_can_be_rendered_without_saying_more(
    run: Callable[..., Any], he: Path, tiny_model: Path, tmp_path: Path
) -> None:
    run("labels", he, "-o", tmp_path / "out.png", "--um-per-px", 0.5)
    ended = run("render", tmp_path / "out.png", "-o", tmp_path / "drawn.png", "--model", tiny_model)
    assert (ended.code, ended.err) == (0, "")
