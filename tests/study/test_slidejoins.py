"""Measures of slides on pictures whose faults are known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.segment import load_segmenter
from napari_histosynth.slide.data import reduced
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.study.features import describe_by_network
from napari_histosynth.study.slidebench import enlarged_parent, slide_on
from napari_histosynth.study.slidedetail import apart, strengths
from napari_histosynth.study.slidejoins import (
    MOST_DB,
    LargeField,
    beside_one_piece,
    coherence,
    drift,
    glass_stays,
)
from napari_histosynth.study.slidelikeness import describe, halves_of_slides
from napari_histosynth.study.slidematerial import Parent, Piece, corners, layout_share
from napari_histosynth.study.slidereport import seamless


def grain(seed: int, side: int = 64, mean: float = 150) -> Any:
    noise = np.random.default_rng(seed).normal(0, 12, (side, side, 3))
    return np.clip(mean + noise, 0, 255).astype(np.uint8)


def field(image: Any, parent: Any) -> LargeField:
    return LargeField(None, 0, Window.of_shape(image.shape), image, parent)  # type: ignore[arg-type]


def test_a_child_that_is_its_parent_is_coherent_and_one_of_another_color_drifts() -> None:
    parent = grain(0, 16)
    child = parent.repeat(4, 0).repeat(4, 1)
    assert coherence([field(child, parent)]) == MOST_DB
    assert drift([field(child, parent)]) == [0, 0, 0]
    redder = child.copy()
    redder[..., 0] += 6
    assert drift([field(redder, parent)]) == pytest.approx([6, 0, 0])
    assert coherence([field(redder, parent)]) == pytest.approx(10 * np.log10(255**2 / 12), abs=0.01)
    other = grain(1, 16).repeat(4, 0).repeat(4, 1)
    assert coherence([field(other, parent)]) < 30


def test_coherence_is_that_away_from_borders_where_asked() -> None:
    parent = grain(0, 32)
    child = parent.repeat(4, 0).repeat(4, 1)
    child[48:72] = 255
    layout = np.ones((32, 32), np.uint8)
    layout[:15] = 0
    slide = SimpleNamespace(layout=layout)
    one = LargeField(slide, 4, Window(0, 128, 0, 128), child, parent)  # type: ignore[arg-type]
    assert coherence([one]) < 20
    assert coherence([one], away=6) == MOST_DB


def test_glass_that_is_drawn_dark_is_seen() -> None:
    parent = np.full((16, 16, 3), 244, np.uint8)
    parent[:4] = 120
    child = parent.repeat(4, 0).repeat(4, 1)
    found = glass_stays([field(child, parent)])
    assert found == {"pixels": 11 * 16 * 16, "pale": 1.0}  # one row of the parent's is near the tissue
    child[-22:] = 150
    assert glass_stays([field(child, parent)])["pale"] == pytest.approx(0.5)
    assert glass_stays([field(grain(0), grain(0, 16))])["pale"] is None


def test_fine_detail_that_is_the_same_is_not_apart() -> None:
    assert apart([grain(0)], [grain(0)]) == 0
    assert apart([grain(0)], [grain(1)]) == pytest.approx(1, abs=0.05)
    half = ((grain(0).astype(int) + grain(1)) // 2).astype(np.uint8)
    assert 0.1 < apart([grain(0)], [half]) < 0.9


def test_strength_of_detail_is_that_of_each_band() -> None:
    sharp = grain(0)
    blurred = reduced(sharp).repeat(4, 0).repeat(4, 1)
    ratio = strengths([blurred]) / strengths([sharp])
    assert ratio[0] < 0.3
    assert ratio[2] > 2 * ratio[0]
    assert strengths([grain(0, mean=100)]) == pytest.approx(strengths([sharp]), rel=0.05)


def test_a_real_parent_is_what_a_level_is_drawn_from(tiny_slide_model: Any) -> None:
    real = grain(0, 512)
    parent = Parent(0, reduced(real), np.ones((8, 8), np.uint8))
    assert parent.size == (512, 512)
    first, again, other = (
        slide_on(tiny_slide_model, parent, seed, "fast").read(0, Window(16, 144, 16, 144))
        for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()
    assert np.abs(reduced(first).astype(int) - parent.image[4:36, 4:36]).max() <= 1
    piece = Piece("a", "a", True, real[16:144, 16:144], parent, (16, 16))
    assert enlarged_parent(piece).shape == (128, 128, 3)
    assert apart([enlarged_parent(piece)], [piece.image]) > 0.5


def test_tiles_are_what_one_piece_would_be_and_tiles_alone_are_not(tiny_slide_model: Any) -> None:
    slide = Slide(tiny_slide_model, 1, 1024, layout=np.ones((16, 16), np.uint8))
    window = Window(0, 768, 0, 768)
    parent = slide.read(2, Window(0, 192, 0, 192))
    tiles = LargeField(slide, 0, window, slide.read(0, window), parent)
    found = beside_one_piece(tiny_slide_model, [tiles], 16)
    assert found is not None
    assert found["ratio"] == pytest.approx(1, abs=0.01)
    assert found["differs"] <= 1
    stepped = np.array(tiles.image)
    stepped[:256] = np.clip(stepped[:256].astype(int) + 30, 0, 255)
    found = beside_one_piece(tiny_slide_model, [replace(tiles, image=stepped)], 16)
    assert found is not None
    assert found["ratio"] > 1.1
    assert found["differs"] >= 29
    small = replace(tiles, window=Window(0, 512, 0, 512), image=tiles.image[:512, :512])
    assert beside_one_piece(tiny_slide_model, [small], 16) is None


def test_squares_are_described_as_other_studies_do() -> None:
    segmenter = load_segmenter(device="cpu", precision="fp32")
    fields = [Field(str(seed), "a", grain(seed, 192), ()) for seed in range(2)]
    ours, theirs = describe(segmenter.network, fields), describe_by_network(segmenter.network, fields)
    assert (ours.place == theirs.place).all()
    assert ours.vectors.shape == (8, theirs.vectors.shape[1])
    assert np.corrcoef(ours.vectors.ravel(), theirs.vectors.ravel())[0, 1] > 0.99  # theirs are in bf16


def test_slides_are_not_divided() -> None:
    groups = ["a", "a", "b", "c", "c", "c", "d"]
    for seed in range(5):
        first, other = halves_of_slides(groups, np.random.default_rng(seed))
        assert sorted([*first, *other]) == list(range(7))
        assert not {groups[one] for one in first} & {groups[one] for one in other}


def test_squares_lie_within_tiles_of_the_lattice() -> None:
    assert corners((512, 300, 3), 2, 224) == [(16, 16), (272, 16)]
    assert corners((800, 300, 3), 2, 224, 512) == [(16, 16), (528, 16)]
    assert corners((512, 256, 3), 2, 256) == [(0, 0), (256, 0)]
    assert corners((340, 224, 3), 6, 224) == [(0, 0), (112, 0)]


def test_the_layout_says_where_tissue_is() -> None:
    layout = np.zeros((16, 16), np.uint8)
    layout[:8, :4] = 2
    assert layout_share(layout, 6, (0, 0), 8) == 0.5
    assert layout_share(layout, 4, (0, 0), 32) == 0.5
    assert layout_share(layout, 0, (0, 64), 224) == 1


def test_seams_count_beside_lines_inside_of_tiles() -> None:
    def joined(seam: float | None, inside: float, error: float) -> dict[str, Any]:
        lines = {"ratio": inside, "error": error}
        return {"seam": {"ratio": seam, "error": error}, "inside": lines, "one": None}

    assert seamless(joined(1.01, 1.0, 0.001))
    assert seamless(joined(1.06, 1.05, 0.001))
    assert seamless(joined(1.05, 1.0, 0.02))
    assert not seamless(joined(1.05, 1.0, 0.001))
    assert seamless(joined(1.3, 1.0, 0.001) | {"one": {"ratio": 1.0, "differs": 1}})
    assert not seamless(joined(1.0, 1.0, 0.001) | {"one": {"ratio": 1.1, "differs": 9}})
    assert not seamless(joined(None, 1.0, 0.001))
