"""Labels from H&E: which layers, what is asked, what is put up, stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.segment import Segmenter
from napari_histosynth.ui.fromhe import _Order, load_segmenter_cached
from napari_histosynth.ui.hedialog import HeDialog
from napari_histosynth.ui.hepicture import HePicture, OnWhite, he_of_layer, window_in_sight

SCALE = {"scale": (0.62, 0.62), "units": ("um", "um")}


def he(side: int = 200) -> np.ndarray:
    """Return pink tissue, its right half white glass."""
    rgb = np.full((side, side, 3), (225, 160, 200), np.uint8)
    rgb[:, side // 2 :] = 246
    return rgb


def borders(layer: Any) -> np.ndarray:
    """Return where a layer begins and ends in the world: the outer borders of its pixels."""
    scale, start = np.asarray(layer.scale), np.asarray(layer.translate)
    return np.stack([start - scale / 2, start + (np.asarray(layer.data.shape[:2]) - 0.5) * scale])


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the network by brightness: white is background, the rest epithelium; collects the calls."""
    calls: list[dict[str, Any]] = []

    def segment(self: Segmenter, rgb: Any, um_per_px: float, window: Any = None, **rest: Any) -> np.ndarray:
        from napari_histosynth.paint.resample import resample_labels, scaled_shape

        calls.append({"um_per_px": um_per_px, "window": window, "shape": rgb.shape, **rest})
        part = np.asarray(rgb[window.slices])
        rest["progress"](0.5)
        labels = np.where(part.mean(2) > 240, 0, 2).astype(np.uint8)
        return resample_labels(labels, scaled_shape(labels.shape, um_per_px, self.um_per_px))

    monkeypatch.setattr(Segmenter, "segment", segment)
    return calls


def press(dock: Any, qtbot: Any, wait: Any) -> None:
    """Press the button and wait until the labels are there."""
    qtbot.mouseClick(dock.opener.from_he.button, Qt.MouseButton.LeftButton)
    wait(lambda: not (dock.opener.from_he.is_busy or dock.painter.turns.is_busy))


def test_one_click_makes_a_canvas_that_lies_on_the_picture(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any, halves: Any, said: Any
) -> None:
    dock = open_dock()
    picture = viewer.add_image(he(), name="biopsy", **SCALE)
    press(dock, qtbot, wait)
    labels = dock.painter.stage.labels
    assert [kind for kind, _ in said] == ["info"]
    assert labels.name == "Tissue of biopsy"
    assert labels.data.shape == (200, 200)
    assert set(np.unique(labels.data[:, :90])) == {2}
    assert set(np.unique(labels.data[:, 110:])) == {0}
    np.testing.assert_allclose(borders(labels), borders(picture), atol=1e-6)
    assert viewer.layers.selection.active is labels
    wait(lambda: not dock.painter.is_drawing)
    assert picture in viewer.layers  # the picture stays
    with viewer.layers.selection.events.blocker():
        labels.paint((20, 20), 1)
    assert labels.data[20, 20] == 1


def test_the_shipped_network_is_what_labels(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any
) -> None:
    dock = open_dock()
    viewer.add_image(he(), name="biopsy", **SCALE)
    press(dock, qtbot, wait)
    labels = np.asarray(dock.painter.stage.labels.data)
    assert (labels[20:180, 130:190] == 0).mean() > 0.9
    assert (labels[20:180, 10:80] != 0).mean() > 0.9


def test_the_canvas_is_drawn_in_the_look_of_the_picture(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any, halves: Any
) -> None:
    dock = open_dock(model="colon-3class")
    viewer.add_image(he(), name="biopsy", **SCALE)
    press(dock, qtbot, wait)
    (look,) = dock.painter.desk.placed.looks
    assert look.name == "biopsy"
    np.testing.assert_allclose(look.latent, dock.painter.model.encode(he()), atol=1e-5)
    assert viewer.layers.selection.active is dock.painter.stage.labels


def test_a_scale_that_the_layer_does_not_say_is_asked_and_kept(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    halves: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dock = open_dock()
    picture = viewer.add_image(he(124), name="scan")
    asked: list[HeDialog] = []

    def answer(dialog: HeDialog) -> int:
        asked.append(dialog)
        dialog.um_per_px.setValue(0.31)
        return int(HeDialog.DialogCode.Accepted)

    monkeypatch.setattr(HeDialog, "exec", answer)
    press(dock, qtbot, wait)
    labels = dock.painter.stage.labels
    assert labels.data.shape == (62, 62)
    np.testing.assert_allclose(borders(labels), borders(picture), atol=1e-6)
    press(dock, qtbot, wait)
    assert len(asked) == 1  # the layer says it now


def test_for_a_model_of_ten_classes_the_tissue_is_asked_and_remembered(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    said: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_histosynth.paint.regions import regions_of

    def regions(self: Segmenter, rgb: Any, um_per_px: float, window: Any = None, **rest: Any) -> np.ndarray:
        rest["progress"](0.5)
        found = np.full(window.shape, 1, np.uint8)
        found[40:160, 20:90] = 2
        return regions_of(found)

    monkeypatch.setattr(Segmenter, "regions", regions)
    offered: list[str] = []

    def answer(dialog: HeDialog) -> int:
        offered.append(dialog.known.tissue)
        dialog.known.setCurrentIndex(dialog.known.findData("adenoma"))
        return int(HeDialog.DialogCode.Accepted)

    monkeypatch.setattr(HeDialog, "exec", answer)
    dock = open_dock(model="tiny-10")
    viewer.add_image(he(), name="biopsy", scale=(1, 1), units=("um", "um"))
    before = dock.painter.stage
    press(dock, qtbot, wait)
    labels = dock.painter.stage.labels
    classes = dock.painter.model.scheme.names
    assert before is None
    assert classes[labels.data[100, 50]] == "epithelium (proliferative)"
    assert classes[labels.data[10, 10]] == "non-reactive stroma"
    assert classes[labels.data[100, 250]] == "background"
    labels.paint((20, 20), classes.index("muscle"))
    assert classes[labels.data[20, 20]] == "muscle"
    press(dock, qtbot, wait)
    assert offered == ["unknown", "adenoma"]
    assert [kind for kind, _ in said] == ["info", "info"]


def test_ten_classes_can_be_stopped_between_rules(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    said: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_histosynth.paint import weak

    dock = open_dock(model="tiny-10")
    task = dock.opener.from_he

    def measured(rgb: Any) -> Any:
        task.stop()
        looked_at.append(rgb.shape)
        return measure(rgb)

    looked_at: list[tuple[int, ...]] = []
    measure = weak.measure_stains
    monkeypatch.setattr(weak, "measure_stains", measured)
    monkeypatch.setattr(HeDialog, "exec", lambda _: int(HeDialog.DialogCode.Accepted))
    viewer.add_image(he(), name="biopsy", scale=(1, 1), units=("um", "um"))
    press(dock, qtbot, wait)
    assert looked_at == [(200, 200, 3)]
    assert dock.painter.stage is None
    assert said == []


def test_nothing_happens_when_the_question_is_refused(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = open_dock()
    viewer.add_image(he(64), name="scan")
    monkeypatch.setattr(HeDialog, "exec", lambda _: int(HeDialog.DialogCode.Rejected))
    press(dock, qtbot, wait)
    assert dock.painter.stage is None


def test_of_a_pyramid_the_level_that_suffices_is_read(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any, halves: list[dict[str, Any]]
) -> None:
    dock = open_dock()
    finest = he(400).repeat(2, 0).repeat(2, 1)
    levels = [finest, finest[::2, ::2], finest[::4, ::4], finest[::8, ::8]]
    viewer.add_image(
        levels, rgb=True, multiscale=True, name="slide", scale=(0.155, 0.155), units=("um", "um")
    )
    press(dock, qtbot, wait)
    assert halves[0]["um_per_px"] == pytest.approx(0.62)
    assert halves[0]["shape"] == (200, 200, 3)
    assert dock.painter.stage.labels.data.shape == (200, 200)


def test_what_is_transparent_is_glass() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    seen = OnWhite(rgba)[0:2, 0:2]
    assert seen[0, 0].tolist() == [10, 20, 30]
    assert (seen[1] == 255).all()
    assert OnWhite(rgba).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("pixels", "options", "says"),
    [
        (np.zeros((20, 20), np.uint8), {}, "is gray"),
        (np.zeros((20, 20, 3), np.float32), {"rgb": True}, "float32"),
        (np.zeros((20, 20, 3), np.uint16), {"rgb": True}, "uint16"),
        (np.zeros((4, 20, 20, 3), np.uint8), {"rgb": True}, "stack"),
    ],
)
def test_a_layer_that_is_no_he_is_one_sentence(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    said: list[tuple[str, str]],
    pixels: Any,
    options: dict[str, Any],
    says: str,
) -> None:
    dock = open_dock()
    viewer.add_image(pixels, name="other", **options)
    press(dock, qtbot, wait)
    assert [kind for kind, _ in said] == ["error"]
    assert says in said[0][1]
    assert "other" in said[0][1]
    assert dock.painter.stage is None


def test_without_a_picture_it_says_what_to_do(
    open_dock: Callable[..., Any], qtbot: Any, wait: Any, said: list[tuple[str, str]]
) -> None:
    dock = open_dock()
    press(dock, qtbot, wait)
    assert said[0][0] == "error"
    assert "Select the layer" in said[0][1]


def test_labeling_can_be_stopped_and_the_window_stays_alive(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    said: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def segment(self: Segmenter, *_: Any, **rest: Any) -> Any:
        rest["progress"](0.3)
        begun.set()
        while not rest["cancel"]():
            stopped.wait(0.01)
        raise Cancelled("Labeling was stopped.")

    monkeypatch.setattr(Segmenter, "segment", segment)
    dock = open_dock()
    viewer.add_image(he(), name="biopsy", **SCALE)
    task = dock.opener.from_he
    qtbot.mouseClick(task.button, Qt.MouseButton.LeftButton)
    wait(lambda: begun.is_set() and task._bar.value() > 0)
    assert task.is_busy
    assert not task.button.isEnabled()
    task._bar.canceled.emit()
    wait(lambda: not task.is_busy)
    assert task.button.isEnabled()
    assert dock.painter.stage is None
    assert said == []


def test_closing_the_dock_stops_labeling(
    open_dock: Callable[..., Any], viewer: Any, qtbot: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def segment(self: Segmenter, *_: Any, **rest: Any) -> Any:
        while not rest["cancel"]():
            threading.Event().wait(0.01)
        ended.set()
        raise Cancelled("Labeling was stopped.")

    monkeypatch.setattr(Segmenter, "segment", segment)
    dock = open_dock()
    viewer.add_image(he(), name="biopsy", **SCALE)
    qtbot.mouseClick(dock.opener.from_he.button, Qt.MouseButton.LeftButton)
    dock.shut_down()
    wait(ended.is_set)


def test_a_fault_is_one_sentence(
    open_dock: Callable[..., Any],
    viewer: Any,
    qtbot: Any,
    wait: Any,
    said: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def segment(self: Segmenter, *_: Any, **__: Any) -> Any:
        raise OSError("the disk is gone\nand more")

    monkeypatch.setattr(Segmenter, "segment", segment)
    dock = open_dock()
    viewer.add_image(he(), name="biopsy", **SCALE)
    press(dock, qtbot, wait)
    assert said == [("error", "Labeling biopsy failed: the disk is gone.")]


def test_a_picture_that_is_too_large_is_labeled_where_one_looks(qtbot: Any, viewer: Any) -> None:
    layer = viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="slide", **SCALE)
    huge = HePicture(layer, (np.broadcast_to(np.uint8(0), (60_000, 50_000, 3)),), 0.62)
    sight = Window(1000, 3000, 2000, 5000)
    dialog = HeDialog(huge, sight, 0.62, 16_384)
    qtbot.addWidget(dialog)
    assert dialog.picture.part == sight
    assert dialog.buttons.button(dialog.buttons.StandardButton.Ok).isEnabled()
    dialog.part.setCurrentIndex(0)
    assert not dialog.buttons.button(dialog.buttons.StandardButton.Ok).isEnabled()
    assert "zoom in" in dialog.becomes.text()


def test_a_part_keeps_its_place(
    open_dock: Callable[..., Any],
    viewer: Any,
    wait: Any,
    halves: list[dict[str, Any]],
) -> None:
    dock = open_dock()
    layer = viewer.add_image(he(), name="biopsy", **SCALE)
    part = he_of_layer(layer).asked(0.62, Window(40, 100, 60, 160))
    dock.opener.from_he._start(_Order(part, dock.painter.model, None))
    wait(lambda: not (dock.opener.from_he.is_busy or dock.painter.turns.is_busy))
    labels = dock.painter.stage.labels
    assert labels.data.shape == (60, 100)
    np.testing.assert_allclose(labels.translate, (40 * 0.62, 60 * 0.62), atol=1e-6)
    assert labels.data[5, 30] == 2
    assert labels.data[5, 50] == 0


def test_what_is_in_sight_of_a_pyramid_is_told_in_its_finest_pixels(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    finest = he(2048)
    layer = viewer.add_image([finest, finest[::2, ::2], finest[::4, ::4]], rgb=True, multiscale=True)
    seen = window_in_sight(layer)
    assert seen is not None
    assert seen.height > 1800
    assert seen.clip((2048, 2048)) == seen


def test_an_empty_layer_is_one_sentence() -> None:
    class Empty:
        name, rgb, multiscale, data = "void", True, False, np.zeros((0, 5, 3), np.uint8)

    with pytest.raises(ImageError, match="empty"):
        he_of_layer(Empty())


def test_the_segmenter_is_loaded_once() -> None:
    assert load_segmenter_cached() is load_segmenter_cached()
