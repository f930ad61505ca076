"""Ten classes from H&E: where the glands come from, scales, windows, what is too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.regions import regions_of
from napari_histosynth.paint.resample import resample_labels, scaled_shape
from napari_histosynth.paint.tenclasses import MOST_PX, takes_ten_classes, ten_classes
from napari_histosynth.paint.weak import BACKGROUND, LOOSE, MATURE, PROLIFERATIVE, TISSUES, hints_of

PINK, PURPLE, GLASS = (228, 190, 220), (140, 80, 150), (245, 245, 245)


class Purple:
    """Stands for a segmenter at 0.62 um/px: glands are where the picture is purple."""

    um_per_px = 0.62

    def regions(
        self, rgb: Any, um_per_px: float, window: Window, *, keep_scale: bool, progress: Any
    ) -> np.ndarray:
        assert not keep_scale
        progress(0.5)
        labels = np.where(np.asarray(rgb[window.slices])[..., 1] < 120, 2, 1).astype(np.uint8)
        return regions_of(resample_labels(labels, scaled_shape(labels.shape, um_per_px, self.um_per_px)))


def field(um_per_px: float) -> np.ndarray:
    """Return 200 um of faint stroma, glass on the left, a purple gland from (80, 60) to (160, 160) um."""
    side, px = round(200 / um_per_px), 1 / um_per_px
    rgb = np.full((side, side, 3), PINK, np.uint8)
    rgb[:, : round(30 * px)] = GLASS
    rgb[round(80 * px) : round(160 * px), round(60 * px) : round(160 * px)] = PURPLE
    return rgb


@pytest.mark.parametrize("um_per_px", [0.25, 0.5, 0.62, 1.0, 2.0])
@pytest.mark.parametrize(("tissue", "expected"), [("healthy", MATURE), ("adenoma", PROLIFERATIVE)])
def test_glands_of_the_network_get_the_epithelium_of_the_tissue_at_any_scale(
    um_per_px: float, tissue: str, expected: int
) -> None:
    rgb = field(um_per_px)
    labels, glands = ten_classes(Purple(), rgb, um_per_px, tissue=hints_of(tissue))
    assert labels.shape == glands.shape == rgb.shape[:2]
    at = {um: int(um / um_per_px) for um in (10, 45, 70, 90, 120, 150)}
    assert labels[at[120], at[120]] == labels[at[90], at[70]] == labels[at[150], at[150]] == expected
    assert labels[at[45], at[120]] == LOOSE
    assert labels[at[120], at[10]] == BACKGROUND
    assert glands.mean() == pytest.approx(80 * 100 / 200**2, abs=0.01)


def test_labels_at_the_scale_of_the_rules_cover_the_part() -> None:
    rgb = field(0.5)
    labels, glands = ten_classes(
        Purple(), rgb, 0.5, Window(160, 320, 120, 320), tissue=hints_of("healthy"), keep_scale=False
    )
    assert labels.shape == glands.shape == (80, 100)
    assert glands.mean() > 0.97


def test_a_window_has_the_pixels_of_the_picture() -> None:
    rgb = field(0.5)
    labels, _ = ten_classes(Purple(), rgb, 0.5, Window(100, 400, 60, 399), tissue=hints_of("healthy"))
    assert labels.shape == (300, 339)
    assert labels[240 - 100, 240 - 60] == MATURE
    assert labels[10, 200] == LOOSE


def test_what_is_too_large_is_refused_before_any_work() -> None:
    huge = np.broadcast_to(np.uint8(200), (2 * MOST_PX + 100, 64, 3))
    with pytest.raises(ImageError, match="smaller part"):
        ten_classes(Purple(), huge, 0.5)


def test_progress_rises_to_the_end_and_stopping_is_heard() -> None:
    told: list[float] = []
    ten_classes(Purple(), field(1.0), 1.0, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 6
    with pytest.raises(Cancelled):
        ten_classes(Purple(), field(1.0), 1.0, cancel=lambda: True)


def test_schemes_that_can_hold_ten_classes_are_told() -> None:
    assert takes_ten_classes(get_scheme("colon-10"))
    assert not takes_ten_classes(get_scheme("colon-3"))


def test_each_tissue_tells_the_rules_something_else() -> None:
    assert len({hints for _, hints in TISSUES.values()}) == len(TISSUES)
