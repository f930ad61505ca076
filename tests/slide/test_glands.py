"""Glands on a slide: the same from any window, where the layout has them, without a change of color."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.glandground import Manner
from napari_histosynth.slide.glands import RIM, gland_density, lay_glands
from napari_histosynth.slide.glandshapes import HALO, SEEN, glands_around
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.store import SlideStore

TILE, SMALL = Window(256, 512, 256, 512), Window(128, 224, 128, 224)


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
    found = gland_density(level, seed, window, fractions(layout, window, level)[TUMOR], layout)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [MUCOSA, TUMOR])
@pytest.mark.parametrize("level", [4, 6])
def test_any_window_shows_the_same_glands(kind: int, level: int) -> None:
    layout, side = layout_of(kind), 4 if level == 6 else 1
    whole = Window(320, 520, 312, 472).coarsen(side)
    density = density_of(level, 3, whole, layout)
    for window in (Window(328, 368, 320, 344), Window(400, 512, 352, 464), Window(444, 452, 400, 404)):
        part = window.coarsen(side)
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
    window = TILE if level == 4 else SMALL
    drawn, parent = flat(level, window)
    found = lay_glands(level, 2, window, drawn, parent, layout)
    density = optical_density(found).sum(2)
    assert density.std() > (0.25 if level == 4 else 0.1)
    assert np.percentile(density, 90) > 1.2 * density.mean()
    assert np.percentile(density, 10) < 0.8 * density.mean()


def test_every_pixel_of_the_parent_keeps_its_color() -> None:
    layout = np.full((192, 192), TUMOR, np.uint8)
    drawn, parent = flat(4, TILE)
    found = lay_glands(4, 2, TILE, drawn, parent, layout)
    means = found.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(means - drawn[0, 0]).max() < 1


def test_colors_stay_at_the_coarser_level_too() -> None:
    layout = np.full((384, 384), MUCOSA, np.uint8)
    drawn, parent = flat(6, SMALL)
    found = lay_glands(6, 2, SMALL, drawn, parent, layout)
    means = found.reshape(6, 16, 6, 16, 3).mean((1, 3))
    assert np.abs(means - drawn[0, 0]).max() < 12
    assert np.abs(found.mean((0, 1)) - drawn[0, 0]).max() < 1.5


@pytest.mark.parametrize("kind", [GLASS, TISSUE, MUSCLE])
def test_nothing_is_laid_where_there_are_no_glands(kind: int) -> None:
    layout = np.full((192, 192), kind, np.uint8)
    layout[:30, :30] = MUCOSA
    drawn, parent = flat(4, TILE)
    assert lay_glands(4, 2, TILE, drawn, parent, layout) is drawn


def test_glass_beside_mucosa_stays_as_it_is() -> None:
    layout = layout_of(MUCOSA)
    drawn, parent = flat(4, TILE)
    found = lay_glands(4, 2, TILE, drawn, parent, layout)
    assert np.array_equal(found[:64], drawn[:64])
    assert not np.array_equal(found[72:], drawn[72:])


@pytest.mark.parametrize("level", [0, 2])
def test_finer_levels_are_left_to_the_network(level: int) -> None:
    drawn, parent = flat(level, TILE)
    assert lay_glands(level, 2, TILE, drawn, parent, np.full((9, 9), MUCOSA, np.uint8)) is drawn


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
