"""What is said of a picture, a named place, or a place in between on the map of looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_histosynth.latent.anchors import Anchor, Anchors
    from napari_histosynth.latent.atlas import Atlas

_AROUND = 4


def picture_title(atlas: Atlas, number: int) -> str:
    """Return the grade of a picture."""
    return atlas.grades[number] or "not graded"


def picture_lines(atlas: Atlas, number: int) -> list[str]:
    """Return where a picture is from, and which it is."""
    return [atlas.sources[number] or "unknown source", f"picture {number + 1} of {len(atlas)}"]


def place_lines(place: Anchor) -> list[str]:
    """Return what a named place is."""
    count = f"mean of {place.pictures} pictures" if place.pictures > 1 else "one look"
    return [line for line in ("named place", count, place.source) if line]


def between_lines(atlas: Atlas, style: npt.NDArray[np.float32]) -> list[str]:
    """Return the grades around a place that is none of a picture's, the nearest first."""
    around = [picture_title(atlas, int(number)) for number in atlas.nearest(style, _AROUND)]
    return ["mixed of:", *dict.fromkeys(around)]


def present_lines(atlas: Atlas, named: Anchors, style: npt.NDArray[np.float32]) -> list[str]:
    """Return what the present look is most like."""
    lines = [f"most like: {picture_title(atlas, int(atlas.nearest(style, 1)[0]))}"]
    if len(named):
        lines.append(f"nearest name: {named.nearest(style)[0][0].name}")
    return lines
