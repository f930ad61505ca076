"""Sample data and the demo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_histosynth.paint.examples import example_names, example_scheme, example_title


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make samples small enough for a test."""
    monkeypatch.setattr("napari_histosynth.ui.samples._SHAPE", (96, 96))


def test_every_example_is_offered_under_its_title() -> None:
    from npe2 import PluginManifest

    offered = PluginManifest.from_distribution("napari-histosynth").contributions.sample_data or []
    assert {(entry.key, entry.display_name) for entry in offered} == {
        (name, example_title(name)) for name in example_names()
    }


@pytest.mark.parametrize("name", example_names())
def test_a_sample_opens_as_labels_in_the_schemes_colors(
    name: str, small: None, make_napari_viewer: Callable[..., Any]
) -> None:
    from napari_histosynth.ui import samples

    viewer = make_napari_viewer()
    ((data, arguments, kind),) = getattr(samples, name.replace("-", "_"))()
    assert kind == "labels"
    layer = viewer.add_labels(data, **arguments)
    assert layer.name == example_title(name)
    scheme = example_scheme(name)
    assert layer.scale[-1] == pytest.approx(scheme.um_per_px or 0.62)
    assert layer.metadata["histosynth"]["scheme"] == scheme.name
    assert set(np.unique(data)) <= set(range(scheme.n_classes))


def test_napari_opens_a_sample_by_its_key(
    small: None, make_napari_viewer: Callable[..., Any], npe2pm: Any
) -> None:
    from npe2 import PluginManifest

    viewer = make_napari_viewer()
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_distribution("napari-histosynth")):
        viewer.open_sample("napari-histosynth", "adenoma")
    assert [layer.name for layer in viewer.layers] == [example_title("adenoma")]


def test_the_dock_works_as_napari_opens_it_and_closes_with_the_plugin(
    make_napari_viewer: Callable[..., Any],
    npe2pm: Any,
    said: list[tuple[str, str]],
    wait: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from npe2 import PluginManifest

    from napari_histosynth.ui.paint import PaintDock

    monkeypatch.setattr("napari_histosynth.ui.models.FAVORITE", "tiny")
    viewer = make_napari_viewer()
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_distribution("napari-histosynth")):
        _, dock = viewer.window.add_plugin_dock_widget("napari-histosynth", "Paint tissue")
        assert isinstance(dock, PaintDock)
        wait(lambda: dock.painter.model is not None)
        dock.painter.new_canvas(np.ones((64, 64), np.uint8))
        wait(lambda: not dock.painter.is_drawing)
        labels = viewer.layers["Tissue"]
        labels.paint((30, 30), 2)
        wait(lambda: not dock.painter.is_drawing)
        assert dock.painter.stage.touched
        viewer.layers.remove(labels)
        assert dock.painter.stage is None
    wait(lambda: not dock.isEnabled())


@pytest.mark.parametrize("model", ["tiny", "tiny-10"])
def test_the_menu_offers_the_examples_that_the_model_can_draw(
    open_dock: Callable[..., Any], wait: Any, model: str
) -> None:
    dock = open_dock(model=model)
    (examples,) = (action.menu() for action in dock.new_canvas.menu().actions() if action.text() == "Example")
    names = example_names(dock.painter.model.scheme)
    offered = [action for action in examples.actions() if action.isVisible()]
    assert [action.text() for action in offered] == [example_title(name) for name in names]
    dock.opener.open_example(names[0], (96, 96))
    wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
    assert dock.painter.stage.labels.data.shape == (96, 96)


def test_the_demo_opens_a_drawn_example(qtbot: Any, wait: Any, said: Any) -> None:
    from napari_histosynth.ui.demo import TITLE, open_demo

    viewer = open_demo("tiny", show=False, example="adenoma", shape=(96, 96))
    try:
        dock = viewer.window.dock_widgets[TITLE]
        wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
        assert dock.painter.stage.pixels.std() > 1
    finally:
        viewer.close()
