"""Where latents of real tissue lie."""

from __future__ import annotations

import torch

from napari_histosynth.paint.prior import REMEMBERED, LatentPrior


def test_before_any_latent_is_known_looks_are_standard_normal() -> None:
    torch.manual_seed(0)
    drawn = LatentPrior(3).sample(4000)
    assert drawn.mean(0).abs().max() < 0.08
    assert (torch.cov(drawn.T) - torch.eye(3)).abs().max() < 0.1


def test_random_looks_lie_between_real_ones() -> None:
    prior = LatentPrior(2)
    prior.update(torch.tensor([[0.0, 1.0], [4.0, 1.0]]))
    drawn = prior.sample(2000)
    assert (drawn[:, 1] == 1).all()
    assert drawn[:, 0].min() >= 0
    assert drawn[:, 0].max() <= 4
    between = drawn[(drawn[:, 0] > 0.01) & (drawn[:, 0] < 3.99), 0]
    assert 0.4 < len(between) / 2000 < 0.6  # half of the pairs are of two different latents
    assert abs(between.mean() - 2) < 0.2


def test_the_oldest_latents_are_forgotten() -> None:
    prior = LatentPrior(1)
    prior.update(torch.zeros(10, 1))
    for _ in range(REMEMBERED // 4):
        prior.update(torch.ones(4, 1))
    assert (prior.bank == 1).all()


def test_no_latents_change_nothing() -> None:
    prior = LatentPrior(3)
    prior.update(torch.empty(0, 3))
    assert int(prior.seen) == 0


def test_what_it_knows_is_part_of_its_state() -> None:
    prior, copy = LatentPrior(3), LatentPrior(3)
    prior.update(torch.randn(7, 3))
    copy.load_state_dict(prior.state_dict())
    torch.manual_seed(0)
    first = prior.sample(5)
    torch.manual_seed(0)
    torch.testing.assert_close(copy.sample(5), first, atol=0, rtol=0)
