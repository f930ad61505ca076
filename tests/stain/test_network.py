"""Generators between stains: what each preset is, how far a pixel sees, and that windows are exact."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.stain.network import (
    STEERING,
    InstanceNorm,
    PatchJudge,
    PixelNorm,
    StainGenerator,
    build_stain_generator,
)

SMALL = {"widths": (4, 6, 8), "blocks": 2}


def reach_of(generator: StainGenerator, side: int = 192) -> int:
    """Return how far the pixels that a change of one pixel touches lie from it."""
    at = side // 2
    one = torch.zeros(1, 3, side, side, dtype=torch.float64)
    other = one.clone()
    other[..., at, at] = 1
    with torch.no_grad():
        changed = (generator(one) - generator(other)).abs().sum(1)[0] > 0
    rows, columns = torch.nonzero(changed, as_tuple=True)
    places = torch.cat([rows, columns]) - at
    return int(places.abs().max())


@pytest.mark.parametrize("preset", ["paper", "compact", "resnet"])
def test_each_preset_draws_pictures_of_the_size_that_it_is_given(preset: str) -> None:
    widths = (4, 6, 8, 10) if preset == "paper" else (4, 6, 8)
    generator = build_stain_generator(preset, widths=widths, blocks=1)
    drawn = generator(torch.zeros(1, 3, 40, 48))
    assert drawn.shape == (1, 3, 40, 48)
    assert drawn.abs().max() <= 1


def test_the_paper_preset_is_that_of_section_3_1() -> None:
    with torch.device("meta"):
        generator = build_stain_generator("paper")
    assert generator.stride == 8, "three strided convolutions: 288 px become 36"
    assert len(generator.blocks) == 10
    assert sum(isinstance(module, nn.ConvTranspose2d) for module in generator.modules()) == 3
    assert generator.enter.conv.kernel_size == generator.leave.kernel_size == (7, 7)
    assert generator.skips
    assert not generator.local


def test_skips_hand_features_of_the_same_resolution_on() -> None:
    with_skips = build_stain_generator("paper", widths=(4, 6, 8), blocks=1)
    without = build_stain_generator("paper", widths=(4, 6, 8), blocks=1, skips=False)
    assert with_skips.leave.in_channels == 2 * without.leave.in_channels
    assert [up.conv.in_channels for up in with_skips.up] == [2 * up.conv.in_channels for up in without.up]


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_pixel_sees_no_further_than_the_margin(blocks: int) -> None:
    torch.manual_seed(0)
    generator = build_stain_generator("compact", widths=(4, 6, 8), blocks=blocks).double()
    reach = reach_of(generator)
    assert reach <= generator.margin
    assert reach >= generator.margin - 2 * generator.stride, "a margin of more is wasted time"


def test_a_window_with_its_margin_is_what_the_whole_is_there() -> None:
    torch.manual_seed(1)
    generator = build_stain_generator("compact", **SMALL).double()
    image = torch.rand(1, 3, 160, 176, dtype=torch.float64) * 2 - 1
    margin = generator.margin
    with torch.no_grad():
        whole = generator(image)
        part = generator(image[..., 60 - margin : 100 + margin, 64 - margin : 96 + margin])
    inner = part[..., margin:-margin, margin:-margin]
    assert torch.allclose(inner, whole[..., 60:100, 64:96], atol=1e-12)


def test_with_instance_norm_a_window_depends_on_what_else_is_in_it() -> None:
    torch.manual_seed(1)
    generator = build_stain_generator("compact", norm="instance", **SMALL).double()
    image = torch.rand(1, 3, 160, 160, dtype=torch.float64) ** 4 * 2 - 1
    image[..., :80] = image[..., :80] * 0.2 + 0.8
    margin = generator.margin
    with torch.no_grad():
        whole = generator(image)
        part = generator(image[..., 60 - margin : 100 + margin, 60 - margin : 100 + margin])
    assert not torch.allclose(
        part[..., margin:-margin, margin:-margin], whole[..., 60:100, 60:100], atol=1e-3
    )


def test_instance_norm_is_that_of_torch() -> None:
    x = torch.randn(2, 5, 9, 7) * 3 + 1
    assert torch.allclose(InstanceNorm()(x), nn.functional.instance_norm(x), atol=1e-5)


def test_pixel_norm_looks_at_one_pixel() -> None:
    x = torch.randn(1, 6, 4, 4)
    changed = x.clone()
    changed[..., 0, 0] += 5
    one, other = PixelNorm(6)(x), PixelNorm(6)(changed)
    assert torch.equal(one[..., 1:, :], other[..., 1:, :])
    assert torch.allclose(one.mean(1), torch.zeros(1, 4, 4), atol=1e-6)


def test_steering_changes_the_picture_and_its_absence_means_unknown() -> None:
    torch.manual_seed(0)
    generator = build_stain_generator("compact", steering=STEERING, **SMALL)
    image = torch.rand(1, 3, 32, 32)
    planes = torch.zeros(1, STEERING, 32, 32)
    assert torch.equal(generator(image), generator(image, planes))
    planes[:, 0, 8:16, 8:16] = planes[:, 2] = 1
    assert not torch.equal(generator(image), generator(image, planes))


def test_a_judge_gives_a_verdict_a_patch() -> None:
    judge = PatchJudge((4, 8, 8, 8), 3)
    assert judge(torch.zeros(2, 3, 64, 64)).shape == (2, 1, 6, 6)


def test_weights_begin_as_xavier_says() -> None:
    generator = build_stain_generator("compact", widths=(32, 64), blocks=1)
    weight = generator.blocks[0].second.weight
    expected = (2 / (64 * 9 + 64 * 9)) ** 0.5
    assert float(weight.detach().std()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("preset", "options", "said"),
    [("huge", {}, "no stain preset 'huge'"), ("compact", {"colour": 1}, "cannot be built so")],
)
def test_what_cannot_be_built_is_one_sentence(preset: str, options: dict[str, int], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        build_stain_generator(preset, **options)
