"""Whether tiles show in a picture larger than one, and how fast it is drawn."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_histosynth.study.stainbench import StainBench

METHODS = {
    "local": "no statistics over the picture (ours)",
    "plain": "InstanceNorm of each tile",
    "kin": "kernelized InstanceNorm",
    "position": "InstanceNorm by position (ours)",
}
"""Where a generator may take its statistics from, and what it is called."""


def seams(bench: StainBench) -> dict[str, Any]:
    """Draw a large field in tiles and measure their borders, in each way that the model can be drawn.

    Returns
    -------
    dict
        ``side`` and ``tile`` in px; ``source``, the measure of the H&E at the same lines; ``control``, that
        of the same picture drawn in other tiles, whose borders lie elsewhere: tissue has steps of its own at
        any lines, and a seam is what comes on top; for each of :data:`METHODS` that applies, ``ratio``,
        ``error`` (standard), ``megapixels_s`` and ``megapixels_cpu_s``, a second that all threads together
        computed, which other programs do not lengthen.
    """
    from napari_histosynth.stain.seams import seam_measure
    from napari_histosynth.stain.translator import Translator

    picture = bench.material.large.image
    generator = bench.model.generator()
    tile = bench.sizes.tile
    found: dict[str, Any] = {
        "side": min(picture.shape[:2]),
        "tile": tile,
        "source": asdict(seam_measure(picture, tile, step=generator.stride)),
    }
    for method in ("local",) if generator.local else ("plain", "kin", "position"):
        with bench.watch(f"{bench.subject.label}: drawing a large field, {METHODS[method]}") as tell:
            way = "auto" if method == "local" else method
            translator = Translator(bench.model, picture, bench.um_per_px, method=way, tile=tile)
            began, spent = time.perf_counter(), time.process_time()
            drawn = translator.translate(progress=tell)
            seconds, computed = time.perf_counter() - began, time.process_time() - spent
        measured = asdict(seam_measure(drawn, translator.tile, step=generator.stride))
        if method in ("local", "position"):
            other = Translator(bench.model, picture, bench.um_per_px, method=way, tile=_other(tile))
            elsewhere = other.translate(progress=lambda share: None)
            found["control"] = asdict(seam_measure(elsewhere, translator.tile, step=generator.stride))
        megapixels = drawn.shape[0] * drawn.shape[1] * 1e-6
        found[method] = measured | {
            "megapixels_s": megapixels / seconds,
            "megapixels_cpu_s": megapixels / max(computed, 1e-9),
        }
    return found


def _other(tile: int) -> int:
    """Return the side of tiles, a multiple of 8, whose borders seldom lie where those of ``tile`` do."""
    return max(64, tile * 5 // 8 // 8 * 8)
