"""The progressive GAN: shapes, fading, bases of any size, variety."""

from __future__ import annotations

import pytest
import torch

from napari_histosynth.layout.network import Discriminator, Encoder, Generator, pixel_norm, variety


def generator(grades: int = 2) -> Generator:
    """Return a seeded generator of 16 px."""
    torch.manual_seed(0)
    return Generator(6, 4, (4, 4, 4), grades, "replicate")


def test_each_stage_draws_twice_the_pixels_of_the_one_before() -> None:
    one, latent = generator(), torch.randn(2, 4)
    assert [one(latent, stage=stage).shape for stage in range(3)] == [(2, 6, s, s) for s in (4, 8, 16)]
    assert one(latent).shape[-1] == one.size == 16


def test_a_base_of_any_size_is_grown() -> None:
    one = generator()
    base = one.base(torch.randn(1, 4))
    assert base.shape == (1, 4, 4, 4)
    assert one.body(torch.cat([base, base, base], 3)[:, :, :3]).shape == (1, 6, 12, 48)


def test_a_flat_base_has_no_border_where_it_is_replicated_beyond_it() -> None:
    one = generator()
    flat = one.base(torch.randn(1, 4))[:, :, :1, :1].expand(-1, -1, 4, 4)
    drawn = one.body(flat)
    assert torch.allclose(drawn, drawn[:, :, :1, :1].expand_as(drawn), atol=1e-5)


def test_fading_begins_with_the_stage_before_and_ends_with_the_new_one() -> None:
    one, latent = generator(), torch.randn(1, 4)
    before = one(latent, stage=1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    new = one(latent, stage=2)
    assert torch.allclose(one(latent, stage=2, fade=0.0), before, atol=1e-6)
    assert torch.allclose(one(latent, stage=2, fade=0.25), 0.75 * before + 0.25 * new, atol=1e-5)


def test_the_grade_changes_what_is_drawn_and_is_judged() -> None:
    one, latent, grades = generator(), torch.randn(1, 4), torch.eye(2)
    assert not torch.allclose(one(latent, grades[:1]), one(latent, grades[1:]))
    assert torch.allclose(one(latent), one(latent, torch.full((1, 2), 0.5)))
    judge, picture = Discriminator(6, (4, 4, 4), 2), torch.randn(1, 6, 16, 16)
    assert not torch.allclose(judge(picture, grades[:1])[0], judge(picture, grades[1:])[0])


def test_parts_are_judged_beside_the_whole_by_what_lies_near_them() -> None:
    torch.manual_seed(0)
    judge, picture = Discriminator(6, (4, 4, 4, 4, 4), local=True), torch.randn(1, 6, 64, 64)
    whole, parts = judge(picture)
    assert (whole.shape, parts.shape) == ((1, 1), (1, 16 * 16))
    picture[..., :8, :8] = 0
    changed = (judge(picture)[1] != parts).reshape(16, 16).nonzero()
    assert changed.max() < 8, "far from half of the picture"
    assert len(judge(picture[..., :16, :16], stage=2)) == 1, "16 px are all one part"


def test_pixel_norm_gives_a_mean_square_of_one() -> None:
    assert torch.allclose(pixel_norm(torch.randn(3, 5, 2, 2)).square().mean(1), torch.ones(3, 2, 2))


def test_variety_is_the_mean_deviation_within_groups_of_four() -> None:
    x = torch.zeros(8, 1, 2, 2)
    x[:2] = 2.0  # in the first group two of 2 and two of 0: a deviation of 1
    found = variety(x)[:, 0, 0, 0]
    assert torch.allclose(found, torch.tensor([1.0] * 4 + [0.0] * 4), atol=1e-3)


def test_the_encoder_reduces_large_pictures_by_averages() -> None:
    torch.manual_seed(0)
    one, picture = Encoder(6, 4, (4, 4), 2), torch.randn(3, 6, 32, 32)
    assert one(picture).shape == (3, 6)
    assert torch.allclose(one(picture), one(torch.nn.functional.avg_pool2d(picture, 4)))


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_weights_are_scaled_so_that_features_keep_their_size(stage: int) -> None:
    torch.manual_seed(1)
    drawn = Generator(64, 64, (64, 64, 64))(torch.randn(8, 64), stage=stage)
    assert 0.7 < float(drawn.detach().std()) < 1.3  # 1x1 of gain 1 over features of mean square 1


def test_latents_are_led_to_where_a_grade_lies_and_found_back() -> None:
    one = generator()
    latent, grade = torch.randn(3, 4), torch.eye(2)[[0, 1, 1]]
    before = one.base(latent, grade)
    mean, root = torch.randn(2, 4), torch.tril(torch.rand(2, 4, 4)) + torch.eye(4)
    one.place(mean, root)
    led = torch.stack([mean[g] + root[g] @ z for g, z in zip([0, 1, 1], latent, strict=True)])
    assert torch.allclose(one.unplaced(led, grade), latent, atol=1e-4)
    assert not torch.allclose(one.base(latent, grade), before)
    again = generator()
    assert torch.allclose(one.base(latent, grade), again.base(led, grade), atol=1e-5)
