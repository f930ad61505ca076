"""The flow of layouts: local, of any size, exact where the direction is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.layout.flow import Flow, carried, noisy, times_of


@pytest.fixture(params=[0, 5])
def flow(request: pytest.FixtureRequest) -> Flow:
    torch.manual_seed(0)
    made = Flow(6, (8, 8), 2, request.param)
    for one in made.parameters():
        torch.nn.init.normal_(one, std=0.2)
    return made.eval().requires_grad_(False)


def test_a_direction_depends_on_what_is_within_reach_alone(flow: Flow) -> None:
    torch.manual_seed(1)
    side = 2 * flow.reach + 16
    x, time = torch.randn(1, 6, side, side), torch.tensor([0.3])
    before = flow(x, time, torch.tensor([[1.0, 0.0]]))
    y = x.clone()
    y[..., side // 2, side // 2] += 10
    changed = (flow(y, time, torch.tensor([[1.0, 0.0]])) - before).abs().amax((0, 1)) > 1e-6
    rows, columns = np.nonzero(changed.numpy())
    assert len(rows) > 100
    for places in (rows, columns):
        assert np.abs(places - side // 2).max() <= flow.reach


def test_grades_may_change_over_the_canvas(flow: Flow) -> None:
    torch.manual_seed(1)
    x, time = torch.randn(1, 6, 160, 64), torch.tensor([0.3])
    kinds = torch.eye(2)
    alike = [flow(x, time, kinds[k : k + 1]) for k in (0, 1)]
    planes = torch.zeros(1, 2, 160, 64)
    planes[:, 0, :80] = planes[:, 1, 80:] = 1
    mixed = flow(x, time, planes)
    assert (alike[0] - alike[1]).abs().mean() > 1e-3
    far = flow.reach
    torch.testing.assert_close(mixed[..., : 80 - far, :], alike[0][..., : 80 - far, :], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mixed[..., 80 + far :, :], alike[1][..., 80 + far :, :], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("start", [0.0, 0.25])
def test_a_flow_that_knows_the_picture_leads_to_it(start: float) -> None:
    torch.manual_seed(0)
    picture, noise = torch.randn(1, 6, 8, 8), torch.randn(1, 6, 8, 8)

    def knows(x: Tensor, time: Tensor, grade: Tensor | None) -> Tensor:
        return (picture - x) / (1 - time[0])

    made = carried(knows, picture, noise, start=start, steps=5)
    torch.testing.assert_close(made, picture, atol=1e-4, rtol=1e-4)


def test_guidance_goes_beyond_the_direction_of_the_grade_while_noise_is_strong() -> None:
    def tells(x: Tensor, time: Tensor, grade: Tensor | None) -> Tensor:
        return torch.full_like(x, 0.0 if grade is None else 1.0)

    nothing, grade = torch.zeros(1, 6, 8, 8), torch.ones(1, 2)
    ends = [
        carried(tells, nothing, nothing, grade, start=0, steps=3, guidance=g).mean().item()
        for g in (0.0, 0.5)
    ]
    assert ends == pytest.approx([1.0, 1.2])  # steps begin at 0, 1/7 and 2/5, of which two are guided


def test_drawing_is_told_of_and_can_be_cancelled(flow: Flow) -> None:
    told: list[float] = []
    x = torch.zeros(1, 6, 8, 8)
    carried(flow, x, x, start=0.1, steps=4, progress=told.append)
    assert told == [0.0, 0.25, 0.5, 0.75]

    def stop(share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        carried(flow, x, x, start=0.1, steps=4, progress=stop)


def test_times_are_bent_towards_noise_and_keep_their_ends() -> None:
    even = torch.linspace(0, 1, 5)
    bent = times_of(even, 3.0)
    assert bent[0] == 0
    assert bent[-1] == 1
    assert (bent[1:-1] < even[1:-1]).all()
    torch.testing.assert_close(times_of(even, 1.0), even)
    ends = noisy(torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1), torch.tensor([0.0, 1.0]))
    assert ends.flatten().tolist() == [0, 1]
