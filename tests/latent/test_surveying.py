"""Places and map of a model from its training data: whose pictures, how they are averaged, the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.io import save_image
from napari_histosynth.latent.anchors import anchor_of
from napari_histosynth.latent.surveying import (
    LARGEST,
    Survey,
    build_places,
    grade_direction,
    grade_pattern,
    place_of,
    told_in_full,
    training_of,
    windows,
    write_places,
)
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.zoo import find_model

CONFIG = """
[model]
name = "graded"
scheme = "colon-2"
um_per_px = 1.0
latent_size = 12
[[data.sources]]
kind = "glas"
path = "glas"
um_per_px = 0.5
held_out = ["c"]
[[data.sources]]
kind = "ebhi-seg"
path = "ebhi"
um_per_px = 1.0
[data.grades]
normal = 0.1
healthy = 0.0
"moderately-to-poorly differentated" = 0.85
[loop]
steps = 1
"""
ROWS = [
    ("one", "a", "healthy"),
    ("two", "a", "healthy"),
    ("three", "b", "healthy"),
    ("four", "b", "moderately-to-poorly differentated"),
    ("five", "c", "moderately-to-poorly differentated"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_graded_model: Callable[..., Path]) -> Path:
    """A tiny model with an encoder and the stain apart."""
    return write_graded_model(tmp_path_factory.mktemp("m"), CONFIG)


@pytest.fixture(scope="module")
def model(folder: Path) -> PaintModel:
    return load_model(folder, device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_glas: Callable[..., Path]) -> Path:
    """Five pictures of three patients in the manner of GlaS, and one in that of EBHI-Seg."""
    top = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for number, row in enumerate(ROWS):
        picture = rng.integers(90 + 20 * number, 130 + 20 * number, (96, 128, 3), np.uint8)
        rows.append((*row, picture, None))
    write_glas(top / "glas", rows)
    (top / "ebhi" / "normal" / "images").mkdir(parents=True)
    save_image(top / "ebhi" / "normal" / "images" / "X1-0.png", rng.integers(60, 200, (64, 64, 3), np.uint8))
    return top


def test_places_are_of_grades_as_people_write_them_in_order(
    model: PaintModel, folder: Path, data: Path
) -> None:
    anchors, atlas = build_places(model, training_of(folder), data, neighbors=False)
    assert anchors.names == ["healthy", "moderately-to-poorly differentiated", "normal"]
    assert [place.grade for place in anchors] == [0.0, 0.85, 0.1]
    assert [place.source for place in anchors] == ["GlaS", "GlaS", "EBHI-Seg"]
    assert anchors.sha256 == atlas.sha256 == model.sha256


def test_patients_held_out_are_left_out(model: PaintModel, folder: Path, data: Path) -> None:
    anchors, atlas = build_places(model, training_of(folder), data, neighbors=False)
    assert len(atlas) == 5
    place = anchors["moderately-to-poorly differentiated"]
    assert place.pictures == 1
    from napari_histosynth.io import read_image
    from napari_histosynth.paint.sources import resized

    own = resized(read_image(data / "glas" / "images" / "four.png"), (48, 64))
    np.testing.assert_allclose(place.style, model.encode(own)[:3], atol=1e-5)


def test_every_patient_counts_the_same() -> None:
    styles = np.array([[0.0], [0.0], [0.0], [4.0]], np.float32)
    place = place_of("healthy", styles, ["a", "a", "a", "b"])
    assert place.style[0] == 2.0
    assert place.pictures == 4
    assert place.spread is not None
    assert place.spread[0] == pytest.approx(2.0)


def test_a_place_is_moved_along_the_pattern_until_it_tells_its_grade_and_no_farther() -> None:
    tells = np.array([0.5, -0.5, 0.0, 0.1], np.float32)  # 0.5 (x - y) + 0.1
    place = anchor_of("poor", [[0.4, 3.0, 5.0]], grade=1.0)  # tells -1.2
    pattern = np.array([1.0, 0.0, 0.5])
    moved = told_in_full(place, tells, pattern)
    np.testing.assert_allclose(moved.style, [4.8, 3.0, 7.2], atol=1e-6)
    np.testing.assert_allclose(told_in_full(moved, tells, pattern).style, moved.style, atol=1e-6)
    np.testing.assert_allclose(told_in_full(place, tells, pattern, 0.5).style, [2.6, 3.0, 6.1], atol=1e-6)
    twice = told_in_full(place, tells, pattern, 2.0)
    assert place.grade is not None
    assert float(twice.style @ tells[:-1] + tells[-1]) == pytest.approx(2 * place.grade - 0.5, abs=1e-5)
    plain = anchor_of("mine", [[0.4, 3.0, 5.0]])
    assert told_in_full(plain, tells, pattern) is plain


def cloud(n: int = 4000) -> npt.NDArray[np.float32]:
    """Styles whose first number is the grade and a nuisance, whose second is the nuisance alone."""
    grade, nuisance, own = np.random.default_rng(0).normal(size=(3, n)) * [[0.3], [2.0], [0.1]]
    return np.stack([grade + nuisance, nuisance, own], 1).astype(np.float32)


TELLS = np.array([1.0, -1.0, 0.0, 0.0], np.float32)
"""How the cloud tells the grade: a filter that cancels the nuisance."""


def test_a_place_moved_along_the_pattern_stays_within_the_cloud_and_along_the_weights_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_histosynth.latent.surveying.SHRINKAGE", 0.0)
    styles = cloud()
    n = len(styles)
    pattern = grade_pattern(styles, [str(i) for i in range(n)], TELLS)
    assert pattern @ TELLS[:-1] == pytest.approx(1)
    # the covariance of grade and nuisance times the weights: 0.09 along the first number, nothing else
    np.testing.assert_allclose(pattern, [1, 0, 0], atol=0.25)
    inverse = np.linalg.inv(np.cov(styles.T))

    def away(style: npt.NDArray[np.float32]) -> float:
        return float(np.sqrt((style - styles.mean(0)) @ inverse @ (style - styles.mean(0))))

    place = anchor_of("poor", [styles.mean(0)], grade=0.6)  # two standard deviations of the grade
    along, across = (told_in_full(place, TELLS, way).style for way in (pattern, TELLS[:-1].astype(float)))
    for style in (along, across):
        assert style @ TELLS[:-1] == pytest.approx(0.6, abs=1e-5)
    assert away(along) == pytest.approx(2, abs=0.1)
    assert away(across) > away(along)
    assert np.abs(np.linalg.norm(across - place.style)) < np.linalg.norm(along - place.style)


def test_shrinkage_turns_the_pattern_towards_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    styles = cloud(60)
    found = []
    for shrinkage in (0.0, 0.1, 1.0):
        monkeypatch.setattr("napari_histosynth.latent.surveying.SHRINKAGE", shrinkage)
        pattern = grade_pattern(styles, [str(i) for i in range(60)], TELLS)
        found.append(pattern @ TELLS[:-1] / np.linalg.norm(pattern) / np.sqrt(2))
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1)


def test_a_patient_of_many_pictures_has_no_more_say_in_the_pattern() -> None:
    styles = cloud(12)
    patients = [str(i // 2) for i in range(12)]
    once = grade_pattern(styles, patients, TELLS)
    rows = [0, 1] * 20 + list(range(2, 12))
    often = grade_pattern(styles[rows], [patients[i] for i in rows], TELLS)
    np.testing.assert_allclose(once, often, atol=1e-6)


def test_a_place_goes_the_way_of_its_own_source_whatever_sets_laboratories_apart(model: PaintModel) -> None:
    styles = cloud(40)
    grades, groups = ("poor", "healthy") * 20, tuple(str(i) for i in range(40))
    stains = np.zeros((40, 9), np.float32)
    alone = Survey(styles, stains, grades, groups, ("A",) * 40).anchors(model, {"poor": 1.0}, TELLS)
    both = Survey(
        np.concatenate([styles, 3 * styles[:, ::-1] + [5, -3, 8]]).astype(np.float32),
        np.concatenate([stains, stains]),
        grades * 2,
        groups * 2,
        ("A",) * 40 + ("B",) * 40,
    ).anchors(model, {"poor": 1.0}, TELLS)
    np.testing.assert_allclose(both["poor (A)"].style, alone["poor"].style, atol=1e-5)


def test_styles_that_all_tell_the_same_leave_the_weights_as_the_pattern() -> None:
    pattern = grade_pattern(np.ones((3, 3), np.float32), list("abc"), TELLS)
    np.testing.assert_allclose(pattern, [0.5, -0.5, 0])


def test_places_of_a_model_that_tells_grades_tell_them_in_full(
    model: PaintModel, folder: Path, data: Path
) -> None:
    assert grade_direction(find_model(folder)) is None
    tells = np.array([0.3, -0.2, 0.1, 0.4], np.float32)
    anchors, _ = build_places(model, training_of(folder), data, tells=tells, neighbors=False)
    told = [float(place.style @ tells[:3] + tells[3]) for place in anchors]
    assert told == pytest.approx([0.0, 0.85, 0.1], abs=1e-5)
    with pytest.raises(ModelError, match="tells grades by 2 numbers, but its latents have 3"):
        build_places(model, training_of(folder), data, tells=tells[:3], neighbors=False)


def test_a_grade_of_two_sources_stays_two_places(model: PaintModel) -> None:
    styles = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = Survey(styles, np.zeros((4, 9), np.float32), ("bad",) * 4, tuple("abcd"), ("A", "B", "A", "B"))
    anchors = found.anchors(model, {"bad": 1.0})
    assert anchors.names == ["bad (A)", "bad (B)"]
    np.testing.assert_array_equal(anchors["bad (B)"].style, styles[[1, 3]].mean(0))


def test_large_pictures_are_cut_into_windows_of_one_size() -> None:
    parts = windows(np.zeros((LARGEST, 2 * LARGEST + 2, 3), np.uint8))
    assert [part.shape for part in parts] == [(LARGEST, (2 * LARGEST + 2) // 3, 3)] * 3


def test_a_map_of_many_is_thinned_evenly(model: PaintModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_histosynth.latent.surveying.MOST_POINTS", 3)
    styles = np.arange(15, dtype=np.float32).reshape(5, 3)
    found = Survey(styles, np.zeros((5, 9), np.float32), ("",) * 5, tuple("abcde"), ("A",) * 5)
    np.testing.assert_array_equal(found.atlas(model).styles, styles[[0, 2, 4]])


def test_the_same_data_give_the_same_bytes(
    model: PaintModel, folder: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    written = []
    for number in range(4):  # safetensors orders several notes by chance
        shares: list[float] = []
        places = build_places(model, training_of(folder), data, neighbors=number < 2, tell=shares.append)
        write_places(tmp_path / str(number), *places)
        files = [
            (tmp_path / str(number) / name).read_bytes() for name in ("anchors.json", "atlas.safetensors")
        ]
        written.append(files)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
    assert written[0] == written[1]
    assert written[2] == written[3]


def test_what_is_missing_is_one_sentence(
    model: PaintModel, folder: Path, data: Path, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="which the source 'glas' names"):
        build_places(model, training_of(folder), tmp_path, neighbors=False)
    with pytest.raises(TrainingError, match=r"has no train\.toml"):
        training_of(tiny_model)
    with pytest.raises(ModelError, match="has no encoder"):
        build_places(load_model(tiny_model, device="cpu"), training_of(folder), data)
