"""Looks that each class takes on with a strength of its own: formula, locality, and edits of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.mirror import mirrored
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.lookmap import LookMap, Place
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.strengthmap import StrengthMap, Strengths, strengths_by_name

OWN, START = np.array([4, 0, 1, 0], np.float32), np.array([0, 2, 1, 0], np.float32)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


def random_labels(seed: int, shape: tuple[int, int] = (150, 203)) -> np.ndarray:
    """Return blobs of four classes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, (shape[0] // 20 + 1, shape[1] // 20 + 1), np.uint8)
    return np.ascontiguousarray(coarse.repeat(20, 0).repeat(20, 1)[: shape[0], : shape[1]])


def made(
    model: PaintModel, labels: np.ndarray, strengths: tuple[float, ...], places: tuple[Place, ...] = ()
) -> StrengthMap:
    return StrengthMap(
        OWN,
        [np.ones(4, np.float32)],
        by_class=Strengths(START, strengths, labels),
        places=places,
        width_um=30,
        um_per_px=model.um_per_px,
        stride=model.generator.stride,  # type: ignore[arg-type]
    )


def test_a_cell_goes_as_far_as_its_labels_do_on_average() -> None:
    labels = np.zeros((32, 32), np.uint8)
    labels[:16, :16] = 1  # the first cell is all of class 1
    labels[:8, 16:] = 2  # the second is half of class 2
    looks = StrengthMap(OWN, by_class=Strengths(START, (0.0, 1.0, 0.5), labels), um_per_px=1.0, stride=16)
    cells = looks.cells(Window(0, 2, 0, 2))
    np.testing.assert_allclose(cells[:, 0, 0], OWN)
    np.testing.assert_allclose(cells[:, 0, 1], START + 0.25 * (OWN - START))
    np.testing.assert_allclose(cells[:, 1, 0], START)


def test_beyond_the_canvas_labels_are_mirrored_as_the_generator_sees_them() -> None:
    labels = random_labels(3, (37, 50))
    strengths = Strengths(START, (0.1, 0.4, 0.7, 1.0), labels)
    window = Window(-2, 5, -3, 6)
    seen = mirrored(labels, window.refine(16)).reshape(7, 16, 9, 16)
    mean = np.array([0.1, 0.4, 0.7, 1.0])[seen].mean(axis=(1, 3))
    np.testing.assert_allclose(strengths.cells(window, 16), mean, atol=1e-6)


def test_cells_are_the_same_bits_however_they_are_cut(model: PaintModel) -> None:
    looks = made(model, random_labels(1), (0.1, 0.9, 0.3, 0.77), (Place(40, 60, 1, 20.0),))
    whole = looks.cells(Window(-3, 14, -3, 17))
    part = looks.cells(Window(2, 9, -1, 11))
    np.testing.assert_array_equal(part, whole[:, 5:12, 2:14])


def test_full_strength_changes_no_bit(model: PaintModel) -> None:
    labels = random_labels(2)
    places = (Place(40, 60, 1, 20.0),)
    plain = LookMap(
        OWN, [np.ones(4, np.float32)], places=places, width_um=30, um_per_px=model.um_per_px,
        stride=model.generator.stride,  # type: ignore[arg-type]
    )  # fmt: skip
    window = Window(-3, 14, -3, 17)
    np.testing.assert_array_equal(made(model, labels, (1.0,) * 4, places).cells(window), plain.cells(window))


def test_placed_looks_are_not_weakened(model: PaintModel) -> None:
    labels = random_labels(2)
    looks = made(model, labels, (0.0,) * 4, (Place(75, 100, 1, 20.0),))
    stride = looks.stride
    np.testing.assert_allclose(looks.cells(Window(75 // stride, 75 // stride + 1, 6, 7))[:, 0, 0], 1)
    np.testing.assert_allclose(looks.cells(Window(0, 1, 0, 1))[:, 0, 0], START, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_drawing_again_what_an_edit_touches_equals_drawing_all(model: PaintModel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = random_labels(seed)
    canvas = Canvas(model, labels, latent=made(model, labels, (0.0, 1.0, 0.5, 0.2)), seed=1)
    picture = canvas.render()
    height, width = labels.shape
    for _ in range(4):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        if rng.random() < 0.5:  # at the border, where labels are mirrored
            y, x = (0, x) if rng.random() < 0.5 else (y, width - 1)
        stroke = Window(y, y + 9, x, x + 9).clip(labels.shape)
        labels[stroke.slices] = rng.integers(0, 4)
        changed = canvas.affected(stroke)
        picture[changed.slices] = canvas.render(changed)
    whole = Canvas(model, labels, latent=made(model, labels, (0.0, 1.0, 0.5, 0.2)), seed=1).render()
    assert int(np.abs(picture.astype(int) - whole).max()) <= 1


def test_an_edit_in_the_middle_leaves_the_rest(model: PaintModel) -> None:
    labels = random_labels(0, (600, 600))
    canvas = Canvas(model, labels, latent=made(model, labels, (0.0, 1.0, 0.5, 0.2)))
    touched = canvas.affected(Window(300, 310, 300, 310))
    assert touched.y0 > 100
    assert touched.x1 < 500


def test_other_strengths_change_everything_and_the_same_nothing(model: PaintModel) -> None:
    labels = random_labels(0)
    looks = made(model, labels, (0.0, 1.0, 0.5, 0.2))
    grid = Window(0, 10, 0, 13)
    assert looks.changes(made(model, labels, (0.0, 1.0, 0.5, 0.2)), grid) == []
    assert looks.changes(made(model, labels, (0.0, 1.0, 0.5, 0.3)), grid) == [grid]
    assert looks.sha256 != made(model, labels, (0.0, 1.0, 0.5, 0.3)).sha256
    assert looks.describe()["strengths"] == [0.0, 1.0, 0.5, 0.2]


@pytest.mark.parametrize("bad", [(), (0.5, 1.1), (-0.1,), (float("nan"),)])
def test_what_is_no_strength_is_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="0 to 1"):
        Strengths(START, bad, np.zeros((4, 4), np.uint8))


def test_a_start_of_another_model_is_refused(model: PaintModel) -> None:
    with pytest.raises(ModelError, match="one length"):
        StrengthMap(
            OWN,
            by_class=Strengths(np.zeros(3, np.float32), (1.0,), np.zeros((4, 4), np.uint8)),
            um_per_px=1,
            stride=16,
        )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"epithelium": 1}, (1, 1, 0, 0)),
        ({"Epithelium (old)": 0.5}, (0, 0.5, 0, 0)),
        ({"epithelium": 1, "epithelium (old)": 0.25, "stroma": 0.5}, (1, 0.25, 0.5, 0)),
        ({}, (0, 0, 0, 0)),
    ],
)
def test_a_name_or_beginning_gives_its_classes_a_strength_and_the_rest_stay(
    wanted: dict[str, float], found: tuple[float, ...]
) -> None:
    names = ["epithelium (young)", "epithelium (old)", "stroma", "stroma, loose"]
    assert strengths_by_name(wanted, names) == found


@pytest.mark.parametrize("name", ["bone", ""])
def test_a_name_of_no_class_is_one_sentence(name: str) -> None:
    with pytest.raises(ModelError, match=f"begins with '{name}'; there are glass, stroma.$"):
        strengths_by_name({name: 1}, ["glass", "stroma"])
