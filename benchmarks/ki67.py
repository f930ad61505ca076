"""How far the Ki-67 index moves when the picture is stained, focused, sampled or compressed otherwise.

    python benchmarks/ki67.py PICTURE [PICTURE ...] [--um-per-px 0.25] [--he PICTURE] [--overlay FOLDER]

Each picture is counted as it is and after every change: densities of its stains times 0.9 to 1.1, Gaussian
blur, resampling, JPEG. Beside ours stands the same segmentation with everything fixed, as cell detection is
usually set up: the usual stain vectors, white glass, one contrast, positive above a mean DAB density of
0.2. "moved" is in percentage points from the picture as it is. ``--he`` counts the nuclei of an H&E picture.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi

from napari_histosynth.io import open_slide, read_image, save_image
from napari_histosynth.stain.findnuclei import find_nuclei
from napari_histosynth.stain.ki67 import Ki67Settings, count_ki67
from napari_histosynth.stain.ki67picture import draw_overlay
from napari_histosynth.stain.levels import Levels, read_levels
from napari_histosynth.stain.unmix import StainBasis, optical_density

FIXED_DAB = 0.2
FIXED_CONTRAST = 0.18  # of absorption, what suits the first picture
FACTORS = (
    (0.9, 1),
    (1, 0.9),
    (0.95, 0.95),
    (0.95, 1.05),
    (1.05, 0.95),
    (1.05, 1.05),
    (1, 1.1),
    (1.1, 1),
    (1.1, 1.1),
)


def opened(path: Path, um_per_px: float | None) -> tuple[np.ndarray, float]:
    """Return a picture and its scale."""
    if path.suffix.lower() in (".tif", ".tiff", ".svs"):
        slide = open_slide(path)
        assert slide.um_per_px is not None
        return np.asarray(slide.levels[0]), slide.um_per_px
    assert um_per_px is not None, "give --um-per-px"
    return read_image(path), um_per_px


def restained(rgb: np.ndarray, basis: StainBasis, hematoxylin: float, dab: float) -> np.ndarray:
    """Return a picture whose stains are as dense as told, times what they were."""
    density = optical_density(rgb) - basis.glass
    amounts = density @ np.linalg.pinv(basis.vectors)
    density += (amounts * (hematoxylin - 1, dab - 1)) @ basis.vectors
    light = 256 * 10 ** -(density + basis.glass) - 1
    return np.clip(np.round(light), 0, 255).astype(np.uint8)


def changes(rgb: np.ndarray, um_per_px: float, basis: StainBasis) -> Iterator[tuple[str, np.ndarray, float]]:
    """Change a picture in each way."""
    yield "as it is", rgb, um_per_px
    for hematoxylin, dab in FACTORS:
        name = f"hematoxylin x {hematoxylin:g}, DAB x {dab:g}"
        yield name, restained(rgb, basis, hematoxylin, dab), um_per_px
    for sigma in (0.5, 1.0):
        blurred = ndi.gaussian_filter(rgb.astype(np.float32), (sigma, sigma, 0))
        yield f"blurred, sigma {sigma:g} px", np.round(blurred).astype(np.uint8), um_per_px
    for target in (0.35, 0.5):
        side = round(rgb.shape[1] * um_per_px / target), round(rgb.shape[0] * um_per_px / target)
        small = Image.fromarray(rgb).resize(side, Image.Resampling.LANCZOS)
        yield f"resampled to {target:g} um/px", np.asarray(small), um_per_px * rgb.shape[0] / side[1]
    yield "both stains x 0.75", restained(rgb, basis, 0.75, 0.75), um_per_px
    yield "both stains x 1.25", restained(rgb, basis, 1.25, 1.25), um_per_px
    yield "lamp at 85 %, yellowish", np.round(rgb * (0.85, 0.84, 0.78)).astype(np.uint8), um_per_px
    for quality in (90, 75, 50):
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
        yield f"JPEG, quality {quality}", np.asarray(Image.open(buffer).convert("RGB")), um_per_px


def robustness(path: Path, rgb: np.ndarray, um_per_px: float, console: Console) -> None:
    """Print the table of one picture."""
    levels = read_levels(rgb, um_per_px)
    usual = StainBasis.usual("hdab")
    fixed = Ki67Settings(FIXED_DAB, Levels(usual, FIXED_CONTRAST, 1.0, 1.0))
    table = Table(
        "change", "nuclei", "threshold", "index", "moved", "fixed: nuclei", "index", "moved", title=path.name
    )
    first: list[float] = []
    worst = [0.0, 0.0]
    for name, changed, scale in changes(rgb, um_per_px, levels.basis):
        counts = [count_ki67(changed, scale, settings=s, labels=False) for s in (None, fixed)]
        first = first or [count.index for count in counts]
        moved = [100 * (count.index - index) for count, index in zip(counts, first, strict=True)]
        worst = [max(a, abs(b)) for a, b in zip(worst, moved, strict=True)]
        ours, theirs = counts
        table.add_row(
            name, f"{ours.total:,}", f"{ours.threshold:.3f}", f"{ours.index:.1%}", f"{moved[0]:+.1f}",
            f"{theirs.total:,}", f"{theirs.index:.1%}", f"{moved[1]:+.1f}",
        )  # fmt: skip
    table.add_row("most", "", "", "", f"{worst[0]:.1f}", "", "", f"{worst[1]:.1f}", style="bold")
    console.print(table)
    spread = [count_ki67(rgb, um_per_px, labels=False).with_threshold(t).index for t in (0.1, 0.2, 0.3, 0.4)]
    listed = ", ".join(f"{t}: {i:.1%}" for t, i in zip((0.1, 0.2, 0.3, 0.4), spread, strict=True))
    console.print(f"index by DAB threshold: {listed}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*")
    parser.add_argument("--um-per-px", type=float)
    parser.add_argument("--he", type=Path)
    parser.add_argument("--overlay", type=Path)
    given = parser.parse_args()
    console = Console(width=120)
    for path in given.pictures:
        rgb, um_per_px = opened(path, given.um_per_px)
        began = time.perf_counter()
        count = count_ki67(rgb, um_per_px, outlines=given.overlay is not None)
        seconds = time.perf_counter() - began
        console.print(
            f"{path.name}: {count.total:,} nuclei, {count.index:.1%} positive; {seconds:.1f} s, "
            f"{count.area_mm2 / seconds:.3f} mm2 a second"
        )
        if given.overlay:
            save_image(given.overlay / f"{path.name.split('.')[0]}-ki67.png", draw_overlay(rgb, count.nuclei))
        robustness(path, rgb, um_per_px, console)
    if given.he:
        rgb, um_per_px = opened(given.he, given.um_per_px)
        nuclei = find_nuclei(rgb, um_per_px, "he", outlines=given.overlay is not None)
        console.print(f"{given.he.name}: {len(nuclei):,} nuclei in H&E")
        if given.overlay:
            save_image(given.overlay / f"{given.he.name.split('.')[0]}-he.png", draw_overlay(rgb, nuclei))


if __name__ == "__main__":
    main()
