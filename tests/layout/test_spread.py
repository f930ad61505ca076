"""Layouts larger than a field: the same pixels whatever the canvas, no border where latents meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.layout import spread
from napari_histosynth.layout.sampler import Sampler
from napari_histosynth.layout.spread import (
    REACH,
    STEP,
    Cells,
    blended_base,
    draw_plane,
    lattice_middles,
    lattice_shape,
    seeded_latents,
)

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel


def _cells(model: LayoutModel, places: tuple[int, int], seed: int = 3) -> Cells:
    shape = lattice_shape(places)
    weights = np.broadcast_to(model.grade_weights("healthy"), (*shape, len(model.grades))).copy()
    return Cells(seeded_latents(seed, shape, model.latent_size), weights)


def test_a_canvas_is_the_corner_of_any_larger_one(tiny_layout_model: LayoutModel) -> None:
    small, large = (5, 6), (9, 15)
    bases = [blended_base(tiny_layout_model, _cells(tiny_layout_model, one), one) for one in (small, large)]
    seen = tuple(side + 2 * REACH for side in small)
    np.testing.assert_array_equal(bases[0], bases[1][:, : seen[0], : seen[1]])
    sampler = Sampler(tiny_layout_model)
    sizes = (120, 150), (200, 260)
    first, second = (sampler.sample(2, grade="poorly", size_px=size) for size in sizes)
    same = first.labels == second.labels[:120, :150]
    assert same[:80, :110].mean() > 0.999  # convolutions of other shapes may round otherwise
    assert same.mean() > 0.97  # specks at the border


def test_blocks_leave_no_trace(tiny_layout_model: LayoutModel, monkeypatch: pytest.MonkeyPatch) -> None:
    places = (9, 7)
    cells = _cells(tiny_layout_model, places)
    image, labels = draw_plane(tiny_layout_model, cells, places)
    monkeypatch.setattr(spread, "BLOCK", 4)
    cut_image, cut_labels = draw_plane(tiny_layout_model, cells, places)
    np.testing.assert_allclose(cut_labels, labels, atol=2e-5)
    assert np.abs(cut_image.astype(int) - image).max() <= 1
    # less than what convolutions see around a block would show
    monkeypatch.setattr(spread, "REACH", 1)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(draw_plane(tiny_layout_model, cells, places)[1], labels, atol=2e-5)


def test_features_vary_as_much_between_latents_as_at_them(tiny_layout_model: LayoutModel) -> None:
    places = (60, 60)
    bases = blended_base(tiny_layout_model, _cells(tiny_layout_model, places), places)
    np.testing.assert_allclose(np.square(bases).mean(0), 1, rtol=1e-3)  # as those of the generator
    inner = bases[:, REACH:-REACH, REACH:-REACH]
    parts = [inner[:, y::STEP, x::STEP].var((1, 2)).mean() for y in range(STEP) for x in range(STEP)]
    assert max(parts) / min(parts) < 1.15
    field = tiny_layout_model.bases(
        seeded_latents(9, (20, 20), 6).reshape(-1, 6), np.tile(np.eye(5, dtype=np.float32)[0], (400, 1))
    )
    assert np.mean(parts) == pytest.approx(field[:, :, 1:-1, 1:-1].var((0, 2, 3)).mean(), rel=0.15)


def test_latents_far_away_change_nothing(tiny_layout_model: LayoutModel) -> None:
    places = (12, 12)
    cells = _cells(tiny_layout_model, places)
    before = draw_plane(tiny_layout_model, cells, places)[1]
    row, column = cells.middle
    cells.latents[row, column] += 3
    changed = (draw_plane(tiny_layout_model, cells, places)[1] != before).any(0)
    middle = [round(float(lattice_middles(12)[at]) * 12) for at in (row, column)]
    near = Window(middle[0], middle[0], middle[1], middle[1]).grow(2 + REACH).refine(tiny_layout_model.cell)
    assert changed.any()
    changed[near.clip(changed.shape).slices] = False
    assert not changed.any()


def test_label_borders_are_as_many_along_the_lattice_as_elsewhere(tiny_layout_model: LayoutModel) -> None:
    from napari_histosynth.study.layoutseams import seam_of_labels

    made = Sampler(tiny_layout_model).sample(4, grade="poorly", size_px=(640, 640))
    period = STEP * tiny_layout_model.cell * 2  # px at 0.62 um
    found = seam_of_labels([made.labels], period)
    assert found["ratio"] is not None
    assert found["error"] is not None
    assert abs(found["ratio"] - 1) < max(0.25, 3 * found["error"])
    # fields side by side do show
    fields = Sampler(tiny_layout_model)
    rows = [[fields.sample(9 * y + x, size_px=(64, 64)).labels for x in range(6)] for y in range(6)]
    tiled = seam_of_labels([np.block(rows)], 64)
    assert tiled["ratio"] is not None
    assert tiled["ratio"] > 1.5
