"""Sheets of slides, one a level: real tissue beside what is drawn from its parent, and synthetic tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_histosynth.io.sheet import contact_sheet
from napari_histosynth.slide.levels import um_of

if TYPE_CHECKING:
    from napari_histosynth.study.slidebench import Pixels, SlideBench

ROWS = 5
"""Rows of a sheet."""


def sheet_name(level: int, setting: str) -> str:
    """Return the file of a level's sheet: of the setting "fast" without its name."""
    return f"sheet-{level}.png" if setting == "fast" else f"sheet-{level}-{setting}.png"


def level_sheet(bench: SlideBench, level: int) -> Pixels:
    """Lay out squares of a level, uint8 (y, x, 3): held out, drawn from their parents, synthetic."""
    pieces = bench.material.pieces[level]
    held = [index for index, one in enumerate(pieces) if one.held_out]
    by_slide: dict[str, list[int]] = {}
    for number, index in enumerate(held):
        by_slide.setdefault(pieces[index].slide, []).append(number)
    turns = [some[place] for place in range(max(map(len, by_slide.values()))) for some in by_slide.values()
             if place < len(some)]  # fmt: skip
    whole = bench.whole[level]
    spread = [whole[round(row * (len(whole) - 1) / max(1, ROWS - 1))] for row in range(ROWS)]
    rows = {}
    for row, number in enumerate(turns[:ROWS]):
        index = held[number]
        title = f"{pieces[index].name}; synthetic: {spread[row].name}"
        rows[title] = [
            bench.enlarged[level][index],
            pieces[index].image,
            bench.refined[level][index],
            bench.again[level][number],
            spread[row].image,
        ]
    columns = [
        "real parent, enlarged",
        "real",
        "drawn from that parent",
        "with other noise",
        "wholly synthetic",
    ]
    footer = (
        f"Level {level}, {um_of(level):g} um per px. Synthetic: {bench.subject.name} "
        f"{bench.subject.sha256[:12]}, {bench.setting}. Never for diagnosis."
    )
    return contact_sheet(rows, columns, footer)
