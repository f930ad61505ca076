"""The sketch of a slide: its coarsest level, 128 um a pixel, from its layout and colors of real slides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ImageError, TrainingError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.layout import fractions
from napari_histosynth.slide.layoutclasses import CLASSES, GLASS
from napari_histosynth.slide.levels import SKETCH_LEVEL, level_shape
from napari_histosynth.slide.softnoise import STREAM, generator, soft_noise

if TYPE_CHECKING:
    import numpy.typing as npt

#: Share of a class from which a pixel tells its color, and pixels that tell it.
_PURE, _LEAST = 0.85, 8
#: How dense a class is that no slide shows, as shares of the density of all tissue: red, green, blue.
_USUAL = np.array([[0, 0, 0], [0.6, 0.75, 0.75], [1, 1, 1], [1.35, 1.15, 1.15], [0.6, 0.95, 0.8]], np.float32)
#: Pixels from bump to bump of smooth noise, and shares of the variance: neighbors correlate as real ones do
#: (0.6, 0.4, 0.25 and 0.1 over 1, 2, 4 and 8 px). The rest is of each pixel.
_SOFT = ((12.0, 0.15), (4.0, 0.3), (1.7, 0.4))
#: Standard deviations that noise reaches, and the share of its color that a class keeps at least.
_REACH, _KEPT = 2.0, 0.4
#: Percentiles of a class's density beyond which pixels are tears, debris or wrongly labeled.
_TRUSTED = (5, 97)
#: Shares of the measured variance that are drawn in glass, which is even but for debris, and in tissue, where
#: part of it is what weak labels took for another class, and what the layout draws already.
_IN_GLASS, _IN_TISSUE = 0.25, 0.5
#: Steps of the table of optical densities, a unit each, and the densest.
_STEPS, _DENSEST = 4096, 4.0
#: Streams of noise, three colors each, and the one that mixes palettes.
_MIX, _FINE, _COARSE = 0x100, 0x110, 0x120


@dataclass(frozen=True)
class Palette:
    """Colors of the classes of a layout on real slides, at the level of the sketch.

    Parameters
    ----------
    mean : ndarray
        float32 (slides, 5, 3), mean optical density (natural logarithm) of red, green and blue of each class.
    covariance : ndarray
        float32 (slides, 5, 3, 3), covariance of what is left.

    Raises
    ------
    ImageError
        If the shapes do not fit, or there is no slide.
    """

    mean: npt.NDArray[np.float32]
    covariance: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        slides = len(self.mean)
        if not slides or self.mean.shape[1:] != (CLASSES, 3):
            raise ImageError(f"A palette's means must be (slides, {CLASSES}, 3), not {self.mean.shape}.")
        if self.covariance.shape != (slides, CLASSES, 3, 3):
            raise ImageError(
                f"A palette's covariances must be ({slides}, {CLASSES}, 3, 3), not {self.covariance.shape}."
            )

    @classmethod
    def measured(cls, pictures: Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]) -> Palette:
        """Measure the colors of classes on real slides.

        A class that a slide does not show is as dense there, beside all tissue of that slide, as it is on the
        slides that do.

        Parameters
        ----------
        pictures : sequence of (rgb, fractions)
            Of each slide an overview, uint8 (y, x, 3) at the level of the sketch, and how much of each class
            its pixels hold, float32 (5, y, x).

        Returns
        -------
        Palette
            One entry a picture.

        Raises
        ------
        TrainingError
            If there is no picture, or one shows no tissue.
        """
        if not pictures:
            raise TrainingError("A palette is measured on real slides, and there is none; give one.")
        slides = len(pictures)
        mean = np.zeros((slides, CLASSES, 3), np.float32)
        covariance = np.zeros((slides, CLASSES, 3, 3), np.float32)
        shown = np.zeros((slides, CLASSES), np.bool_)
        usual = np.zeros((slides, 3), np.float32)
        for index, (rgb, shares) in enumerate(pictures):
            density = optical_density(rgb).reshape(-1, 3)
            held = shares.reshape(CLASSES, -1)
            tissue = held[GLASS] < 1 - _PURE
            if np.count_nonzero(tissue) < _LEAST:
                raise TrainingError(f"Slide {index} shows no tissue to measure a palette on; leave it out.")
            usual[index] = np.maximum(np.mean(density[tissue], axis=0), 0.02)
            for kind in range(CLASSES):
                pixels = density[held[kind] > _PURE]
                if len(pixels) >= _LEAST:
                    total = pixels.sum(1)
                    low, high = np.percentile(total, _TRUSTED)
                    pixels = pixels[(total >= low) & (total <= high)]
                    shown[index, kind] = True
                    mean[index, kind] = np.mean(pixels, axis=0)
                    covariance[index, kind] = np.cov(pixels.T)
        for kind in range(CLASSES):
            _fill(mean[:, kind], covariance[:, kind], shown[:, kind], usual, _USUAL[kind])
        return cls(mean, covariance)

    def mixed(self, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return a palette between those of two slides that the seed chooses.

        Parameters
        ----------
        seed : int
            Chooses slides and share.

        Returns
        -------
        mean : ndarray
            float32 (5, 3).
        covariance : ndarray
            float32 (5, 3, 3).
        """
        chance = generator(seed, _MIX)
        first, second = (int(chance.integers(len(self.mean))) for _ in range(2))
        share = np.float32(chance.random())

        def between(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return np.asarray((1 - share) * values[first] + share * values[second], np.float32)

        return between(self.mean), between(self.covariance)


def draw_sketch(
    layout: npt.NDArray[np.uint8], size_px: tuple[int, int], seed: int, palette: Palette
) -> npt.NDArray[np.uint8]:
    """Draw the coarsest level of a slide.

    Each class has a color of the mixed palette, which wanders over millimeters and from pixel to pixel as
    much as on real slides; a pixel lets through the mean light of the classes that it holds.

    Parameters
    ----------
    layout : ndarray
        uint8 (y, x), classes at the layout's level.
    size_px : (int, int)
        Height and width of the slide at full magnification.
    seed : int
        Chooses colors and noise.
    palette : Palette
        Of real slides.

    Returns
    -------
    ndarray
        uint8 (y, x, 3), 128 um a pixel.
    """
    window = Window.of_shape(level_shape(size_px, SKETCH_LEVEL))
    shares = fractions(layout, window, SKETCH_LEVEL)
    mean, covariance = palette.mixed(seed)
    noise = _noise(seed, window)
    light = np.zeros((*window.shape, 3), np.float32)
    for kind in range(CLASSES):
        if shares[kind].any():
            spread = _root(covariance[kind] * (_IN_GLASS if kind == GLASS else _IN_TISSUE))
            density = mean[kind] + np.stack([(noise * row).sum(2) for row in spread], axis=2)
            density = np.maximum(density, _KEPT * mean[kind])
            light += shares[kind][..., None] * light_through(density)
    return np.clip(np.rint(256 * light - 1), 0, 255).astype(np.uint8)


def _noise(seed: int, window: Window) -> npt.NDArray[np.float32]:
    """Return noise of three independent colors, float32 (y, x, 3), of variance 1."""
    colors = []
    for color in range(3):
        fine = 1 - sum(share for _, share in _SOFT)
        noise = math.sqrt(fine) * gaussian(seed, STREAM + _FINE + color, SKETCH_LEVEL, window)
        for index, (cell, share) in enumerate(_SOFT):
            noise += math.sqrt(share) * soft_noise(seed, _COARSE + 4 * index + color, window, cell)
        colors.append(np.clip(noise, -_REACH, _REACH))
    return np.stack(colors, axis=2).astype(np.float32)


def _root(covariance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the lower triangular root of a covariance, (3, 3): by hand, for the same bits everywhere."""
    root = np.zeros((3, 3))
    for row in range(3):
        for column in range(row + 1):
            rest = float(covariance[row, column]) - sum(root[row, k] * root[column, k] for k in range(column))
            if row == column:
                root[row, row] = math.sqrt(max(rest, 1e-8))
            else:
                root[row, column] = rest / root[column, column]
    return root.astype(np.float32)


def light_through(density: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the share of light let through, from a table: exponentials differ between machines."""
    table = _transmittance()
    return np.asarray(table[np.clip(np.rint(density * _STEPS), 0, len(table) - 1).astype(np.int64)])


@lru_cache(maxsize=1)
def _transmittance() -> npt.NDArray[np.float32]:
    """Return the light let through by densities in steps, with fewer digits than machines agree on."""
    return np.array([round(math.exp(-k / _STEPS), 6) for k in range(int(_DENSEST * _STEPS) + 1)], np.float32)


def _fill(
    mean: npt.NDArray[np.float32],
    covariance: npt.NDArray[np.float32],
    shown: npt.NDArray[np.bool_],
    usual: npt.NDArray[np.float32],
    share: npt.NDArray[np.float32],
) -> None:
    """Give a class, (slides, 3) and (slides, 3, 3), colors on slides that do not show it."""
    if shown.all():
        return
    relative = covariance / (usual[:, :, None] * usual[:, None, :])
    ratio = np.median((mean / usual)[shown], axis=0) if shown.any() else share
    varied = np.median(relative[shown], axis=0) if shown.any() else 0.02 * np.outer(share, share)
    for index in np.flatnonzero(~shown):
        mean[index] = ratio * usual[index]
        covariance[index] = varied * np.outer(usual[index], usual[index])
