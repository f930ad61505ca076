"""What several looks on one canvas cost beside drawing: time and memory at three sizes of canvas.

Run it as::

    python benchmarks/looks.py

It moves a point, paints a stroke of regions and makes the latents of a tile, ten times each, and prints the
median in milliseconds, with the memory of the regions' cells beside that of all latents at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.lookmap import LookMap, Place
from napari_histosynth.paint.lookregions import Regions

SIDES = (512, 2048, 8192)
STRIDE, UM_PER_PX, LATENT_SIZE, WIDTH_UM = 16, 0.62, 64, 150.0
TIMES = 10


def median_ms(work: Callable[[int], object]) -> float:
    """Return the median time of a piece of work, in milliseconds."""
    took = []
    for turn in range(TIMES):
        began = time.perf_counter()
        work(turn)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def measure(side: int) -> None:
    """Print one line for a canvas of a size."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((4, LATENT_SIZE)).astype(np.float32)
    painted = np.zeros((side, side), np.uint8)
    painted[:, side // 2 :] = 1
    began = time.perf_counter()
    regions = Regions(painted, STRIDE, WIDTH_UM / UM_PER_PX)
    build = (time.perf_counter() - began) * 1000
    far = [Place(*(rng.random(2) * side), look) for look in (1, 2, 3) for _ in range(3)]

    def laid_out(turn: int) -> LookMap:
        places = [*far, Place(side / 2 + turn, side / 2, 1, radius_um=100)]
        return LookMap(
            latents[0],
            latents[1:],
            places=places,
            regions=regions,
            width_um=WIDTH_UM,
            um_per_px=UM_PER_PX,
            stride=STRIDE,
        )

    looks = laid_out(0)
    grid = Window(0, side // STRIDE, 0, side // STRIDE)

    def move(turn: int) -> None:
        looks.changes(laid_out(turn + 1), grid)

    def paint(turn: int) -> None:
        y = side // 4 + 20 * turn
        stroke = Window(y, y + 40, side // 4, side // 4 + 40)
        painted[stroke.slices] = 2
        regions.update(painted, stroke)

    tile = Window(0, 24, 0, 24).grow(5)
    kept = len(regions.numbers) * 2 * regions.grid.area * 4 / 2**20
    print(
        f"{side:6,} px  measure regions {build:7.1f} ms  move a point {median_ms(move):6.1f} ms  "
        f"paint a stroke {median_ms(paint):5.1f} ms  latents of a tile "
        f"{median_ms(lambda _: looks.cells(tile)):5.1f} ms  kept {kept:5.1f} MB, all latents "
        f"{LATENT_SIZE * regions.grid.area * 4 / 2**20:5.1f} MB"
    )


if __name__ == "__main__":
    for size in SIDES:
        measure(size)
