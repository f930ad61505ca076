"""Sheets of pictures of a model of two stains: cycles with residual maps, and indices asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.io.sheet import TILE_PX, contact_sheet
from napari_histosynth.study.stainmaterial import TOLD_SHARE
from napari_histosynth.study.stainsimilarity import residual_map

if TYPE_CHECKING:
    from napari_histosynth.study.stainbench import Pixels, StainBench
    from napari_histosynth.study.stainmaterial import StainSubject

ROWS_HE, ROWS_KI67 = 4, 3
"""Pictures of either direction on the sheet of cycles."""


def cycle_name(label: str) -> str:
    """Return the file of a model's sheet of cycles."""
    return f"cycle-{key_of(label)}.png"


def steered_name(label: str) -> str:
    """Return the file of a model's sheet of indices asked for."""
    return f"steered-{key_of(label)}.png"


def key_of(label: str) -> str:
    """Return a label as part of a file name: letters, digits, dots and hyphens."""
    return re.sub(r"[^\w.]+", "-", label.replace("&", "")).strip("-").lower()


def cycle_sheet(bench: StainBench) -> Pixels:
    """Lay out pictures, the other stain, back, and what differs (figure 4), uint8 (y, x, 3)."""
    rows: dict[str, list[Pixels]] = {}
    for number, one in enumerate(bench.material.he[:ROWS_HE]):
        he = bench.he[number]
        again = bench.he_again[number] if bench.returns else None
        rows[f"H&E, {one.name}"] = _row(he, bench.as_ki67[number], again)
        if bench.steered:
            again = bench.he_again_told[number] if bench.returns else None
            title = f"{one.name}, told that {TOLD_SHARE:.0%} of its nuclei are positive"
            rows[title] = _row(he, bench.as_ki67_told[number], again)
    if bench.returns:
        returned = bench.ki67_again_told if bench.steered else bench.ki67_again
        told = ", told its nuclei" if bench.steered else ""
        for number, one in enumerate(bench.material.ki67[:ROWS_KI67]):
            rows[f"Ki-67, {one.name}{told}"] = _row(bench.ki67[number], bench.as_he[number], returned[number])
    columns = ["real", "in the other stain", "and back", "residual"]
    return contact_sheet(rows, columns[: len(next(iter(rows.values())))], _footer(bench.subject))


def steered_sheet(
    shown: Mapping[str, Sequence[Pixels]], rows: Sequence[Mapping[str, Any]], subject: StainSubject
) -> Pixels:
    """Lay out H&E and the Ki-67 drawn from it, one column an index asked for.

    Parameters
    ----------
    shown : mapping of str to sequence of ndarray
        By title, H&E and what was drawn, uint8 (y, x, 3).
    rows : sequence of mapping
        What was asked for and counted, in the same order.
    subject : StainSubject
        Which model.
    """
    pictures = {}
    each = len(next(iter(shown.values()))) - 1
    for number, (title, series) in enumerate(shown.items()):
        own = rows[number * each : (number + 1) * each]
        counted = ", ".join(f"{row['asked']:.0%}: {row['counted']:.0%}" for row in own)
        pictures[f"{title}; asked: counted {counted}"] = [middle(one) for one in series]
    columns = ["H&E", *(f"{row['asked']:.0%} asked for" for row in rows[:each])]
    return contact_sheet(pictures, columns, _footer(subject))


def middle(picture: Pixels) -> Pixels:
    """Return the middle of a picture, square, pixel by pixel where there are as many as the sheet shows."""
    side = min(TILE_PX, *picture.shape[:2])
    y, x = ((length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def _row(real: Pixels, drawn: Pixels, again: Pixels | None) -> list[Pixels]:
    pictures = [real, drawn] if again is None else [real, drawn, again, residual_map(real, again)]
    return [middle(one) for one in pictures]


def _footer(subject: StainSubject) -> str:
    return f"Synthetic: {subject.label} {subject.sha256[:12]}, on tissue held out. Never for diagnosis."
