"""`histosynth atlas` of a model of layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_histosynth.io import read_provenance

CONFIG = """
[model]
name = "tiny-layout"
scheme = "colon-2"
um_per_px = 1.24
widths = [8, 8, 8, 8]
encoder = [8, 8, 8]
[[data.sources]]
kind = "glas"
path = "glas"
um_per_px = 0.62
share = 1.0
[loop]
steps = 1
[[growth]]
stable = 1
[[growth]]
[[growth]]
[[growth]]
"""


def test_the_map_of_layouts_is_built_and_shown(
    run: Callable[..., Any], layout_folder: Path, write_glas: Callable[..., Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((80, 90, 3), np.uint8)
    mask[10:50, 20:70] = 255
    grades = "healthy", "healthy", "poorly differentiated"
    pictures = [rng.integers(60, 255, mask.shape, np.uint8) for _ in grades]
    rows = [(f"{n}", f"{n}", grade, pictures[n], mask) for n, grade in enumerate(grades)]
    write_glas(tmp_path / "data" / "glas", rows)
    folder = tmp_path / "tiny-layout"
    shutil.copytree(layout_folder, folder)
    command = "atlas", "build", "--model", folder, "--data", tmp_path / "data", "--no-neighbors"
    ended = run(*command)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert "no train.toml" in ended.err
    (folder / "train.toml").write_text(CONFIG)
    ended = run(*command)
    assert (ended.code, ended.out.count("\n")) == (0, 1), ended.err
    assert "2 named places and a map of 3 layouts" in ended.out
    ended = run("atlas", "show", "--model", folder, "-o", tmp_path / "map.png", "--by", "components")
    assert ended.code == 0, ended.err
    assert "3 latents of tiny-layout and 2 named places" in ended.out
    made = read_provenance(tmp_path / "map.png")
    assert made is not None
    assert made.extra["thumbnails"] == ["healthy", "poorly differentiated"]
