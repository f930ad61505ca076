"""Counting on painted pictures of which the truth is known, and on real tissue."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, HistosynthError, ImageError
from napari_histosynth.stain.findnuclei import find_nuclei
from napari_histosynth.stain.ki67 import Ki67Settings, count_ki67, wilson
from napari_histosynth.stain.levels import read_levels
from napari_histosynth.stain.nuclei import MIN_AREA_UM2
from napari_histosynth.stain.unmix import StainBasis

UM = 0.25
GLASS = 0.03
BASIS = StainBasis.usual("hdab")


@dataclass(frozen=True)
class Painted:
    """A picture and its truth: centers in px, (n, 2) y and x, and which are brown."""

    rgb: np.ndarray
    centers: np.ndarray
    brown: np.ndarray
    radius_um: float


def paint(
    rows: int = 8,
    columns: int = 10,
    *,
    um: float = UM,
    spacing_um: float = 16.0,
    radius_um: float = 3.5,
    every: int = 5,
    blue: float = 0.45,
    brown: float = 0.8,
    pale: float = 0.05,
    basis: StainBasis = BASIS,
) -> Painted:
    """Paint round nuclei on a jittered grid by Beer-Lambert, every so many brown, 0 for none."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.mgrid[:rows, :columns], axis=-1).reshape(-1, 2)
    centers = (grid + 0.5 + rng.uniform(-0.1, 0.1, grid.shape)) * spacing_um / um
    is_brown = np.arange(len(centers)) % every == 0 if every else np.zeros(len(centers), bool)
    shape = tuple(round(n * spacing_um / um) for n in (rows, columns))
    y, x = np.mgrid[: shape[0], : shape[1]]
    amount = np.zeros((*shape, 2))
    amount[..., 0] = pale
    for (cy, cx), dab in zip(centers, is_brown, strict=True):
        soft = np.clip(radius_um / um + 0.5 - np.hypot(y - cy, x - cx), 0, 1)
        amount[..., 0] += soft * (blue / 3 if dab else blue)
        amount[..., 1] += soft * (brown if dab else 0)
    density = amount @ basis.vectors + GLASS
    rgb = np.clip(np.round(256 * 10**-density - 1), 0, 255).astype(np.uint8)
    return Painted(rgb, centers, is_brown, radius_um)


@pytest.fixture(scope="module")
def painted() -> Painted:
    """Return 80 nuclei, 16 of them brown."""
    return paint()


def test_every_painted_nucleus_is_counted_once_in_its_class(painted: Painted) -> None:
    count = count_ki67(painted.rgb, UM)
    assert (count.total, count.positive, count.negative) == (80, 16, 64)
    assert count.index == 0.2
    nuclei = count.nuclei
    for (y, x), brown in zip(painted.centers, painted.brown, strict=True):
        near = np.hypot(nuclei.y - y, nuclei.x - x)
        assert near.min() * UM < 0.5
        assert nuclei.positive[near.argmin()] == brown


def test_areas_and_densities_are_those_painted(painted: Painted) -> None:
    count = count_ki67(painted.rgb, UM)
    assert np.median(count.nuclei.area_um2) == pytest.approx(math.pi * painted.radius_um**2, rel=0.2)
    positive = count.nuclei.positive
    # light, not density, is averaged at rims, and they reach a little beyond the nucleus
    amount = count.nuclei.dab[positive] * count.nuclei.area_um2[positive]
    assert np.median(amount) == pytest.approx(0.8 * math.pi * painted.radius_um**2, rel=0.2)
    assert np.median(count.nuclei.dab[~positive]) < 0.02
    assert np.median(count.nuclei.hematoxylin[~positive]) == pytest.approx(0.45, rel=0.15)
    assert count.area_mm2 == pytest.approx(128 * 160 * 1e-6)
    assert count.per_mm2 == pytest.approx(80 / (128 * 160 * 1e-6))


def test_labels_have_the_pixels_of_the_picture_and_the_order_of_nuclei(painted: Painted) -> None:
    count = count_ki67(painted.rgb, UM)
    labels = count.labels
    assert labels is not None
    assert labels.shape == painted.rgb.shape[:2]
    assert np.unique(labels).tolist() == list(range(81))
    at = np.rint(np.stack([count.nuclei.y, count.nuclei.x])).astype(int)
    assert np.array_equal(labels[tuple(at)], np.arange(1, 81))


def test_outlines_enclose_the_area(painted: Painted) -> None:
    nuclei = count_ki67(painted.rgb, UM, outlines=True).nuclei
    assert len(nuclei.outlines) == 80
    for outline, area in zip(nuclei.outlines, nuclei.area_um2, strict=True):
        x, y = outline.T
        assert np.array_equal(outline[0], outline[-1])
        enclosed = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2 * UM**2
        assert enclosed == pytest.approx(area, rel=0.1)


def test_touching_nuclei_are_divided_blue_beside_brown() -> None:
    crowded = paint(6, 6, spacing_um=8.0, radius_um=3.5, every=2)
    count = count_ki67(crowded.rgb, UM)
    assert (count.total, count.positive) == (36, 18)


@pytest.mark.parametrize("tile", [64, 150])
def test_tiling_changes_nothing(painted: Painted, tile: int) -> None:
    whole, tiled = count_ki67(painted.rgb, UM), count_ki67(painted.rgb, UM, tile=tile)
    assert np.array_equal(whole.labels, tiled.labels)
    for name in ("y", "x", "area_um2", "hematoxylin", "dab", "positive"):
        assert np.array_equal(getattr(whole.nuclei, name), getattr(tiled.nuclei, name)), name
    assert whole.tissue_mm2 == tiled.tissue_mm2


def test_lazy_pictures_are_read_window_by_window(painted: Painted) -> None:
    class Lazy:
        shape, dtype = painted.rgb.shape, painted.rgb.dtype
        most = 0

        def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
            part = painted.rgb[key]
            self.most = max(self.most, part.shape[0] * part.shape[1])
            return part

    lazy, levels = Lazy(), read_levels(painted.rgb, UM)
    settings = Ki67Settings(levels=levels)
    lazy_count = count_ki67(lazy, UM, settings=settings, labels=False, tile=64)
    assert lazy_count.labels is None
    assert np.array_equal(lazy_count.nuclei.dab, count_ki67(painted.rgb, UM).nuclei.dab)
    import dask.array as da

    dasked = count_ki67(da.from_array(painted.rgb, chunks=(200, 200, 3)), UM)
    assert dasked.total == 80


@pytest.mark.parametrize(("hematoxylin", "dab"), [(0.9, 1.0), (1.0, 0.9), (1.1, 1.1), (1.1, 0.95)])
def test_other_stain_densities_leave_the_index(hematoxylin: float, dab: float) -> None:
    count = count_ki67(paint(blue=0.45 * hematoxylin, brown=0.8 * dab, pale=0.05 * hematoxylin).rgb, UM)
    assert (count.total, count.index) == (80, 0.2)


def test_other_colors_leave_the_index() -> None:
    vectors = np.array([[0.81, 0.51, 0.30], [0.47, 0.58, 0.66]])
    basis = StainBasis("hdab", vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.zeros(3))
    count = count_ki67(paint(basis=basis).rgb, UM)
    assert (count.total, count.index) == (80, 0.2)
    assert np.allclose(count.levels.basis.vectors, basis.vectors, atol=0.06)


@pytest.mark.parametrize("um", [0.2, 0.35, 0.5])
def test_other_scales_leave_the_index(um: float) -> None:
    count = count_ki67(paint(um=um).rgb, um)
    assert (count.total, count.index) == (80, 0.2)
    assert np.median(count.nuclei.area_um2) == pytest.approx(math.pi * 3.5**2, rel=0.2)


def test_none_or_all_positive() -> None:
    none, every = count_ki67(paint(every=0).rgb, UM), count_ki67(paint(every=1).rgb, UM)
    assert (none.total, none.positive) == (80, 0)
    assert (every.total, every.positive) == (80, 80)


def test_a_threshold_decides_again_without_looking_again(painted: Painted) -> None:
    count = count_ki67(painted.rgb, UM)
    assert count.with_threshold(2.0).positive == 0
    assert count.with_threshold(0.0).positive >= 16
    assert count.with_threshold(2.0).with_threshold(count.threshold).index == count.index
    asked = count_ki67(painted.rgb, UM, settings=Ki67Settings(threshold=2.0))
    assert (asked.threshold, asked.positive, asked.total) == (2.0, 0, 80)


def test_a_mask_keeps_the_nuclei_whose_centers_it_holds(painted: Painted) -> None:
    mask = np.zeros(painted.rgb.shape[:2], np.uint8)
    mask[:, : mask.shape[1] // 2] = 255
    count = count_ki67(painted.rgb, UM, mask=mask)
    assert count.total == 40
    assert count.area_mm2 == pytest.approx(128 * 80 * 1e-6)
    assert count.labels is not None
    assert np.unique(count.labels).tolist() == list(range(41))


def test_black_margins_and_specks_are_no_nuclei(painted: Painted) -> None:
    rgb = np.zeros((painted.rgb.shape[0] + 200, painted.rgb.shape[1], 3), np.uint8)
    rgb[: painted.rgb.shape[0]] = painted.rgb
    rgb[10:16, 24:30] = (90, 60, 40)  # 1.5 um across
    count = count_ki67(rgb, UM)
    assert (count.total, count.positive) == (80, 16)
    assert count.nuclei.area_um2.min() >= MIN_AREA_UM2


def test_nuclei_of_he_go_by_hematoxylin_alone() -> None:
    he = StainBasis.usual("he")
    painted = paint(every=0, basis=he, pale=0.04)
    pink = np.round(painted.rgb * (1, 0.62, 0.9)).astype(np.uint8)  # eosin everywhere
    nuclei = find_nuclei(pink, UM, "he")
    assert len(nuclei) == 80
    assert not nuclei.dab.any()
    assert not nuclei.positive.any()


@pytest.mark.parametrize(
    ("positive", "total", "low", "high"),
    [(15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (81, 263, 0.2553, 0.3662)],
)
def test_intervals_are_those_of_newcombe(positive: int, total: int, low: float, high: float) -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3
    assert wilson(positive, total) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (64, 64), (700, 30)])
@pytest.mark.parametrize("level", [255, 230])
def test_a_blank_picture_has_no_nuclei_and_no_index(shape: tuple[int, int], level: int) -> None:
    rng = np.random.default_rng(0)
    rgb = np.full((*shape, 3), level, np.uint8) - rng.integers(0, 4, (*shape, 3), dtype=np.uint8)
    count = count_ki67(rgb, UM)
    assert (count.total, count.positive) == (0, 0)
    assert math.isnan(count.index)
    assert all(math.isnan(end) for end in count.interval)
    assert count.with_threshold(0.1).total == 0
    assert len(find_nuclei(rgb, UM, "he", outlines=True)) == 0


def test_one_dark_pixel_is_no_nucleus() -> None:
    assert count_ki67(np.full((1, 1, 3), (90, 60, 40), np.uint8), UM).total == 0


def _gray(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(rgb[..., :1], 3, axis=-1)


@pytest.mark.parametrize(
    ("change", "um", "words"),
    [
        (lambda rgb: rgb[..., 0], UM, "gray"),
        (_gray, UM, "gray"),
        (lambda rgb: np.concatenate([rgb, rgb[..., :1]], axis=-1), UM, "four channels"),
        (lambda rgb: rgb.astype(np.uint16) * 257, UM, "uint16"),
        (lambda rgb: np.full(rgb.shape, np.nan), UM, "float64"),
        (lambda rgb: rgb[:0], UM, "0 x"),
        (lambda rgb: "slide.svs", UM, "str"),
        (lambda rgb: rgb, None, "um_per_px"),
        (lambda rgb: rgb, math.nan, "nan um per px"),
        (lambda rgb: rgb, 8.0, "8 um per px"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_a_sentence(
    painted: Painted, change: Callable[[np.ndarray], Any], um: float | None, words: str
) -> None:
    with pytest.raises(HistosynthError, match=words) as refused:
        count_ki67(change(painted.rgb[:200, :200]), um)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_impossible_settings_are_refused(painted: Painted) -> None:
    with pytest.raises(ImageError, match="threshold of nan"):
        Ki67Settings(threshold=math.nan)
    with pytest.raises(ImageError, match="agree in size"):
        count_ki67(painted.rgb, UM, mask=np.ones((3, 3)))
    with pytest.raises(ImageError, match="'pas'"):
        find_nuclei(painted.rgb, UM, "pas")  # type: ignore[arg-type]


def test_counting_tells_its_progress_and_stops_when_asked(painted: Painted) -> None:
    told: list[float] = []
    count_ki67(painted.rgb, UM, tile=128, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    with pytest.raises(Cancelled):
        count_ki67(painted.rgb, UM, cancel=lambda: True)


@pytest.mark.data
def test_on_real_ki67_the_count_lies_where_qupath_has_it(histosynth_data: Path) -> None:
    from napari_histosynth.io import open_slide

    slide = open_slide(histosynth_data / "ki67-breast" / "OS-2-ndpi.ome.tif")
    rgb, um = np.asarray(slide.levels[0]), slide.um_per_px
    count = count_ki67(rgb, um)
    assert 1066 <= count.total <= 1323  # QuPath 0.3.2, by its two thresholds
    assert 0.119 <= count.index <= 0.205
    from PIL import Image

    side = round(rgb.shape[1] * um / 0.35), round(rgb.shape[0] * um / 0.35)
    small = np.asarray(Image.fromarray(rgb).resize(side, Image.Resampling.LANCZOS))
    assert abs(count_ki67(small, um * rgb.shape[1] / side[0]).index - count.index) < 0.02


@pytest.mark.data
def test_on_real_he_as_many_nuclei_are_found_as_qupath_and_stardist_find(histosynth_data: Path) -> None:
    from napari_histosynth.io import open_slide

    slide = open_slide(histosynth_data / "ki67-breast" / "OS-1-detail.ome.tif")
    nuclei = find_nuclei(slide.levels[0], slide.um_per_px, "he")
    assert len(nuclei) == pytest.approx(325, rel=0.1)  # 319 and 331
