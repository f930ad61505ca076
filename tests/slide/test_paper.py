"""URCDM's nine U-Nets: counts from the published table, a step of training each, a field, the arithmetic."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.slide.paper import (
    URCDM_EVALUATIONS,
    describe,
    diffusion_loss,
    draw_field,
    fields_across,
    paper_cascade,
    paper_plans,
    parameter_counts,
    slide_evaluations,
)
from napari_histosynth.slide.unets import build_scheduler, build_unet, noised

pytest.importorskip("diffusers")


def parameters_by_the_table(
    n_in: int, widths: list[int], depths: list[int], attention: list[bool], told_noise: bool
) -> int:
    """Count the parameters of a U-Net from the table alone: two 3x3 convolutions a residual block, ..."""
    time = 4 * widths[0]

    def convolution(before: int, after: int, side: int = 3) -> int:
        return before * after * side**2 + after

    def block(before: int, after: int) -> int:
        norms = 2 * before + 2 * after
        scale_and_shift = time * 2 * after + 2 * after
        shortcut = convolution(before, after, 1) if before != after else 0
        return norms + convolution(before, after) + convolution(after, after) + scale_and_shift + shortcut

    def attends(width: int) -> int:
        return 2 * width + 4 * (width * width + width)

    embedding = widths[0] * time + time + time * time + time
    total = embedding * (1 + told_noise) + convolution(n_in, widths[0])
    skips, before = [widths[0]], widths[0]
    for level, width in enumerate(widths):
        for _ in range(depths[level]):
            total += block(before, width) + attention[level] * attends(width)
            before = width
            skips.append(width)
        if level < len(widths) - 1:
            total += convolution(width, width)
            skips.append(width)
    total += 2 * block(before, before) + attention[-1] * attends(before)
    for level in reversed(range(len(widths))):
        for _ in range(depths[level] + 1):
            total += block(before + skips.pop(), widths[level]) + attention[level] * attends(widths[level])
            before = widths[level]
        if level:
            total += convolution(before, before)
    assert not skips
    return total + 2 * before + convolution(before, 3)


def test_the_u_nets_have_the_parameters_of_the_published_table() -> None:
    counts = parameter_counts(paper_cascade())
    for name, conditioned in (("low", 0), ("medium", 3), ("high", 3)):
        first = parameters_by_the_table(
            3 + conditioned, [256, 512, 768, 1024], [3] * 4, [False, True, True, True], False
        )
        second = parameters_by_the_table(
            6 + conditioned, [128, 256, 512, 1024], [2] * 4, [False, False, False, True], True
        )
        third = parameters_by_the_table(
            6 + conditioned, [128, 256, 512, 1024], [2, 4, 6, 8], [False] * 4, True
        )
        assert counts[name] == (first, second, third)
    assert f"{sum(map(sum, counts.values())):,}" in describe(counts)


def test_objectives_timesteps_and_crops_are_the_published_ones() -> None:
    for plans in paper_plans().values():
        assert [plan.size for plan in plans] == [64, 256, 1024]
        assert [plan.timesteps for plan in plans] == [1024, 256, 256]
        assert [plan.objective for plan in plans] == ["epsilon", "v_prediction", "v_prediction"]
        assert plans[2].crop == 256


def test_a_slide_takes_3_33_million_evaluations() -> None:
    assert [fields_across(side) for side in (1024, 6400, 41_344)] == [1, 7, 46]
    cascades, evaluations = slide_evaluations()
    assert cascades == 1 + 7 * 7 + 46 * 46 == 2166
    assert evaluations == 2166 * 1536 == URCDM_EVALUATIONS


@pytest.fixture(scope="module")
def narrow() -> nn.ModuleDict:
    torch.manual_seed(0)
    return paper_cascade("cpu", narrower=32)


@pytest.mark.parametrize("name", ["low", "high"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_u_net_learns_in_a_step(narrow: nn.ModuleDict, name: str, number: int) -> None:
    torch.manual_seed(1)
    plan, unet = paper_plans(narrower=32, smaller=8)[name][number], narrow[name][number]  # type: ignore[index]
    picture = torch.rand(2, 3, plan.crop, plan.crop) * 2 - 1
    coarse = nn.functional.avg_pool2d(picture, 4)
    condition = torch.rand(2, 3, 16, 16)
    optimizer = torch.optim.SGD(unet.parameters(), 0.05)

    def loss() -> torch.Tensor:
        torch.manual_seed(2)  # the same timesteps and noise
        return diffusion_loss(unet, plan, picture, coarse, condition)

    before = loss()
    before.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert loss().item() < before.item()


def test_a_field_is_drawn_by_three_u_nets_one_after_the_other(narrow: nn.ModuleDict) -> None:
    torch.manual_seed(3)
    plans = paper_plans(narrower=32, smaller=8)["medium"]
    field = draw_field(narrow["medium"], plans, torch.rand(1, 3, 16, 16), steps=(2, 2, 2))  # type: ignore[arg-type]
    assert field.shape == (1, 3, 128, 128)
    assert field.min() >= -1
    assert field.max() <= 1


def test_a_u_net_that_lacks_what_it_needs_says_so(narrow: nn.ModuleDict) -> None:
    plan = paper_plans(narrower=32, smaller=8)["high"][1]
    picture = torch.zeros(1, 3, 32, 32)
    with pytest.raises(ModelError, match="U-Net of 32 px needs a coarser picture"):
        diffusion_loss(narrow["high"][1], plan, picture)  # type: ignore[index]
    with pytest.raises(ModelError, match="needs a wider field"):
        diffusion_loss(narrow["high"][1], plan, picture, torch.zeros(1, 3, 8, 8))  # type: ignore[index]


@pytest.mark.parametrize("objective", ["epsilon", "v_prediction"])
def test_schedulers_turn_what_is_told_back_into_the_picture(objective: str) -> None:
    torch.manual_seed(4)
    picture, noise = torch.randn(1, 3, 4, 4).clamp(-1, 1), torch.randn(1, 3, 4, 4)
    scheduler = build_scheduler("ddpm", 256, objective)  # type: ignore[arg-type]
    noisy, told = noised(picture, noise, scheduler.alphas_cumprod[[100]], objective)  # type: ignore[arg-type]
    assert torch.allclose(noisy, scheduler.add_noise(picture, noise, torch.tensor([100])), atol=1e-6)
    found = scheduler.step(told, 100, noisy).pred_original_sample
    assert torch.allclose(found, picture, atol=1e-4)


def test_levels_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ModelError, match="not 2, 1 and 2"):
        build_unet(3, 3, [8, 8], [1], [False, False])


def test_without_diffusers_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModelError, match=r"pip install 'napari-histosynth\[diffusion\]'"):
        build_unet(3, 3, [8, 8], [1, 1], [False, False])


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(ModelError, match="no solver 'euler'"):
        build_scheduler("euler", 10, "epsilon")
