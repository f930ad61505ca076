"""The dock's side of the engine of layouts, with a tiny untrained model: what threads do for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ModelError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.layoutnote import note_of
from napari_histosynth.ui.layoutwork import Place, Sheet, ignored, never

UM = 1.24
SHEET = Sheet((64, 96), UM)


@pytest.fixture(scope="module")
def sampler(layout_folder: Path) -> Any:
    return layoutwork.load_sampler_cached(str(layout_folder))


def draw(sampler: Any, place: Place, sheet: Sheet = SHEET) -> Any:
    return layoutwork.draw(sampler, place, sheet, ignored, never)


def test_models_of_layouts_are_listed_with_their_grades(
    layout_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(layout_folder.parent))
    cards = layoutwork.layout_cards()
    assert "tiny-layout" in cards
    assert {card.system for card in cards.values()} == {"layout"}
    assert len(layoutwork.grades_of(cards["tiny-layout"])) > 1


def test_a_layout_is_drawn_for_the_classes_of_any_canvas(sampler: Any) -> None:
    grade = sampler.model.grades[-1]
    plain = draw(sampler, Place(3, grade))
    assert plain.layout.labels.shape == (64, 96)
    ten = draw(sampler, Place(3, grade), Sheet((64, 96), UM, get_scheme("colon-10")))
    background = get_scheme("colon-10").background
    np.testing.assert_array_equal(ten.layout.labels == background, plain.layout.labels == 0)
    note = note_of(plain, sampler.model, plain.layout.labels)
    assert note["weights"][grade] == 1.0


def test_any_grade_is_the_one_that_the_seed_chose(sampler: Any) -> None:
    made = draw(sampler, Place(5))
    assert made.place.grade in sampler.model.grades
    again = draw(sampler, made.place)
    np.testing.assert_array_equal(made.layout.labels, again.layout.labels)
    with pytest.raises(ModelError, match="'wild'"):
        draw(sampler, Place(5, "wild"))


def test_the_way_begins_and_ends_at_its_layouts(sampler: Any) -> None:
    first, second = (draw(sampler, Place(seed)) for seed in (1, 2))
    between = [layoutwork.between(sampler, first, second, t, ignored, never) for t in (0.0, 0.5, 1.0)]
    assert between[0] is first
    assert between[2] is second
    middle = between[1]
    assert middle.place.caption == f"50% from {first.place.caption} to {second.place.caption}"
    assert (middle.layout.image != first.layout.image).any()


def test_the_nearest_layout_of_a_picture_is_drawn_from_its_latent(sampler: Any) -> None:
    made = draw(sampler, Place(7))
    scheme = get_scheme("colon-2")
    place = layoutwork.nearest(sampler, made.layout.image, made.layout.labels, scheme, UM, "the canvas")
    assert place.caption.startswith("nearest to the canvas (")
    drawn = draw(sampler, place)
    np.testing.assert_array_equal(drawn.layout.latent, place.latent)
    assert note_of(drawn, sampler.model, drawn.layout.labels)["name"] == place.name


def test_filling_changes_nothing_outside_and_nothing_that_is_locked(sampler: Any) -> None:
    sheet = Sheet((64, 64), UM, get_scheme("colon-3"), nuclei=False)
    labels = np.full((64, 64), 1, np.uint8)
    labels[20:24] = 2
    inside = np.zeros((64, 64), bool)
    inside[10:50, 10:50] = True
    filled = layoutwork.filled(sampler, labels, inside, Place(2), sheet, frozenset({2}), ignored, never)
    np.testing.assert_array_equal(filled[~inside], labels[~inside])
    assert (filled[20:24] == 2).all()


def test_thumbnails_show_labels_and_picture_and_work_is_stopped(sampler: Any) -> None:
    pictures, grade = layoutwork.thumbnail(sampler, Place(4), SHEET, 16)
    assert pictures.shape == (2, 16, 16, 3)
    assert grade in sampler.model.grades
    with pytest.raises(Cancelled):
        layoutwork.draw(sampler, Place(4), SHEET, ignored, lambda: True)
