"""Protected classes stay under napari's own brush, bucket and polygon, and undo is exact."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QScrollArea

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui import protect
from napari_histosynth.ui.layers import label_layer_arguments
from napari_histosynth.ui.locks import Locks, toggle_under_cursor
from napari_histosynth.ui.palette import KEYS, Palette
from napari_histosynth.ui.protect import protection_of

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def tissue() -> np.ndarray:
    """Stroma on the left, epithelium on the right, a band of nuclei over both."""
    labels = np.full((120, 160), STROMA, np.uint8)
    labels[:, 80:] = EPITHELIUM
    labels[50:60] = NUCLEI
    return labels


@pytest.fixture
def layer(tissue: np.ndarray) -> Any:
    """Return a Labels layer without a viewer."""
    from napari.layers import Labels

    layer = Labels(tissue.copy(), **label_layer_arguments(get_scheme("colon-3"), 0.5))
    layer.brush_size = 40
    return layer


@pytest.fixture
def shown(make_napari_viewer: Callable[..., Any], tissue: np.ndarray) -> Any:
    """Return a viewer that is shown, with the tissue as its active layer."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 700)
    layer = viewer.add_labels(tissue.copy(), **label_layer_arguments(get_scheme("colon-3"), 0.5))
    layer.brush_size = 20
    layer.mode = "paint"
    layer.selected_label = BACKGROUND
    viewer.layers.selection.active = layer
    return viewer


def drag(viewer: Any, qtbot: Any, points: list[tuple[float, float]], modifier: Any = None) -> None:
    """Drag over points (y, x) of the labels with the left button."""
    canvas = viewer.window._qt_viewer.canvas.native
    scene = getattr(viewer, "scene", viewer)
    zoom, middle = scene.camera.zoom, scene.camera.center
    held = Qt.KeyboardModifier.NoModifier if modifier is None else modifier
    left = Qt.MouseButton.LeftButton

    def at(point: tuple[float, float]) -> QPoint:
        y, x = (0.5 * value for value in point)
        return QPoint(
            round(canvas.width() / 2 + (x - middle[-1]) * zoom),
            round(canvas.height() / 2 + (y - middle[-2]) * zoom),
        )

    qtbot.wait(50)
    QTest.mouseMove(canvas, at(points[0]))
    qtbot.wait(30)
    QTest.mousePress(canvas, left, held, at(points[0]))
    for point in points[1:]:
        move_held(canvas, at(point), held)
        qtbot.wait(20)
    QTest.mouseRelease(canvas, left, held, at(points[-1]))
    qtbot.wait(30)


def move_held(canvas: Any, place: QPoint, modifier: Any) -> None:
    """Move the mouse with the left button and a modifier held, which QTest cannot."""
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(canvas.mapToGlobal(place)),
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton,
        modifier,
    )
    QApplication.sendEvent(canvas, event)


def test_the_brush_leaves_locked_classes_alone(layer: Any, tissue: np.ndarray) -> None:
    protection_of(layer).lock([NUCLEI])
    layer.paint((55, 80), BACKGROUND)
    np.testing.assert_array_equal(layer.data == NUCLEI, tissue == NUCLEI)
    assert (layer.data[35:50] == BACKGROUND).any()


def test_a_polygon_leaves_locked_classes_alone(layer: Any, tissue: np.ndarray) -> None:
    protection_of(layer).lock([NUCLEI, STROMA])
    layer.paint_polygon([[10, 10], [10, 150], [110, 150], [110, 10]], BACKGROUND)
    changed = layer.data != tissue
    assert changed.any()
    assert set(np.unique(tissue[changed])) == {EPITHELIUM}


def test_a_locked_class_is_not_filled_and_others_are(layer: Any, tissue: np.ndarray) -> None:
    protection_of(layer).lock([NUCLEI])
    layer.fill((55, 20), BACKGROUND)
    np.testing.assert_array_equal(layer.data, tissue)
    layer.fill((20, 20), BACKGROUND)
    assert (layer.data[:50, :80] == BACKGROUND).all()


def test_undo_and_redo_of_a_guarded_stroke_are_exact(layer: Any, tissue: np.ndarray) -> None:
    protection_of(layer).lock([EPITHELIUM])
    with layer.block_history():
        for x in range(40, 120, 10):
            layer.paint((45, x), BACKGROUND)
    after = layer.data.copy()
    assert (after[tissue == EPITHELIUM] == EPITHELIUM).all()
    layer.undo()
    np.testing.assert_array_equal(layer.data, tissue)
    layer.redo()
    np.testing.assert_array_equal(layer.data, after)


def test_a_stroke_over_locked_classes_alone_is_no_step_of_undo(layer: Any, tissue: np.ndarray) -> None:
    layer.paint((20, 20), EPITHELIUM)
    protection_of(layer).lock([STROMA, NUCLEI, EPITHELIUM])
    layer.paint((55, 80), BACKGROUND)
    layer.undo()
    np.testing.assert_array_equal(layer.data, tissue)


def test_unlocked_classes_can_be_painted_again(layer: Any) -> None:
    protection = protection_of(layer)
    protection.set_locked(NUCLEI, True)
    protection.set_locked(NUCLEI, False)
    layer.paint((55, 80), BACKGROUND)
    assert (layer.data == NUCLEI).sum() < 10 * 160


def test_tools_that_spare_classes_by_themselves_are_not_hindered(layer: Any) -> None:
    protection = protection_of(layer)
    protection.lock([STROMA])
    with protection.lifted():
        layer.paint((20, 20), BACKGROUND)
    assert (layer.data == BACKGROUND).any()


def test_painting_by_index_as_in_napari_0_7_is_guarded_too(tissue: np.ndarray) -> None:
    class OldLabels:
        """What of napari 0.7's Labels is used: strokes go through ``data_setitem``."""

        def __init__(self) -> None:
            self.data = tissue.copy()
            self.mouse_drag_callbacks: list[Any] = []
            self.events = SimpleNamespace(paint=SimpleNamespace(connect=lambda callback: None))

        def data_setitem(self, indices: Any, value: Any, refresh: bool = True) -> None:
            self.data[indices] = value

    old = OldLabels()
    protection_of(old).lock([NUCLEI])
    old.data_setitem(np.nonzero(np.ones_like(tissue)), BACKGROUND)
    np.testing.assert_array_equal(old.data == NUCLEI, tissue == NUCLEI)
    assert (old.data[tissue != NUCLEI] == BACKGROUND).all()
    values = np.full(tissue.size, STROMA)
    old.data_setitem(np.nonzero(np.ones_like(tissue)), values)
    np.testing.assert_array_equal(old.data == NUCLEI, tissue == NUCLEI)


def test_shift_keeps_a_stroke_to_the_class_it_begins_on(shown: Any, tissue: np.ndarray, qtbot: Any) -> None:
    layer = shown.layers[0]
    protection = protection_of(layer)
    drag(shown, qtbot, [(30, 40), (40, 60), (55, 80), (40, 100)], SHIFT)
    changed = layer.data != tissue
    assert changed.any()
    assert set(np.unique(tissue[changed])) == {STROMA}
    assert protection.kept_to is None, "the next stroke is free"
    layer.undo()
    np.testing.assert_array_equal(layer.data, tissue)
    drag(shown, qtbot, [(30, 40), (40, 60), (55, 80), (40, 100)])
    assert set(np.unique(tissue[layer.data != tissue])) == {STROMA, EPITHELIUM, NUCLEI}


def test_what_shift_protects_is_shown_while_it_does(shown: Any, qtbot: Any) -> None:
    layer = shown.layers[0]
    locks = Locks()
    locks.set_classes(get_scheme("colon-3").names)
    locks.follow(layer)
    seen = []
    protection_of(layer).changed.connect(lambda: seen.append([b.isChecked() for b in locks.buttons]))
    locks.follow(layer)
    drag(shown, qtbot, [(30, 40), (40, 60)], SHIFT)
    assert [True, False, True, True] in seen
    assert not any(button.isChecked() for button in locks.buttons)


def test_a_padlock_protects_and_shows_what_another_dock_protects(layer: Any, qtbot: Any) -> None:
    first, second = Palette(), Palette()
    for palette in (first, second):
        qtbot.addWidget(palette)
        palette.set_scheme(get_scheme("colon-3"))
        palette.locks.follow(layer)
    qtbot.mouseClick(first.locks.buttons[NUCLEI], Qt.MouseButton.LeftButton)
    assert protection_of(layer).locked == {NUCLEI}
    assert second.locks.buttons[NUCLEI].isChecked()
    second.locks.follow(None)
    assert not second.locks.buttons[NUCLEI].isChecked()


def test_a_key_locks_the_class_under_the_cursor(shown: Any) -> None:
    layer = shown.layers[0]
    shown.cursor.position = (27.0, 20.0)  # in the band of nuclei
    toggle_under_cursor(shown, layer)
    assert protection_of(layer).locked == {NUCLEI}
    toggle_under_cursor(shown, layer)
    assert protection_of(layer).locked == frozenset()


def test_every_class_of_ten_and_background_has_a_key_of_its_own(qtbot: Any) -> None:
    scheme = get_scheme("colon-10")
    palette = Palette()
    qtbot.addWidget(palette)
    palette.set_scheme(scheme)
    assert len(set(KEYS)) == scheme.n_classes
    for key, button in zip(KEYS, palette.buttons, strict=True):
        assert f"(key {key})" in button.toolTip()


def test_no_key_of_a_class_is_one_that_napari_uses_while_painting() -> None:
    from napari.utils.shortcuts import default_shortcuts

    used = {
        str(key)
        for action, keys in default_shortcuts.items()
        for key in keys
        if "label" in action or "visibility" in action
    }
    # digits are taken on purpose: classes matter more here than modes, which have letters too
    assert not {key for key in "GHK" if key in used or f"Key{key}" in used}


def test_a_layer_is_let_go(tissue: np.ndarray) -> None:
    import gc
    import weakref

    from napari.layers import Labels

    layer = Labels(tissue)
    protection_of(layer).lock([1])
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None
    assert not any(key is None for key in protect._GUARDED)


def test_padlocks_are_in_sight_in_the_dock(painted: Any) -> None:
    area = painted.findChild(QScrollArea)
    assert area.widget().minimumSizeHint().width() <= 340 - area.verticalScrollBar().sizeHint().width()
