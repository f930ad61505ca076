"""Similarity of pictures, against formulas and an independent implementation."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import structural_similarity

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.study.stainsimilarity import LEAST_SIDE, WHOLE, residual_map, similarities

Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def picture() -> Pixels:
    """Blurred noise, away from black and white, uint8 (176, 192, 3)."""
    from scipy import ndimage

    noise = np.random.default_rng(0).normal(0, 1, (176, 192, 3))
    smooth = ndimage.gaussian_filter(noise, (3, 3, 0))
    return np.clip(128 + 40 * smooth / smooth.std(), 20, 230).astype(np.uint8)


def test_a_picture_is_itself(picture: Pixels) -> None:
    found = similarities([picture], [picture])
    assert (found["ssim"][0], found["ms_ssim"][0]) == (pytest.approx(1), pytest.approx(1))
    assert (found["psnr"][0], found["mae"][0]) == (np.inf, 0)


def test_a_constant_difference_gives_what_the_formulas_say(picture: Pixels) -> None:
    found = similarities([picture], [picture + 10])
    assert found["mae"][0] == pytest.approx(10)
    assert found["psnr"][0] == pytest.approx(20 * np.log10(255 / 10))


def test_ssim_is_that_of_another_implementation(picture: Pixels) -> None:
    noise = np.random.default_rng(1).normal(0, 12, picture.shape)
    other = np.clip(picture + noise, 0, 255).astype(np.uint8)
    expected = structural_similarity(
        picture / 255, other / 255, data_range=1.0, channel_axis=2, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    found = similarities([picture, picture], [other, picture])
    assert found["ssim"][0] == pytest.approx(expected, abs=2e-3)
    assert found["ssim"][0] < found["ms_ssim"][0] < 1  # fine noise is gone at coarser scales


def test_pictures_that_cannot_be_compared_are_refused(picture: Pixels) -> None:
    small = np.zeros((LEAST_SIDE - 1, 200, 3), np.uint8)
    with pytest.raises(ImageError, match="161 px a side or more"):
        similarities([small], [small])
    with pytest.raises(ImageError, match="cannot be compared"):
        similarities([picture], [picture[:, :-8]])


def test_a_missing_package_is_one_sentence(picture: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics.functional", None)
    with pytest.raises(HistosynthError, match=r"pip install 'napari-histosynth\[study\]'"):
        similarities([picture], [picture])


def test_residuals_are_white_where_pictures_agree_and_darken_with_the_difference() -> None:
    one = np.full((1, 4, 3), 100, np.uint8)
    other = one.copy()
    other[0, 1:] += np.array([[WHOLE // 3], [WHOLE], [WHOLE + 50]], np.uint8)
    shown = residual_map(one, other)[0]
    assert (shown[0] == 255).all()
    brightness = shown.mean(1)
    assert brightness[0] > brightness[1] > brightness[2] == brightness[3]
