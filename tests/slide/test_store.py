"""The store: open to any reader while it grows, whole after a kill, refused where it is another's."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import open_ome_zarr
from napari_histosynth.slide.lattice import Place
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.store import SlideStore

SIZE = (600, 900)
PLACE = Place(2, 0, 0)


@pytest.fixture
def slide(tiny_slide_model: Any, tmp_path: Path) -> Slide:
    """A slide of glass and a little tissue, in a store."""
    layout = np.zeros((10, 15), np.uint8)
    layout[2:9, 1:6] = 1
    slide = Slide(tiny_slide_model, 7, SIZE, layout=layout)
    slide.begin_store(tmp_path / "a.ome.zarr", {"layout": "mine.png"})
    return slide


def chunk(slide: Slide, place: Place) -> Path:
    assert slide.store is not None
    return slide.store.path / str(place.level) / "c" / "0" / str(place.row) / str(place.col)


def opened(slide: Slide) -> SlideStore:
    assert slide.store is not None
    return SlideStore.open(slide.store.path)


def test_any_reader_opens_it_half_drawn(slide: Slide) -> None:
    tile = slide.tile(*PLACE)
    assert slide.store is not None
    found = open_ome_zarr(slide.store.path)
    assert [level.shape[:2] for level in found.levels] == [slide.shape(level) for level in range(9)]
    assert found.um_per_px == 0.5
    assert np.array_equal(np.asarray(found.levels[2]), tile)
    assert (np.asarray(found.levels[0]) == 255).all()
    made = found.provenance
    assert made is not None
    assert made.synthetic
    assert (made.model, made.seed, made.size, made.extra["layout"]) == ("tiny-slide", 7, SIZE, "mine.png")
    layout = open_ome_zarr(slide.store.path / "layout")
    assert np.array_equal(np.asarray(layout.levels[0]), slide.layout)
    assert (layout.um_per_px, layout.scheme and layout.scheme.name) == (32, "slide-layout")


def test_it_is_what_ome_zarr_says(slide: Slide) -> None:
    models = pytest.importorskip("ome_zarr_models.v05")
    import zarr

    slide.tile(*PLACE)
    assert slide.store is not None
    models.Image.from_zarr(zarr.open_group(slide.store.path, mode="r"))


def test_what_was_put_is_got_and_known(slide: Slide) -> None:
    store = slide.store
    assert store is not None
    rng = np.random.default_rng(0)
    for place, shape in ((Place(0, 0, 0), (256, 256)), (Place(0, 2, 3), (88, 132)), (Place(8, 0, 0), (3, 4))):
        assert store.get(place) is None
        assert not store.has(place)
        tile = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
        store.put(place, tile)
        other = opened(slide)
        assert other.has(place)
        found = other.get(place)
        assert found is not None
        assert np.array_equal(found, tile)
        assert other.finished(place.level)[place.row, place.col]
    assert opened(slide).finished(0).sum() == 2


def test_a_tile_that_is_white_all_over_counts(slide: Slide) -> None:
    store = slide.store
    assert store is not None
    store.put(PLACE, np.full((150, 225, 3), 255, np.uint8))
    assert opened(slide).has(PLACE)


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "one bit"])
def test_a_damaged_chunk_counts_as_missing_and_is_drawn_again(
    slide: Slide, tiny_slide_model: Any, damage: str
) -> None:
    whole = slide.tile(*PLACE)
    file = chunk(slide, PLACE)
    content = file.read_bytes()
    bit = bytearray(content)
    bit[len(bit) // 2] ^= 1
    file.write_bytes(
        {"truncated": content[:-9], "empty": b"", "garbage": b"PNG" * 99, "one bit": bytes(bit)}[damage]
    )
    store = opened(slide)
    assert store.get(PLACE) is None
    again = Slide.of_store(store, tiny_slide_model)
    assert np.array_equal(again.tile(*PLACE), whole)
    assert file.read_bytes() == content


def test_a_store_of_another_slide_is_refused(slide: Slide, tiny_slide_model: Any) -> None:
    for options, said in (
        ({"seed": 8}, "with seed 7, not 8"),
        ({"size": (600, 901)}, "900 x 600 px, not 901 x 600 px"),
        ({"setting": "diffusion"}, "setting fast, not diffusion"),
        ({"layout_sha256": "00"}, "layout"),
        ({"model_sha256": "00"}, "model"),
        ({"precision": "bf16"}, "precision fp32, not bf16"),
    ):
        with pytest.raises(SaveError, match=said):
            opened(slide).check(replace(slide.key, **options))
    with pytest.raises(SaveError, match="with seed 7, not 8"):
        Slide(tiny_slide_model, 8, SIZE, layout=slide.layout, store=slide.store)


def test_another_model_is_refused(slide: Slide, tiny_slide_model: Any) -> None:
    other = replace(tiny_slide_model, card=tiny_slide_model.card.model_copy(update={"sha256": "f" * 64}))
    with pytest.raises(SaveError, match=r"begun with the model 'tiny-slide' .* has f{12}; give"):
        Slide.of_store(opened(slide), other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda note: note.update(format=3), "format 3 and this version knows 2; update"),
        (lambda note: note.pop("seed"), "does not say what it was drawn with"),
        (lambda note: note.clear(), "is no slide"),
    ],
)
def test_what_is_no_store_or_a_newer_one_is_refused(
    slide: Slide, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    assert slide.store is not None
    file = slide.store.path / "zarr.json"
    content = json.loads(file.read_text())
    change(content["attributes"]["histosynth"]["slide"])
    file.write_text(json.dumps(content))
    with pytest.raises(SaveError, match=said):
        opened(slide)


def test_a_folder_of_something_else_is_refused(tmp_path: Path, slide: Slide) -> None:
    with pytest.raises(SaveError, match="is no slide"):
        SlideStore.open(tmp_path)
    with pytest.raises(SaveError, match="something is there"):
        slide.begin_store(tmp_path / "a.ome.zarr")


def test_a_damaged_layout_is_said(slide: Slide) -> None:
    store = opened(slide)
    (store.path / "layout/0/c/0/0").write_bytes(b"nothing")
    with pytest.raises(SaveError, match=r"layout in .* is damaged"):
        store.layout()


def test_a_full_disk_is_one_sentence_and_loses_nothing(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for need in slide.tiles_needed(*PLACE):
        slide.tile(*need)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(SaveError, match=r"disk is full; free some .*\(what is finished is kept\)\.$"):
            slide.tile(*PLACE)
        before = slide.evaluations
        slide.tile(*PLACE)  # it is in memory
        assert slide.evaluations == before
    assert not opened(slide).has(PLACE)
    slide.tile(0, 0, 0)
    assert opened(slide).has(PLACE)  # it was written with the next
    assert not [name for name in chunk(slide, PLACE).parent.iterdir() if name.name.startswith(".")]


def test_a_store_that_was_removed_is_not_made_again_in_part(slide: Slide) -> None:
    import shutil

    assert slide.store is not None
    shutil.rmtree(slide.store.path)
    with pytest.raises(SaveError, match="is gone"):
        slide.tile(*PLACE)
    assert not slide.store.path.exists()


def test_odd_levels_are_filled_when_their_children_are_there(slide: Slide) -> None:
    for place in (Place(0, 0, 0), Place(0, 0, 1), Place(0, 1, 0)):
        slide.tile(*place)
        assert not opened(slide).has(Place(1, 0, 0))
    slide.tile(0, 1, 1)
    found = opened(slide).get(Place(1, 0, 0))
    assert found is not None
    assert np.array_equal(found, slide.read(1, Window(0, 256, 0, 256)))


def test_what_a_killed_process_left_is_removed_after_an_hour(slide: Slide) -> None:
    slide.tile(*PLACE)
    old, new = (chunk(slide, PLACE).with_name(name) for name in (".0.aaaaaaaa", ".0.bbbbbbbb"))
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    opened(slide).tidy()
    assert not old.exists()
    assert new.exists()
    assert opened(slide).has(PLACE)
