"""Crops that are turned, scaled and bent."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.layout.warp import warped


def test_without_any_amount_a_crop_is_a_crop() -> None:
    planes = np.random.default_rng(0).random((40, 32, 4), np.float32)
    made = warped(np.random.default_rng(1), planes, 32, 0.0)
    found = [np.abs(made - planes[y : y + 32]).max() for y in range(9)]
    # it may begin between two pixels
    assert made.shape == (32, 32, 4)
    assert min(found) < 0.6
    rng = np.random.default_rng(2)
    np.testing.assert_allclose(warped(rng, planes[:32], 32, 0.0), planes[:32], atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 80), (20, 33)])  # larger and smaller than a crop
def test_crops_stay_within_what_there_is_and_differ(shape: tuple[int, int]) -> None:
    planes = np.zeros((*shape, 2), np.float32)
    planes[..., 0], planes[:, shape[1] // 2 :, 1] = 3.0, 1.0
    rng = np.random.default_rng(0)
    made = [warped(rng, planes, 48, 0.2) for _ in range(6)]
    for one in made:
        np.testing.assert_allclose(one[..., 0], 3.0, rtol=1e-5)
        assert one[..., 1].min() >= 0
        assert one[..., 1].max() <= 1
    assert len({one.tobytes() for one in made}) == 6
