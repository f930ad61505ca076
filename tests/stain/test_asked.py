"""Which nuclei are positive: shares come out as asked, by place and not by window, by class and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError, LabelMapError
from napari_histosynth.core.mirror import mirrored_index
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.stain.asked import (
    IndexSteering,
    KnownSteering,
    chances,
    choose,
    classes_of,
    labeled_nuclei,
)
from napari_histosynth.stain.steering import he_nuclei, instances, ki67_nuclei, planes_of

UM = 0.5


def discs(rows: int, columns: int, apart: int = 24, radius: int = 6) -> np.ndarray:
    """Return numbered discs on a grid."""
    y, x = np.indices((rows * apart, columns * apart))
    inside = (y % apart - apart / 2) ** 2 + (x % apart - apart / 2) ** 2 <= radius**2
    return np.where(inside, 1 + y // apart * columns + x // apart, 0).astype(np.int32)


@pytest.mark.parametrize("share", [0.0, 0.07, 0.5, 1.0])
def test_exactly_the_share_asked_for_is_positive(share: float) -> None:
    known = choose(discs(10, 20), share, 0, UM)
    assert known.total == 200
    assert known.index == pytest.approx(share)


def test_more_positive_nuclei_are_those_before_and_others() -> None:
    few, many = (choose(discs(8, 8), share, 3, UM).positive for share in (0.2, 0.6))
    assert (many | few).sum() == many.sum()


def test_another_seed_chooses_other_nuclei() -> None:
    one, other = (choose(discs(8, 8), 0.3, seed, UM).positive for seed in (0, 1))
    assert (one != other).any()


def test_chances_are_even() -> None:
    drawn = np.sort(chances(discs(40, 40, apart=16, radius=4), 5, UM)[1:])
    assert np.abs(drawn - np.linspace(0, 1, len(drawn))).max() < 0.06


def test_a_chance_is_a_matter_of_place_and_not_of_the_window() -> None:
    nuclei = discs(6, 6)
    whole = chances(nuclei, 0, UM)
    window = Window(24, 96, 48, 144)
    part = nuclei[window.slices]
    numbers = np.unique(part[part > 0])
    assert chances(part, 0, UM, (24, 48))[numbers] == pytest.approx(whole[numbers])


def test_a_nucleus_found_a_little_differently_has_nearly_the_same_chance() -> None:
    small, large = discs(12, 12, radius=5), discs(12, 12, radius=7)
    large = np.roll(large, 1, axis=0)
    assert np.abs(chances(small, 0, UM) - chances(large, 0, UM))[1:].mean() < 0.15


def test_shares_by_class() -> None:
    nuclei = discs(4, 10)
    classes = np.array([0] + [2] * 20 + [1] * 20)
    known = choose(nuclei, {2: 0.5}, 0, UM, classes=classes)
    assert known.positive[1:21].sum() == 10
    assert known.positive[21:].sum() == 0


def test_painted_nuclei_are_positive_and_no_others() -> None:
    nuclei = discs(2, 3)
    painted = np.zeros(nuclei.shape, bool)
    painted[:24, :24] = True
    painted[:14, 24:48] = True  # of the second the smaller part would not do, of this it is the larger
    known = choose(nuclei, 0.9, 0, UM, painted=painted)
    assert list(np.flatnonzero(known.positive)) == [1, 2]


def test_planes_of_known_nuclei_are_mirrored_beyond_the_border() -> None:
    nuclei = discs(2, 2)
    known = KnownSteering(nuclei, np.array([False, True, False, False, False]))
    rgb = np.zeros((68, 68, 3), np.uint8)
    planes = known.planes(Window(-10, 58, -10, 58), rgb)
    inside = planes[:, 10:-10, 10:-10]
    assert np.array_equal(inside, planes_of(nuclei, known.positive))
    padded = np.pad(inside, ((0, 0), (10, 10), (10, 10)), mode="reflect")
    assert np.array_equal(planes, padded)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_mirroring_is_numpys_reflection(side: int) -> None:
    places = np.arange(-7, side + 7)
    expected = np.pad(np.arange(side), 7, mode="reflect") if side > 1 else np.zeros(15, int)
    assert np.array_equal(mirrored_index(places, side), expected)


def test_the_class_of_a_nucleus_is_that_around_it_where_nuclei_are_a_class() -> None:
    scheme = get_scheme("colon-3")
    nuclei = discs(1, 2)
    labels = np.where(np.arange(48) < 24, 1, 2) * np.ones((24, 1), int)
    labels = np.where(nuclei > 0, 3, labels).astype(np.uint8)
    assert list(classes_of(nuclei, labels, scheme, UM)[1:]) == [1, 2]
    assert int(labeled_nuclei(labels, scheme, UM).max()) == 2


def test_a_scheme_without_nuclei_says_where_they_are_found() -> None:
    with pytest.raises(LabelMapError, match="no class of nuclei"):
        labeled_nuclei(np.zeros((8, 8), np.uint8), get_scheme("colon-2"), UM)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(HistosynthError, match="0 to 1"):
        IndexSteering(share, 0, UM)


def test_what_does_not_fit_the_picture_is_refused() -> None:
    with pytest.raises(HistosynthError, match="must be alike"):
        choose(discs(1, 1), 0.5, 0, UM, painted=np.zeros((3, 3), bool))
    with pytest.raises(HistosynthError, match="by class need"):
        choose(discs(1, 1), {1: 0.5}, 0, UM)


def test_nothing_is_positive_where_there_are_no_nuclei() -> None:
    known = choose(np.zeros((16, 16), np.int32), 0.5, 0, UM)
    assert known.total == 0
    assert np.isnan(known.index)
    blank = np.full((32, 32, 3), 245, np.uint8)
    planes = IndexSteering(0.5, 0, UM).planes(Window(0, 32, 0, 32), blank)
    assert planes[:2].sum() == 0
    assert (planes[2] == 1).all()


def test_touching_nuclei_are_parted() -> None:
    y, x = np.indices((40, 60))
    mask = ((y - 20) ** 2 + (x - 20) ** 2 <= 100) | ((y - 20) ** 2 + (x - 38) ** 2 <= 100)
    assert int(instances(mask, UM).max()) == 2


def test_nuclei_of_drawn_he_and_ki67_are_found() -> None:
    nuclei = discs(5, 6, radius=7)
    rng = np.random.default_rng(0)
    he = np.where(nuclei[..., None] > 0, (90, 60, 140), (225, 170, 205)) + rng.normal(
        0, 4, (*nuclei.shape, 3)
    )
    assert int(he_nuclei(he.clip(0, 255).astype(np.uint8), UM).max()) == 30
    brown = nuclei % 3 == 1
    colors = np.where(brown[..., None], (110, 70, 40), (120, 160, 205))
    ki67 = np.where(nuclei[..., None] > 0, colors, (232, 232, 240)) + rng.normal(0, 3, (*nuclei.shape, 3))
    found, positive = ki67_nuclei(ki67.clip(0, 255).astype(np.uint8), UM)
    assert len(np.unique(found)) - 1 == 30
    assert positive.sum() == 10
