"""Annotations of QuPath: exact to the pixel both ways, and one sentence for each thing that is wrong."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_histosynth.core.errors import AnnotationError, HistosynthError, ImageError, SaveError, SchemeError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io.geojson import read_geojson, save_geojson
from napari_histosynth.io.trace import trace_regions

SCHEME = get_scheme("colon-3")
ONE_SENTENCE = r"^[^\n]*\.$"
MAPS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))


def write(path: Path, *features: dict[str, Any], **members: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))
    return path


def feature(*rings: Any, kind: str = "Polygon", **classification: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": list(rings)},
        "properties": {
            "objectType": "annotation",
            "classification": classification or {"name": "epithelium"},
        },
    }


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def drawn(path: Path, shape: tuple[int, int] = (6, 8), **options: Any) -> np.ndarray:
    return read_geojson(path, SCHEME, shape, **options).levels[0]


def crosses(ring: np.ndarray) -> bool:
    """Return whether two sides of a ring of upright and level sides cross within both."""
    sides = [(np.minimum(a, b), np.maximum(a, b)) for a, b in itertools.pairwise(ring)]
    level = [side for side in sides if side[0][1] == side[1][1]]
    upright = [side for side in sides if side[0][0] == side[1][0]]
    return any(a[0][0] < b[0][0] < a[1][0] and b[0][1] < a[0][1] < b[1][1] for a in level for b in upright)


# -- outlines


@settings(deadline=None, max_examples=60)
@given(MAPS)
def test_outlines_are_simple_closed_and_enclose_what_they_outline(labels: np.ndarray) -> None:
    total = 0
    for region in trace_regions(labels):
        areas = []
        for ring in region.rings:
            assert (ring[0] == ring[-1]).all()
            assert len(np.unique(ring[:-1], axis=0)) == len(ring) - 1
            assert not crosses(ring)
            x, y = ring.T
            areas.append(int(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) // 2)
        assert areas[0] > 0
        assert all(area < 0 for area in areas[1:])
        total += sum(areas)
    assert total == labels.size


def test_a_ring_of_pixels_is_one_polygon_with_one_hole() -> None:
    labels = np.ones((3, 3), np.uint8)
    labels[1, 1] = 0
    ring, inner = trace_regions(labels)
    outline, hole = ring.rings
    assert outline.tolist() == [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]]
    assert {tuple(point) for point in hole.tolist()} == {(1, 1), (1, 2), (2, 2), (2, 1)}
    assert (ring.value, len(ring.rings), inner.value, len(inner.rings)) == (1, 2, 0, 1)


def test_pixels_that_meet_at_a_corner_only_are_two_regions() -> None:
    assert len(list(trace_regions(np.eye(2, dtype=np.uint8)))) == 4


# -- round trip


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MAPS, st.booleans())
def test_the_round_trip_is_exact_to_the_pixel(tmp_path: Path, labels: np.ndarray, background: bool) -> None:
    path = tmp_path / "a.geojson"
    save_geojson(path, labels, SCHEME, background=background)
    np.testing.assert_array_equal(read_geojson(path).levels[0], labels)


def test_the_round_trip_of_a_large_map_is_exact(tmp_path: Path) -> None:
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(3).standard_normal((700, 900)), 3)
    labels = np.digitize(field, np.quantile(field, [0.3, 0.6, 0.9])).astype(np.uint8)
    save_geojson(tmp_path / "a.geojson", labels, SCHEME)
    np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson").levels[0], labels)


def hard_map() -> np.ndarray:
    """Return holes in holes, single pixels, diagonal touches and combs, at the border and inside."""
    labels = np.zeros((97, 131), np.uint8)
    for inset in range(24):  # rings in rings, one pixel wide
        labels[inset : 48 - inset, inset : 48 - inset] = inset % 4
    labels[50:96, 0:46] = np.indices((46, 46)).sum(0) % 2 * 2  # a chessboard: nothing but corners
    labels[0:48:2, 50:90] = 1  # combs
    labels[0:48, 50:90:8] = 3
    y = np.arange(45)
    labels[50 + y, 50 + y] = 1  # two diagonals that cross a hole
    labels[50 + y, 95 - y] = 2
    labels[70:75, 70:75] = 0
    rng = np.random.default_rng(7)
    labels[50:97, 96:131] = rng.integers(0, 4, (47, 35))  # single pixels of every class
    labels[2:45, 94:128] = np.where(rng.random((43, 34)) < 0.5, 2, 0)
    return labels


@pytest.mark.parametrize("background", [False, True])
def test_the_round_trip_of_a_hard_map_is_exact(tmp_path: Path, background: bool) -> None:
    for turned in (hard_map(), hard_map()[::-1, ::-1], hard_map().T):
        save_geojson(tmp_path / "a.geojson", turned, SCHEME, background=background)
        np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson").levels[0], turned)


def test_what_qupath_may_change_does_not_harm_the_map(tmp_path: Path) -> None:
    """Another order, rings that begin elsewhere and run the other way, points without need: as JTS writes."""
    labels = hard_map()
    save_geojson(tmp_path / "a.geojson", labels, SCHEME)
    document = json.loads((tmp_path / "a.geojson").read_text())
    document.pop("histosynth")
    for entry in document["features"]:
        rings = entry["geometry"]["coordinates"]
        for number, ring in enumerate(rings):
            opened = ring[:-1]
            start = len(opened) // 2
            turned = (opened[start:] + opened[:start])[::-1]
            halves = [[(a + b) / 2 for a, b in zip(turned[0], turned[1], strict=True)]]
            rings[number] = [turned[0], *halves, *turned[1:], turned[0]]
    document["features"].reverse()
    (tmp_path / "a.geojson").write_text(json.dumps(document))
    np.testing.assert_array_equal(
        read_geojson(tmp_path / "a.geojson", SCHEME, labels.shape).levels[0], labels
    )


def test_the_round_trip_keeps_scheme_scale_and_provenance(tmp_path: Path) -> None:
    made = Provenance(synthetic=False, um_per_px=0.5)
    save_geojson(tmp_path / "a.geojson", np.eye(3, dtype=int), SCHEME, 0.5, provenance=made)
    read = read_geojson(tmp_path / "a.geojson")
    assert (read.scheme, read.um_per_px, read.provenance) == (SCHEME, 0.5, made)


def test_the_same_label_map_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.geojson", "b.geojson"):
        save_geojson(tmp_path / name, np.eye(5, dtype=np.uint8), SCHEME)
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()


def test_the_file_is_what_qupath_reads(tmp_path: Path) -> None:
    save_geojson(tmp_path / "a.geojson", np.array([[0, 2], [0, 0]]), SCHEME)
    document = json.loads((tmp_path / "a.geojson").read_text())
    assert document["type"] == "FeatureCollection"
    assert document["features"] == [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [box(1, 0, 2, 1)]},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": "epithelium", "color": [252, 247, 49]},
            },
        }
    ]


# -- what others write


def test_a_pixel_belongs_to_the_polygon_that_its_center_is_in(tmp_path: Path) -> None:
    labels = drawn(write(tmp_path / "a.geojson", feature(box(1.4, 0.6, 3.6, 2.4))))
    expected = np.zeros((6, 8), np.uint8)
    expected[1:2, 1:4] = 2
    np.testing.assert_array_equal(labels, expected)


def test_a_slanted_polygon_is_filled_as_by_its_half_planes(tmp_path: Path) -> None:
    labels = drawn(write(tmp_path / "a.geojson", feature([[0, 0], [8, 0], [0, 6]])))
    y, x = np.mgrid[:6, :8] + 0.5
    np.testing.assert_array_equal(labels == 2, x / 8 + y / 6 < 1)


def test_the_smaller_of_two_annotations_lies_on_top_whatever_their_order(tmp_path: Path) -> None:
    inner, outer = feature(box(2, 2, 4, 4), name="nuclei"), feature(box(0, 0, 8, 6), name="epithelium")
    for order in ((inner, outer), (outer, inner)):
        labels = drawn(write(tmp_path / "a.geojson", *order))
        assert (labels == 3).sum() == 4
        assert (labels == 2).sum() == 44


def test_holes_are_left_out_and_multipolygons_read(tmp_path: Path) -> None:
    parts = feature([box(0, 0, 4, 4), box(1, 1, 3, 3)], [box(5, 0, 8, 1)], kind="MultiPolygon")
    labels = drawn(write(tmp_path / "a.geojson", parts))
    assert (labels == 2).sum() == 12 + 3
    assert not labels[1:3, 1:3].any()


def test_what_lies_off_the_picture_is_cut_off(tmp_path: Path) -> None:
    labels = drawn(write(tmp_path / "a.geojson", feature(box(-5, -5, 2, 2)), feature(box(90, 90, 99, 99))))
    assert (labels == 2).sum() == 4


def test_a_class_is_found_by_name_before_color_and_by_color_where_the_name_is_foreign(tmp_path: Path) -> None:
    named = feature(box(0, 0, 1, 1), name=" Nuclei", color=[252, 247, 49])
    colored = feature(box(1, 0, 2, 1), name="Tumor", color=[252, 247, 49])
    # as older files have it: alpha, red, green and blue in one signed integer
    packed = feature(box(2, 0, 3, 1), name="x", colorRGB=0xFF6C0307 - (1 << 32))
    assert drawn(write(tmp_path / "a.geojson", named, colored, packed))[0, :3].tolist() == [3, 2, 3]


def test_names_of_others_can_be_given_a_class(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", feature(box(0, 0, 1, 1), name="Tumor", color=[200, 0, 0]))
    assert drawn(path, names={"Tumor": "epithelium"})[0, 0] == 2


def test_a_list_of_features_and_a_single_one_are_read(tmp_path: Path) -> None:
    for content in ([feature(box(0, 0, 1, 1))], feature(box(0, 0, 1, 1))):
        (tmp_path / "a.geojson").write_text(json.dumps(content))
        assert drawn(tmp_path / "a.geojson").sum() == 2


def test_a_file_without_annotations_is_all_background(tmp_path: Path) -> None:
    assert not drawn(write(tmp_path / "a.geojson")).any()


# -- what is wrong


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (feature([[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]), "annotation 1 crosses its own outline"),
        (
            feature([[1, 1], [5, 1], [5, 5], [1, 5], [1, 1], [5, 1], [5, 5], [1, 5]]),
            "crosses its own outline",
        ),
        (feature(box(0, 0, 1, 1), name="Tumor"), 'the class "Tumor", which colon-3 does not have'),
        (feature(box(0, 0, 1, 1), color=[1, 2, 3]), "the color #010203, which colon-3 does not have"),
        (feature(box(0, 0, 1, 1), other=1), "annotation 1 has no class"),
        (feature(0, 0, kind="Point"), "is a Point, which has no area"),
        ({"type": "Feature", "geometry": None}, "is a feature without a shape"),
        (feature([[0, 0], [1, 1]]), "no list of points"),
        (feature([[0, 0], [1, "a"], [2, 2]]), "no list of points"),
        (feature([[0, 0], [1, float("nan")], [2, 2]]), "no list of points"),
        (feature(5), "no list of points"),
        ({"type": "Polygon"}, "no GeoJSON features"),
    ],
)
def test_a_malformed_annotation_is_one_sentence(tmp_path: Path, broken: dict[str, Any], says: str) -> None:
    with pytest.raises(AnnotationError, match=ONE_SENTENCE) as caught:
        drawn(write(tmp_path / "a.geojson", broken))
    assert says in str(caught.value)
    assert "a.geojson" in str(caught.value)


def test_a_polygon_that_touches_itself_without_crossing_is_fine(tmp_path: Path) -> None:
    eight = [[0, 0], [2, 0], [2, 2], [4, 2], [4, 4], [2, 4], [2, 2], [0, 2], [0, 0]]
    assert (drawn(write(tmp_path / "a.geojson", feature(eight))) == 2).sum() == 8


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00\xff", '"text"', "3", "null"])
def test_what_is_no_geojson_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.geojson").write_text(text, encoding="latin-1")
    with pytest.raises(HistosynthError, match=ONE_SENTENCE):
        drawn(tmp_path / "a.geojson")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="there is no such file"):
        drawn(tmp_path / "a.geojson")


def test_a_file_without_a_size_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="does not say how large"):
        read_geojson(write(tmp_path / "a.geojson"), SCHEME)


def test_another_size_than_the_picture_is_an_error_that_names_both(tmp_path: Path) -> None:
    save_geojson(tmp_path / "a.geojson", np.zeros((3, 4), int), SCHEME)
    with pytest.raises(AnnotationError, match="4 x 3 px, but this one is 8 x 6 px"):
        drawn(tmp_path / "a.geojson")


def test_a_size_beyond_memory_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", histosynth={"size": [10**6, 10**6]})
    with pytest.raises(AnnotationError, match="1,000,000 x 1,000,000 px"):
        read_geojson(path, SCHEME)


def test_a_file_without_a_scheme_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match="does not say which scheme"):
        read_geojson(write(tmp_path / "a.geojson"), shape=(3, 3))


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"ends in \.geojson"):
        save_geojson(tmp_path / "a.png", np.zeros((3, 4), int), SCHEME)
