from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.scaledpicture import ScaledPicture
from napari_histosynth.stain import positionnorm
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.network import InstanceNorm
from napari_histosynth.stain.positionnorm import Cells, Field, PositionPainter
from napari_histosynth.stain.seams import seam_measure
from napari_histosynth.stain.translator import Translator


@pytest.fixture(scope="module")
def model(instance_folder: Path) -> StainModel:
    return load_stain_model(instance_folder, device="cpu", precision="fp32")


def painter(model: StainModel, rgb: np.ndarray, method: str = "position") -> PositionPainter:
    return PositionPainter(model, ScaledPicture(rgb, 0.5, 0.5), lambda _window, _rgb: None, False, method)


def test_of_a_picture_of_one_cell_it_equals_instance_norm(model: StainModel, he: np.ndarray) -> None:
    rgb = he[:128, :128]
    window = Window(0, 128, 0, 128)
    for method in ("kin", "position"):
        drawn = painter(model, rgb, method).draw(window, rgb, None)
        assert np.abs(drawn.astype(int) - model.draw(rgb)).max() <= 1


def test_a_field_interpolates_between_cells_as_the_formula_says() -> None:
    mean = torch.tensor([[0.0, 10.0, 40.0]])[..., None]  # one row of cells, centers at 0, 1, 2
    spread = torch.full((1, 3, 1), 2.0)
    field = Field(mean, spread, start=(-0.5, -0.5), step=(0.25, 0.25), size=(4, 12))
    x = torch.zeros(1, 1, 2, 6)  # features at half of the resolution
    places = np.clip(-0.5 + (np.arange(6) * 2 + 1) * 0.25, 0, 2)
    expected = -np.interp(places, [0, 1, 2], [0, 10, 40]) / 2
    assert np.allclose(field.normalize(x)[0, 0].numpy(), expected)


def test_moments_of_cells_are_mixed_as_if_their_pixels_were_seen_at_once() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(0, 1, 4000), rng.normal(5, 3, 4000)
    table = np.array([[[[left.mean()], [left.var()]], [[right.mean()], [right.var()]]]])
    mean, spread = PositionPainter._mixed(table, [np.ones((1, 1)), np.array([[0.5, 0.5]])])
    both = np.concatenate([left, right])
    assert mean.item() == pytest.approx(both.mean())
    assert spread.item() ** 2 == pytest.approx(both.var() + InstanceNorm.eps)


def test_kin_averages_means_and_spreads_of_neighbors() -> None:
    table = np.array([[[[0.0], [1.0]], [[4.0], [9.0]]]])
    mean, spread = PositionPainter._averaged(table, [np.ones((1, 1)), np.array([[0.25, 0.75]])])
    assert mean.item() == pytest.approx(3.0)
    assert spread.item() == pytest.approx(0.25 * 1 + 0.75 * 3, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (130, 700), (256, 256), (3000, 5120), (5000, 90)])
def test_cells_are_of_one_size_and_look_at_the_picture_alone(shape: tuple[int, int]) -> None:
    cells = Cells.of(shape)
    for axis in (0, 1):
        side = shape[axis] / cells.count[axis]
        assert cells.count[axis] == 1 or 0.7 * positionnorm.LOOK < side < 1.5 * positionnorm.CELL
        centers = (np.arange(cells.count[axis]) + 0.5) * side
        assert np.allclose(cells.place(centers, axis), np.arange(cells.count[axis]))
    for row in (0, cells.count[0] - 1):
        for col in (0, cells.count[1] - 1):
            seen = cells.looked_at(row, col, 4)
            assert all(edge % 4 == 0 for edge in seen)
            assert not seen.is_empty
            assert min(seen.y0, seen.x0) >= 0
            assert seen.y1 < shape[0] + 4
            assert seen.x1 < shape[1] + 4


def test_statistics_are_of_the_place_whatever_was_drawn_before(model: StainModel) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (600, 900, 3), np.uint8)
    window = Window(300, 364, 400, 464)
    one, other = painter(model, rgb), painter(model, rgb)
    other.draw(Window(0, 64, 0, 64), rgb[:64, :64], None)
    other.draw(Window(500, 564, 800, 864), rgb[500:564, 800:864], None)
    drawn = [each.draw(window, rgb[window.slices], None) for each in (one, other)]
    assert np.array_equal(*drawn)


def test_looking_at_cells_can_be_stopped(model: StainModel) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (600, 900, 3), np.uint8)
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    translator = Translator(model, rgb, 0.5, tile=64)
    with pytest.raises(Cancelled):
        translator.translate(Window(0, 64, 0, 64), is_cancelled=is_cancelled)
    assert translator.drawn == 0
    assert np.array_equal(
        translator.translate(Window(0, 64, 0, 64)),
        Translator(model, rgb, 0.5, tile=64).translate(Window(0, 64, 0, 64)),
    )


def test_the_models_own_generator_stays_as_it_was(model: StainModel, he: np.ndarray) -> None:
    before = model.draw(he[:64, :64])
    generator = model.generator()
    own = painter(model, he)._model.generator()
    assert {id(p) for p in own.parameters()} == {id(p) for p in generator.parameters()}
    assert any(isinstance(module, InstanceNorm) for module in generator.modules())
    assert np.array_equal(model.draw(he[:64, :64]), before)


def test_no_step_is_left_at_the_borders_of_tiles(model: StainModel) -> None:
    rng = np.random.default_rng(0)
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:520, :1040]
    tissue = gaussian_filter(rng.normal(0, 70, (520, 1040, 3)), (2, 2, 0))
    light = 150 + 60 * np.sin(x / 170) * np.cos(y / 130)  # stain that varies
    rgb = np.clip(light[..., None] + tissue, 0, 255).astype(np.uint8)
    found = {
        method: seam_measure(
            Translator(model, rgb, 0.5, tile=128, method=method).translate(),
            128,
            step=model.generator().stride,
        ).ratio
        for method in ("plain", "kin", "position")
    }
    assert found["position"] == pytest.approx(1.0, abs=0.02)
    assert found["plain"] > 1.1
    assert abs(found["position"] - 1) < abs(found["kin"] - 1) < abs(found["plain"] - 1)
