"""Looks over a canvas: smooth, exact in reach, the same however the canvas is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.lookmap import LookMap, Place
from napari_histosynth.paint.lookregions import Regions
from napari_histosynth.paint.model import PaintModel, load_model

STRIDE, UM = 16, 0.5
OWN, ONE, TWO = (np.eye(4, dtype=np.float32)[index] for index in range(3))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


def make(*places: Place, regions: Regions | None = None, width_um: float = 80.0) -> LookMap:
    return LookMap(
        OWN, [ONE, TWO], places=places, regions=regions, width_um=width_um, um_per_px=UM, stride=STRIDE
    )


def painted(shape: tuple[int, int] = (200, 330)) -> np.ndarray:
    regions = np.zeros(shape, np.uint8)
    regions[:, 180:] = 1
    regions[40:100, 20:90] = 2
    return regions


def rich(width_um: float = 40.0) -> LookMap:
    """Points with and without a radius, and regions: everything at once."""
    places = (
        Place(10, 20, 1),
        Place(180, 150, 2, share=0.7),
        Place(60, 250, 2, radius_um=25),
        Place(90, 300, 1, radius_um=30, share=0.5),
    )
    return make(*places, regions=Regions(painted(), STRIDE, width_um / UM), width_um=width_um)


def blocks(shape: tuple[int, int] = (200, 330), seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 4, (shape[0] // 7 + 1, shape[1] // 7 + 1), np.uint8)
    return coarse.repeat(7, 0).repeat(7, 1)[: shape[0], : shape[1]].copy()


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


# ---- latents


@pytest.mark.parametrize("cut", [Window(0, 5, 3, 9), Window(-6, 2, 14, 25), Window(7, 8, -3, 30)])
def test_any_cut_of_the_map_has_the_same_bits(cut: Window) -> None:
    whole = Window(-8, 30, -8, 40)
    looks = rich()
    np.testing.assert_array_equal(
        looks.cells(cut), looks.cells(whole)[(slice(None), *cut.relative_to(whole).slices)]
    )


def test_weights_are_shares_of_a_whole() -> None:
    weights = rich().weights(Window(-4, 20, -4, 26))
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)


def test_without_points_and_regions_all_is_the_own_look() -> None:
    np.testing.assert_array_equal(
        make().cells(Window(0, 3, 0, 4)), np.broadcast_to(OWN[:, None, None], (4, 3, 4))
    )


def test_two_points_share_the_canvas_and_meet_half_way() -> None:
    looks = make(Place(7.5, 0, 1), Place(7.5, 1600, 2), width_um=200)
    _, one, two = looks.weights(Window(0, 1, 0, 100))[:, 0]
    # the middle is at 800 px, the width is 400 px: between 600 and 1,000 px both have a say, elsewhere one
    at = np.arange(100) * STRIDE + 7.5
    assert (one[at < 600] == 1).all()
    assert (two[at > 1000] == 1).all()
    mixed = (at > 600) & (at < 1000)
    assert ((one > 0) & (two > 0))[mixed].all()
    np.testing.assert_allclose(one[(at > 790) & (at < 810)], 0.5, atol=0.02)
    assert (np.diff(two) >= 0).all()


def test_a_blend_as_wide_as_the_points_are_apart_goes_from_one_to_the_other() -> None:
    looks = make(Place(7.5, 7.5, 1), Place(7.5, 1607.5, 2), width_um=800)
    two = looks.weights(Window(0, 1, 0, 101))[2, 0]
    assert (two[0], two[-1]) == (0, 1)
    assert (np.diff(two) > 0).all()
    assert np.diff(two).max() < 0.025  # no step anywhere: 1.5 / 100 at the steepest of a smooth step, doubled


def test_a_spot_holds_inside_its_radius_and_ends_half_a_width_outside() -> None:
    looks = make(Place(807.5, 807.5, 1, radius_um=150), width_um=60)
    own, one, _ = looks.weights(Window(50, 51, 0, 101))[:, 0]
    away = np.abs(np.arange(101) * STRIDE - 800) * UM
    assert (one[away <= 120] == 1).all()
    assert (own[away >= 180] == 1).all()
    assert 0.4 < np.interp(150, away[50:], one[50:]) < 0.6


def test_a_share_mixes_with_the_own_look() -> None:
    looks = make(Place(0, 0, 1, share=0.25))
    np.testing.assert_allclose(looks.cells(Window(3, 4, 3, 4)).ravel(), 0.75 * OWN + 0.25 * ONE)


def test_regions_blend_over_their_width() -> None:
    regions = np.zeros((160, 1600), np.uint8)
    regions[:, 800:] = 1
    looks = make(regions=Regions(regions, STRIDE, 320))
    one = looks.weights(Window(0, 10, 0, 100))[1]
    assert (one[:, :39] == 0).all()
    np.testing.assert_allclose(one[:, 61:], 1, atol=1e-6)
    assert (np.diff(one[5, 40:60]) > 0).all()
    assert (one == one[:1]).all()  # the canvas ends, the regions do not: no edge at its border
    np.testing.assert_allclose(one[0, 49:51].mean(), 0.5, atol=1e-6)


def test_a_region_without_a_look_is_the_own_look() -> None:
    looks = make(regions=Regions(np.full((64, 64), 9, np.uint8), STRIDE, 0))
    assert (looks.weights(Window(0, 4, 0, 4))[0] == 1).all()


def test_repainting_a_region_equals_measuring_all_anew() -> None:
    labels = painted()
    regions = Regions(labels, STRIDE, 70)
    rng = np.random.default_rng(0)
    for _ in range(12):
        y, x = int(rng.integers(0, 190)), int(rng.integers(0, 320))
        window = Window(y, min(y + 25, 200), x, min(x + 40, 330))
        before = regions.memberships(regions.grid)
        labels[window.slices] = rng.integers(0, 4)
        cells = regions.update(labels, window)
        after = regions.memberships(regions.grid)
        fresh = Regions(labels, STRIDE, 70).memberships(regions.grid)
        assert set(after) == set(fresh)
        for number, field in after.items():
            np.testing.assert_array_equal(field, fresh[number])
            changed = field != before.get(number, np.float32(0))
            if not cells.is_empty:
                changed[cells.slices] = False
            assert not changed.any()


def test_another_width_equals_measuring_all_anew() -> None:
    other = Regions(painted(), STRIDE, 70).with_width(30)
    fresh = Regions(painted(), STRIDE, 30)
    for number, field in fresh.memberships(fresh.grid).items():
        np.testing.assert_array_equal(other.memberships(other.grid)[number], field)
    assert other.sha256 == fresh.sha256


def test_an_edit_that_changes_nothing_affects_nothing() -> None:
    regions = Regions(painted(), STRIDE, 70)
    assert regions.update(painted(), Window(0, 200, 0, 330)).is_empty


def test_regions_of_another_size_are_refused() -> None:
    with pytest.raises(LabelMapError, match="became"):
        Regions(painted(), STRIDE, 70).update(painted((10, 10)))


@pytest.mark.parametrize("labels", [np.zeros((4, 4)), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)])
def test_what_is_no_map_of_regions_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(LabelMapError, match="map of regions"):
        Regions(labels, STRIDE, 10)


def test_changes_are_where_latents_differ_and_nowhere_else() -> None:
    before = rich()
    places = list(before.places)
    places[2] = Place(70, 262, 2, radius_um=25)
    after = make(*places, regions=before.regions, width_um=40)
    grid = Window(-5, 18, -5, 26)
    windows = before.changes(after, grid)
    differs = (before.cells(grid) != after.cells(grid)).any(axis=0)
    assert differs.any()
    assert not differs.all()
    for window in windows:
        differs[window.relative_to(grid).slices] = False
    assert not differs.any()


@pytest.mark.parametrize("seed", range(6))
def test_changes_miss_nothing_whatever_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def place() -> Place:
        y, x = rng.random(2) * (600, 2400) - 100
        radius = None if rng.random() < 0.5 else float(rng.random() * 150)
        return Place(y, x, int(rng.integers(0, 3)), radius, float(rng.random()))

    places = [place() for _ in range(5)]
    before = make(*places, places[0], width_um=40)
    grid = Window(-5, 40, -5, 160)
    for after in (make(*places[1:], place(), places[0], width_um=40), make(*places, width_um=40)):
        differs = (before.cells(grid) != after.cells(grid)).any(axis=0)
        for window in before.changes(after, grid):
            differs[window.relative_to(grid).slices] = False
        assert not differs.any()


def test_a_point_far_away_may_move_without_a_trace() -> None:
    places = [Place(0, 0, 1), Place(0, 4000, 2), Place(0, 8000, 1)]
    before = make(*places)
    after = make(*places[:2], Place(500, 8000, 1))
    near = Window(0, 40, 0, 250)
    assert before.changes(after, near) == []
    np.testing.assert_array_equal(before.cells(near), after.cells(near))


def test_another_look_changes_only_where_it_has_a_say() -> None:
    before = make(Place(160, 160, 1, radius_um=30), width_um=20)
    after = LookMap(OWN, [TWO, TWO], places=before.places, width_um=20, um_per_px=UM, stride=STRIDE)
    (window,) = before.changes(after, Window(0, 20, 0, 20))
    assert Window(9, 11, 9, 11).intersect(window) == Window(9, 11, 9, 11)
    assert window.area <= 100


def test_the_hash_follows_all_that_counts() -> None:
    hashes = {rich().sha256, rich(41).sha256, make().sha256, make(Place(0, 0, 1)).sha256}
    hashes.add(make(Place(0, 0, 1, share=0.5)).sha256)
    hashes.add(LookMap(ONE, [ONE, TWO], um_per_px=UM, stride=STRIDE, width_um=80).sha256)
    assert len(hashes) == 6
    assert rich().sha256 == rich().sha256


def test_latents_of_several_lengths_are_refused() -> None:
    with pytest.raises(ModelError, match="one length"):
        LookMap(OWN, [np.zeros(3)], um_per_px=UM, stride=STRIDE)


# ---- drawing


def test_any_window_of_a_varied_canvas_equals_the_crop_of_the_whole(model: PaintModel) -> None:
    whole = Canvas(model, blocks(), latent=rich(), seed=3).render()
    canvas = Canvas(model, blocks(), latent=rich(), seed=3, tile=64)
    for window in (Window(0, 40, 0, 50), Window(150, 200, 301, 330), Window(33, 121, 70, 271), canvas.window):
        assert difference(canvas.render(window), whole[window.slices]) <= 1


def test_one_look_everywhere_is_that_look(model: PaintModel) -> None:
    plain = Canvas(model, blocks(), latent=ONE, seed=3).render()
    regions = Regions(np.ones((200, 330), np.uint8), STRIDE, 100)
    for looks in (make(Place(50, 50, 1), Place(100, 300, 1)), make(regions=regions)):
        assert difference(Canvas(model, blocks(), latent=looks, seed=3).render(), plain) <= 1


def test_moving_a_point_redraws_exactly_what_changes(model: PaintModel) -> None:
    before = rich()
    places = list(before.places)
    places[2] = Place(30, 20, 2, radius_um=10)
    after = make(*places, regions=before.regions, width_um=before.width_um)
    canvas = Canvas(model, blocks(), latent=before, seed=3)
    picture = canvas.render()
    windows = canvas.change_looks(after)
    fresh = Canvas(model, blocks(), latent=after, seed=3).render()
    assert (picture != fresh).any()
    for window in windows:
        picture[window.slices] = canvas.render(window)
    assert difference(picture, fresh) <= 1


def test_what_a_cell_affects_is_drawn_again_and_little_more(model: PaintModel) -> None:
    flat = np.zeros((400, 400), np.uint8)
    regions = Regions(flat, STRIDE, 0)
    canvas = Canvas(model, np.ones((400, 400), np.uint8), latent=make(regions=regions))
    before = canvas.render()
    flat[192:208, 208:224] = 1
    cells = regions.update(flat, Window(192, 208, 208, 224))
    assert cells == Window(12, 13, 13, 14)
    affected = canvas.affected_by_latent(cells)
    changed = (canvas.render() != before).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    found = Window(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
    assert found.intersect(affected) == found
    assert max(affected.shape) <= 16 + 2 * (model.generator.receptive_field + 16)


def test_a_first_map_redraws_what_it_covers(model: PaintModel) -> None:
    labels = blocks((200, 330))
    canvas = Canvas(model, labels, latent=OWN, seed=3)
    picture = canvas.render()
    spot = make(Place(20, 20, 1, radius_um=5), width_um=8)
    windows = canvas.change_looks(spot)
    assert sum(window.area for window in windows) < canvas.window.area / 2
    for window in windows:
        picture[window.slices] = canvas.render(window)
    assert difference(picture, Canvas(model, labels, latent=spot, seed=3).render()) <= 1


def test_a_map_after_an_array_of_latents_redraws_everything(model: PaintModel) -> None:
    canvas = Canvas(model, blocks(), latent=np.stack([OWN, ONE], -1)[:, None], seed=3)
    assert canvas.change_looks(rich()) == [canvas.window]


def test_the_record_names_the_map(model: PaintModel) -> None:
    made = Canvas(model, blocks(), latent=rich(), seed=3, latent_seed=5).provenance()
    assert made.latent_sha256 == rich().sha256 == made.extra["look_map"]["sha256"]
    assert made.extra["look_map"]["points"] == 4
    assert made.latent_seed == 5


def test_a_map_for_another_generator_is_refused(model: PaintModel) -> None:
    with pytest.raises(ModelError, match="cells of 8 px"):
        Canvas(model, blocks(), latent=LookMap(OWN, [], um_per_px=UM, stride=8))
    with pytest.raises(ModelError, match="5 numbers"):
        Canvas(model, blocks(), latent=LookMap(np.zeros(5), [], um_per_px=UM, stride=STRIDE))
