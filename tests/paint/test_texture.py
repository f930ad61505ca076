"""The loss that holds the grain."""

from __future__ import annotations

import math

import pytest
import torch

from napari_histosynth.paint.texture import band_powers, texture_loss


def _noise(spread: float, seed: int = 0) -> torch.Tensor:
    return spread * torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(seed))


def test_the_same_picture_costs_nothing() -> None:
    assert texture_loss(_noise(0.2), _noise(0.2)) == 0


def test_other_noise_of_the_same_power_costs_little() -> None:
    same, louder = (texture_loss(_noise(spread, seed=1), _noise(0.2)) for spread in (0.2, 0.4))
    assert same < 0.4 * louder


def test_twice_the_power_is_the_logarithm_of_two_in_every_band() -> None:
    for strong, weak in zip(band_powers(_noise(2 * math.sqrt(2))), band_powers(_noise(2)), strict=True):
        assert float((strong - weak).mean()) == pytest.approx(math.log(2), abs=0.02)


def test_color_noise_is_told_from_noise_of_brightness() -> None:
    gray = 0.1 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    finest = band_powers(gray)[0].mean((0, 2, 3))
    assert finest[0] > finest[1] + 4
    assert finest[0] > finest[2] + 4


def test_a_wave_shows_in_the_band_of_its_length() -> None:
    x = torch.arange(128.0)
    means = []
    for period in (2.5, 20.0):
        wave = 0.3 * torch.sin(2 * math.pi * x / period).expand(1, 3, 128, 128)
        means.append([float(power[:, 0].mean()) for power in band_powers(wave)[1:]])
    fine, coarse = means
    assert fine[0] == max(fine)
    assert coarse[0] == min(coarse)


def test_grain_in_the_wrong_place_costs() -> None:
    left = _noise(0.2) * (torch.arange(96) < 48)
    assert texture_loss(left.flip(-1), left) > 2 * texture_loss(_noise(0.2, seed=1), _noise(0.2))


def test_gradients_are_finite_on_a_blank_picture() -> None:
    blank = torch.zeros(1, 3, 64, 64, requires_grad=True)
    texture_loss(blank, _noise(0.2)[:1, :, :64, :64]).backward()
    assert blank.grad is not None
    assert torch.isfinite(blank.grad).all()
