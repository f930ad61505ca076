"""A field of a slide becomes a canvas: the rectangle, the labels, the look, stopping, what is impossible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QPushButton

UM = 0.62  # of the tiny models


@pytest.fixture
def slide_layer(viewer: Any) -> Any:
    """Add a slide of two levels at half the scale of the model: white, with tissue in the middle."""
    fine = np.full((800, 1000, 3), 245, np.uint8)
    fine[200:600, 200:800] = (210, 130, 175)
    fine[300:310, 400:410] = (80, 40, 110)
    scale = (UM / 2, UM / 2)
    return viewer.add_image(
        [fine, fine[::2, ::2]], multiscale=True, rgb=True, scale=scale, units=("um", "um"), name="slide"
    )


def test_a_field_of_a_slide_becomes_the_canvas(
    open_dock: Callable[..., Any], wait: Any, viewer: Any, slide_layer: Any
) -> None:
    dock = open_dock()
    viewer.layers.selection.active = slide_layer
    panel = dock.opener.open_field_panel()
    assert panel.um_per_px.value() == pytest.approx(UM / 2)
    rectangle = viewer.layers["Field"]
    panel.size_fields.set_shape((160, 200))
    rectangle.data = [rectangle.data[0] - rectangle.data[0].min(axis=0) + [240, 300]]  # dragged
    assert np.ptp(rectangle.data[0], axis=0).tolist() == [320, 400]
    panel.findChild(QPushButton, "take-field").click()
    wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
    labels = dock.painter.stage.labels.data
    assert labels.shape == (160, 200)
    assert (labels > 0).mean() > 0.99
    assert not slide_layer.visible
    assert not rectangle.visible
    field = viewer.layers["slide at 300, 240"]
    assert field.data.shape == (160, 200, 3)
    assert field.metadata["histosynth"]["provenance"]["synthetic"] is False
    assert viewer.layers.selection.active is dock.painter.stage.labels


def test_a_model_of_ten_classes_asks_what_the_tissue_is_and_gets_them(
    open_dock: Callable[..., Any], wait: Any, viewer: Any, slide_layer: Any
) -> None:
    dock = open_dock(model="tiny-10")
    viewer.layers.selection.active = slide_layer
    panel = dock.opener.open_field_panel()
    assert panel.tissue.isVisibleTo(panel)
    panel.tissue.setCurrentIndex(panel.tissue.findData("healthy"))
    panel.size_fields.set_shape((160, 200))
    panel.take()
    wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
    classes = dock.painter.model.scheme.names
    labels = dock.painter.stage.labels.data
    found = {classes[index] for index in np.unique(labels)}
    assert labels.shape == (160, 200)
    assert found & {"loose stroma", "non-reactive stroma", "epithelium (mature)"}
    assert "epithelium (proliferative)" not in found


def test_other_models_do_not_ask_what_the_tissue_is(
    open_dock: Callable[..., Any], viewer: Any, slide_layer: Any
) -> None:
    dock = open_dock()
    viewer.layers.selection.active = slide_layer
    panel = dock.opener.open_field_panel()
    assert not panel.tissue.isVisibleTo(panel)


def test_the_look_of_the_field_is_laid_on_the_canvas_for_all_to_see(
    open_dock: Callable[..., Any],
    wait: Any,
    viewer: Any,
    slide_layer: Any,
    model: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    latent = np.full(model.latent_size, 0.25, np.float32)
    monkeypatch.setattr("napari_histosynth.paint.inputs.latent_of_picture", lambda *_: latent)
    dock = open_dock()
    viewer.layers.selection.active = slide_layer
    panel = dock.opener.open_field_panel()
    assert not panel.look.isEnabled()  # the tiny model has no encoder
    panel.look.setChecked(True)
    panel.size_fields.set_shape((128, 128))
    panel.take()
    wait(lambda: dock.painter.stage is not None and not dock.painter.desk.placed.is_plain)
    wait(lambda: not dock.painter.is_drawing)
    (look,) = dock.look_map.looks.entries
    assert look.name.startswith("slide at")
    np.testing.assert_array_equal(look.latent, latent)
    from napari_histosynth.paint.canvas import Canvas

    labels, seeds = dock.painter.stage.labels.data, dock.painter.looks.present
    whole = Canvas(model, labels, latent=latent, seed=seeds.seed).render()
    np.testing.assert_allclose(dock.painter.stage.pixels.astype(int), whole, atol=1)
    assert not dock.look_map.points.visible
    assert dock.side_by_side.isChecked()
    record = dock.painter.stage.picture.metadata["histosynth"]["provenance"]
    assert record["extra"]["looks"][0]["picture"] == look.name


def test_the_visible_part_sets_the_size(open_dock: Callable[..., Any], viewer: Any, slide_layer: Any) -> None:
    dock = open_dock()
    viewer.layers.selection.active = slide_layer
    panel = dock.opener.open_field_panel()
    panel.findChild(QPushButton, "visible-part").click()
    height, width = panel.size_fields.shape
    sides = np.ptp(viewer.layers["Field"].data[0], axis=0)
    assert (sides / 2).tolist() == pytest.approx([height, width], abs=1)


def test_cancelling_leaves_the_canvas_as_it_was(
    painted: Any, wait: Any, viewer: Any, slide_layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = painted.painter.stage
    viewer.layers.selection.active = slide_layer
    panel = painted.opener.open_field_panel()
    told: list[str] = []
    monkeypatch.setattr("napari_histosynth.ui.fieldpanel.show_info", told.append)
    read = __import__("napari_histosynth.ui.fieldwork", fromlist=["read_field"]).read_field

    def slow(*given: Any, **options: Any) -> Any:
        panel.cancel_button.click()
        return read(*given, **options)

    monkeypatch.setattr("napari_histosynth.ui.fieldwork.read_field", slow)
    panel.take()
    wait(lambda: bool(told))
    assert "canvas is as it was" in told[0]
    assert painted.painter.stage is before
    assert panel.take_button.isEnabled()


@pytest.mark.parametrize("spoil", ["off the slide", "too small", "no rectangle", "no slide"])
def test_an_impossible_field_is_one_sentence(
    open_dock: Callable[..., Any],
    viewer: Any,
    slide_layer: Any,
    monkeypatch: pytest.MonkeyPatch,
    spoil: str,
) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_histosynth.ui.fieldpanel.show_error", told.append)
    dock = open_dock()
    viewer.layers.selection.active = None if spoil == "no slide" else slide_layer
    panel = dock.opener.open_field_panel()
    if spoil == "off the slide":
        viewer.layers["Field"].data = [viewer.layers["Field"].data[0] + 9000]
    elif spoil == "too small":
        viewer.layers["Field"].data = [np.array([[300, 300], [300, 320], [320, 320], [320, 300]], float)]
    elif spoil == "no rectangle":
        viewer.layers.remove("Field")
    panel.take()
    assert len(told) == 1
    assert told[0].endswith(".")
    assert dock.painter.stage is None
