"""Whether levels agree, tiles join, colors stay and glass stays glass, on fields of synthetic slides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import GLASS as GLASS_CLASS
from napari_histosynth.slide.levels import LAYOUT_LEVEL, SKETCH_LEVEL, STEP, TILE
from napari_histosynth.study.slidematerial import MEASURED, Parent, layout_share

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.model import SlideModel
    from napari_histosynth.slide.pyramid import Slide
    from napari_histosynth.stain.seams import SeamMeasure
    from napari_histosynth.study.slidebench import SlideBench

    Pixels = npt.NDArray[np.uint8]

#: PSNR in dB that is written where a level is its parent to the bit.
MOST_DB = 99.0

_PLACES = 48  # that are looked at for a field with much tissue
_FROM_BORDERS = 6  # pixels of the parent within which a border is drawn anew, and one
_GLASS = 225  # mean gray level from which a parent's pixel is no tissue


@dataclass(frozen=True, eq=False)
class LargeField:
    """A field of several tiles of a synthetic slide.

    Attributes
    ----------
    slide : Slide
        Where it lies.
    level : int
        Which level.
    window : Window
        Corners multiples of a tile.
    image, parent : ndarray
        The field, and the same of the level before.
    """

    slide: Slide
    level: int
    window: Window
    image: Pixels
    parent: Pixels


def joins(bench: SlideBench) -> dict[str, Any]:
    """Measure large fields of synthetic slides.

    Returns
    -------
    dict
        For each level: ``coherence``, PSNR in dB of the level reduced four times against its parent, farther
        than some pixels of the parent from borders of tissue, and ``with_borders``, everywhere;
        ``drift``, mean change of red, green and blue of tissue from the parent, in gray levels; ``seam``,
        ``inside`` (the same picture at lines half a tile away) and ``alone`` (each tile drawn from its own
        part of the parent, mirrored), each with ``ratio`` and ``error``; ``one``, of the setting "fast", the
        seam over that at the same lines of the same picture drawn in one piece (``ratio``), and the most
        gray levels that the two differ by (``differs``); ``glass``: ``pixels``, and ``pale``,
        the share that stays pale.
    """
    found: dict[str, Any] = {}
    for level in MEASURED:
        with bench.watch(f"{bench.setting}: drawing large fields of level {level}") as tell:
            fields = []
            for number in range(bench.sizes.fields):
                fields.append(
                    large_field(bench.slides[number % len(bench.slides)], level, bench.sizes.field, number)
                )
                tell((number + 1) / bench.sizes.fields / 2)
            alone = []
            for number, one in enumerate(fields):
                alone.append(drawn_alone(bench, one))
                tell(0.5 + (number + 1) / len(fields) / 2)
        step = bench.model.stride
        found[str(level)] = {
            "coherence": coherence(fields, away=_FROM_BORDERS),
            "with_borders": coherence(fields),
            "drift": drift(fields),
            "seam": _seam([one.image for one in fields], step),
            "inside": _seam([one.image for one in fields], step, TILE // 2),
            "alone": _seam(alone, step),
            "one": beside_one_piece(bench.model, fields, step) if bench.setting == "fast" else None,
            "glass": glass_stays(fields),
        }
    return found


def large_field(slide: Slide, level: int, side: int, number: int) -> LargeField:
    """Draw a field of a level with much tissue, on the lattice of tiles."""
    height, width = (max(1, -(-length // TILE)) for length in slide.shape(level))
    tiles = max(1, side // TILE)
    rng = np.random.default_rng(number)
    best, most = (0, 0), -1.0
    for _ in range(_PLACES):
        row, col = (int(rng.integers(max(1, count - tiles + 1))) for count in (height, width))
        share = layout_share(slide.layout, level, (row * TILE, col * TILE), side)
        if share > most:
            best, most = (row * TILE, col * TILE), share
    window = Window(best[0], best[0] + side, best[1], best[1] + side).clip(slide.shape(level))
    parent = slide.read(level + 2, window.coarsen(STEP))
    return LargeField(slide, level, window, slide.read(level, window), parent)


def drawn_alone(bench: SlideBench, field: LargeField) -> Pixels:
    """Draw the tiles of a field one by one, each from its own part of the parent, mirrored beyond it."""
    from napari_histosynth.study.slidebench import slide_on

    picture = np.array(field.image)
    for number, window in enumerate(tile_windows(field.window, TILE)):
        if window.shape != (TILE, TILE):
            continue
        inside = window.relative_to(field.window)
        small = np.ascontiguousarray(field.parent[inside.coarsen(STEP).slices])
        layout = _layout_below(field.slide.layout, field.level, window)
        lonely = slide_on(bench.model, Parent(field.level, small, layout), number, bench.setting)
        picture[inside.slices] = lonely.read(field.level, Window.of_shape((TILE, TILE)))
    return picture


def beside_one_piece(model: SlideModel, fields: Sequence[LargeField], step: int) -> dict[str, Any] | None:
    """Compare tiles with the middle of fields drawn in one evaluation; None where no field has room."""
    pairs = []
    for field in fields:
        side = min(field.image.shape[:2]) // TILE * TILE
        corner = field.window.y0 + TILE // 2, field.window.x0 + TILE // 2
        window = Window(corner[0], corner[0] + side - TILE, corner[1], corner[1] + side - TILE)
        if window.height >= 2 * TILE:
            tiles = field.image[window.relative_to(field.window).slices]
            pairs.append((tiles, _in_one_piece(model, field, window)))
    if not pairs:
        return None
    tiled, whole = (_seam(some, step, TILE // 2)["ratio"] for some in zip(*pairs, strict=True))
    differs = max(int(np.abs(one.astype(np.int16) - other).max()) for one, other in pairs)
    return {"ratio": tiled / whole, "differs": differs}


def _in_one_piece(model: SlideModel, field: LargeField, window: Window) -> Pixels:
    """Draw a window of a field from its parents, whatever the tiles, as the setting "fast" draws a tile."""
    from napari_histosynth.slide.glass import blended, enlarged, glass_color, tissue_share
    from napari_histosynth.slide.lattice import layout_around, pixels_around, places_around
    from napari_histosynth.slide.laying import LAID, RIM, lay_tissue

    slide, above, rim = field.slide, field.level + 2, model.margin // STEP

    def around(seen: Window) -> Pixels:
        tiles = {place: slide.tile(*place) for place in places_around(slide.size, above, seen)}
        return pixels_around(slide.size, above, seen, tiles)

    seen = window.grow(model.margin).coarsen(STEP)
    parent = around(seen)
    layout = layout_around(slide.size, slide.layout, above, seen)
    glass = glass_color(model.palette, slide.seed)
    share = tissue_share(parent, layout, glass, rim)
    if share is None:
        return enlarged(parent, rim)
    drawn = model.refine(field.level, slide.seed, window, parent, layout)
    picture = blended(drawn, enlarged(parent, rim), share)
    if slide.glands and field.level in LAID:
        near = around(window.coarsen(STEP).grow(RIM))
        picture = lay_tissue(field.level, slide.seed, window, picture, near, slide.layout, glass)
    return picture


def coherence(fields: Sequence[LargeField], away: int = 0) -> float:
    """Return the PSNR in dB of fields reduced four times against their parents.

    Only of pixels at least ``away`` pixels of the parent from where the layout passes from glass to tissue.
    """
    squares, count = 0.0, 0
    for field in fields:
        small, parent = _reduced_and_parent(field)
        unlike = np.square(small - parent)
        if away:
            unlike = unlike[_far_from_borders(field, away)[: len(unlike), : unlike.shape[1]]]
        squares += float(unlike.sum())
        count += unlike.size
    if not count:
        return MOST_DB
    mean = squares / count
    return MOST_DB if mean == 0 else min(MOST_DB, 10 * math.log10(255**2 / mean))


def _far_from_borders(field: LargeField, away: int) -> npt.NDArray[np.bool_]:
    """Return which pixels of a field's parent have glass alone, or tissue alone, all around."""
    from scipy import ndimage

    seen = field.window.coarsen(STEP).grow(away)
    glass = fractions(field.slide.layout, seen, field.level + 2)[GLASS_CLASS]
    size, inner = 2 * away + 1, np.s_[away:-away, away:-away]
    same = (ndimage.maximum_filter(glass, size) == 0) | (ndimage.minimum_filter(glass, size) == 1)
    return np.asarray(same[inner], np.bool_)


def drift(fields: Sequence[LargeField]) -> list[float]:
    """Return how much the mean color of tissue changes from the parent, red, green and blue."""
    changes = [np.zeros((0, 3), np.float32)]
    for field in fields:
        small, parent = _reduced_and_parent(field)
        changes.append((small - parent)[parent.mean(2) < _GLASS])
    together = np.concatenate(changes)
    return [float(one) for one in together.mean(0)] if len(together) else [0.0, 0.0, 0.0]


def glass_stays(fields: Sequence[LargeField]) -> dict[str, Any]:
    """Measure what becomes of what is glass in the parent, a pixel of it off the tissue."""
    from scipy import ndimage

    from napari_histosynth.stain.losses import GLASS, PALE

    pixels, pale = 0, 0
    for field in fields:
        glass = ndimage.binary_erosion(optical_density(field.parent).sum(2) < GLASS, border_value=1)
        glass = glass.repeat(STEP, 0).repeat(STEP, 1)[: field.image.shape[0], : field.image.shape[1]]
        pixels += int(glass.sum())
        pale += int((optical_density(field.image[glass]).sum(1) < PALE).sum())
    return {"pixels": pixels, "pale": pale / pixels if pixels else None}


def _seam(pictures: Sequence[Pixels], step: int, offset: int = 0) -> dict[str, float]:
    """Measure borders of tiles in several pictures, weighted by their length."""
    from napari_histosynth.stain.seams import seam_measure

    found: list[SeamMeasure] = [
        seam_measure(one, TILE, step=step, start=(offset, offset))
        for one in pictures
        if max(one.shape[:2]) > TILE + 3 * step
    ]
    if not found:
        return {"ratio": float("nan"), "error": float("nan")}
    weights = np.array([one.pixels for one in found], float) / sum(one.pixels for one in found)
    ratio = float(weights @ [one.ratio for one in found])
    error = float(np.sqrt(np.sum((weights * [one.error for one in found]) ** 2)))
    return {"ratio": ratio, "error": error}


def _reduced_and_parent(
    field: LargeField,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rows, cols = (side // STEP for side in field.image.shape[:2])
    whole = field.image[: rows * STEP, : cols * STEP].astype(np.float32)
    small = whole.reshape(rows, STEP, cols, STEP, 3).mean((1, 3))
    return small, field.parent[:rows, :cols].astype(np.float32)


def _layout_below(layout: Pixels, level: int, window: Window) -> Pixels:
    """Return the layout under a tile."""
    assert level < SKETCH_LEVEL
    below = window.coarsen(2 ** (LAYOUT_LEVEL - level)).clip(layout.shape)
    side = TILE >> (LAYOUT_LEVEL - level)
    cut = layout[below.slices]
    return np.pad(cut, [(0, side - length) for length in cut.shape], mode="edge")
