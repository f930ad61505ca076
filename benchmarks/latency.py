"""How long a stroke takes to become H&E, how long the window stands still meanwhile, and peak memory.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/latency.py
    xvfb-run -a python benchmarks/latency.py --sizes 512 --dabs 10        # a quick look
    NAPARI_ASYNC=1 xvfb-run -a python benchmarks/latency.py               # with asynchronous slicing

Each canvas has a process and a napari window of its own, painted in with mouse events. A heartbeat of 5 ms
in the event loop finds what holds it up; what the machine gave to other programs in that time (Linux says)
does not count. The same without the plugin is measured before, in the same window: a Labels layer beside a
picture, with scale bar and brush, is put up, edited, replaced and hidden by napari alone.
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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from window import Hand, Heart, rest, spin

from napari_histosynth.core.memory import peak_memory

BRUSH = 20  # px
OTHER = "colon-2class"
SIZES = (512, 2048, 8192)


class Session:
    """One canvas in one window, and what was measured there."""

    def __init__(self, size: int, model: str, dabs: int, computed: bool) -> None:
        import napari

        self.size, self.model_name, self.dabs = size, model, dabs
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1200, 800)
        self.hand = Hand(self.viewer)
        self.heart = Heart(computed)
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
        from napari_histosynth.ui.look import Look
        from napari_histosynth.ui.paint import PaintDock
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

        self.napari_alone(painter.model, labels)

        # the plugin
        sketches: list[float] = []
        self.time("canvas put up", self.gaps, lambda: painter.new_canvas(labels.copy()), 3.0)
        self.stop(painter)
        again = lambda: painter.new_canvas(labels.copy())  # noqa: E731
        self.time("another canvas in its place", self.gaps, again, 3.0)
        self.stop(painter)
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
        self.stop(painter)
        self.edits(layer, self.gaps, lambda: not painter.is_drawing)
        self.stop(painter)

        self.look_closely(painter.model.um_per_px)
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
        self.model_and_picture(docks[0])
        return {
            "size": self.size, "dabs": dabs, "moves": moves, "full": full, "gaps": self.gaps,
            "alone": self.alone, "sketch": sketches[0] if sketches else None, "memory": peak_memory(),
            "precision": painter.model.precision, "device": painter.model.device.type,
        }  # fmt: skip

    def napari_alone(self, model: Any, labels: np.ndarray[Any, Any]) -> None:
        """Do with plain layers what the plugin does."""
        from napari_histosynth.ui import arrange
        from napari_histosynth.ui.layers import label_layer_arguments, picture_layer_arguments
        from napari_histosynth.ui.pyramid import Pyramid

        viewer, pyramid, um = self.viewer, Pyramid(labels.shape), model.um_per_px
        arguments = label_layer_arguments(model.scheme, um)
        del arguments["metadata"]  # or the dock would take it up

        def put_up() -> None:
            levels = len(pyramid.levels)
            viewer.add_image(pyramid.data, multiscale=levels > 1, **picture_layer_arguments(um))
            layer = viewer.add_labels(labels.copy(), **arguments)
            arrange.side_by_side(viewer, layer)
            arrange.show_scale_bar(viewer)
            layer.mode = "paint"
            viewer.reset_view()

        def put_up_again() -> None:
            viewer.layers.clear()
            put_up()

        def change() -> None:
            for layer in viewer.layers:
                layer.visible = False
            put_up()

        self.time("canvas put up", self.alone, put_up, 1.5)
        self.time("another canvas in its place", self.alone, put_up_again, 1.5)
        self.time("new look", self.alone, viewer.layers[0].refresh)
        self.edits(viewer.layers[-1], self.alone, lambda: True)
        self.time("other model", self.alone, change, 1.5)
        viewer.layers.clear()
        arrange.grid_of(viewer).enabled = False
        viewer.add_image(np.zeros((512, 512, 3), np.uint8), scale=(um, um), units=("um", "um"))
        self.time("canvas from H&E", self.alone, put_up, 1.5)
        viewer.layers.clear()
        rest(0.5)

    def stop(self, painter: Any) -> None:
        """Leave the rest of a canvas undrawn, and wait until the window rests."""
        spin(lambda: not painter.turns.is_busy)
        painter.stop_drawing()
        spin(lambda: not painter.is_drawing)

    def model_and_picture(self, dock: Any) -> None:
        """Change the model, where there is another, and make a canvas from a picture of H&E."""
        from napari_histosynth.ui.models import model_names

        painter, viewer = dock.painter, self.viewer
        picture = painter.stage.pixels[:512, :512].copy()
        if OTHER in model_names():

            def change() -> None:
                painter.choose_model(OTHER)
                spin(lambda: not painter.tasks.is_busy)

            self.time("other model", self.gaps, change, 3.0)
            self.stop(painter)
        for layer in list(viewer.layers):
            viewer.layers.remove(layer)
        um = painter.model.um_per_px
        viewer.add_image(picture, name="slide", scale=(um, um), units=("um", "um"))
        rest(0.5)

        def take() -> None:
            dock.opener.from_he.begin()
            spin(lambda: not dock.opener.from_he.is_busy)

        self.time("canvas from H&E", self.gaps, take, 3.0)
        self.stop(painter)

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


def measured(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one canvas in a process of its own."""
    command = [sys.executable, __file__, "--one", str(size), "--dabs", str(arguments.dabs)]
    command += ["--model", arguments.model, *(["--computed"] if arguments.computed else [])]
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
    computed = "count only what the main thread computed as a hold: for a machine that others use, too"
    parser.add_argument("--computed", action="store_true", help=computed)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        result = Session(arguments.one, arguments.model, arguments.dabs, arguments.computed).run()
        print(json.dumps(result), flush=True)
        os._exit(0)  # napari's own goodbye takes a while
    show([measured(size, arguments) for size in arguments.sizes])


if __name__ == "__main__":
    main()
