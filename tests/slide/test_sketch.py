"""Sketches of slides, in colors of a palette that was measured on real ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError, TrainingError
from napari_histosynth.core.stain import optical_density
from napari_histosynth.slide.layout import CLASSES, GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.levels import level_shape
from napari_histosynth.slide.sketch import Palette, draw_sketch

MEAN = np.array(
    [[0.05, 0.05, 0.05], [0.15, 0.3, 0.2], [0.35, 0.6, 0.35], [0.5, 0.8, 0.45], [0.25, 0.55, 0.3]], np.float32
)
COVARIANCE = np.stack([(0.0001 if kind == GLASS else 0.004) * (np.eye(3) + 1) for kind in range(CLASSES)])
SIZE = (64 * 256, 40 * 256)


def palette(*strengths: float) -> Palette:
    return Palette(
        np.stack([strength * MEAN for strength in strengths]),
        np.stack([COVARIANCE for _ in strengths]).astype(np.float32),
    )


def banded(*kinds: int) -> np.ndarray:
    """A layout of bands for a slide of ``SIZE``, each a number of whole pixels of the sketch."""
    height, width = level_shape(SIZE, 6)
    return np.repeat(np.array(kinds, np.uint8), height // len(kinds))[:, None].repeat(width, 1)


def picture_of(kinds: tuple[int, ...], spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture of bands in the colors of ``MEAN``, and its fractions."""
    truth = np.repeat(np.array(kinds), 30)[:, None].repeat(40, 1)
    noise = np.random.default_rng(seed).normal(0, spread, (*truth.shape, 3)) * (truth > 0)[..., None]
    picture = np.rint(256 * np.exp(-np.maximum(MEAN[truth] + noise, 0)) - 1).clip(0, 255).astype(np.uint8)
    return picture, np.stack([truth == kind for kind in range(CLASSES)]).astype(np.float32)


def test_a_palette_measures_the_color_of_each_class() -> None:
    measured = Palette.measured([picture_of((0, 1, 2, 3, 4), 0.05, 0), picture_of((0, 1, 2, 3, 4), 0.05, 1)])
    assert measured.mean.shape == (2, CLASSES, 3)
    assert measured.covariance.shape == (2, CLASSES, 3, 3)
    assert measured.mean.dtype == measured.covariance.dtype == np.float32
    np.testing.assert_allclose(measured.mean[0], MEAN, atol=0.02)
    spread = np.sqrt(np.einsum("skii->ski", measured.covariance))[:, MUCOSA]
    np.testing.assert_allclose(spread, 0.05, rtol=0.25)


def test_a_class_that_a_slide_lacks_is_as_dense_there_as_elsewhere_beside_its_tissue() -> None:
    measured = Palette.measured([picture_of((0, 1, 2, 3, 4), 0.02, 0), picture_of((0, 1, 2), 0.02, 1)])
    usual = [MEAN[1:].mean(0), MEAN[1:3].mean(0)]
    np.testing.assert_allclose(measured.mean[1, TUMOR], MEAN[TUMOR] * usual[1] / usual[0], rtol=0.08)
    assert (np.linalg.eigvalsh(measured.covariance[1, MUSCLE]) > 0).all()


def test_classes_that_no_slide_shows_have_colors_all_the_same() -> None:
    measured = Palette.measured([picture_of((0, 2), 0.02, 0)])
    assert (measured.mean[0, [TISSUE, TUMOR, MUSCLE]] > 0.1).all()
    assert measured.mean[0, TUMOR].sum() > measured.mean[0, MUCOSA].sum() > measured.mean[0, TISSUE].sum()


def test_palettes_of_nothing_are_refused() -> None:
    with pytest.raises(TrainingError, match="there is none"):
        Palette.measured([])
    with pytest.raises(TrainingError, match="Slide 1 shows no tissue"):
        Palette.measured([picture_of((0, 2), 0.02, 0), picture_of((0, 0), 0.02, 0)])
    with pytest.raises(ImageError, match="means"):
        Palette(np.zeros((2, 4, 3), np.float32), np.zeros((2, 5, 3, 3), np.float32))
    with pytest.raises(ImageError, match="covariances"):
        Palette(np.zeros((2, 5, 3), np.float32), np.zeros((1, 5, 3, 3), np.float32))


def test_a_seed_mixes_one_palette_between_those_of_two_slides() -> None:
    many = palette(0.5, 1.0, 1.5)
    shares = []
    for seed in range(30):
        mean, covariance = many.mixed(seed)
        np.testing.assert_array_equal(mean, many.mixed(seed)[0])
        np.testing.assert_allclose(covariance, COVARIANCE, rtol=1e-5)
        ratio = mean / MEAN
        assert np.ptp(ratio) < 1e-4, "all classes are mixed alike"
        shares.append(ratio.mean())
    assert min(shares) < 0.75
    assert max(shares) > 1.25
    assert 0.5 - 1e-6 <= min(shares) <= max(shares) <= 1.5 + 1e-6


def test_a_sketch_is_one_picture_a_seed() -> None:
    layout = banded(GLASS, MUCOSA)
    first, again, other = (draw_sketch(layout, SIZE, seed, palette(1.0)) for seed in (1, 1, 2))
    assert first.shape == (*level_shape(SIZE, 8), 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first[32:] != other[32:]).mean() > 0.5


def test_classes_have_the_colors_of_the_palette() -> None:
    layout = banded(TISSUE, MUCOSA, TUMOR, MUSCLE)
    drawn = [optical_density(draw_sketch(layout, SIZE, seed, palette(1.0))) for seed in range(5)]
    for band, kind in enumerate((TISSUE, MUCOSA, TUMOR, MUSCLE)):
        color = np.mean([density[16 * band : 16 * band + 16] for density in drawn], axis=(0, 1, 2))
        np.testing.assert_allclose(color, MEAN[kind], atol=0.04)


def test_glass_is_even_and_tissue_is_not() -> None:
    drawn = draw_sketch(banded(GLASS, MUCOSA), SIZE, 3, palette(1.0)).astype(float)
    assert drawn[:32].std((0, 1)).max() < 2.5
    assert drawn[32:].std((0, 1)).min() > 2.5
    assert np.abs(drawn[:32].mean((0, 1)) - 256 * np.exp(-0.05)).max() < 3


def test_neighbors_in_tissue_vary_together() -> None:
    density = optical_density(draw_sketch(banded(MUCOSA, MUCOSA), SIZE, 3, palette(1.0)))[..., 1]
    left = density - density.mean()
    near, far = (float((left[:, :-g] * left[:, g:]).mean() / left.var()) for g in (1, 20))
    assert 0.35 < near < 0.9
    assert abs(far) < 0.35


def test_a_pixel_of_two_classes_lets_through_the_mean_of_their_light() -> None:
    layout = banded(MUCOSA, MUCOSA)
    layout[:, 1::2] = GLASS
    even = Palette(MEAN[None], np.zeros((1, CLASSES, 3, 3), np.float32))
    drawn = draw_sketch(layout, SIZE, 0, even).astype(float)
    expected = 256 * (np.exp(-MEAN[MUCOSA]) + np.exp(-MEAN[GLASS])) / 2 - 1
    np.testing.assert_allclose(drawn.mean((0, 1)), expected, atol=1)
