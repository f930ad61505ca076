"""The map of layouts in the dock "New tissue": read when it comes in sight, taken by a click."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.surveying import Survey, write_places
from napari_histosynth.layout.model import load_layout_model
from napari_histosynth.layout.sampler import Sampler
from napari_histosynth.ui import layoutform, layoutmap, layoutwork
from napari_histosynth.ui.layoutmap import LayoutMap, read_layout_map

_spec = spec_from_file_location("layoutfake", Path(__file__).with_name("layoutfake.py"))
assert _spec is not None
assert _spec.loader is not None
_fakes = module_from_spec(_spec)
_spec.loader.exec_module(_fakes)
SIDE, errors, canvas = _fakes.SIDE, _fakes.errors, _fakes.canvas


@pytest.fixture
def folder(
    user_models: Path, write_layout_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a model of layouts without a map yet, which the dock finds alone."""
    folder = write_layout_model(user_models)
    sampler = Sampler(load_layout_model(folder, device="cpu"))
    monkeypatch.setattr(layoutwork, "load_sampler_cached", lambda name: sampler)
    monkeypatch.setattr(layoutform, "layout_cards", lambda: {"tiny-layout": sampler.model.card})
    return folder


def write_map(folder: Path) -> None:
    model = load_layout_model(folder, device="cpu")
    rng = np.random.default_rng(0)
    latents, weights = rng.standard_normal((9, 6)), np.repeat(np.eye(5)[[0, 2, 4]], 3, 0)
    grades = np.repeat(["healthy", "moderately differentiated", "poorly differentiated"], 3)
    survey = Survey(
        np.concatenate([latents, weights], 1).astype(np.float32),
        np.zeros((9, 0), np.float32),
        tuple(grades.tolist()),
        tuple(str(n) for n in range(9)),
        ("glas",) * 9,
    )
    counts = {grade: n / 4 for n, grade in enumerate(model.grades)}
    write_places(folder, survey.anchors(model.owner, counts), survey.atlas(model.owner))


@pytest.fixture
def dock(viewer: Any, folder: Path) -> Iterator[Any]:
    from napari_histosynth.ui.layout import LayoutDock

    dock = LayoutDock(viewer)
    viewer.window.add_dock_widget(dock, name="New tissue", area="right")
    yield dock
    dock.shut_down()


def shown(dock: Any, wait: Any) -> LayoutMap:
    """Bring the map in sight and wait until it is read."""
    panel: LayoutMap = dock.map
    panel.isVisible = lambda: True  # type: ignore[method-assign]
    panel._on_desk()
    wait(lambda: not panel.job.is_busy)
    return panel


def test_a_click_puts_tissue_like_a_picture_on_the_canvas(
    canvas: Any, folder: Path, dock: Any, wait: Any
) -> None:
    write_map(folder)
    panel = shown(dock, wait)
    assert panel.is_there
    assert [entry.title for entry in panel.map.key.entries] == [  # type: ignore[union-attr]
        "healthy",
        "moderately differentiated",
        "poorly differentiated",
    ]
    assert not panel.go["A"].isEnabled()
    panel.map.resize(300, 260)
    panel.map.show_all()
    before = canvas.painter.stage.labels.data.copy()
    at = panel.map.position_of(panel.map.places[4]).toPoint()
    QTest.mouseMove(panel.map, at)
    QTest.mouseClick(panel.map, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    wait(lambda: not dock.desk.job.is_busy and not dock.desk.putter.is_busy)
    assert (canvas.painter.stage.labels.data != before).any()
    assert "On the canvas: like glas" in dock.status.text()
    assert panel.go["A"].isEnabled()
    panel.go["B"].click()
    taken = dock.way.ends["B"]
    assert taken.kept == pytest.approx(0.12)
    assert taken.weights.argmax() == 2  # moderately differentiated
    canvas.painter.stage.labels.undo()
    np.testing.assert_array_equal(canvas.painter.stage.labels.data, before)


def test_places_between_points_are_mixtures_and_said(folder: Path, dock: Any, wait: Any) -> None:
    write_map(folder)
    panel = shown(dock, wait)
    middle = tuple(float(x) for x in panel.map.places.mean(0))
    panel._on_hovered(layoutmap.Spot("place", -1, middle))
    assert panel.words.text().startswith("between ")
    panel._on_hovered(layoutmap.Spot("named", 0, middle))
    assert "healthy" in panel.words.text()
    panel._on_hovered(None)
    assert panel.words.text().startswith("Click a point")


def test_a_model_without_a_map_says_how_to_make_one(folder: Path, dock: Any, wait: Any) -> None:
    panel = shown(dock, wait)
    assert not panel.is_there
    assert not panel.map.isVisibleTo(panel)
    assert "histosynth atlas build" in panel.words.text()


def test_the_map_of_other_weights_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, write_layout_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_map(folder)
    other = write_layout_model(tmp_path / "other", flows=("flow",))
    shutil.copy(folder / "atlas.safetensors", other)
    sampler = Sampler(load_layout_model(other, device="cpu"))
    monkeypatch.setattr(layoutwork, "load_sampler_cached", lambda name: sampler)
    read = read_layout_map(str(other))
    assert read.atlas is None
    assert "make it anew" in read.problem
    with pytest.raises(ModelError):
        read_layout_map(str(tmp_path / "nothing"))
