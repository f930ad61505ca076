"""What the drawing thread tells; ``scene`` is the number of the canvas that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui.pyramid import Piece


@dataclass(frozen=True, eq=False)
class Patch:
    """New pixels of scene ``scene``; ``since`` is when the edit behind them came, None if there was none.

    ``done`` is the share of the work at hand that is finished, 0 to 1.
    """

    scene: int
    pieces: list[Piece]
    since: float | None
    done: float


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
    """The labels of the finished picture, and what made it."""

    scene: int
    labels: Labels
    provenance: Provenance


Report = Patch | Idle | Failed | Strays | Snapshot
