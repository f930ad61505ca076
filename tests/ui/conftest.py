"""What the tests of the window share: a tiny model that draws in milliseconds, docks, and patience."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme

SIDE = 160


def write_tiny_model(folder: Path, name: str, scheme: str) -> None:
    """Write a local model of three small levels with random weights."""
    import torch

    from napari_histosynth.paint.network import build_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    architecture = {"widths": [8, 8, 8], "hidden": [8, 8, 8]}
    torch.manual_seed(len(name))
    generator = build_generator("local", get_scheme(scheme).n_classes, 4, **architecture)
    tensors = {f"generator.{key}": value for key, value in generator.state_dict().items()}
    for key, value in tensors.items():
        if key.endswith("weight"):  # fresh weights draw one gray; these draw something that labels change
            tensors[key] = value * 2.5
    card = ModelCard(
        name=name,
        preset="local",
        scheme=scheme,
        um_per_px=0.62,
        latent_size=4,
        architecture=architecture,
    )
    write_folder(folder / name, card, tensors)


@pytest.fixture(scope="session")
def tiny_model_writer() -> Callable[[Path, str, str], None]:
    """Return what writes a tiny model: folder of models, name, scheme."""
    return write_tiny_model


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of tiny models: "tiny" (colon-3), "tiny-2" (colon-2) and "tiny-10" (colon-10)."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder, "tiny", "colon-3")
    write_tiny_model(folder, "tiny-2", "colon-2")
    write_tiny_model(folder, "tiny-10", "colon-10")
    return folder


@pytest.fixture(autouse=True)
def tiny_models(user_models: Path, model_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny models be found before any other."""
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(model_folders))


@pytest.fixture
def model() -> Any:
    """Return the tiny model, loaded."""
    from napari_histosynth.ui.models import load_cached

    return load_cached("tiny")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Collect what is told to the user, as (kind, sentence), instead of showing it."""
    sentences: list[tuple[str, str]] = []
    for module in ("paint", "opening", "fromhe"):
        for kind in ("error", "info", "warning"):
            name = f"napari_histosynth.ui.{module}.show_{kind}"
            monkeypatch.setattr(name, lambda text, kind=kind: sentences.append((kind, text)), raising=False)
    return sentences


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Callable[[], bool]], None]:
    """Return a function that lets the event loop run until something is true."""
    return lambda ready: qtbot.waitUntil(ready, timeout=60_000)


@pytest.fixture
def what_stays() -> None:
    """Keep collections of garbage off all that was imported and lives on: each viewer's end begins three."""
    import napari._qt.qt_main_window  # noqa: F401
    import torch  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def plugins_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search what is installed for plugins at the first viewer alone; napari does at every one."""
    from npe2 import PluginManager

    search = PluginManager.discover

    def discover(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "napari-histosynth" in {manifest.name for manifest in self.iter_manifests()}:
            return 0
        return search(self, *args, **kwargs)

    monkeypatch.setattr(PluginManager, "discover", discover)


class _PatientGc:
    """Stands for ``gc`` in napari's search for viewers that live on: it collects until none does, or for 5 s.

    A thread that has just said that it is done may still hold what it worked on, events that were posted are
    handled later, and where one thread is collecting garbage, Python collects none for anybody else.
    """

    @staticmethod
    def collect(generation: int = 2) -> None:
        from napari._qt.qt_viewer import QtViewer
        from qtpy.QtWidgets import QApplication

        gc.collect(generation)
        until = time.monotonic() + 5
        while len(QtViewer._instances) and time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.05)
            gc.collect()


@pytest.fixture
def make_napari_viewer(
    make_napari_viewer: Callable[..., Any], what_stays: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Return napari's own, before whose search for viewers that live on all threads have ended."""
    monkeypatch.setattr("napari.utils._testsupport.gc", _PatientGc)
    viewers: WeakSet[Any] = WeakSet()

    def make(*args: Any, **kwargs: Any) -> Any:
        viewer = make_napari_viewer(*args, **kwargs)
        viewers.add(viewer)
        return viewer

    yield make
    for viewer in viewers:
        viewer._layer_slicer.wait_until_idle(5)
    for thread in threading.enumerate():
        if thread.name in {"histosynth-drawer", "histosynth-job", "histosynth-stack", "histosynth-warm"}:
            thread.join(5)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], said: list[tuple[str, str]]) -> Any:
    """Return a viewer that is not shown."""
    return make_napari_viewer()


@pytest.fixture
def open_dock(viewer: Any, wait: Any) -> Callable[..., Any]:
    """Return a function that docks the widget and waits for its model."""

    def dock_in(where: Any = viewer, model: str = "tiny") -> Any:
        from napari_histosynth.ui.paint import PaintDock

        dock = PaintDock(where, model)
        where.window.add_dock_widget(dock, name="Paint tissue", area="right")
        wait(lambda: dock.painter.model is not None)
        return dock

    return dock_in


@pytest.fixture
def painted(open_dock: Callable[..., Any], wait: Any) -> Any:
    """Return a dock with a blank canvas of stroma that is drawn."""
    dock = open_dock()
    dock.painter.new_canvas(np.full((SIDE, SIDE + 32), 1, np.uint8))
    wait(lambda: not dock.painter.is_drawing)
    return dock


@pytest.fixture
def draw_whole() -> Callable[[Any], np.ndarray[Any, Any]]:
    """Return a function that draws all of a painter's canvas in one go, by the engine alone."""

    def draw(painter: Any) -> np.ndarray[Any, Any]:
        from napari_histosynth.paint.canvas import Canvas

        look = painter.looks.present
        cleaned, _ = painter.model.scheme.sanitize(np.asarray(painter.stage.labels.data))
        canvas = Canvas(painter.model, np.array(cleaned), seed=look.seed, latent_seed=look.latent_seed)
        return canvas.render()

    return draw


@pytest.fixture
def settle(painted: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn."""
    return lambda: wait(lambda: not painted.painter.is_drawing)


class Mouse:
    """Sends mouse events to widgets, which need not be on a screen."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt

        buttons = Qt.MouseButton
        self.left, self.right, self.none = buttons.LeftButton, buttons.RightButton, buttons.NoButton

    def move(self, widget: Any, at: Any, held: Any = None) -> None:
        """Move to a place (QPointF), perhaps with a button held."""
        self._send("MouseMove", widget, at, self.none, held or self.none)

    def press(self, widget: Any, at: Any, button: Any = None) -> None:
        """Press a button, the left one by default."""
        self._send("MouseButtonPress", widget, at, button or self.left, button or self.left)

    def release(self, widget: Any, at: Any, button: Any = None) -> None:
        """Release a button, the left one by default."""
        self._send("MouseButtonRelease", widget, at, button or self.left, self.none)

    def click(self, widget: Any, at: Any) -> None:
        """Move there, press and release the left button."""
        self.move(widget, at)
        self.press(widget, at)
        self.release(widget, at)

    def drag(self, widget: Any, start: Any, end: Any, button: Any = None, steps: int = 8) -> None:
        """Press, move in steps, and release."""
        self.move(widget, start)
        self.press(widget, start, button)
        for step in range(1, steps + 1):
            self.move(widget, start + (end - start) * (step / steps), button or self.left)
        self.release(widget, end, button)

    def turn_wheel(self, widget: Any, at: Any, notches: int) -> None:
        """Turn the wheel away from oneself, or towards, by notches."""
        from qtpy.QtCore import QPoint, QPointF, Qt
        from qtpy.QtGui import QWheelEvent
        from qtpy.QtWidgets import QApplication

        there = QPointF(widget.mapToGlobal(at.toPoint()))
        plain, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
        turn = QPoint(0, 120 * notches)
        event = QWheelEvent(at, there, QPoint(), turn, self.none, plain, phase, False)
        QApplication.sendEvent(widget, event)

    def _send(self, kind: str, widget: Any, at: Any, button: Any, held: Any) -> None:
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        there = QPointF(widget.mapToGlobal(at.toPoint()))
        plain = Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(getattr(QEvent.Type, kind), at, there, button, held, plain)
        QApplication.sendEvent(widget, event)


@pytest.fixture
def mouse(qapp: Any) -> Mouse:
    """Return a mouse."""
    return Mouse()
