"""What latents of held-out pictures tell: clumps that are known, and noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_histosynth.latent.anchors import anchor_of
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.surveying import Survey
from napari_histosynth.study.gradelatents import carried

GRADES = {"healthy": 0.0, "middling": 0.5, "poor": 1.0}


def _carried(apart: float, stained: float = 0.0, lean: float = 0.0) -> dict[str, Any]:
    """Make sixty known and sixty held-out latents of two sources, grades ``apart`` along the first number.

    ``stained`` is how much the second number says of the stain; ``lean`` how much patient "0" differs, with
    most of the known pictures of each grade.
    """
    rng = np.random.default_rng(0)

    def draw(held_out: bool) -> tuple[Any, ...]:
        grades = [name for name in GRADES for _ in range(20)] * 2
        sources = ["A"] * 60 + ["B"] * 60
        patients = [str(max(0, n % 20 - 15)) for n in range(120)]
        stains = rng.normal(size=(120, 9)).astype(np.float32)
        styles = rng.normal(size=(120, 4))
        styles[:, 0] += apart * np.array([GRADES[name] for name in grades])
        styles[:, 1] += stained * stains[:, 0]
        styles[:, 2] += np.where(np.array(sources) == "A", 0, 50)
        if not held_out:
            grade = np.array([GRADES[name] for name in grades])
            styles[:, 0] += lean * (0.5 - grade) * (np.array(patients) == "0")
        return styles.astype(np.float32), stains, tuple(grades), tuple(patients), tuple(sources)

    styles, stains, grades, patients, sources = draw(False)
    atlas = Atlas("m", "0", styles, stains, grades, sources, patients=patients)
    survey = Survey(*draw(True))
    known = np.array([GRADES[name] for name in atlas.grades])
    ends = anchor_of("a", [[0.0] * 4], grade=0), anchor_of("b", [[apart + 1e-3, 0, 0, 0]], grade=1)
    return carried(survey, [GRADES[name] for name in survey.grades], atlas, known, ends)


def test_grades_far_apart_are_found_and_told() -> None:
    found = _carried(8)
    for source in "AB":
        assert found["nearest"][source]["balanced"] > 0.9
        assert found["nearest"][source]["chance_95"] < 0.6
        assert found["along"][source]["spearman"] > 0.9
        assert found["along"][source]["foretold_spearman"] > 0.9
    assert found["nearest"]["A"]["places"] == 3


def test_latents_without_grade_are_at_chance() -> None:
    found = _carried(0)
    for source in "AB":
        assert found["nearest"][source]["balanced"] < found["nearest"][source]["chance_95"] + 0.1
        assert abs(found["along"][source]["foretold_spearman"]) < 0.35


def test_a_stain_in_the_style_is_noticed() -> None:
    told, silent = (_carried(1, stained)["stain"] for stained in (5, 0))
    assert told > 0.05  # one of nine numbers, nearly all of it
    assert silent < 0.02
    assert _carried(1)["source"]["balanced"] > 0.99


def test_one_patient_with_most_pictures_does_not_move_the_grades() -> None:
    # as pictures count, patient "0" turns the grades around; as patients count, five against one do not
    assert _carried(8, lean=20)["nearest"]["A"]["balanced"] > 0.6
