"""How long tissue tools take on a large canvas, and how long the window stands still when they write.

    python benchmarks/tools.py                   # 4,096 px, all tools
    python benchmarks/tools.py --side 2048 --only dilate erode

Each tool works on a whole canvas of crypts in a thread of its own; what the main thread does is write the
change into a napari Labels layer, part by part. Times are CPU seconds of the thread at work, so that other
programs do not count; the longest part is what a stroke may have to wait for.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint import tools
from napari_histosynth.paint.examples import example_labels

UM = 0.62
COMMON: dict[str, Any] = {"scheme": get_scheme("colon-3"), "um_per_px": UM}
WORKS: dict[str, Callable[[Any], tools.Edit]] = {
    "relabel": lambda m: tools.relabel(m, ["nuclei"], "epithelium", scheme="colon-3"),
    "dilate": lambda m: tools.dilate(m, "epithelium", 3, **COMMON),
    "erode": lambda m: tools.erode(m, "epithelium", 3, **COMMON),
    "smooth": lambda m: tools.smooth(m, "epithelium", 10, **COMMON),
    "remove islands": lambda m: tools.remove_islands(m, "epithelium", 200, **COMMON),
    "scatter nuclei": lambda m: tools.scatter(m, clear=True, **COMMON),
    "fill with glands": lambda m: tools.fill_with_glands(np.ones_like(m), gland="crypt", **COMMON),
}


def canvas(side: int) -> Any:
    """Return crypts, mirrored to a side."""
    piece = example_labels("crypts-cross", (512, 512), UM)
    block = np.block([[piece, piece[:, ::-1]], [piece[::-1], piece[::-1, ::-1]]])
    return np.tile(block, (-(-side // 1024),) * 2)[:side, :side].copy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS))
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # nothing is shown
    from napari.layers import Labels
    from qtpy.QtWidgets import QApplication

    from napari_histosynth.ui.edits import EditWriter, parts_of

    application = QApplication([])
    labels = canvas(arguments.side)
    table = Table("tool", "work, s", "pixels changed", "writing, s", "longest part, ms", "undo, ms")
    for name in arguments.only:
        start = np.ones_like(labels) if name == "fill with glands" else labels
        began = time.process_time()
        edit = WORKS[name](start)
        parts = parts_of(edit, start.dtype)
        worked = time.process_time() - began
        layer = Labels(start.copy())
        writer, spent = EditWriter(), []
        began = time.thread_time()
        writer.write(layer, parts, lambda: None)
        spent.append(time.thread_time() - began)
        while writer.is_busy:
            began = time.thread_time()
            writer.write_part()
            spent.append(time.thread_time() - began)
        began = time.thread_time()
        layer.undo()
        undone = time.thread_time() - began
        assert np.array_equal(layer.data, start)
        table.add_row(
            name,
            f"{worked:.1f}",
            f"{edit.pixels / 1e6:.2f} million",
            f"{sum(spent):.2f}",
            f"{1e3 * max(spent):.0f}",
            f"{1e3 * undone:.0f}",
        )
    Console().print(table)
    del application


if __name__ == "__main__":
    main()
