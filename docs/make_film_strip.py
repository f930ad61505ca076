"""Draw the film strip of docs/grade.md, after SHI-GAN's Figure 3: the same label maps from grade to grade.

Run it anywhere, it needs no screen::

    python docs/make_film_strip.py
    python docs/make_film_strip.py --model colon-2class --examples adenoma:6 moderate:4
    python docs/make_film_strip.py --places healthy poorly --steps 5 --latent-seed 4

Each row is one of the synthetic label maps of ``histosynth examples``; labels, stain and noise stay
the same from left to right. Each column is a named grade of the model, or a step between two. It writes
``docs/images/grade-strip.jpg`` and prints what it drew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.tissue import convert_labels
from napari_histosynth.latent.anchors import joined, read_anchors
from napari_histosynth.latent.known import known_anchors
from napari_histosynth.latent.space import between
from napari_histosynth.paint.examples import example_labels, example_scheme
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.render import render_labels
from napari_histosynth.zoo import find_model

GAP, TEXT = 6, 17
PLACES = (
    "healthy",
    "adenomatous",
    "moderately differentiated",
    "moderately-to-poorly differentiated",
    "poorly differentiated",
)


def columns(names: list[str], styles: list[np.ndarray], steps: int) -> tuple[list[str], list[np.ndarray]]:
    """Return the captions and styles of all columns: the places, and ``steps`` between each two of them."""
    captions, drawn = [names[0]], [styles[0]]
    for number in range(1, len(names)):
        for step in range(1, steps + 1):
            t = step / (steps + 1)
            captions.append(f"{t:.0%}")
            drawn.append(between(styles[number - 1], styles[number], t))
        captions.append(names[number])
        drawn.append(styles[number])
    return captions, drawn


def row_of(model: PaintModel, example: str, styles: list[np.ndarray], given: argparse.Namespace) -> list:
    """Return the label map of an example in color, and its picture in each style; uint8 (y, x, 3) each."""
    name, _, field = example.partition(":")
    scheme = example_scheme(name)
    labels = example_labels(name, (given.size, given.size), model.um_per_px, seed=int(field or 0))
    stain = model.sample_latent(given.latent_seed)[model.style_size :]
    pictures = [model.scheme.encode(convert_labels(labels, scheme, model.scheme))]
    for number, style in enumerate(styles, 1):
        latent = np.concatenate([style, stain]).astype(np.float32)
        made = render_labels(
            model, labels, scheme=scheme, um_per_px=model.um_per_px, latent=latent, seed=given.seed
        )
        pictures.append(made.image)
        print(f"{example}: {number} of {len(styles)}", flush=True)
    return pictures


def sheet_of(rows: list[list[np.ndarray]], captions: list[str], side: int) -> Image.Image:
    """Lay rows below one another on white, captions above the columns."""
    lines = max(caption.count(" ") for caption in captions) + 1
    top = lines * (TEXT + 3) + GAP
    width = len(rows[0]) * (side + GAP) - GAP
    sheet = Image.new("RGB", (width, top + len(rows) * (side + GAP) - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for column, caption in enumerate(captions):
        text = caption.replace(" ", "\n")
        left = column * (side + GAP) + side / 2
        pen.multiline_text((left, top - GAP), text, (30, 30, 30), font, anchor="md", align="center")
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            small = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(small, (column * (side + GAP), top + number * (side + GAP)))
    return sheet


def main() -> None:
    """Draw the strip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="colon-10class", help="name or folder")
    parser.add_argument("--anchors", type=Path, help="more named places, of the same model")
    parser.add_argument("--places", nargs="+", default=list(PLACES), help="columns, from left to right")
    parser.add_argument("--steps", type=int, default=0, help="columns between two places")
    parser.add_argument(
        "--examples", nargs="+", default=["dysplasia:3", "invasion:4"], help="rows: name, or name:seed"
    )
    parser.add_argument(
        "--size", type=int, default=224, help="pixels a side of a field, at the model's scale"
    )
    parser.add_argument("--shown", type=int, default=336, help="pixels a side in the picture")
    parser.add_argument("--seed", type=int, default=0, help="seed of the fine texture")
    parser.add_argument("--latent-seed", type=int, default=0, help="seed of the stain")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(__file__).parent / "images" / "grade-strip.jpg"
    )
    given = parser.parse_args()
    folder = find_model(given.model)
    model = load_model(folder.path)
    known = known_anchors(folder, model)
    if given.anchors is not None:
        known = joined(known, read_anchors(given.anchors, model))
    places = [known[name] for name in given.places]
    captions, styles = columns(
        [place.name for place in places], [place.style for place in places], given.steps
    )
    rows = [row_of(model, example, styles, given) for example in given.examples]
    sheet = sheet_of(rows, ["labels", *captions], given.shown)
    sheet.save(given.output, quality=92)
    print(f"Wrote {given.output}: {sheet.width} x {sheet.height} px by {model.name} {model.sha256[:12]}.")


if __name__ == "__main__":
    main()
