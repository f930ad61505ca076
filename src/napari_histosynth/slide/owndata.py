"""Parents that a model draws itself: pictures at 2 um a pixel with cells laid into them, to learn from.

On a slide, what full magnification is drawn from is not quite like a real picture at 2 um: cells are laid
there by rule. No real picture has such a parent, so crops of them are paired with real crops of tissue like
theirs, and recolored to the stain of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.data import scale_density, turned
from napari_histosynth.slide.layout import Kind, draw_layout, fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.levels import LAYOUT_LEVEL

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.model import SlideModel

#: Level of the parents.
LEVEL = 2
#: Pixels a side of a field at that level, fields a slide, and px of level 0 a side of a slide.
SIDE, _FIELDS_A_SLIDE, _SLIDE = 512, 4, 16_384
#: Fields that a training draws, and the classes in whose midst they lie, in turn.
FIELDS, _LOOKED_AT = 48, (MUCOSA, TUMOR, MUCOSA, TISSUE, TUMOR, MUSCLE, MUCOSA)
_KINDS: tuple[Kind, ...] = ("biopsies", "polyp", "resection")
#: Crops of which the one whose tissue is nearest is taken.
_TRIES = 8
#: How much denser a color may become, or paler.
_GAIN = (0.5, 2.0)
#: Density that is added before densities are compared.
_FAINT = np.float32(0.02)


@dataclass(frozen=True)
class OwnField:
    """A field of a slide that a model drew.

    Attributes
    ----------
    image : ndarray
        uint8 (y, x, 3) at 2 um a pixel.
    layout : ndarray
        uint8 (y, x, 5), class fractions in 255ths.
    """

    image: npt.NDArray[np.uint8]
    layout: npt.NDArray[np.uint8]


def draw_own_fields(
    model: SlideModel,
    seed: int,
    count: int = FIELDS,
    side: int = SIDE,
    say: Callable[[str], None] | None = None,
) -> list[OwnField]:
    """Draw fields of slides as a model draws them; the same for a model and a seed.

    Parameters
    ----------
    model : SlideModel
        What draws.
    seed : int
        Of the first slide; the others' follow.
    count, side : int
        How many fields, and their sides in px.
    say : callable, optional
        Takes a line for each slide.
    """
    from napari_histosynth.slide.pyramid import Slide

    fields: list[OwnField] = []
    for number in range(-(-count // _FIELDS_A_SLIDE)):
        layout = draw_layout(seed + number, (_SLIDE, _SLIDE), kind=_KINDS[number % len(_KINDS)])
        slide = Slide(model, seed + number, _SLIDE, layout=layout)
        rng = np.random.default_rng((seed, number))
        for _ in range(min(_FIELDS_A_SLIDE, count - len(fields))):
            window = _field_of(rng, layout, _LOOKED_AT[len(fields) % len(_LOOKED_AT)], side)
            known = np.rint(255 * fractions(layout, window, LEVEL)).astype(np.uint8)
            image = slide.read(LEVEL, window)
            fields.append(OwnField(image, np.ascontiguousarray(np.moveaxis(known, 0, 2))))
        if say is not None:
            say(f"Drew {len(fields)} of {count} fields to learn from.")
    return fields


def like(
    fields: Sequence[OwnField],
    rng: np.random.Generator,
    image: npt.NDArray[np.uint8],
    layout: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return a crop of one's own like a real parent: of about the same tissue, in the same stain.

    Parameters
    ----------
    fields : sequence of OwnField
        What to crop from.
    rng : Generator
        Draws which.
    image, layout : ndarray
        uint8 (y, x, 3) and (y, x, 5), the real parent and its class fractions in 255ths.

    Returns
    -------
    image, layout : ndarray
        As those given.
    """
    height, width = image.shape[:2]
    wanted = layout.mean((0, 1), dtype=np.float32)
    best, nearest = None, np.inf
    for _ in range(_TRIES):
        field = fields[int(rng.integers(len(fields)))]
        y, x = (
            int(rng.integers(full - part + 1))
            for full, part in zip(field.image.shape[:2], (height, width), strict=True)
        )
        part = np.s_[y : y + height, x : x + width]
        far = float(np.abs(field.layout[part].mean((0, 1), dtype=np.float32) - wanted).sum())
        if far < nearest:
            best, nearest = (field.image[part], field.layout[part]), far
    assert best is not None
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    own, around = (turned(one, turns, flip) for one in best)
    there, here = (optical_density(one).mean((0, 1)) + _FAINT for one in (image, own))
    return scale_density(own, np.clip(there / here, *_GAIN).astype(np.float64)), around


def _field_of(rng: np.random.Generator, layout: npt.NDArray[np.uint8], kind: int, side: int) -> Window:
    """Return the window of a field about a pixel of a class, of any tissue if there is none."""
    places = np.argwhere(layout == kind)
    if not len(places):
        places = np.argwhere(layout != GLASS)
    factor = 2 ** (LAYOUT_LEVEL - LEVEL)
    row, col = places[int(rng.integers(len(places)))] * factor
    y, x = (
        int(np.clip(middle - side // 2, 0, full * factor - side))
        for middle, full in zip((row, col), layout.shape, strict=True)
    )
    return Window(y, y + side, x, x + side)
