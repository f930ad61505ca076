"""What a slide costs: evaluations of the network, counted on places by chance, seconds and memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.memory import peak_memory
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    from napari_histosynth.slide.pyramid import Setting
    from napari_histosynth.study.slidebench import SlideBench

#: Cascades that URCDM draws a slide of 40,000 px in, and steps of each (of its three U-Nets together).
URCDM_CASCADES, URCDM_STEPS = 2166, 1536
#: U-Net evaluations of a slide, 3.33 million.
URCDM_EVALUATIONS = URCDM_CASCADES * URCDM_STEPS

#: Side in px of the view at full magnification that is timed.
VIEW = 1024
#: Levels of which all tiles are drawn, and those of which some are.
_WHOLE, _SAMPLED = (6, 4), (2, 0)
_CODE = "from napari_histosynth.study.slidecost import main; main()"


@dataclass(frozen=True)
class CostTask:
    """What is measured, as it goes to the process that does.

    Attributes
    ----------
    model : str
        Folder.
    setting : str
        "fast" or "diffusion".
    side, places : int
        Side of the slide in px, and tiles of either fine level that are drawn.
    device : str
        Where to compute.
    threads : int
        CPU threads, 0 for torch's own choice.
    """

    model: str
    setting: Setting
    side: int
    places: int
    device: str
    threads: int = 0


def cost(bench: SlideBench) -> dict[str, Any]:
    """Measure what a slide costs, in a process of its own unless the sizes say otherwise.

    Returns
    -------
    dict
        What :func:`measure_cost` finds.
    """
    import torch

    sizes = bench.sizes
    task = CostTask(
        str(bench.subject.model), bench.setting, sizes.cost_side, sizes.places, bench.device,
        torch.get_num_threads(),
    )  # fmt: skip
    with bench.watch(f"{bench.setting}: counting what a slide of {sizes.cost_side:,} px costs"):
        if not sizes.apart:
            return measure_cost(task)
        done = subprocess.run(
            [sys.executable, "-c", _CODE], input=json.dumps(asdict(task)), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise HistosynthError(f"The process that measures the cost failed ({said}); try again.")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def main() -> None:
    """Measure the task that comes by standard input, and print what is found, as JSON."""
    print(json.dumps(measure_cost(CostTask(**json.loads(sys.stdin.read())))))


def measure_cost(task: CostTask) -> dict[str, Any]:
    """Draw parts of a new slide and count.

    Coarse levels are drawn whole; of the fine ones tiles at random places, and what they are drawn from.

    Returns
    -------
    dict
        ``side``; ``evaluations`` of the whole slide and ``evaluations_error`` (standard, of the sample);
        ``tissue``, share of level 0 tiles that take any; ``urcdm``, theirs over ours; ``seconds_overview``
        (from an open model to the sketch), ``seconds_view`` (1,024 px at level 0, nothing drawn before),
        ``seconds_tile`` (of 256 px, one after another), ``hours``, ``megapixels_s`` of the whole slide at
        that pace; ``memory_mb``, the most that the process held, None where the system does not tell.
    """
    import torch

    from napari_histosynth.slide.levels import SKETCH_LEVEL, TILE, level_shape
    from napari_histosynth.slide.model import load_slide_model
    from napari_histosynth.slide.pyramid import Slide

    if task.threads:
        torch.set_num_threads(task.threads)
    model = load_slide_model(Path(task.model), device=task.device)
    began = time.perf_counter()
    slide = Slide(model, 0, task.side, setting=task.setting)
    slide.read(SKETCH_LEVEL, Window.of_shape(slide.shape(SKETCH_LEVEL)))
    overview = time.perf_counter() - began
    began = time.perf_counter()
    slide.read(0, _view(slide))
    view = time.perf_counter() - began

    slide = Slide(model, 1, task.side, setting=task.setting)  # one of which nothing is drawn
    spent: list[tuple[int, float]] = []
    tiles = {
        level: [-(-side // TILE) for side in level_shape(slide.size, level)] for level in (*_WHOLE, *_SAMPLED)
    }

    def draw(level: int, row: int, col: int) -> int:
        before, start = slide.evaluations, time.perf_counter()
        slide.tile(level, row, col)
        made = slide.evaluations - before
        spent.append((made, time.perf_counter() - start))
        return made

    total, squared, tissue = 0.0, 0.0, 0.0
    # a diffusion of many steps draws too long to draw coarse levels whole
    whole = _WHOLE if task.setting == "fast" else _WHOLE[:1]
    for level in whole:
        rows, cols = tiles[level]
        total += sum(draw(level, row, col) for row in range(rows) for col in range(cols))
    rng = np.random.default_rng(0)
    for level in [one for one in (*_WHOLE, *_SAMPLED) if one not in whole]:
        rows, cols = tiles[level]
        chosen = rng.permutation(rows * cols)[: task.places]
        counted = []
        for place in chosen:
            row, col = divmod(int(place), cols)
            for need in slide.tiles_needed(level, row, col):
                if need[0] > level:
                    slide.tile(*need)
            counted.append(_own(slide, level, row, col, draw))
        total += rows * cols * float(np.mean(counted))
        if len(counted) > 1 and len(counted) < rows * cols:
            squared += (rows * cols) ** 2 * float(np.var(counted, ddof=1)) / len(counted)
        tissue = float(np.mean(np.array(counted) > 0))
    drawn = [(made, seconds) for made, seconds in spent if made]
    each = sum(seconds for _, seconds in drawn) / max(1, sum(made for made, _ in drawn))
    seconds = total * each
    per_tile = max(1.0, float(np.median([made for made, _ in drawn])) if drawn else 1.0)
    return {
        "side": task.side,
        "evaluations": total,
        "evaluations_error": math.sqrt(squared),
        "tissue": tissue,
        "urcdm": URCDM_EVALUATIONS / max(1.0, total),
        "seconds_overview": overview,
        "seconds_view": view,
        "seconds_tile": each * per_tile,
        "hours": seconds / 3600,
        "megapixels_s": task.side**2 * 1e-6 / max(seconds, 1e-9),
        "memory_mb": peak_memory(),
        "threads": torch.get_num_threads(),
    }


def _own(slide: Any, level: int, row: int, col: int, draw: Any) -> int:
    """Return the evaluations of a tile itself, without those of neighbors that it is drawn after."""
    for need in slide.tiles_needed(level, row, col):
        if need[0] == level:
            slide.tile(*need)
    return int(draw(level, row, col))


def _view(slide: Any) -> Window:
    """Return a window at level 0 in the middle of most tissue."""
    cells = np.argwhere(slide.layout != 0)
    middle = cells[len(cells) // 2] if len(cells) else np.array(slide.layout.shape) // 2
    height, width = slide.size
    y, x = (int(at) * 64 for at in middle)
    y, x = max(0, min(y, height - VIEW)), max(0, min(x, width - VIEW))
    return Window(y, y + VIEW, x, x + VIEW).clip((height, width))
