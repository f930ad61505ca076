"""Previews a second while the grade slider is dragged, and how long the window stands still meanwhile.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/grade.py
    xvfb-run -a python benchmarks/grade.py --precision fp32      # a machine that draws slowly

A canvas is put up in a napari window, the slider dragged with mouse events, some 60 a second, and what comes
is counted. Beside it, in the same run, stands what drawing everything takes. A heartbeat of 5 ms in the event
loop finds what holds the window up. Times of the processor are printed as well: on a busy machine they say
what an idle one would do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from window import Heart, rest, spin

SIDE = 512


def keep_two_places(model: Any) -> None:
    """Name two looks as if they were grades, in a folder of this run's own."""
    from napari_histosynth.latent.anchors import Anchor
    from napari_histosynth.latent.known import keep_anchor

    for number, name in enumerate(("first", "second")):
        style = model.sample_latent(number + 1)[: model.style_size]
        keep_anchor(model, Anchor(name, style, grade=float(number), source="benchmark"))


def drag(slider: Any, seconds: float) -> None:
    """Drag the slider there and back, and let it go."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    left, begin = Qt.MouseButton.LeftButton, time.perf_counter()
    QTest.mousePress(slider, left, pos=slider.place_of(0).toPoint())
    while (past := time.perf_counter() - begin) < seconds:
        QTest.mouseMove(slider, slider.place_of(abs((past / 3) % 2 - 1)).toPoint())
        rest(0.016)
    QTest.mouseRelease(slider, left, pos=slider.place_of(0.5).toPoint())


def preview_ms(model: Any, labels: Any, exact: float) -> list[float]:
    """Return the processor's time for previews one after another, in milliseconds."""
    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.ui.previews import Ingredient, Previews
    from napari_histosynth.ui.pyramid import Pyramid

    ends = [Canvas(model, labels, latent=model.sample_latent(number)) for number in range(2)]
    previews = Previews(Pyramid(labels.shape), labels, exact)
    took = []
    for number in range(30):
        share = number / 30
        parts = [
            Ingredient(weight, id(end), lambda _, end=end: end)
            for weight, end in zip((1 - share, share), ends, strict=True)
        ]
        began = time.process_time()
        previews.show(ends[0], parts, None, 1e6, lambda: False)
        took.append(1000 * (time.process_time() - began))
    return took


def measure(args: argparse.Namespace) -> None:
    """Print what dragging gives."""
    import napari

    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.ui import prepare
    from napari_histosynth.ui.grade import GradeDock
    from napari_histosynth.ui.models import load_cached
    from napari_histosynth.ui.paint import PaintDock

    model = load_cached(args.model, precision=args.precision)
    keep_two_places(model)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    paint = PaintDock(viewer, None)
    viewer.window.add_dock_widget(paint, name="Paint tissue", area="right")
    grade = GradeDock(viewer)
    viewer.window.add_dock_widget(grade, name="Slide between grades", area="left")
    painter = paint.painter
    paint.loader.precision = args.precision
    painter.choose_model(args.model)
    spin(lambda: painter.model is not None)
    labels = prepare.example("moderate" if "10" not in model.name else "invasion", (SIDE, SIDE), model, 0)

    whole, whole_cpu = [], []
    for number in range(4):
        canvas = Canvas(model, labels, latent=model.sample_latent(number))
        began, used = time.perf_counter(), time.process_time()
        canvas.render()
        whole.append(time.perf_counter() - began)
        whole_cpu.append(time.process_time() - used)
    everything, everything_cpu = float(np.median(whole[1:])), float(np.median(whole_cpu[1:]))

    painter.new_canvas(labels)
    spin(lambda: not painter.is_drawing and not painter.turns.is_busy)
    rest(1.0)
    count = [0]
    painter.previewed.connect(lambda: count.__setitem__(0, count[0] + 1))
    slider = grade.panels["Grade"].slider
    drag(slider, 1.0)
    spin(lambda: not painter.is_drawing)
    heart = Heart(args.computed)
    count[0], used = 0, time.process_time()
    drag(slider, args.seconds)
    previews, cpu = max(count[0], 1), time.process_time() - used
    held = max(heart.gaps)
    began = time.perf_counter()
    spin(lambda: not painter.is_drawing)
    released = time.perf_counter() - began
    each = args.seconds / previews
    print(
        f"{model.name}, {model.precision}, {SIDE} px: {previews / args.seconds:.1f} previews a second, "
        f"{each * 1000:.0f} ms each; drawing everything {everything * 1000:.0f} ms: a preview is "
        f"{each / everything:.2f} of it (of the processor's time {cpu / previews / everything_cpu:.2f}: "
        f"{cpu / previews * 1000:.0f} of {everything_cpu * 1000:.0f} ms); after release "
        f"{released * 1000:.0f} ms; window held at most {held * 1000:.0f} ms"
    )
    drawn, mixed = (preview_ms(model, labels, exact) for exact in (1e9, 0.0))
    print(
        f"  of the processor's time: a preview that is drawn {np.median(drawn):.0f} ms; one that is mixed "
        f"{max(mixed):.0f} ms at most while its pieces are drawn, {mixed[-1]:.0f} ms once they are there"
    )
    for dock in (grade, paint):
        dock.shut_down()
    viewer.close()


def main() -> None:
    """Measure with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="colon-10class")
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--computed",
        action="store_true",
        help="of what holds the window up, count only what its own thread computes: for a busy machine",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = str(Path(folder))
        measure(args)


if __name__ == "__main__":
    main()
