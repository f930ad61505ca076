"""What the colors and shapes of a map of latents stand for: grades in their order, or sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_histosynth.latent.anchors import Anchor
    from napari_histosynth.latent.atlas import Atlas

Color = tuple[int, int, int]

#: Of the points, by source: told apart without color.
SHAPES = ("circle", "square", "triangle", "diamond")
#: Of what has no name.
UNKNOWN: Color = (150, 150, 150)

# ColorBrewer's RdYlBu from blue to red, which nobody confuses: benign is blue, malignant is red
_RAMP = ("4575b4", "74add1", "abd9e9", "fee090", "fdae61", "f46d43", "d73027")
# Okabe and Ito's colors, which people of any color vision tell apart; those that show on dark and light first
_APART = ("56b4e9", "e69f00", "009e73", "cc79a7", "f0e442", "d55e00", "0072b2")


@dataclass(frozen=True)
class KeyEntry:
    """A line of the legend.

    Attributes
    ----------
    name : str
        As the map has it; empty for what is unknown.
    color : tuple of int
        Red, green and blue, 0 to 255.
    shape : str
        One of :data:`SHAPES`: that of most of its points.
    count : int
        How many points it has.
    """

    name: str
    color: Color
    shape: str
    count: int

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name or "not graded"


@dataclass(frozen=True, eq=False)
class MapKey:
    """What colors and shapes stand for.

    Attributes
    ----------
    by : str
        "grade" or "source".
    entries : tuple of KeyEntry
        Lines of the legend, in order.
    of : ndarray
        int (n,), the entry of each point.
    shapes : tuple of str
        Shape of each point, by its source.
    """

    by: str
    entries: tuple[KeyEntry, ...]
    of: npt.NDArray[np.intp]
    shapes: tuple[str, ...]

    def color(self, number: int) -> Color:
        """Return the color of a point."""
        return self.entries[int(self.of[number])].color


def key_of(atlas: Atlas, by: str = "grade", counts_as: Mapping[str, float] | None = None) -> MapKey:
    """Return what the colors of a map stand for.

    Parameters
    ----------
    atlas : Atlas
        The map.
    by : str
        "grade" or "source".
    counts_as : mapping of str to float, optional
        What each grade counts, 0 (healthy) to 1: grades then stand in this order, and their colors go from
        blue to red by it. Grades that count the same have the same color; shapes tell them apart.

    Returns
    -------
    MapKey
        What has no grade comes last, in gray.
    """
    names = atlas.grades if by == "grade" else atlas.sources
    known = counts_as if by == "grade" and counts_as else {}
    order = sorted(set(names), key=lambda name: (not name, known.get(name, 2.0), name))
    of = np.array([order.index(name) for name in names], np.intp)
    shapes = _shapes(atlas.sources)
    entries = []
    for number, name in enumerate(order):
        members = np.flatnonzero(of == number)
        own = [shapes[i] for i in members]
        color = _color(name, number, known)
        entries.append(KeyEntry(name, color, max(sorted(set(own)), key=own.count), len(members)))
    return MapKey(by, tuple(entries), of, shapes)


def counts_of(named: Iterable[Anchor] | None) -> dict[str, float]:
    """Return what each grade counts, 0 to 1, by the named places that are grades.

    A grade that two sources name alike is a place for each: its name ends in the source, in parentheses.
    """
    found = {}
    for place in named or ():
        if place.grade is not None:
            found[place.name] = found[place.name.removesuffix(f" ({place.source})")] = place.grade
    return found


def ramp(share: float) -> Color:
    """Return the color of a grade that counts 0 to 1: blue, pale, red."""
    stops = np.array([_rgb(stop) for stop in _RAMP], np.float64)
    at = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    mixed = stops[low] + (at - low) * (stops[low + 1] - stops[low])
    red, green, blue = (round(float(level)) for level in mixed)
    return red, green, blue


def _color(name: str, number: int, known: Mapping[str, float]) -> Color:
    if not name:
        return UNKNOWN
    if known:
        return ramp(known[name]) if name in known else UNKNOWN
    return _rgb(_APART[number % len(_APART)])


def _shapes(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the shape of each point: one for each source, the most frequent sources first."""
    order = sorted(set(sources), key=lambda name: (-list(sources).count(name), name))
    return tuple(SHAPES[order.index(name) % len(SHAPES)] for name in sources)


def _rgb(color: str) -> Color:
    return int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16)
