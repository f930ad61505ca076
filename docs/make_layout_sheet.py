"""Draw the pictures of docs/layout.md and of the card of colon-layout.

Run it anywhere, it needs no screen::

    python docs/make_layout_sheet.py --data DATA_FOLDER
    python docs/make_layout_sheet.py --model runs/mine/model --data DATA_FOLDER --output pictures

``layout-sheet.jpg``: a row a grade, new label maps of 317 um and H&E that colon-3class paints from them; with
``--data`` beside label maps traced in real tissue (label maps alone: real tissue is not in the repository).
``layout-2048.jpg``: layouts of 2,048 px, one of a grade, one whose grade changes from left to right.
``layout-morph.gif``: from healthy to poorly differentiated, the latent staying. ``card.png`` for the model.
All but the traced label maps is synthetic.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.latent.film import Frame, save_film
from napari_histosynth.layout.films import morph_frames
from napari_histosynth.layout.model import load_layout_model
from napari_histosynth.layout.sampler import Layout, Sampler
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.render import render_labels
from napari_histosynth.study.layoutmaterial import (
    Piece,
    by_grade,
    find_layout_subject,
    load_layout_material,
)
from napari_histosynth.zoo import find_model

TILE, GAP, TEXT = 200, 6, 16
#: Pixels a side that are filmed.
FILMED = 1024
UM = 0.62
#: Most bytes of the film.
MOST = 2_000_000


def painted(painter: PaintModel, layout: Layout, look: int) -> np.ndarray:
    """Return the H&E painted from a layout, nuclei by rule, in a look of chance."""
    made = render_labels(
        painter,
        layout.labels,
        scheme=get_scheme(layout.scheme),
        um_per_px=UM,
        seed=layout.seed,
        latent_seed=look,
    )
    return made.image


def in_colors(labels: np.ndarray) -> np.ndarray:
    """Return a label map in the colors of its scheme."""
    return get_scheme("colon-2").encode(labels)


def tile(picture: np.ndarray, side: int) -> Image.Image:
    """Return a picture of one size."""
    return Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)


def grades_sheet(
    sampler: Sampler, painter: PaintModel, real: dict[str, list[Piece]], seed: int
) -> Image.Image:
    """Lay out a row for each grade."""
    columns = ["traced", "traced"] * bool(real) + ["new", "new", "new", "painted", "painted"]
    grades = sampler.model.grades
    height = TEXT + GAP + len(grades) * (TEXT + TILE + GAP)
    sheet = Image.new("RGB", (len(columns) * (TILE + GAP) - GAP, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT - 3)
    for column, title in enumerate(columns):
        pen.text((column * (TILE + GAP) + TILE // 2, TEXT // 2), title, "black", font, anchor="mm")
    for row, grade in enumerate(grades):
        top = TEXT + GAP + row * (TEXT + TILE + GAP)
        pen.text((0, top), grade, "black", font)
        own = real.get(grade, [])
        shown = [in_colors(one.labels) for one in own[:: max(1, len(own) // 2)][:2]]
        layouts = [sampler.sample(seed + number, grade=grade, um_per_px=UM) for number in range(3)]
        shown += [np.full((8, 8, 3), 255, np.uint8)] * (len(columns) - 5 - len(shown))
        shown += [in_colors(one.labels) for one in layouts]
        shown += [painted(painter, one, 10 * row + number) for number, one in enumerate(layouts[:2])]
        for column, picture in enumerate(shown):
            sheet.paste(tile(picture, TILE), (column * (TILE + GAP), top + TEXT))
        print(grade)
    return sheet


def large_sheet(sampler: Sampler, painter: PaintModel, seed: int, side: int) -> Image.Image:
    """Lay out large layouts: label map and H&E of one grade, then of one that changes over it."""
    grades = sampler.model.grades
    ramp = np.zeros((1, 8, len(grades)), np.float32)
    ramp[0, :, 0], ramp[0, :, -1] = np.linspace(1, 0, 8), np.linspace(0, 1, 8)
    size = (side, side)
    layouts = {
        f"{grades[1]}": sampler.sample(seed, grade=grades[1], size_px=size, um_per_px=UM),
        f"from {grades[0]} to {grades[-1]}": sampler.sample(
            seed + 1, mixture=ramp, size_px=size, um_per_px=UM
        ),
    }
    shown = 3 * TILE
    sheet = Image.new("RGB", (2 * shown + GAP, len(layouts) * (shown + TEXT + GAP)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT - 3)
    for row, (title, layout) in enumerate(layouts.items()):
        top = row * (shown + TEXT + GAP)
        pen.text((0, top), f"{title}, {side * UM / 1000:.2f} mm a side", "black", font)
        for column, picture in enumerate((in_colors(layout.labels), painted(painter, layout, seed + row))):
            sheet.paste(tile(picture, shown), (column * (shown + GAP), top + TEXT))
        print(title)
    return sheet


def card_picture(sampler: Sampler, painter: PaintModel, seed: int) -> Image.Image:
    """Lay out three grades, label maps above the H&E painted from them."""
    grades = sampler.model.grades
    chosen = (grades[0], grades[len(grades) // 2], grades[-1])
    sheet = Image.new("RGB", (3 * (TILE + GAP) - GAP, 2 * TILE + GAP), "white")
    for column, grade in enumerate(chosen):
        layout = sampler.sample(seed + column, grade=grade, um_per_px=UM)
        for row, picture in enumerate((in_colors(layout.labels), painted(painter, layout, column))):
            sheet.paste(tile(picture, TILE), (column * (TILE + GAP), row * (TILE + GAP)))
    return sheet.quantize(200, dither=0)


def film(sampler: Sampler, painter: PaintModel, seed: int, path: Path, steps: int) -> None:
    """Write the film from the first to the last grade, as large as it may be."""
    first, last = (
        sampler.sample(seed, grade=grade, size_px=(FILMED, FILMED), um_per_px=UM)
        for grade in (sampler.model.grades[0], sampler.model.grades[-1])
    )
    frames = morph_frames(sampler, first, last, steps, painter)
    for side in (256, 224, 192, 160, 128, 96):
        small = [
            replace(
                one,
                image=np.asarray(
                    Image.fromarray(one.image).resize((2 * side, side), Image.Resampling.LANCZOS)
                ),
            )
            for one in frames
        ]
        assert isinstance(small[0], Frame)
        save_film(path, small, per_second=6)
        if path.stat().st_size < MOST:
            return


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="colon-layout")
    parser.add_argument("--painter", default="colon-3class")
    parser.add_argument("--data", type=Path, default=None, help="to show traced label maps beside")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=13)
    parser.add_argument("--large", type=int, default=2048)
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--card", type=Path, default=None, help="beside the weights if not given")
    given = parser.parse_args()
    sampler, painter = Sampler(load_layout_model(given.model)), load_model(given.painter)
    real: dict[str, list[Piece]] = {}
    if given.data is not None:
        subject = find_layout_subject(given.model, given.data)
        field = sampler.model.size * subject.config.data.finer  # labels are made so many times finer
        real = by_grade(load_layout_material(subject, field).trained)
    given.output.mkdir(parents=True, exist_ok=True)
    grades_sheet(sampler, painter, real, given.seed).save(given.output / "layout-sheet.jpg", quality=88)
    large_sheet(sampler, painter, given.seed, given.large).save(given.output / "layout-2048.jpg", quality=85)
    film(sampler, painter, given.seed, given.output / "layout-morph.gif", given.steps)
    card = find_model(given.model).path / "card.png" if given.card is None else given.card
    card_picture(sampler, painter, given.seed).save(card, optimize=True)
    print(given.output, card)


if __name__ == "__main__":
    main()
