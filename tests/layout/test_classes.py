"""What nuclei are like in tissue of some grades."""

from __future__ import annotations

import pytest

from napari_histosynth.layout.classes import NUCLEI_OF, nuclei_of
from napari_histosynth.paint.examples import example_nuclei


def test_nuclei_are_those_measured_for_a_grade_and_between_two_of_mixtures() -> None:
    healthy, poor = example_nuclei("crypts-cross"), example_nuclei("poor")
    assert nuclei_of({"healthy": 1.0, "poorly differentiated": 0.0}) == healthy
    mixed = nuclei_of({"healthy": 0.5, "poorly differentiated": 0.5})
    assert mixed["inflammation"] == pytest.approx((healthy["inflammation"] + poor["inflammation"]) / 2)
    sides = zip(healthy["epithelium_size"], poor["epithelium_size"], strict=True)
    assert mixed["epithelium_size"] == pytest.approx([(a + b) / 2 for a, b in sides])


def test_grades_that_are_not_known_have_no_say() -> None:
    assert nuclei_of({}) == {}
    assert nuclei_of({"of another tissue": 1.0}) == {}
    known = nuclei_of({"adenomatous": 0.2, "of another tissue": 0.8})
    assert known == nuclei_of({"adenomatous": 1.0})


def test_carcinoma_is_more_stratified_than_healthy_tissue() -> None:
    order = [nuclei_of({grade: 1.0})["stratification"] for grade in NUCLEI_OF]
    assert order == sorted(order)
