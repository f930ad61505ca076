from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, DeviceError, ImageError, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.stain import translator as module
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.translator import Translator


@pytest.fixture(scope="module")
def model(local_folder: Path) -> StainModel:
    return load_stain_model(local_folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def instance(instance_folder: Path) -> StainModel:
    return load_stain_model(instance_folder, device="cpu", precision="fp32")


def apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


class Read:
    """A source that notes what is read of it, as zarr and dask would be read."""

    dtype = np.dtype(np.uint8)

    def __init__(self, rgb: np.ndarray) -> None:
        self._rgb, self.shape, self.most = rgb, rgb.shape, 0

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        part = self._rgb[key]
        self.most = max(self.most, part.shape[0] * part.shape[1])
        return part


def test_inside_it_equals_drawing_the_whole_picture_at_once(model: StainModel, he: np.ndarray) -> None:
    at_once = model.draw(he[:208])
    tiled = Translator(model, he[:208], 0.5, tile=32).translate()
    margin = model.generator().margin
    inside = np.s_[margin:-margin, margin:-margin]
    assert apart(tiled[inside], at_once[inside]) <= 1  # sums of floats may come out in another order


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.9])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_same_pixels_in_any_order_and_window(
    model: StainModel, he: np.ndarray, scale: float, reverse: bool
) -> None:
    whole = Translator(model, he, scale, tile=64, reverse=reverse).translate()
    assert whole.shape == he.shape
    other = Translator(model, he, scale, tile=64, reverse=reverse, kept_bytes=1)
    for window in (Window(100, 210, 33, 190), Window(0, 7, 290, 300), Window(60, 70, 60, 200)):
        assert np.array_equal(other.translate(window), whole[window.slices])


@pytest.mark.parametrize("method", ["kin", "position"])
def test_the_same_pixels_in_any_order_with_statistics_by_position(
    instance: StainModel, he: np.ndarray, method: str
) -> None:
    whole = Translator(instance, he, 0.5, tile=64, method=method).translate()
    other = Translator(instance, he, 0.5, tile=64, method=method)
    for window in (Window(150, 210, 200, 290), Window(0, 100, 0, 30)):
        assert np.array_equal(other.translate(window), whole[window.slices])


def test_another_tiling_gives_the_same_pixels_to_rounding(
    model: StainModel, instance: StainModel, he: np.ndarray
) -> None:
    for drawing in (model, instance):
        small, large = (Translator(drawing, he, 0.5, tile=tile).translate() for tile in (32, 128))
        assert apart(small, large) <= 1


def test_lazy_sources_give_the_same_and_are_read_by_the_tile(model: StainModel, he: np.ndarray) -> None:
    import dask.array as da
    import zarr

    wanted = Translator(model, he, 0.5, tile=64).translate()
    for source in (da.from_array(he, chunks=(50, 70, 3)), zarr.array(he, chunks=(50, 70, 3))):
        assert np.array_equal(Translator(model, source, 0.5, tile=64).translate(), wanted)
    source = Read(he)
    assert apart(Translator(model, source, 0.5, tile=32).translate(), wanted) <= 1
    assert source.most <= (32 + 2 * model.generator().margin) ** 2


def test_nothing_is_read_or_drawn_before_a_window_is_asked_for(instance: StainModel, he: np.ndarray) -> None:
    source = Read(he)
    translator = Translator(instance, source, 0.5)
    assert source.most == translator.drawn == 0


def test_a_pixel_does_not_change_what_is_beyond_the_margin(model: StainModel, he: np.ndarray) -> None:
    other = he.copy()
    other[100, 150] = 0
    a, b = (Translator(model, rgb, 0.5, tile=64).translate() for rgb in (he, other))
    rows, columns = np.nonzero((a != b).any(2))
    assert len(rows)
    margin = model.generator().margin
    assert np.abs(rows - 100).max() <= margin
    assert np.abs(columns - 150).max() <= margin


@pytest.mark.parametrize("scale", [0.5, 0.3, 0.8])
def test_what_was_changed_is_drawn_anew_and_nothing_else(
    model: StainModel, he: np.ndarray, scale: float
) -> None:
    rgb = he.copy()
    translator = Translator(model, rgb, scale, tile=32)
    before = translator.translate()
    drawn = translator.drawn
    rgb[100:104, 150:154] = 0
    again = translator.forget(Window(100, 104, 150, 154))
    assert not translator.is_kept(again)
    after = translator.translate()
    assert np.array_equal(after, Translator(model, rgb, scale, tile=32).translate())
    outside = np.ones(he.shape[:2], bool)
    outside[again.slices] = False
    assert np.array_equal(after[outside], before[outside])
    assert 0 < translator.drawn - drawn < drawn


@pytest.mark.parametrize("method", ["plain", "kin", "position"])
def test_changes_reach_as_far_as_statistics_do(instance: StainModel, method: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (96, 2200, 3), np.uint8)
    translator = Translator(instance, rgb, 0.5, tile=256, method=method)
    before = translator.translate()
    rgb[40:60, 100:300] = 0
    again = translator.forget(Window(40, 60, 100, 300))
    assert again.x1 < 2200
    after = translator.translate()
    assert np.array_equal(after, Translator(instance, rgb, 0.5, tile=256, method=method).translate())
    assert np.array_equal(after[:, again.x1 :], before[:, again.x1 :])


def test_a_tile_that_was_drawn_while_the_source_changed_is_not_kept(
    model: StainModel, he: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = Translator(model, he, 0.5, tile=64)
    window = Window(0, 64, 0, 64)
    draw = translator._draw

    def changed_meanwhile(part: Window) -> np.ndarray:
        drawn = draw(part)
        translator.forget(window)
        return drawn

    monkeypatch.setattr(translator, "_draw", changed_meanwhile)
    translator.translate(window)
    assert not translator.is_kept(window)


def test_several_threads_draw_each_tile_once(model: StainModel, he: np.ndarray) -> None:
    translator = Translator(model, he, 0.5, tile=64)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(translator.translate())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[0], other) for other in found)
    assert translator.drawn == 20


def test_glass_of_one_color_is_drawn_once_and_the_same(model: StainModel, he: np.ndarray) -> None:
    rgb = np.full((300, 700, 3), 243, np.uint8)
    rgb[:210, :300] = he
    translator = Translator(model, rgb, 0.5, tile=64)
    skipped = translator.translate()
    assert translator.blank > 10
    every = Translator(model, rgb, 0.5, tile=64)
    every._plain.get = lambda _key: None  # type: ignore[method-assign]
    assert np.array_equal(every.translate(), skipped)
    assert every.blank == 0


def test_steering_reaches_the_network_at_the_models_scale(model: StainModel, he: np.ndarray) -> None:
    seen: list[tuple[Window, tuple[int, ...]]] = []

    class All:
        def planes(self, window: Window, rgb: np.ndarray) -> np.ndarray:
            seen.append((window, rgb.shape))
            return np.ones((3, *window.shape), np.float32)

    steered = Translator(model, he, 0.25, steering=All(), tile=64).translate()
    assert not np.array_equal(steered, Translator(model, he, 0.25, tile=64).translate())
    assert all(shape == (*window.shape, 3) for window, shape in seen)
    assert max(window.y1 for window, _ in seen) < 210  # 105 px at the model's scale, and what is around
    seen.clear()
    Translator(model, he, 0.25, steering=All(), reverse=True, tile=64).translate()
    assert not seen  # the way back takes none


def test_tiles_cover_the_picture_once(
    model: StainModel, he: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BAND", 2)
    counts = np.zeros(he.shape[:2], int)
    for window in Translator(model, he, 0.5, tile=64).tiles():
        counts[window.slices] += 1
    assert (counts == 1).all()


def test_progress_grows_to_one_and_cancel_stops(model: StainModel, he: np.ndarray) -> None:
    told: list[float] = []
    Translator(model, he, 0.5, tile=64).translate(progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    translator = Translator(model, he, 0.5, tile=64)
    with pytest.raises(Cancelled):
        translator.translate(is_cancelled=lambda: translator.drawn >= 2)
    assert translator.drawn == 2


def test_smaller_pieces_where_memory_runs_out(
    model: StainModel, he: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Translator(model, he, 0.5, tile=128).translate()
    translator = Translator(model, he, 0.5, tile=128)
    draw = translator._draw

    def small_only(part: Window) -> np.ndarray:
        if max(part.shape) > 64:
            raise RuntimeError("CUDA out of memory")
        return draw(part)

    monkeypatch.setattr(translator, "_draw", small_only)
    assert apart(translator.translate(), wanted) <= 1

    def never(part: Window) -> np.ndarray:
        raise MemoryError

    translator = Translator(model, he, 0.5, tile=128)
    monkeypatch.setattr(translator, "_draw", never)
    with pytest.raises(DeviceError, match="Memory ran out on cpu"):
        translator.translate()


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (3, 5)])
def test_the_smallest_pictures_pass(model: StainModel, instance: StainModel, shape: tuple[int, int]) -> None:
    for drawing in (model, instance):
        for scale in (0.5, 0.25, 1.1):
            rgb = np.full((*shape, 3), 200, np.uint8)
            assert Translator(drawing, rgb, scale).translate().shape == (*shape, 3)


@pytest.mark.parametrize(
    ("source", "scale", "said"),
    [
        (np.zeros((9, 9), np.uint8), 0.5, "is gray"),
        (np.zeros((9, 9, 4), np.uint8), 0.5, "four channels"),
        (np.zeros((9, 9, 3), np.uint16), 0.5, "uint16"),
        (np.full((9, 9, 3), np.nan, np.float32), 0.5, "float32"),
        (np.zeros((0, 9, 3), np.uint8), 0.5, "0 x 9"),
        ([[1]], 0.5, "is no picture"),
        (np.zeros((9, 9, 3), np.uint8), None, "give um_per_px"),
        (np.zeros((9, 9, 3), np.uint8), float("nan"), "nan um"),
        (np.zeros((9, 9, 3), np.uint8), 40.0, "40 um"),
    ],
)
def test_what_cannot_be_stained_is_one_sentence(
    model: StainModel, source: Any, scale: Any, said: str
) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        Translator(model, source, scale)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_window_off_the_picture_a_direction_and_a_method_that_are_not_there(
    model: StainModel, instance: StainModel, he: np.ndarray
) -> None:
    with pytest.raises(ImageError, match="holds no pixel"):
        Translator(model, he, 0.5).translate(Window(400, 500, 0, 10))
    with pytest.raises(ModelError, match="does not turn Ki-67 into H&E"):
        Translator(instance, he, 0.5, reverse=True)
    with pytest.raises(ModelError, match="no method 'best'"):
        Translator(model, he, 0.5, method="best")
    assert Translator(model, he, 0.5, method="kin").method == "local"
    assert Translator(instance, he, 0.5).method == "position"
