"""The job of `histosynth render`: any scheme, any scale, and a picture that fits the input pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

import napari_histosynth as hs
from napari_histosynth.core.errors import Cancelled, LabelMapError, SchemeError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint import resample
from napari_histosynth.paint.render import render_labels

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return hs.load_model(tiny_model, device="cpu", precision="fp32")


@pytest.fixture
def labels() -> npt.NDArray[np.uint8]:
    """Two classes: stroma with a square gland that has a lumen."""
    labels = np.ones((40, 56), np.uint8)
    labels[8:32, 8:32] = 2
    labels[16:24, 16:24] = 0
    return labels


def test_at_the_models_scale_and_scheme_it_is_what_the_canvas_draws(
    model: PaintModel, labels: npt.NDArray[np.uint8]
) -> None:
    labels[10:13, 10:13] = 3
    made = render_labels(model, labels, seed=5)
    assert np.array_equal(made.image, hs.Canvas(model, labels, seed=5).render())
    assert np.array_equal(made.labels, labels)
    assert not made.nuclei_added


@pytest.mark.parametrize("um_per_px", [1.0, 0.5, 0.3])
def test_picture_and_labels_have_the_pixels_of_the_input(
    model: PaintModel, labels: npt.NDArray[np.uint8], um_per_px: float
) -> None:
    made = render_labels(model, labels, um_per_px=um_per_px)
    assert made.image.shape == (*labels.shape, 3)
    assert np.array_equal(made.labels, labels)
    assert (made.um_per_px, made.provenance.um_per_px) == (um_per_px, um_per_px)
    assert made.provenance.size == labels.shape


def test_the_picture_can_stay_at_the_models_scale(model: PaintModel, labels: npt.NDArray[np.uint8]) -> None:
    made = render_labels(model, labels, um_per_px=1.0, keep_scale=False)
    assert made.image.shape == (80, 112, 3)
    assert made.labels.shape == (80, 112)
    assert made.provenance.um_per_px == model.um_per_px
    assert np.array_equal(made.image, hs.Canvas(model, made.labels).render())


def test_a_picture_at_another_scale_lies_where_its_labels_lie(
    model: PaintModel, labels: npt.NDArray[np.uint8]
) -> None:
    large = render_labels(model, labels, um_per_px=1.0, keep_scale=False).image
    small = render_labels(model, labels, um_per_px=1.0).image
    averaged = large.reshape(40, 2, 56, 2, 3).mean(axis=(1, 3))

    def off(rows: int, columns: int) -> float:
        moved = np.roll(small.astype(float), (rows, columns), axis=(0, 1))
        return float(np.abs(moved - averaged)[2:-2, 2:-2].mean())

    assert off(0, 0) < min(off(0, 1), off(1, 0), off(0, -1), off(-1, 0)) / 2


def test_a_map_of_two_classes_gets_nuclei_and_nothing_else(
    model: PaintModel, labels: npt.NDArray[np.uint8]
) -> None:
    made = render_labels(model, labels, scheme=get_scheme("prostate-2"), um_per_px=1.0)
    changed = made.labels != labels
    assert made.nuclei_added
    assert changed.any()
    assert set(np.unique(made.labels[changed])) == {3}
    assert not changed[labels == 0].any()
    assert made.provenance.extra["nuclei_added"] is True


def test_nuclei_are_left_out_on_request(model: PaintModel, labels: npt.NDArray[np.uint8]) -> None:
    made = render_labels(model, labels, scheme=get_scheme("prostate-2"), add_nuclei=False)
    assert np.array_equal(made.labels, labels)
    assert not made.nuclei_added


def test_a_map_of_three_classes_gets_no_nuclei_that_it_has_not(
    model: PaintModel, labels: npt.NDArray[np.uint8]
) -> None:
    made = render_labels(model, labels, scheme=get_scheme("prostate-3"), um_per_px=1.0)
    assert 3 not in made.labels


def test_ten_classes_become_three(model: PaintModel, labels: npt.NDArray[np.uint8]) -> None:
    ten = np.where(labels == 0, 10, labels).astype(np.uint8)  # background, mature, proliferative epithelium
    made = render_labels(model, ten, scheme=get_scheme("colon-10"), add_nuclei=False)
    assert np.array_equal(made.labels, np.where(labels == 0, 0, 2))


def test_seed_and_latent_seed_change_the_picture(model: PaintModel, labels: npt.NDArray[np.uint8]) -> None:
    first, *others = (
        render_labels(model, labels, seed=seed, latent_seed=latent_seed).image
        for seed, latent_seed in ((0, 0), (1, 0), (0, 1))
    )
    assert [bool((other != first).any()) for other in others] == [True, True]


def test_the_same_call_gives_the_same_picture_and_the_input_is_not_touched(
    model: PaintModel, labels: npt.NDArray[np.uint8]
) -> None:
    before = labels.copy()
    first, second = (
        render_labels(model, labels, scheme=get_scheme("colon-2"), um_per_px=0.8, seed=3) for _ in range(2)
    )
    assert np.array_equal(first.image, second.image)
    assert first.provenance.to_json() == second.provenance.to_json()
    assert np.array_equal(labels, before)


def test_strips_change_no_pixel_by_more_than_one(
    model: PaintModel, labels: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = render_labels(model, labels, um_per_px=1.0).image
    monkeypatch.setattr(resample, "PICTURE_ROWS", 16)
    strips = render_labels(model, labels, um_per_px=1.0).image
    assert np.abs(strips.astype(int) - whole).max() <= 1


def test_progress_rises_to_one(
    model: PaintModel, labels: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample, "PICTURE_ROWS", 16)
    shares: list[float] = []
    render_labels(model, labels, um_per_px=1.0, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == pytest.approx(1)


@pytest.mark.parametrize("um_per_px", [0.5, 1.0])
def test_it_stops_when_asked(model: PaintModel, labels: npt.NDArray[np.uint8], um_per_px: float) -> None:
    with pytest.raises(Cancelled):
        render_labels(model, labels, um_per_px=um_per_px, cancel=lambda: True)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda labels: {"labels": labels.astype(float)}, LabelMapError, "float64"),
        (lambda labels: {"labels": labels[None]}, LabelMapError, "3-D|1 x 40 x 56"),
        (lambda labels: {"labels": labels + 7}, LabelMapError, "value [789]"),
        (lambda labels: {"um_per_px": 0.0}, LabelMapError, "0.0 um per px is impossible"),
        (lambda labels: {"um_per_px": float("nan")}, LabelMapError, "nan um per px is impossible"),
        (lambda labels: {"um_per_px": 200.0}, LabelMapError, "22,400 x 16,000 px"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    model: PaintModel,
    labels: npt.NDArray[np.uint8],
    spoil: Callable[[npt.NDArray[np.uint8]], dict[str, object]],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        render_labels(model, **{"labels": labels, **spoil(labels)})  # type: ignore[arg-type]


def test_a_class_without_counterpart_is_named(model: PaintModel) -> None:
    kidney = hs.TissueScheme(
        "kidney",
        "Kidney",
        tuple(
            type(entry)(entry.index, name, entry.color)
            for entry, name in zip(
                get_scheme("prostate-2").classes, ("glass", "glomerulus", "tubulus"), strict=True
            )
        ),
    )
    with pytest.raises(SchemeError, match="tubulus"):
        render_labels(model, np.full((8, 8), 2), scheme=kidney)
