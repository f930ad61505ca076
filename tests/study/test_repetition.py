"""Textures that repeat are found, those that do not are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.study.repetition import SHIFT_UM, measure

UM = 0.62


def noise(side: int, seed: int, sigma: float = 3.0) -> np.ndarray:
    """Return gray noise of a grain, uint8 (side, side, 3), contrast 12."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), sigma)
    gray = np.clip(128 + 12 * field / field.std(), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


@pytest.mark.parametrize("period", [128, 150])
def test_a_tile_laid_again_and_again_is_found_with_its_period(period: int) -> None:
    found = measure(np.tile(noise(period, 0), (4, 4, 1))[:420, :420], UM)
    assert found.peak > 0.5
    assert found.excess > 4
    assert found.p == pytest.approx(1 / 40)
    steps = np.array(found.shift_um) / (period * UM)
    np.testing.assert_allclose(steps, np.round(steps), atol=0.05)
    assert np.hypot(*found.shift_um) >= SHIFT_UM


def test_a_faint_repetition_under_noise_is_found() -> None:
    grain = noise(420, 1).astype(float) - 128
    tile = np.tile(noise(140, 2), (3, 3, 1)).astype(float) - 128
    mixed = np.clip(128 + grain + 0.6 * tile, 0, 255).astype(np.uint8)
    found = measure(mixed, UM)
    assert found.p == pytest.approx(1 / 40)
    assert found.excess > 1.5


def test_noise_of_any_grain_is_mostly_within_chance() -> None:
    several = [measure(noise(420, seed, sigma), UM) for seed in range(3) for sigma in (1.5, 4.0)]
    assert np.median([one.excess for one in several]) < 1.05
    assert np.mean([one.p <= 0.025 for one in several]) < 0.4


def test_contrast_is_that_of_the_texture_in_gray_levels() -> None:
    assert measure(noise(420, 0), UM).contrast == pytest.approx(12, rel=0.15)


def test_what_lies_outside_of_the_mask_does_not_count() -> None:
    picture = noise(420, 3)
    picture[:, 260:] = np.tile(noise(80, 4), (6, 2, 1))[:420, :160]
    mask = np.ones((420, 420), bool)
    mask[:, 260:] = False
    assert measure(picture, UM).excess > 1.5
    assert measure(picture, UM, mask=mask).excess < 1.3


def test_the_same_picture_and_seed_give_the_same_figures() -> None:
    assert measure(noise(300, 5), UM, seed=2) == measure(noise(300, 5), UM, seed=2)
