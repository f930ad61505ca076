"""Stain as a layer: the typical one becomes any, exactly in its colors, and nearly back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_histosynth.core.stain import read_stain, stain_colors
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.paint.restain import restain, to_typical

BLUE = torch.tensor([[1.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.3, 0.0, 1.0]])


def _picture(stain: np.ndarray) -> torch.Tensor:
    """Three pixels: hematoxylin, eosin and glass of a stain."""
    return from_rgb(stain_colors(stain)[None, None], "cpu")


def test_the_colors_of_one_stain_become_those_of_another() -> None:
    drawn = to_rgb(restain(_picture(np.zeros(9)), BLUE))[0, 0].astype(int)
    assert np.abs(drawn - stain_colors(BLUE[0].numpy())).max() <= 3


def test_the_typical_stain_changes_nothing() -> None:
    picture = torch.rand(2, 3, 8, 8) * 1.9 - 0.95
    assert torch.allclose(restain(picture, torch.zeros(2, 9)), picture, atol=1e-5)


def test_the_way_back_is_nearly_right() -> None:
    there = restain(_picture(np.zeros(9)), BLUE)
    back = to_rgb(to_typical(there, BLUE))[0, 0].astype(int)
    assert np.abs(back - stain_colors(np.zeros(9))).max() <= 12


def test_a_stain_that_varies_is_taken_pixel_by_pixel() -> None:
    picture = torch.rand(1, 3, 4, 2) * 1.9 - 0.95
    varying = torch.zeros(1, 9, 4, 2)
    varying[..., 1] = BLUE[:, :, None]
    drawn = restain(picture, varying)
    assert torch.allclose(drawn[..., :1], restain(picture[..., :1], torch.zeros(1, 9)), atol=1e-6)
    assert torch.allclose(drawn[..., 1:], restain(picture[..., 1:], BLUE), atol=1e-6)


def test_a_stain_far_outside_stays_a_picture() -> None:
    drawn = restain(torch.rand(1, 3, 8, 8) * 2 - 1, torch.full((1, 9), -50.0))
    assert torch.isfinite(drawn).all()
    assert drawn.abs().max() <= 1


def test_gradients_flow_after_drawing_in_inference_mode() -> None:
    with torch.inference_mode():
        restain(torch.zeros(1, 3, 2, 2), BLUE)
    picture = torch.zeros(1, 3, 2, 2, requires_grad=True)
    restain(picture, BLUE).sum().backward()
    assert picture.grad is not None
    assert (picture.grad != 0).all()


def test_the_stain_of_a_restained_picture_is_the_one_given() -> None:
    rng = np.random.default_rng(0)
    rgb = np.full((96, 96, 3), stain_colors(np.zeros(9))[1], np.uint8)
    rgb[rng.random((96, 96)) < 0.3] = stain_colors(np.zeros(9))[0]
    rgb[:, :24] = stain_colors(np.zeros(9))[2]
    drawn = to_rgb(restain(from_rgb(rgb[None], "cpu"), BLUE))[0]
    assert np.abs(read_stain(drawn) - BLUE[0].numpy()).max() < 0.2


def test_a_stain_far_outside_has_gradients() -> None:
    picture = (torch.rand(1, 3, 8, 8) * 2 - 1).requires_grad_()
    for stain in (torch.full((1, 9), -50.0), torch.full((1, 9), 50.0), torch.full((1, 9), -3.0)):
        (gradient,) = torch.autograd.grad(restain(to_typical(picture, stain), stain).sum(), [picture])
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("change", [restain, to_typical])
def test_stains_are_changed_in_full_precision_whatever_the_networks_use(
    change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    picture = torch.rand(1, 3, 8, 8) * 2 - 1
    dense = torch.tensor([[2.4, 2.9, 1.4, 2.4, 2.1, 0.7, 0.0, 0.0, 0.0]])  # a very dark, very blue scan
    plain = change(picture, dense)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(change(picture, dense), plain, atol=0, rtol=0)
