from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io.halving import halved
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.pyramid import ColorSketch, coarse, dask_of, level_shape
from napari_histosynth.stain.translator import Translator


@pytest.fixture(scope="module")
def model(local_folder: Path) -> StainModel:
    return load_stain_model(local_folder, device="cpu", precision="fp32")


def test_a_dask_array_holds_the_stained_picture_and_draws_what_is_asked_for(
    model: StainModel, he: np.ndarray
) -> None:
    translator = Translator(model, he, 0.5, tile=64)
    lazy = dask_of(translator)
    assert lazy.shape == he.shape
    assert lazy.chunksize == (64, 64, 3)
    assert translator.drawn == 0
    part = np.asarray(lazy[10:60, 70:80])
    assert translator.drawn == 1
    whole = Translator(model, he, 0.5, tile=64).translate()
    assert np.array_equal(part, whole[10:60, 70:80])
    assert np.array_equal(np.asarray(lazy), whole)
    assert np.array_equal(np.asarray(lazy[..., 1]), whole[..., 1])


@pytest.mark.parametrize("level", [0, 1, 3])
def test_a_coarse_level_is_the_fine_one_halved(model: StainModel, he: np.ndarray, level: int) -> None:
    translator = Translator(model, he, 0.5, tile=64)
    expected = translator.translate()
    for _ in range(level):
        expected = halved(expected)
    shape = level_shape(translator.shape, level)
    assert expected.shape == (*shape, 3)
    assert np.array_equal(coarse(translator, Window.of_shape(shape), level), expected)
    part = Window(3, 20, 5, 999)
    assert np.array_equal(coarse(translator, part, level), expected[part.clip(shape).slices])
    with pytest.raises(ImageError, match="no pixel of level"):
        coarse(translator, Window(999, 1000, 0, 1), level)


def test_a_sketch_recovers_a_change_of_colors(he: np.ndarray, model: StainModel) -> None:
    class Recolored(Translator):
        def translate(self, window: Window | None = None, **_: object) -> np.ndarray:
            rgb = self.read(Window.of_shape(self.shape) if window is None else window) / 255
            return np.rint((0.1 + 0.8 * rgb[..., ::-1] ** 2) * 255).astype(np.uint8)

    translator = Recolored(model, he, 0.5)
    sketch = ColorSketch.of(translator)
    afar, expected = he, translator.translate()
    for _ in range(3):
        afar, expected = halved(afar), halved(expected)
    assert np.abs(sketch.draw(afar).astype(int) - expected).mean() < 3


@pytest.mark.parametrize("shape", [(1, 1), (300, 5), (300, 900)])
def test_a_sketch_of_glass_and_of_little_is_no_fault(model: StainModel, shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 244, np.uint8)
    translator = Translator(model, rgb, 0.5)
    sketch = ColorSketch.of(translator)
    assert np.abs(sketch.draw(rgb[:1, :1]).astype(int) - translator.translate()[:1, :1]).max() < 20
