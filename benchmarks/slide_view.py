"""How long a slide that is drawn as one looks holds up the window, and how soon it is there.

Run it where there is a display, real or virtual::

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/slide_view.py

It zooms and pans with the mouse over a picture in memory, which shows what napari and the display need by
themselves (without a graphics card they draw each frame on the CPU), then begins a slide in the dock and does
the same while tiles are drawn, with napari's asynchronous slicing off and on, each in a process of its own.
What holds up the main thread is measured by a beat of 5 ms; time that the thread only waited for a processor
is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

_MOVES = 25  # of the mouse in a drag
_VIEW = 1024  # a view of so many px squared of level 0 is looked at in the end, whatever its shape
_ASKED = 20  # ms between questions whether all is drawn, which take time from drawing


def main() -> None:
    """Measure both ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-slide", help="name or folder of a model of slides")
    parser.add_argument("--mm", type=float, default=20.48, help="side of the slide")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kind", default="resection")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measured(args)))
        return
    rows = {}
    for name, value in (("off", "0"), ("on", "1")):
        command = [sys.executable, *sys.argv, "--measure"]
        done = subprocess.run(
            command, env={**os.environ, "NAPARI_ASYNC": value}, stdout=subprocess.PIPE, text=True, check=True
        )
        rows[name] = json.loads(done.stdout.splitlines()[-1])
    print(f"\na slide of {args.mm:g} mm, {args.model}; NAPARI_ASYNC off and on\n")
    for key in rows["off"]:
        print(f"{key:72} {rows['off'][key]:>10} {rows['on'][key]:>10}")


def measured(args: argparse.Namespace) -> dict[str, str]:
    """Open a window, use it, and return the figures."""
    import napari
    from window import Heart, rest, spin

    from napari_histosynth.ui import slidework
    from napari_histosynth.ui.slide import SlideDock

    figures: dict[str, str] = {}
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1440, 900)
    print("a picture in memory", file=sys.stderr)
    heart = Heart()
    plain = viewer.add_image(in_memory(), multiscale=True, rgb=True)
    rest(1)
    figures |= moved(viewer, heart, "of a picture in memory, without us")
    viewer.layers.remove(plain)
    dock = SlideDock(viewer)
    viewer.window.add_dock_widget(dock, name="Synthetic slide", area="right")
    slidework.load_slide_cached(args.model)
    recipe = slidework.Recipe(args.seed, (slidework.pixels_of(args.mm),) * 2, args.kind, "fast", args.model)
    rest(1)
    print("a slide", file=sys.stderr)
    heart.restart()
    begin = time.perf_counter()
    dock.desk.new(recipe)
    spin(lambda: dock.desk.shown is not None)
    figures["model loaded to overview in the window, s"] = f"{time.perf_counter() - begin:.2f}"
    spin(lambda: drawn(dock), every=_ASKED)
    figures["... and drawn as finely as it is shown, s"] = f"{time.perf_counter() - begin:.2f}"
    figures |= told("while it opens", heart)
    shown = dock.desk.shown

    place = tissue_of(dock.desk.levels)
    shown.go_to(*place)
    rest(0.3)
    print("zooming and panning", file=sys.stderr)
    figures |= moved(viewer, heart, "while tiles are drawn")

    spin(lambda: drawn(dock), every=_ASKED)
    print("another view", file=sys.stderr)
    height, width = dock.desk.levels.shape
    far = ((place[0] + height / 3) % height, (place[1] + width / 3) % width)
    canvas = viewer.window._qt_viewer.canvas.native
    viewer.scene.camera.zoom = (canvas.width() * canvas.height()) ** 0.5 / (_VIEW * 0.5)
    before = dock.desk.levels.slide.evaluations
    begin = time.perf_counter()
    heart.restart()
    shown.go_to(*tissue_of(dock.desk.levels, far))
    spin(lambda: shown.level == 0, 5)
    spin(lambda: drawn(dock), every=_ASKED)
    seconds = time.perf_counter() - begin
    evaluations = dock.desk.levels.slide.evaluations - before
    figures[f"another view of as much as {_VIEW} x {_VIEW} px at full magnification, s"] = f"{seconds:.2f}"
    figures["... evaluations of the network"] = str(evaluations)
    figures |= told("meanwhile", heart)
    dock.desk.shown.drawer.wait()
    viewer.close()
    return figures


def in_memory() -> list[np.ndarray]:
    """Return what napari shows by itself: a pyramid of 8,192 px, of noise."""
    whole = np.random.default_rng(0).integers(0, 255, (8192, 8192, 3), dtype=np.uint8)
    return [np.ascontiguousarray(whole[:: 2**k, :: 2**k]) for k in range(6)]


def moved(viewer: Any, heart: Any, what: str) -> dict[str, str]:
    """Zoom in by the wheel, pan by the mouse, zoom out, and tell how long the window was held meanwhile."""
    from window import rest

    figures = {}
    for way, notches in (("zooming in", 1), ("panning", 0), ("zooming out", -1)):
        heart.restart()
        if notches:
            for _ in range(14):
                wheel(viewer, notches)
                rest(0.12)
        else:
            for turn in range(6):
                pan(viewer, turn)
        figures |= told(f"{way} {what}", heart)
    return figures


def drawn(dock: Any) -> bool:
    """Return whether what is in sight is drawn."""
    shown = dock.desk.shown
    return bool(shown is not None and shown.share == 1 and not shown.drawer.is_busy)


def told(what: str, heart: Any) -> dict[str, str]:
    """Return the longest gap of a heart, and how many were over 50 ms."""
    gaps = 1000 * np.array(heart.gaps or [0.0])
    return {
        f"{what}: held longest, ms": f"{gaps.max():.0f}",
        f"{what}: over 50 ms, of beats": f"{(gaps > 50).sum()} of {len(gaps)}",
    }


def tissue_of(levels: Any, near: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return a place with tissue around it, in pixels of level 0: the one nearest to another."""
    from scipy import ndimage

    deep = ndimage.binary_erosion(levels.slide.layout > 0, iterations=6)
    places = np.argwhere(deep) * 64 + 32
    wanted = np.array(levels.shape) / 2 if near is None else np.array(near)
    y, x = places[np.abs(places - wanted).sum(axis=1).argmin()]
    return float(y), float(x)


def wheel(viewer: Any, notches: int) -> None:
    """Turn the wheel over the middle of the canvas."""
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    canvas = viewer.window._qt_viewer.canvas.native
    at = QPointF(canvas.width() / 2, canvas.height() / 2)
    there = QPointF(canvas.mapToGlobal(at.toPoint()))
    none, plain = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    turn = QPoint(0, 120 * notches * 3)
    event = QWheelEvent(at, there, QPoint(), turn, none, plain, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(canvas, event)


def pan(viewer: Any, turn: int) -> None:
    """Drag the picture by half the canvas, this way or that."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest
    from window import rest

    canvas = viewer.window._qt_viewer.canvas.native
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    step = QPoint(*((10, 3), (-4, 9), (-10, -2))[turn % 3])
    QTest.mouseMove(canvas, middle)
    QTest.mousePress(canvas, left, plain, middle)
    for move in range(1, _MOVES + 1):
        rest(0.016)
        QTest.mouseMove(canvas, middle + step * move)
    QTest.mouseRelease(canvas, left, plain, middle + step * _MOVES)
    rest(0.1)


if __name__ == "__main__":
    main()
