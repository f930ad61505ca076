"""From what the generator draws to a traced map: smooth outlines, no specks, lumens kept, local."""

from __future__ import annotations

import numpy as np
import pytest

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.layout import finish
from napari_histosynth.layout.finish import finished, resampled, speck_reach, without_specks

SCHEME = get_scheme("colon-2")
UM = 0.62


def _disk(labels: np.ndarray, y: int, x: int, radius: float, value: int) -> None:
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = value


def test_specks_go_and_lumens_stay() -> None:
    labels = np.ones((200, 200), np.uint8)
    _disk(labels, 60, 60, 40, 2)
    _disk(labels, 60, 60, 6, 0)  # a lumen of 7 um across
    before = labels.copy()
    _disk(labels, 150, 150, 4, 2)  # 5 um across: no gland
    _disk(labels, 60, 85, 4, 1)  # stroma in epithelium
    _disk(labels, 150, 60, 1, 0)  # a pore
    np.testing.assert_array_equal(without_specks(labels, SCHEME, UM), before)


def test_long_thin_pieces_stay() -> None:
    labels = np.full((120, 120), 2, np.uint8)
    labels[60, 10:110] = 1  # a strand of stroma between glands back to back
    np.testing.assert_array_equal(without_specks(labels, SCHEME, UM), labels)


@pytest.mark.parametrize("seed", range(3))
def test_windows_agree_with_the_whole(seed: int) -> None:
    noise = np.stack([gaussian(seed, k, 0, Window(0, 260, 0, 260)) for k in range(3)])
    labels = resampled(noise, Window(0, 260, 0, 260), 1.0, (0, 0), 3.0).argmax(0).astype(np.uint8)
    whole = without_specks(labels, SCHEME, 2.0)
    reach = speck_reach(SCHEME, 2.0)
    core = Window(100, 160, 90, 170)
    seen = core.grow(reach)
    part = without_specks(labels[seen.slices], SCHEME, 2.0)
    assert (whole != labels).any()
    np.testing.assert_array_equal(part[core.relative_to(seen).slices], whole[core.slices])


def test_tiles_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = np.stack([gaussian(1, k, 0, Window(0, 90, 0, 90)) for k in range(3)])
    image = np.clip(128 + 40 * np.moveaxis(amounts, 0, 2), 0, 255).astype(np.uint8)
    whole = finished(image, amounts, SCHEME, 1.24, (180, 170), UM)
    monkeypatch.setattr(finish, "_TILE", 50)
    cut = finished(image, amounts, SCHEME, 1.24, (180, 170), UM)
    np.testing.assert_array_equal(cut[0], whole[0])
    np.testing.assert_array_equal(cut[1], whole[1])


def test_outlines_are_smooth_where_they_should_be_and_lie_where_they_were() -> None:
    rows, columns = np.mgrid[:100, :100] + 0.5
    gland = np.hypot(rows - 50, columns - 50) < 30  # px of 1.24 um
    amounts = np.stack([np.full((100, 100), -1.0), np.where(gland, -1, 1), np.where(gland, 1, -1)])
    labels, _ = finished(
        np.zeros((100, 100, 3), np.uint8), amounts.astype(np.float32), SCHEME, 1.24, (200, 200), UM
    )
    fine_rows, fine_columns = np.mgrid[:200, :200] + 0.5
    true = np.hypot(fine_rows - 100, fine_columns - 100) < 60
    nearest = np.kron(gland, np.ones((2, 2), bool))
    wrong, jagged = ((made != true).mean() for made in (labels == 2, nearest))
    assert wrong < 0.6 * jagged


def test_resampling_reads_a_plane_where_it_lies() -> None:
    ramp = np.broadcast_to(np.arange(50, dtype=np.float32), (1, 40, 50))
    read = resampled(ramp, Window(8, 20, 30, 60), 0.5, (0.0, 3.0), 0.8)
    np.testing.assert_allclose(read[0, 0], 3 + (np.arange(30, 60) + 0.5) / 2 - 0.5, atol=2e-2)
