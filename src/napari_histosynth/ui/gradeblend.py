"""Of which looks a preview of the grade slider is mixed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from napari_histosynth.latent.space import BEYOND

if TYPE_CHECKING:
    from napari_histosynth.ui.gradedesk import GradeDesk
    from napari_histosynth.ui.look import Look

    Blend = list[tuple[float, Look]]

#: Shares of the way whose looks are drawn, so that those between can be mixed.
DRAWN = (-BEYOND, 0.0, 0.5, 1.0, 1 + BEYOND)


def blend_for(
    desk: GradeDesk, corners: tuple[tuple[str, ...], tuple[float, ...]] | None, value: int | None
) -> Blend:
    """Return the looks that a preview can be mixed of, and how much of each; none if there are none.

    Parameters
    ----------
    desk : GradeDesk
        What is moved.
    corners : tuple, optional
        Names and weights of the places that one is between on a pad.
    value : int, optional
        Class whose strength is moved.
    """
    if value is not None:
        return blend_of_strength(desk, value)
    if corners is not None:
        return blend_of_corners(desk, *corners)
    return [] if desk.way() is None else blend_along(desk)


def blend_along(desk: GradeDesk) -> Blend:
    """Return the looks before and after a share of the way, and how much of each."""
    low, high = next(pair for pair in pairwise(DRAWN) if desk.share <= pair[1])
    share = (desk.share - low) / (high - low)
    return [(1 - share, desk.look(low)), (share, desk.look(high))]


def blend_of_corners(desk: GradeDesk, names: tuple[str, ...], weights: tuple[float, ...]) -> Blend:
    """Return the looks at the corners of a pad, and how much of each."""
    return [
        (weight, desk.look(style=desk.anchors[name].style))
        for name, weight in zip(names, weights, strict=True)
    ]


def blend_of_strength(desk: GradeDesk, value: int) -> Blend:
    """Return the looks with no strength of a class and with all of it, and how much of each."""
    strength = desk.strengths.get(value, 1.0)
    none, full = ({**desk.strengths, value: end} for end in (0.0, 1.0))
    return [(1 - strength, desk.look(strengths=none)), (strength, desk.look(strengths=full))]
