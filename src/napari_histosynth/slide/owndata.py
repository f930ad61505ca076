"""Parents that a model draws itself: pictures at 2 um a pixel with cells laid into them, to learn from.

On a slide, what full magnification is drawn from is not quite like a real picture at 2 um: cells are laid
there by rule. No real picture has such a parent, so crops of them are paired with real crops of tissue like
theirs, and recolored to the stain of these. What a model's diffusion draws of such a parent in many steps can
be told besides: the refiner then learns to draw it in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from napari_histosynth.core.atomic import save_arrays
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.data import scale_density, turned
from napari_histosynth.slide.layout import Kind, draw_layout, fractions
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.levels import LAYOUT_LEVEL, STEP
from napari_histosynth.slide.sampling import mean_of_blocks, repeated

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.diffusion import DiffusionCascade
    from napari_histosynth.slide.model import SlideModel

#: Level of the parents.
LEVEL = 2
#: Pixels a side of a field at that level, fields a slide, and px of level 0 a side of a slide.
SIDE, _FIELDS_A_SLIDE, _SLIDE = 512, 4, 16_384
#: Fields that a training draws, and the classes in whose midst they lie, in turn.
FIELDS, _LOOKED_AT = 48, (MUCOSA, TUMOR, MUCOSA, TISSUE, TUMOR, MUSCLE, MUCOSA)
_KINDS: tuple[Kind, ...] = ("biopsies", "polyp", "resection")
#: Pixels a side of what diffusion draws of a field, and places of which one with so much tissue is taken.
CHILD, _PLACES, _TISSUE = 320, 8, 0.4
#: Crops of which the one whose tissue is nearest is taken.
_TRIES = 8
#: How much denser a color may become, or paler.
_GAIN = (0.5, 2.0)
#: Density that is added before densities are compared.
_FAINT = np.float32(0.02)


@dataclass(frozen=True)
class OwnChild:
    """What diffusion drew of a part of a field.

    Attributes
    ----------
    y, x : int
        Where in the field it begins, in pixels of the field.
    image : ndarray
        uint8 (y, x, 3) at 0.5 um a pixel.
    """

    y: int
    x: int
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class OwnField:
    """A field of a slide that a model drew.

    Attributes
    ----------
    image : ndarray
        uint8 (y, x, 3) at 2 um a pixel.
    layout : ndarray
        uint8 (y, x, 5), class fractions in 255ths.
    children : tuple of OwnChild
        What diffusion drew of parts of it.
    """

    image: npt.NDArray[np.uint8]
    layout: npt.NDArray[np.uint8]
    children: tuple[OwnChild, ...] = ()


@dataclass(frozen=True)
class OwnCrop:
    """A crop of a field: ``parent`` uint8 (y, x, 3), ``layout`` uint8 (y, x, 5).

    ``child`` uint8 (4 y', 4 x', 3) is what diffusion drew of its middle; None if it drew nothing of it.
    """

    parent: npt.NDArray[np.uint8]
    layout: npt.NDArray[np.uint8]
    child: npt.NDArray[np.uint8] | None


def draw_own_fields(
    model: SlideModel,
    seed: int,
    count: int = FIELDS,
    side: int = SIDE,
    say: Callable[[str], None] | None = None,
    children: int = 0,
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
    children : int
        Of how many parts of each field the model's diffusion draws what it is like at 0.5 um.

    Raises
    ------
    ModelError
        If children are wanted and the model has no diffusion.
    """
    from napari_histosynth.slide.diffusion import load_diffusion
    from napari_histosynth.slide.pyramid import Slide

    cascade = None
    if children:
        cascade = load_diffusion(model.diffusion, f"The model {model.name!r}", model.device, model.dtype)
    fields: list[OwnField] = []
    for number in range(-(-count // _FIELDS_A_SLIDE)):
        layout = draw_layout(seed + number, (_SLIDE, _SLIDE), kind=_KINDS[number % len(_KINDS)])
        slide = Slide(model, seed + number, _SLIDE, layout=layout)
        rng = np.random.default_rng((seed, number))
        for _ in range(min(_FIELDS_A_SLIDE, count - len(fields))):
            window = _field_of(rng, layout, _LOOKED_AT[len(fields) % len(_LOOKED_AT)], side)
            known = np.rint(255 * fractions(layout, window, LEVEL)).astype(np.uint8)
            image = slide.read(LEVEL, window)
            field = OwnField(image, np.ascontiguousarray(np.moveaxis(known, 0, 2)))
            if cascade is not None:
                drawn = _children_of(cascade, slide.seed, field, window, children, model.margin // STEP)
                field = OwnField(field.image, field.layout, drawn)
            fields.append(field)
        if say is not None:
            say(f"Drew {len(fields)} of {count} fields to learn from.")
    return fields


def like(
    fields: Sequence[OwnField],
    rng: np.random.Generator,
    image: npt.NDArray[np.uint8],
    layout: npt.NDArray[np.uint8],
    rim: int = 0,
) -> OwnCrop:
    """Return a crop of one's own like a real parent: of about the same tissue, in the same stain.

    Parameters
    ----------
    fields : sequence of OwnField
        What to crop from.
    rng : Generator
        Draws which.
    image, layout : ndarray
        uint8 (y, x, 3) and (y, x, 5), the real parent and its class fractions in 255ths.
    rim : int
        Pixels of the parent around what is drawn of it.
    """
    height, width = image.shape[:2]
    wanted = layout.mean((0, 1), dtype=np.float32)
    best, nearest = None, np.inf
    for _ in range(_TRIES):
        field = fields[int(rng.integers(len(fields)))]
        child, room = None, Window.of_shape(field.image.shape[:2])
        if field.children:
            child = field.children[int(rng.integers(len(field.children)))]
            room = Window.of_shape(child.image.shape[:2]).coarsen(STEP).shift(child.y, child.x).grow(rim)
        y, x = (
            first + int(rng.integers(last - first - part + 1))
            for first, last, part in ((room.y0, room.y1, height), (room.x0, room.x1, width))
        )
        far = float(
            np.abs(field.layout[y : y + height, x : x + width].mean((0, 1), dtype=np.float32) - wanted).sum()
        )
        if far < nearest:
            best, nearest = (field, child, Window(y, y + height, x, x + width)), far
    assert best is not None
    field, child, part = best
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    own, around = (turned(one[part.slices], turns, flip) for one in (field.image, field.layout))
    there, here = (optical_density(one).mean((0, 1)) + _FAINT for one in (image, own))
    gain = np.clip(there / here, *_GAIN).astype(np.float64)
    parent = scale_density(own, gain)
    if child is None:
        return OwnCrop(parent, around, None)
    inside = part.grow(-rim).shift(-child.y, -child.x).refine(STEP)
    drawn = scale_density(turned(child.image[inside.slices], turns, flip), gain)
    return OwnCrop(parent, around, _with_colors_of(parent[rim : height - rim, rim : width - rim], drawn))


def keep_own_fields(path: Path, fields: Sequence[OwnField], key: str) -> None:
    """Write fields to a file, so that a run that goes on need not draw them again.

    Raises
    ------
    SaveError
        If the file cannot be written.
    """
    arrays: dict[str, npt.NDArray[Any]] = {"key": np.array(key)}
    for number, field in enumerate(fields):
        arrays |= {f"image{number}": field.image, f"layout{number}": field.layout}
        if field.children:
            arrays[f"places{number}"] = np.array([(child.y, child.x) for child in field.children])
            arrays[f"children{number}"] = np.stack([child.image for child in field.children])
    save_arrays(path, arrays)


def kept_own_fields(path: Path, key: str) -> list[OwnField] | None:
    """Return the fields of a file; None where there is none, it is of another key, or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            if str(held["key"]) != key:
                return None
            fields = []
            for number in range(sum(name.startswith("image") for name in held.files)):
                children: tuple[OwnChild, ...] = ()
                if f"places{number}" in held.files:
                    children = tuple(
                        OwnChild(int(y), int(x), image)
                        for (y, x), image in zip(
                            held[f"places{number}"], held[f"children{number}"], strict=True
                        )
                    )
                fields.append(OwnField(held[f"image{number}"], held[f"layout{number}"], children))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
    return fields


def _children_of(
    cascade: DiffusionCascade, seed: int, field: OwnField, window: Window, count: int, rim: int
) -> tuple[OwnChild, ...]:
    """Draw parts of a field, a window of a slide, as diffusion does; ``rim`` px from its border."""
    from napari_histosynth.slide.diffusion import MARGIN

    rng = np.random.default_rng((seed, window.y0, window.x0))
    part, rim = CHILD // STEP, max(MARGIN // STEP, rim)
    glass = field.layout[..., GLASS]
    children = []
    for _ in range(count):
        for _ in range(_PLACES):
            y, x = (rim + int(rng.integers(full - 2 * rim - part + 1)) for full in field.image.shape[:2])
            if glass[y : y + part, x : x + part].mean() < 255 * (1 - _TISSUE):
                break
        place = Window(y, y + part, x, x + part)
        seen = place.grow(MARGIN // STEP).slices
        layout = (np.moveaxis(field.layout[seen], 2, 0) / 255).astype(np.float32)
        inside = place.shift(window.y0, window.x0).refine(STEP)
        parent = np.ascontiguousarray(field.image[seen])
        children.append(OwnChild(y, x, cascade.draw(LEVEL - 2, seed, inside, parent, layout)))
    return tuple(children)


def _with_colors_of(parent: npt.NDArray[np.uint8], child: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Give a picture back what it lost of its parent's colors."""
    lost = parent.astype(np.float32) - mean_of_blocks(child.astype(np.float32))
    given = child + repeated(lost)
    return np.asarray(np.clip(np.rint(given), 0, 255), np.uint8)


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
