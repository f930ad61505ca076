from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.paint.surroundings import Surroundings

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)


def look(labels: np.ndarray, um_per_px: float = 1.0, **options: float) -> Surroundings:
    return Surroundings.measure(
        labels, um_per_px, epithelium=EPITHELIUM, stroma=STROMA, nuclei=NUCLEI, seed=0, **options
    )


def ring(outer: float, inner: float, cleft: float = 0.0, size: int = 160) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    radius = np.hypot(y, x)
    labels = np.full(radius.shape, STROMA, np.uint8)
    labels[radius < outer + cleft] = BACKGROUND
    labels[radius < outer] = EPITHELIUM
    labels[radius < inner] = BACKGROUND
    return labels, radius


def test_depth_and_height_of_a_ring_are_measured_in_micrometers():
    labels, radius = ring(60, 35)
    around = look(labels, um_per_px=2.0)
    middle = np.abs(radius - 50) < 0.5
    assert around.depth[middle] == pytest.approx(2.0 * 10, abs=2.5)
    assert around.apical[middle] == pytest.approx(2.0 * 15, abs=2.5)
    assert around.height[middle] == pytest.approx(2.0 * 25, abs=4.5)


def test_cells_rise_towards_the_lumen():
    labels, radius = ring(60, 35)
    around = look(labels)
    y, x = np.mgrid[:160, :160] - 79.5
    inward = np.arctan2(-y, -x)
    off = np.abs(np.angle(np.exp(1j * (around.rise - inward))))
    assert off[np.abs(radius - 52) < 3].max() < 0.3


def test_a_cleft_counts_as_stroma_and_a_lumen_does_not():
    labels, radius = ring(60, 35, cleft=4)
    around = look(labels)
    near_cleft, near_lumen = np.abs(radius - 58) < 0.5, np.abs(radius - 37) < 0.5
    assert around.depth[near_cleft].max() < 4
    assert around.apical[near_lumen].max() < 4
    assert around.depth[near_lumen].min() > 19


def test_nuclei_on_the_map_change_nothing():
    labels, _ = ring(60, 35)
    dotted = labels.copy()
    dotted[20:24, 78:84] = NUCLEI  # across the outer border's inside
    dotted[40:44, 78:84] = NUCLEI
    plain, seen = look(labels), look(dotted)
    assert np.abs(plain.depth - seen.depth).max() < 4
    assert np.abs(plain.outside - seen.outside).max() < 4


def test_without_stroma_the_base_is_far():
    around = look(np.full((30, 30), EPITHELIUM, np.uint8))
    assert around.depth.min() > 500


def test_fibers_run_along_a_gland():
    labels = np.full((200, 200), STROMA, np.uint8)
    labels[:60] = EPITHELIUM
    around = look(labels, fiber_angle=np.pi / 2)
    assert np.abs(np.sin(around.fiber[62:66])).max() < 0.5


def test_cells_cover_the_map_at_any_size():
    labels = np.full((65, 33), STROMA, np.uint8)
    around = look(labels, um_per_px=0.3)
    assert around.cell == 4
    assert around.depth.shape == (17, 9)
    share = around.share(np.ones(labels.shape, bool))
    assert share.shape == (17, 9)
    assert share[:-1, :-1].min() == 1
