from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.scaledpicture import ScaledPicture
from napari_histosynth.stain import planes as module
from napari_histosynth.stain.asked import IndexSteering
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.planes import SteadyPlanes
from napari_histosynth.stain.translator import Translator


class ByMean:
    """Nuclei are what is darker than the window's mean: another window, other nuclei."""

    by_window = True

    def __init__(self) -> None:
        self.asked: list[Window] = []

    def planes(self, window: Window, rgb: np.ndarray) -> np.ndarray | None:
        assert rgb.shape == (*window.shape, 3)
        self.asked.append(window)
        gray = rgb.mean(2)
        dark = gray < gray.mean()
        return np.stack([dark, ~dark, np.ones_like(dark)]).astype(np.float32)


@pytest.fixture(autouse=True)
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELL", 64)
    monkeypatch.setattr(module, "SHIFT", 32)
    monkeypatch.setattr(module, "AROUND", 16)


@pytest.fixture(scope="module")
def model(local_folder: Path) -> StainModel:
    return load_stain_model(local_folder, device="cpu", precision="fp32")


def test_a_window_has_the_planes_that_the_whole_has_there(he: np.ndarray) -> None:
    picture = ScaledPicture(he, 0.5, 0.5)
    whole = SteadyPlanes(ByMean(), picture).planes(Window.of_shape(he.shape), he)
    for window in (Window(20, 90, 100, 260), Window(31, 33, 0, 5), Window(-20, 40, 250, 330)):
        found = SteadyPlanes(ByMean(), picture).planes(window, picture.read(window))
        inside = window.clip(he.shape)
        assert found.shape == (3, *window.shape)
        assert np.array_equal(
            found[(slice(None), *inside.relative_to(window).slices)], whole[(slice(None), *inside.slices)]
        )
    assert np.array_equal(found[:, 19::-1], found[:, 20:40])  # mirrored beyond the border


def test_each_cell_is_looked_at_once_with_what_is_around(he: np.ndarray) -> None:
    steering = ByMean()
    steady = SteadyPlanes(steering, ScaledPicture(he, 0.5, 0.5))
    steady.planes(Window(0, 96, 32, 96), he[:96, 32:96])
    assert sorted(steering.asked) == [Window(-16, 48, 16, 112), Window(16, 112, 16, 112)]
    steady.planes(Window(10, 50, 40, 90), he[10:50, 40:90])
    assert len(steering.asked) == 2


def test_steering_by_place_is_asked_for_the_window_itself(he: np.ndarray) -> None:
    steering = ByMean()
    steering.by_window = False
    window = Window(3, 50, -4, 60)
    picture = ScaledPicture(he, 0.5, 0.5)
    SteadyPlanes(steering, picture).planes(window, picture.read(window))
    assert steering.asked == [window]


def test_where_a_cell_says_nothing_nothing_is_known(he: np.ndarray) -> None:
    class Silent(ByMean):
        def planes(self, window: Window, rgb: np.ndarray) -> None:
            return None

    found = SteadyPlanes(Silent(), ScaledPicture(he, 0.5, 0.5)).planes(Window(0, 40, 0, 40), he[:40, :40])
    assert found.shape == (3, 40, 40)
    assert not found.any()


@pytest.mark.parametrize("by", ["mean", "index"])
def test_tilings_do_not_show_in_what_is_steered(model: StainModel, he: np.ndarray, by: str) -> None:
    drawn = []
    for tile in (32, 128):
        steering = ByMean() if by == "mean" else IndexSteering(0.5, 0, 0.5)
        drawn.append(Translator(model, he, 0.5, steering=steering, tile=tile).translate())
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() <= 1


def test_what_was_changed_is_looked_at_anew(model: StainModel, he: np.ndarray) -> None:
    rgb = he.copy()
    translator = Translator(model, rgb, 0.5, steering=ByMean(), tile=32)
    before = translator.translate()
    rgb[100:130, 150:190] = 0
    again = translator.forget(Window(100, 130, 150, 190))
    assert again != Window.of_shape(rgb.shape)
    after = translator.translate()
    assert np.array_equal(after, Translator(model, rgb, 0.5, steering=ByMean(), tile=32).translate())
    outside = np.ones(he.shape[:2], bool)
    outside[again.slices] = False
    assert np.array_equal(after[outside], before[outside])
