"""Draw the picture of the card of a model of stains: synthetic H&E, the same as Ki-67, and back.

::

    python docs/make_stain_card.py                    # models/ki67-he/card.png
    python docs/make_stain_card.py --model runs/mine/model -o mine.png

Left to right: a label map, H&E drawn from it by ``colon-3class``, Ki-67 of a labelling index of 10 and of
40 %, and the H&E that the second is turned back into.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.io import save_image
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import load_model
from napari_histosynth.paint.resample import resample_labels, scaled_shape
from napari_histosynth.stain.asked import choose, labeled_nuclei
from napari_histosynth.stain.model import load_stain_model
from napari_histosynth.stain.translator import Translator

ROOT = Path(__file__).parents[1]
LAYOUTS = ("crypts-cross", "adenoma", "moderate", "poor")
SIDE = 280
INDICES = (0.1, 0.4)


def main() -> None:
    """Draw and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="ki67-he")
    parser.add_argument("--output", "-o", type=Path, default=ROOT / "models" / "ki67-he" / "card.png")
    asked = parser.parse_args()
    painter, stains = load_model("colon-3class"), load_stain_model(asked.model)
    whole = Window(0, SIDE, 0, SIDE)
    rows = []
    for seed, name in enumerate(LAYOUTS):
        labels = example_labels(name, (SIDE, SIDE), painter.um_per_px, seed=seed)
        he = Canvas(painter, labels, seed=seed, latent_seed=seed + 1).render()
        fine = resample_labels(labels, scaled_shape(labels.shape, painter.um_per_px, stains.um_per_px))
        nuclei = labeled_nuclei(fine, painter.scheme, stains.um_per_px)
        shown = [painter.scheme.encode(labels), he]
        for index in INDICES:
            steering = choose(nuclei, index, seed, stains.um_per_px)
            translator = Translator(stains, he, painter.um_per_px, steering=steering)
            shown.append(translator.translate(whole))
        shown.append(Translator(stains, shown[-1], painter.um_per_px, reverse=True).translate(whole))
        rows.append(np.hstack(shown))
    save_image(asked.output, np.vstack(rows))
    print(f"Wrote {asked.output}.")


if __name__ == "__main__":
    main()
