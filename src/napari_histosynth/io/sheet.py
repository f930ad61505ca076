"""A contact sheet: pictures in rows and columns, with words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

TILE_PX, GAP_PX, TEXT_PX = 320, 8, 16
_INK, _PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(
    rows: Mapping[str, Sequence[npt.NDArray[np.uint8]]], columns: Sequence[str], footer: str
) -> npt.NDArray[np.uint8]:
    """Lay out pictures on a sheet.

    Parameters
    ----------
    rows : mapping of str to sequence of ndarray
        For each row its title and its pictures, uint8 (y, x, 3), one for each column.
    columns : sequence of str
        Titles of the columns.
    footer : str
        Written below.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).
    """
    line = TEXT_PX + 2 * GAP_PX
    width = len(columns) * (TILE_PX + GAP_PX) + GAP_PX
    height = line + len(rows) * (TILE_PX + line) + line
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(TEXT_PX)
    for column, title in enumerate(columns):
        pen.text((GAP_PX + column * (TILE_PX + GAP_PX), GAP_PX), title, _INK, font)
    for row, (title, pictures) in enumerate(rows.items()):
        top = line + row * (TILE_PX + line)
        pen.text((GAP_PX, top + GAP_PX), title, _INK, font)
        for column, picture in enumerate(pictures):
            tile = Image.fromarray(picture).resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
            sheet.paste(tile, (GAP_PX + column * (TILE_PX + GAP_PX), top + line))
    pen.text((GAP_PX, height - line + GAP_PX), footer, _INK, font)
    return np.asarray(sheet)
