"""`histosynth segment`: label maps from H&E by a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    open_ome_zarr,
    open_tiff,
    read_geojson,
    read_image,
    read_labels,
    read_provenance,
    save_image,
    save_ome_tiff,
)

SCHEME = get_scheme("colon-3")


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """Return pink tissue with dark blue nuclei, the right half white glass, 128 x 160 px."""
    rgb = np.full((128, 160, 3), 246, np.uint8)
    rgb[:, :80] = (225, 160, 200)
    for y in range(16, 128, 24):
        for x in range(12, 80, 24):
            rgb[y - 5 : y + 5, x - 5 : x + 5] = (90, 60, 140)
    return rgb


@pytest.fixture
def he(tmp_path: Path, rgb: np.ndarray) -> Path:
    """Write it with its scale inside."""
    save_image(tmp_path / "he.png", rgb, Provenance(synthetic=False, um_per_px=0.62))
    return tmp_path / "he.png"


def test_a_picture_becomes_a_label_map(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    ended = run("segment", he, "-o", out)
    assert ended.code == 0
    assert "160 x 128 px at 0.62 um/px" in ended.out
    labels = read_labels(out, SCHEME)
    assert labels.shape == (128, 160)
    assert (labels[8:120, 90:152] == 0).mean() > 0.9
    assert (labels[8:120, 8:70] != 0).mean() > 0.9
    made = read_provenance(out)
    assert made is not None
    assert not made.synthetic
    assert (made.model, made.um_per_px, made.extra["scheme"]) == ("gland-segmenter", 0.62, "colon-3")


def test_every_format_holds_the_same_labels(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    for name in ("out.png", "out.ome.tif", "out.ome.zarr", "out.geojson"):
        assert run("segment", he, "-o", tmp_path / name).code == 0
    labels = read_labels(tmp_path / "out.png", SCHEME)
    for loaded in (
        open_tiff(tmp_path / "out.ome.tif"),
        open_ome_zarr(tmp_path / "out.ome.zarr"),
        read_geojson(tmp_path / "out.geojson"),
    ):
        assert np.array_equal(np.asarray(loaded.levels[0]), labels)
        assert loaded.um_per_px == pytest.approx(0.62)
        assert loaded.scheme == SCHEME


def test_a_region_of_a_tiff_gives_what_the_whole_has_there(
    run: Callable[..., Any], tmp_path: Path, rgb: np.ndarray
) -> None:
    save_ome_tiff(tmp_path / "he.ome.tif", rgb, um_per_px=0.5)
    run("segment", tmp_path / "he.ome.tif", "-o", tmp_path / "all.png", "--precision", "fp32")
    ended = run(
        "segment", tmp_path / "he.ome.tif", "-o", tmp_path / "part.png", "--precision", "fp32",
        "--region", 40, 10, 64, 50,
    )  # fmt: skip
    assert ended.code == 0
    part, whole = (read_labels(tmp_path / name, SCHEME) for name in ("part.png", "all.png"))
    assert (part == whole[10:60, 40:104]).mean() >= 0.999


def test_scale_glands_and_colors_as_asked(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    out, glands = tmp_path / "out.png", tmp_path / "glands.png"
    assert run("segment", he, "-o", out, "--um-per-px", 0.31, "--color", "--glands", glands).code == 0
    assert read_image(out).shape == read_image(glands).shape == (128, 160, 3)
    assert set(np.unique(read_image(glands))) <= {0, 255}
    assert run("segment", he, "-o", out, "--um-per-px", 0.31, "--model-scale").code == 0
    assert read_labels(out, SCHEME).shape == (64, 80)


def test_ten_classes_are_told_by_rules_and_drawn(run: Callable[..., Any], he: Path, tmp_path: Path) -> None:
    out, glands = tmp_path / "ten.png", tmp_path / "glands.png"
    ended = run("segment", he, "-o", out, "--scheme", "colon-10", "--tissue", "healthy", "--glands", glands)
    assert ended.code == 0
    ten = get_scheme("colon-10")
    labels = read_labels(out, ten)
    assert labels.shape == (128, 160)
    assert (labels[8:120, 90:152] == ten.background).mean() > 0.9
    assert (labels[8:120, 8:70] != ten.background).mean() > 0.9
    assert ten.index_of("epithelium (proliferative)") not in labels
    assert read_image(glands).shape == (128, 160, 3)
    made = read_provenance(out)
    assert (made.extra["scheme"], made.extra["tissue"]) == ("colon-10", "healthy")
    assert run("segment", he, "-o", out, "--scheme", "colon-10", "--model-scale").code == 0
    assert read_labels(out, ten).shape == (79, 99)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out.jpg"], "ends in .png"),
        (["-o", "out.ome.tif", "--color"], "only PNG"),
        (["-o", "out.png", "--um-per-px", "85"], "At 85 um"),
        (["-o", "out.png", "--region", "100", "0", "100", "10"], "not inside"),
        (["-o", "out.png", "--region", "0", "0", "0", "10"], "not inside"),
        (["-o", "out.png", "--model", "colon-3class"], "cannot label"),
        (["-o", "out.png", "--model", "none-such"], "There is no model"),
        (["-o", "out.png", "--scheme", "colon-10", "--tissue", "angry"], "There is no tissue 'angry'"),
        (["-o", "out.png", "--tissue", "adenoma"], "add --scheme colon-10"),
        (["-o", "out.png", "--scheme", "colon-2"], "no way to 'colon-2'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    run: Callable[..., Any],
    he: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("segment", he, *options)
    assert ended.code == 2
    assert ended.in_one_sentence
    assert said in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["he.png"]


def test_a_picture_without_a_scale_is_one_sentence(
    run: Callable[..., Any], tmp_path: Path, rgb: np.ndarray
) -> None:
    save_image(tmp_path / "bare.png", rgb)
    ended = run("segment", tmp_path / "bare.png", "-o", tmp_path / "out.png")
    assert ended.code == 2
    assert "--um-per-px" in ended.err
    assert ended.in_one_sentence


def test_models_that_label_are_listed_as_such_and_are_whole(run: Callable[..., Any]) -> None:
    row = next(line for line in run("models", "list").out.splitlines() if "gland-segmenter" in line)
    assert "labels" in row
    assert run("models", "verify", "gland-segmenter").code == 0
    assert "0.62 um/px" in run("models", "show", "gland-segmenter").out


def test_a_model_that_labels_is_refused_where_one_draws(
    run: Callable[..., Any], he: Path, tmp_path: Path
) -> None:
    ended = run("render", he, "-o", tmp_path / "out.png", "--model", "gland-segmenter", "--scheme", "colon-3")
    assert ended.code == 2
    assert ended.in_one_sentence
