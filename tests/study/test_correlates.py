"""Nuclei measured in pictures whose nuclei are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.core.stain import read_stain
from napari_histosynth.paint.data import scale_density
from napari_histosynth.paint.labels import nuclei_mask
from napari_histosynth.study.correlates import measure, nuclear_areas

Make = Callable[..., npt.NDArray[np.uint8]]
EVERYWHERE = np.ones((120, 120), bool)


@pytest.mark.parametrize("um_per_px", [0.5, 1.0])
def test_areas_are_those_of_the_disks(tissue: Make, um_per_px: float) -> None:
    for radius in (5.0, 7.0):
        found = measure(tissue(radius), EVERYWHERE, um_per_px)
        assert found.nuclear_area == pytest.approx(np.pi * (radius * um_per_px) ** 2, rel=0.1)
    assert found.density == pytest.approx(1e6 / (20 * um_per_px) ** 2, rel=0.25)


def test_larger_nuclei_take_a_larger_share_and_hold_more_hematoxylin(tissue: Make) -> None:
    small, large = tissue(4), tissue(7)
    stain = read_stain(small)
    one, other = (measure(picture, EVERYWHERE, 1.0, stain) for picture in (small, large))
    assert other.nuclear_share > 2 * one.nuclear_share
    assert other.hematoxylin > 1.5 * one.hematoxylin


def test_nuclei_of_one_size_vary_less_than_those_of_two(tissue: Make) -> None:
    both = np.concatenate([tissue(3.5)[:, :60], tissue(7.5)[:, 60:]], 1)
    alike, mixed = (measure(picture, EVERYWHERE, 1.0).area_variation for picture in (tissue(5), both))
    assert mixed > alike + 0.2


def test_a_stronger_stain_is_no_more_hematoxylin(tissue: Make) -> None:
    picture = tissue(5)
    strong = scale_density(picture, np.full(3, 1.3))
    one, other = (measure(given, EVERYWHERE, 1.0) for given in (picture, strong))
    assert other.hematoxylin == pytest.approx(one.hematoxylin, rel=0.1)
    assert other.nuclear_area == pytest.approx(one.nuclear_area, rel=0.1)


def test_touching_nuclei_are_divided() -> None:
    rows, columns = np.mgrid[:40, :60]
    two = (np.hypot(rows - 20, columns - 20) <= 7) | (np.hypot(rows - 20, columns - 33) <= 7)
    areas = nuclear_areas(two, 1.0)
    assert len(areas) == 2
    assert areas.sum() == pytest.approx(two.sum(), rel=0.05)


def test_nuclei_cut_by_the_border_of_the_picture_are_left_out(tissue: Make) -> None:
    areas = nuclear_areas(nuclei_mask(tissue(6)[10:, :110], um_per_px=1.0), 1.0)
    assert areas.min() > 0.9 * np.pi * 36


def test_glass_and_a_little_epithelium_say_nothing(tissue: Make) -> None:
    assert np.isnan(measure(np.full((120, 120, 3), 243, np.uint8), EVERYWHERE, 1.0).nuclear_area)
    little = np.zeros((120, 120), bool)
    little[:20, 30:50] = True
    assert np.isnan(measure(tissue(5), little, 1.0).hematoxylin)
