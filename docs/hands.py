"""A pair of hands on a napari window: mouse and key events for the scripts of this folder, and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QScrollArea,
    QWidget,
)

Place = tuple[float, float]

_LEFT = Qt.MouseButton.LeftButton
_NONE = Qt.KeyboardModifier.NoModifier
_CONTROL = Qt.KeyboardModifier.ControlModifier
_PATIENCE = 30.0  # s that a menu or a dialog may take to appear


def spin(seconds: float) -> None:
    """Let the window live for a while."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QApplication.processEvents()
        time.sleep(0.002)


def wait_for(ready: Callable[[], bool], seconds: float = 300, what: str = "the window to get there") -> None:
    """Let the window live until something is true; TimeoutError if it takes longer than that."""
    until = time.perf_counter() + seconds
    while not ready():
        if time.perf_counter() > until:
            raise TimeoutError(f"{seconds:g} s were not enough for {what}")
        spin(0.02)


def stroke(viewer: Any, places: Sequence[Place]) -> None:
    """Draw a line with the mouse through places given as shares (across, down) of the canvas widget."""
    widget = viewer.window._qt_viewer.canvas.native
    drag(
        widget,
        [QPoint(round(widget.width() * across), round(widget.height() * down)) for across, down in places],
    )


def drag(widget: QWidget, points: Sequence[QPoint]) -> None:
    """Draw a line with the left button held through pixels of a widget."""
    QTest.mouseMove(widget, points[0])
    spin(0.05)
    QTest.mousePress(widget, _LEFT, _NONE, points[0])
    for point in points[1:]:
        spin(0.02)
        QTest.mouseMove(widget, point)
    spin(0.02)
    QTest.mouseRelease(widget, _LEFT, _NONE, points[-1])


def ring(center: Place, radius: float, shape: tuple[int, int], steps: int = 40) -> list[Place]:
    """Return places on a circle, its radius a share of the widget's height; ``shape`` is the widget's."""
    across, down = center
    squeeze = shape[0] / shape[1]
    angles = [2 * pi * step / steps for step in range(steps + 1)]
    return [(across + radius * squeeze * cos(angle), down + radius * sin(angle)) for angle in angles]


def press(viewer: Any, key: Qt.Key, modifier: Qt.KeyboardModifier = _NONE) -> None:
    """Press a key over the canvas."""
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key, modifier)
    spin(0.1)


def draw_whole(painter: Any) -> np.ndarray[Any, Any]:
    """Draw all of a painter's canvas in one go, by the engine alone; uint8 (y, x, 3)."""
    from napari_histosynth.paint.canvas import Canvas

    look = painter.looks.present
    cleaned, _ = painter.model.scheme.sanitize(np.asarray(painter.stage.labels.data))
    return Canvas(painter.model, np.array(cleaned), seed=look.seed, latent_seed=look.latent_seed).render()


class Hands:
    """Work in a napari window by mouse and keyboard alone.

    Parameters
    ----------
    viewer : napari.Viewer
        Shown.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.native: QWidget = viewer.window._qt_viewer.canvas.native
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)

    # ---- the canvas

    def at(self, layer: Any, place: Place, column: int = 0) -> QPoint:
        """Return where a pixel (y, x) of a layer lies on the canvas widget.

        Parameters
        ----------
        layer : napari layer
            Whose pixel.
        place : tuple of float
            Row and column.
        column : int
            Where layers lie side by side: 0 is the left one.
        """
        grid = self.viewer.canvas.grid if hasattr(self.viewer, "canvas") else self.viewer.grid
        shown = sum(layer.visible for layer in self.viewer.layers)
        columns = -(-shown // abs(grid.stride)) if grid.enabled else 1
        scene = getattr(self.viewer, "scene", self.viewer)
        zoom, middle = scene.camera.zoom, scene.camera.center[-2:]
        y, x = layer.data_to_world(place)[-2:]
        cell = self.native.width() / columns
        return QPoint(
            round(cell * (column + 0.5) + (x - middle[1]) * zoom),
            round(self.native.height() / 2 + (y - middle[0]) * zoom),
        )

    def paint(self, layer: Any, places: Sequence[Place], column: int = 0) -> None:
        """Draw a line with the left button held through pixels (y, x) of a layer."""
        drag(self.native, [self.at(layer, place, column) for place in places])
        spin(0.05)

    def click_at(self, layer: Any, place: Place, modifier: Qt.KeyboardModifier = _NONE) -> None:
        """Click on a pixel (y, x) of a layer."""
        point = self.at(layer, place)
        QTest.mouseMove(self.native, point)
        spin(0.05)
        QTest.mouseClick(self.native, _LEFT, modifier, point)
        spin(0.02)

    def zoom_to(self, layer: Any, place: Place, zoom: float) -> None:
        """Turn the wheel over a pixel of a layer until one of its pixels takes ``zoom`` on the screen."""
        scene = getattr(self.viewer, "scene", self.viewer)
        wanted = zoom / float(layer.scale[-1])
        for _ in range(200):
            if scene.camera.zoom >= wanted:
                return
            point = QPointF(self.at(layer, place))
            event = QWheelEvent(
                point,
                QPointF(self.native.mapToGlobal(point.toPoint())),
                QPoint(),
                QPoint(0, 120),
                Qt.MouseButton.NoButton,
                _NONE,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(self.native, event)
            spin(0.02)
        raise TimeoutError(f"the wheel did not zoom to {zoom:g}")

    def zoom_out(self) -> None:
        """Bring everything into view."""
        self.click(self.viewer.window._qt_viewer.viewerButtons.resetViewButton)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = _NONE) -> None:
        """Press a key over the canvas."""
        press(self.viewer, key, modifier)

    def undo(self) -> None:
        """Press Ctrl+Z."""
        self.press(Qt.Key.Key_Z, _CONTROL)

    def redo(self) -> None:
        """Press Ctrl+Shift+Z."""
        self.press(Qt.Key.Key_Z, _CONTROL | Qt.KeyboardModifier.ShiftModifier)

    # ---- widgets

    def click(self, widget: QWidget, where: QPoint | None = None) -> None:
        """Click a widget, scrolled into sight."""
        _bring_into_sight(widget)
        if not widget.isVisible() or not widget.isEnabled():
            raise RuntimeError(f"nobody could click {widget.objectName() or type(widget).__name__} now")
        QTest.mouseClick(widget, _LEFT, _NONE, QPoint() if where is None else where)
        spin(0.02)

    def tick(self, box: Any, on: bool = True) -> None:
        """Click a check box, on its square, if it is not as wanted."""
        if box.isChecked() != on:
            self.click(box, QPoint(8, box.height() // 2))
        if box.isChecked() != on:
            raise RuntimeError(f"the click did not reach {box.text()}")

    def type_into(self, field: QAbstractSpinBox, text: str) -> None:
        """Replace the number in a field by typing."""
        line = field.lineEdit()
        assert line is not None
        self.click(line)
        line.selectAll()
        QTest.keyClicks(line, text)
        # Return would close a dialog; Tab leaves a field only where the window has the focus
        in_dialog = isinstance(field.window(), QDialog)
        QTest.keyClick(field, Qt.Key.Key_Tab if in_dialog else Qt.Key.Key_Return)
        spin(0.02)

    def choose(self, box: QComboBox, text: str) -> None:
        """Open a box of choices and take one with the arrow keys."""
        row = box.findText(text)
        if row < 0:
            raise RuntimeError(f"there is no {text!r} to choose")
        _bring_into_sight(box)
        QTest.mouseClick(box, _LEFT)
        spin(0.1)
        view = box.view()
        assert view is not None
        step = row - view.currentIndex().row()
        for _ in range(abs(step)):
            QTest.keyClick(view, Qt.Key.Key_Down if step > 0 else Qt.Key.Key_Up)
        QTest.keyClick(view, Qt.Key.Key_Return)
        spin(0.05)
        if box.currentText() != text:
            raise RuntimeError(f"chose {box.currentText()!r} instead of {text!r}")

    # ---- menus and dialogs, which have event loops of their own

    def choose_from_menu(
        self, button: QWidget, *titles: str, dialogs: Sequence[Callable[[Any], None]] = ()
    ) -> None:
        """Click a button that has a menu, click the entries, and answer the dialogs that open then.

        Parameters
        ----------
        button : QWidget
            The button.
        *titles : str
            What the entries' names begin with, from menu to submenu.
        dialogs : sequence of callable
            Each is called with the next dialog, and closes it.
        """

        def take(menu: Any, rest: tuple[str, ...]) -> None:
            entry = next(action for action in menu.actions() if action.text().startswith(rest[0]))
            if rest[1:]:
                self._expect(steps, lambda: _open_menu(rest[1:]), lambda below: take(below, rest[1:]))
            elif dialogs:
                self._answer(steps, list(dialogs))
            QTest.mouseClick(menu, _LEFT, _NONE, menu.actionGeometry(entry).center())

        with self._during() as steps:
            self._expect(steps, lambda: _open_menu(titles), lambda menu: take(menu, titles))
            _bring_into_sight(button)
            QTest.mouseClick(button, _LEFT)
        spin(0.02)

    def click_for_dialog(self, button: QWidget, *dialogs: Callable[[Any], None]) -> None:
        """Click a button and answer the dialogs that it opens; see :meth:`choose_from_menu`."""
        with self._during() as steps:
            self._answer(steps, list(dialogs))
            _bring_into_sight(button)
            QTest.mouseClick(button, _LEFT)
        spin(0.02)

    def accept(self, dialog: QDialog) -> None:
        """Click a dialog's OK, Save or Open."""
        box = dialog.findChild(QDialogButtonBox)
        assert box is not None
        kinds = QDialogButtonBox.StandardButton
        button = next(
            found for kind in (kinds.Ok, kinds.Save, kinds.Open) if (found := box.button(kind)) is not None
        )
        until = time.perf_counter() + _PATIENCE
        while dialog.isVisible() and time.perf_counter() < until:
            spin(0.1)  # a dialog that has only just been laid out misses clicks
            QTest.mouseClick(button, _LEFT)

    def file_named(self, path: Path) -> Callable[[Any], None]:
        """Return what types the name of a file into a file dialog and accepts it."""

        def answer(dialog: Any) -> None:
            assert isinstance(dialog, QFileDialog)
            line = dialog.findChild(QLineEdit, "fileNameEdit")
            assert line is not None
            line.selectAll()
            QTest.keyClicks(line, str(path))
            self.accept(dialog)

        return answer

    @contextmanager
    def _during(self) -> Iterator[list[Exception | bool]]:
        """Collect how each expected step goes, wait until all are done, and raise what went wrong."""
        steps: list[Exception | bool] = []
        yield steps
        wait_for(lambda: False not in steps, what="a dialog to be answered")
        for step in steps:
            if isinstance(step, Exception):
                raise step

    def _answer(self, steps: list[Exception | bool], dialogs: list[Callable[[Any], None]]) -> None:
        """Answer dialogs one after another."""

        def answer(dialog: Any) -> None:
            if dialogs[1:]:
                self._answer(steps, dialogs[1:])
            dialogs[0](dialog)

        def find() -> Any:
            dialog = QApplication.activeModalWidget()
            return dialog if isinstance(dialog, QDialog) and dialog.isVisible() else None

        self._expect(steps, find, answer)

    def _expect(
        self, steps: list[Exception | bool], find: Callable[[], Any], act: Callable[[Any], None]
    ) -> None:
        """Act on a menu or dialog as soon as it is there; close whatever is open if that goes wrong."""
        number, until = len(steps), time.perf_counter() + _PATIENCE
        steps.append(False)

        def look() -> None:
            found = find()
            if found is None and time.perf_counter() < until:
                QTimer.singleShot(20, look)
                return
            try:
                if found is None:
                    raise TimeoutError("an expected menu or dialog never opened")
                act(found)
                steps[number] = True
            except Exception as error:
                steps[number] = error
                for open_one in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
                    if open_one is not None:
                        open_one.close()

        QTimer.singleShot(50, look)


def _open_menu(titles: tuple[str, ...]) -> Any:
    """Return the menu that is open, if it has an entry of the first title."""
    menu = QApplication.activePopupWidget()
    if isinstance(menu, QMenu) and any(action.text().startswith(titles[0]) for action in menu.actions()):
        return menu
    return None


def _bring_into_sight(widget: QWidget) -> None:
    """Scroll so that a widget can be seen."""
    above: Any = widget.parentWidget()
    while above is not None:
        if isinstance(above, QScrollArea):
            above.ensureWidgetVisible(widget)
            spin(0.02)
        above = above.parentWidget()
