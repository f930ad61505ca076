"""The stain of a picture: read from what it shows, varied, and shown as colors."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.stain import SPREAD, TYPICAL, read_stain, scale_stain, stain_colors

NUCLEUS, PINK, GLASS = (90, 50, 130), (226, 160, 200), (245, 243, 246)


def _tissue(nuclei: float = 0.2, side: int = 128) -> np.ndarray:
    """Eosin with a share of nuclei, glass on the left quarter; mild grain."""
    rng = np.random.default_rng(0)
    rgb = np.full((side, side, 3), PINK, np.uint8)
    rgb[rng.random((side, side)) < nuclei] = NUCLEUS
    rgb[:, : side // 4] = GLASS
    return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


def test_the_colors_of_a_picture_are_found() -> None:
    colors = stain_colors(read_stain(_tissue())).astype(int)
    assert np.abs(colors - (NUCLEUS, PINK, GLASS)).max() <= 5


def test_the_stain_does_not_depend_on_how_many_nuclei_there_are() -> None:
    few, many = (read_stain(_tissue(share)) for share in (0.15, 0.45))
    assert np.abs(few - many).max() < 0.1


def test_glass_without_tissue_has_the_typical_stain() -> None:
    stain = read_stain(np.full((64, 64, 3), 243, np.uint8))
    assert (stain[:6] == 0).all()
    assert (stain_colors(stain)[2] == 243).all()


def test_a_picture_without_glass_has_the_typical_glass() -> None:
    rgb = np.full((64, 64, 3), (190, 110, 170), np.uint8)
    assert (read_stain(rgb)[6:] == 0).all()


def test_gray_glass_is_glass() -> None:
    rgb = _tissue()
    rgb[:, :32] = 205
    assert np.abs(stain_colors(read_stain(rgb))[2].astype(int) - 205).max() <= 1


def test_scaling_the_density_of_a_picture_scales_its_stain() -> None:
    rgb = _tissue()
    scale = np.array([1.2, 0.9, 1.1])
    scaled = np.round(256 * ((rgb + 1) / 256) ** scale - 1).astype(np.uint8)
    expected = scale_stain(read_stain(rgb), scale)
    assert np.abs(read_stain(scaled) - expected)[:6].max() < 0.1
    assert np.abs(read_stain(scaled) - expected).max() < 0.3  # a count of glass is an eighth


def test_zeros_are_the_typical_stain() -> None:
    expected = 256 * np.exp(-(TYPICAL[:3] + TYPICAL[6:])) - 1
    assert np.abs(stain_colors(np.zeros(9))[0] - expected).max() <= 0.5
    assert (SPREAD > 0).all()


@pytest.mark.parametrize(
    "picture", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_picture_has_no_stain(picture: np.ndarray) -> None:
    with pytest.raises(ImageError, match="uint8"):
        read_stain(picture)
