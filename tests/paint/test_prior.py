"""Where latents of real tissue lie."""

from __future__ import annotations

import torch

from napari_histosynth.paint.prior import LatentPrior


def _latents(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mean, mix = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([[1.0, 0, 0], [0.8, 0.3, 0], [0, 0, 0.1]])
    noise = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return mean, mix @ mix.T, mean + noise @ mix.T


def test_it_starts_as_the_standard_normal() -> None:
    torch.manual_seed(0)
    drawn = LatentPrior(3).sample(4000)
    assert drawn.mean(0).abs().max() < 0.08
    assert (torch.cov(drawn.T) - torch.eye(3)).abs().max() < 0.1


def test_it_learns_mean_and_covariance_of_what_it_sees() -> None:
    prior = LatentPrior(3)
    for step in range(4000):
        mean, covariance, latents = _latents(4, step)
        prior.update(latents)
    assert (prior.mean - mean).abs().max() < 0.15
    assert (prior.covariance - covariance).abs().max() < 0.2
    torch.manual_seed(0)
    assert (torch.cov(prior.sample(4000).T) - prior.covariance).abs().max() < 0.1


def test_no_latents_change_nothing() -> None:
    prior = LatentPrior(3)
    prior.update(torch.empty(0, 3))
    assert (prior.mean == 0).all()


def test_a_degenerate_cloud_can_still_be_drawn_from() -> None:
    prior = LatentPrior(3)
    for _ in range(8000):
        prior.update(torch.ones(4, 3))
    assert torch.isfinite(prior.sample(5)).all()


def test_it_works_under_autocast() -> None:
    prior = LatentPrior(3)
    with torch.autocast("cpu", torch.bfloat16):
        prior.update(torch.randn(4, 3))
        assert prior.sample(2).dtype == torch.float32
