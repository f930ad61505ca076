"""A slide is a function of its arguments: in any order, from any number of threads, stored or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import HistosynthError, ImageError, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io.halving import halved
from napari_histosynth.slide.lattice import Place, counts
from napari_histosynth.slide.levels import DRAWN, LEVELS
from napari_histosynth.slide.pyramid import Slide

SIZE = (600, 900)
ALL = [
    Place(level, row, col)
    for level in range(LEVELS)
    for row in range(counts(SIZE, level)[0])
    for col in range(counts(SIZE, level)[1])
]


@pytest.fixture(scope="module")
def layout() -> np.ndarray:
    """Tissue on the left, glass on the right."""
    layout = np.zeros((10, 15), np.uint8)
    layout[2:9, 1:6], layout[4:7, 2:5] = 1, 2
    return layout


@pytest.fixture(scope="module")
def begin(tiny_slide_model: Any, layout: np.ndarray) -> Callable[..., Slide]:
    def begin(seed: int = 7, **options: Any) -> Slide:
        return Slide(tiny_slide_model, seed, SIZE, layout=layout, **options)

    return begin


@pytest.fixture(scope="module")
def whole(begin: Callable[..., Slide]) -> dict[Place, np.ndarray]:
    """All tiles of a slide, drawn from coarse to fine."""
    slide = begin()
    return {place: slide.tile(*place) for place in sorted(ALL, reverse=True)}


def same(slide: Slide, places: list[Place], whole: dict[Place, np.ndarray]) -> bool:
    return all(np.array_equal(slide.tile(*place), whole[place]) for place in places)


@pytest.mark.parametrize("order", ["fine first", "shuffled", "little memory"])
def test_tiles_are_the_same_in_any_order(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray], order: str
) -> None:
    places = sorted(ALL)
    if order == "shuffled":
        np.random.default_rng(1).shuffle(places)
        places = [Place(*place) for place in places]
    slide = begin(cache_bytes=600_000 if order == "little memory" else 1 << 28)
    assert same(slide, places[:6] if order == "little memory" else places, whole)


def test_eight_threads_draw_the_same_and_each_tile_once(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray]
) -> None:
    alone = begin()
    for place in ALL:
        alone.tile(*place)
    slide = begin()
    with ThreadPoolExecutor(8) as pool:
        tiles = list(pool.map(lambda place: slide.tile(*place), [*ALL, *reversed(ALL)]))
    wanted = [whole[place] for place in [*ALL, *reversed(ALL)]]
    assert all(np.array_equal(*pair) for pair in zip(tiles, wanted, strict=True))
    assert slide.evaluations == alone.evaluations


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Torch with three threads, whatever this machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_tiles_drawn_at_once_are_the_same_each_drawn_once(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray]
) -> None:
    slide = begin()
    assert slide.at_once == 3
    window = Window(200, 560, 100, 900)
    found = slide.read(0, window)
    torch.set_num_threads(1)
    alone = begin()
    assert alone.at_once == 1
    assert np.array_equal(found, alone.read(0, window))
    assert slide.evaluations == alone.evaluations
    tiles = slide.tiles([*ALL, *ALL[:3]])
    assert all(np.array_equal(tile, whole[place]) for place, tile in zip(ALL, tiles, strict=False))
    assert [one.shape for one in tiles[-3:]] == [whole[place].shape for place in ALL[:3]]
    assert slide.tiles([]) == []


@pytest.mark.usefixtures("three_threads")
def test_a_fault_while_tiles_are_drawn_at_once_loses_no_other(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = begin()
    drawer = slide._works._drawer
    draw = drawer.draw

    def fail(place: Place, tiles: Any) -> Any:
        if place == Place(0, 1, 1):
            raise MemoryError("no room")
        return draw(place, tiles)

    monkeypatch.setattr(drawer, "draw", fail)
    with pytest.raises(MemoryError, match="no room"):
        slide.tiles(place for place in ALL if place.level == 0)
    assert slide.has(2, 0, 0)
    monkeypatch.setattr(drawer, "draw", draw)
    assert same(slide, ALL, whole)


def test_a_store_changes_nothing_and_is_read_by_the_next(
    begin: Callable[..., Slide], tiny_slide_model: Any, whole: dict[Place, np.ndarray], tmp_path: Path
) -> None:
    from napari_histosynth.slide.store import SlideStore

    slide = begin()
    slide.begin_store(tmp_path / "a.ome.zarr")
    assert same(slide, [Place(0, 1, 1), Place(1, 0, 0)], whole)
    again = Slide.of_store(SlideStore.open(tmp_path / "a.ome.zarr"), tiny_slide_model)
    assert again.has(0, 1, 1)
    assert same(again, [Place(0, 1, 1), Place(1, 0, 0), Place(2, 0, 0)], whole)
    assert again.evaluations == 0
    assert same(again, ALL, whole)


def test_another_seed_is_another_slide(begin: Callable[..., Slide], whole: dict[Place, np.ndarray]) -> None:
    assert not same(begin(seed=8), [Place(0, 1, 1)], whole)


def test_odd_levels_are_halved_from_the_finer(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray]
) -> None:
    slide = begin()
    for level in (1, 3, 7):
        finer = slide.read(level - 1, Window.of_shape(slide.shape(level - 1)))
        assert np.array_equal(slide.read(level, Window.of_shape(slide.shape(level))), halved(finer))


def test_windows_are_cut_from_tiles(begin: Callable[..., Slide], whole: dict[Place, np.ndarray]) -> None:
    slide = begin()
    found = slide.read(0, Window(200, 300, 250, 2000))
    assert found.shape == (100, 650, 3)
    assert np.array_equal(found[:56, :6], whole[Place(0, 0, 0)][200:, 250:])
    assert np.array_equal(found[56:, 6:262], whole[Place(0, 1, 1)][:44])


def test_a_tile_needs_few_others(begin: Callable[..., Slide]) -> None:
    slide = begin()
    for place in ALL:
        needed = slide.tiles_needed(*place)
        assert len(needed) <= 4
        assert {need.level for need in needed} <= {place.level + 2, place.level - 1}
    assert slide.tiles_needed(8, 0, 0) == []


def test_a_large_slide_takes_a_fiftieth_of_the_evaluations_of_urcdm() -> None:
    tiles = sum(np.prod(counts((40_960, 40_960), level)) for level in DRAWN[1:])
    assert tiles <= 2166 * 1536 / 50


def test_glass_is_not_drawn(begin: Callable[..., Slide]) -> None:
    slide = begin()
    for place in (Place(0, 1, 3), Place(0, 1, 1)):  # glass, tissue
        for need in slide.tiles_needed(*place):
            slide.tile(*need)
        before = slide.evaluations
        slide.tile(*place)
        assert slide.evaluations - before == (place.col == 1)


def test_a_glance_draws_nothing_and_shows_what_is_finished(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray]
) -> None:
    slide = begin()
    window = Window(0, 600, 100, 900)
    first = slide.glance(0, window)
    assert slide.evaluations == 0
    assert first.shape == (600, 800, 3)
    sketch = slide.tile(8, 0, 0)
    assert np.abs(first.reshape(-1, 3).mean(0) - sketch.reshape(-1, 3).mean(0)).max() < 25
    slide.tile(2, 0, 0)
    closer = slide.glance(0, window)
    assert not np.array_equal(first, closer)
    slide.tile(0, 1, 1)
    finest = slide.glance(0, window)
    assert np.array_equal(finest[256:512, 156:412], whole[Place(0, 1, 1)])
    assert np.array_equal(finest[:256], closer[:256])


def test_what_coarser_tiles_show_lies_where_it_belongs(begin: Callable[..., Slide]) -> None:
    slide = begin()
    tile = slide.tile(2, 0, 0)
    found = slide.glance(0, Window(37, 300, 41, 290)).astype(int)
    wanted = np.repeat(np.repeat(tile, 4, 0), 4, 1)[37:300, 41:290].astype(int)
    assert np.abs(found - wanted).mean() < 6
    shifted = np.repeat(np.repeat(tile, 4, 0), 4, 1)[45:308, 49:298].astype(int)
    assert np.abs(found - wanted).mean() < np.abs(found - shifted).mean()


def test_dask_arrays_draw_what_is_asked_for(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray]
) -> None:
    slide = begin()
    levels = slide.dask_levels()
    assert [level.shape[:2] for level in levels] == [slide.shape(level) for level in range(LEVELS)]
    assert slide.evaluations == 0
    assert np.array_equal(np.asarray(levels[0][260:270, 300:310, 1]), whole[Place(0, 1, 1)][4:14, 44:54, 1])


def test_a_fault_in_one_thread_leaves_the_tile_to_the_next(
    begin: Callable[..., Slide], whole: dict[Place, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = begin()
    for need in slide.tiles_needed(0, 1, 1):
        slide.tile(*need)
    drawer, entered, go = slide._works._drawer, threading.Event(), threading.Event()
    draw = drawer.draw

    def fail_once(*arguments: Any) -> Any:
        monkeypatch.setattr(drawer, "draw", draw)
        entered.set()
        go.wait(10)
        raise MemoryError

    monkeypatch.setattr(drawer, "draw", fail_once)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slide.tile, 0, 1, 1)
        entered.wait(10)
        second = pool.submit(slide.tile, 0, 1, 1)
        go.set()
        assert isinstance(first.exception(), MemoryError)
        assert np.array_equal(second.result(), whole[Place(0, 1, 1)])


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda slide: slide.tile(0, 3, 0), "no tile of level 0 in row 3"),
        (lambda slide: slide.tile(9, 0, 0), "no tile of level 9"),
        (lambda slide: slide.read(0, Window(700, 800, 0, 9)), "900 x 600; choose a part"),
        (lambda slide: slide.glance(-1, Window(0, 1, 0, 1)), "levels 0 to 8, not -1"),
    ],
)
def test_what_is_not_on_the_slide_is_said(
    begin: Callable[..., Slide], ask: Callable[[Slide], Any], said: str
) -> None:
    with pytest.raises(ImageError, match=said):
        ask(begin())


def test_what_cannot_be_a_slide_is_said(tiny_slide_model: Any, layout: np.ndarray) -> None:
    cases: list[tuple[type[HistosynthError], str, tuple[Any, ...], dict[str, Any]]] = [
        (ImageError, "cannot be 100 x 100 px", (0, 100), {}),
        (ImageError, "needs 16 x 16 px", (0, 1024), {"layout": layout}),
        (ModelError, '"fast" or "diffusion"', (0, SIZE), {"layout": layout, "setting": "slow"}),
        (ModelError, "draws in one evaluation", (0, SIZE), {"layout": layout, "steps": 4}),
    ]
    for kind, said, arguments, options in cases:
        with pytest.raises(kind, match=said):
            Slide(tiny_slide_model, *arguments, **options)
