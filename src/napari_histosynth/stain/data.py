"""Crops of two stains for training; nothing is paired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.segment_data import vary_stain
from napari_histosynth.stain.colors import DAB, HEMATOXYLIN
from napari_histosynth.stain.steering import he_nuclei, ki67_nuclei, planes_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.config import PicturesSection, StainConfig

    Color = tuple[float, float, float]

#: Share of the crops of H&E of which nobody tells which nuclei are positive: the network learns to decide.
UNTOLD = 0.3
#: Greatest share of nuclei of H&E that are made positive.
MOST_POSITIVE = 0.6
#: Pictures are kept at this times the model's resolution, since crops are turned and magnified.
FINER = 1.25
#: Density, its length over the three colors, below which a pixel is pale, and above which it is black.
PALE, BLACK = 0.9, 2.6
#: Least share of a crop that is tissue, in most crops.
TISSUE = 0.35


@dataclass(frozen=True, eq=False)
class Specimen:
    """A picture of one stain, with its nuclei.

    Attributes
    ----------
    name : str
        Its file.
    image : ndarray
        uint8 (y, x, 3) at :attr:`um_per_px`.
    um_per_px : float
        Micrometers a pixel, a little finer than the model's.
    nuclei : ndarray or None
        int32 (y, x), numbers of single nuclei; None where they are found crop by crop.
    positive : ndarray or None
        bool (n + 1,), which are; None where the stain does not tell.
    share : float
        Chance of a crop.
    """

    name: str
    image: npt.NDArray[np.uint8]
    um_per_px: float
    nuclei: npt.NDArray[np.int32] | None
    positive: npt.NDArray[np.bool_] | None
    share: float


def load_specimens(
    data: Path,
    sections: Sequence[PicturesSection],
    um_per_px: float,
    *,
    second: bool,
    held_out: bool = False,
    steered: bool = True,
    say: Callable[[str], None] = print,
) -> list[Specimen]:
    """Read the pictures of one stain.

    Parameters
    ----------
    data : Path
        Folder that the paths are relative to.
    sections : sequence of PicturesSection
        What to read, and what is held out.
    um_per_px : float
        The model's scale.
    second : bool
        Whether it is the second stain, whose positive nuclei are brown.
    held_out : bool
        Whether to return what is held out instead of the rest.
    steered : bool
        Whether nuclei of the second stain are needed; without them reading is quicker.
    say : callable
        Takes lines of progress.

    Raises
    ------
    TrainingError
        If a pattern matches nothing, a picture cannot be read, or nothing is left.
    """
    from napari_histosynth.core.errors import ImageError

    found: list[Specimen] = []
    for section in sections:
        scale = max(section.um_per_px, um_per_px / FINER)
        paths = sorted(data.glob(section.path))
        if not paths:
            raise TrainingError(f"No picture in {data} is called {section.path!r}; mend the path.")
        of_section = []
        for path in paths:
            name = path.relative_to(data).as_posix()
            out = any(part in name for part in section.held_out)
            if not section.held_out_right and out != held_out:
                continue
            try:
                image = read_picture(path)
            except ImageError as error:
                raise TrainingError(f"{error}") from error
            if section.held_out_right:
                cut = round(image.shape[1] * (1 - section.held_out_right))
                image = image[:, cut:] if held_out else image[:, :cut]
            shape = [round(side * section.um_per_px / scale) for side in image.shape[:2]]
            picture = Image.fromarray(np.ascontiguousarray(image[..., :3]))
            image = np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.LANCZOS))
            nuclei = positive = None
            if steered and second:
                nuclei, positive = ki67_nuclei(image, scale)
            of_section.append(Specimen(name, image, scale, nuclei, positive, 1.0))
        area = float(sum(one.image.shape[0] * one.image.shape[1] for one in of_section))
        found += [
            replace(one, share=section.share * one.image.shape[0] * one.image.shape[1] / area)
            for one in of_section
        ]
    if not found and not held_out:
        raise TrainingError(f"No picture in {data} is left to train on.")
    what, stain = "held out" if held_out else "to train on", "second" if second else "first"
    say(f"Pictures {what}, {stain} stain: {len(found)}.")
    return found


def nuclear_colors(specimens: Sequence[Specimen]) -> tuple[Color, Color]:
    """Return the optical densities of negative and of positive nuclei; the usual ones without any.

    Of positive ones the browner half of the pixels that are neither pale nor black: the darkest have no
    color, and at their borders they are blue.
    """
    from napari_histosynth.core.stain import optical_density

    found: list[Color] = []
    for wanted, usual in ((False, HEMATOXYLIN), (True, DAB)):
        pixels = [
            optical_density(one.image[(one.nuclei > 0) & (one.positive[one.nuclei] == wanted)])
            for one in specimens
            if one.nuclei is not None and one.positive is not None
        ]
        density = np.concatenate([np.zeros((0, 3), np.float32), *pixels])
        if wanted:
            length = np.linalg.norm(density, axis=1)
            density = density[(length > PALE) & (length < BLACK)]
            if len(density):
                redness = density[:, 2] / np.maximum(density[:, 0], 1e-3)
                density = density[redness >= np.median(redness)]
        mean = density.mean(0) if len(density) else np.array(usual)
        red, green, blue = (float(part) for part in mean / np.linalg.norm(mean))
        found.append((red, green, blue))
    return found[0], found[1]


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture of any format, uint8 (y, x, 3).

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    from napari_histosynth.io import open_slide, read_image

    if path.suffix.lower() in (".tif", ".tiff", ".svs", ".zarr"):
        return np.asarray(open_slide(path).pixels(path), np.uint8)
    return read_image(path)


class StainSampler:
    """Crops of both stains, turned, magnified and bent a little; batch ``step`` is always the same.

    Parameters
    ----------
    config : StainConfig
        Crop, batch, scale and how crops are varied.
    first, second : sequence of Specimen
        What to crop from.
    """

    def __init__(self, config: StainConfig, first: Sequence[Specimen], second: Sequence[Specimen]) -> None:
        self.config, self.first, self.second = config, list(first), list(second)
        for one in (*first, *second):
            reach = config.loop.crop * 1.42 / config.data.zoom[0] * config.model.um_per_px / one.um_per_px
            if min(one.image.shape[:2]) < reach:
                raise TrainingError(
                    f"{one.name} has {min(one.image.shape[:2])} px a side at {one.um_per_px:g} um/px, too "
                    f"little for crops of {config.loop.crop} px; {round(reach)} are needed."
                )

    def batch(self, step: int) -> dict[str, npt.NDArray[np.generic]]:
        """Return the crops of a step.

        Returns
        -------
        dict
            ``first`` and ``second`` uint8 (n, crop, crop, 3); if the generator is steered, ``first_planes``
            and ``second_planes`` float32 (n, 3, crop, crop).
        """
        rng = np.random.default_rng((self.config.loop.seed, step))
        made: dict[str, npt.NDArray[np.generic]] = {}
        for stain, specimens, jitter in zip(
            ("first", "second"), (self.first, self.second), self.config.data.jitter, strict=True
        ):
            crops = [self._crop(rng, specimens, jitter) for _ in range(self.config.loop.batch)]
            made[stain] = np.stack([image for image, _ in crops])
            if self.config.steering:
                made[f"{stain}_planes"] = np.stack([planes for _, planes in crops])
        return made

    def _crop(
        self, rng: np.random.Generator, specimens: list[Specimen], jitter: float
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        shares = np.cumsum([one.share for one in specimens])
        for attempt in range(8):
            one = specimens[int(np.searchsorted(shares, rng.random() * shares[-1]))]
            rows, columns = self._places(rng, one)
            image = _sampled(one.image, rows, columns)
            if attempt == 0 and rng.random() < 0.12:  # glass is to be learned as well
                break
            if (image.mean(2) < 215).mean() > TISSUE:
                break
        if jitter:
            image = vary_stain(image, rng, jitter)
        if not self.config.steering:
            return image, np.zeros((0, *image.shape[:2]), np.float32)
        if one.nuclei is None or one.positive is None:
            if rng.random() < UNTOLD:
                return image, np.zeros((3, *image.shape[:2]), np.float32)
            nuclei = he_nuclei(image, self.config.model.um_per_px)
            return image, planes_of(nuclei, by_chance(nuclei, rng))
        from scipy import ndimage

        nuclei = ndimage.map_coordinates(one.nuclei, (rows, columns), order=0, mode="reflect")
        return image, planes_of(nuclei, one.positive)

    def _places(
        self, rng: np.random.Generator, one: Specimen
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return where the pixels of a crop lie in a specimen, (crop, crop) rows and columns."""
        from scipy import ndimage

        crop, data = self.config.loop.crop, self.config.data
        low, high = np.log(data.zoom)
        step = self.config.model.um_per_px / one.um_per_px / float(np.exp(rng.uniform(low, high)))
        angle, flip = rng.uniform(0, 2 * np.pi), 1 if rng.integers(2) else -1
        y, x = np.meshgrid(*(np.arange(crop) - (crop - 1) / 2,) * 2, indexing="ij")
        rows = step * (np.cos(angle) * y - np.sin(angle) * x * flip)
        columns = step * (np.sin(angle) * y + np.cos(angle) * x * flip)
        if data.elastic:
            bend = data.elastic / one.um_per_px * rng.standard_normal((2, 6, 6))
            rows, columns = (
                part + ndimage.zoom(one_way, crop / 6, order=3)[:crop, :crop]
                for part, one_way in zip((rows, columns), bend, strict=True)
            )
        reach = 0.71 * crop * step
        height, width = one.image.shape[:2]
        return (
            rows + rng.uniform(min(reach, height / 2), max(height - reach, height / 2)),
            columns + rng.uniform(min(reach, width / 2), max(width - reach, width / 2)),
        )


def shown_part(
    one: Specimen, um_per_px: float, side: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return the middle of a specimen at a scale, uint8 (side, side, 3), and planes of steering for it.

    Nuclei of the first stain are positive by chance, always the same ones.
    """
    cut = round(side * um_per_px / one.um_per_px)
    y, x = (max(0, (size - cut) // 2) for size in one.image.shape[:2])
    window = np.s_[y : y + cut, x : x + cut]
    rgb = np.asarray(Image.fromarray(one.image[window]).resize((side, side), Image.Resampling.LANCZOS))
    if one.nuclei is not None and one.positive is not None:
        numbers = Image.fromarray(one.nuclei[window]).resize((side, side), Image.Resampling.NEAREST)
        return rgb, planes_of(np.asarray(numbers), one.positive)
    nuclei = he_nuclei(rgb, um_per_px)
    return rgb, planes_of(nuclei, by_chance(nuclei, np.random.default_rng(1)))


def by_chance(nuclei: npt.NDArray[np.int32], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose which of some nuclei (y, x) are positive, bool (n + 1,): a share drawn by chance, too."""
    return np.asarray(rng.random(int(nuclei.max()) + 1) < rng.uniform(0, MOST_POSITIVE))


def _sampled(
    image: npt.NDArray[np.uint8], rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Return an image (y, x, 3) at places between its pixels."""
    from scipy import ndimage

    low = np.array([max(0, int(np.floor(part.min())) - 2) for part in (rows, columns)])
    high = [int(np.ceil(part.max())) + 3 for part in (rows, columns)]
    cut = image[low[0] : high[0], low[1] : high[1]]
    found = [
        ndimage.map_coordinates(
            cut[..., channel].astype(np.float32), (rows - low[0], columns - low[1]), order=3, mode="reflect"
        )
        for channel in range(3)
    ]
    return np.asarray(np.clip(np.rint(np.stack(found, -1)), 0, 255), np.uint8)
