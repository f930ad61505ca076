"""Draw the sheet of docs/slide.md and of the card of colon-slide, from whole slides to full magnification.

Run it anywhere, it needs no screen::

    python docs/make_slide_sheet.py --card models/colon-slide/card.png
    python docs/make_slide_sheet.py --setting diffusion --output docs/images/slide-diffusion.jpg
    python docs/make_slide_sheet.py --model runs/mine/model --seeds 1 2 3 --output sheet.jpg

Each row is a slide of 20 mm: biopsies, a polyp and a resection; each column a zoom level, 32, 8, 2 and 0.5 um
a pixel, about one place. All of it is synthetic. It writes ``docs/images/slide-levels.jpg`` and prints what
it drew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layout import draw_layout
from napari_histosynth.slide.levels import um_of
from napari_histosynth.slide.model import load_slide_model
from napari_histosynth.slide.pyramid import Slide

KINDS = ("biopsies", "polyp", "resection")
COLUMNS = (6, 4, 2, 0)
SIDE, GAP, TEXT = 384, 6, 17
SIZE = 40_960
#: Classes of a layout where the rows are looked at more closely, one after the other.
LOOKED_AT = (2, 2, 3)


def around(slide: Slide, level: int, place: tuple[float, float]) -> Window:
    """Return the window of a level about a place, given in um from the corner of the slide."""
    height, width = slide.shape(level)
    top, left = (round(um / um_of(level)) - SIDE // 2 for um in place)
    top, left = min(max(top, 0), max(height - SIDE, 0)), min(max(left, 0), max(width - SIDE, 0))
    return Window(top, top + SIDE, left, left + SIDE).clip((height, width))


def looked_at(layout: np.ndarray, kind: int) -> tuple[float, float]:
    """Return the place, in um, with most of a class around it."""
    from scipy import ndimage

    near = ndimage.uniform_filter((layout == kind).astype(np.float32), 15)
    row, col = np.unravel_index(int(near.argmax()), near.shape)
    return (row + 0.5) * um_of(6), (col + 0.5) * um_of(6)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="colon-slide")
    parser.add_argument("--seeds", type=int, nargs=3, default=[7, 3, 11])
    parser.add_argument("--output", type=Path, default=Path("docs/images/slide-levels.jpg"))
    parser.add_argument("--setting", default="fast", help="fast or diffusion")
    parser.add_argument("--card", type=Path, default=None)
    given = parser.parse_args()
    model = load_slide_model(given.model)
    font = ImageFont.load_default(TEXT)
    sheet = Image.new(
        "RGB", (len(COLUMNS) * (SIDE + GAP) - GAP, 2 * TEXT + len(KINDS) * (SIDE + GAP)), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for column, level in enumerate(COLUMNS):
        middle = column * (SIDE + GAP) + SIDE // 2
        draw.text((middle, TEXT), f"{um_of(level):g} um a pixel", "black", font, anchor="mm")
    for row, (kind, seed) in enumerate(zip(KINDS, given.seeds, strict=True)):
        layout = draw_layout(seed, (SIZE, SIZE), kind=kind)
        slide = Slide(model, seed, SIZE, layout=layout, setting=given.setting)
        wanted = LOOKED_AT[row] if (layout == LOOKED_AT[row]).any() else 2
        place = looked_at(layout, wanted)
        for column, level in enumerate(COLUMNS):
            whole = Window.of_shape(slide.shape(level))
            pixels = slide.read(level, whole if level == COLUMNS[0] else around(slide, level, place))
            picture = Image.fromarray(pixels)
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * (SIDE + GAP), 2 * TEXT + row * (SIDE + GAP)))
        print(f"{kind}, seed {seed}: {slide.evaluations} evaluations")
    sheet.save(given.output, quality=88)
    if given.card is not None:
        size = 2 * sheet.width // 3, 2 * sheet.height // 3
        sheet.resize(size, Image.Resampling.LANCZOS).quantize(200, dither=0).save(given.card, optimize=True)
    print(given.output)


if __name__ == "__main__":
    main()
