"""Everything that a canvas is saved as: picture, labels twice, and where they come from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.atomic import reason_of
from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.io import save_labels_as, save_picture_as, save_provenance
from napari_histosynth.io.kinds import LABEL_ENDINGS, PICTURE_ENDINGS
from napari_histosynth.io.together import put_all_in_place
from napari_histosynth.paint.lookfile import LookPlan, save_look_plan
from napari_histosynth.ui.layoutnote import labels_provenance, layout_in

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

KINDS = {
    "picture": ("_he.png", "H&E (PNG, OME-TIFF, OME-Zarr)"),
    "labels": ("_labels.png", "Labels (PNG, OME-TIFF, OME-Zarr, GeoJSON of QuPath)"),
    "colors": ("_colors.png", "Labels, class colors (PNG)"),
    "provenance": (".json", "Provenance (JSON)"),
}
"""What can be saved: the ending of its file's name, and what it is called."""

LOOKS_ENDING = "_looks.json"
"""Ending of the file of looks, which goes with the labels."""

FORMATS = {
    "picture": PICTURE_ENDINGS,
    "labels": LABEL_ENDINGS,
    "colors": (".png",),
    "provenance": (".json",),
}
"""Endings that each can be saved under, the usual one first."""


@dataclass(frozen=True, eq=False)
class Painting:
    """A finished canvas.

    Attributes
    ----------
    picture : ndarray
        uint8 (y, x, 3).
    labels : ndarray
        uint8 (y, x).
    scheme : TissueScheme
        Scheme of the labels.
    provenance : Provenance
        What made the picture.
    looks : tuple of LookPlan and PaintModel, optional
        The looks on the canvas, if there are any besides its own, and the model that they are of.
    """

    picture: npt.NDArray[np.uint8]
    labels: Labels
    scheme: TissueScheme
    provenance: Provenance
    looks: tuple[LookPlan, PaintModel] | None = None


def file_names(stem: str | os.PathLike[str], kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Path]:
    """Return the file of each kind for a stem such as ``folder/tissue``."""
    base = Path(stem)
    return {kind: base.with_name(base.name + KINDS[kind][0]) for kind in kinds}


def clean_stem(chosen: str | os.PathLike[str]) -> Path:
    """Return the stem that is meant by a file name: without the ending of any file that we write."""
    path = Path(chosen)
    ours = [ending for ending, _ in KINDS.values()]
    ours.append(LOOKS_ENDING)
    parts = ["_he", "_labels", "_looks", ""]
    ours += [part + ending for part in parts for ending in (*LABEL_ENDINGS, ".ome.tiff", ".tif")]
    endings = sorted(ours, key=len, reverse=True)
    for ending in endings:
        if path.name.lower().endswith(ending) and path.name.lower() != ending:
            return path.with_name(path.name[: -len(ending)])
    return path


def looks_beside(labels: str | os.PathLike[str]) -> Path:
    """Return the file of the looks that belong to a label map: ``NAME_looks.json`` beside it."""
    stem = clean_stem(labels)
    return stem.with_name(stem.name + LOOKS_ENDING)


def files_of_looks(labels: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return both files that looks can have beside a label map: the JSON, and the PNG of their regions."""
    record = looks_beside(labels)
    return record, record.with_suffix(".png")


def saved_looks(labels: str | os.PathLike[str]) -> Path | None:
    """Return the file of the looks that were saved with a label map, None if there is none."""
    path = looks_beside(labels)
    return path if path.is_file() else None


def save_painting(painting: Painting, files: dict[str, Path]) -> list[Path]:
    """Write a canvas to files: all of them, or none.

    They are written to a folder beside their place first, and what is there is put aside until all of them
    have their names. So neither a disk that fills up half way nor a file that another program holds leaves
    half of a canvas, or costs an earlier one. The looks on the canvas go with its labels; if there are none,
    those of an earlier canvas of that name go.

    Parameters
    ----------
    painting : Painting
        What to save.
    files : dict of str to Path
        Where to write each of :data:`KINDS` that is wanted; existing files are replaced.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    SaveError
        If a file cannot be written; the sentence says which, and that the others were not either.
    """
    parent = next(iter(files.values())).parent
    try:
        waiting = Path(tempfile.mkdtemp(prefix=".histosynth-", dir=parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SaveError(f"Cannot write to {parent}: {reason}; choose another folder.") from error
    aside, done = waiting / "replaced", False
    try:
        finished = _staged(painting, files, waiting)
        aside.mkdir()
        outdated = [path for path in _looks_of(files) if path not in finished]
        put_all_in_place(finished, aside, outdated=outdated)
        done = True
    except OSError as error:
        raise SaveError(f"Cannot write to {parent}: {reason_of(error)}.") from error
    finally:
        if done or not aside.is_dir() or not any(aside.iterdir()):
            shutil.rmtree(waiting, ignore_errors=True)
    return list(finished)


def _looks_of(files: dict[str, Path]) -> tuple[Path, ...]:
    """Return the files that looks can have beside the labels among files; none without labels."""
    return files_of_looks(files["labels"]) if "labels" in files else ()


def _staged(painting: Painting, files: dict[str, Path], waiting: Path) -> dict[Path, Path]:
    """Write all files to a folder; return for each where it belongs, and where it lies.

    Raises
    ------
    SaveError
        If one cannot be written; the sentence names the file that was meant.
    """
    finished: dict[Path, Path] = {}
    path = next(iter(files.values()))
    try:
        for kind, path in files.items():
            _write(kind, waiting / path.name, painting, files)
            finished[path] = waiting / path.name
        if painting.looks is not None and (looks := _looks_of(files)):
            path = looks[0]
            for written in save_look_plan(waiting / path.name, *painting.looks):
                finished[path.with_name(written.name)] = written
    except SaveError as error:
        sentence = str(error).replace(str(waiting / path.name), str(path))
        if len(files) > 1:
            names = ", ".join(one.name for one in files.values())
            sentence = f"{sentence.rstrip('.')}; none of {names} was written."
        raise SaveError(sentence) from error
    return finished


def _write(kind: str, path: Path, painting: Painting, files: dict[str, Path]) -> None:
    """Write one kind of file."""
    made = painting.provenance
    made = replace(made, extra={**made.extra, **scheme_note(painting.scheme)})
    if kind == "picture":
        save_picture_as(path, painting.picture, made)
    elif kind == "provenance":
        others = {other: file.name for other, file in files.items() if other != kind}
        save_provenance(path, replace(made, extra={**made.extra, "files": others}))
    else:
        # of what made the picture only scheme, scale and size are theirs, and the layout if they are of one
        drawn = labels_provenance(painting.scheme, made.um_per_px, made.size, layout_in(made.extra))
        color = kind == "colors"
        save_labels_as(path, painting.labels, painting.scheme, color=color, provenance=drawn)
