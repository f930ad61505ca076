"""Losses of stains: each is 0 where nothing is wrong and grows with what it is named after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from napari_histosynth.paint.model import from_rgb
from napari_histosynth.stain.colors import DAB, HEMATOXYLIN
from napari_histosynth.stain.densities import optical_density, smoothed, unmixed
from napari_histosynth.stain.losses import glass_loss, ssim, steering_loss, structure_loss


def picture(*stains: tuple[tuple[float, float, float], np.ndarray]) -> torch.Tensor:
    """Draw amounts (y, x) of stains on white by Lambert and Beer's law; (1, 3, y, x) in [-1, 1]."""
    density = sum(np.asarray(color) / np.linalg.norm(color) * amount[..., None] for color, amount in stains)
    return from_rgb(np.clip(256 * np.exp(-density) - 1, 0, 255).round().astype(np.uint8)[None], "cpu")


def spots(places: list[tuple[int, int]], side: int = 64, amount: float = 1.0) -> np.ndarray:
    """Return discs of radius 5 px at places."""
    y, x = np.indices((side, side))
    return amount * np.any([(y - b) ** 2 + (x - a) ** 2 <= 25 for b, a in places], axis=0)


PLACES = [(16, 16), (40, 20), (30, 48)]


def test_stains_that_were_mixed_are_found_again() -> None:
    y, x = np.indices((32, 32)) / 32
    amounts, rest = unmixed(picture((HEMATOXYLIN, y), (DAB, x)), HEMATOXYLIN, DAB)
    found = amounts[0].numpy()
    assert np.abs(found[0] - y).max() < 0.03
    assert np.abs(found[1] - x).max() < 0.03
    assert float(rest.max()) < 0.03


def test_white_has_no_density() -> None:
    assert float(optical_density(torch.ones(1, 3, 2, 2)).abs().max()) == pytest.approx(0, abs=1e-6)


def test_smoothing_keeps_the_mean_of_what_is_even() -> None:
    assert torch.allclose(smoothed(torch.full((1, 2, 20, 20), 0.7), 2.0), torch.tensor(0.7))


def test_ssim_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    one = rng.uniform(size=(48, 48, 3))
    other = np.clip(one + 0.2 * rng.standard_normal(one.shape), 0, 1)
    expected = structural_similarity(
        one,
        other,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    tensors = [torch.from_numpy(a).permute(2, 0, 1)[None] * 2 - 1 for a in (one, other)]
    assert float(ssim(*tensors)) == pytest.approx(expected, abs=0.02)  # borders are treated otherwise
    assert float(ssim(tensors[0], tensors[0])) == pytest.approx(1)


def test_nuclei_in_their_places_are_no_fault_and_nuclei_elsewhere_are() -> None:
    he = picture((HEMATOXYLIN, spots(PLACES)))
    same = picture((HEMATOXYLIN, spots(PLACES[:2], amount=0.5)), (DAB, spots(PLACES[2:])))
    moved = picture((HEMATOXYLIN, spots([(y, (x + 24) % 64) for y, x in PLACES])))
    assert float(structure_loss(he, same)) < 0.15
    assert float(structure_loss(he, moved)) > 0.8


def test_pale_glass_is_no_fault_and_orange_glass_is() -> None:
    glass, orange = picture((DAB, np.zeros((32, 32)))), picture((DAB, np.full((32, 32), 0.8)))
    assert float(glass_loss(glass, glass)) == 0
    assert float(glass_loss(glass, orange)) > 0.5
    assert float(glass_loss(orange, orange)) == 0, "what is stained in the source may be stained"


def test_brown_where_it_was_asked_for_is_no_fault_and_elsewhere_it_is() -> None:
    brown, blue = spots(PLACES[:1], amount=2.0) > 0, spots(PLACES[1:]) > 0
    drawn = picture((DAB, 2.0 * brown), (HEMATOXYLIN, 0.6 * blue))
    asked = torch.from_numpy(np.stack([brown, blue, np.ones_like(brown)])[None]).float()
    other = torch.from_numpy(np.stack([blue, brown, np.ones_like(brown)])[None]).float()
    assert float(steering_loss(drawn, asked)) < 0.1
    assert float(steering_loss(drawn, other)) > 0.5
    assert float(steering_loss(drawn, 0 * other)) == 0, "nothing is asked where nothing is known"


def test_stroma_that_is_blue_is_a_fault_and_pale_stroma_is_not() -> None:
    there = spots(PLACES)
    asked = torch.from_numpy(np.stack([0 * there, there, np.ones_like(there)])[None]).float()
    pale, blue = (picture((HEMATOXYLIN, np.maximum(there, level))) for level in (0.2, 0.9))
    assert float(steering_loss(pale, asked)) < 0.1
    assert float(steering_loss(blue, asked)) > 0.5


def test_brown_of_another_color_is_a_fault() -> None:
    there = spots(PLACES)
    asked = torch.from_numpy(np.stack([there, 0 * there, np.ones_like(there)])[None]).float()
    yellow = (0.02, 0.35, 0.94)
    assert float(steering_loss(picture((yellow, 2.0 * there)), asked)) > 0.3
    assert float(steering_loss(picture((yellow, 2.0 * there)), asked, HEMATOXYLIN, yellow)) < 0.2
