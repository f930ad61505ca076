"""Seams of tiles, megapixels a second, peak memory, and what going on after a kill costs.

    python benchmarks/stain.py --he PICTURE [--um-per-px 0.5] [--fit 300] [--tile 256]
    python benchmarks/stain.py --he PICTURE --model ki67-he --side 10000

The first measures seams (1.0 is none) on real H&E, for a small generator with InstanceNorm as in Liu et al.
that is trained here for a minute to recolor H&E by optical density, a task whose right answer is known at
every pixel: drawn tile by tile without surroundings, with surroundings ("plain"), with averaged statistics
("kin"), and with statistics by position. Changes are compared at the same place in the blocks of JPEG.
Error is the mean absolute difference from the right answer, in levels of 255.

The second stains a field of SIDE px, the picture over and over, from OME-TIFF to OME-TIFF in a process of
its own, and once more with a kill in the middle. Without --model an untrained generator of the
size of ki67-he is taken, which costs as much.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_histosynth.core.memory import peak_memory
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.io import open_tiff, read_image
from napari_histosynth.io.streamed import save_streamed
from napari_histosynth.io.tilefolder import TileFolder, pyramid_of
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.network import build_stain_generator
from napari_histosynth.stain.seams import seam_measure
from napari_histosynth.stain.translator import Translator
from napari_histosynth.stain.whole import scratch_of, stain_file
from napari_histosynth.zoo import ModelCard, write_folder

SHIPPED = {"widths": [16, 32, 64], "steering": 3}  # what ki67-he is built with

JPEG = 8  # px a side of the blocks that pictures of slides were packed in, which show a little, too

# hematoxylin and eosin become hematoxylin and a pale counterstain, in optical density of red, green and blue
HE = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])

NEW = np.array([[0.62, 0.55, 0.25], [0.10, 0.14, 0.20]])


def recolored(rgb: np.ndarray) -> np.ndarray:
    """Return the right answer of the task, uint8 (y, x, 3)."""
    amounts = np.maximum(optical_density(rgb) @ np.linalg.pinv(HE), 0)
    return np.rint(255 * 10 ** -(amounts @ NEW)).clip(0, 255).astype(np.uint8)


def fitted(rgb: np.ndarray, steps: int, console: Console) -> StainModel:
    """Train a small generator with InstanceNorm on crops of a picture."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    generator = build_stain_generator("paper", widths=(12, 24, 48), blocks=3)
    optimizer = torch.optim.Adam(generator.parameters(), 2e-3)
    answer = recolored(rgb)
    began = time.perf_counter()
    for step in range(steps):
        corners = rng.integers(0, np.array(rgb.shape[:2]) - 128, (4, 2))
        given, wanted = (
            from_rgb(np.stack([each[y : y + 128, x : x + 128] for y, x in corners]), "cpu")
            for each in (rgb, answer)
        )
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        loss = (generator(given) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    console.print(
        f"Trained for {steps} steps, {time.perf_counter() - began:.0f} s; last error "
        f"{127.5 * loss.item():.1f}"
    )
    card = ModelCard(
        name="fitted",
        system="stain",
        preset="paper",
        scheme="",
        stains=("H&E", "recolored"),
        um_per_px=0.5,
        latent_size=0,
    )
    return StainModel(card, generator.eval().requires_grad_(False), None, torch.device("cpu"), torch.float32)


def seams(model: StainModel, rgb: np.ndarray, tile: int, console: Console) -> None:
    """Print how much tiles show by each method."""
    answer = recolored(rgb)
    stride = model.generator().stride
    step = math.lcm(stride, JPEG)
    table = Table("method", "seam measure", "over that of the answer", "error", title=f"Tiles of {tile} px")
    drawn = {"right answer": answer, "no surroundings": np.empty_like(rgb)}
    for window in tile_windows(Window.of_shape(rgb.shape), tile):
        cut = rgb[window.slices]
        odd = [(0, -side % stride) for side in cut.shape[:2]]
        whole = model.draw(np.pad(cut, [*odd, (0, 0)], mode="symmetric"))
        drawn["no surroundings"][window.slices] = whole[: window.height, : window.width]
    for method in ("plain", "kin", "position"):
        drawn[method] = Translator(model, rgb, 0.5, tile=tile, method=method).translate()
    none = seam_measure(answer, tile, step=step).ratio
    for method, picture in drawn.items():
        found = seam_measure(picture, tile, step=step)
        off = np.abs(picture.astype(int) - answer).mean()
        table.add_row(
            method, f"{found.ratio:.3f} ± {found.error:.3f}", f"{found.ratio / none:.3f}", f"{off:.2f}"
        )
    console.print(table)


def untrained(folder: Path) -> Path:
    """Write a model of the compact preset with random weights."""
    torch.manual_seed(0)
    card = ModelCard(
        name="untrained",
        system="stain",
        preset="compact",
        scheme="",
        stains=("H&E", "Ki-67"),
        um_per_px=0.5,
        latent_size=0,
        architecture=SHIPPED,
    )
    state = build_stain_generator("compact", **SHIPPED).state_dict()
    return write_folder(folder, card, {f"forward.{key}": value for key, value in state.items()}).path


def field(rgb: np.ndarray, side: int, um_per_px: float, folder: Path) -> Path:
    """Write a large OME-TIFF, the picture over and over."""
    tiles = TileFolder(folder / "tiles", (side, side))
    for row in range(tiles.count[0]):
        for col in range(tiles.count[1]):
            window = tiles.window(row, col)
            rows, columns = (np.arange(low, high) for low, high in (window[:2], window[2:]))
            tiles.write(row, col, rgb[rows % rgb.shape[0]][:, columns % rgb.shape[1]])
    save_streamed(
        folder / "he.ome.tif", pyramid_of(tiles, folder / "levels"), Provenance(um_per_px=um_per_px)
    )
    return folder / "he.ome.tif"


def work(model: str, source: str, out: str, tile: int, stop: float) -> None:
    """Stain a file, and print what it took as JSON; kill oneself at a share of the work."""
    loaded = load_stain_model(model)
    before = peak_memory()
    began = time.perf_counter()

    def tell(share: float) -> None:
        if share >= stop:
            os.kill(os.getpid(), signal.SIGKILL)

    done = stain_file(loaded, source, out, tile=tile, progress=tell)
    seconds = time.perf_counter() - began
    peak = peak_memory()
    facts = {"seconds": seconds, "before": before, "peak": peak, "drawn": done.drawn, "blank": done.blank}
    print(json.dumps({**facts, "kept": done.kept, "tiles": done.tiles}))


def cost(model: str, rgb: np.ndarray, side: int, um_per_px: float, tile: int, console: Console) -> None:
    """Print what a large field costs, at once and with a kill in the middle."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        model = model or str(untrained(folder / "untrained"))
        source, out = field(rgb, side, um_per_px, folder), folder / "out.ome.tif"

        def run(stop: float) -> dict[str, float]:
            command = [sys.executable, __file__, "--work", model, str(source), str(out), str(tile), str(stop)]
            ended = subprocess.run(command, capture_output=True, text=True, check=stop > 1)
            return json.loads(ended.stdout) if stop > 1 else {}

        once = run(2)
        console.print(
            f"{side:,} px a side: {once['seconds']:.0f} s, "
            f"{side**2 / once['seconds'] / 1e6:.2f} megapixels a second, "
            f"{once['drawn']:.0f} tiles drawn, {once['blank']:.0f} of one color, peak memory of the process "
            f"{once['peak']:,.0f} MB ({once['before']:,.0f} MB with the model loaded)"
        )
        seam = seam_measure(open_tiff(out).levels[0], tile, step=load_stain_model(model).generator().stride)
        console.print(
            f"seam measure of the file: {seam.ratio:.3f} ± {seam.error:.3f} on {seam.pixels:,} px of borders"
        )
        whole = out.read_bytes()
        out.unlink()
        began = time.perf_counter()
        run(0.5)
        killed = time.perf_counter() - began
        assert scratch_of(out).is_dir()
        again = run(2)
        total = killed + again["seconds"]
        console.print(
            f"killed in the middle: {again['kept']:.0f} of {again['tiles']:.0f} tiles kept, "
            f"{again['drawn']:.0f} drawn by the second run; {total:.0f} s in all, "
            f"{total / once['seconds']:.2f} times as long; the same bytes: "
            f"{out.read_bytes() == whole}"
        )


def main() -> None:
    """Measure what the command line asks for."""
    if sys.argv[1:2] == ["--work"]:
        model, source, out, tile, stop = sys.argv[2:]
        work(model, source, out, int(tile), float(stop))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--he", type=Path, required=True)
    parser.add_argument("--um-per-px", type=float, default=0.5)
    parser.add_argument("--fit", type=int, default=300)
    parser.add_argument("--tile", type=int, default=0)
    parser.add_argument("--model", default="")
    parser.add_argument("--side", type=int, default=0)
    given = parser.parse_args()
    console, rgb = Console(), read_image(given.he)
    if given.side:
        cost(given.model, rgb, given.side, given.um_per_px, given.tile or 512, console)
    else:
        seams(fitted(rgb, given.fit, console), rgb, given.tile or 256, console)


if __name__ == "__main__":
    main()
