"""Pictures and label maps as PNG files, with their provenance and scale inside."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.colors import look_up
from napari_histosynth.core.errors import ImageError, LabelMapError, SaveError
from napari_histosynth.core.provenance import Provenance, ProvenanceError
from napari_histosynth.core.tissue import Labels, TissueScheme

MAX_SIDE = 16_384
"""Largest picture that is read, in pixels a side."""

KEYWORD = "histosynth"
"""Name of the PNG text chunk that holds the provenance."""

# Formats that Pillow decodes by itself: EPS and the like would start other programs.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM", "WEBP")
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, OverflowError)
_INDEX_MODES = ("1", "L", "I", "I;16", "I;16L", "I;16B", "I;16N")
_pillow_limit = threading.Lock()


def read_image(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read a picture.

    Parameters
    ----------
    path : str or path-like
        PNG, JPEG, TIFF, BMP, GIF, PPM or WebP file of at most 16,384 px a side. Gray pictures become RGB,
        transparent pixels are laid on white.

    Returns
    -------
    ndarray
        uint8 (y, x, 3), RGB.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, too large, no picture, or has more than 8 bits a channel.
    """
    with _opened(path) as picture:
        if picture.mode.startswith(("I", "F")):
            raise ImageError(f"{path} has more than 8 bits per channel; save it as an 8-bit RGB picture.")
        if picture.has_transparency_data:
            canvas = Image.new("RGBA", picture.size, "white")
            canvas.alpha_composite(picture.convert("RGBA"))
            picture = canvas
        return np.array(picture.convert("RGB"))


def read_labels(path: str | os.PathLike[str], scheme: TissueScheme) -> Labels:
    """Read a label map from a picture of class indices or of class colors.

    A gray picture holds indices, an RGB one colors. A picture with a palette is read by its colors if they
    all belong to the scheme, otherwise its pixel values are the indices.

    Parameters
    ----------
    path : str or path-like
        Picture of at most 16,384 px a side, of the kinds that :func:`read_image` reads.
    scheme : TissueScheme
        Scheme that the label map is written in.

    Returns
    -------
    ndarray
        uint8 (y, x), indices into ``scheme``.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, too large or no picture.
    UnknownColorError
        If a color belongs to no class.
    LabelMapError
        If an index is outside the scheme, or pixels are transparent.
    """
    with _opened(path) as picture:
        try:
            if picture.mode == "LA" and picture.getextrema()[1] == (255, 255):
                picture = picture.getchannel("L")
            if picture.mode in _INDEX_MODES:
                return scheme.check(np.array(picture))
            if picture.mode == "P":
                return _labels_of_palette(picture, scheme)
            if picture.mode == "F":
                return scheme.check(np.array(picture))  # raises: a label map holds whole numbers
            mode = "RGBA" if picture.has_transparency_data else "RGB"
            return scheme.decode(np.array(picture.convert(mode)))
        except LabelMapError as error:
            raise type(error)(f"{path}: {error}") from None


def save_image(
    path: str | os.PathLike[str], rgb: npt.ArrayLike, provenance: Provenance | None = None
) -> None:
    """Write a picture as PNG; the same input gives the same bytes.

    Parameters
    ----------
    path : str or path-like
        File to write, ending in ``.png``. If writing fails, what was there stays.
    rgb : array_like
        uint8 (y, x, 3).
    provenance : Provenance, optional
        Written into the text chunk ``histosynth``; its scale also into ``pHYs``.

    Raises
    ------
    ImageError
        If the array is not such a picture.
    SaveError
        If the file cannot be written.
    """
    pixels = np.asarray(rgb)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        shape = " x ".join(map(str, pixels.shape))
        raise ImageError(f"A picture to save is uint8 y x x x 3, but this array is {pixels.dtype} {shape}.")
    _save(path, Image.fromarray(np.ascontiguousarray(pixels)), provenance)


def save_labels(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    scheme: TissueScheme,
    color: bool = False,
    provenance: Provenance | None = None,
) -> None:
    """Write a label map as PNG; the same input gives the same bytes.

    Parameters
    ----------
    path : str or path-like
        File to write, ending in ``.png``. If writing fails, what was there stays.
    labels : array_like
        (y, x) indices into ``scheme``, any integer dtype.
    scheme : TissueScheme
        Scheme of the label map.
    color : bool
        Whether to write an RGB picture in the scheme's colors, rather than indices with the scheme's colors
        as their palette. Both look the same and :func:`read_labels` reads both.
    provenance : Provenance, optional
        As for :func:`save_image`.

    Raises
    ------
    LabelMapError
        If the label map does not fit the scheme.
    SaveError
        If the file cannot be written.
    """
    if color:
        save_image(path, scheme.encode(labels), provenance)
        return
    picture = Image.fromarray(np.ascontiguousarray(scheme.check(labels)))
    picture.putpalette(scheme.palette.tobytes(), rawmode="RGB")  # turns the mode into P, values unchanged
    _save(path, picture, provenance)


def save_provenance(path: str | os.PathLike[str], provenance: Provenance) -> None:
    """Write a record of provenance as a JSON file.

    Raises
    ------
    SaveError
        If the file cannot be written; what was there stays.
    """
    text = provenance.to_json(indent=2) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_provenance(path: str | os.PathLike[str]) -> Provenance | None:
    """Read the provenance of a picture, or from a JSON file.

    Parameters
    ----------
    path : str or path-like
        Picture that this package wrote, or file that :func:`save_provenance` wrote.

    Returns
    -------
    Provenance or None
        None if the picture carries none.

    Raises
    ------
    ImageError
        If the file cannot be read.
    ProvenanceError
        If what it holds is no such record.
    """
    if Path(path).suffix.lower() == ".json":
        try:
            return Provenance.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ImageError(f"Cannot read {path}: {_why(error)}.") from None
    with _opened(path) as picture:
        text = getattr(picture, "text", picture.info).get(KEYWORD)
    return None if text is None else Provenance.from_json(str(text))


def peek_png(path: str | os.PathLike[str]) -> tuple[str, Provenance] | None:
    """Return what the head of a PNG of ours tells, without decoding its pixels.

    Parameters
    ----------
    path : str or path-like
        Any file.

    Returns
    -------
    tuple of str and Provenance, or None
        ``"labels"`` or ``"picture"``, and where it comes from; None if this package did not write the file.
    """
    try:
        with _open_any_size(path) as picture:
            text, mode = picture.info.get(KEYWORD), picture.mode
        provenance = Provenance.from_json(str(text))
    except (*_DAMAGE, UnidentifiedImageError, ProvenanceError):
        return None
    labels = mode in ("P", *_INDEX_MODES) or ("scheme" in provenance.extra and not provenance.synthetic)
    return "labels" if labels else "picture", provenance


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open a picture and decode all of it, with one sentence for whatever can be wrong with the file."""
    try:
        if os.stat(path).st_size == 0:
            raise ImageError(f"{path} is empty; it may not have been saved or copied to the end.")
        picture = _open_any_size(path)
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is no picture that can be read; give a {', '.join(_FORMATS)} file."
        ) from None
    except _DAMAGE as error:
        raise ImageError(f"Cannot read {path}: {_why(error)}.") from None
    with picture:
        width, height = picture.size
        if max(width, height) > MAX_SIDE:
            raise ImageError(
                f"{path} is {width:,} x {height:,} px; at most {MAX_SIDE:,} px a side are read, so crop it."
            )
        try:
            picture.load()
        except _DAMAGE as error:
            raise ImageError(f"Cannot read {path}: {_why(error)}.") from None
        yield picture


def _open_any_size(path: str | os.PathLike[str]) -> Image.Image:
    """Read a picture's header, leaving the judgment of its size to the caller.

    Pillow's guard against decompression bombs counts pixels and would refuse a square canvas of
    :data:`MAX_SIDE`; it is global, so it is lifted only while a header is read.
    """
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is damaged is an error, in one sentence, or none
                return Image.open(path, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _why(error: BaseException) -> str:
    """Say what is wrong with a file: the system's reason, or that its content is damaged."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "it is a folder; give the name of a file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is damaged or cut short; copy or save it again"


def _labels_of_palette(picture: Image.Image, scheme: TissueScheme) -> Labels:
    """Read a picture with a palette by its colors if all belong to the scheme, else by its pixel values."""
    values = np.array(picture)
    used = np.unique(values)
    palette = np.frombuffer(bytes(picture.getpalette("RGBA") or ()), dtype=np.uint8).reshape(-1, 4)
    with contextlib.suppress(LabelMapError):
        if used[-1] < len(palette):
            table = np.zeros(256, dtype=np.uint8)
            table[used] = scheme.decode(palette[used][None])[0]
            return look_up(table, values)
    if used[-1] < scheme.n_classes:
        return values
    # Neither reading fits; the colors are what a person sees, so the message speaks of them.
    return scheme.decode(np.array(picture.convert("RGBA")))


def _save(path: str | os.PathLike[str], picture: Image.Image, provenance: Provenance | None) -> None:
    """Write a PNG with its provenance and scale, completely or not at all."""
    if Path(path).suffix.lower() != ".png":
        raise SaveError(f"Cannot write {path}: pictures are saved as PNG; give a name that ends in .png.")
    options: dict[str, object] = {"compress_level": 6}
    if provenance is not None:
        info = PngInfo()
        info.add_itxt(KEYWORD, provenance.to_json())
        options["pnginfo"] = info
        if provenance.um_per_px is not None:
            per_metre = 1e6 / provenance.um_per_px
            if 1 <= per_metre < 2**31:  # what pHYs can hold
                options["dpi"] = (per_metre * 0.0254,) * 2
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", **options)
