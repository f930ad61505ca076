"""Layouts drawn from a seed: biopsies, a polyp, a resection, as they lie on a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layoutclasses import GLASS, MUCOSA, MUSCLE, TISSUE, TUMOR
from napari_histosynth.slide.layoutshapes import (
    Grain,
    Place,
    apart,
    clefts,
    cracks,
    depth_in,
    direction,
    toward,
    turn_of,
    without_crumbs,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Layout = npt.NDArray[np.uint8]

#: Streams of noise that one piece of tissue may use.
_STREAMS = 64


def draw_biopsies(chance: np.random.Generator, seed: int, layout: Layout, region: Window, first: int) -> int:
    """Draw 4 to 12 small fragments of mucosa into a region of a layout; return the next free stream."""
    side = min(region.shape)
    largest = max(min(95.0, 0.25 * side), 0.6 * min(side, 24))
    sick = chance.random() < 0.3
    count = int(chance.integers(4, 13)) if side >= 48 else 1
    shares = chance.uniform(0.35, 1, count)
    shares[0] = 1  # at least one is large
    for y, x, radius in apart(chance, region, [float(share * largest) for share in shares]):
        place = Place(y, x, direction(chance))
        _fragment(chance, seed, layout, place, radius, first, tumor=sick and chance.random() < 0.7)
        first += _STREAMS
    for y, x, radius in apart(chance, region, [float(r) for r in chance.uniform(1.2, 5, int(side // 60))]):
        window = Place(y, x, (0, 1)).around(2 * radius, layout.shape)
        u, v = Place(y, x, (0, 1)).axes(window)
        crumb = u * u + v * v < (radius * (1 + 0.5 * Grain(seed, first, window)(3))) ** 2
        layout[window.slices][crumb & (layout[window.slices] == GLASS)] = TISSUE
        first += _STREAMS
    return first


def _fragment(
    chance: np.random.Generator,
    seed: int,
    layout: Layout,
    place: Place,
    radius: float,
    first: int,
    *,
    tumor: bool,
) -> None:
    """Draw one fragment of a biopsy."""
    window = place.around(1.75 * radius, layout.shape)
    grain = Grain(seed, first, window)
    u, v = place.axes(window)
    short = radius / float(chance.uniform(1.05, 2.1))
    v = v + np.float32(chance.uniform(-0.5, 0.5) / radius) * u * u
    border = 0.2 * grain(radius / 1.6) + 0.1 * grain(radius / 4) + grain(2.5) / np.float32(short)
    inside = np.sqrt((u / radius) ** 2 + (v / short) ** 2) + border < 1
    if chance.random() < 0.7:  # crypts that open at the surface
        inside &= ~clefts(
            chance,
            u + 1.5 * grain(5) + 4 * grain(16),
            np.where(v < np.float32(0.1 * short), depth_in(inside), 1e6).astype(np.float32),
            spacing=5.5,
            length=(2, float(chance.uniform(4, 0.3 * short + 4))),
            width=1.9,
            often=0.6,
        )
    if chance.random() < 0.45:
        inside &= ~cracks(grain, radius / float(chance.uniform(1.5, 3)), float(chance.uniform(1.5, 3.5)))
    piece = np.where(inside, MUCOSA, GLASS).astype(np.uint8)
    side = v / short + 0.35 * grain(radius / 2) + 0.12 * grain(5)
    if chance.random() < 0.45:
        piece[inside & (side > chance.uniform(0.2, 0.8))] = TISSUE
    if tumor:
        spread = u / radius + 0.6 * grain(radius / 2) + 0.2 * grain(6)
        piece[(piece == MUCOSA) & (spread > chance.uniform(-1.3, 0.3))] = TUMOR
    _lay(layout, window, piece)


def draw_polyps(chance: np.random.Generator, seed: int, layout: Layout, region: Window, first: int) -> int:
    """Draw a polyp, or two or three cuts through one, into a region; return the next free stream."""
    long, short = max(region.shape), min(region.shape)
    cuts = 1 if long < 160 else int(chance.integers(1, 4))
    radius = min(0.36 * short, 0.42 * long / max(cuts, 1.2), 260.0) * float(chance.uniform(0.75, 1))
    radius = max(radius, 0.55 * min(short, 24))
    tumor = chance.random() < 0.6
    down = direction(chance)
    for y, x, size in apart(chance, region, [1.4 * radius] * cuts, gap=0.95):
        turned = toward(chance, down, 0.6)
        _polyp(chance, seed, layout, Place(y, x, turned), size / 1.4, first, tumor=tumor)
        first += _STREAMS
    return first


def _polyp(
    chance: np.random.Generator,
    seed: int,
    layout: Layout,
    place: Place,
    radius: float,
    first: int,
    *,
    tumor: bool,
) -> None:
    """Draw a polyp: a head of lobes with a rim of epithelium around a core of stroma, and a stalk."""
    window = place.around(2.1 * radius, layout.shape)
    grain = Grain(seed, first, window)
    straight = place.axes(window)
    down, side = (
        axis + np.float32(0.1 * radius) * grain(radius / 2.2) + np.float32(0.03 * radius) * grain(radius / 7)
        for axis in straight
    )
    down = down + np.float32(0.3 * radius)  # head above the middle, stalk below
    field = _ball(down, side, 0.0, 0.0, 0.62 * radius)
    strongest, second = field.copy(), np.zeros_like(field)
    for _ in range(int(chance.integers(7, 13))):
        dy, dx = direction(chance)
        far = float(chance.uniform(0.5, 0.8)) * radius
        lobe = _ball(down, side, (dy - 0.3) * far, dx * far, float(chance.uniform(0.24, 0.42)) * radius)
        second = np.maximum(second, np.minimum(strongest, lobe))
        strongest = np.maximum(strongest, lobe)
        field = field + lobe
    head = field > 1
    fissure = (second > 0.82 * strongest) & (field < 5.0) & (grain(radius / 3) > -0.5)
    head &= ~fissure
    depth = depth_in(head)
    around = turn_of(down, side) * np.float32(1.4 * radius)
    frondlike = float(chance.uniform(0.1, 0.75)) if tumor else float(chance.uniform(0.05, 0.3))
    head &= ~clefts(
        chance,
        around + 2.5 * grain(6) + 0.05 * radius * grain(radius / 4),
        depth,
        spacing=max(0.13 * radius, 7.0),
        length=(0.1 * radius * frondlike, 0.9 * radius * frondlike),
        width=max(0.028 * radius, 2.0),
    )
    head &= (depth > 1.5) | (grain(2.5) < 0.6)
    width = radius * float(chance.uniform(0.2, 0.36)) * (1 + 0.15 * grain(radius / 3)) + 0.6 * grain(3)
    stalk = (np.abs(side) < width) & (down > 0)
    end = radius * float(chance.uniform(1.05, 1.6)) + 4 * grain(9)
    whole = head | stalk
    rim = min(float(chance.uniform(16, 26)), 0.3 * radius)
    thick = rim * float(chance.uniform(1, 2.2) if tumor else 1) * (1 + 0.3 * grain(radius / 4)) + grain(4)
    depth = depth_in(whole)
    on_head = head & (field > 1) & (down < 0.75 * radius)
    piece = np.where(whole, TISSUE, GLASS).astype(np.uint8)
    piece[whole & (depth < np.where(on_head, thick, 0.7 * rim))] = MUCOSA
    if tumor:
        sick = on_head & (down + 0.35 * radius * grain(radius / 2) < float(chance.uniform(0.1, 0.7)) * radius)
        piece[sick & (piece == MUCOSA)] = TUMOR
    piece[down > end] = GLASS
    piece[cracks(grain, radius / 2, 1.5) & (grain(radius / 2) > 0.8)] = GLASS
    _lay(layout, window, without_crumbs(piece, int(0.02 * radius * radius)))


def _ball(
    down: npt.NDArray[np.float32], side: npt.NDArray[np.float32], y: float, x: float, radius: float
) -> npt.NDArray[np.float32]:
    """Return a field that is 1 on a circle, and adds up to smooth unions."""
    square = (down - np.float32(y)) ** 2 + (side - np.float32(x)) ** 2
    share = np.float32(radius * radius) / np.maximum(square, 1)
    return np.asarray(share * share * share, np.float32)


def draw_resection(chance: np.random.Generator, seed: int, layout: Layout, region: Window, first: int) -> int:
    """Draw a strip of the wall of the bowel across a region; return the next free stream."""
    height, width = region.shape
    axis = (0.0, 1.0) if width >= height else (1.0, 0.0)
    if chance.random() < 0.5:
        axis = (-axis[0], -axis[1])  # mucosa on the other side
    diagonal = float(chance.uniform(0, 0.7)) if min(region.shape) > 0.6 * max(region.shape) else 0.15
    place = Place(
        (region.y0 + region.y1) / 2, (region.x0 + region.x1) / 2, toward(chance, axis, max(diagonal, 0.05))
    )
    window = place.around(0.75 * max(region.shape), layout.shape)
    window = window.intersect(region)
    grain = Grain(seed, first, window)
    u, v = place.axes(window)
    half = 0.46 * max(region.shape)
    # everything below scales with the room across, up to the thickness of a real wall
    room = float(np.sqrt(min(min(region.shape) / 640, 1.0)))
    unit = room * float(np.sqrt(room))
    bow = float(chance.uniform(-0.35, 0.35)) * min(region.shape) / (half * half)
    v = v + np.float32(bow) * (u * u - np.float32(0.33 * half * half))
    v = v + 22 * unit * grain(150 * unit) + 6 * unit * grain(40 * unit) + 1.2 * unit * grain(10 * unit)
    u = u + 8 * unit * grain(50 * unit)
    mucosa, submucosa, muscle, fat = (
        unit * float(chance.uniform(*limits)) for limits in ((18, 30), (25, 70), (35, 75), (20, 110))
    )
    v = v + np.float32(0.5 * (mucosa + submucosa + muscle + 0.5 * fat))
    lasting = 1 + 0.3 * grain(70 * unit)
    folds = unit * 38 * np.maximum(grain(60 * unit) - 0.25, 0) * float(chance.uniform(0.3, 1.3))
    rise = np.zeros_like(u)
    envelope = np.zeros_like(u)
    if chance.random() < 0.75:
        middle, reach = float(chance.uniform(-0.45, 0.45)) * half, float(chance.uniform(0.28, 0.65)) * half
        envelope = np.maximum(1 - ((u - np.float32(middle)) / np.float32(reach)) ** 2, 0)
        envelope = np.asarray(np.sqrt(envelope), np.float32)
        rise = envelope * (unit * float(chance.uniform(10, 110))) * (1 + 0.25 * grain(45 * unit))
        if chance.random() < 0.4:  # an ulcer
            rise = rise * (1 - np.float32(chance.uniform(0.6, 1.1)) * envelope**4)
    depth = v + folds * (envelope <= 0.2) + rise  # below the surface
    tm = mucosa * (1 + 0.2 * grain(20 * unit))
    ts = tm + (folds * (envelope <= 0.2) + rise) + submucosa * lasting
    tw = ts + muscle * (1 + 0.15 * grain(80 * unit))
    tf = tw + np.maximum(fat * (1 + 0.3 * grain(70 * unit) + 0.12 * grain(25 * unit)) + 2 * grain(5), 0)
    piece = np.full(window.shape, GLASS, np.uint8)
    piece[(depth > 0) & (depth < tf)] = TISSUE
    wall = (depth > ts) & (depth < tw)
    between = (np.abs(depth - ts - 0.62 * (tw - ts)) < 1.1 + 0.4 * grain(12)) & (tw - ts > 24)
    piece[wall & ~(between & (grain(30 * unit) > -0.4))] = MUSCLE
    piece[(depth > 0) & (depth < tm)] = MUCOSA
    if envelope.any():
        piece = _invade(chance, grain, piece, depth, envelope, tm, ts, tw, unit)
    cut = clefts(
        chance,
        u + 3 * grain(9) + 6 * unit * grain(30 * unit),
        depth,
        spacing=max(16 * unit, 6),
        length=(2 * unit, 0.7 * mucosa),
        width=max(2.6 * unit, 1.6),
        often=0.45,
    )
    deep = clefts(
        chance,
        u + 4 * grain(12) + 14 * unit * grain(40 * unit),
        depth,
        spacing=max(26 * unit, 7),
        length=(0.3 * mucosa, mucosa + 90 * unit),
        width=max(4 * unit, 2),
        often=0.8,
    )
    piece[cut | (deep & (depth < 0.75 * (rise + tm)) & (envelope > 0.15))] = GLASS
    ends = np.abs(u) + 4 * unit * grain(14 * unit) > half * float(chance.uniform(0.85, 1))
    piece[ends] = GLASS
    holes = cracks(grain, 60 * unit, 2.2) & (grain(90 * unit) > 0.7) & (piece == TISSUE)
    piece[holes] = GLASS
    _lay(layout, window, without_crumbs(piece, int(200 * unit)))
    return first + _STREAMS


def _invade(
    chance: np.random.Generator,
    grain: Grain,
    piece: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32],
    envelope: npt.NDArray[np.float32],
    tm: npt.NDArray[np.float32],
    ts: npt.NDArray[np.float32],
    tw: npt.NDArray[np.float32],
    unit: float,
) -> npt.NDArray[np.uint8]:
    """Let a tumor grow from the mucosa, in tongues, into what lies below it."""
    stage = float(chance.uniform(0, 1.15))  # 0 in the mucosa, 0.5 into the submucosa, 1 through the muscle
    deepest = tm + (np.minimum(2 * stage, 1) * (ts - tm) + max(2 * stage - 1, 0) * (tw - ts))
    tongues = 0.55 * grain(38 * unit) + 0.4 * grain(14 * unit) + 0.15 * grain(5 * unit)
    front = tm * 0.6 + (deepest - tm * 0.6) * np.minimum(1.25 * envelope, 1) * (1 + 0.5 * tongues)
    raised = (ts - tm) * np.minimum(envelope, 1)  # what rises is tumor at any stage
    reach = np.maximum(front, 0.75 * raised * (1 + 0.3 * tongues))
    inside = (envelope > 0.1) & (depth > 0) & (depth < reach)
    nests = (depth >= reach) & (depth < reach + 45 * unit) & (tongues > 0.85) & (envelope > 0.2)
    stroma = (grain(22 * unit) + 0.5 * grain(8 * unit) > 1.15) & (depth > tm)
    grown = (inside & ~stroma) | (nests & (stage > 0.2))
    out = piece.copy()
    out[inside & (piece != GLASS)] = TISSUE
    out[grown & (piece != GLASS)] = TUMOR
    return out


def _lay(layout: Layout, window: Window, piece: npt.NDArray[np.uint8]) -> None:
    """Lay a piece on the slide, over glass alone."""
    below = layout[window.slices]
    below[:] = np.where(below == GLASS, piece, below)
