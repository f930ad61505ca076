"""How fast label maps become H&E: the local generator beside SHI-GAN's own, in one run on this machine.

    python benchmarks/paint.py             # all of it, some minutes
    python benchmarks/paint.py --quick     # 512 px and strokes only

Times are medians; compare ratios, not milliseconds of different machines. The paper's generator has random
weights here, which take as long as trained ones.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from napari_histosynth.core.device import choose_device
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.paper import PaperGenerator
from napari_histosynth.zoo import ModelCard

BRUSH = 20  # px
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def paper_model(device: torch.device, dtype: torch.dtype) -> PaintModel:
    """Return SHI-GAN's generator for 3 classes and background, with random weights."""
    torch.manual_seed(0)
    generator = PaperGenerator(4).eval().requires_grad_(False).to(device=device, dtype=dtype)
    card = ModelCard(
        name="paper", system="shi-gan", preset="paper", scheme="prostate-3", um_per_px=1, latent_size=256
    )
    return PaintModel(
        card, get_scheme("prostate-3"), generator, None, device, dtype,

    )  # fmt: skip


def seconds(work: Callable[[], object], least_runs: int = 3, least_seconds: float = 2.0) -> float:
    """Return the median time of a piece of work after one run to warm up; what takes 20 s is run once."""
    begin = time.perf_counter()
    work()
    first = time.perf_counter() - begin
    if first > 20:
        return first
    times: list[float] = []
    while len(times) < least_runs or sum(times) < least_seconds:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def whole(model: PaintModel, size: int) -> float:
    """Time drawing all of a canvas."""
    labels = example_labels("crypts-cross", (size, size), model.um_per_px)
    # a new canvas each time: the paper's windows are kept by a canvas
    return seconds(lambda: Canvas(model, labels).render())


def stroke(model: PaintModel, size: int) -> float:
    """Time redrawing what one dab of the brush in the middle of a canvas affects."""
    canvas = Canvas(model, example_labels("crypts-cross", (size, size), model.um_per_px))
    middle = size // 2
    dab = Window(middle, middle + BRUSH, middle, middle + BRUSH)
    touched = canvas.affected(dab)
    return seconds(lambda: canvas.render(touched))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="512 px and strokes only")
    parser.add_argument("--model", default="colon-3class", help="local model to time")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    console = Console()
    console.print(
        f"{platform.machine()}, {device.type}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"median times"
    )
    table = Table(
        "canvas", "precision", "local ms", "local Mpx/s", "paper ms", "paper Mpx/s", "paper / local"
    )
    for size in (512,) if arguments.quick else (512, 2048):
        for name, dtype in PRECISIONS.items():
            local = whole(load_model(arguments.model, device=arguments.device, precision=name), size)
            paper = whole(paper_model(device, dtype), size)
            area = size * size / 1e6
            console.print(f"{size} px, {name}: local {local:.2f} s, paper {paper:.1f} s")
            table.add_row(
                f"{size} px", name, f"{1e3 * local:.0f}", f"{area / local:.2f}", f"{1e3 * paper:.0f}",
                f"{area / paper:.3f}", f"{paper / local:.1f}",
            )  # fmt: skip
    console.print(table)
    strokes = Table("canvas", "precision", f"dab of {BRUSH} px, ms", "all of it, ms", "all / dab")
    for size in (512, 1024) if arguments.quick else (512, 1024, 2048):
        for name in PRECISIONS:
            model = load_model(arguments.model, device=arguments.device, precision=name)
            dab, every = stroke(model, size), whole(model, size)
            strokes.add_row(
                f"{size} px", name, f"{1e3 * dab:.0f}", f"{1e3 * every:.0f}", f"{every / dab:.1f}"
            )
    console.print(strokes)


if __name__ == "__main__":
    main()
