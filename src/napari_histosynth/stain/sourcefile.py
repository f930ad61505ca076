"""Picture files to be stained: opened lazily where the format allows, with one sentence for what is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_histosynth.core.errors import ImageError, PixelKindError
from napari_histosynth.io import open_slide
from napari_histosynth.io.kinds import file_kind
from napari_histosynth.io.tiff import damage_is_one_sentence, is_plain_tiff
from napari_histosynth.paint.inputs import read_he

if TYPE_CHECKING:
    import numpy.typing as npt

_GRAY = ("1", "L", "LA", "La")


def open_picture(path: str | os.PathLike[str]) -> tuple[Any, float | None, tuple[str, ...]]:
    """Open a picture file.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG and the like, which are read into memory; OME-TIFF, SVS or OME-Zarr, which are not.

    Returns
    -------
    rgb : array_like
        uint8 (y, x, 3).
    um_per_px : float or None
        Scale, None if the file does not say.
    remarks : tuple of str
        Sentences for the user.

    Raises
    ------
    ImageError
        If it cannot be read, is gray, or has more than 8 bits a channel; lazy ones raise it also when what is
        read of them turns out to be damaged.
    """
    kind = file_kind(path)
    if kind == "zarr" or (kind == "tiff" and not is_plain_tiff(path)):
        slide = open_slide(path)
        return _Readable(Path(path), slide.levels[0]), slide.um_per_px, ()
    transparent = False
    with contextlib.suppress(OSError, SyntaxError, ValueError), Image.open(path) as opened:
        transparent = opened.has_transparency_data
        if opened.mode in _GRAY:
            raise ImageError(f"{path} is gray; stains are told by color, so give a picture in RGB.")
        if any(";16" in str(part.args) for part in opened.tile):  # Pillow would drop half of the bits
            raise PixelKindError(f"{path} has 16 bits a channel; save it with 8 bits per channel.")
    rgb, stated = read_he(path)
    return rgb, stated, (f"Transparent pixels of {path} count as glass.",) if transparent else ()


def identity_of(path: Path) -> list[str]:
    """Return what tells a file or a folder from others and from what it was before: path, size, date."""
    path = path.resolve()
    files = [path]
    if path.is_dir():
        files = sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(path)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return [str(path), digest.hexdigest()]


class _Readable:
    """A lazy picture of a file; what is wrong with it turns up when it is read, in one sentence."""

    def __init__(self, path: Path, rgb: Any) -> None:
        self._path, self._rgb = path, rgb
        self.shape, self.dtype = rgb.shape, rgb.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        with damage_is_one_sentence(self._path):
            return np.asarray(self._rgb[key])
