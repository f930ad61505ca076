"""Synthetic fields: what is drawn, kept and changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.study.drawn import OTHER, OWN, RANDOM, Order, change_labels, draw_fields, orders


@pytest.fixture(scope="module")
def model(little_model: Path) -> PaintModel:
    return load_model(little_model, device="cpu", precision="fp32")


def test_every_field_is_drawn_once_before_any_is_drawn_again() -> None:
    assert orders(2, 5) == [Order(0, 0), Order(1, 0), Order(0, 1), Order(1, 1), Order(0, 2)]


def test_no_two_orders_share_a_seed_but_the_plain_looks() -> None:
    seeds = [Order(number, turn).seed for turn in (OTHER, RANDOM, 2, 3) for number in range(200)]
    assert len(set(seeds)) == len(seeds)


def test_pictures_say_that_they_are_synthetic_and_are_read_the_second_time(
    model: PaintModel, fields: list[Field], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [Order(0, OWN), Order(1, RANDOM), Order(0, 2)]
    first = draw_fields(model, fields, wanted, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    for path in files:
        with Image.open(path) as picture:
            record = Provenance.from_json(picture.info["comment"].decode())
        assert record.synthetic
        assert record.model == "little"
    monkeypatch.setattr("napari_histosynth.study.drawn.Canvas", None)  # nothing is drawn again
    second = draw_fields(model, fields, wanted, tmp_path)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.labels[0], other.labels[0])


def test_fields_named_with_a_folder_are_kept_in_one(
    model: PaintModel, fields: list[Field], tmp_path: Path
) -> None:
    nested = replace(fields[0], name="polyp/one")
    assert draw_fields(model, [nested], [Order(0, OWN)], tmp_path)[0].name == "polyp/one"
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["polyp_one"]


def test_later_rounds_change_the_labels_and_keep_their_classes(fields: list[Field]) -> None:
    labels = np.where(fields[0].labels[0] == 3, 1, fields[0].labels[0]).astype(np.uint8)
    changed = change_labels(labels, 4, 0.62, seed=1)
    assert changed.shape == labels.shape
    assert set(np.unique(changed)) <= set(np.unique(labels))
    assert (changed != labels).mean() > 0.2
    np.testing.assert_array_equal(changed, change_labels(labels, 4, 0.62, seed=1))
    assert (changed != change_labels(labels, 4, 0.62, seed=2)).any()


def test_one_class_stays_one_class() -> None:
    assert (change_labels(np.full((40, 50), 2, np.uint8), 4, 0.62, seed=0) == 2).all()
