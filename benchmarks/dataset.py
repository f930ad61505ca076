"""How fast a data set is drawn, with one worker and with several.

    python benchmarks/dataset.py [--model colon-3class] [--n 12] [--size 512] [--workers 2]

prints pairs a minute, and how many times faster several workers are. What a worker takes to start and
to load the model counts, and is the same for any number of pairs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from napari_histosynth.paint.dataset import DatasetSettings
from napari_histosynth.paint.datasetfolder import write_dataset
from napari_histosynth.paint.layouts import find_layouts
from napari_histosynth.zoo import find_model


def main() -> None:
    """Draw the same set twice and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="colon-3class")
    parser.add_argument("--layouts", default="examples")
    parser.add_argument("--n", type=int, default=12)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    folder = find_model(given.model)
    settings = DatasetSettings(
        str(folder.path), folder.card.sha256, find_layouts(given.layouts), size=given.size
    )
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as place:
        for workers in (1, given.workers):
            start = time.perf_counter()
            write_dataset(Path(place, str(workers)), settings, given.n, folder.card, workers=workers)
            seconds[workers] = time.perf_counter() - start
            rate = 60 * given.n / seconds[workers]
            print(f"{workers} worker{'s' * (workers > 1)}: {rate:.0f} pairs of {given.size} px a minute")
    print(f"{given.workers} workers are {seconds[1] / seconds[given.workers]:.1f} times as fast as one")


if __name__ == "__main__":
    main()
