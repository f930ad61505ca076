"""`histosynth field`: the right pixels of a slide, labels and look of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    open_tiff,
    read_geojson,
    read_image,
    read_labels,
    read_provenance,
    save_ome_tiff,
)


def picture() -> np.ndarray:
    """Return a slide whose red is the column and whose green is the row."""
    y, x = np.mgrid[:120, :160]
    return np.stack([x, y, np.full_like(x, 128)], axis=2).astype(np.uint8)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    save_ome_tiff(tmp_path / "slide.ome.tif", picture(), um_per_px=0.5)
    return tmp_path / "slide.ome.tif"


def test_a_field_is_the_pixels_of_the_slide_with_its_place(
    run: Callable[..., Any], slide: Path, tmp_path: Path
) -> None:
    ended = run("field", slide, "--at", "30,20", "--size", "64,48", "-o", tmp_path / "a.png")
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture()[20:68, 30:94])
    made = read_provenance(tmp_path / "a.png")
    assert made is not None
    assert (made.synthetic, made.um_per_px, made.extra["slide"]) == (False, 0.5, "slide.ome.tif")
    assert (made.extra["x"], made.extra["y"]) == (30, 20)


def test_a_field_has_the_size_asked_for_at_any_scale(
    run: Callable[..., Any], slide: Path, tmp_path: Path
) -> None:
    options = ("--at", "0,0", "--size", 37, "--um-per-px", 0.81, "-o", tmp_path / "a.ome.tif")
    assert run("field", slide, *options).code == 0
    field = open_tiff(tmp_path / "a.ome.tif")
    assert (field.shape, field.um_per_px) == ((37, 37), 0.81)


def test_labels_are_made_at_the_models_scale(
    run: Callable[..., Any], slide: Path, tiny_model: Path, tmp_path: Path
) -> None:
    options = ("--labels", tmp_path / "a.geojson", "--model", tiny_model, "-o", tmp_path / "a.png")
    assert run("field", slide, "--at", "0,0", "--size", 64, *options).code == 0
    labels = read_geojson(tmp_path / "a.geojson")
    assert (labels.shape, labels.um_per_px) == ((64, 64), 0.5)
    assert labels.provenance is not None
    assert labels.provenance.extra["by"]


def test_labels_for_a_model_of_ten_classes_are_those(
    run: Callable[..., Any], slide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ten.png"
    options = ("--labels", out, "--model", "colon-10class", "--tissue", "adenoma", "-o", tmp_path / "a.png")
    ended = run("field", slide, "--at", "0,0", "--size", 60, *options)
    assert ended.code == 0, ended.err
    assert read_labels(out, get_scheme("colon-10")).shape == (60, 60)
    assert read_provenance(out).extra["scheme"] == "colon-10"


def test_a_tissue_without_ten_classes_is_one_sentence(
    run: Callable[..., Any], slide: Path, tmp_path: Path
) -> None:
    options = ("--labels", tmp_path / "b.png", "--tissue", "adenoma", "-o", tmp_path / "a.png")
    ended = run("field", slide, "--at", "0,0", "--size", 60, *options)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "colon-10class" in ended.err


def test_the_look_is_refused_in_a_sentence_by_a_model_without_encoder(
    run: Callable[..., Any], slide: Path, tiny_model: Path, tmp_path: Path
) -> None:
    options = ("--look", tmp_path / "z.npy", "--model", tiny_model, "-o", tmp_path / "a.png")
    ended = run("field", slide, "--at", "0,0", "--size", 64, *options)
    assert (ended.code, ended.in_one_sentence) == (2, True)
    assert "no encoder" in ended.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--at", "900,900"), "lies off"),
        (("--at", "30"), "not two whole numbers"),
        (("--at", "0,0", "--size", "0"), "leaves no pixel"),
        (("--at", "0,0", "--size", "20000"), "at most 16,384 px"),
        (("--at", "0,0", "--um-per-px", "-1"), "impossible"),
    ],
)
def test_an_impossible_field_is_one_sentence(
    run: Callable[..., Any], slide: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ended = run("field", slide, *options, "-o", tmp_path / "a.png")
    assert ended.code == 2
    assert says in " ".join(ended.err.split())
    assert not (tmp_path / "a.png").exists()


def test_a_slide_without_scale_asks_for_it(run: Callable[..., Any], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(), photometric="rgb")
    options = ("--at", "0,0", "--size", "32", "-o", tmp_path / "a.png")
    ended = run("field", tmp_path / "a.tif", *options)
    assert ended.in_one_sentence
    assert "--slide-um-per-px" in ended.err
    assert run("field", tmp_path / "a.tif", *options, "--slide-um-per-px", 0.5).code == 0


@pytest.mark.data
def test_a_field_of_a_real_slide_becomes_labels(
    run: Callable[..., Any], histosynth_data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    slide = histosynth_data / "slide-files" / "CMU-1-Small-Region.svs"
    if not slide.is_file():
        pytest.skip(f"no slide at {slide}")
    options = ("--labels", tmp_path / "l.png", "--model", tiny_model, "-o", tmp_path / "a.png")
    assert run("field", slide, "--at", "700,1000", "--size", 256, *options).code == 0
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png").mean(), tifffile.imread(slide)[1000:1257, 700:957].mean(), atol=1
    )
