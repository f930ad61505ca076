"""Noise is a function of position, and looks like nothing but noise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window, tile_windows

SIDE = 512
WHOLE = Window(-200, SIDE - 200, -100, SIDE - 100)
KEYS = [
    (0, 0, 0),
    (1, 0, 0),
    (-1, 0, 0),
    (2**32, 0, 0),
    (2**63, 0, 0),
    (0, 1, 0),
    (0, 2, 0),
    (0, 0, 1),
    (1, 1, 1),
]


def mix(value: int) -> int:
    """Scramble 32 bits as the module's docstring says, one step at a time."""
    value %= 2**32
    value ^= value >> 16
    value = value * 0x7FEB352D % 2**32
    value ^= value >> 15
    value = value * 0x846CA68B % 2**32
    return value ^ value >> 16


def documented_value(seed: int, stream: int, level: int, y: int, x: int) -> float:
    """Draw one pixel by the documented formula, in plain integers and with SciPy's quantile function."""
    from scipy.special import ndtri

    seed %= 2**64
    key = mix(mix(mix(seed % 2**32) ^ seed >> 32) + mix(stream + 0x9E3779B9) + mix(level + 0x3C6EF372))
    row = mix(y * 0x9E3779B1 % 2**32 ^ key)
    column = (x * 0x85EBCA77 + mix(key + 0x165667B1)) % 2**32
    hashed = mix(mix(row ^ column) + row)
    return round(float(ndtri(((hashed >> 16) + 0.5) / 65536)) * 2**17) / 2**17


@pytest.fixture(scope="module")
def fields() -> dict[tuple[int, int, int], np.ndarray]:
    return {key: gaussian(*key, WHOLE).astype(float) for key in KEYS}


@pytest.mark.parametrize(
    "key", [(0, 0, 0), (7, 3, 2), (-5, 0, 1), (2**40 + 9, 2**32 - 1, 0), (2**64 + 7, 3, 2)]
)
@pytest.mark.parametrize(
    "corner", [(0, 0), (-3, -2), (16383, 5), (-(2**31), 2**31 - 1), (2**32 - 1, -(2**33))]
)
def test_every_pixel_follows_the_documented_formula(
    key: tuple[int, int, int], corner: tuple[int, int]
) -> None:
    y0, x0 = corner
    expected = [[documented_value(*key, y0 + dy, x0 + dx) for dx in range(3)] for dy in range(2)]
    assert gaussian(*key, Window(y0, y0 + 2, x0, x0 + 3)).tolist() == expected


def test_noise_is_float32_of_the_shape_of_the_window() -> None:
    noise = gaussian(0, 0, 0, Window(-3, 4, 10, 15))
    assert noise.dtype == np.float32
    assert noise.shape == (7, 5)


@pytest.mark.parametrize("window", [Window(3, 3, 0, 5), Window(0, 5, 2, 2)])
def test_an_empty_window_gives_an_empty_array(window: Window) -> None:
    assert gaussian(0, 0, 0, window).shape == window.shape


@pytest.mark.parametrize(
    "part",
    [
        Window(-200, -199, -100, -99),
        Window(-1, 1, -1, 1),
        Window(-7, 33, 5, 78),
        Window(0, 311, -100, 411),
        Window(310, 312, 409, 412),
    ],
)
def test_any_window_is_the_crop_of_a_larger_one(part: Window) -> None:
    whole = gaussian(5, 2, 1, WHOLE)
    crop = whole[part.relative_to(WHOLE).slices]
    np.testing.assert_array_equal(gaussian(5, 2, 1, part), crop)


@pytest.mark.parametrize("tile", [1, 37, 256])
def test_tiles_in_any_order_join_to_the_whole(tile: int) -> None:
    window = Window(-41, 23, -13, 50)
    joined = np.empty(window.shape, dtype=np.float32)
    for part in reversed(list(tile_windows(window, tile))):
        joined[part.relative_to(window).slices] = gaussian(9, 0, 0, part)
    np.testing.assert_array_equal(joined, gaussian(9, 0, 0, window))


# In the following, means are compared with their standard errors were all draws independent standard normals:
# 5 standard errors are allowed, or 6.5 where hundreds of thousands of means are searched for the largest.


@pytest.mark.parametrize("key", KEYS)
def test_moments_are_those_of_the_standard_normal(
    key: tuple[int, int, int], fields: dict[tuple[int, int, int], np.ndarray]
) -> None:
    field = fields[key]
    errors = {1: 1, 2: math.sqrt(2), 3: math.sqrt(15), 4: math.sqrt(96)}
    for power, error in errors.items():
        expected = {1: 0, 2: 1, 3: 0, 4: 3}[power]
        assert abs((field**power).mean() - expected) < 5 * error / SIDE, power


def test_magnitudes_end_at_the_outermost_quantile(
    fields: dict[tuple[int, int, int], np.ndarray],
) -> None:
    largest = max(np.abs(field).max() for field in fields.values())
    assert 4 < largest <= 4.33


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(KEYS, 2)))
def test_seeds_streams_and_levels_are_independent_at_every_shift(
    first: tuple[int, int, int],
    second: tuple[int, int, int],
    fields: dict[tuple[int, int, int], np.ndarray],
) -> None:
    spectra = np.fft.rfft2(fields[first]), np.fft.rfft2(fields[second])
    correlation = np.fft.irfft2(spectra[0] * spectra[1].conj()) / SIDE**2
    assert abs(correlation[0, 0]) < 5 / SIDE
    assert np.abs(correlation).max() < 6.5 / SIDE


@pytest.mark.parametrize("of", [lambda field: field, np.abs, np.square])
def test_pixels_do_not_correlate_with_neighbors_near_or_far(
    of: object, fields: dict[tuple[int, int, int], np.ndarray]
) -> None:
    for field in fields.values():
        values = of(field)  # type: ignore[operator]
        values = (values - values.mean()) / values.std()
        correlation = np.fft.irfft2(np.abs(np.fft.rfft2(values)) ** 2) / SIDE**2
        correlation[0, 0] = 0
        assert np.abs(correlation).max() < 6.5 / SIDE


def test_the_spectrum_is_flat_without_peaks(fields: dict[tuple[int, int, int], np.ndarray]) -> None:
    for field in fields.values():
        power = (np.abs(np.fft.rfft2(field)) ** 2 / SIDE**2)[1:, 1 : SIDE // 2]
        # Power is exponential with mean 1: the largest of n exceeds ln n + 9 in one field of 8,000.
        assert power.max() < math.log(power.size) + 9
        bands = power[: SIDE // 8 * 7].reshape(7, SIDE // 8, -1).mean(axis=(1, 2))
        assert np.abs(bands - 1).max() < 5 / math.sqrt(SIDE // 8 * power.shape[1])


def test_rows_and_columns_show_no_stripes(fields: dict[tuple[int, int, int], np.ndarray]) -> None:
    for field in fields.values():
        for axis in (0, 1):
            means = field.mean(axis=axis) * math.sqrt(SIDE)
            assert abs(means.std() - 1) < 5 / math.sqrt(2 * SIDE)
            assert np.abs(means).max() < 5.5


def test_rectangles_do_not_repeat_as_they_do_when_rows_and_columns_are_merely_xored(
    fields: dict[tuple[int, int, int], np.ndarray],
) -> None:
    for field in fields.values():
        for dy, dx in itertools.product((1, 2, 16, 64), repeat=2):
            pairs = field * np.roll(field, dy, axis=0)
            corners = pairs * np.roll(pairs, dx, axis=1)
            assert abs(corners.mean()) < 5.5 / SIDE, (dy, dx)


def test_the_field_has_no_low_rank_part(fields: dict[tuple[int, int, int], np.ndarray]) -> None:
    for field in fields.values():
        largest = np.linalg.norm(field, ord=2)
        # Random matrix theory: 2 sqrt(n), give or take some n**(-1/6).
        assert abs(largest / math.sqrt(SIDE) - 2) < 0.1
