"""The segmentation network: sizes, what a pixel depends on, how windows join, that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_histosynth.paint.unet import SegmentationNet


@pytest.fixture(scope="module")
def net() -> SegmentationNet:
    torch.manual_seed(0)
    net = SegmentationNet(4, (6, 8, 8, 8))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def test_logits_have_the_size_of_the_picture_and_a_channel_a_class(net: SegmentationNet) -> None:
    assert net(torch.zeros(2, 3, 48, 32)).shape == (2, 4, 48, 32)


def test_stride_is_three_poolings_of_folded_pixels(net: SegmentationNet) -> None:
    assert net.stride == 2 * 2**3
    assert net.halo % net.stride == 0


def test_nothing_beyond_the_receptive_field_matters_and_something_near_its_edge_does(
    net: SegmentationNet,
) -> None:
    side = 2 * net.halo + net.stride
    middles = range(net.halo, net.halo + net.stride)  # one pixel at each place of the stride's grid
    reached = []
    for y in middles:
        image = torch.randn(1, 3, side, net.stride * 2, dtype=torch.float64, requires_grad=True)
        logits = net.double()(image)
        (gradient,) = torch.autograd.grad(logits[0, :, y].sum(), image)
        rows = gradient.abs().sum((0, 1, 3)).nonzero().ravel()
        reached += [y - int(rows.min()), int(rows.max()) - y]
    net.float()
    assert max(reached) <= net.receptive_field
    assert max(reached) == net.receptive_field


def test_a_window_with_its_halo_gives_the_logits_of_the_whole(net: SegmentationNet) -> None:
    torch.manual_seed(1)
    side = 2 * net.halo + 4 * net.stride
    image = torch.randn(1, 3, side, side)
    left = net.stride
    with torch.inference_mode():
        whole = net(image)
        cut = net(image[..., left : left + 2 * net.halo + net.stride])
    inside = slice(net.halo, net.halo + net.stride)
    there = slice(left + net.halo, left + net.halo + net.stride)
    torch.testing.assert_close(cut[..., inside, inside], whole[..., inside, there], rtol=1e-4, atol=1e-4)


def test_a_few_steps_teach_it_the_brightness_of_a_pixel() -> None:
    torch.manual_seed(0)
    net = SegmentationNet(2, (8, 8, 8, 8))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    image = torch.rand(4, 3, 32, 32) * 2 - 1
    truth = (image.mean(1) > 0).long()
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(image), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5  # chance is 0.69
