"""Grain compared octave by octave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.study.real import RealField
from napari_histosynth.study.spectra import compare_grain, octaves

BACKGROUND, STROMA = 0, 1


@pytest.fixture
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu")


def field(stroma: np.ndarray, glass: np.ndarray) -> RealField:
    """Return a field that is stroma on the left and glass on the right."""
    labels = np.full((300, 600), STROMA, np.uint8)
    labels[:, 300:] = BACKGROUND
    return RealField("one", np.concatenate([stroma, glass], axis=1), labels)


def test_octaves_double_from_two_pixels_to_half_the_window() -> None:
    assert octaves(0.5, 80) == [(1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0)]


def test_twice_the_contrast_of_the_real_is_a_quarter_of_the_ratio(model: PaintModel) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 6, (300, 300, 1)).repeat(3, 2)
    fields = [
        field(*(np.clip(150 + strength * noise, 0, 255).astype(np.uint8) for _ in range(2)))
        for strength in (1, 2)
    ]
    weak, strong = (compare_grain(model, [one], flat_side=160, looks=1) for one in fields)
    assert len(weak) == 4
    for faint, heavy in zip(weak, strong, strict=True):
        assert faint.flat_stroma is not None
        assert heavy.flat_stroma is not None
        assert heavy.flat_stroma == pytest.approx(faint.flat_stroma / 4, rel=0.1)
        assert faint.flat_glass is not None


def test_without_an_encoder_fields_are_not_drawn_again(model: PaintModel) -> None:
    even = np.full((300, 300, 3), 150, np.uint8)
    even[::7] = 140
    found = compare_grain(model, [field(even, even)], flat_side=160, looks=1)
    assert all(one.stroma is None and one.glass is None for one in found)
