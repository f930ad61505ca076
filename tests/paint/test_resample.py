"""Label maps and pictures at another scale: smooth contours, nothing lost, the same in strips."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.paint import resample
from napari_histosynth.paint.resample import picture_strips, resample_labels, resize_rows, scaled_shape


def disk(side: int, radius: float, value: int = 2) -> npt.NDArray[np.uint8]:
    """Draw a disk in the middle of a square, both given in pixels."""
    center = (side - 1) / 2
    y, x = np.mgrid[:side, :side]
    return np.where((y - center) ** 2 + (x - center) ** 2 < radius**2, value, 1).astype(np.uint8)


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(
    ("shape", "scale", "target", "wanted"),
    [((512, 512), 1.0, 0.62, (826, 826)), ((100, 50), 0.25, 0.5, (50, 25)), ((1, 3), 0.1, 1.0, (1, 1))],
)
def test_the_size_follows_the_scale(
    shape: tuple[int, int], scale: float, target: float, wanted: tuple[int, int]
) -> None:
    assert scaled_shape(shape, scale, target) == wanted


def test_a_map_that_is_at_scale_already_is_copied() -> None:
    labels = disk(20, 6)
    same = resample_labels(labels, labels.shape)
    assert np.array_equal(same, labels)
    assert same is not labels


@pytest.mark.parametrize("side", [826, 1600])
def test_an_enlarged_contour_is_rounder_than_the_blocks_of_its_pixels(side: int) -> None:
    labels, truth = disk(512, 100), disk(side, 100 * side / 512) == 2
    blocks = labels[np.arange(side) * 512 // side][:, np.arange(side) * 512 // side] == 2
    off, off_in_blocks = (
        1 - overlap(mask, truth) for mask in (resample_labels(labels, (side, side)) == 2, blocks)
    )
    assert off < 0.7 * off_in_blocks


@pytest.mark.parametrize("side", [52, 103, 165, 206])
def test_thin_nuclei_survive_enlarging(side: int) -> None:
    labels = np.ones((64, 64), np.uint8)
    for place in range(4, 60, 8):
        labels[place, 10:16] = 3  # one pixel thick
        labels[place, 40] = 3  # one pixel
    enlarged = resample_labels(labels, (round(side * 1.25), round(side * 1.25)))
    rows = np.flatnonzero((enlarged[:, : enlarged.shape[1] // 2] == 3).any(axis=1))
    assert 1 + (np.diff(rows) > 1).sum() == 7
    assert 0.6 < (enlarged == 3).mean() / (labels == 3).mean() < 1.2


def test_reducing_keeps_the_share_of_each_class() -> None:
    labels = disk(400, 120)
    reduced = resample_labels(labels, (130, 130))
    assert (reduced == 2).mean() == pytest.approx((labels == 2).mean(), rel=0.01)


def test_height_and_width_may_change_apart() -> None:
    labels = np.zeros((10, 30), np.uint8)
    labels[:, 15:] = 2
    resampled = resample_labels(labels, (25, 15))
    assert resampled.shape == (25, 15)
    assert np.array_equal(np.unique(resampled[:, :7]), [0])
    assert np.array_equal(np.unique(resampled[:, 8:]), [2])


def test_no_class_comes_up_that_was_not_there() -> None:
    labels = np.where(np.arange(60)[:, None] < np.arange(60), 9, 3).astype(np.uint8)
    assert set(np.unique(resample_labels(labels, (97, 41)))) == {3, 9}


@pytest.mark.parametrize("target", [(90, 70), (23, 31)])
def test_strips_make_no_difference_to_labels(
    target: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (50, 43), dtype=np.uint8).repeat(2, axis=0)
    whole = resample_labels(labels, target)
    monkeypatch.setattr(resample, "LABEL_ROWS", 7)
    assert np.array_equal(resample_labels(labels, target), whole)


@pytest.mark.parametrize("target", [(90, 70), (23, 31), (60, 43)])
def test_strips_make_no_difference_to_pictures(
    target: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 43, 3), dtype=np.uint8)
    monkeypatch.setattr(resample, "PICTURE_ROWS", 9)
    joined = np.empty((*target, 3), np.uint8)
    strips = list(picture_strips((60, 43), target))
    for rows, source, box in strips:
        joined[rows] = resize_rows(rgb[source], box, (rows.stop - rows.start, target[1]))
    assert len(strips) > 2
    whole = resize_rows(rgb, (0, 0, 43, 60), target)
    assert np.abs(joined.astype(int) - whole).max() <= 1
