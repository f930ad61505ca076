"""What a slide costs: seconds a tile, to its overview, to a view at full magnification, and for all of it.

    python benchmarks/slide.py [--model colon-slide] [--size 40960] [--tiles 24] [--threads 1] [--cpu]
    python benchmarks/slide.py --whole 8192 [--workers 2]

The first begins a slide with a store in a temporary folder, times its overview (levels 8 to 6) and then a
view of 1,024 px at level 0 that nothing was drawn of, and draws tiles at places chosen evenly at random,
parents first and not timed. What all of the slide costs is projected from them, for one process of so many
threads: the tiles of each level times the mean seconds of those that were tried, and the share of them that
the network drew. All in one run.

With --cpu seconds are those of the processor that this process took, for a machine that does other work,
too: with one thread, what the clock would show on an idle one.

The second draws and exports a slide whole, and prints what it took.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_histosynth.core.memory import peak_memory
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.drawing import Setup, draw_slide, local_crew
from napari_histosynth.slide.export import export_slide
from napari_histosynth.slide.lattice import Place, counts, places_in
from napari_histosynth.slide.levels import DRAWN, TILE
from napari_histosynth.slide.model import SlideModel, load_slide_model
from napari_histosynth.slide.pyramid import Slide

URCDM = (1 + 7 * 7 + 46 * 46) * (1024 + 256 + 256)  # evaluations a slide, seed-systems.md 3

VIEW = 1024  # px a side of what one looks at

clock = time.perf_counter


def peak_megabytes() -> float:
    """Return the most memory that this process has had."""
    return peak_memory() or float("nan")


def middle_of_tissue(slide: Slide) -> tuple[int, int]:
    """Return a place at level 0 with tissue all around, as far as there is."""
    from scipy import ndimage

    inside = ndimage.distance_transform_edt(np.pad(slide.layout > 0, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(y) * 64, int(x) * 64


def finish_parents(slide: Slide, place: Place) -> None:
    """Draw what a tile needs."""
    for need in slide.tiles_needed(*place):
        slide.tile(*need)


def sampled(slide: Slide, level: int, tiles: int, rng: np.random.Generator) -> list[tuple[bool, float]]:
    """Draw tiles of a level; return whether the network drew each, and the seconds."""
    rows, cols = counts(slide.size, level)
    chosen = rng.permutation(rows * cols)[:tiles]
    found = []
    for place in (Place(level, int(number) // cols, int(number) % cols) for number in chosen):
        if slide.has(*place):
            continue
        finish_parents(slide, place)
        before, began = slide.evaluations, clock()
        slide.tile(*place)
        found.append((slide.evaluations > before, clock() - began))
    return found


def told(values: list[float]) -> str:
    """Return a median in milliseconds."""
    return f"{1000 * float(np.median(values)):.0f} ms" if values else "-"


def cost(model: SlideModel, size: int, tiles: int, setting: str, folder: Path, console: Console) -> None:
    """Print what a slide costs."""
    began = clock()
    slide = Slide(model, 7, size, setting=setting)  # type: ignore[arg-type]
    slide.begin_store(folder / "slide.ome.zarr")
    slide.tile(8, 0, 0)
    sketch = clock() - began
    slide.read(6, Window.of_shape(slide.shape(6)))
    overview = clock() - began
    console.print(
        f"{size:,} px a side, {(slide.layout > 0).mean():.0%} tissue: sketch after {sketch:.2f} s, "
        f"overview of {slide.shape(6)[1]:,} px after {overview:.2f} s"
    )

    y, x = middle_of_tissue(slide)
    view = Window(y - VIEW // 2, y + VIEW // 2, x - VIEW // 2, x + VIEW // 2)
    before, began = slide.evaluations, clock()
    slide.glance(0, view)
    glance = clock() - began
    began, first = clock(), 0.0
    shown = places_in(0, view.clip(slide.size))
    for count, place in enumerate(shown):
        slide.tile(*place)
        if count == 0:
            first = clock() - began
    console.print(
        f"view of {VIEW:,} px at level 0: shown enlarged after {1000 * glance:.0f} ms, first tile after "
        f"{first:.2f} s, complete after {clock() - began:.2f} s ({len(shown)} tiles, "
        f"{slide.evaluations - before} evaluations with their parents)"
    )

    rng = np.random.default_rng(0)
    table = Table("level", "um/px", "tiles", "drawn", "a drawn tile", "a tile of glass", "minutes")
    seconds = evaluations = 0.0
    a_tile = slide.steps or 1
    for level in DRAWN[1:]:
        rows, cols = counts(slide.size, level)
        found = sampled(slide, level, tiles, rng)
        if not found:  # all of it was in the overview
            continue
        share = float(np.mean([drawn for drawn, _ in found]))
        mean = float(np.mean([took for _, took in found]))
        seconds += rows * cols * mean
        evaluations += rows * cols * share * a_tile
        table.add_row(
            str(level),
            f"{0.5 * 2**level:g}",
            f"{rows * cols:,}",
            f"{share:.0%} of {len(found)}",
            told([took for drawn, took in found if drawn]),
            told([took for drawn, took in found if not drawn]),
            f"{rows * cols * mean / 60:.1f}",
        )
    console.print(table)
    console.print(
        f"all of it, projected: {seconds / 3600:.2f} h in one process "
        f"({size**2 / 1e6 / seconds:.2f} megapixels a second), {evaluations:,.0f} evaluations, "
        f"1/{URCDM / max(evaluations, 1):.0f} of URCDM's {URCDM:,}; peak memory {peak_megabytes():,.0f} MB"
    )


def whole(model: SlideModel, name: str, size: int, workers: int, folder: Path, console: Console) -> None:
    """Draw and export a slide, and print what it took."""
    slide = Slide(model, 7, size)
    path = folder / "slide.ome.zarr"
    slide.begin_store(path)
    began = clock()
    if workers > 1:
        named = str(Path(name).resolve()) if Path(name).is_dir() else name
        with local_crew(Setup(str(path), named, model.device.type), workers) as crew:
            done = draw_slide(slide, crew=crew)
    else:
        done = draw_slide(slide)
    drawn = clock() - began
    console.print(
        f"{size:,} px a side by {workers} processes: {drawn:.0f} s, {size**2 / drawn / 1e6:.2f} megapixels a "
        f"second, {done.evaluations:,} evaluations for {done.tiles:,} tiles, peak memory "
        f"{peak_megabytes():,.0f} MB, {peak_children():,.0f} MB the largest worker"
    )
    for name_out in ("slide.ome.tif", "copy.ome.zarr"):
        began = clock()
        export_slide(slide, folder / name_out, slide.key.provenance())
        took = clock() - began
        console.print(f"{name_out}: {took:.0f} s, {size**2 / took / 1e6:.1f} megapixels a second")
    console.print(f"peak memory with the exports {peak_megabytes():,.0f} MB")


def peak_children() -> float:
    """Return the most memory that a process begun by this one has had."""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) * 1e-6


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="colon-slide")
    parser.add_argument("--size", type=int, default=40_960)
    parser.add_argument("--tiles", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--setting", default="fast")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--whole", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cpu", action="store_true")
    given = parser.parse_args()
    if given.cpu:
        global clock
        clock = time.process_time
    torch.set_num_threads(given.threads)
    console = Console()
    began = clock()
    model = load_slide_model(given.model, precision=given.precision)
    console.print(
        f"{model.name} on {model.device}, {model.precision}, {given.threads} threads; loaded in "
        f"{clock() - began:.1f} s; margin {model.margin} px of tiles of {TILE}"
    )
    with tempfile.TemporaryDirectory() as folder:
        if given.whole:
            whole(model, given.model, given.whole, given.workers, Path(folder), console)
        else:
            cost(model, given.size, given.tiles, given.setting, Path(folder), console)


if __name__ == "__main__":
    main()
