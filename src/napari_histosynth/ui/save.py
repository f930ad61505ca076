"""Everything that a canvas is saved as: picture, labels twice, and where they come from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.io import save_labels_as, save_picture_as, save_provenance
from napari_histosynth.io.kinds import LABEL_ENDINGS, PICTURE_ENDINGS
from napari_histosynth.io.omezarr import put_in_place

KINDS = {
    "picture": ("_he.png", "H&E (PNG, OME-TIFF, OME-Zarr)"),
    "labels": ("_labels.png", "Labels (PNG, OME-TIFF, OME-Zarr, GeoJSON of QuPath)"),
    "colors": ("_colors.png", "Labels, class colors (PNG)"),
    "provenance": (".json", "Provenance (JSON)"),
}
"""What can be saved: the ending of its file's name, and what it is called."""

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
    """

    picture: npt.NDArray[np.uint8]
    labels: Labels
    scheme: TissueScheme
    provenance: Provenance


def file_names(stem: str | os.PathLike[str], kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Path]:
    """Return the file of each kind for a stem such as ``folder/tissue``."""
    base = Path(stem)
    return {kind: base.with_name(base.name + KINDS[kind][0]) for kind in kinds}


def clean_stem(chosen: str | os.PathLike[str]) -> Path:
    """Return the stem that is meant by a file name: without the ending of any file that we write."""
    path = Path(chosen)
    ours = [ending for ending, _ in KINDS.values()]
    parts = ["_he", "_labels", ""]
    ours += [part + ending for part in parts for ending in (*LABEL_ENDINGS, ".ome.tiff", ".tif")]
    endings = sorted(ours, key=len, reverse=True)
    for ending in endings:
        if path.name.lower().endswith(ending) and path.name.lower() != ending:
            return path.with_name(path.name[: -len(ending)])
    return path


def save_painting(painting: Painting, files: dict[str, Path]) -> None:
    """Write a canvas to files: all of them, or none.

    They are written to a folder beside their place first, so that a disk which fills up half way leaves the
    files of an earlier canvas as they were, all of one piece.

    Parameters
    ----------
    painting : Painting
        What to save.
    files : dict of str to Path
        Where to write each of :data:`KINDS` that is wanted; existing files are replaced.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    parent = next(iter(files.values())).parent
    try:
        waiting = Path(tempfile.mkdtemp(prefix=".histosynth-", dir=parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SaveError(f"Cannot write to {parent}: {reason}; choose another folder.") from error
    try:
        for kind, path in files.items():
            try:
                _write(kind, waiting / path.name, painting, files)
            except SaveError as error:  # the sentence names the file that was meant
                raise SaveError(str(error).replace(str(waiting / path.name), str(path))) from error
        for path in files.values():
            put_in_place(waiting / path.name, path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SaveError(f"Cannot write to {parent}: {reason}; choose another folder.") from error
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


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
        # no network drew the labels: of what made the picture only scheme, scale and size are theirs
        classes: dict[str, Any] = {**scheme_note(painting.scheme)}
        drawn = Provenance(synthetic=False, um_per_px=made.um_per_px, size=made.size, extra=classes)
        color = kind == "colors"
        save_labels_as(path, painting.labels, painting.scheme, color=color, provenance=drawn)
