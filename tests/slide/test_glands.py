"""What is laid into slides by rule: the same from any window, where the layout has it, in its colors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide import stroma
from napari_histosynth.slide.fat import fat
from napari_histosynth.slide.fibers import course_of, loose_fibers
from napari_histosynth.slide.follicles import follicles_around
from napari_histosynth.slide.glandground import Manner, _opened
from napari_histosynth.slide.glands import tissue_density
from napari_histosynth.slide.glandshapes import HALO, SEEN, glands_around
from napari_histosynth.slide.laying import LAID, RIM, lay_tissue
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.store import SlideStore
from napari_histosynth.slide.vessels import vessels

TILE, SMALL = Window(256, 512, 256, 512), Window(128, 224, 128, 224)
#: A tile of level 2, of the same place as the first 64 px of TILE at level 4.
CELLS = Window(1024, 1280, 1024, 1280)
PALE = np.array([243, 241, 244])


def layout_of(kind: int, side: int = 192) -> np.ndarray:
    """A square of one class, glass above it."""
    layout = np.full((side, side), kind, np.uint8)
    layout[:80] = GLASS
    return layout


def flat(level: int, window: Window, color: tuple[int, int, int] = (170, 110, 180)) -> tuple[np.ndarray, ...]:
    """An even picture of a window, and its parent."""
    seen = window.coarsen(4).grow(RIM)
    return np.full((*window.shape, 3), color, np.uint8), np.full((*seen.shape, 3), color, np.uint8)


def density_of(level: int, seed: int, window: Window, layout: np.ndarray) -> np.ndarray:
    found = tissue_density(level, seed, window, fractions(layout, window, level), layout)
    assert found is not None
    return found


def at_level(window: Window, level: int) -> Window:
    """A window of level 4 as one of another level."""
    return window.coarsen(4) if level == 6 else window.refine(4) if level == 2 else window


def laid(level: int, window: Window, layout: np.ndarray, seed: int = 2) -> np.ndarray:
    """What is laid into an even picture of a window."""
    drawn, parent = flat(level, window)
    return lay_tissue(level, seed, window, drawn, parent, layout, PALE)


@pytest.mark.parametrize("kind", [MUCOSA, TUMOR, TISSUE, MUSCLE])
@pytest.mark.parametrize("level", LAID)
def test_any_window_shows_the_same(kind: int, level: int) -> None:
    layout = layout_of(kind)
    whole = at_level(Window(320, 440, 312, 392) if level == 2 else Window(320, 520, 312, 472), level)
    if level == 6 and kind in (TISSUE, MUSCLE):
        assert tissue_density(level, 3, whole, fractions(layout, whole, level), layout) is None
        return
    density = density_of(level, 3, whole, layout)
    for window in (Window(328, 368, 320, 344), Window(400, 432, 352, 384), Window(424, 432, 376, 380)):
        part = at_level(window, level)
        found = density_of(level, 3, part, layout)
        assert np.array_equal(found, density[part.relative_to(whole).slices])


def test_glands_depend_on_the_layout_nearby_alone() -> None:
    layout = layout_of(MUCOSA, 400)
    layout[250:] = TUMOR
    window = Window(640, 704, 640, 704)
    near = window.grow(SEEN).coarsen(4)
    other = np.full_like(layout, TISSUE)
    other[near.slices] = layout[near.slices]
    assert HALO < SEEN < 320
    assert np.array_equal(density_of(4, 1, window, layout), density_of(4, 1, window, other))


def test_a_surface_is_where_squares_of_glass_fit_in() -> None:
    mask = np.random.default_rng(3).random((60, 70)) < 0.93
    assert 0 < ndimage.binary_opening(mask, np.ones((5, 5))).sum() < mask.sum()
    for side in (1, 3, 5):
        assert np.array_equal(_opened(mask, side), ndimage.binary_opening(mask, np.ones((side, side))))


def test_crypts_are_as_large_and_as_far_apart_as_real_ones() -> None:
    layout = np.full((400, 400), MUCOSA, np.uint8)
    for seed in range(4):
        window = Window(600, 1000, 600, 1000)
        glands = glands_around(seed, window, layout, Manner.of(seed))
        assert glands is not None
        across = 8 * 2 * glands.radius
        assert 70 < np.median(across) < 130
        each = window.area * 64 / len(glands)  # square um a crypt
        assert 90 < each**0.5 < 190


def test_crypts_cut_lengthwise_stand_on_the_surface_side_by_side() -> None:
    layout = layout_of(MUCOSA, 300)
    seed = next(seed for seed in range(99) if Manner.of(seed).lying < -1)
    glands = glands_around(seed, Window(320, 400, 400, 800), layout, Manner.of(seed))
    assert glands is not None
    lying = glands.pick(glands.half > 5)
    assert len(lying) > 10
    assert (np.abs(lying.down) > 0.9).mean() > 0.9
    tops = lying.y - lying.half - lying.radius
    assert np.percentile(np.abs(tops - 320), 90) < 12
    steps = np.diff(np.sort(lying.x))
    assert 8 * np.median(steps) == pytest.approx(110, abs=35)


@pytest.mark.parametrize("level", [4, 6])
def test_glands_are_denser_at_their_wall_and_paler_within_and_around(level: int) -> None:
    layout = np.full((384, 384), MUCOSA, np.uint8)
    density = optical_density(laid(level, TILE if level == 4 else SMALL, layout)).sum(2)
    assert density.std() > (0.25 if level == 4 else 0.1)
    assert np.percentile(density, 90) > 1.2 * density.mean()
    assert np.percentile(density, 10) < 0.8 * density.mean()


def test_every_pixel_of_the_parent_keeps_its_color_but_for_vessels() -> None:
    layout = np.full((192, 192), TUMOR, np.uint8)
    found = laid(4, TILE, layout)
    means = found.reshape(64, 4, 64, 4, 3).mean((1, 3))
    vessel = density_of(4, 2, TILE, layout)[..., 4].reshape(64, 4, 64, 4).any((1, 3))
    assert 0.02 < vessel.mean() < 0.3
    assert np.abs(means - flat(4, TILE)[0][0, 0])[~vessel].max() < 1


@pytest.mark.parametrize("kind", [MUCOSA, TISSUE])
def test_vessels_hold_red_cells(kind: int) -> None:
    layout = np.full((192, 192), kind, np.uint8)
    window = Window(1024, 1792, 1024, 1792)
    found = vessels(2, window, 0.25, fractions(layout, window, 2))
    assert found is not None
    assert 0 <= found.share.min() <= found.share.max() <= 1 + 1e-6
    assert 0.002 < found.share.mean() < 0.12
    assert found.blood.mean() > 0.2 * found.share.mean()
    assert (found.wall.max() > 0.9) == (kind == TISSUE), "capillaries have none to speak of"
    red, green = (found.into(np.ones(window.shape, np.float32), color) for color in (0, 1))
    full = found.blood > 0.99
    assert full.any()
    assert green[full].min() > 2 * red[full].max()
    assert vessels(2, window, 0.25, fractions(np.zeros_like(layout), window, 2)) is None


def test_follicles_stand_at_the_foot_of_mucosa_and_crypts_beside_them() -> None:
    layout = np.full((500, 500), GLASS, np.uint8)
    layout[100:130], layout[130:400] = MUCOSA, TISSUE
    whole = Window(0, 2000, 0, 2000)
    found = follicles_around(4, whole, layout)
    assert found is not None
    assert len(found.y) > 2
    assert (np.abs(found.y - 4 * 130) < 4 * 8).all()
    radius = 8 * found.radius
    assert radius.min() > 100
    assert radius.max() < 300
    y, x = int(found.y[0]), int(found.x[0])
    part = Window(y - 20, y + 20, x - 20, x + 20)
    again = follicles_around(4, part, layout)
    assert again is not None
    assert float(found.y[0]) in again.y
    glands = glands_around(4, part.grow(40), layout, Manner.of(4))
    assert glands is not None
    assert not found.hold(glands.y, glands.x, 0).any()
    inside = again.share(4, part, 1)
    assert inside[18:22, 18:22].min() == 1
    density = density_of(2, 4, part.refine(4), layout)
    beside = density_of(2, 4, part.refine(4).shift(0, 4 * 60), layout)
    assert density[..., 0].mean() > 1.3 * beside[..., 0].mean()
    assert follicles_around(4, whole, np.full_like(layout, TISSUE)) is None


def test_mucosa_has_a_muscle_of_its_own() -> None:
    layout = np.full((192, 192), TISSUE, np.uint8)
    layout[:60] = MUCOSA
    window = Window(60 * 16 - 32, 60 * 16 + 200, 1024, 1280)
    density = density_of(2, 3, window, layout)
    # eosin stains it: green is absorbed more than red
    pink = (density[..., 1] / density[..., 0]).mean(1)
    assert pink[40:50].mean() > 1.1 * pink[-40:].mean()


def test_mucosa_is_covered_by_epithelium() -> None:
    layout = np.full((192, 192), MUCOSA, np.uint8)
    layout[:80] = GLASS
    window = Window(80 * 16 - 64, 80 * 16 + 96, 512, 768)
    drawn, parent = hazy(2, window, layout)
    found = lay_tissue(2, 2, window, drawn, parent, layout, PALE)
    part = Window(window.y0 + 32, window.y0 + 96, 600, 664)
    seen, above = part.relative_to(window), part.coarsen(4).grow(RIM).relative_to(window.coarsen(4).grow(RIM))
    again = lay_tissue(2, 2, part, drawn[seen.slices], parent[above.slices], layout, PALE)
    assert np.array_equal(again, found[seen.slices]), "the same in any window"
    depth = np.arange(160)[:, None] - (found.mean(2) > 215).argmin(0)
    green = optical_density(found)[..., 1]
    nuclei, tops = (green[(depth >= low) & (depth < high)].mean() for low, high in ((6, 9), (1, 4)))
    assert nuclei > 1.15 * tops


@pytest.mark.parametrize("kind", [MUCOSA, TUMOR, MUSCLE])
def test_cells_change_few_colors_of_the_parent(kind: int) -> None:
    found = laid(2, CELLS, np.full((192, 192), kind, np.uint8))
    means = found.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(means - flat(2, CELLS)[0][0, 0]).mean() < 3
    assert np.abs(found.mean((0, 1)) - flat(2, CELLS)[0][0, 0]).max() < 1.5


def test_colors_stay_at_the_coarser_level_too() -> None:
    found = laid(6, SMALL, np.full((384, 384), MUCOSA, np.uint8))
    means = found.reshape(6, 16, 6, 16, 3).mean((1, 3))
    assert np.abs(means - flat(6, SMALL)[0][0, 0]).max() < 12
    assert np.abs(found.mean((0, 1)) - flat(6, SMALL)[0][0, 0]).max() < 1.5


@pytest.mark.parametrize("kind", [GLASS, TISSUE, MUSCLE])
def test_at_the_coarsest_level_nothing_is_laid_where_there_are_no_glands(kind: int) -> None:
    layout = np.full((384, 384), kind, np.uint8)
    layout[:30, :30] = MUCOSA
    drawn, parent = flat(6, SMALL)
    assert lay_tissue(6, 2, SMALL, drawn, parent, layout, PALE) is drawn


@pytest.mark.parametrize("level", LAID)
def test_nothing_is_laid_into_glass(level: int) -> None:
    layout = np.full((192, 192), GLASS, np.uint8)
    drawn, parent = flat(level, TILE)
    assert lay_tissue(level, 2, TILE, drawn, parent, layout, PALE) is drawn


def test_full_magnification_is_left_to_the_network() -> None:
    drawn, parent = flat(0, TILE)
    assert lay_tissue(0, 2, TILE, drawn, parent, np.full((9, 9), MUCOSA, np.uint8), PALE) is drawn


def test_nuclei_are_as_many_as_in_real_mucosa() -> None:
    from scipy import ndimage

    density = density_of(2, 4, Window(1024, 1536, 1024, 1536), np.full((192, 192), MUCOSA, np.uint8))
    nuclei = ndimage.label(density[..., 0] > 1.3)[1]
    # neighbors that touch are counted once; real mucosa has some 6,000 to 9,000 a square mm
    assert 2500 < nuclei / (512 * 0.002) ** 2 < 9000


def test_nuclei_of_crypts_stand_at_their_feet_and_goblets_above() -> None:
    layout = np.full((192, 192), MUCOSA, np.uint8)
    density = density_of(2, 4, Window(1024, 1536, 1024, 1536), layout)
    from scipy import ndimage

    deep = 2 * ndimage.distance_transform_edt(density[..., 3] > 0.5)  # um below the outline
    feet, above = (deep > 4) & (deep < 11), (deep > 14) & (deep < 22)
    assert density[..., 1][feet].mean() > 1.5 * density[..., 1][above].mean()


def test_muscle_runs_in_streams() -> None:
    density = density_of(2, 4, CELLS, np.full((192, 192), MUSCLE, np.uint8))[..., 0]
    down, right = np.gradient(density)
    # one direction prevails within a few cells: the structure tensor has two unlike eigenvalues
    parts = [part for row in np.split(np.stack([down, right], -1), 4) for part in np.split(row, 4, 1)]
    values = [np.linalg.eigvalsh(np.einsum("yxi,yxj->ij", part, part)) for part in parts]
    assert np.median([low / high for low, high in values]) < 0.6


def test_loose_tissue_is_fibers_and_gaps() -> None:
    window = Window(400, 720, 300, 660)
    loose = np.ones(window.shape, np.float32)
    course = course_of(5, window, 0.25)
    fibers = loose_fibers(5, window, 0.25, loose, course)
    assert fibers is not None
    assert 0.25 < fibers.mean() < 0.6
    between = ((fibers > 0.2) & (fibers < 0.8)).mean()
    assert between < 0.25, "most of it is either"
    part = Window(450, 500, 350, 470)
    again = loose_fibers(5, part, 0.25, loose[:50, :120], course[50:100, 50:170])
    assert again is not None
    assert np.array_equal(again, fibers[50:100, 50:170]), "the same in any window"
    # what is coarser shows the same fibers
    eights = window.coarsen(4)
    coarse = loose_fibers(5, eights, 1, loose[:80, :90], course_of(5, eights, 1))
    assert coarse is not None
    means = fibers.reshape(80, 4, 90, 4).mean((1, 3))
    assert np.corrcoef(coarse.ravel(), means.ravel())[0, 1] > 0.85
    assert loose_fibers(5, window, 0.25, 0 * loose, course) is None


def test_gaps_of_loose_tissue_are_as_glass_and_its_fibers_as_dense_as_its_parent_says() -> None:
    glass = np.array([240, 238, 242])
    layout = np.full((64, 64), TISSUE, np.uint8)
    window = Window(64, 192, 64, 192)
    for color, clear in (((230, 218, 228), 0.15), ((214, 190, 212), 0)):
        parent = np.full((32 + 2 * RIM, 32 + 2 * RIM, 3), color, np.uint8)
        drawn = np.full((128, 128, 3), color, np.uint8)
        laid = lay_tissue(4, 21, window, drawn, parent, layout, glass)
        assert (laid <= glass).all()
        assert (np.abs(laid.astype(int) - glass).max(2) < 10).mean() >= clear
        assert np.abs(laid.mean((0, 1)) - color).max() < 9
        assert laid[..., 1].std() > 12


def test_fat_is_empty_but_for_membranes() -> None:
    tissue = np.ones((512, 512), np.float32)
    found = fat(5, Window(0, 512, 0, 512), 0.25, tissue)
    assert found is not None
    share, membrane = found
    assert 0 <= share.min() <= share.max() <= 1
    assert 0.01 < membrane.mean() < 0.15
    assert fat(5, Window(0, 8, 0, 8), 0.25, 0 * tissue[:8, :8]) is None


def test_fat_lies_in_pale_tissue_and_away_from_mucosa(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = np.full((192, 192), TISSUE, np.uint8)
    layout[:60] = MUCOSA
    window = Window(60 * 4, 60 * 4 + 160, 256, 512)
    shares = fractions(layout, window, 4)

    def densities(pale: float) -> np.ndarray:
        found = tissue_density(4, 5, window, shares, layout, np.full(window.shape, pale, np.float32))
        assert found is not None
        return found[..., 0]

    with_fat, without = densities(1), densities(0)
    empty = with_fat[40:] < 0.5
    assert empty.mean() > 0.1
    assert (without[40:] < 0.5).mean() < 0.01
    part = window.grow(-32)
    again = tissue_density(4, 5, part, fractions(layout, part, 4), layout)
    assert again is not None
    assert np.array_equal(again[..., 0], with_fat[part.relative_to(window).slices])
    asked: list[np.ndarray] = []
    monkeypatch.setattr(stroma, "fat", lambda seed, window, scale, tissue: asked.append(tissue))
    for pale in (1, 0):
        densities(pale)
    assert (asked[0][:16] == 0).all()
    assert (asked[0][40:] == 1).all()
    assert (asked[1] == 0).all()


def hazy(level: int, window: Window, layout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a window with the haze between tissue and glass that a parent shows, and that parent."""
    seen = window.coarsen(4).grow(RIM)

    def picture(part: Window, at: int) -> np.ndarray:
        glass = fractions(layout, part, at)[GLASS][..., None]
        return np.rint(PALE * glass + np.array([170, 110, 180]) * (1 - glass)).astype(np.uint8)

    return picture(window, level), picture(seen, level + 2)


@pytest.mark.parametrize("level", [4, 2])
def test_tissue_ends_in_a_line(level: int) -> None:
    layout = np.full((192, 192), MUSCLE, np.uint8)
    layout[:80] = GLASS
    top = 80 * 2 ** (6 - level)
    window = Window(top - 64, top + 64, 512, 640)
    drawn, parent = hazy(level, window, layout)
    found = lay_tissue(level, 2, window, drawn, parent, layout, PALE)
    between = [((one.mean(2) > 190) & (one.mean(2) < 230)).sum(0).mean() for one in (drawn, found)]
    assert between[1] < 0.8 * between[0]
    assert np.abs(found[:16].astype(int) - PALE).max() < 6


def test_a_cleft_of_the_layout_is_empty() -> None:
    layout = np.full((192, 192), MUSCLE, np.uint8)
    layout[80:82] = GLASS
    window = Window(80 * 4 - 64, 80 * 4 + 64, 512, 640)
    drawn, parent = flat(4, window)
    # half as dense as the tissue beside it
    parent[RIM + 16 : RIM + 18] = drawn[64:72] = (205, 175, 210)
    found = lay_tissue(4, 2, window, drawn, parent, layout, PALE)
    assert found[66:70].mean() > drawn[66:70].mean() + 25


@pytest.fixture(scope="module")
def layout() -> np.ndarray:
    layout = np.full((40, 80), MUCOSA, np.uint8)
    layout[:, 50:] = TUMOR
    layout[:6] = GLASS
    return layout


SIZE = (40 * 64, 80 * 64)


def test_tiles_agree_in_any_order(tiny_slide_model: Any, layout: np.ndarray) -> None:
    first = Slide(tiny_slide_model, 5, SIZE, layout=layout)
    second = Slide(tiny_slide_model, 5, SIZE, layout=layout)
    tiles = [first.tile(4, 0, col) for col in (0, 1)]
    others = [second.tile(4, 0, col) for col in (1, 0)]
    assert all(np.array_equal(*pair) for pair in zip(tiles, reversed(others), strict=True))
    bare = Slide(tiny_slide_model, 5, SIZE, layout=layout, glands=False)
    for tile, plain in zip(tiles, (bare.tile(4, 0, 0), bare.tile(4, 0, 1)), strict=True):
        assert optical_density(tile).std() > 1.2 * optical_density(plain).std()


def test_a_card_may_do_without(tiny_slide_model: Any, layout: np.ndarray) -> None:
    from dataclasses import replace

    card = tiny_slide_model.card.model_copy(update={"glands": False})
    slide = Slide(replace(tiny_slide_model, card=card), 5, SIZE, layout=layout)
    assert not slide.glands
    assert slide.key.glands == 0


def test_a_slide_begun_before_goes_on_without_glands(
    tiny_slide_model: Any, layout: np.ndarray, tmp_path: Path
) -> None:
    bare = Slide(tiny_slide_model, 5, SIZE, layout=layout, glands=False)
    bare.begin_store(tmp_path / "a.ome.zarr")
    file = tmp_path / "a.ome.zarr" / "zarr.json"
    held = json.loads(file.read_text())
    note = held["attributes"]["histosynth"]["slide"]
    del note["glands"]
    note["format"] = 1
    file.write_text(json.dumps(held))
    again = Slide.of_store(SlideStore.open(tmp_path / "a.ome.zarr"), tiny_slide_model)
    assert not again.glands
    assert np.array_equal(again.tile(4, 0, 0), bare.tile(4, 0, 0))
    note["glands"], note["format"] = 99, 2
    file.write_text(json.dumps(held))
    with pytest.raises(SaveError, match="has glands of version 99"):
        SlideStore.open(tmp_path / "a.ome.zarr")
