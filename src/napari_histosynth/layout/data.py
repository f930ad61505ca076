"""Crops of pictures with segmentation maps for the progressive GAN: a batch is a function of the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.layout.config import KNOWN_AS
from napari_histosynth.paint.data import Field, draw_density, scale_density, turned

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.layout.config import LayoutConfig


@dataclass(frozen=True)
class Pair:
    """A picture with its segmentation maps, at the model's scale.

    Attributes
    ----------
    name, group : str
        Where it is from.
    image : ndarray
        uint8 (y, x, 3), or float32 (y, x, channels) in [-1, 1].
    maps : ndarray
        uint8 (y, x, maps), 0 or 1 each; maps may overlap.
    grade : int
        Index into the model's grades; -1 where it is not known.
    share : float
        Chance of a crop, relative to the others.
    """

    name: str
    group: str
    image: npt.NDArray[Any]
    maps: npt.NDArray[np.uint8]
    grade: int = -1
    share: float = 1.0


def load_pairs(
    directory: Path,
    config: LayoutConfig,
    *,
    held_out: bool = False,
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Pair]:
    """Read what a run trains on, or what it holds out.

    Parameters
    ----------
    directory : Path
        What the paths of the configuration are relative to.
    config : LayoutConfig
        The run.
    held_out : bool
        Whether to read what is held out instead of the rest.
    cache : Path, optional
        Folder that keeps label maps which are made by rules.
    say : callable, optional
        Takes lines of progress.

    Raises
    ------
    TrainingError
        If a folder or a mask is missing, a grade is none of the model's, or nothing is left.
    """
    if config.data.arrays:
        return load_arrays(directory / config.data.arrays, config, held_out=held_out)
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.paint.sources import load_sources

    model = config.model
    fields = load_sources(
        directory,
        config.data.sources,
        get_scheme(model.scheme),
        model.um_per_px / config.data.finer,
        held_out=held_out,
        cache=cache,
        say=say,
    )
    return [pair_of_field(field, config) for field in fields]


def pair_of_field(field: Field, config: LayoutConfig) -> Pair:
    """Return a field of a source with its least detailed labels, one map a class.

    Small lumina, goblets and clefts are left to what paints the layout.
    """
    count = config.model.segmentation_channels
    maps = np.stack([field.labels[-1] == k for k in range(count)], 2) if count else _none(field.image)
    grade = grade_index(field.grade, config.model.grades, field.name)
    return Pair(field.name, field.group, field.image, maps.astype(np.uint8), grade, field.share)


def load_arrays(folder: Path, config: LayoutConfig, *, held_out: bool = False) -> list[Pair]:
    """Read a folder of arrays: pictures of any channels with segmentation maps that may overlap.

    Each ``NAME.npz`` holds ``image``, float (channels, y, x) in [-1, 1]; ``segmentation``, (maps, y, x), 0 or
    1, unless the model draws none; and ``grade``, a string, if the model knows grades. This is how the
    paper's four MR modalities with three maps of a tumor come in.

    Raises
    ------
    TrainingError
        If there is no such folder or file, or its channels are not those of the model.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise TrainingError(f"There is no folder {folder} with NAME.npz, which data.arrays names.")
    pairs = [_read_arrays(path, config) for path in files if (path.stem in config.data.held_out) == held_out]
    if not pairs:
        raise TrainingError(f"No array in {folder} is left {'held out' if held_out else 'to train on'}.")
    return pairs


def grade_index(grade: str, grades: Sequence[str], name: str) -> int:
    """Return which of the model's grades a source's word means; -1 where there is no word.

    Raises
    ------
    TrainingError
        If it is none of them.
    """
    if not grades or not grade:
        return -1
    known = KNOWN_AS.get(grade, grade)
    if known not in grades:
        raise TrainingError(
            f"The grade {grade!r} of {name!r} is none of the model's, which are {', '.join(grades)}."
        )
    return grades.index(known)


class PairSampler:
    """Crops of the last stage's size, reduced to that of a step's stage; batch ``step`` is always the same.

    Parameters
    ----------
    config : LayoutConfig
        The run.
    pairs : sequence of Pair
        What to crop from. What is smaller than a crop is mirrored beyond its borders, at random sides.
    """

    def __init__(self, config: LayoutConfig, pairs: Sequence[Pair]) -> None:
        self.config, self.pairs = config, list(pairs)
        self.size = config.model.size * config.data.finer
        for pair in self.pairs:
            if 3 * min(pair.maps.shape[:2]) < self.size:
                raise TrainingError(
                    f"{pair.name!r} is too small, {pair.maps.shape[1]} x {pair.maps.shape[0]} px at "
                    f"{config.model.um_per_px / config.data.finer:g} um a pixel, for crops of {self.size} px."
                )
        shares = np.array([pair.share for pair in self.pairs], float)
        self._shares = shares / shares.sum()
        self._grades = sorted({pair.grade for pair in self.pairs})
        self._kept: dict[int, npt.NDArray[np.float32]] = {}

    def batch(self, step: int) -> dict[str, npt.NDArray[np.float32]]:
        """Return the crops of a step.

        Returns
        -------
        dict
            ``pictures`` float32 (n, channels, s, s) in [-1, 1], s that of the stage, segmentation maps
            averaged as pictures are; ``grade`` float32 (n, grades), weights that sum up to 1.
        """
        phase = self.config.phase_at(step)
        size = phase.size
        rng = np.random.default_rng((self.config.loop.seed, step))
        drawn = [self._draw(rng) for _ in range(phase.batch)]
        flow = self.config.flows.get(phase.kind)
        bend = flow.warp if flow else 0.0
        return {
            "pictures": np.stack(
                [self._bent(rng, pair, size, bend) if bend else self._crop(rng, pair, size) for pair in drawn]
            ),
            "grade": np.stack([self._weights(pair) for pair in drawn]),
        }

    def _draw(self, rng: np.random.Generator) -> Pair:
        shares = self._shares
        if rng.random() < self.config.data.by_grade:
            grade = self._grades[int(rng.integers(len(self._grades)))]
            shares = shares * [pair.grade == grade for pair in self.pairs]
            shares = shares / shares.sum()
        return self.pairs[int(rng.choice(len(self.pairs), p=shares))]

    def _crop(self, rng: np.random.Generator, pair: Pair, size: int) -> npt.NDArray[np.float32]:
        factor = self.size // size  # from what is read to what the stage sees
        part = tuple(_span(rng, length, self.size) for length in pair.maps.shape[:2])
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        scale = draw_density(rng, self.config.data.jitter)
        image = pair.image[np.ix_(*part)]
        if image.dtype == np.uint8:
            image = averaged(scale_density(image, scale), factor) / 127.5 - 1
        else:
            image = averaged(image, factor)
        maps = 2 * averaged(pair.maps[np.ix_(*part)], factor) - 1
        return _channels_first(turned(np.concatenate([image, maps], 2), turns, flip))

    def _bent(self, rng: np.random.Generator, pair: Pair, size: int, bend: float) -> npt.NDArray[np.float32]:
        """Return a crop that is turned, scaled and bent, too, read from a picture twice as fine or finer."""
        from napari_histosynth.layout.warp import warped

        factor = self.size // size
        first = 2 if factor > 2 and factor % 2 == 0 else 1
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        scale = draw_density(rng, self.config.data.jitter)
        planes = self._reduced(pair, first)
        made = averaged(warped(rng, planes, self.size // first, bend), factor // first)
        channels = pair.image.shape[2]
        image, maps = made[..., :channels], 2 * made[..., channels:] - 1
        if pair.image.dtype == np.uint8:
            bright = scale_density(np.rint(image).astype(np.uint8), scale)
            image = bright.astype(np.float32) / 127.5 - 1
        return _channels_first(turned(np.concatenate([image, maps], 2), turns, flip))

    def _reduced(self, pair: Pair, factor: int) -> npt.NDArray[np.float32]:
        """Return image and maps of a pair, averaged, (y, x, channels); what is smaller is kept for later."""
        if factor == 1:
            return np.concatenate([pair.image, pair.maps], 2).astype(np.float32)
        if id(pair) not in self._kept:
            height, width = (length // factor * factor for length in pair.maps.shape[:2])
            both = [averaged(part[:height, :width], factor) for part in (pair.image, pair.maps)]
            self._kept[id(pair)] = np.concatenate(both, 2)
        return self._kept[id(pair)]

    def _weights(self, pair: Pair) -> npt.NDArray[np.float32]:
        grades = len(self.config.model.grades)
        if pair.grade < 0:
            return np.full(grades, 1 / max(grades, 1), np.float32)
        weights = np.zeros(grades, np.float32)
        weights[pair.grade] = 1
        return weights


def _channels_first(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return planes, (y, x, channels), as (channels, y, x)."""
    return np.ascontiguousarray(np.moveaxis(planes, 2, 0), np.float32)


def averaged(picture: npt.NDArray[Any], factor: int) -> npt.NDArray[np.float32]:
    """Average blocks of ``factor`` x ``factor`` pixels of a picture, (y, x, channels)."""
    if factor == 1:
        return picture.astype(np.float32)
    height, width, channels = picture.shape
    # rows first, which are long, contiguous sums: several times faster than both axes at once
    rows = picture.reshape(height // factor, factor, width * channels).mean(1, dtype=np.float32)
    blocks = rows.reshape(height // factor, width // factor, factor, channels)
    return np.asarray(blocks.mean(2, dtype=np.float32))


def _span(rng: np.random.Generator, length: int, size: int) -> npt.NDArray[np.int64]:
    """Return the rows or columns of a crop; beyond the border of a picture they come back mirrored."""
    if length >= size:
        return int(rng.integers(length - size + 1)) + np.arange(size)
    places = np.arange(size) - int(rng.integers(size - length + 1))
    folded = np.mod(places, 2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def _none(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.zeros((*image.shape[:2], 0), np.uint8)


def _read_arrays(path: Path, config: LayoutConfig) -> Pair:
    model = config.model
    try:
        with np.load(path) as file:
            found: Mapping[str, npt.NDArray[Any]] = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read as NumPy arrays ({error}); write it anew.") from error
    count = model.segmentation_channels
    for name, channels in (("image", model.image), ("segmentation", count)):
        if channels and (name not in found or found[name].ndim != 3 or len(found[name]) != channels):
            raise TrainingError(f"{path} needs an array {name!r} of shape ({channels}, y, x).")
    image = np.ascontiguousarray(np.moveaxis(found["image"], 0, 2), np.float32)
    maps = (np.moveaxis(found["segmentation"], 0, 2) > 0).astype(np.uint8) if count else _none(image)
    if maps.shape[:2] != image.shape[:2]:
        raise TrainingError(f"In {path} the image and the segmentation differ in size.")
    grade = grade_index(str(found.get("grade", "")), model.grades, path.stem)
    return Pair(path.stem, path.stem, image, maps, grade)
