"""How long a stroke takes to become H&E, how long the window stands still meanwhile, and peak memory.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/latency.py
    xvfb-run -a python benchmarks/latency.py --sizes 512 --dabs 10        # a quick look
    NAPARI_ASYNC=1 xvfb-run -a python benchmarks/latency.py               # with asynchronous slicing

Each canvas has a process and a napari window of its own, painted in with mouse events. A heartbeat of 5 ms
in the event loop finds what holds it up; what the machine gave to other programs in that time (Linux says)
does not count. The same without the plugin is measured before: a Labels layer beside a picture, napari
alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BRUSH = 20  # px
SIZES = (512, 2048, 8192)
LIMIT = 600.0  # s


class Heart:
    """Beats every 5 ms in Qt's event loop and notes the gaps between beats, in seconds."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._stat = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)
        self.restart()

    def restart(self) -> None:
        """Forget all gaps."""
        self.gaps: list[float] = []
        self._last, self._waited = time.perf_counter(), self._delay()

    def _delay(self) -> float:
        """Return how long this thread has waited for a processor, in seconds."""
        try:
            return int(self._stat.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _beat(self) -> None:
        now, waited = time.perf_counter(), self._delay()
        self.gaps.append(max(0.0, now - self._last - (waited - self._waited)))
        self._last, self._waited = now, waited


def spin(ready: Callable[[], bool], limit: float = LIMIT) -> float:
    """Let the event loop run until something is true; return how long that took, in seconds."""
    from qtpy.QtCore import QEventLoop, QTimer

    begin = time.perf_counter()
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if ready() or time.perf_counter() - begin > limit else None)
    timer.start(2)
    loop.exec()
    timer.stop()
    return time.perf_counter() - begin


def rest(seconds: float) -> None:
    """Let the event loop run for a while."""
    begin = time.perf_counter()
    spin(lambda: time.perf_counter() - begin >= seconds)


class Hand:
    """A mouse over napari's canvas; places are shares of its width and height."""

    def __init__(self, viewer: Any) -> None:
        self.widget = viewer.window._qt_viewer.canvas.native

    def _point(self, across: float, down: float) -> Any:
        from qtpy.QtCore import QPoint

        return QPoint(int(self.widget.width() * across), int(self.widget.height() * down))

    def click(self, across: float, down: float) -> None:
        """Press and release the left button."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        place = self._point(across, down)
        QTest.mouseMove(self.widget, place)
        QTest.mousePress(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        QTest.mouseRelease(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def drag(self, across: float, down: float, moves: int = 30) -> None:
        """Draw a line of so many moves, 16 ms apart."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        place = self._point(across, down)
        QTest.mouseMove(self.widget, place)
        QTest.mousePress(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        for _ in range(moves):
            rest(0.016)
            place += QPoint(4, 2)
            QTest.mouseMove(self.widget, place)
        QTest.mouseRelease(self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def undo(self) -> None:
        """Press Ctrl+Z."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.keyClick(self.widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


class Session:
    """One canvas in one window, and what was measured there."""

    def __init__(self, size: int, model: str, dabs: int) -> None:
        import napari

        self.size, self.model_name, self.dabs = size, model, dabs
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1200, 800)
        self.hand = Hand(self.viewer)
        self.heart = Heart()
        self.gaps: dict[str, float] = {}
        self.alone: dict[str, float] = {}
        rest(1.0)

    def time(self, what: str, into: dict[str, float], act: Callable[[], object], after: float = 0.5) -> None:
        """Do something and note the longest gap in ms, then and a while after."""
        rest(0.2)
        self.heart.restart()
        act()
        rest(after)
        into[what] = 1000 * max(self.heart.gaps)

    def edits(self, layer: Any, into: dict[str, float], drawn: Callable[[], bool]) -> None:
        """Stroke, undo, fill and undo that."""
        layer.mode, layer.brush_size, layer.selected_label = "paint", BRUSH, 3
        self.time("stroke", into, lambda: self.hand.drag(0.2, 0.4))
        self.time("undo of the stroke", into, self.hand.undo)
        layer.mode, layer.selected_label, layer.contiguous = "fill", 3, True
        place = stroma(layer.data)
        self.time("flood fill of most of it", into, lambda: layer.fill(place, 3), 1.5)
        self.time("undo of the fill", into, self.hand.undo, 1.5)
        spin(drawn, 5)
        layer.mode = "paint"

    def run(self) -> dict[str, Any]:
        """Measure everything."""
        from napari_histosynth.paint.canvas import Canvas
        from napari_histosynth.ui.layers import label_layer_arguments, picture_layer_arguments
        from napari_histosynth.ui.look import Look
        from napari_histosynth.ui.paint import PaintDock
        from napari_histosynth.ui.pyramid import Pyramid
        from napari_histosynth.ui.save import file_names

        viewer = self.viewer
        docks: list[Any] = []

        def open_dock() -> None:
            docks.append(PaintDock(viewer, self.model_name))
            viewer.window.add_dock_widget(docks[0], name="Paint tissue", area="right")
            spin(lambda: docks[0].painter.model is not None)

        self.time("dock opened, model loaded", self.gaps, open_dock)
        painter = docks[0].painter
        labels = example(self.size, painter.model.um_per_px)

        # napari alone
        pyramid, um = Pyramid(labels.shape), painter.model.um_per_px
        arguments = label_layer_arguments(painter.model.scheme, um)
        del arguments["metadata"]  # or the dock would take it up

        def put_up() -> None:
            levels = len(pyramid.levels)
            viewer.add_image(pyramid.data, multiscale=levels > 1, **picture_layer_arguments(um))
            viewer.add_labels(labels.copy(), **arguments)
            viewer.grid.enabled = True
            viewer.reset_view()

        self.time("canvas put up", self.alone, put_up, 1.5)
        self.edits(viewer.layers[-1], self.alone, lambda: True)
        viewer.layers.clear()
        rest(0.5)

        # the plugin
        sketches: list[float] = []
        self.time("canvas put up", self.gaps, lambda: painter.new_canvas(labels), 3.0)
        painter.stop_drawing()
        spin(lambda: not painter.is_drawing)
        layer = painter.stage.labels
        look_begun = time.perf_counter()
        painter._reported.connect(
            lambda report: (
                sketches.append(time.perf_counter() - look_begun)
                if getattr(report, "sketch", False)
                else None
            )
        )
        self.time("new look", self.gaps, lambda: painter.choose_look(Look(5, 0)), 2.0)
        painter.stop_drawing()
        spin(lambda: not painter.is_drawing)
        self.edits(layer, self.gaps, lambda: not painter.is_drawing)
        painter.stop_drawing()
        spin(lambda: not painter.is_drawing)

        self.look_closely(um)
        dabs = self.dab_latencies(painter)
        moves: list[float] = []
        painter.stroke_drawn.connect(moves.append)
        layer.selected_label = 0
        self.hand.drag(0.1, 0.3, 60)
        spin(lambda: not painter.is_drawing)

        full = None
        if self.size <= 2048:
            canvas = Canvas(painter.model, np.array(layer.data))
            canvas.render()
            begin = time.perf_counter()
            canvas.render()
            full = time.perf_counter() - begin
        # saving waits for all of the canvas, minutes for a large one; what it holds up is the same without
        painter._thread._scene.held.clear()
        with tempfile.TemporaryDirectory() as folder:

            def save() -> None:
                painter.save(file_names(Path(folder, "tissue")))
                rest(0.3)
                spin(lambda: not painter.tasks.is_busy)

            self.time("saving", self.gaps, save)
        return {
            "size": self.size, "dabs": dabs, "moves": moves, "full": full, "gaps": self.gaps,
            "alone": self.alone, "sketch": sketches[0] if sketches else None, "memory": peak_memory(),
            "precision": painter.model.precision, "device": painter.model.device.type,
        }  # fmt: skip

    def look_closely(self, um_per_px: float) -> None:
        """Zoom in until a pixel of the canvas is one of the screen, whatever the size of the canvas."""
        camera = getattr(self.viewer, "scene", self.viewer).camera
        camera.center = (0, *(self.size * um_per_px / 2,) * 2)[-len(camera.center) :]
        camera.zoom = 1 / um_per_px
        rest(0.5)

    def dab_latencies(self, painter: Any) -> list[float]:
        """Return the time from napari's event to the pixels in the H&E layer for single dabs, in ms."""
        layer, chance = painter.stage.labels, np.random.default_rng(0)
        layer.brush_size, layer.mode = BRUSH, "paint"
        began: list[float] = []
        ended: list[float] = []
        layer.events.labels_update.connect(lambda: began.append(time.perf_counter()), position="first")
        painter.stroke_drawn.connect(lambda _: ended.append(time.perf_counter()))
        times = []
        for index in range(self.dabs):
            layer.selected_label = index % 4
            began.clear()
            ended.clear()
            rest(0.1)
            self.hand.click(*chance.uniform((0.08, 0.2), (0.42, 0.8)))
            spin(lambda: not painter.is_drawing)
            if began and ended:
                times.append(1000 * (ended[-1] - began[0]))
        return times


def example(size: int, um_per_px: float) -> np.ndarray[Any, Any]:
    """Return labels of glands, uint8 (size, size); large ones repeat."""
    from napari_histosynth.paint.examples import example_labels

    side = min(size, 1024)
    made = example_labels("crypts-cross", (side, side), um_per_px)
    return np.ascontiguousarray(np.tile(made, (-(-size // side),) * 2)[:size, :size])


def stroma(labels: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Return a pixel of stroma near the middle."""
    middle = labels.shape[0] // 2
    row = int(np.flatnonzero(labels[middle:, middle] == 1)[0])
    return middle + row, middle


def peak_memory() -> float:
    """Return the most memory that this process had, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measured(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one canvas in a process of its own."""
    command = [sys.executable, __file__, "--one", str(size), "--dabs", str(arguments.dabs)]
    command += ["--model", arguments.model]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NAPARI_CONFIG": str(Path(folder, "settings.yaml"))}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if line is None:
        raise SystemExit(f"{size} px: nothing was measured\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(line)
    print(
        f"{size} px is done: {line}" if arguments.raw else f"{size} px is done", file=sys.stderr, flush=True
    )
    return result


def show(results: list[dict[str, Any]]) -> None:
    """Print the tables."""
    import torch
    from rich.console import Console
    from rich.table import Table

    console = Console()
    first = results[0]
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, {first['device']}, {first['precision']}, torch "
        f"{torch.__version__}, asynchronous slicing {'on' if os.environ.get('NAPARI_ASYNC') else 'off'}"
    )
    strokes = Table(
        "canvas", f"dab of {BRUSH} px, median ms", "95 %", "move of a stroke, median ms", "95 %",
        "dab / smallest", "all of it, ms", "all / dab", "new look: sketch after ms", "peak MB",
        title="From napari's event to the pixels in the H&E layer",
    )  # fmt: skip
    least = statistics.median(first["dabs"])
    for result in results:
        median, full = statistics.median(result["dabs"]), result["full"]
        strokes.add_row(
            f"{result['size']} px", f"{median:.0f}", f"{np.percentile(result['dabs'], 95):.0f}",
            f"{np.median(result['moves']):.0f}", f"{np.percentile(result['moves'], 95):.0f}",
            f"{median / least:.2f}", "-" if full is None else f"{1000 * full:.0f}",
            "-" if full is None else f"{1000 * full / median:.0f}",
            "-" if result["sketch"] is None else f"{1000 * result['sketch']:.0f}", f"{result['memory']:.0f}",
        )  # fmt: skip
    console.print(strokes)
    holds = Table("action", title="Longest hold of the main thread, ms (napari alone)")
    for result in results:
        holds.add_column(f"{result['size']} px", justify="right")
    for action in first["gaps"]:
        cells = []
        for result in results:
            alone = result["alone"].get(action)
            cells.append(f"{result['gaps'][action]:.0f}" + ("" if alone is None else f" ({alone:.0f})"))
        holds.add_row(action, *cells)
    console.print(holds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="sides of canvases, px")
    parser.add_argument("--dabs", type=int, default=30, help="how many single dabs")
    parser.add_argument("--model", default="colon-3class")
    parser.add_argument("--raw", action="store_true", help="print all that was measured as well")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        result = Session(arguments.one, arguments.model, arguments.dabs).run()
        print(json.dumps(result), flush=True)
        os._exit(0)  # napari's own goodbye takes a while
    show([measured(size, arguments) for size in arguments.sizes])


if __name__ == "__main__":
    main()
