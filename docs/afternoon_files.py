"""What an afternoon's work leaves on disk: which files, and whether they are what was on screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hands import spin

LABEL_FILES = ("_labels.png", "_labels.ome.tif", "_labels.ome.zarr", "_labels.geojson")
PICTURE_FILES = ("_he.png", "_he.ome.tif", "_he.ome.zarr")

Pixels = np.ndarray[Any, Any]


class MismatchError(AssertionError):
    """What is there is not what should be."""


def check(holds: object, sentence: str) -> None:
    """Raise MismatchError with a sentence unless something holds."""
    if not holds:
        raise MismatchError(sentence)


def compare(folder: Path, stem: str, shown: tuple[Pixels, Pixels, Pixels], fresh: Any) -> None:
    """Open the files in another window and compare them with what was on screen, byte for byte."""
    from napari_histosynth.io import read_provenance

    labels, picture, whole = shown
    off = np.abs(picture.astype(np.int16) - whole)
    share = (off > 0).any(axis=-1).mean()
    check(off.max() <= 1, f"the H&E on screen is not what the labels draw: off by up to {off.max()}")
    print(f"H&E on screen and drawn anew: {share:.2%} of the pixels differ, by {off.max()} of 255 at most")
    for endings, pixels in ((LABEL_FILES, labels), (PICTURE_FILES, picture)):
        for ending in endings:
            path = folder / (stem + ending)
            (layer,) = fresh.open(str(path), plugin="napari-histosynth")
            read = np.asarray(layer.data[0] if layer.multiscale else layer.data)
            check(read.dtype == pixels.dtype and read.shape == pixels.shape, f"{path.name} has another shape")
            check(read.tobytes() == pixels.tobytes(), f"{path.name} is not what was on screen")
            um = float(layer.scale[-1])
            print(f"equal to the screen, byte for byte: {path.name}, {um:.4g} um per px, {_size(path)}")
    made = read_provenance(folder / f"{stem}_he.png")
    check(made is not None and made.synthetic, "the H&E does not say that it is synthetic")
    spin(0.3)


def crop(picture: Pixels, labels: Pixels, middle: tuple[float, float], path: Path) -> None:
    """Write a part of the picture beside its labels at full resolution."""
    from PIL import Image

    from napari_histosynth.core.tissue import get_scheme

    side = min(720, *labels.shape)
    y, x = (int(min(max(at - side / 2, 0), end - side)) for at, end in zip(middle, labels.shape, strict=True))
    cut = (slice(y, y + side), slice(x, x + side))
    colors = get_scheme("colon-3").encode(labels[cut])
    Image.fromarray(np.concatenate([colors, picture[cut]], axis=1)).save(path)


def _size(path: Path) -> str:
    """Return the size of a file or folder in words."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
