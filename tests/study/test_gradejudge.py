"""The judge of grades: learns what grows with the grade, and does not go by the stain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import scale_density
from napari_histosynth.study import ranks
from napari_histosynth.study.gradejudge import (
    Example,
    GradeJudge,
    in_typical_stain,
    judge_pictures,
    train_judge,
)

Make = Callable[..., npt.NDArray[np.uint8]]
GRADES = (0.0, 0.5, 1.0)


def _examples(tissue: Make, count: int = 4) -> list[Example]:
    return [
        Example(in_typical_stain(tissue(3 + 4 * grade, 96, seed=number)), grade, f"{grade}", f"{number}")
        for grade in GRADES
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def judge(tissue: Make) -> GradeJudge:
    return train_judge(_examples(tissue), steps=60, batch=8, crop=64)


def test_it_tells_the_grade_of_pictures_never_seen(tissue: Make, judge: GradeJudge) -> None:
    truth = np.repeat(GRADES, 3)
    pictures = [tissue(3 + 4 * grade, 112, seed=50 + number) for number, grade in enumerate(truth)]
    judged = judge_pictures(judge, pictures)
    assert ranks.spearman(truth, judged) > 0.9
    assert judged[-1] - judged[0] > 0.5


def test_another_stain_changes_the_grade_little(tissue: Make, judge: GradeJudge) -> None:
    picture = tissue(5, 112, seed=9)
    stains = [np.array(scale) for scale in ((1, 1, 1), (1.4, 1.2, 1.3), (0.8, 0.9, 0.7), (0.9, 1.3, 1.0))]
    judged = judge_pictures(judge, [scale_density(picture, scale) for scale in stains])
    assert np.ptp(judged) < 0.25


def test_the_same_seed_teaches_the_same_judge(tissue: Make) -> None:
    one, other = (train_judge(_examples(tissue, 1), steps=3, batch=2, crop=64, seed=4) for _ in range(2))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_training_leaves_the_random_numbers_of_others_alone(tissue: Make) -> None:
    before = torch.random.get_rng_state()
    train_judge(_examples(tissue, 1), steps=1, batch=2, crop=64)
    assert torch.equal(before, torch.random.get_rng_state())


def test_expected_grades_stay_between_the_lowest_and_the_highest() -> None:
    judge = GradeJudge([0.2, 0.3, 0.9])
    with torch.no_grad():
        judge.score.bias.fill_(50.0)
        high = judge.eval()(torch.zeros(1, 3, 32, 32))
        judge.score.bias.fill_(-50.0)
        low = judge(torch.zeros(1, 3, 32, 32))
    assert (float(low), float(high)) == (pytest.approx(0.2), pytest.approx(0.9))


def test_one_grade_is_nothing_to_judge(tissue: Make) -> None:
    with pytest.raises(TrainingError, match="pictures of two grades or more, not of 1"):
        train_judge(_examples(tissue)[:4], steps=1, batch=2, crop=64)
