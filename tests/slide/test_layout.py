"""Layouts: drawn from a seed, painted, read from overviews, and what of each class a window holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.errors import ImageError, LabelMapError, SchemeError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.slide import softnoise
from napari_histosynth.slide.layout import (
    CLASSES,
    GLASS,
    MUCOSA,
    MUSCLE,
    SCHEME,
    TISSUE,
    TUMOR,
    draw_layout,
    fractions,
    layout_from_labels,
    layout_of_picture,
)
from napari_histosynth.slide.levels import LAYOUT_LEVEL, level_shape
from napari_histosynth.slide.softnoise import soft_noise

SMALL = (12_000, 16_000)  # 188 x 250 px of the layout


@pytest.fixture(scope="module")
def painted() -> np.ndarray:
    """A layout of patches, 24 x 40 px."""
    return np.kron(np.arange(60).reshape(6, 10) * 7 % CLASSES, np.ones((4, 4), int)).astype(np.uint8)


@pytest.fixture(scope="module")
def resections() -> list[np.ndarray]:
    return [draw_layout(seed, SMALL, kind="resection") for seed in range(12)]


def pieces(mask: np.ndarray, least: int) -> int:
    named, _ = ndimage.label(mask)
    return int((np.bincount(named.ravel())[1:] >= least).sum())


def sentence(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text


def test_the_classes_are_those_of_the_scheme() -> None:
    scheme = get_scheme(SCHEME)
    assert scheme.n_classes == CLASSES
    assert [scheme.index_of(name) for name in ("glass", "tissue", "mucosa", "tumor", "muscle")] == [
        *(GLASS, TISSUE, MUCOSA, TUMOR, MUSCLE)
    ]


def test_at_its_own_level_a_pixel_is_of_one_class(painted: np.ndarray) -> None:
    shares = fractions(painted, Window.of_shape(painted.shape), LAYOUT_LEVEL)
    np.testing.assert_array_equal(shares.argmax(0), painted)
    np.testing.assert_array_equal(shares.max(0), 1)


def test_above_it_fractions_are_means_of_cells(painted: np.ndarray) -> None:
    shares = fractions(painted, Window(0, 3, 0, 5), 9)
    for kind in range(CLASSES):
        expected = (painted == kind).reshape(3, 8, 5, 8).mean((1, 3))
        np.testing.assert_allclose(shares[kind], expected, atol=1e-7)


@pytest.mark.parametrize("level", [5, 4, 1])
def test_below_it_fractions_lie_bilinearly_between_centers(painted: np.ndarray, level: int) -> None:
    window = Window(20, 70, 3, 90)
    scale = 2 ** (LAYOUT_LEVEL - level)
    at = [(np.arange(a, b) + 0.5) / scale - 0.5 for a, b in ((20, 70), (3, 90))]
    shares = fractions(painted, window, level)
    for kind in range(CLASSES):
        held = (painted == kind).astype(float)
        outside = float(kind == GLASS)
        expected = ndimage.map_coordinates(
            np.pad(held, 30, constant_values=outside),
            np.meshgrid(*(a + 30 for a in at), indexing="ij"),
            order=1,
        )
        np.testing.assert_allclose(shares[kind], expected, atol=1e-6)


@pytest.mark.parametrize("level", [8, 7, 6, 5, 4, 2, 0])
def test_a_window_holds_the_same_bits_whatever_else_is_asked(painted: np.ndarray, level: int) -> None:
    scale = 2.0 ** (LAYOUT_LEVEL - level)
    middle = int(12 * scale)
    whole = fractions(painted, Window(middle - 70, middle + 61, -40, 77), level)
    for part in (Window(middle - 70, middle - 69, -40, -39), Window(middle - 13, middle + 20, -7, 33)):
        inside = part.shift(70 - middle, 40).slices
        np.testing.assert_array_equal(fractions(painted, part, level), whole[:, inside[0], inside[1]])


@pytest.mark.parametrize("level", [8, 6, 3])
def test_fractions_add_up_and_beyond_the_border_is_glass(painted: np.ndarray, level: int) -> None:
    far = 24 * 2 ** max(LAYOUT_LEVEL - level, 0) + 2 * 64
    shares = fractions(painted, Window(-far, far, 5, 39), level)
    np.testing.assert_array_equal(shares.sum(0), 1)
    assert (shares[GLASS, :9] == 1).all()
    assert (shares[GLASS, -9:] == 1).all()
    assert shares[GLASS].min() < 1


def test_an_empty_window_holds_nothing(painted: np.ndarray) -> None:
    assert fractions(painted, Window(3, 3, 0, 5), 2).shape == (CLASSES, 0, 5)
    assert fractions(painted, Window(3, 3, 0, 5), 8).shape == (CLASSES, 0, 5)


def test_noise_has_the_same_bits_in_any_window_and_order_of_adding() -> None:
    window = Window(-50, 30, 1000, 1090)
    whole = soft_noise(5, 3, window, 7.3)
    part = Window(-20, -3, 1013, 1077)
    np.testing.assert_array_equal(soft_noise(5, 3, part, 7.3), whole[part.relative_to(window).slices])
    rng = np.random.default_rng(1)
    # multiples of 2**-17 by multiples of 2**-12: sums are exact
    numbers = rng.integers(-(2**19), 2**19, (12, 5)) / 2.0**17
    first, weights = rng.integers(0, 8, 30), rng.integers(0, 4096, (4, 30)) / 2.0**12
    by_hand = sum(weights[k][:, None] * numbers[first + k] for k in (2, 0, 3, 1))
    np.testing.assert_array_equal(softnoise._spread(numbers, first, weights), by_hand)


def test_noise_is_smooth_and_of_variance_one() -> None:
    noise = soft_noise(1, 0, Window(0, 600, 0, 600), 4)
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff(noise, axis=0)).mean() < 0.35  # of independent numbers it is 1.13


@pytest.mark.parametrize("kind", ["any", "biopsies", "polyp", "resection"])
def test_a_seed_draws_one_layout_and_another_seed_another(kind: str) -> None:
    first, again, other = (draw_layout(seed, SMALL, kind=kind) for seed in (3, 3, 4))
    assert first.shape == level_shape(SMALL, LAYOUT_LEVEL)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.02


def test_biopsies_are_fragments_of_mucosa_on_glass() -> None:
    for seed in range(4):
        layout = draw_layout(seed, SMALL, kind="biopsies")
        assert pieces(layout != GLASS, 20) >= 3  # four or more are drawn; some touch
        assert (layout == GLASS).mean() > 0.45
        assert np.isin(layout, (MUCOSA, TUMOR)).sum() > (layout == TISSUE).sum()
        assert not (layout == MUSCLE).any()


def test_a_polyp_has_a_rim_of_epithelium_around_stroma() -> None:
    cored = 0
    for seed in range(6):
        layout = draw_layout(seed, SMALL, kind="polyp")
        depth = ndimage.distance_transform_edt(layout != GLASS)
        epithelium = np.isin(layout, (MUCOSA, TUMOR))
        assert epithelium.any()
        assert not (layout == MUSCLE).any()
        if (layout == TISSUE).sum() > 100:
            cored += depth[layout == TISSUE].mean() > depth[epithelium].mean()
    assert cored >= 4


def test_a_resection_has_mucosa_then_submucosa_then_muscle(resections: list[np.ndarray]) -> None:
    sick = 0
    for layout in resections:
        assert (layout == MUSCLE).mean() > 0.01
        assert np.isin(layout, (MUCOSA, TUMOR)).mean() > 0.005
        sick += (layout == TUMOR).mean() > 0.01
        muscle = ndimage.binary_dilation(layout == MUSCLE)
        beside = [int((muscle & (layout == kind)).sum()) for kind in (TISSUE, MUCOSA)]
        assert beside[0] > 3 * beside[1], "between muscle and mucosa lies the submucosa"
    assert 5 <= sick < 12, "most show a tumor, not all"


def test_tumors_invade_what_lies_below_the_mucosa(resections: list[np.ndarray]) -> None:
    deep = 0
    for layout in resections:
        deep += bool((ndimage.binary_dilation(layout == MUSCLE) & (layout == TUMOR)).any())
    assert 2 <= deep < 12


@pytest.mark.parametrize("size", [(1, 1), (512, 512), (700, 9_000), (9_001, 513)])
@pytest.mark.parametrize("kind", ["biopsies", "polyp", "resection"])
def test_slides_of_any_size_hold_tissue(size: tuple[int, int], kind: str) -> None:
    layout = draw_layout(2, size, kind=kind)
    assert layout.shape == level_shape(size, LAYOUT_LEVEL)
    assert layout.max() < CLASSES
    assert size == (1, 1) or (layout != GLASS).any()


def test_a_large_slide_holds_specimens_everywhere() -> None:
    layout = draw_layout(1, (20_480, 163_840), kind="biopsies")  # 320 x 2560 px
    for quarter in np.split(layout, 4, axis=1):
        assert (quarter != GLASS).any()


def test_any_chooses_every_kind() -> None:
    has_muscle = {bool((draw_layout(seed, (4_000, 4_000)) == MUSCLE).any()) for seed in range(10)}
    assert has_muscle == {True, False}


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(LabelMapError) as caught:
        draw_layout(1, SMALL, kind="lymph node")  # type: ignore[arg-type]
    assert '"lymph node"' in sentence(caught)
    with pytest.raises(LabelMapError) as caught:
        draw_layout(1, (0, 50))
    assert "50 x 0 px" in sentence(caught)


def test_a_painted_layout_at_its_own_scale_is_taken_as_it_is(painted: np.ndarray) -> None:
    np.testing.assert_array_equal(layout_from_labels(painted, SCHEME, 32.0, (24 * 64, 40 * 64)), painted)


@pytest.mark.parametrize(("um_per_px", "factor"), [(8.0, 4), (16.0, 2)])
def test_a_finer_one_is_taken_by_its_nearest_pixels(
    painted: np.ndarray, um_per_px: float, factor: int
) -> None:
    fine = np.kron(painted, np.ones((factor, factor), np.uint8))
    taken = layout_from_labels(fine, get_scheme(SCHEME), um_per_px, (24 * 64, 40 * 64))
    np.testing.assert_array_equal(taken, painted)


def test_a_coarser_one_is_enlarged_and_glass_lies_beyond_it(painted: np.ndarray) -> None:
    taken = layout_from_labels(painted, SCHEME, 64.0, (64 * 64, 64 * 64))
    np.testing.assert_array_equal(taken[:48], np.kron(painted, np.ones((2, 2), np.uint8))[:, :64])
    assert (taken[48:] == GLASS).all()


@pytest.mark.parametrize(
    ("labels", "scheme", "um_per_px", "error", "named"),
    [
        (np.ones((9, 9), np.uint8), "colon-3", 32.0, SchemeError, "colon-3"),
        (np.full((9, 9), 5, np.uint8), SCHEME, 32.0, LabelMapError, "value 5"),
        (np.ones((0, 9), np.uint8), SCHEME, 32.0, LabelMapError, "empty"),
        (np.ones((9, 9)), SCHEME, 32.0, LabelMapError, "float64"),
        (np.ones((9, 9), np.int32), SCHEME, 32.0, LabelMapError, "int32"),
        (np.ones((9, 9, 3), np.uint8), SCHEME, 32.0, LabelMapError, "9 x 9 x 3"),
        (np.ones((9, 9), np.uint8), SCHEME, 0.0, LabelMapError, "0.0 um"),
        (np.ones((9, 9), np.uint8), SCHEME, float("nan"), LabelMapError, "nan um"),
        (np.ones((9, 9), np.uint8), SCHEME, 0.5, LabelMapError, "9 x 9 px"),
    ],
)
def test_a_painted_layout_that_is_none_is_refused_in_a_sentence(
    labels: np.ndarray, scheme: str, um_per_px: float, error: type[Exception], named: str
) -> None:
    with pytest.raises(error) as caught:
        layout_from_labels(labels, scheme, um_per_px, SMALL)
    assert named in sentence(caught)


# optical densities of red, green and blue above glass
_CRYPTS, _STROMA, _WALL = (0.62, 0.95, 0.5), (0.08, 0.2, 0.09), (0.3, 0.75, 0.32)


def overview(strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a section of three layers on glass, and say what it shows."""
    truth = np.full((120, 150), GLASS, np.uint8)
    truth[20:50, 15:135], truth[50:75, 15:135], truth[75:100, 15:135] = MUCOSA, TISSUE, MUSCLE
    density = np.full((*truth.shape, 3), 0.02)
    for kind, color in ((MUCOSA, _CRYPTS), (TISSUE, _STROMA), (MUSCLE, _WALL)):
        density[truth == kind] += strength * np.array(color)
    rows, columns = np.indices(truth.shape)
    density[(truth == MUCOSA) & ((rows // 2 + columns // 2) % 2 == 0)] *= 0.5  # crypts
    return np.clip(np.rint(256 * np.exp(-density) - 1), 0, 255).astype(np.uint8), truth


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_layers_are_told_by_the_stain_that_a_slide_has(strength: float) -> None:
    picture, truth = overview(strength)
    layout = layout_of_picture(picture, tumor=False, muscle=True)
    assert (layout == truth).mean() > 0.93
    for kind in (GLASS, TISSUE, MUCOSA, MUSCLE):
        assert (layout == kind)[truth == kind].mean() > 0.75


def test_tumor_and_muscle_are_said_by_who_knows_the_slide() -> None:
    picture, truth = overview(1.0)
    layout = layout_of_picture(picture, tumor=True, muscle=False)
    assert set(np.unique(layout)) == {GLASS, TISSUE, TUMOR}
    assert (layout == TUMOR)[truth == MUCOSA].mean() > 0.75
    assert (layout == TISSUE)[truth == MUSCLE].mean() > 0.75


def test_glass_alone_holds_no_tissue_and_gray_pictures_are_refused() -> None:
    rng = np.random.default_rng(0)
    glass = (240 + rng.integers(0, 4, (64, 64, 3))).astype(np.uint8)
    assert (layout_of_picture(glass, tumor=False, muscle=True) == GLASS).all()
    with pytest.raises(ImageError) as caught:
        layout_of_picture(np.full((64, 64, 3), 99, np.uint8), tumor=False, muscle=False)
    assert "gray" in str(caught.value)
