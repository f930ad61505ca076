"""The picture that annotations belong to: it has their name and lies beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.io.png import peek_png, read_image
from napari_histosynth.io.slide import open_slide

_ENDINGS = (
    ".svs",
    ".ome.tif",
    ".ome.tiff",
    ".ome.zarr",
    ".tif",
    ".tiff",
    "_he.png",
    ".png",
    ".jpg",
    ".jpeg",
)


@dataclass(frozen=True)
class Extent:
    """How large a picture is.

    Attributes
    ----------
    shape : tuple of int
        Height and width in pixels.
    um_per_px : float or None
        Micrometers a pixel, where the file says.
    """

    shape: tuple[int, int]
    um_per_px: float | None = None


def extent_of_picture(path: str | os.PathLike[str]) -> Extent:
    """Return the size and scale of a picture or slide.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    if Path(path).suffix.lower() in (".svs", ".tif", ".tiff", ".zarr"):
        slide = open_slide(path)
        return Extent(slide.shape, slide.um_per_px)
    height, width, _ = read_image(path).shape
    found = peek_png(path)
    return Extent((height, width), found[1].um_per_px if found else None)


def companion_of(path: str | os.PathLike[str]) -> Extent | None:
    """Return size and scale of the picture that has the name of a file of annotations, None if there is none.

    QuPath names annotations after their picture: beside ``case.svs.geojson`` or ``case.geojson`` lies
    ``case.svs``.
    """
    path = Path(path)
    for name in (path.stem, *(path.stem + ending for ending in _ENDINGS)):
        picture = path.with_name(name)
        if name == path.name or not picture.exists():
            continue
        try:
            return extent_of_picture(picture)
        except HistosynthError:
            continue
    return None
