"""Draw the picture of a model's card: label maps, each in a few random looks.

::

    python docs/make_card_picture.py colon-2class --looks 2 4 6
    python docs/make_card_picture.py colon-10class --labels map1.png map2.png --looks 1 2 3

Without label maps of your own, layouts that come with the package are drawn, in the classes of the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_histosynth.core.relabel import convert_labels
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_labels, save_image
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import load_model

ROOT = Path(__file__).parents[1]
LAYOUTS = ("crypts-cross", "adenoma", "poor")
SIDE = 300


def main() -> None:
    """Draw and save ``card.png`` in the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--looks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--labels", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    if arguments.labels:
        maps = [read_labels(path, model.scheme)[:SIDE, :SIDE] for path in arguments.labels]
    else:
        drawn_in = get_scheme("colon-3")
        layouts = [
            example_labels(name, (SIDE, SIDE), model.um_per_px, seed=seed)
            for seed, name in enumerate(LAYOUTS)
        ]
        maps = [convert_labels(layout, drawn_in, model.scheme) for layout in layouts]
    rows = [
        np.hstack(
            [
                model.scheme.encode(labels),
                *(Canvas(model, labels, seed=look, latent_seed=look).render() for look in arguments.looks),
            ]
        )
        for labels in maps
    ]
    path = ROOT / "models" / arguments.model / "card.png"
    save_image(path, np.vstack(rows))
    print(f"Wrote {path}.")


if __name__ == "__main__":
    main()
