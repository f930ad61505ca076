from __future__ import annotations

import math

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.seams import seam_measure


def texture(shape: tuple[int, int] = (512, 640), blur: float = 1.5) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    grain = np.random.default_rng(0).normal(0, 1, (*shape, 3))
    smooth = gaussian_filter(grain, (blur, blur, 0))
    return 128 + 30 * smooth / smooth.std()


def with_step(picture: np.ndarray, tile: int, height: float) -> np.ndarray:
    """Lift every second column of tiles."""
    stepped = picture.copy()
    for left in range(tile, picture.shape[1], 2 * tile):
        stepped[:, left : left + tile] += height
    return stepped


def test_texture_without_borders_is_one() -> None:
    found = seam_measure(texture(), 64)
    assert found.ratio == pytest.approx(1.0, abs=0.02)
    assert found.horizontal == pytest.approx(1.0, abs=0.03)
    assert found.vertical == pytest.approx(1.0, abs=0.03)
    assert abs(found.ratio - 1) < 3 * found.error < 0.05
    assert found.pixels == 7 * 640 + 9 * 512


def test_a_ramp_with_a_step_has_the_ratio_of_the_changes() -> None:
    ramp = np.tile(np.arange(300.0) * 2, (40, 1))  # 2 a pixel
    stepped = ramp + np.where(np.arange(300) >= 100, 3.0, 0)  # 5 at the one border
    found = seam_measure(stepped, 100, start=(0, 100))
    assert found.vertical == pytest.approx((5 + 2) / (2 + 2))  # borders at 100 and 200
    assert math.isnan(found.horizontal)


def test_a_step_shows_only_where_it_is() -> None:
    stepped = with_step(texture(), 64, 40)
    found = seam_measure(stepped, 64)
    assert found.vertical > 1.3
    assert found.horizontal == pytest.approx(1.0, abs=0.03)
    assert seam_measure(stepped, 64, start=(32, 32)).ratio == pytest.approx(1.0, abs=0.02)


def test_the_larger_the_step_the_larger_the_measure() -> None:
    found = [seam_measure(with_step(texture(), 64, height), 64).vertical for height in (0, 5, 10, 20, 40)]
    assert found == sorted(found)


def test_strong_and_faint_texture_are_told_by_their_own_changes() -> None:
    picture = texture()
    picture[:, :300] = 240 + (picture[:, :300] - 128) / 200  # glass
    assert seam_measure(picture, 64).ratio == pytest.approx(1.0, abs=0.03)


def test_a_lattice_of_the_network_is_no_seam_when_compared_at_the_same_place() -> None:
    picture = texture(blur=2.5)
    picture[::4] += 4
    picture[:, ::4] += 4
    assert abs(seam_measure(picture, 64).ratio - 1) > 0.03
    assert seam_measure(picture, 64, step=4).ratio == pytest.approx(1.0, abs=0.02)


def test_plain_pictures_have_no_seam_and_one_step_in_them_is_infinite() -> None:
    plain = np.full((100, 100, 3), 243, np.uint8)
    assert seam_measure(plain, 50).ratio == 1.0
    plain[:, 50:] = 240
    assert math.isinf(seam_measure(plain, 50).vertical)


def test_lazy_pictures_are_read_along_the_borders() -> None:
    import dask.array as da

    picture = texture().astype(np.uint8)
    assert seam_measure(da.from_array(picture, chunks=100), 64) == seam_measure(picture, 64)


def test_what_has_no_border_is_one_sentence() -> None:
    with pytest.raises(ImageError, match="no border"):
        seam_measure(np.zeros((60, 60, 3)), 64)
    with pytest.raises(ImageError, match="no inside"):
        seam_measure(np.zeros((60, 60, 3)), 4)
