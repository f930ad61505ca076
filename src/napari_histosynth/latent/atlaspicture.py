"""A picture of a map of latents: points, legend, named places, and thumbnails that are drawn, not taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.latent.atlaskey import Color, KeyEntry, MapKey, counts_of, key_of
from napari_histosynth.latent.labelplaces import place_labels
from napari_histosynth.latent.thumbnail import SIDE, ThumbnailArtist

if TYPE_CHECKING:
    from napari_histosynth.latent.anchors import Anchors
    from napari_histosynth.latent.atlas import Atlas
    from napari_histosynth.latent.thumbnail import Artist
    from napari_histosynth.paint.model import PaintModel

_MAP, _MARGIN, _KEY = 900, 40, 330
_TEXT, _SMALL = 20, 17
_RADIUS = 6
_INK, _LINE = (30, 30, 30), (90, 90, 90)
_GAP = 14


class DrawnBy(Protocol):
    """What a picture of a map says of the model."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of its weights."""
        ...

    @property
    def device(self) -> Any:
        """Where it draws, a torch device."""
        ...

    @property
    def precision(self) -> str:
        """In which number format."""
        ...


def atlas_picture(
    atlas: Atlas,
    model: PaintModel | DrawnBy,
    *,
    by: str = "neighbors",
    color: str = "grade",
    named: Anchors | None = None,
    thumbnails: int = 6,
    artist: Artist | None = None,
    progress: Callable[[float], None] = lambda share: None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[npt.NDArray[np.uint8], Provenance]:
    """Draw a map.

    Parameters
    ----------
    atlas : Atlas
        The map.
    model : PaintModel or DrawnBy
        Whose it is; draws the thumbnails unless ``artist`` does.
    by : str
        "neighbors" (t-SNE, if the map has it) or "components".
    color : str
        "grade" or "source".
    named : Anchors, optional
        Named places: marked on the map, and their grades order the legend.
    thumbnails : int
        How many entries of the legend get a thumbnail below: the latent in the middle of their pictures, in
        the stain in the middle of all.
    artist : Artist, optional
        Draws the thumbnails of models that paint no label maps.
    progress : callable
        Told the share that is done.
    cancel : callable, optional
        Asked before each thumbnail.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).
    Provenance
        What made it.

    Raises
    ------
    Cancelled
        If ``cancel`` returned true.
    """
    key = key_of(atlas, color, counts_of(named))
    entries = _spread([entry for entry in key.entries if entry.name], thumbnails)
    if artist is None:
        artist = ThumbnailArtist(cast("PaintModel", model))
    width = _MARGIN + _MAP + _GAP + _KEY
    across = (width - 2 * _MARGIN + _GAP) // (SIDE + _GAP)
    frame = _frame(atlas.places(by))
    key_height = 2 * _MARGIN + _key_height(atlas, key)
    row = SIDE + 3 * _SMALL + _GAP
    below = max(frame[1] + 2 * _MARGIN, key_height)
    sheet = Image.new("RGB", (width, below + -(-len(entries) // across) * row), "white")
    pen = ImageDraw.Draw(sheet)
    _draw_points(pen, atlas, key, by, named, frame)
    _draw_key(pen, atlas, key, by)
    if entries:
        pen.text((_MARGIN, below - _TEXT - 4), "Synthetic, typical looks:", _LINE, _font(_SMALL))
    stain = np.median(atlas.stains, axis=0)
    for number, entry in enumerate(entries):
        if cancel is not None and cancel():
            raise Cancelled("Drawing the map was cancelled.")
        members = np.array([key.entries[i].name == entry.name for i in key.of])
        style = atlas.styles[members].mean(0)
        tile = Image.fromarray(artist.draw(np.concatenate([style, stain]).astype(np.float32)))
        left, top = _MARGIN + number % across * (SIDE + _GAP), below + number // across * row
        sheet.paste(tile, (left, top))
        pen.rectangle((left - 1, top - 1, left + SIDE, top + SIDE), outline=entry.color, width=4)
        for line, text in enumerate(_broken(entry.title, SIDE)[:2]):
            pen.text((left, top + SIDE + 4 + line * (_SMALL + 1)), text, _INK, _font(_SMALL))
        progress((number + 1) / len(entries))
    note = Provenance(
        model=model.name,
        model_sha256=model.sha256,
        size=(sheet.height, sheet.width),
        extra={
            "device": model.device.type,
            "precision": model.precision,
            "map": {"by": by, "color": color, "pictures": len(atlas)},
            "thumbnails": [entry.title for entry in entries],
        },
    )
    return np.asarray(sheet), note


def _spread(entries: list[KeyEntry], count: int) -> list[KeyEntry]:
    """Return so many of the entries, from the first to the last, as evenly as can be."""
    if count >= len(entries):
        return entries
    chosen = np.linspace(0, len(entries) - 1, max(count, 0)).round().astype(int)
    return [entries[number] for number in chosen]


def _frame(places: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Return the width and height of the map: as wide as can be, and not taller than that."""
    extent = np.ptp(places, axis=0)
    aspect = float(extent[1] / max(extent[0], 1e-9))
    return _MAP, round(_MAP * min(max(aspect, 0.6), 1.0))


def _draw_points(
    pen: ImageDraw.ImageDraw,
    atlas: Atlas,
    key: MapKey,
    by: str,
    named: Anchors | None,
    frame: tuple[int, int],
) -> None:
    """Draw the points and the named places, which are labeled as far as there is room."""
    places = atlas.places(by).astype(np.float64)
    low, high = places.min(0), places.max(0)
    scale = float(((np.array(frame) - 3 * _GAP) / np.maximum(high - low, 1e-9)).min())

    def at(place: npt.NDArray[np.float64]) -> tuple[float, float]:
        x, y = (place - (low + high) / 2) * scale * (1, -1)
        return frame[0] / 2 + float(x), frame[1] / 2 + float(y)

    pen.rectangle((_MARGIN, _MARGIN, _MARGIN + frame[0], _MARGIN + frame[1]), outline=(200, 200, 200))
    radius = _RADIUS * min(max((300 / len(places)) ** 0.3, 0.55), 1.0)
    for number, place in enumerate(places):
        x, y = at(place)
        _draw_shape(pen, x + _MARGIN, y + _MARGIN, radius, key.shapes[number], key.color(number))
    marks = [at(atlas.find(place.style, by).astype(np.float64)) for place in named or ()]
    font = _font(_SMALL)
    names = [place.name for place in named or ()]
    sizes = [(font.getlength(name) + 8, _SMALL + 8.0) for name in names]
    labels = place_labels(marks, sizes, frame, gap=14)
    for x, y in marks:
        x, y = x + _MARGIN, y + _MARGIN
        for color, width in (("white", 6), (_INK, 3)):
            pen.line((x - 9, y, x + 9, y), color, width)
            pen.line((x, y - 9, x, y + 9), color, width)
    for name, box in zip(names, labels, strict=True):
        if box is not None:
            left, top = box[0] + _MARGIN, box[1] + _MARGIN
            pen.rectangle((left, top, left + box[2], top + box[3]), fill="white", outline=_LINE)
            pen.text((left + 4, top + 3), name, _INK, font)


def _key_height(atlas: Atlas, key: MapKey) -> int:
    """Return how tall the legend is, in pixels, at most."""
    lines = sum(len(_broken(f"{entry.title} ({entry.count})", _KEY - 3 * _TEXT)) for entry in key.entries)
    return (5 + len(set(atlas.sources)) + lines) * (_TEXT + 8) + 3 * _GAP


def _draw_key(pen: ImageDraw.ImageDraw, atlas: Atlas, key: MapKey, by: str) -> None:
    """Draw the legend: what colors, shapes and crosses stand for, and how many pictures there are."""
    left, top = _MARGIN + _MAP + 2 * _GAP, _MARGIN
    shown = "neighbors (t-SNE)" if by == "neighbors" and atlas.neighbors is not None else "components (PCA)"
    for line in (atlas.model, f"{len(atlas)} pictures, by {shown}"):
        pen.text((left, top), line, _INK, _font(_SMALL))
        top += _TEXT + 4
    top += _GAP
    pen.text((left, top), key.by.capitalize(), _INK, _font(_TEXT))
    top += _TEXT + _GAP
    for entry in key.entries:
        _draw_shape(pen, left + _RADIUS, top + _TEXT / 2, _RADIUS + 1, entry.shape, entry.color)
        for line in _broken(f"{entry.title} ({entry.count})", _KEY - 3 * _TEXT):
            pen.text((left + _TEXT + 4, top), line, _INK, _font(_SMALL))
            top += _TEXT + 2
        top += 6
    top += _GAP
    for shape, source in sorted(set(zip(key.shapes, atlas.sources, strict=True))):
        _draw_shape(pen, left + _RADIUS, top + _TEXT / 2, _RADIUS, shape, (255, 255, 255))
        pen.text((left + _TEXT + 4, top), source or "unknown source", _INK, _font(_SMALL))
        top += _TEXT + 6


def _draw_shape(
    pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, shape: str, color: Color
) -> None:
    """Draw a point, on whole pixels: Pillow draws small circles crooked elsewhere."""
    x, y, radius = round(x), round(y), round(radius)
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        pen.ellipse(box, fill=color, outline=_LINE)
    elif shape == "square":
        pen.rectangle(box, fill=color, outline=_LINE)
    else:
        corners = [(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)]
        if shape == "diamond":
            corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        pen.polygon(corners, fill=color, outline=_LINE)


def _broken(text: str, width: float) -> list[str]:
    """Break a text into lines of a width in pixels."""
    font = _font(_SMALL)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
