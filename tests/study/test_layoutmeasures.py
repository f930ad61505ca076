"""What is measured of layouts: glands, distances, variety, copies, grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from napari_histosynth.paint.data import Field
from napari_histosynth.study.layoutaxis import along
from napari_histosynth.study.layoutlikeness import likeness, wasserstein
from napari_histosynth.study.layoutmaterial import Piece, cut_pieces, grade_of
from napari_histosynth.study.layoutseams import blend_of_labels, seam_of_labels
from napari_histosynth.study.layoutshapes import NAMES, count_nuclei, nuclear_density, shapes_of
from napari_histosynth.study.layoutvariety import in_grays, likeness_of_pairs, neighbors, pairs_of


def glands(*places: tuple[int, int], radius: int = 30, lumen: int = 10, side: int = 200) -> Any:
    """Draw round glands with round lumina into stroma."""
    rows, columns = np.mgrid[:side, :side]
    labels = np.ones((side, side), np.uint8)
    for y, x in places:
        away = np.hypot(rows - y, columns - x)
        labels[away <= radius] = 2
        labels[away <= lumen] = 0
    return labels


def test_glands_are_counted_and_measured() -> None:
    found = shapes_of(glands((50, 50), (140, 140)), um_per_px=2.0)
    area = math.pi * 30**2 * 4  # um^2
    assert found["glands"] == pytest.approx(2 / (0.4 * 0.4))
    assert found["gland_area"] == pytest.approx(area, rel=0.02)
    assert found["solidity"] > 0.95
    assert found["lumen"] == pytest.approx(1 / 9, rel=0.06)
    assert found["background"] + found["stroma"] + found["epithelium"] == pytest.approx(1)
    assert found["background"] == pytest.approx(2 * math.pi * 100 / 200**2, rel=0.06)


def test_glands_that_grow_together_are_less_solid() -> None:
    apart, together = (shapes_of(glands((70, 70), (70, at)), 2.0) for at in (150, 122))
    assert together["glands"] == apart["glands"] / 2
    assert together["solidity"] < apart["solidity"] - 0.03


def test_tissue_without_glands_has_no_solidity() -> None:
    found = shapes_of(np.ones((50, 50), np.uint8), 1.0)
    assert found["glands"] == 0
    assert math.isnan(found["solidity"])
    assert math.isnan(found["gland_area"])
    assert math.isnan(found["lumen"])


def test_nuclei_that_touch_are_counted_apart() -> None:
    rows, columns = np.mgrid[:120, :120]
    single = [(20, 20), (20, 60), (60, 20)]
    touching = [(80, 80), (80, 90)]  # 10 px apart, 6 px in radius
    mask = np.any([np.hypot(rows - y, columns - x) <= 6 for y, x in single + touching], axis=0)
    assert count_nuclei(mask, 0.5) == 5
    assert count_nuclei(np.zeros((20, 20), bool), 0.5) == 0


def test_nuclei_are_counted_for_tissue_alone(tissue: Any) -> None:
    picture = tissue(5, side=120, apart=20)
    labels = np.ones((120, 120), np.uint8)
    labels[:, :20] = 0  # the rim of glass
    found = nuclear_density(picture, labels, 0.62)
    assert found == pytest.approx(30 / (100 * 120 * 0.62**2 * 1e-6), rel=0.1)
    assert math.isnan(nuclear_density(picture, np.zeros_like(labels), 0.62))


def test_a_shift_is_as_far_as_it_is_long() -> None:
    values = np.random.default_rng(0).normal(size=200)
    assert wasserstein(values, values + 3) == pytest.approx(3)


def pieces(grade: str, patients: str, each: int) -> list[Piece]:
    nothing = np.zeros((4, 4, 3), np.uint8)
    return [
        Piece(f"{patient}{i}", patient, grade, nothing, nothing[..., 0])
        for patient in patients
        for i in range(each)
    ]


def test_likeness_has_real_against_real_beside_it() -> None:
    rng = np.random.default_rng(1)
    trained, held_out = pieces("healthy", "ab", 20), pieces("healthy", "cd", 10)
    rows = [rng.normal(size=(len(some), len(NAMES))) for some in (trained, held_out)]
    like = rng.normal(size=(40, len(NAMES)))
    near = likeness({"healthy": like}, trained, held_out, *rows)
    far = likeness({"healthy": like + 2}, trained, held_out, *rows)
    for of, other in ((near["all"], far["all"]), (near["healthy"], far["healthy"])):
        assert (of["windows"], of["patients"], of["held_out"]) == (20, 2, True)
        for name in NAMES:
            assert of[name]["drawn"] < 2.5 * of[name]["real"] + 0.1
            assert other[name]["drawn"] > 1.2
            assert other[name]["real"] == pytest.approx(of[name]["real"], rel=0.5, abs=0.2)


def test_a_grade_that_nobody_was_held_out_of_is_compared_with_halves_of_patients() -> None:
    rng = np.random.default_rng(2)
    trained, held_out = pieces("poor", "ab", 8) + pieces("odd", "e", 6), pieces("healthy", "c", 6)
    rows = [rng.normal(size=(len(some), len(NAMES))) for some in (trained, held_out)]
    drawn = {grade: rng.normal(size=(10, len(NAMES))) for grade in ("poor", "odd")}
    found = likeness(drawn, trained, held_out, *rows)
    assert (found["poor"]["patients"], found["poor"]["held_out"]) == (2, False)
    assert found["poor"]["glands"]["real"] > 0
    assert found["odd"]["glands"]["real"] is None  # one patient: no real to compare with
    assert found["odd"]["glands"]["drawn"] > 0
    assert found["all"]["glands"]["drawn"] is None  # no grade of the held-out


def test_what_is_no_number_does_not_count() -> None:
    rows = np.full((6, len(NAMES)), np.nan)
    some = pieces("healthy", "ab", 3)
    found = likeness({"healthy": rows}, some, some, rows, rows)
    assert found["all"]["solidity"] == {"drawn": None, "real": None, "means": [None, None]}


def test_fields_are_cut_into_windows_that_cover_them() -> None:
    labels = np.arange(40 * 100, dtype=np.uint16).reshape(40, 100).astype(np.uint8)
    image = np.repeat(labels[..., None], 3, 2)
    field = Field("f", "1", image, (labels,), grade="moderately-to-poorly differentated", source="glas")
    found = cut_pieces(field, 40)
    assert [one.name for one in found] == ["f at 0, 0", "f at 0, 60"]
    assert {one.grade for one in found} == {"moderately-to-poorly differentiated"}
    np.testing.assert_array_equal(found[1].labels, labels[:, 60:])
    assert cut_pieces(field, 41) == []
    assert grade_of("polyp") == "adenomatous"


def test_pairs_are_of_different_groups() -> None:
    groups = ["a", "a", "b", "c"]
    found = pairs_of(groups, 100)
    assert len(found) == len(set(found)) == 5
    assert all(groups[i] != groups[j] for i, j in found)
    assert len(pairs_of(groups, 2)) == 2


def test_the_same_picture_is_most_alike() -> None:
    one, other = (in_grays(glands(place, side=176)) for place in ((50, 50), (120, 100)))
    assert likeness_of_pairs([(one, one)]) == pytest.approx(1)
    apart = likeness_of_pairs([(one, other)])
    assert apart is not None
    assert apart < 0.9
    assert likeness_of_pairs([(one[:64, :64], one[:64, :64])]) is None


def test_a_copy_is_found_however_it_is_turned() -> None:
    rng = np.random.default_rng(3)
    coarse = [rng.integers(0, 3, (8, 8)) for _ in range(4)]
    known, other, third, fourth = (np.kron(one, np.ones((8, 8))).astype(np.uint8) for one in coarse)
    fields = [Field("f", "1", np.zeros((64, 64, 3), np.uint8), (one,)) for one in (known, third)]
    copy = np.ascontiguousarray(np.rot90(known)[:, ::-1])
    found, nearest = neighbors([copy], [other, fourth], fields, 64)
    assert found["drawn"]["median"] == 0
    assert found["ratio"] == 0
    assert found["held_out"]["median"] > 0.2
    for apart, window, beside in nearest[:4]:
        assert apart == 0
        np.testing.assert_array_equal(window, beside)


def stripes(side: int, period: int, seed: int) -> Any:
    """Draw a map cut along a grid: in each cell a class of its own, blobs inside."""
    rng = np.random.default_rng(seed)
    blobs = np.kron(rng.integers(0, 3, (side // 7 + 1,) * 2), np.ones((7, 7)))[:side, :side].astype(np.uint8)
    cells = np.kron(rng.integers(0, 3, (side // period,) * 2), np.ones((period, period))).astype(np.uint8)
    return (blobs + cells) % 3


def test_a_cut_along_a_grid_shows_in_label_borders() -> None:
    plain = seam_of_labels([stripes(512, 512, seed) for seed in range(3)], 64)
    cut = seam_of_labels([stripes(512, 64, seed) for seed in range(3)], 64)
    assert plain["lines"] == cut["lines"] == 3 * 2 * 7
    assert plain["ratio"] == pytest.approx(1, abs=0.25)
    assert cut["ratio"] > 1.8
    assert cut["ratio"] - 2 * cut["error"] > 1.5
    assert seam_of_labels([stripes(512, 512, 0)], 512)["ratio"] is None


def test_tissue_that_is_plain_between_latents_shows() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, (256, 256)).astype(np.uint8)
    assert blend_of_labels([labels], 32) == pytest.approx(1, abs=0.05)
    middle = (np.arange(256) + 8) % 32 // 16 == 1  # the half of a period around lines halfway between
    labels[np.ix_(middle, middle)] = 1
    assert blend_of_labels([labels], 32) < 0.3


def test_the_axis_goes_through_all_grades() -> None:
    weights = along(3, 5)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights[[0, 2, 4]], np.eye(3))
    np.testing.assert_allclose(weights[1], [0.5, 0.5, 0])
