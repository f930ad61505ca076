"""Sampling layouts: pure in the arguments, of any size and grade, what lies between two, and errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ImageError, ModelError, SchemeError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.layout.sampler import Sampler

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

FIELD = (64, 64)  # px at 0.62 um: a field of the tiny model
LARGE = (200, 140)


@pytest.fixture
def sampler(tiny_layout_model: LayoutModel) -> Sampler:
    return Sampler(tiny_layout_model)


@pytest.mark.parametrize("size", [FIELD, LARGE])
def test_the_same_arguments_give_the_same_bytes_in_any_thread(
    sampler: Sampler, size: tuple[int, int]
) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: sampler.sample(5, grade="poorly", size_px=size), range(3)))
    for one in made[1:]:
        np.testing.assert_array_equal(one.labels, made[0].labels)
        np.testing.assert_array_equal(one.image, made[0].image)
    other = sampler.sample(6, grade="poorly", size_px=size)
    assert (other.labels != made[0].labels).any()


@pytest.mark.parametrize("size", [FIELD, LARGE])
def test_a_layout_has_the_size_scale_and_classes_asked_for(sampler: Sampler, size: tuple[int, int]) -> None:
    made = sampler.sample(1, grade="healthy", size_px=size)
    assert made.labels.shape == size
    assert made.image.shape == (*size, 3)
    assert made.labels.dtype == made.image.dtype == np.uint8
    assert set(np.unique(made.labels)) <= {0, 1, 2}
    assert (made.um_per_px, made.seed, made.grade) == (0.62, 1, "healthy")


def test_a_field_is_what_the_generator_draws_of_its_latent(sampler: Sampler) -> None:
    drawn = sampler.sample(2, grade="healthy", size_px=FIELD)
    image, amounts = sampler.model.draw(drawn.latent[None], drawn.weights[None])
    coarse = amounts[0].argmax(0)
    clear = np.sort(amounts[0], axis=0)
    # far from outlines, pixels are what they were; smoothing and specks change what is near
    sure = clear[-1] - clear[-2] > 1.5
    assert sure.mean() > 0.05
    enlarged = np.kron(coarse, np.ones((2, 2), int))
    assert (drawn.labels == enlarged)[np.kron(sure, np.ones((2, 2), bool))].mean() > 0.9
    assert np.abs(drawn.image.mean((0, 1)) - image[0].mean((0, 1))).max() < 8


def test_without_a_grade_the_seed_chooses_one_and_all_are_chosen(sampler: Sampler) -> None:
    grades = {sampler.sample(seed, size_px=FIELD).grade for seed in range(40)}
    assert grades == set(sampler.model.grades)
    assert sampler.sample(7, size_px=FIELD).grade == sampler.sample(7, size_px=FIELD).grade


def test_grades_change_the_layout_and_mixtures_lie_between(sampler: Sampler) -> None:
    healthy, poor = (sampler.sample(3, grade=name, size_px=FIELD) for name in ("healthy", "poorly"))
    assert (healthy.labels != poor.labels).any()
    mixed = sampler.sample(3, mixture={"healthy": 3, "poorly": 1}, size_px=FIELD)
    np.testing.assert_allclose(mixed.weights, [0.75, 0, 0, 0, 0.25])
    assert mixed.grade == ""
    halfway = sampler.between(healthy, poor, 0.25)
    np.testing.assert_allclose(halfway.weights, mixed.weights)
    np.testing.assert_array_equal(halfway.labels, mixed.labels)


def test_a_map_of_grades_changes_the_layout_where_it_differs(sampler: Sampler) -> None:
    size = (96, 640)
    healthy = sampler.sample(3, grade="healthy", size_px=size)
    weights = np.zeros((1, 20, 5))
    weights[:, :10, 0] = weights[:, 10:, 4] = 1
    changed = sampler.sample(3, mixture=weights, size_px=size)
    differs = changed.labels != healthy.labels
    assert not differs[:, :200].any()
    assert differs[:, 440:].any()


@pytest.mark.parametrize("size", [FIELD, LARGE])
def test_the_way_between_begins_and_ends_at_both_and_changes_little_by_little(
    sampler: Sampler, size: tuple[int, int]
) -> None:
    first, last = (sampler.sample(seed, grade=g, size_px=size) for seed, g in ((1, "healthy"), (2, "poorly")))
    way = [sampler.between(first, last, t) for t in np.linspace(0, 1, 33 if size == FIELD else 9)]
    np.testing.assert_array_equal(way[0].labels, first.labels)
    np.testing.assert_array_equal(way[-1].labels, last.labels)
    whole = (first.labels != last.labels).mean()
    steps = [(a.labels != b.labels).mean() for a, b in pairwise(way)]
    assert max(steps) < 0.7 * whole
    straight = sampler.between(first, last, 0.5, spherical=False)
    np.testing.assert_allclose(straight.latent, (first.latent + last.latent) / 2, rtol=1e-5)
    lengths = [np.linalg.norm(one.latent) for one in (first, way[len(way) // 2], last)]
    assert lengths[1] == pytest.approx((lengths[0] + lengths[2]) / 2, rel=1e-4)


def test_the_layout_of_a_latent_is_that_of_the_seed_that_drew_it(sampler: Sampler) -> None:
    made = sampler.sample(4, grade="adenomatous", size_px=FIELD)
    again = sampler.at(made.latent, made.weights, size_px=FIELD)
    np.testing.assert_array_equal(again.labels, made.labels)
    large = sampler.at(made.latent, made.weights, seed=1, size_px=LARGE)
    np.testing.assert_array_equal(large.latent, made.latent)
    assert large.labels.shape == LARGE
    assert len(np.unique(large.cells.latents.reshape(-1, 6), axis=0)) > 10


def test_nuclei_are_placed_for_schemes_that_know_them(sampler: Sampler) -> None:
    bare = sampler.sample(1, grade="poorly", size_px=(128, 128), scheme="colon-3")
    made = sampler.sample(1, grade="poorly", size_px=(128, 128), scheme="colon-3", nuclei=True)
    assert not (bare.labels == 3).any()
    assert (made.labels == 3).any()
    kept = made.labels != 3
    np.testing.assert_array_equal(made.labels[kept], bare.labels[kept])
    again = sampler.sample(1, grade="poorly", size_px=(128, 128), scheme="colon-3", nuclei=True)
    np.testing.assert_array_equal(again.labels, made.labels)


@pytest.mark.parametrize(
    ("grade", "epithelium", "stroma"),
    [
        ("healthy", "epithelium (mature)", "loose stroma"),
        ("adenomatous", "epithelium (proliferative)", "loose stroma"),
        ("poorly", "epithelium (proliferative)", "reactive stroma"),
    ],
)
def test_ten_classes_follow_the_grade(sampler: Sampler, grade: str, epithelium: str, stroma: str) -> None:
    two, ten = (
        sampler.sample(1, grade=grade, scheme=name, size_px=LARGE) for name in ("colon-2", "colon-10")
    )
    scheme = get_scheme("colon-10")
    for index, name in ((0, "background"), (1, stroma), (2, epithelium)):
        assert (two.labels == index).any()
        np.testing.assert_array_equal(ten.labels == scheme.index_of(name), two.labels == index)


def test_provenance_tells_layouts_apart(sampler: Sampler) -> None:
    made = [sampler.provenance(sampler.sample(seed, grade="healthy", size_px=FIELD)) for seed in (1, 2)]
    assert made[0].synthetic
    assert made[0].model_sha256 == sampler.model.sha256
    assert made[0].extra["grade"] == "healthy"
    assert made[0].latent_sha256 != made[1].latent_sha256


def test_what_progress_raises_ends_the_work(sampler: Sampler) -> None:
    def stop(share: float) -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        sampler.sample(1, size_px=LARGE, progress=stop)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"grade": "sarcoma"},
            ModelError,
            "No grade is named or begins with 'sarcoma' in",
        ),
        ({"grade": "moder", "size_px": FIELD}, ModelError, "Several grades begin with 'moder'"),
        ({"size_px": (63, 512)}, ImageError, "64 to 8,192 px a side, not 63"),
        ({"size_px": (512, 8193)}, ImageError, "not 8,193"),
        ({"um_per_px": 0.0}, ImageError, "um a pixel, not 0"),
        ({"um_per_px": float("nan")}, ImageError, "um a pixel, not nan"),
        ({"scheme": "slide-layout"}, SchemeError, 'slide-layout has no "background"'),
        ({"scheme": "colon-2", "nuclei": True}, SchemeError, "colon-2 has no nuclei"),
        ({"mixture": {"healthy": -1}}, ModelError, "0 or more"),
        ({"mixture": [1, 0]}, ModelError, "a weight for each of 5 grades"),
        ({"mixture": [np.nan] * 5}, ModelError, "finite"),
        ({"grade": "healthy", "mixture": {"poorly": 1}}, ModelError, "not both"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    sampler: Sampler, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        sampler.sample(1, **options)  # type: ignore[arg-type]
    assert words in str(raised.value)
    assert str(raised.value).endswith(".")


def test_latents_that_do_not_fit_are_refused(sampler: Sampler) -> None:
    weights = [1, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="has 6 numbers, not 5"):
        sampler.at(np.zeros(5), weights, size_px=FIELD)
    with pytest.raises(ModelError, match="NaN"):
        sampler.at([np.nan] * 6, weights, size_px=FIELD)
    with pytest.raises(ModelError, match="6 numbers"):
        sampler.at("latent", weights, size_px=FIELD)  # type: ignore[arg-type]


def test_layouts_that_do_not_fit_have_nothing_between_them(sampler: Sampler) -> None:
    first, other = sampler.sample(1, size_px=FIELD), sampler.sample(1, size_px=(64, 72))
    with pytest.raises(ModelError, match="pixels a side"):
        sampler.between(first, other, 0.5)
    with pytest.raises(ModelError, match="must be 0 to 1"):
        sampler.between(first, first, 1.5)
