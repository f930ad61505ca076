"""Fields of H&E with their label maps, split by patient, as batches that are functions of the step."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.stain import read_stain, scale_stain
from napari_histosynth.paint.labels import labels_from_he, nuclei_mask, without_nuclei
from napari_histosynth.paint.places import Places, corner

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme

Number = TypeVar("Number", bound=np.generic)

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Split:
    """Which groups (patients, specimens) are held out of training.

    Attributes
    ----------
    table : str
        CSV file in the data folder; empty where every picture may be trained on.
    name_column, group_column : str
        Columns that hold the picture's name (without its ending) and its group.
    held_out : tuple of str
        Groups for testing only.
    grade_column : str
        Column that holds the picture's grade; empty where none does.
    """

    table: str = ""
    name_column: str = "name"
    group_column: str = "patient ID"
    held_out: tuple[str, ...] = ()
    grade_column: str = ""


@dataclass(frozen=True)
class Field:
    """A picture with label maps of it, from detailed to sketched.

    Attributes
    ----------
    name, group : str
        Where it is from.
    image : ndarray
        uint8 (y, x, 3).
    labels : tuple of ndarray
        uint8 (y, x) each; the generator meets all of them, since people paint with more or less detail.
    share : float
        How often it is cropped, relative to the others.
    grade : str
        As a pathologist named it; empty if nobody did.
    source : str
        Whose scanner and sections it shares; empty where all fields are of one source.
    """

    name: str
    group: str
    image: npt.NDArray[np.uint8]
    labels: tuple[npt.NDArray[np.uint8], ...]
    share: float = 1.0
    grade: str = ""
    source: str = ""


def load_fields(
    directory: Path, scheme: TissueScheme, um_per_px: float, split: Split, *, held_out: bool = False
) -> list[Field]:
    """Read a folder of training pictures.

    The folder holds ``images/`` and either ``labels/`` (label maps, index or color PNGs of the scheme)
    or ``masks/`` (nonzero where epithelium is), from which labels are made by :func:`degrees_of_detail`.

    Parameters
    ----------
    directory : Path
        The folder.
    scheme : TissueScheme
        Of the label maps.
    um_per_px : float
        Micrometers a pixel of the pictures.
    split : Split
        Who is held out.
    held_out : bool
        Whether to read the held-out groups instead of the others.

    Raises
    ------
    TrainingError
        If the folder, a table or a label map is missing, or nothing is left after the split.
    """
    from napari_histosynth.io import read_image, read_labels

    images = directory / "images"
    if not images.is_dir():
        raise TrainingError(
            f"There is no folder {images}; training data needs 'images' and 'masks' or 'labels'."
        )
    groups = named(directory, split, split.group_column)
    grades = named(directory, split, split.grade_column) if split.grade_column else {}
    fields = []
    for path in sorted(p for p in images.iterdir() if p.suffix.lower() in PICTURES):
        group = groups.get(path.stem, path.stem)
        if (group in split.held_out) != held_out:
            continue
        image = read_image(path)
        drawn = beside(directory / "labels", path.stem)
        mask = beside(directory / "masks", path.stem)
        if drawn is not None:
            labels: tuple[npt.NDArray[np.uint8], ...] = (read_labels(drawn, scheme),)
        elif mask is not None:
            labels = degrees_of_detail(image, read_image(mask)[..., 0] > 0, scheme, um_per_px)
        else:
            raise TrainingError(f"{path.name} has neither a label map in 'labels' nor a mask in 'masks'.")
        if any(one.shape != image.shape[:2] for one in labels):
            raise TrainingError(f"The labels of {path.name} have another size than the picture.")
        fields.append(Field(path.stem, group, image, labels, grade=grades.get(path.stem, "")))
    if not fields:
        raise TrainingError(f"No picture in {images} is left {'held out' if held_out else 'to train on'}.")
    return fields


def degrees_of_detail(
    image: npt.NDArray[np.uint8], epithelium: npt.NDArray[np.bool_], scheme: TissueScheme, um_per_px: float
) -> tuple[npt.NDArray[np.uint8], ...]:
    """Make label maps of a picture with a mask of its epithelium, from detailed to sketched.

    As found; with small lumina, goblets and clefts left to the generator; and, for those who do not paint
    nuclei, without them. Where the scheme has no nuclei there are the first two.

    Parameters
    ----------
    image : ndarray
        uint8 (y, x, 3), H&E.
    epithelium : ndarray
        bool (y, x).
    scheme : TissueScheme
        In the manner of ``colon-3`` or ``colon-2``.
    um_per_px : float
        Micrometers a pixel.

    Returns
    -------
    tuple of ndarray
        uint8 (y, x) each.
    """
    nuclei = nuclei_mask(image, um_per_px=um_per_px)
    detailed = labels_from_he(image, um_per_px=um_per_px, epithelium=epithelium, nuclei=nuclei)
    sketched = labels_from_he(
        image,
        um_per_px=um_per_px,
        epithelium=epithelium,
        nuclei=nuclei,
        smallest_background_um2=60,
        smallest_lumen_um2=400,
    )
    plain = without_nuclei(sketched)
    return (detailed, sketched, plain) if "nuclei" in scheme.names else (without_nuclei(detailed), plain)


class CropSampler:
    """Crops in all eight symmetries with mild stain jitter; batch ``step`` is always the same.

    Parameters
    ----------
    fields : sequence of Field
        What to crop from.
    crop : int
        Side in pixels of the picture.
    margin : int
        Pixels of labels beyond each side of it; mirrored where the field ends.
    batch : int
        Crops a step.
    seed : int
        Of all choices.
    detail : sequence of float
        Probability of each of a field's label maps.
    jitter : float
        Standard deviation of the change of each stain's density, as a share.
    by_class : float
        Share of the crops that lie around a pixel of a class drawn evenly, so that rare classes are seen.
    class_weights : mapping of int to float, optional
        How often these classes are drawn then, where the others count 1.
    stain : bool
        Whether a batch names the stain of each crop: that of the whole field, since a crop may show one class
        alone, and what the jitter made of it.
    grades : mapping of str to float, optional
        What a field's grade counts, 0 to 1; a batch then names each crop's.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        *,
        crop: int,
        margin: int,
        batch: int,
        seed: int = 0,
        detail: Sequence[float] = (0.5, 0.35, 0.15),
        jitter: float = 0.06,
        by_class: float = 0.0,
        class_weights: Mapping[int, float] | None = None,
        stain: bool = False,
        grades: Mapping[str, float] | None = None,
    ) -> None:
        smallest = min(min(field.image.shape[:2]) for field in fields)
        if smallest < crop:
            raise TrainingError(
                f"The smallest picture is {smallest} px a side, less than the crop of {crop} px."
            )
        self.fields = list(fields)
        self.crop, self.margin, self.batch_size, self.seed, self.jitter = crop, margin, batch, seed, jitter
        self.detail = np.asarray(detail, float)
        self._places = Places(fields, by_class, seed, class_weights)
        self._labels = [
            [np.pad(one, margin, mode="symmetric") for one in field.labels] for field in self.fields
        ]
        self._grades = [grades.get(field.grade, np.nan) for field in self.fields] if grades else None
        #: The stain of each field, (9,), if asked for.
        self.stains = [read_stain(field.image) for field in self.fields] if stain else None

    def batch(self, step: int) -> dict[str, npt.NDArray[Any]]:
        """Return the crops of a step.

        Returns
        -------
        dict
            ``image`` uint8 (n, crop, crop, 3); ``labels`` uint8 (n, crop + 2 margin, crop + 2 margin);
            ``detail`` uint8 (n,), which of the field's label maps it is, 0 the finest. If asked for,
            ``stain`` float32 (n, 9), and ``grade`` float32 (n,), not a number where it is unknown.
        """
        rng = np.random.default_rng((self.seed, step))
        images, labels, details, stains, grades = [], [], [], [], []
        reach = self.crop + 2 * self.margin
        for _ in range(self.batch_size):
            number, center = self._places.draw(rng)
            image, maps = self.fields[number].image, self._labels[number]
            chances = self.detail[: len(maps)]
            detail = int(rng.choice(len(maps), p=chances / chances.sum()))
            drawn = maps[detail]
            y, x = corner(rng, image.shape, self.crop, center)
            turns, flip = int(rng.integers(4)), bool(rng.integers(2))
            scale = draw_density(rng, self.jitter)
            picture = scale_density(image[y : y + self.crop, x : x + self.crop], scale)
            images.append(turned(picture, turns, flip))
            labels.append(turned(drawn[y : y + reach, x : x + reach], turns, flip))
            details.append(detail)
            if self._grades is not None:
                grades.append(self._grades[number])
            if self.stains is not None:
                stains.append(scale_stain(self.stains[number], scale))
        batch: dict[str, npt.NDArray[Any]] = {
            "image": np.stack(images),
            "labels": np.stack(labels),
            "detail": np.array(details, np.uint8),
        }
        if grades:
            batch["grade"] = np.array(grades, np.float32)
        if stains:
            batch["stain"] = np.stack(stains)
        return batch


def jitter_stain(
    rgb: npt.NDArray[np.uint8], rng: np.random.Generator, spread: float
) -> npt.NDArray[np.uint8]:
    """Vary the stain of a picture mildly: scale the optical density of each channel and of all.

    Channels do not mix, so that the stain that was read of a picture can follow it. For more, see
    :func:`~napari_histosynth.paint.segment_data.vary_stain`.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3).
    rng : Generator
        Source of the change.
    spread : float
        Standard deviation of the change, as a share of the density.
    """
    return scale_density(rgb, draw_density(rng, spread))


def draw_density(rng: np.random.Generator, spread: float) -> npt.NDArray[np.float64]:
    """Draw what to scale the optical density of each channel by, (3,); without spread just ones."""
    if spread <= 0:
        return np.ones(3)
    return np.clip(1 + spread * rng.standard_normal() + 0.5 * spread * rng.standard_normal(3), 0.7, 1.3)


def scale_density(rgb: npt.NDArray[np.uint8], scale: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Scale the optical density of each channel, (3,), of a picture, uint8 (y, x, 3)."""
    if (scale == 1).all():
        return rgb
    table = np.round(255 * (np.arange(1, 257)[:, None] / 256) ** scale).astype(np.uint8)
    return np.stack([table[rgb[..., c], c] for c in range(3)], axis=-1)


def turned(x: npt.NDArray[Number], turns: int, flip: bool) -> npt.NDArray[Number]:
    """Turn a picture or label map, (y, x, ...), by quarter turns, and mirror it if asked."""
    x = np.rot90(x, turns)
    return x[:, ::-1] if flip else x


def beside(folder: Path, stem: str) -> Path | None:
    """Return the picture of that name, without its ending, in a folder, if there is one."""
    return next((p for p in (folder / f"{stem}{end}" for end in PICTURES) if p.exists()), None)


def named(directory: Path, split: Split, column: str) -> dict[str, str]:
    """Return what a column of a split's table says of each picture, by its name; nothing without a table."""
    if not split.table:
        return {}
    path = directory / split.table
    if not path.exists():
        raise TrainingError(f"The table of groups {path} does not exist; the split by patient needs it.")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    missing = {split.name_column, column} - set(rows[0] if rows else ())
    if missing:
        raise TrainingError(f"{path} has no column {sorted(missing)[0]!r}.")
    return {row[split.name_column].strip(): row[column].strip() for row in rows}
