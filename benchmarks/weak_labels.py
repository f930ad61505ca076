"""Compare the weak labels of ten colon classes with tiles whose tissue is known, and count their classes.

::

    python benchmarks/weak_labels.py --data DATA_FOLDER            # tiles of Kather et al. (2016)
    python benchmarks/weak_labels.py --data DATA_FOLDER --shares   # and the shares over the training data

``DATA_FOLDER`` holds ``kather-textures/`` (a folder a class), and for ``--shares`` the sources that
``models/colon-10class/train.toml`` names. Tiles of tumor and mucosa get a mask of all of the tile, since the
rules do not look for glands; all others get none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.resample import scaled_shape
from napari_histosynth.paint.sources import class_shares, load_sources, resized
from napari_histosynth.paint.weak import weak_labels

#: Micrometers a pixel of the tiles (Kather et al. 2016).
TILE_UM_PER_PX = 0.495
CONFIG = Path(__file__).parents[1] / "models/colon-10class/train.toml"

#: For each class of the tiles: the grade if it is epithelium, and the classes that are right.
RIGHT = {
    "01_TUMOR": ("carcinoma", {"epithelium (proliferative)", "mucin", "necrosis"}),
    "02_STROMA": (None, {"non-reactive stroma", "loose stroma", "reactive stroma", "muscle"}),
    "03_COMPLEX": (None, {"loose stroma", "non-reactive stroma", "inflammatory cells"}),
    "04_LYMPHO": (None, {"inflammatory cells"}),
    "05_DEBRIS": (None, {"necrosis", "mucin", "blood"}),
    "06_MUCOSA": ("mature", {"epithelium (mature)", "mucin"}),
    "07_ADIPOSE": (None, {"background", "loose stroma"}),
    "08_EMPTY": (None, {"background"}),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shares", action="store_true")
    arguments = parser.parse_args()
    scheme = get_scheme("colon-10")
    print("| tile | right classes hold | most of it is called |\n|---|---|---|")
    for name, (grade, right) in RIGHT.items():
        for path in sorted((arguments.data / "kather-textures" / name).iterdir()):
            tile = read_image(path)
            tile = resized(tile, scaled_shape((tile.shape[0], tile.shape[1]), TILE_UM_PER_PX, 1.0))
            glands = np.full(tile.shape[:2], grade is not None)
            labels = weak_labels(tile, 1.0, epithelium=glands, grade=grade)
            shares = np.bincount(labels.ravel(), minlength=scheme.n_classes) / labels.size
            held = sum(shares[entry.index] for entry in scheme.classes if entry.name in right)
            most = [
                f"{scheme.names[i]} {shares[i]:.0%}" for i in np.argsort(-shares)[:3] if shares[i] >= 0.01
            ]
            print(f"| {name[3:].lower()} | {held:.0%} | {', '.join(most)} |", flush=True)
    if arguments.shares:
        config = read_config(CONFIG)
        table = {}
        for source in config.data.sources:
            fields = load_sources(arguments.data, [source], scheme, config.model.um_per_px, say=print)
            table[f"{source.kind} ({len(fields)})"] = class_shares(fields, scheme.n_classes)
        print("\n| class | " + " | ".join(table) + " |\n|---|" + "---|" * len(table))
        for entry in scheme.classes:
            print(f"| {entry.name} | " + " | ".join(f"{s[entry.index]:.1%}" for s in table.values()) + " |")


if __name__ == "__main__":
    main()
