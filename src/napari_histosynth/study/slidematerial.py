"""What a model of slides is measured on: tiles of real slides at every magnification, some held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.slide.levels import DRAWN, LAYOUT_LEVEL, STEP, TILE
from napari_histosynth.study.asked import trained_by
from napari_histosynth.study.stainmaterial import tissue_share
from napari_histosynth.zoo import find_model

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.config import SlideConfig
    from napari_histosynth.slide.data import Child, RealSlide

    Pixels = npt.NDArray[np.uint8]

#: Levels that are measured, coarse to fine, and the share of a tile that is no glass, at least.
MEASURED = DRAWN[1:]
TISSUE = {6: 0.25, 4: 0.4, 2: 0.5, 0: 0.5}
#: Where in a tile of the lattice a square lies, so that one tile draws it.
INSET = 16


@dataclass(frozen=True)
class SlideBudget:
    """Sizes of everything that an evaluation of a model of slides draws.

    Attributes
    ----------
    slides, side : int
        Synthetic slides, and their side in px.
    tiles, real : int
        Squares a level of each synthetic and each real slide, at most.
    steps : tuple of int
        After how many steps of learning drawn and real are told apart.
    judged : int
        Crops that are told apart.
    rounds, halvings : int
        Divisions of the real slides in two: to be told apart, and for Fréchet distances.
    fields, field : int
        Large fields a level whose coherence and seams are measured, and their side in px.
    places : int
        Tiles of a slide at either fine level, at random places, whose evaluations are counted.
    cost_side : int
        Side in px of the slide whose cost is measured.
    tile : int
        Side in px of a square.
    lattice : int
        From one square of a level to the next, px: of every tile one, or of every second.
    apart : bool
        Whether cost is measured in a process of its own, whose memory holds nothing else.
    """

    slides: int
    tiles: int
    real: int
    steps: tuple[int, ...]
    judged: int
    rounds: int
    halvings: int
    fields: int
    places: int
    side: int = 40_960
    field: int = 768
    cost_side: int = 40_960
    tile: int = 224
    lattice: int = TILE
    apart: bool = True

    def small(self) -> SlideBudget:
        """Return the budget of a setting that takes many evaluations a tile.

        Squares lie in every second row and column of tiles: those are drawn before their neighbors.
        """
        return replace(
            self,
            slides=max(2, self.slides // 3),
            tiles=max(2, self.tiles // 2),
            real=max(1, self.real // 2),
            fields=1,
            field=min(self.field, 2 * TILE),
            places=max(1, self.places // 8),
            lattice=2 * TILE,
        )  # fmt: skip


BUDGETS = {
    "quick": SlideBudget(4, 5, 4, (80,), 400, 1, 20, 2, 24),
    "full": SlideBudget(12, 8, 10, (100, 300), 1000, 3, 40, 6, 80),
}
"""Budgets by name: some 5 and 30 minutes on one CPU core."""


@dataclass(frozen=True)
class SlideSubject:
    """A model to evaluate, found but not loaded.

    Attributes
    ----------
    model : Path
        Its folder.
    name : str
        Its name.
    sha256 : str
        Of its weights.
    config : SlideConfig
        How it was trained: which slides it did not see.
    data : Path
        Folder that the slides' path is relative to.
    """

    model: Path
    name: str
    sha256: str
    config: SlideConfig
    data: Path

    def fingerprint(self) -> str:
        """Return a hash of the model, what was held out, and the names and sizes of the data's files."""
        section = self.config.data
        digest = hashlib.sha256(f"{self.sha256} {section.path} {section.held_out}".encode())
        digest.update(f"{section.tumor} {section.muscle}".encode())
        folder = self.data / section.path
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Parent:
    """A real picture as the level before shows it, and the layout of the place.

    Attributes
    ----------
    level : int
        Of the picture that is drawn from it.
    image : ndarray
        uint8 (y, x, 3) at ``level + 2``.
    layout : ndarray
        uint8 (y, x), classes at the layout's level.
    """

    level: int
    image: Pixels
    layout: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px of level 0."""
        height, width = (STEP * side * 2**self.level for side in self.image.shape[:2])
        return height, width


@dataclass(frozen=True, eq=False)
class Piece:
    """A square of a real slide.

    Attributes
    ----------
    name, slide : str
        Where it is from.
    held_out : bool
        Whether the model did not see the slide.
    image : ndarray
        uint8 (tile, tile, 3).
    parent : Parent
        Of the picture that it was cut from.
    corner : tuple of int
        Row and column in that picture.
    """

    name: str
    slide: str
    held_out: bool
    image: Pixels
    parent: Parent
    corner: tuple[int, int]


@dataclass(frozen=True, eq=False)
class SlideMaterial:
    """Squares of real slides by level."""

    pieces: dict[int, list[Piece]] = field(default_factory=dict)

    @property
    def slides(self) -> dict[bool, list[str]]:
        """Names of the slides, those that were seen and those that were held out."""
        names = {(one.held_out, one.slide) for some in self.pieces.values() for one in some}
        return {
            held_out: sorted(name for held, name in names if held == held_out) for held_out in (False, True)
        }

    def held_out(self, level: int) -> list[Piece]:
        """Return the squares of a level that the model did not see."""
        return [one for one in self.pieces[level] if one.held_out]


def find_slide_subject(model: str | Path, data: Path, config: Path | None = None) -> SlideSubject:
    """Find a model of slides, the configuration that it was trained by, and the data.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder that the slides' path is relative to.
    config : Path, optional
        Training configuration, which says what was held out; ``train.toml`` in the model's folder when
        absent.

    Raises
    ------
    TrainingError
        If there is no configuration, it holds fewer than two slides out, or the data are missing.
    ModelError
        If there is no such model.
    """
    from napari_histosynth.slide.config import read_slide_config

    folder = find_model(model)
    if folder.card.system != "slide":
        raise TrainingError(
            f"The model {folder.name!r} draws no slides; choose one such as 'colon-slide', or another way to "
            "evaluate it."
        )
    path = trained_by(folder, config)
    settings = read_slide_config(path)
    if len(settings.data.held_out) < 2:
        raise TrainingError(
            f"The configuration {path} holds {len(settings.data.held_out)} slides out; real is compared with "
            "real between slides, so hold out two or more."
        )
    if not data.is_dir():
        raise TrainingError(f"There is no folder {data}; give that of the slides it was trained on.")
    return SlideSubject(folder.path, folder.name, folder.card.sha256, settings, data)


def load_slide_material(subject: SlideSubject, sizes: SlideBudget) -> SlideMaterial:
    """Read the real slides, and cut squares of tissue of every level, in turns from a slide's pictures.

    Raises
    ------
    TrainingError
        If slides are missing, or hold no tissue at a level.
    """
    from napari_histosynth.slide.data import load_slides

    pieces: dict[int, list[Piece]] = {level: [] for level in MEASURED}
    for held_out in (False, True):
        slides, children = load_slides(subject.data, subject.config, held_out=held_out)
        for slide in slides:
            own = [child for child in children if child.slide == slide.name]
            for step, level in enumerate(MEASURED):
                some = [child for child in own if child.step == step]
                pieces[level] += _cut(slide, some, level, held_out, sizes)
    found = SlideMaterial(pieces)
    for level in MEASURED:
        if len({one.slide for one in found.held_out(level)}) < 2 or not any(
            not one.held_out for one in pieces[level]
        ):
            raise TrainingError(
                f"Too few slides in {subject.data} have {sizes.tile} px a side of tissue at level {level}; "
                "give larger ones, or hold out others."
            )
    return found


def corners(shape: tuple[int, ...], level: int, tile: int, lattice: int = TILE) -> list[tuple[int, int]]:
    """Return where squares of a level may lie: one in each tile of the lattice, closer on level 6."""
    step, inset = (tile // 2, 0) if level == LAYOUT_LEVEL else (lattice, INSET)
    if tile + 2 * INSET > TILE:
        inset = 0
    rows, cols = (range(inset, side - tile + 1, step) for side in shape[:2])
    return [(y, x) for y in rows for x in cols]


def layout_share(layout: Pixels, level: int, corner: tuple[int, int], side: int) -> float:
    """Return the share of a square of a level that the layout says is no glass."""
    scale = 2 ** (LAYOUT_LEVEL - level)
    (top, left), reach = ((at // scale) for at in corner), max(1, side // scale)
    return float((layout[top : top + reach, left : left + reach] != 0).mean())


def _cut(
    slide: RealSlide, children: Sequence[Child], level: int, held_out: bool, sizes: SlideBudget
) -> list[Piece]:
    turns = [_squares(slide, child, number, level, held_out, sizes) for number, child in enumerate(children)]
    taken: list[Piece] = []
    while turns and len(taken) < sizes.real:
        for squares in list(turns):
            piece = next(squares, None)
            if piece is None:
                turns.remove(squares)
            elif len(taken) < sizes.real:
                taken.append(piece)
    return taken


def _squares(
    slide: RealSlide, child: Child, number: int, level: int, held_out: bool, sizes: SlideBudget
) -> Iterator[Piece]:
    """Yield the squares of a picture that hold tissue, in an order by chance that is always the same."""
    from napari_histosynth.slide.data import reduced

    tile = sizes.tile
    places = corners(child.image.shape, level, tile, sizes.lattice)
    parent: Parent | None = None
    for place in np.random.default_rng(number).permutation(len(places)):
        y, x = places[place]
        image = np.ascontiguousarray(child.image[y : y + tile, x : x + tile])
        if tissue_share(image) < TISSUE[level]:
            continue
        if parent is None:
            parent = Parent(level, reduced(child.image), _layout_of(slide, child, level))
        yield Piece(f"{slide.name} at {y}, {x} of {number + 1}", slide.name, held_out, image, parent, (y, x))


def _layout_of(slide: RealSlide, child: Child, level: int) -> Pixels:
    """Return the layout of a picture at the layout's level: the most frequent class, where it is coarser."""
    if level == LAYOUT_LEVEL:  # the picture is the overview, from its corner
        return np.ascontiguousarray(slide.layout[: child.image.shape[0], : child.image.shape[1]])
    side = 2 ** (LAYOUT_LEVEL - level - 2)
    pads = [(0, -length % side) for length in child.layout.shape[:2]]
    held = np.pad(child.layout, [*pads, (0, 0)], mode="edge").astype(np.float32)
    rows, cols = held.shape[0] // side, held.shape[1] // side
    return np.asarray(held.reshape(rows, side, cols, side, -1).mean((1, 3)).argmax(2), np.uint8)
