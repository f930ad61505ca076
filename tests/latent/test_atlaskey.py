"""Legends of a map of latents: order, colors, shapes, counts; and labels that cover nothing."""

from __future__ import annotations

import numpy as np

from napari_histosynth.latent.anchors import Anchor
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.atlaskey import SHAPES, UNKNOWN, counts_of, key_of, ramp
from napari_histosynth.latent.labelplaces import place_labels

COUNTS = {"healthy": 0.0, "adenomatous": 0.35, "low-grade-in": 0.35, "poor": 1.0}


def make_atlas(grades: list[str], sources: list[str]) -> Atlas:
    styles = np.random.default_rng(0).normal(size=(len(grades), 4)).astype(np.float32)
    return Atlas("m", "0", styles, np.zeros((len(grades), 0), np.float32), tuple(grades), tuple(sources))


ATLAS = make_atlas(
    ["poor", "healthy", "", "adenomatous", "healthy", "low-grade-in"],
    ["glas", "glas", "slides", "glas", "ebhi", "ebhi"],
)


def test_grades_stand_in_their_order_and_the_ungraded_last() -> None:
    key = key_of(ATLAS, "grade", COUNTS)
    assert [entry.name for entry in key.entries] == ["healthy", "adenomatous", "low-grade-in", "poor", ""]
    assert [entry.count for entry in key.entries] == [2, 1, 1, 1, 1]
    assert key.entries[-1].color == UNKNOWN
    assert key.entries[-1].title == "not graded"
    assert [key.entries[i].name for i in key.of] == list(ATLAS.grades)


def test_grades_that_count_the_same_share_a_color_and_differ_in_shape() -> None:
    entries = {entry.name: entry for entry in key_of(ATLAS, "grade", COUNTS).entries}
    assert entries["adenomatous"].color == entries["low-grade-in"].color == ramp(0.35)
    assert entries["adenomatous"].shape != entries["low-grade-in"].shape


def test_colors_go_from_blue_to_red() -> None:
    (blue_red, _, blue_blue), (red_red, _, red_blue) = ramp(0.0), ramp(1.0)
    assert blue_blue > blue_red
    assert red_red > red_blue
    assert ramp(-1) == ramp(0)
    assert ramp(2) == ramp(1)


def test_without_an_order_and_by_source_all_colors_differ() -> None:
    for key in (key_of(ATLAS, "grade"), key_of(ATLAS, "source", COUNTS)):
        colors = [entry.color for entry in key.entries]
        assert len(set(colors)) == len(colors)
    assert [entry.name for entry in key_of(ATLAS, "source").entries] == ["ebhi", "glas", "slides"]


def test_points_of_one_source_have_one_shape() -> None:
    key = key_of(ATLAS, "grade", COUNTS)
    found = dict(zip(ATLAS.sources, key.shapes, strict=True))
    assert len(set(found.values())) == 3
    assert found["glas"] == SHAPES[0]
    for source, shape in zip(ATLAS.sources, key.shapes, strict=True):
        assert shape == found[source]


def test_labels_cover_neither_each_other_nor_marks() -> None:
    rng = np.random.default_rng(1)
    marks = [(float(x), float(y)) for x, y in rng.uniform(0, 400, (25, 2))]
    boxes = place_labels(marks, [(90.0, 16.0)] * 25, (400, 400))
    shown = [(i, box) for i, box in enumerate(boxes) if box is not None]
    assert len(shown) >= 10
    for i, (left, top, width, height) in shown:
        assert left >= 0
        assert top >= 0
        assert left + width <= 400
        assert top + height <= 400
        for j, (x, y) in enumerate(marks):
            assert i == j or not (left < x < left + width and top < y < top + height)
        for j, other in shown:
            apart = (
                left >= other[0] + other[2]
                or other[0] >= left + width
                or top >= other[1] + other[3]
                or other[1] >= top + height
            )
            assert i == j or apart


def test_a_mark_out_of_sight_has_no_label_and_a_reserved_place_stays_free() -> None:
    assert place_labels([(-5.0, 10.0)], [(20.0, 10.0)], (100, 100)) == [None]
    (box,) = place_labels([(50.0, 50.0)], [(20.0, 10.0)], (100, 100), reserved=[(55.0, 0.0, 45.0, 100.0)])
    assert box is not None
    assert box[0] + box[2] <= 55


def test_a_grade_of_two_sources_counts_by_its_plain_name() -> None:
    style = np.zeros(4, np.float32)
    named = [
        Anchor("normal (glas)", style, grade=0.0, source="glas"),
        Anchor("poor", style, grade=1.0, source="glas"),
        Anchor("our signet ring", style),
    ]
    assert counts_of(named) == {"normal (glas)": 0.0, "normal": 0.0, "poor": 1.0}
