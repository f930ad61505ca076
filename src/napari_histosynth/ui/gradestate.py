"""Where a grade slider is, and how one says that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.latent.anchors import Anchors

    Numbers = npt.NDArray[np.float32]

_HERE = 0.0005  # share of the way from which on one is elsewhere: half of what is shown of it


@dataclass(frozen=True, eq=False)
class Carried:
    """A style that the way is applied to, and what it is called.

    Attributes
    ----------
    style : ndarray
        float32 (d,).
    name : str
        For people.
    start : ndarray or None
        float32 (d,), what classes of strength 0 keep, where that is not the style itself: of a look that came
        with strengths by class.
    """

    style: Numbers
    name: str
    start: Numbers | None = None


@dataclass(frozen=True, eq=False)
class GradeState:
    """Where a :class:`~napari_histosynth.ui.gradedesk.GradeDesk` is.

    Attributes
    ----------
    ends, share, spherical, strengths
        As of the desk.
    carried : Carried or None
        Style that the way is applied to.
    corners : tuple or None
        Names and weights of the places that one is between on the pad.
    stain : ndarray or None
        float32 (9,), the stain that was set.
    """

    ends: tuple[str, str]
    share: float
    spherical: bool
    strengths: dict[int, float]
    carried: Carried | None
    corners: tuple[tuple[str, ...], tuple[float, ...]] | None
    stain: Numbers | None

    def caption(self, t: float) -> str:
        """Return in words where a share of the way is; empty where there is neither way nor style."""
        if self.corners is not None:
            pairs = zip(*self.corners, strict=True)
            return ", ".join(f"{weight:.0%} {name}" for name, weight in pairs if weight >= 0.005)
        first, second = self.ends
        start = "" if self.carried is None else self.carried.name
        if not first or (self.carried is not None and abs(t) < _HERE):
            return start
        if self.carried is not None:
            return f"{start}, {t:+.0%} of {first} to {second}"
        if min(abs(t), abs(t - 1)) < _HERE:
            return first if t < 0.5 else second
        return f"{t:.0%} from {first} to {second}"


def outer_grades(anchors: Anchors) -> tuple[str, str]:
    """Return the lowest and the highest grade of the first source that has two; else any places, or none."""
    for source in dict.fromkeys(place.source for place in anchors):
        graded = sorted(
            (place for place in anchors if place.grade is not None and place.source == source),
            key=lambda place: place.grade or 0,
        )
        if len(graded) > 1:
            return graded[0].name, graded[-1].name
    names = anchors.names
    return (names[0], names[-1]) if len(names) > 1 else ("", "")
