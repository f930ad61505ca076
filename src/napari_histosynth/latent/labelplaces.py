"""Where the names of places go on a map so that none covers another, nor what it names."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, width and height, in pixels."""


def place_labels(
    marks: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    area: tuple[float, float],
    *,
    gap: float = 9.0,
    reserved: Sequence[Box] = (),
) -> list[Box | None]:
    """Place a label beside each mark.

    Parameters
    ----------
    marks : sequence of tuple of float
        (x, y) in pixels; those that come first are served first.
    sizes : sequence of tuple of float
        Width and height of each label.
    area : tuple of float
        Width and height of what may be written on.
    gap : float
        From the middle of a mark to its label.
    reserved : sequence of Box
        What must not be covered besides.

    Returns
    -------
    list of Box or None
        One for each mark; None where a label would cover something, or the mark is out of sight.
    """
    taken = [*reserved, *((x - gap / 2, y - gap / 2, gap, gap) for x, y in marks)]
    placed: list[Box | None] = []
    for number, ((x, y), (width, height)) in enumerate(zip(marks, sizes, strict=True)):
        own = len(reserved) + number
        if not (0 <= x <= area[0] and 0 <= y <= area[1]):
            placed.append(None)
            continue
        others = taken[:own] + taken[own + 1 :]
        best = None
        for box in _candidates(x, y, width, height, gap):
            inside = box[0] >= 0 and box[1] >= 0 and box[0] + width <= area[0] and box[1] + height <= area[1]
            if inside and not any(_overlap(box, other) for other in others):
                best = box
                break
        placed.append(best)
        if best is not None:
            taken.append(best)
    return placed


def _candidates(x: float, y: float, width: float, height: float, gap: float) -> list[Box]:
    """Return where a label may go, the best first: right, left, above, below, then slanted and farther."""
    found: list[Box] = []
    for away in (gap, 2.2 * gap, 3.6 * gap):
        near = away * 0.7
        found += [
            (x + away, y - height / 2, width, height),
            (x - away - width, y - height / 2, width, height),
            (x - width / 2, y - away - height, width, height),
            (x - width / 2, y + away, width, height),
            (x + near, y - near - height, width, height),
            (x + near, y + near, width, height),
            (x - near - width, y - near - height, width, height),
            (x - near - width, y + near, width, height),
        ]
    return found


def _overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes have any area in common."""
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
