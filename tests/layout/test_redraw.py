"""What the flow draws anew: a function of the latent, of any size, in blocks that leave no trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_histosynth.core.errors import ModelError
from napari_histosynth.layout import redraw
from napari_histosynth.layout.finish import SMOOTH_UM
from napari_histosynth.layout.model import load_layout_model
from napari_histosynth.layout.redraw import (
    drawn_field,
    drawn_plane,
    field_noise,
    finer_noise,
    in_blocks,
    plane_noise,
    plane_weights,
    turned_by_quarters,
)
from napari_histosynth.layout.sampler import Sampler
from napari_histosynth.layout.spread import Cells, lattice_shape, seeded_latents

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_histosynth.layout.model import LayoutModel


def test_noise_is_that_of_the_latent_and_goes_from_one_to_another_with_it() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 128)).astype(np.float32)
    made = field_noise(one, 6, 64)
    assert made.shape == (6, 64, 64)
    assert made.std() == pytest.approx(1, abs=0.02)
    assert made.mean() == pytest.approx(0, abs=0.02)
    near = np.corrcoef(made[:, :, 1:].ravel(), made[:, :, :-1].ravel())[0, 1]
    assert abs(near) < 0.02  # white
    np.testing.assert_allclose(field_noise(3 * one, 6, 64), made, atol=1e-5)
    assert abs(np.corrcoef(field_noise(other, 6, 64).ravel(), made.ravel())[0, 1]) < 0.3
    between = np.corrcoef(field_noise(one + 0.1 * other, 6, 64).ravel(), made.ravel())[0, 1]
    assert between > 0.98
    assert np.isfinite(field_noise(np.zeros(128, np.float32), 6, 64)).all()


def test_noise_of_a_plane_is_as_strong_everywhere_and_the_same_on_a_larger_canvas() -> None:
    shape = lattice_shape((12, 20))
    cells = Cells(seeded_latents(3, shape, 128), np.zeros((*shape, 0), np.float32))
    made = plane_noise(cells, (12, 20), 6, 64)
    assert made.shape == (6, 192, 320)
    parts = [made[:, y::32, x::32].std() for y in range(0, 32, 8) for x in range(0, 32, 8)]
    assert min(parts) > 0.85
    assert max(parts) < 1.15
    small = lattice_shape((6, 7))
    fewer = Cells(seeded_latents(3, small, 128), np.zeros((*small, 0), np.float32))
    np.testing.assert_array_equal(plane_noise(fewer, (6, 7), 6, 64), made[:, :96, :112])


def test_noise_of_half_the_pixels_is_white_and_that_of_the_latent() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 128)).astype(np.float32)

    def noise_of(latent: np.ndarray) -> np.ndarray:
        return field_noise(latent, 6, 32)

    made = finer_noise(one, noise_of)
    assert made.shape == (6, 64, 64)
    assert made.std() == pytest.approx(1, abs=0.03)
    for shift in (1, 2):  # within a block, and from block to block
        for a, b in (
            (made[:, shift:], made[:, :-shift]),
            (made[..., shift:], made[..., :-shift]),
        ):
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.03
    near = finer_noise(one + 0.1 * other, noise_of)
    assert np.corrcoef(near.ravel(), made.ravel())[0, 1] > 0.98
    quarters = np.stack(turned_by_quarters(one))
    np.testing.assert_allclose(quarters @ quarters.T, np.eye(4) * (one @ one), atol=1e-3)


def test_a_second_flow_draws_twice_the_pixels(
    tiny_fine_model: LayoutModel, tiny_flow_model: LayoutModel
) -> None:
    assert (tiny_fine_model.drawn_size, tiny_fine_model.drawn_um_per_px) == (64, 0.62)
    assert (tiny_flow_model.drawn_size, tiny_flow_model.drawn_um_per_px) == (32, 1.24)
    sampler = Sampler(tiny_fine_model)
    layout = sampler.sample(5, grade="poorly", size_px=(64, 64), um_per_px=0.62)
    image, labels = drawn_field(tiny_fine_model, layout.latent, layout.weights)
    assert image.shape == (64, 64, 3)
    assert labels.shape == (3, 64, 64)
    smooth = gaussian_filter(labels, (0, *[SMOOTH_UM / 0.62] * 2), mode="nearest")
    assert (layout.labels == smooth.argmax(0)).mean() > 0.8  # in place; specks apart
    large = sampler.sample(5, mixture=np.eye(5)[None, [0, 4]], size_px=(90, 150))
    np.testing.assert_array_equal(
        sampler.sample(5, mixture=np.eye(5)[None, [0, 4]], size_px=(90, 150)).labels, large.labels
    )
    coarse = np.abs(labels - labels.reshape(3, 32, 2, 32, 2).mean((2, 4)).repeat(2, 1).repeat(2, 2)).mean()
    assert coarse > 0.01  # it says something of each pixel


def test_weights_of_grades_are_a_plane_only_where_they_change() -> None:
    shape = lattice_shape((8, 8))
    weights = np.zeros((*shape, 2), np.float32)
    weights[..., 0] = 1
    cells = Cells(np.zeros((*shape, 6), np.float32), weights)
    assert plane_weights(cells, (8, 8), 8).shape == (2,)
    weights[:, shape[1] // 2 :] = (0, 1)
    planes = plane_weights(cells, (8, 8), 8)
    assert planes.shape == (2, 64, 64)
    np.testing.assert_allclose(planes.sum(0), 1, atol=1e-6)
    assert planes[0, :, 0].min() == planes[1, :, -1].min() == 1
    assert (np.diff(planes[1], axis=1) >= 0).all()


def test_a_layout_is_drawn_anew_the_same_each_time(tiny_flow_model: LayoutModel) -> None:
    sampler = Sampler(tiny_flow_model)
    for size in ((64, 64), (200, 140)):
        one, again = (sampler.sample(5, grade="poorly", size_px=size) for _ in range(2))
        np.testing.assert_array_equal(one.labels, again.labels)
        np.testing.assert_array_equal(one.image, again.image)
    field = sampler.sample(5, grade="poorly", size_px=(64, 64))
    np.testing.assert_array_equal(
        sampler.at(field.latent, field.weights, size_px=(64, 64)).labels, field.labels
    )
    laid_out = tiny_flow_model.draw(field.latent[None], field.weights[None])[1][0]
    assert np.abs(drawn_field(tiny_flow_model, field.latent, field.weights)[1] - laid_out).mean() > 0.01


def test_how_much_is_kept_of_what_was_laid_out_is_a_choice(tiny_flow_model: LayoutModel) -> None:
    sampler = Sampler(tiny_flow_model)
    field = sampler.sample(5, grade="poorly", size_px=(64, 64))
    laid_out = tiny_flow_model.draw(field.latent[None], field.weights[None])[1][0]
    kept = [
        drawn_field(tiny_flow_model, field.latent, field.weights, share)[1] - laid_out
        for share in (1, 0.8, 0)
    ]
    differs = [float(np.abs(one).mean()) for one in kept]
    assert differs[0] < 1e-5 < differs[1] < differs[2]
    found = sampler.at(field.latent, field.weights, size_px=(64, 64), kept=0.8)
    halfway = sampler.between(field, found, 0.5)
    assert field.cells.kept < halfway.cells.kept < found.cells.kept == 0.8
    assert sampler.provenance(found).extra["kept"] == 0.8
    with pytest.raises(ModelError, match="must be 0 to 1"):
        sampler.at(field.latent, field.weights, kept=1.5)


def test_the_way_between_two_layouts_ends_at_both(tiny_flow_model: LayoutModel) -> None:
    sampler = Sampler(tiny_flow_model)
    first, last = (sampler.sample(s, grade=g, size_px=(64, 64)) for s, g in ((1, "healthy"), (2, "poorly")))
    np.testing.assert_array_equal(sampler.between(first, last, 0).labels, first.labels)
    np.testing.assert_array_equal(sampler.between(first, last, 1).labels, last.labels)


def test_blocks_of_a_flow_leave_no_trace(tiny_flow_model: LayoutModel) -> None:
    flow = tiny_flow_model.flow
    assert flow is not None
    torch.manual_seed(0)
    x, time = torch.randn(1, 6, 200, 120), torch.tensor([0.4])
    grade = torch.rand(1, 5, 200, 120)
    with torch.inference_mode():
        whole = flow(x, time, grade)
        torch.testing.assert_close(in_blocks(flow, 64)(x, time, grade), whole, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize(("name", "shown"), [("tiny_flow_model", (72, 56)), ("tiny_fine_model", (144, 112))])
def test_blocks_leave_no_trace_in_a_plane(
    name: str, shown: tuple[int, int], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: LayoutModel = request.getfixturevalue(name)
    places = (9, 7)
    shape = lattice_shape(places)
    weights = np.broadcast_to(model.grade_weights("healthy"), (*shape, 5)).copy()
    weights[:, 2:] = model.grade_weights("poorly")
    cells = Cells(seeded_latents(3, shape, model.latent_size), weights)
    told: list[float] = []
    image, labels = drawn_plane(model, cells, places, told.append)
    assert image.shape == (*shown, 3)
    assert told == sorted(told)
    monkeypatch.setattr(redraw, "BLOCK", 40)
    np.testing.assert_allclose(drawn_plane(model, cells, places)[1], labels, atol=2e-2)


def test_damaged_flows_are_refused(tmp_path: Path, write_layout_model: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_layout_model(tmp_path, flows=("flow",))
    tensors = load_file(folder / "weights.safetensors")
    del tensors["flow.enter.bias"]
    save_file(tensors, folder / "weights.safetensors")
    with pytest.raises(ModelError):
        load_layout_model(folder, device="cpu")


@pytest.mark.parametrize(("flows", "latent_size"), [(("fine",), 8), (("flow", "fine"), 6)])
def test_a_second_flow_without_what_it_needs_is_refused(
    tmp_path: Path, write_layout_model: Callable[..., Path], flows: tuple[str, ...], latent_size: int
) -> None:
    folder = write_layout_model(tmp_path, flows=flows, latent_size=latent_size)
    with pytest.raises(ModelError, match="needs a first one and latents"):
        load_layout_model(folder, device="cpu")
