"""Segmentation arms: training, testing, and the table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import Field
from napari_histosynth.study.budget import Budget
from napari_histosynth.study.segmentation import (
    compare_arms,
    judge_fields,
    segment,
    train_segmenter,
    whole_strides,
)

CPU = torch.device("cpu")


def test_training_learns_colors_that_tell_the_classes(fields: list[Field]) -> None:
    budget = Budget(
        seeds=1, steps=60, drawn=0, judge_steps=(), batch=4, crop=64, widths=(8, 8, 8, 8), learning_rate=1e-2
    )
    network = train_segmenter([fields[:3]], 4, budget, 0, CPU)
    counts = judge_fields(network, fields[3:], 4)[0]
    assert np.diag(counts).sum() > 0.8 * counts.sum()


def test_the_same_seed_trains_the_same_network(fields: list[Field], little_budget: Budget) -> None:
    first, second = (train_segmenter([fields, fields], 4, little_budget, 3, CPU) for _ in range(2))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_picture_of_any_size_is_named_pixel_by_pixel(fields: list[Field], little_budget: Budget) -> None:
    network = train_segmenter([fields], 4, little_budget, 0, CPU)
    assert segment(network, fields[0].image[:101, :77]).shape == (101, 77)


def test_padding_mirrors_the_far_borders() -> None:
    image = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)
    padded = whole_strides(image, 4)
    assert padded.shape == (8, 4, 3)
    np.testing.assert_array_equal(padded[5:, :3], image[:1:-1])


def test_a_picture_smaller_than_the_crop_is_refused(fields: list[Field]) -> None:
    budget = Budget(seeds=1, steps=1, drawn=0, judge_steps=(), crop=400)
    with pytest.raises(TrainingError, match="192 px"):
        train_segmenter([fields], 4, budget, 0, CPU)


def test_the_table_sets_arms_against_real() -> None:
    good, bad = np.array([[9, 1], [1, 9]]), np.array([[5, 5], [5, 5]])
    rows = compare_arms({"real": [[good, good], [good, good]], "synthetic": [[bad, bad], [good, good]]})
    good_miou, bad_miou = 9 / 11, 5 / 15
    assert rows["real"]["miou"] == pytest.approx(good_miou)
    assert rows["real"]["miou_spread"] == pytest.approx(0)
    assert rows["synthetic"]["miou"] == pytest.approx((good_miou + bad_miou) / 2)
    assert rows["synthetic"]["miou_spread"] == pytest.approx((good_miou - bad_miou) / np.sqrt(2))
    assert rows["synthetic"]["to_real"] == pytest.approx((good_miou + bad_miou) / 2 / good_miou)
    assert rows["synthetic"]["to_real_interval"] == pytest.approx([rows["synthetic"]["to_real"]] * 2)
