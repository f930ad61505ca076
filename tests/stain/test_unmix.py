"""Optical density split into stains."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.unmix import StainBasis, estimate_basis, optical_density


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    """Return the angle of two colors in degrees."""
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def test_density_is_the_logarithm_of_light_lost() -> None:
    rgb = np.array([[255, 127, 0]], np.uint8)
    assert optical_density(rgb) == pytest.approx(np.array([[0, np.log10(2), np.log10(256)]]), abs=1e-6)


@pytest.mark.parametrize("stains", ["hdab", "he"])
def test_unmixing_gives_back_what_was_mixed(stains: str) -> None:
    basis = StainBasis.usual(stains)  # type: ignore[arg-type]
    amounts = np.random.default_rng(0).uniform(0, 1.5, (50, 2))
    first, second = basis.unmix(amounts @ basis.vectors)
    assert np.stack([first, second], axis=-1) == pytest.approx(amounts, abs=1e-5)


def test_no_stain_is_negative_and_the_other_explains_the_most() -> None:
    basis = StainBasis.usual("hdab")
    bluer_than_hematoxylin = np.array([1.0, 0.6, 0.0])
    first, second = basis.unmix(bluer_than_hematoxylin)
    assert second == 0
    assert first == pytest.approx(bluer_than_hematoxylin @ basis.vectors[0])
    assert [float(plane) for plane in basis.unmix(-np.ones(3))] == [0, 0]


def test_colors_are_read_from_the_picture() -> None:
    rng = np.random.default_rng(1)
    vectors = np.array([[0.80, 0.52, 0.28], [0.40, 0.58, 0.71]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    glass = np.array([0.05, 0.05, 0.03])
    amounts = np.zeros((9000, 2))
    amounts[3000:7000, 0] = rng.uniform(0.3, 0.6, 4000)
    amounts[7000:, 1] = rng.uniform(0.5, 1.2, 2000)
    density = amounts @ vectors + glass + rng.normal(0, 0.004, (9000, 3))
    found = estimate_basis(density, "hdab")
    assert _angle(found.vectors[0], vectors[0]) < 1.5
    assert _angle(found.vectors[1], vectors[1]) < 1.5
    assert found.glass == pytest.approx(glass, abs=0.02)


def test_a_picture_without_brown_keeps_the_usual_brown() -> None:
    usual = StainBasis.usual("hdab")
    blue = np.linspace(0.2, 0.6, 2000)[:, None] * usual.vectors[0]
    found = estimate_basis(np.concatenate([np.zeros((500, 3)), blue]), "hdab")
    assert np.array_equal(found.vectors[1], usual.vectors[1])


@pytest.mark.parametrize("density", [np.zeros((0, 3)), np.zeros((100, 3)), np.full((100, 3), 2.4)])
def test_nothing_to_read_leaves_the_usual_colors(density: np.ndarray) -> None:
    assert np.allclose(estimate_basis(density, "he").vectors, StainBasis.usual("he").vectors)


def test_unknown_stains_are_refused() -> None:
    with pytest.raises(ImageError, match="'masson'"):
        StainBasis.usual("masson")  # type: ignore[arg-type]


def test_a_color_of_very_few_pixels_is_the_usual_one() -> None:
    from napari_histosynth.stain.unmix import _color

    usual = np.array([0.6, 0.7, 0.3])
    few = np.array([[1.0, 0.2, 0.1], [0.1, 0.2, 1.0]])
    found = _color(few, np.array([0.0, 1.0]), usual, 10.0)
    assert np.isfinite(found).all()
    assert np.array_equal(found, usual), "none lies between the percentiles that are looked at"
