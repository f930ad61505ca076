"""What the drawing thread tells; ``scene`` is the number of the canvas that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui.pyramid import Pixels, Pyramid


@dataclass(frozen=True, eq=False)
class Begun:
    """The picture of scene ``scene``, into which the drawing thread writes from now on."""

    scene: int
    pyramid: Pyramid


@dataclass(frozen=True, eq=False)
class Patch:
    """There are new pixels in ``window`` of scene ``scene``.

    ``since`` is when the edit behind them came, None if there was none; ``done`` is the share of the work at
    hand that is finished, 0 to 1; ``sketch`` says that they are coarse, and will be drawn properly.
    """

    scene: int
    window: Window
    since: float | None
    done: float
    sketch: bool = False


@dataclass(frozen=True, eq=False)
class Preview:
    """There is a preview of another look in ``window`` of scene ``scene``; the picture itself is to come."""

    scene: int
    window: Window


@dataclass(frozen=True)
class Idle:
    """Nothing is left to draw, except what was put off: ``held`` pixels, about.

    ``orders`` is how many orders had been given by then; see :attr:`DrawingThread.orders`.
    """

    scene: int
    held: int
    orders: int


@dataclass(frozen=True)
class Failed:
    """Drawing failed; ``sentence`` says why. What could not be drawn is put off."""

    scene: int
    sentence: str


@dataclass(frozen=True)
class Strays:
    """Values outside the scheme, with their counts, that are drawn as background."""

    scene: int
    values: dict[int, int]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A copy of the finished picture and its labels, and what made it."""

    scene: int
    pixels: Pixels
    labels: Labels
    provenance: Provenance


Report = Begun | Patch | Preview | Idle | Failed | Strays | Snapshot


class Told:
    """Remembers what was told to the user, so that it is said once and not with each stroke."""

    def __init__(self) -> None:
        self._strays: set[int] = set()
        self._failure = ""

    def forget_strays(self) -> None:
        """Start on other labels."""
        self._strays.clear()

    def forget_failure(self) -> None:
        """Note that drawing works."""
        self._failure = ""

    def new_strays(self, report: Strays) -> dict[int, int]:
        """Return the values that were not told of yet, with their counts."""
        new = {value: count for value, count in report.values.items() if value not in self._strays}
        self._strays |= set(new)
        return new

    def is_new_failure(self, report: Failed) -> bool:
        """Return whether a failure is another than the one before."""
        new = report.sentence != self._failure
        self._failure = report.sentence
        return new
