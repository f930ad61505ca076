"""What a model of two stains is measured on: tissue held out by its training, cut into fields and crops."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tiles import Window
from napari_histosynth.study.asked import trained_by
from napari_histosynth.zoo import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from napari_histosynth.stain.config import StainConfig
    from napari_histosynth.stain.data import Specimen

    Pixels = npt.NDArray[np.uint8]

STAINS = ("H&E", "Ki-67")
"""The stains that are measured here: nuclei of both can be found, and the second counted."""

ALONE, TOLD = "alone", "told"
MODES = {ALONE: "by itself", TOLD: "told which nuclei are positive"}
"""How Ki-67 is drawn, and what it is called: models that can be told are measured both ways."""

TOLD_SHARE = 0.2
"""Share of the nuclei of held-out H&E that are told to be positive."""

TISSUE = 0.4
"""Least share of a field or crop that is no glass."""

_BRIGHT = 215  # mean gray level of glass and lumen
_JPEG, _OFF = 8, 3  # blocks of JPEG, and how far off their borders those of tiles are to lie, px


@dataclass(frozen=True)
class StainBudget:
    """Sizes of everything that an evaluation of two stains draws and counts.

    Attributes
    ----------
    fields : int
        Fields of H&E that are drawn as Ki-67 and back.
    shares : tuple of float
        Labelling indices that are asked for.
    steered, canvases : int
        Fields of H&E, and examples drawn by colon-3class, that they are asked for on.
    seam_side : int
        Side in px of the field whose seams are measured.
    field, crop : int
        Side in px of a field, and of what perceptual hashes and real Ki-67 are compared in.
    crops : int
        Crops of real Ki-67, at most.
    tile : int
        Side in px of the tiles whose seams are measured.
    """

    fields: int
    shares: tuple[float, ...]
    steered: int
    canvases: int
    seam_side: int
    field: int = 512
    crop: int = 192
    crops: int = 24
    tile: int = 512


BUDGETS = {
    "quick": StainBudget(8, (0.05, 0.1, 0.2, 0.3, 0.45, 0.6), 3, 2, 1536),
    "full": StainBudget(24, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6), 8, 3, 2048),
}
"""Budgets by name: some 2 and 8 minutes a model on one CPU core."""


@dataclass(frozen=True)
class StainSubject:
    """A model to evaluate, found but not loaded.

    Attributes
    ----------
    model : Path
        Its folder.
    label : str
        What it is called in tables.
    sha256 : str
        Of its weights.
    config : StainConfig
        How it was trained: what it did not see.
    data : Path
        Folder that the pictures' paths are relative to.
    """

    model: Path
    label: str
    sha256: str
    config: StainConfig
    data: Path

    def fingerprint(self) -> str:
        """Return a hash of the model, what was held out, and the names and sizes of the data's files."""
        return hashlib.sha256(f"{self.sha256} {self.material_key()}".encode()).hexdigest()

    def material_key(self) -> str:
        """Return a hash of what was held out, the scale, and the names and sizes of the data's files."""
        wanted = self.config.data
        digest = hashlib.sha256(f"{self.config.model.um_per_px}".encode())
        for section in (*wanted.first, *wanted.second):
            held_out = f"{section.um_per_px} {section.held_out} {section.held_out_right}"
            digest.update(f"{section.path} {held_out}\n".encode())
            for path in sorted(self.data.glob(section.path)):
                size = path.stat().st_size if path.is_file() else 0
                digest.update(f"{path.relative_to(self.data)} {size}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class NamedField:
    """A piece of a picture, uint8 (y, x, 3), and where it is from."""

    name: str
    image: Pixels


@dataclass(frozen=True, eq=False)
class StainMaterial:
    """Tissue that a model never saw, at its scale.

    Attributes
    ----------
    he : list of NamedField
        Square fields of H&E.
    ki67 : list of NamedField
        Square crops of real Ki-67; neighbors overlap by half.
    halves : tuple of list of NamedField
        Those of the crops that lie within either half of their picture: real against real.
    large : NamedField
        One large field of H&E.
    """

    he: list[NamedField]
    ki67: list[NamedField]
    halves: tuple[list[NamedField], list[NamedField]]
    large: NamedField


def find_stain_subject(
    model: str | Path, data: Path, config: Path | None = None, label: str | None = None
) -> StainSubject:
    """Find a model of two stains, the configuration that it was trained by, and the data.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder that the pictures' paths are relative to.
    config : Path, optional
        Training configuration, which says what was held out; ``train.toml`` in the model's folder when
        absent.
    label : str, optional
        What to call the model; its own name by default.

    Raises
    ------
    TrainingError
        If there is no configuration, it holds nothing of a stain out, or the data are missing.
    ModelError
        If there is no such model.
    """
    from napari_histosynth.stain.config import read_stain_config

    folder = find_model(model)
    if folder.card.stains != STAINS:
        does = " into ".join(folder.card.stains) or "no stain into another"
        raise TrainingError(
            f"The model {folder.name!r} turns {does}; what is measured here is {STAINS[0]} into {STAINS[1]}."
        )
    path = trained_by(folder, config)
    settings = read_stain_config(path)
    for stain, sections in zip(STAINS, (settings.data.first, settings.data.second), strict=True):
        if not any(one.held_out or one.held_out_right for one in sections):
            raise TrainingError(
                f"The configuration {path} holds no {stain} out ('held_out' and 'held_out_right' are empty); "
                "what a model was trained on cannot show how good it is."
            )
    if not data.is_dir():
        raise TrainingError(f"There is no folder {data}; give that of the pictures it was trained on.")
    return StainSubject(folder.path, label or folder.name, folder.card.sha256, settings, data)


def load_stain_material(subject: StainSubject, sizes: StainBudget) -> StainMaterial:
    """Read what a model never saw, and cut it.

    Fields are spread evenly over the pictures; which place of a picture is chosen by a fixed seed.

    Raises
    ------
    TrainingError
        If pictures are missing, or all that was held out of a stain is too small.
    """
    from napari_histosynth.stain.data import load_specimens

    um_per_px, wanted = subject.config.model.um_per_px, subject.config.data
    pictures = []
    for second, sections in enumerate((wanted.first, wanted.second)):
        found = load_specimens(
            subject.data, sections, um_per_px, second=bool(second), held_out=True, steered=False,
            say=lambda line: None,
        )  # fmt: skip
        pictures.append([at_scale(one, um_per_px) for one in found])
    he_pictures, ki67_pictures = pictures
    he = spread(he_pictures, sizes.field, sizes.field, sizes.fields)
    ki67 = spread(ki67_pictures, sizes.crop, sizes.crop // 2, sizes.crops)
    for stain, kept, side in zip(STAINS, (he, ki67), (sizes.field, sizes.crop), strict=True):
        if not kept:
            raise TrainingError(
                f"No {stain} that was held out has {side} px a side of tissue at {um_per_px:g} um per px; "
                "hold out more."
            )
    cut = [halves_of(one) for one in ki67_pictures]
    halves = tuple(
        spread([pair[half] for pair in cut], sizes.crop, sizes.crop // 2, sizes.crops) for half in (0, 1)
    )
    return StainMaterial(he, ki67, (halves[0], halves[1]), largest(he_pictures, sizes.seam_side))


def at_scale(one: Specimen, um_per_px: float) -> NamedField:
    """Return a specimen at a scale."""
    shape = [round(side * one.um_per_px / um_per_px) for side in one.image.shape[:2]]
    picture = Image.fromarray(one.image)
    if shape != list(one.image.shape[:2]):
        picture = picture.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return NamedField(one.name, np.asarray(picture))


def spread(pictures: Sequence[NamedField], side: int, step: int, most: int) -> list[NamedField]:
    """Cut squares of tissue, at most so many, taking turns between pictures.

    Parameters
    ----------
    pictures : sequence of NamedField
        Those that are too small are left out.
    side, step : int
        Of a square, and from one to the next, px.
    most : int
        Squares.
    """
    turns = [list(_squares(one, side, step, number)) for number, one in enumerate(pictures)]
    taken: list[NamedField] = []
    while len(taken) < most and any(turns):
        for squares in turns:
            if squares and len(taken) < most:
                taken.append(squares.pop(0))
    return taken


def tissue_share(rgb: Pixels) -> float:
    """Return the share of a picture, uint8 (y, x, 3), that is no glass."""
    return float((rgb.mean(axis=2) < _BRIGHT).mean())


def halves_of(one: NamedField) -> tuple[NamedField, NamedField]:
    """Cut a picture in two, across its longer side."""
    axis = int(one.image.shape[1] > one.image.shape[0])
    first, second = np.array_split(one.image, 2, axis)
    return NamedField(f"{one.name}, one half", first), NamedField(f"{one.name}, other half", second)


def largest(pictures: Sequence[NamedField], side: int) -> NamedField:
    """Cut the middle out of the picture that has most room for it, at most so many px a side.

    It begins off the blocks of JPEG: their borders would pass for seams.
    """
    best = max(pictures, key=lambda one: min(side, min(one.image.shape[:2])))
    height, width = best.image.shape[:2]
    y, x = ((max(0, length - side) // 2 // _JPEG) * _JPEG + _OFF for length in (height, width))
    return NamedField(best.name, np.ascontiguousarray(best.image[y : y + side, x : x + side]))


def _squares(one: NamedField, side: int, step: int, number: int) -> Iterator[NamedField]:
    """Yield the squares of a picture that hold tissue, in an order by chance that is always the same."""
    height, width = one.image.shape[:2]
    places = [(y, x) for y in range(0, height - side + 1, step) for x in range(0, width - side + 1, step)]
    for place in np.random.default_rng(number).permutation(len(places)):
        y, x = places[place]
        image = np.ascontiguousarray(one.image[Window(y, y + side, x, x + side).slices])
        if tissue_share(image) >= TISSUE:
            yield NamedField(f"{one.name} at {x}, {y}", image)
