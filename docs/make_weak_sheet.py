"""Draw the sheet of weak labels that docs/weak-labels.md shows.

::

    python docs/make_weak_sheet.py --data DATA_FOLDER

At the left of each pair the labels of a field of the Pathology Atlas (S. Balci, doi 10.5281/zenodo.6382734),
at the right what the model draws from them in the look of that field: real tissue is not in the repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.model import load_model
from napari_histosynth.paint.sources import load_sources

ROOT = Path(__file__).parents[1]
SHOWN = (
    "colon-submucosal-lipoma-HE/6144_11776",
    "hyperplasticpolyp-case1/52736_8704",
    "tubularadenoma-flat-HE/11776_1024",
    "mucinous-adenocarcinoma-colon-HE/11776_7680",
    "mucinous-adenocarcinoma-colon-HE/18432_13824",
    "mucinous-adenocarcinoma-colon-HE/16384_20992",
    "crohn-colonoscopic-biopsy-HE1/24064_30720",
    "reactive-atypia-HE/12800_15872",
)
SIDE, COLUMNS, LINE = 300, 2, 18


def main() -> None:
    """Make the labels of the fields shown and lay them out with a legend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="colon-10class")
    arguments = parser.parse_args()
    scheme, model = get_scheme("colon-10"), load_model(arguments.model)
    config = read_config(ROOT / "models/colon-10class/train.toml")
    sources = [source for source in config.data.sources if source.kind == "colon-slides"]
    fields = {
        field.name: field
        for field in load_sources(arguments.data, sources, scheme, config.model.um_per_px, only=SHOWN)
    }
    rows = -(-len(SHOWN) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * 2 * SIDE, rows * (SIDE + LINE) + 3 * LINE), (255, 255, 255))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, name in enumerate(SHOWN):
        field = fields[name]
        x, y = number % COLUMNS * 2 * SIDE, number // COLUMNS * (SIDE + LINE)
        pen.text((x + 2, y + 2), name, (40, 40, 40), font)
        drawn = Canvas(model, field.labels[0], latent=model.encode(field.image)).render()
        for shift, picture in enumerate((scheme.encode(field.labels[0]), drawn)):
            tile = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (x + shift * SIDE, y + LINE))
    for number, entry in enumerate(scheme.classes):
        x, y = 4 + number % 6 * 198, rows * (SIDE + LINE) + 4 + number // 6 * (LINE + 4)
        pen.rectangle((x, y, x + 13, y + 13), fill=entry.color, outline=(40, 40, 40))
        pen.text((x + 18, y), entry.name, (40, 40, 40), font)
    with atomic_path(ROOT / "docs/images/weak-labels.jpg") as path:
        sheet.save(path, quality=85, subsampling=0)


if __name__ == "__main__":
    main()
