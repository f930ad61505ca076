"""The classifier two-sample test, and labels found again by their recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.data import Field
from napari_histosynth.study.two_sample import found_again, halves, tell_apart

CPU = torch.device("cpu")


def test_pictures_that_differ_are_told_apart_and_the_same_are_not(fields: list[Field]) -> None:
    darker = [replace(field, image=field.image // 2) for field in fields]
    found = tell_apart((fields[:2], darker[:2]), (fields[2:], darker[2:]), [3], 64, CPU)
    assert found[3] > 0.95
    found = tell_apart((fields[:2], fields[:2]), (fields[2:], fields[2:]), [3], 64, CPU)
    assert found[3] == pytest.approx(0.5, abs=0.15)


def test_halves_share_no_field(fields: list[Field]) -> None:
    one, other = halves(fields)
    assert sorted(field.name for field in (*one, *other)) == sorted(field.name for field in fields)
    assert len(one) == len(other) == 2


def test_small_pictures_are_refused(fields: list[Field]) -> None:
    small = [replace(field, image=field.image[:100]) for field in fields]
    with pytest.raises(TrainingError, match="100 px"):
        tell_apart((small, small), (small, small), [1], 4, CPU)


def test_the_recipe_finds_its_own_labels_again(fields: list[Field]) -> None:
    found = found_again(fields, get_scheme("colon-3"), 0.62)
    assert found["nuclei"] > 0.9
    assert found["background"] > 0.9


def test_without_nuclei_only_background_is_looked_for(fields: list[Field]) -> None:
    maps = [np.where(field.labels[0] == 3, 1, field.labels[0]).astype(np.uint8) for field in fields]
    plain = [replace(field, labels=(labels,)) for field, labels in zip(fields, maps, strict=True)]
    assert set(found_again(plain, get_scheme("colon-2"), 0.62)) == {"background"}


def test_the_recipe_knows_no_other_schemes(fields: list[Field]) -> None:
    assert found_again(fields, get_scheme("colon-10"), 0.62) == {}
