from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.paint.fields import cell_of, layered_noise, smooth_noise


@pytest.mark.parametrize("layers", [1, 3])
def test_noise_has_mean_zero_and_deviation_one(layers):
    field = layered_noise(1, 0, (600, 600), um_per_px=1.0, scale_um=6.0, layers=layers)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1.0, abs=0.05)


def test_overlapping_windows_agree():
    whole = smooth_noise(3, 1, (50, 60), um_per_px=0.62, scale_um=9.0)
    part = smooth_noise(3, 1, (20, 30), um_per_px=0.62, scale_um=9.0, origin_um=(10 * 0.62, 20 * 0.62))
    np.testing.assert_allclose(part, whole[10:30, 20:50], atol=1e-4)


def test_the_field_is_the_same_at_any_magnification():
    coarse = smooth_noise(3, 1, (40, 40), um_per_px=1.0, scale_um=12.0)
    fine = smooth_noise(3, 1, (120, 120), um_per_px=1 / 3, scale_um=12.0)
    np.testing.assert_allclose(fine[1::3, 1::3], coarse, atol=1e-4)


def test_it_is_smooth_over_its_scale():
    field = smooth_noise(5, 0, (300, 300), um_per_px=1.0, scale_um=30.0)
    assert np.abs(np.diff(field, axis=1)).max() < 5 / 30


def test_streams_and_seeds_are_independent():
    fields = [
        smooth_noise(seed, stream, (300, 300), um_per_px=1.0, scale_um=5.0).ravel()
        for seed, stream in ((1, 0), (1, 1), (2, 0))
    ]
    correlation = np.corrcoef(fields) - np.eye(3)
    assert np.abs(correlation).max() < 0.06


@pytest.mark.parametrize(("um_per_px", "cell"), [(0.1, 12), (0.62, 2), (1.0, 1), (10.0, 1)])
def test_a_cell_is_about_a_micrometer_and_never_less_than_a_pixel(um_per_px, cell):
    assert cell_of(um_per_px) == cell
