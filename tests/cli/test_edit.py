"""`histosynth edit`: tools on label maps from the shell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_labels, read_provenance, save_labels
from napari_histosynth.paint import tools


@pytest.fixture
def tissue() -> npt.NDArray[np.uint8]:
    labels = np.ones((160, 200), np.uint8)
    labels[50:90, 60:120] = 2
    return labels


@pytest.fixture
def path(tmp_path: Path, tissue: npt.NDArray[np.uint8]) -> Path:
    made = Provenance(um_per_px=0.5, size=(160, 200), extra={"scheme": "colon-3"})
    save_labels(tmp_path / "labels.png", tissue, get_scheme("colon-3"), provenance=made)
    return tmp_path / "labels.png"


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        (
            ["relabel", "--from", "epithelium", "--to", "0"],
            lambda m: tools.relabel(m, [2], 0, scheme="colon-3"),
        ),
        (
            ["dilate", "--class", "epithelium", "--um", 3],
            lambda m: tools.dilate(m, 2, 3, um_per_px=0.5, scheme="colon-3"),
        ),
        (
            ["erode", "--class", "epithelium", "--um", 3],
            lambda m: tools.erode(m, 2, 3, um_per_px=0.5, scheme="colon-3"),
        ),
        (
            ["smooth", "--class", "epithelium", "--um", 9],
            lambda m: tools.smooth(m, 2, 9, um_per_px=0.5, scheme="colon-3"),
        ),
        (
            ["remove-islands", "--class", "epithelium", "--least-um2", 1000],
            lambda m: tools.remove_islands(m, 2, 1000, um_per_px=0.5, scheme="colon-3"),
        ),
        (
            ["scatter-nuclei", "--density", 3000, "--seed", 4],
            lambda m: tools.scatter(m, um_per_px=0.5, density=3000, seed=4),
        ),
        (
            ["stamp-gland", "--at", 120, 50, "--gland", "nest"],
            lambda m: tools.stamp_gland(m, (120, 50), um_per_px=0.5, gland="nest"),
        ),
        (
            ["fill-glands", "--gland", "nest", "--radius-um", 12, "--crowding", 1],
            lambda m: tools.fill_with_glands(
                m, um_per_px=0.5, gland=replace(tools.gland_of("nest"), radius_um=12), crowding=1
            ),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_file_is_what_the_tool_makes(
    run: Callable[..., Any],
    path: Path,
    tissue: npt.NDArray[np.uint8],
    tmp_path: Path,
    arguments: list[object],
    same: Callable[[npt.NDArray[np.uint8]], tools.Edit],
) -> None:
    ended = run("edit", path, *arguments, "-o", tmp_path / "out.png")
    assert ended.code == 0
    expected = same(tissue).applied_to(tissue)
    assert (expected != tissue).any()
    np.testing.assert_array_equal(read_labels(tmp_path / "out.png", get_scheme("colon-3")), expected)
    made = read_provenance(tmp_path / "out.png")
    assert made is not None
    assert made.um_per_px == 0.5
    assert made.extra == {"scheme": "colon-3", "from": "labels.png", "tool": arguments[0]}


def test_mask_and_protection_bound_the_change(
    run: Callable[..., Any], path: Path, tissue: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    mask = np.zeros(tissue.shape, np.uint8)
    mask[:, :100] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    options = ["--mask", tmp_path / "mask.png", "--protect", "epithelium", "-o", tmp_path / "out.png"]
    ended = run("edit", path, "scatter-nuclei", *options)
    assert ended.code == 0
    changed = read_labels(tmp_path / "out.png", get_scheme("colon-3")) != tissue
    assert changed.any()
    assert not changed[:, 100:].any()
    assert not changed[tissue == 2].any()


def test_ten_classes_react(run: Callable[..., Any], tmp_path: Path) -> None:
    scheme = get_scheme("colon-10")
    labels = np.full((80, 80), scheme.index_of("loose stroma"), np.uint8)
    labels[30:50, 30:50] = scheme.index_of("epithelium (proliferative)")
    save_labels(tmp_path / "map.png", labels, scheme, color=True)
    out = tmp_path / "out.png"
    ended = run(
        "edit", tmp_path / "map.png", "desmoplasia", "--radius-um", 15, "--scheme", "colon-10", "-o", out
    )
    assert ended.code == 0
    expected = tools.desmoplasia(labels, um_per_px=1.0, radius_um=15).applied_to(labels)
    np.testing.assert_array_equal(read_labels(out, scheme), expected)


def test_the_same_command_writes_the_same_bytes(run: Callable[..., Any], path: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "a.png", tmp_path / "b.png"]
    for out in outs:
        run("edit", path, "fill-glands", "--gland", "nest", "-o", out)
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["desmoplasia"], "colon-10"),
        (["dilate", "--class", "fat", "--um", 3], "fat"),
        (["dilate", "--class", "17", "--um", 3], "17"),
        (["dilate", "--class", "1", "--um", 5000], "um must be"),
        (["stamp-gland", "--at", 1, 1, "--gland", "liver"], "liver"),
        (["stamp-gland", "--at", 1, 1, "--radius-um", 1], "radius_um"),
        (["clear-nuclei", "--protect", "fat"], "fat"),
    ],
)
def test_what_a_tool_refuses_is_one_sentence(
    run: Callable[..., Any], path: Path, tmp_path: Path, arguments: list[object], words: str
) -> None:
    ended = run("edit", path, *arguments, "-o", tmp_path / "out.png")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert words in ended.err
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["liposuction"], "liposuction"),
        (["relabel", "--from", "0"], "--to"),
        (["dilate", "--um", 3], "--class"),
        (["stamp-gland"], "--at"),
    ],
)
def test_a_missing_option_is_named(
    run: Callable[..., Any], path: Path, tmp_path: Path, arguments: list[object], words: str
) -> None:
    ended = run("edit", path, *arguments, "-o", tmp_path / "out.png")
    assert ended.code == 2
    assert words in ended.err


def test_a_mask_of_another_size_is_refused(run: Callable[..., Any], path: Path, tmp_path: Path) -> None:
    Image.fromarray(np.ones((10, 10), np.uint8)).save(tmp_path / "mask.png")
    ended = run("edit", path, "clear-nuclei", "--mask", tmp_path / "mask.png", "-o", tmp_path / "out.png")
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "10 x 10" in ended.err
