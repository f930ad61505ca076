"""Where crops are taken: everywhere by share, or around classes drawn evenly."""

from __future__ import annotations

import numpy as np

from napari_histosynth.paint.data import CropSampler, Field
from napari_histosynth.paint.places import Places, corner


def _field(rare: bool, share: float = 1.0) -> Field:
    labels = np.zeros((100, 120), np.uint8)
    if rare:
        labels[90:, :10] = 5
    return Field("x", "x", np.zeros((100, 120, 3), np.uint8), (labels,), share)


def test_fields_are_drawn_by_their_shares() -> None:
    places = Places([_field(False, 0.9), _field(False, 0.1)])
    rng = np.random.default_rng(0)
    drawn = [places.draw(rng)[0] for _ in range(500)]
    assert 0.05 < np.mean(drawn) < 0.15


def test_a_rare_class_is_seen_as_often_as_the_others() -> None:
    sampler = CropSampler([_field(False)] * 19 + [_field(True)], crop=48, margin=4, batch=8, by_class=1.0)
    seen = [(labels == 5).any() for step in range(12) for labels in sampler.batch(step)["labels"]]
    assert 0.3 < np.mean(seen) < 0.7


def test_a_class_of_more_weight_is_asked_for_more_often() -> None:
    fields = [_field(False), _field(True)]
    shares = []
    for weights in ({}, {5: 9.0}):
        places, rng = Places(fields, 1.0, weights=weights), np.random.default_rng(0)
        drawn = [places.draw(rng) for _ in range(400)]
        shares.append(np.mean([n == 1 and at is not None and at[0] >= 90 and at[1] < 10 for n, at in drawn]))
    assert 0.4 < shares[0] < 0.6
    assert 0.85 < shares[1] < 0.95


def test_crops_hold_the_pixel_they_were_asked_for() -> None:
    rng = np.random.default_rng(0)
    for center in ((0, 0), (99, 119), (50, 60)):
        for _ in range(20):
            y, x = corner(rng, (100, 120), 48, center)
            assert 0 <= y <= 52
            assert 0 <= x <= 72
            assert y <= center[0] < y + 48
            assert x <= center[1] < x + 48
