"""How long the map of looks holds the window up while one hovers, drags, zooms and takes looks.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/atlas.py
    xvfb-run -a python benchmarks/atlas.py --points 2000 --model colon-2class

A map of so many points, mixed from the latents that the model knows, is docked beside a canvas of 512 px,
and the mouse moved over it, some 60 events a second. A heartbeat of 5 ms in the event loop finds what holds
it up. Two figures are printed for each: how long the window stood still, which on a busy machine holds what
others computed; and how much of that its own thread computed, which holds no waiting for anything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from window import Heart, rest, spin

SIDE = 512


def write_map(model: Any, folder: Path, points: int) -> None:
    """Write a map of latents that the model mixes at random, in ten grades."""
    from napari_histosynth.latent.atlas import Atlas

    latents = np.stack([model.sample_latent(number) for number in range(points)])
    styles, stains = np.split(latents, [model.style_size], axis=1)
    grades = tuple(f"grade {number % 10}" for number in range(points))
    places = np.random.default_rng(0).normal(size=(points, 2)).astype(np.float32)
    atlas = Atlas(model.name, model.sha256, styles, stains, grades, ("one", "two") * (points // 2), places)
    atlas.write(folder / "atlas.safetensors")
    atlas.anchors({f"grade {number}": number / 9 for number in range(10)}).write(folder / "anchors.json")


def moved(widget: Any, held: Any, steps: int) -> None:
    """Move the mouse along a curve over a widget, 16 ms a step."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    plain, none = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
    for step in range(steps):
        angle = 2 * np.pi * step / steps
        across, down = 0.5 + 0.4 * np.sin(3 * angle), 0.5 + 0.4 * np.cos(2 * angle)
        at = QPointF(widget.width() * across, widget.height() * down)
        there = QPointF(widget.mapToGlobal(at.toPoint()))
        QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, at, there, none, held, plain))
        rest(0.016)


def pressed(widget: Any, button: Any, work: Callable[[], None]) -> None:
    """Hold a button in the middle of a widget while something is done."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    plain, middle = Qt.KeyboardModifier.NoModifier, widget.rect().center()
    QTest.mousePress(widget, button, plain, middle)
    work()
    QTest.mouseRelease(widget, button, plain, middle)


def measure(args: argparse.Namespace, folder: Path) -> None:
    """Print how long the window was held up at each."""
    import napari
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    from napari_histosynth.ui import prepare
    from napari_histosynth.ui.atlas import AtlasDock
    from napari_histosynth.ui.models import load_cached
    from napari_histosynth.ui.paint import PaintDock
    from napari_histosynth.zoo import find_model

    copy = folder / args.model
    shutil.copytree(find_model(args.model).path, copy)
    model = load_cached(copy)
    write_map(model, copy, args.points)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    paint, atlas = PaintDock(viewer, None), AtlasDock(viewer)
    viewer.window.add_dock_widget(paint, name="Paint tissue", area="right")
    painter = paint.painter
    painter.choose_model(copy)
    spin(lambda: painter.model is not None)
    example = "dysplasia" if "10" in model.name else "moderate"
    painter.new_canvas(prepare.example(example, (SIDE, SIDE), model, 0))
    spin(lambda: not painter.is_drawing)
    hearts = Heart(), Heart(computed=True)
    most = {}

    def timed(what: str, work: Callable[[], None]) -> None:
        rest(1.0)
        for heart in hearts:
            heart.restart()
        work()
        most[what] = [max(heart.gaps) * 1000 for heart in hearts]

    def opened() -> None:
        viewer.window.add_dock_widget(atlas, name="Map of looks", area="left")
        spin(lambda: atlas.atlas is not None)
        rest(1.0)

    timed("opening the dock", opened)
    surface = atlas.form.map
    moved(surface, Qt.MouseButton.NoButton, 20)
    left, right, none = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
    timed("hovering", lambda: moved(surface, none, args.steps))
    timed("dragging a look", lambda: pressed(surface, left, lambda: moved(surface, left, args.steps)))
    spin(lambda: not painter.is_drawing)
    timed("moving the map", lambda: pressed(surface, right, lambda: moved(surface, right, args.steps)))

    def clicked() -> None:
        for number in range(5):
            at = surface.position_of(atlas.atlas.places()[number]).toPoint()
            QTest.mouseClick(surface, left, Qt.KeyboardModifier.NoModifier, at)
            spin(lambda: not painter.is_drawing)

    surface.show_all()
    timed("taking five looks", clicked)
    print(f"{model.name}, {model.precision}, {args.points} points, canvas of {SIDE} px; at most")
    for what, (stood, computed) in most.items():
        print(f"  {what}: the window stood {stood:.0f} ms, its thread computed {computed:.0f} ms")
    for dock in (atlas, paint):
        dock.shut_down()
    viewer.close()


def main() -> None:
    """Measure with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-10class")
    parser.add_argument("--points", type=int, default=1000, help="an even number")
    parser.add_argument("--steps", type=int, default=240, help="of the mouse, for each")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        measure(args, Path(folder))


if __name__ == "__main__":
    main()
