"""What a model of layouts is measured on: windows of real label maps, of patients seen and held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.study.asked import trained_by
from napari_histosynth.study.budget import Budget
from napari_histosynth.zoo import find_model

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.layout.config import LayoutConfig
    from napari_histosynth.paint.data import Field

    Pixels = npt.NDArray[np.uint8]

SCHEME = "colon-2"
"""Scheme of the label maps that are compared: background, non-epithelium, epithelium."""

ENOUGH = 0.75
"""Share of the side of a layout that a field must have for its architecture to be compared."""


@dataclass(frozen=True)
class LayoutBudget:
    """Sizes of everything that an evaluation of a model of layouts draws and trains.

    Attributes
    ----------
    layouts, real : int
        Layouts, and real windows at most, of each grade, whose shapes are measured.
    segmented : int
        Layouts whose image channels the segmenter labels, at most; as many real windows.
    pairs : int
        Pairs whose likeness is measured, of drawn and of real.
    encoded : int
        Held-out windows that are encoded, at most.
    latents, places : int
        Latents that go along the axis of grades, and places on it.
    large, larges : int
        Side in px of large layouts, at the scale of the paint model, and how many.
    drawn, painted : int
        Pictures that each arm is trained on, and their side in px.
    arms : tuple of str
        What segmentation networks are trained on: "maps" (real label maps, painted), "layouts" (painted),
        "both".
    teaching : Budget
        Length and size of that training; only what
        :func:`~napari_histosynth.study.segmentation.train_segmenter` reads counts.
    """

    layouts: int
    real: int
    segmented: int
    pairs: int
    encoded: int
    latents: int
    places: int
    larges: int
    drawn: int
    teaching: Budget
    large: int = 2048
    painted: int = 384
    arms: tuple[str, ...] = ("maps", "layouts")


BUDGETS = {
    "quick": LayoutBudget(
        layouts=16, real=24, segmented=32, pairs=60, encoded=32, latents=8, places=9, larges=1, drawn=24,
        teaching=Budget(
            seeds=1, steps=100, drawn=24, judge_steps=(), batch=4, crop=128, widths=(12, 24, 40, 64)
        ),
    ),
    "full": LayoutBudget(
        layouts=96, real=96, segmented=160, pairs=300, encoded=64, latents=24, places=9, larges=4, drawn=160,
        teaching=Budget(seeds=2, steps=600, drawn=160, judge_steps=()), large=3072,
        arms=("maps", "layouts", "both"),
    ),
}  # fmt: skip
"""Budgets by name: some 5 and some 40 minutes on one CPU core."""


@dataclass(frozen=True)
class LayoutSubject:
    """A model to evaluate, found but not loaded.

    Attributes
    ----------
    model : Path
        Its folder.
    name : str
        Its name.
    sha256 : str
        Of its weights.
    config : LayoutConfig
        How it was trained: which patients it did not see.
    data : Path
        Folder that the sources' paths are relative to.
    """

    model: Path
    name: str
    sha256: str
    config: LayoutConfig
    data: Path

    @property
    def um_per_px(self) -> float:
        """Micrometers a pixel at which training made its labels, which is where windows are compared."""
        return self.config.model.um_per_px / self.config.data.finer

    def fingerprint(self) -> str:
        """Return a hash of the model, what was held out, and the names and sizes of the data's files."""
        digest = hashlib.sha256(f"{self.sha256} {self.config.data}".encode())
        for source in self.config.data.sources:
            folder = self.data / source.path
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Piece:
    """A window of a real field.

    Attributes
    ----------
    name, group, grade : str
        Where it is from: field, patient, and the grade in the model's words.
    image : ndarray
        uint8 (side, side, 3).
    labels : ndarray
        uint8 (side, side) of :data:`SCHEME`.
    """

    name: str
    group: str
    grade: str
    image: Pixels
    labels: Pixels


@dataclass(frozen=True)
class LayoutMaterial:
    """Real tissue at the model's scale.

    Attributes
    ----------
    trained, held_out : list of Piece
        Windows of graded fields that are large enough.
    fields : list of Field
        All that was trained on, in any size: where nearest neighbors are looked for.
    side : int
        Of the windows in px.
    """

    trained: list[Piece]
    held_out: list[Piece]
    fields: list[Field]
    side: int

    @property
    def sources(self) -> set[str]:
        """Paths of the sources whose fields are as large as the windows."""
        return {one.source for one in self.fields if min(one.labels[0].shape) >= self.side}

    @property
    def grades(self) -> tuple[str, ...]:
        """Grades of the windows, those of training patients first."""
        return tuple(dict.fromkeys(one.grade for one in (*self.trained, *self.held_out)))


def find_layout_subject(model: str | Path, data: Path, config: Path | None = None) -> LayoutSubject:
    """Find a model of layouts, the configuration that it was trained by, and the data.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder that the sources' paths are relative to.
    config : Path, optional
        Training configuration, which says who was held out; ``train.toml`` in the model's folder when absent.

    Raises
    ------
    TrainingError
        If there is no configuration, it holds nobody out, or the data are missing.
    ModelError
        If there is no such model.
    """
    from napari_histosynth.layout.config import read_layout_config

    folder = find_model(model)
    if folder.card.system != "layout":
        raise TrainingError(
            f"The model {folder.name!r} draws no layouts; choose one such as 'colon-layout', or another way "
            "to evaluate it."
        )
    if folder.card.scheme != SCHEME:
        raise TrainingError(
            f"The model {folder.name!r} draws layouts of {folder.card.scheme or 'no scheme'}; only those of "
            f"{SCHEME} can be compared with real label maps."
        )
    path = trained_by(folder, config)
    settings = read_layout_config(path)
    if not any(one.held_out or one.hold_out_one_in for one in settings.data.sources):
        raise TrainingError(
            f"The configuration {path} holds nobody out; what a model was trained on cannot show how good it "
            "is."
        )
    if not data.is_dir():
        raise TrainingError(f"There is no folder {data}; give that of the data it was trained on.")
    return LayoutSubject(folder.path, folder.name, folder.card.sha256, settings, data)


def load_layout_material(subject: LayoutSubject, size: int, kept: Path | None = None) -> LayoutMaterial:
    """Read real fields at the model's scale and cut windows out of them.

    Parameters
    ----------
    subject : LayoutSubject
        What is evaluated.
    size : int
        Side in px of what the model draws. Windows are as large, or as large as the smallest graded field
        that has :data:`ENOUGH` of it: else the small fields of a source would be left out.
    kept : Path, optional
        Where label maps that are made stay.

    Raises
    ------
    TrainingError
        If nothing graded is held out that holds a window.
    """
    both = [real_fields(subject, subject.um_per_px, held_out, kept) for held_out in (False, True)]
    sides = [min(one.labels[0].shape) for fields in both for one in fields if grade_of(one.grade)]
    side = min([size, *(each for each in sides if each >= ENOUGH * size)])
    trained, held_out = ([piece for field in fields for piece in cut_pieces(field, side)] for fields in both)
    for pieces, who in ((trained, "to train on"), (held_out, "held out")):
        if not pieces:
            raise TrainingError(
                f"No graded picture in {subject.data} that is {who} has {side} px a side at "
                f"{subject.um_per_px:g} um; give larger ones."
            )
    return LayoutMaterial(trained, held_out, both[0], side)


def real_fields(
    subject: LayoutSubject,
    um_per_px: float,
    held_out: bool,
    kept: Path | None = None,
    only: Collection[str] | None = None,
) -> list[Field]:
    """Read the fields of all sources, or of those at some paths, with label maps of :data:`SCHEME`."""
    from napari_histosynth.paint.sources import load_sources

    cache = None if kept is None else kept / f"labels-{um_per_px:g}-{'held-out' if held_out else 'trained'}"
    return load_sources(
        subject.data,
        [one for one in subject.config.data.sources if only is None or one.path in only],
        get_scheme(SCHEME),
        um_per_px,
        held_out=held_out,
        cache=cache,
    )


def cut_pieces(field: Field, size: int) -> list[Piece]:
    """Cut windows out of a field that cover it nearly once; none of one that is too small or has no grade."""
    height, width = field.labels[0].shape
    grade = grade_of(field.grade)
    if min(height, width) < size or not grade:
        return []
    rows, columns = (
        np.linspace(0, length - size, max(1, round(length / size))).round().astype(int)
        for length in (height, width)
    )
    return [
        Piece(
            f"{field.name} at {y}, {x}",
            f"{field.source} {field.group}",
            grade,
            np.ascontiguousarray(field.image[y : y + size, x : x + size]),
            np.ascontiguousarray(field.labels[-1][y : y + size, x : x + size]),
        )
        for y in rows
        for x in columns
    ]


def grade_of(named: str) -> str:
    """Return a grade or stage of a data set in the words of models."""
    from napari_histosynth.layout.config import KNOWN_AS

    return KNOWN_AS.get(named, named)


def by_grade(pieces: Sequence[Piece]) -> dict[str, list[Piece]]:
    """Return windows by their grade."""
    found: dict[str, list[Piece]] = {}
    for one in pieces:
        found.setdefault(one.grade, []).append(one)
    return found
