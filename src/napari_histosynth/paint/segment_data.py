"""Crops for the training of a segmenter, varied so that it survives other laboratories and scanners."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import PICTURES, Split, load_fields, turned
from napari_histosynth.paint.regions import regions_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme


@dataclass(frozen=True)
class Exemplar:
    """A picture with what a segmenter should answer.

    Attributes
    ----------
    name, group : str
        Where it is from.
    image : ndarray
        uint8 (y, x, 3).
    regions : ndarray
        uint8 (y, x), as :func:`~napari_histosynth.paint.regions.regions_of` returns it.
    """

    name: str
    group: str
    image: npt.NDArray[np.uint8]
    regions: npt.NDArray[np.uint8]


def load_exemplars(
    directory: Path, scheme: TissueScheme, um_per_px: float, split: Split, *, held_out: bool = False
) -> list[Exemplar]:
    """Read a folder of pictures with masks or label maps.

    As :func:`~napari_histosynth.paint.data.load_fields`; nuclei and background are taken in full detail,
    glands are the masks where there are some.
    """
    from napari_histosynth.io import read_image

    found = []
    for field in load_fields(directory, scheme, um_per_px, split, held_out=held_out):
        paths = [directory / "masks" / f"{field.name}{ending}" for ending in PICTURES]
        mask = next((path for path in paths if path.exists()), None)
        drawn = any((directory / "labels" / path.name).exists() for path in paths)
        glands = None if mask is None or drawn else read_image(mask)[..., 0] > 0
        found.append(Exemplar(field.name, field.group, field.image, regions_of(field.labels[0], glands)))
    return found


class SegmentSampler:
    """Crops in all symmetries, at varied scale, stain and sharpness; batch ``step`` is always the same.

    Parameters
    ----------
    exemplars : sequence of Exemplar
        What to crop from.
    crop : int
        Side in pixels.
    batch : int
        Crops a step.
    seed : int
        Of all choices.
    zoom : tuple of float
        Least and greatest magnification.
    stain : float
        Spread of the change of stain, see :func:`vary_stain`.
    blur : float
        Share of crops whose sharpness is varied, see :func:`vary_sharpness`.
    """

    def __init__(
        self,
        exemplars: Sequence[Exemplar],
        *,
        crop: int,
        batch: int,
        seed: int = 0,
        zoom: tuple[float, float] = (0.7, 1.4),
        stain: float = 0.25,
        blur: float = 0.3,
    ) -> None:
        smallest = min(min(one.image.shape[:2]) for one in exemplars)
        if smallest * zoom[0] < crop:
            raise TrainingError(
                f"The smallest picture is {smallest} px a side, too little for crops of {crop} px at "
                f"{zoom[0]:g} times the scale."
            )
        self.exemplars = list(exemplars)
        self.crop, self.batch_size, self.seed = crop, batch, seed
        self.zoom, self.stain, self.blur = zoom, stain, blur

    def batch(self, step: int) -> dict[str, npt.NDArray[np.uint8]]:
        """Return the crops of a step.

        Returns
        -------
        dict
            ``image`` uint8 (n, crop, crop, 3); ``regions`` uint8 (n, crop, crop).
        """
        rng = np.random.default_rng((self.seed, step))
        crops = [self._crop(rng) for _ in range(self.batch_size)]
        return {
            "image": np.stack([image for image, _ in crops]),
            "regions": np.stack([regions for _, regions in crops]),
        }

    def _crop(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return a picture and its regions, (crop, crop, 3) and (crop, crop)."""
        one = self.exemplars[int(rng.integers(len(self.exemplars)))]
        low, high = np.log(self.zoom)
        side = round(self.crop / float(np.exp(rng.uniform(low, high))))
        side = min(side, *one.image.shape[:2])
        y, x = (int(rng.integers(size - side + 1)) for size in one.image.shape[:2])
        cut = np.s_[y : y + side, x : x + side]
        wanted = (self.crop, self.crop)
        picture = Image.fromarray(one.image[cut]).resize(wanted, Image.Resampling.BICUBIC)
        image = vary_stain(np.asarray(picture), rng, self.stain)
        if rng.random() < self.blur:
            image = vary_sharpness(image, rng)
        regions = np.asarray(Image.fromarray(one.regions[cut]).resize(wanted, Image.Resampling.NEAREST))
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        return turned(image, turns, flip), turned(regions, turns, flip)


def vary_stain(rgb: npt.NDArray[np.uint8], rng: np.random.Generator, spread: float) -> npt.NDArray[np.uint8]:
    """Vary the stain of a picture strongly: mix the optical densities of its channels, tint the glass.

    It goes farther than laboratories do, and channels mix, so that no stain that was read of the picture can
    follow, as it does :func:`~napari_histosynth.paint.data.jitter_stain`.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3).
    rng : Generator
        Source of the change.
    spread : float
        Standard deviation of the density of all, as a share; channels vary by half and leak into one
        another by a quarter of it, and the glass is tinted by a tenth.
    """
    if spread <= 0:
        return rgb
    density = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)[rgb]
    own = np.exp(spread * rng.standard_normal() + 0.5 * spread * rng.standard_normal(3))
    mixing = np.diag(own) + 0.25 * spread * rng.standard_normal((3, 3)) * (1 - np.eye(3))
    tint = 0.1 * spread * np.abs(rng.standard_normal(3))
    varied = density @ mixing.T.astype(np.float32) + tint.astype(np.float32)
    return np.asarray(np.clip(np.rint(256 * np.exp(-varied) - 1), 0, 255), np.uint8)


def vary_sharpness(rgb: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Blur, sharpen or compress a picture, one of the three, uint8 (y, x, 3)."""
    picture = Image.fromarray(rgb)
    kind, strength = int(rng.integers(3)), float(rng.random())
    if kind == 0:
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.3 + 1.2 * strength)))
    if kind == 1:
        return np.asarray(picture.filter(ImageFilter.UnsharpMask(1.5, round(150 * strength), 0)))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=35 + round(60 * strength), subsampling=int(rng.integers(3)))
    return np.asarray(Image.open(buffer))
