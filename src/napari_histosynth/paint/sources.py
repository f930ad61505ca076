"""Training pictures from several sources at one scale, with labels by rules where nobody has drawn any."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import PICTURES, Field, Split, beside, degrees_of_detail, load_fields
from napari_histosynth.paint.resample import resample_labels, scaled_shape
from napari_histosynth.paint.weak import GRADES, Hints, inside_polygon, weak_label_maps
from napari_histosynth.paint.weakfields import FieldNotes, Notes

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.config import SourceSection

#: Changes with the rules, so that labels kept from an earlier run are made anew.
RULES = 5

#: Scheme of the weak labels.
WEAK_SCHEME = "colon-10"
#: Schemes that labels are made in.
MADE_SCHEMES = (WEAK_SCHEME, "colon-3", "colon-2")


@dataclass(frozen=True)
class Picture:
    """A picture on disk and what is known of it.

    Attributes
    ----------
    name : str
        Of the field.
    groups : tuple of str
        Any of which may be held out; the first is the field's.
    path : Path
        H&E.
    mask : Path or None
        Of the epithelium, at any scale.
    notes : FieldNotes
        What the rules of weak labels are told.
    grade : str
        As the source names it; empty where it does not.
    """

    name: str
    groups: tuple[str, ...]
    path: Path
    mask: Path | None
    notes: FieldNotes
    grade: str = ""


def load_sources(
    directory: Path,
    sources: Sequence[SourceSection],
    scheme: TissueScheme,
    um_per_px: float,
    *,
    held_out: bool = False,
    only: Sequence[str] = (),
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Field]:
    """Read the pictures of all sources, resample them, and make or read their labels.

    Parameters
    ----------
    directory : Path
        What the sources' paths are relative to.
    sources : sequence of SourceSection
        Kinds, scales, shares and what each holds out.
    scheme : TissueScheme
        Of the label maps: ``colon-10`` by the rules of weak labels, ``colon-3`` and ``colon-2`` by those of
        SHI-GAN, from the pictures that have a mask.
    um_per_px : float
        Scale of the fields returned.
    held_out : bool
        Whether to read what is held out instead of the rest.
    only : sequence of str
        Names of the fields to read, of kinds with weak labels; all without.
    cache : Path, optional
        Folder that keeps weak labels, so that a run that goes on need not make them again.
    say : callable, optional
        Takes lines of progress.

    Returns
    -------
    list of Field
        Their ``share`` is the chance of a crop, and sums up to 1.

    Raises
    ------
    TrainingError
        If a folder, a table or a mask is missing, or nothing is left.
    """
    found: list[Field] = []
    for source in sources:
        folder = directory / source.path
        if not folder.is_dir():
            raise TrainingError(f"There is no folder {folder}, which the source {source.kind!r} names.")
        if source.kind == "folder":
            fields = _drawn(folder, source, scheme, um_per_px, held_out)
        else:
            if scheme.name not in MADE_SCHEMES:
                raise TrainingError(
                    f"The source {source.kind!r} has labels in {', '.join(MADE_SCHEMES)} only, not in "
                    f"{scheme.name!r}."
                )
            pictures = [
                picture
                for picture in list_pictures(folder, source, held_out=held_out)
                if (not only or picture.name in only)
                and (scheme.name == WEAK_SCHEME or picture.mask is not None)
            ]
            fields = _labeled(pictures, source, scheme, um_per_px, cache, say)
        area = float(sum(field.image.shape[0] * field.image.shape[1] for field in fields))
        found += [
            replace(
                field,
                share=source.share * field.image.shape[0] * field.image.shape[1] / area,
                source=source.path,
            )
            for field in fields
        ]
    if not found:
        raise TrainingError(f"No picture in {directory} is left {'held out' if held_out else 'to train on'}.")
    total = sum(field.share for field in found)
    return [replace(field, share=field.share / total) for field in found]


def list_pictures(folder: Path, source: SourceSection, *, held_out: bool = False) -> list[Picture]:
    """Return the pictures of a source of any kind but "folder", none of them read.

    Parameters
    ----------
    folder : Path
        Where the source lies.
    source : SourceSection
        Its kind and what it holds out.
    held_out : bool
        Whether to return what is held out instead of the rest.

    Raises
    ------
    TrainingError
        If its table is missing or names a grade that is unknown.
    """
    return [
        picture
        for picture in _PICTURES[source.kind](folder, source)
        if _is_held_out(picture, source) == held_out and not picture.notes.skip
    ]


def _drawn(
    folder: Path, source: SourceSection, scheme: TissueScheme, um_per_px: float, held_out: bool
) -> list[Field]:
    """Read a folder of ``images/`` with ``labels/`` or ``masks/`` of any scheme."""
    if held_out and not source.held_out:
        return []
    split = Split(source.table, source.name_column, source.group_column, source.held_out)
    fields = load_fields(folder, scheme, source.um_per_px, split, held_out=held_out)
    resampled = []
    for field in fields:
        shape = scaled_shape((field.image.shape[0], field.image.shape[1]), source.um_per_px, um_per_px)
        labels = tuple(resample_labels(one, shape) for one in field.labels)
        resampled.append(replace(field, image=resized(field.image, shape), labels=labels))
    return resampled


def _glas(folder: Path, source: SourceSection) -> Iterator[Picture]:
    table = folder / "grades.csv"
    if not table.exists():
        raise TrainingError(f"GlaS needs its table of grades, {table}.")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [{k.strip(): v.strip() for k, v in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        path = beside(folder / "images", row["name"])
        if path is not None:
            grade = row["grade (Sirinukunwattana et al. 2015)"]
            mask = beside(folder / "masks", row["name"])
            yield Picture(row["name"], (row["patient ID"],), path, mask, _graded(grade), grade)


def _ebhi(folder: Path, source: SourceSection) -> Iterator[Picture]:
    for stage in sorted(p for p in folder.iterdir() if (p / "images").is_dir()):
        for path in sorted(p for p in (stage / "images").iterdir() if p.suffix.lower() in PICTURES):
            specimen = path.stem.partition("-")[0].lower()
            name = f"{stage.name}/{path.stem}"
            mask = beside(stage / "masks", path.stem)
            yield Picture(name, (specimen,), path, mask, _graded(stage.name), stage.name)


def _slides(folder: Path, source: SourceSection) -> Iterator[Picture]:
    notes = Notes(Path(source.notes) if source.notes else None)
    for path in sorted(folder.glob("*/regions_0.5um/*")):
        if path.suffix.lower() in PICTURES:
            slide = path.parts[-3]
            name = f"{slide}/{path.stem}"
            mask = beside(Path(source.epithelium) / slide, path.stem) if source.epithelium else None
            yield Picture(name, (slide, name), path, mask, notes.of(slide, path.stem))


_PICTURES = {"glas": _glas, "ebhi-seg": _ebhi, "colon-slides": _slides}


def _graded(grade: str) -> FieldNotes:
    if grade not in GRADES:
        raise TrainingError(f"The grade {grade!r} is unknown; there are {', '.join(GRADES)}.")
    return FieldNotes(Hints(GRADES[grade]))


def _is_held_out(picture: Picture, source: SourceSection) -> bool:
    if any(group in source.held_out for group in picture.groups):
        return True
    every = source.hold_out_one_in
    return every > 0 and int(hashlib.sha256(picture.groups[0].encode()).hexdigest(), 16) % every == 0


def _labeled(
    pictures: list[Picture],
    source: SourceSection,
    scheme: TissueScheme,
    um_per_px: float,
    cache: Path | None,
    say: Callable[[str], None] | None,
) -> list[Field]:
    """Read pictures and make their labels, on all CPU cores, or take those that are kept."""
    if not pictures:
        return []
    key = _key(pictures, source, um_per_px)
    made_by = "weak" if scheme.name == WEAK_SCHEME else scheme.name
    kept_at = None if cache is None else cache / f"{made_by}-{source.kind}-{key}.npz"
    kept: dict[str, npt.NDArray[np.uint8]] = {}
    if kept_at is not None and kept_at.exists():
        with np.load(kept_at) as file:
            kept = {name: file[name] for name in file.files}
    fields = []
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        made = pool.map(lambda one: _field(one, source.um_per_px, scheme, um_per_px, kept), pictures)
        for number, field in enumerate(made):
            fields.append(field)
            if say is not None and not kept and (number + 1) % 50 == 0:
                say(f"Labels of {source.kind}: {number + 1} of {len(pictures)} pictures.")
    if kept_at is not None and not kept:
        _keep(kept_at, fields)
    return fields


def _field(
    picture: Picture,
    source_um_per_px: float,
    scheme: TissueScheme,
    um_per_px: float,
    kept: dict[str, npt.NDArray[np.uint8]],
) -> Field:
    from napari_histosynth.io import read_image

    image = read_image(picture.path)
    shape = scaled_shape((image.shape[0], image.shape[1]), source_um_per_px, um_per_px)
    image = resized(image, shape)
    if f"{picture.name}:0" in kept:
        known = takewhile(lambda one: one is not None, (kept.get(f"{picture.name}:{i}") for i in count()))
        labels = tuple(one for one in known if one is not None)
        return Field(picture.name, picture.groups[0], image, labels, grade=picture.grade)
    epithelium = None
    if picture.mask is not None:
        with Image.open(picture.mask) as opened:
            mask = opened.convert("L").point(lambda value: 255 * (value > 0))
        epithelium = np.asarray(mask.resize(shape[::-1], Image.Resampling.BILINEAR)) > 127
        for polygon in picture.notes.no_glands:
            epithelium &= ~inside_polygon(polygon, shape)
    if scheme.name == WEAK_SCHEME:
        labels = weak_label_maps(image, um_per_px, epithelium=epithelium, tissue=picture.notes.hints)
    else:
        assert epithelium is not None
        labels = degrees_of_detail(image, epithelium, scheme, um_per_px)
    return Field(picture.name, picture.groups[0], image, labels, grade=picture.grade)


def resized(image: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resample a picture, uint8 (y, x, 3), to a height and width by Lanczos' filter."""
    if image.shape[:2] == shape:
        return image
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.LANCZOS))


def _key(pictures: list[Picture], source: SourceSection, um_per_px: float) -> str:
    """Tell whether labels that are kept were made from the same pictures, notes and rules."""
    facts = [f"{RULES} {um_per_px} {source.um_per_px}"]
    for one in pictures:
        mask = 0 if one.mask is None else one.mask.stat().st_size
        facts.append(f"{one.name} {one.path.stat().st_size} {mask} {one.notes}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _keep(path: Path, fields: list[Field]) -> None:
    from napari_histosynth.core.atomic import save_arrays

    save_arrays(path, {f"{field.name}:{i}": one for field in fields for i, one in enumerate(field.labels)})


def class_shares(fields: Sequence[Field], n_classes: int) -> npt.NDArray[np.float64]:
    """Return the share of each class in the finest labels of some fields, (n_classes,), summing up to 1."""
    counts = sum((np.bincount(f.labels[0].ravel(), minlength=n_classes) for f in fields), np.zeros(n_classes))
    return np.asarray(counts / max(1, counts.sum()))


__all__ = ["Picture", "class_shares", "list_pictures", "load_sources"]
