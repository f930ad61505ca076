"""How well H&E of patients never seen is labeled, how fast, and in how much memory.

    python benchmarks/segment.py --data GLAS_FOLDER [--model gland-segmenter] [--ebhi FOLDER] [--side 10000]

Truth are the masks of glands that come with the data, and background and nuclei as brightness and color
deconvolution find them (SHI-GAN, section 2.1). Every measure counts the pixels of all held-out fields
together: pixel accuracy and IOU of each class, their means mPA and mIOU as the paper defines them (2.6,
equations 1 and 2), Dice of glands (lumen included). EBHI-Seg, where it is given, is of another laboratory:
Dice of glands with the masks of each stage, a picture on average, at 0.9 um per px. Then a picture of SIDE
px, one field over and over, is labeled: seconds, and how much memory the process takes at most.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_histosynth.core.memory import peak_memory
from napari_histosynth.io import read_image
from napari_histosynth.paint.data import Split
from napari_histosynth.paint.regions import glands_of, labels_of
from napari_histosynth.paint.segment import Segmenter, load_segmenter
from napari_histosynth.paint.segment_config import read_segment_config
from napari_histosynth.paint.segment_data import Exemplar, load_exemplars

NUMBER = ".3f"
EBHI_UM_PER_PX = 0.9  # estimated from the size of nuclei


class Tiled:
    """A picture of any size, a small one side by side: read lazily, so that it takes no memory itself."""

    dtype = np.dtype(np.uint8)

    def __init__(self, rgb: np.ndarray, side: int) -> None:
        self._rgb, self.shape = rgb, (side, side, 3)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (np.arange(part.start, part.stop) for part in key)
        return self._rgb[rows % self._rgb.shape[0]][:, columns % self._rgb.shape[1]]


def quality(segmenter: Segmenter, exemplars: list[Exemplar], console: Console) -> None:
    """Print the measures."""
    counts = np.zeros((4, 4), np.int64)
    dices, both, total = [], 0, 0
    for one in exemplars:
        regions = segmenter.regions(one.image, segmenter.um_per_px)
        truth, found = labels_of(one.regions), labels_of(regions)
        counts += np.bincount(4 * truth.ravel().astype(int) + found.ravel(), minlength=16).reshape(4, 4)
        glands, mine = glands_of(one.regions), glands_of(regions)
        hit, sizes = (glands & mine).sum(), glands.sum() + mine.sum()
        dices.append(2 * hit / max(sizes, 1))
        both, total = both + hit, total + sizes
    right = np.diag(counts)
    false = counts.sum(0) + counts.sum(1) - 2 * right
    iou = right / (right + false)
    accuracy = 1 - false / counts.sum()
    table = Table("class", "accuracy", "IOU", title=f"{segmenter.name}, {len(exemplars)} fields held out")
    for name, *values in zip(segmenter.scheme.names, accuracy, iou, strict=True):
        table.add_row(name, *(f"{value:{NUMBER}}" for value in values))
    table.add_row("mean (mPA, mIOU)", f"{accuracy.mean():{NUMBER}}", f"{iou.mean():{NUMBER}}", style="bold")
    console.print(table)
    console.print(f"pixels right: {right.sum() / counts.sum():{NUMBER}}")
    console.print(
        f"Dice of glands: {2 * both / total:{NUMBER}} over all pixels, a field {np.mean(dices):{NUMBER}} on "
        f"average, {np.min(dices):{NUMBER}} to {np.max(dices):{NUMBER}}"
    )


def elsewhere(segmenter: Segmenter, folder: Path, console: Console) -> None:
    """Print the overlap with the masks of another laboratory's pictures, stage by stage."""
    table = Table("stage", "pictures", "Dice of glands", title="EBHI-Seg, another laboratory")
    for stage in sorted(path for path in folder.iterdir() if path.is_dir()):
        dices = []
        for path in sorted((stage / "images").iterdir()):
            mask = next((stage / "masks").glob(f"{path.stem}.*"))
            truth = read_image(mask)[..., 0] > 0
            found = glands_of(segmenter.regions(read_image(path), EBHI_UM_PER_PX))
            dices.append(2 * (truth & found).sum() / max(truth.sum() + found.sum(), 1))
        table.add_row(stage.name, str(len(dices)), f"{np.mean(dices):{NUMBER}}")
    console.print(table)


def cost(segmenter: Segmenter, rgb: np.ndarray, side: int, console: Console) -> None:
    """Print what a large picture costs."""
    segmenter.segment(rgb, segmenter.um_per_px)
    before = peak_memory() or 0
    began = time.perf_counter()
    segmenter.segment(Tiled(rgb, side), segmenter.um_per_px)
    seconds = time.perf_counter() - began
    after = peak_memory() or 0
    console.print(
        f"{side:,} px a side: {seconds:.1f} s, {side * side / seconds / 1e6:.2f} megapixels a second, "
        f"{after - before:,.0f} MB more than a small picture takes (the labels alone are "
        f"{side * side / 1e6:,.0f} MB)"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="gland-segmenter")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--ebhi", type=Path)
    parser.add_argument("--side", type=int, default=0)
    given = parser.parse_args()
    console = Console()
    segmenter = load_segmenter(given.model, precision=given.precision)
    here = Path(__file__).resolve().parents[1] / "models" / "gland-segmenter"
    wanted = read_segment_config(given.config or here / "train.toml").data
    split = Split(wanted.table, wanted.name_column, wanted.group_column, wanted.held_out)
    exemplars = load_exemplars(given.data, segmenter.scheme, segmenter.um_per_px, split, held_out=True)
    quality(segmenter, exemplars, console)
    if given.ebhi:
        elsewhere(segmenter, given.ebhi, console)
    if given.side:
        cost(segmenter, exemplars[0].image, given.side, console)


if __name__ == "__main__":
    main()
