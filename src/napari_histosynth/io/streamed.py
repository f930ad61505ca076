"""Pictures of any size to PNG, OME-TIFF and OME-Zarr, a tile at a time."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.io.halving import TILE
from napari_histosynth.io.kinds import PICTURE_ENDINGS, file_kind, has_ending
from napari_histosynth.io.omezarr import (
    Version,
    check_target,
    create_level,
    describe_levels,
    new_group,
    provenance_note,
)
from napari_histosynth.io.png import KEYWORD, MAX_SIDE
from napari_histosynth.io.tiff import level_options, needs_bigtiff, ome_metadata
from napari_histosynth.io.tilefolder import Tiled

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[float], None]

_TIFF_BUFFER = 32 << 20  # bytes of tiles that are read ahead while others are deflated


def check_streamed(
    path: str | os.PathLike[str], shape: tuple[int, int], zarr_version: Version = "0.5"
) -> None:
    """Make sure, before any work is done, that a picture of a shape can be written under a name.

    Raises
    ------
    SaveError
        If the name ends in none of those of pictures, is a PNG's and the picture too large for it, or
        something else is there.
    """
    if not has_ending(path, PICTURE_ENDINGS):
        raise SaveError(f"Cannot write {path}: give a name that ends in {', '.join(PICTURE_ENDINGS)}.")
    if file_kind(path) == "picture" and max(shape) > MAX_SIDE:
        raise SaveError(
            f"Cannot write {path}: a PNG of {shape[1]:,} x {shape[0]:,} px could not be read again, since "
            f"{MAX_SIDE:,} px a side are the most; name it .ome.tif or .ome.zarr."
        )
    target = Path(os.path.realpath(path))
    if file_kind(path) == "zarr":
        check_target(path, target, zarr_version)
    elif target.is_dir():
        raise SaveError(f"Cannot write {path}: it is a folder; give the name of a file.")
    elif not target.parent.is_dir():
        raise SaveError(f"Cannot write {path}: there is no folder {target.parent}; create it first.")


def save_streamed(
    path: str | os.PathLike[str],
    levels: Sequence[Tiled],
    provenance: Provenance | None = None,
    *,
    name: str = "H&E",
    zarr_version: Version = "0.5",
    progress: Tell | None = None,
) -> None:
    """Write a picture in the format that the name ends in, without ever holding all of it.

    The files are those of :func:`~napari_histosynth.io.kinds.save_picture_as`.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.png``, ``.ome.tif`` or ``.ome.zarr``. If writing fails, what was there stays.
    levels : sequence of Tiled
        The picture and its smaller copies (:func:`~napari_histosynth.io.tilefolder.pyramid_of`), in tiles of
        512 px; a PNG holds the first alone. Each is read once, from top to bottom.
    provenance : Provenance, optional
        Noted in the file; its scale is the file's.
    name : str
        What the picture is called in OME's metadata.
    zarr_version : "0.5" or "0.4"
        Of an OME-Zarr.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Raises
    ------
    SaveError
        If the name ends in something else, or the file cannot be written.
    """
    check_streamed(path, levels[0].shape, zarr_version)
    kind = file_kind(path)
    written = levels[:1] if kind == "picture" else levels
    tell = _counted(progress, sum(level.count[0] for level in written))
    if kind == "tiff":
        _save_tiff(path, levels, provenance, name, tell)
    elif kind == "zarr":
        with new_group(path, zarr_version) as group:
            _fill_group(group, levels, provenance, name, zarr_version, tell)
    else:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write_png(file, levels[0].shape, _strips(levels[0], tell), provenance)


def write_png(
    file: BinaryIO, shape: tuple[int, int], strips: Iterator[Pixels], provenance: Provenance | None
) -> None:
    """Write an RGB picture as PNG, strip by strip, with the provenance that ``read_provenance`` finds.

    Parameters
    ----------
    file : file object
        Open for writing bytes.
    shape : tuple of int
        Height and width.
    strips : iterator of ndarray
        uint8 (y, width, 3), from top to bottom.
    provenance : Provenance, optional
        Written into the text chunk ``histosynth``; its scale also into ``pHYs``.
    """
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], 8, 2, 0, 0, 0))
    if provenance is not None:
        per_meter = 1e6 / provenance.um_per_px if provenance.um_per_px else 0
        if 1 <= per_meter < 2**31:
            _chunk(file, b"pHYs", struct.pack(">IIB", round(per_meter), round(per_meter), 1))
        text = provenance.to_json().encode()
        _chunk(file, b"iTXt", KEYWORD.encode() + b"\0\0\0\0\0" + text)
    packer = zlib.compressobj(6)
    above = np.zeros(shape[1] * 3, np.uint8)
    for strip in strips:
        rows = strip.reshape(strip.shape[0], -1)
        packed = packer.compress(_filtered(rows, above).tobytes())
        if packed:
            _chunk(file, b"IDAT", packed)
        above = rows[-1]
    _chunk(file, b"IDAT", packer.flush())
    _chunk(file, b"IEND", b"")


def _filtered(rows: Pixels, above: Pixels) -> Pixels:
    """Return rows of bytes as PNG filters them: less the left or the upper neighbor, which leaves less."""
    left = rows.copy()
    left[:, 3:] -= rows[:, :-3]
    up = rows.copy()
    up[0] -= above
    up[1:] -= rows[:-1]
    rest = [np.abs(change.view(np.int8).astype(np.int16)).sum(1, dtype=np.int64) for change in (left, up)]
    by_left = rest[0] <= rest[1]
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = np.where(by_left, 1, 2)
    filtered[:, 1:] = np.where(by_left[:, None], left, up)
    return filtered


def _chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    """Write a chunk of a PNG."""
    file.write(struct.pack(">I", len(content)) + kind + content)
    file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))


def _save_tiff(
    path: str | os.PathLike[str],
    levels: Sequence[Tiled],
    provenance: Provenance | None,
    name: str,
    tell: Callable[[], None],
) -> None:
    """Write levels as a pyramidal OME-TIFF."""
    import tifffile

    scale = None if provenance is None else provenance.um_per_px
    shape = (*levels[0].shape, 3)
    with (
        atomic_path(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=needs_bigtiff(shape), ome=True) as writer,
    ):
        for step, level in enumerate(levels):
            options: dict[str, Any] = level_options(step, len(levels), scale, picture=True)
            if step == 0:
                options["metadata"] = ome_metadata(shape, None, scale, provenance, name)
            writer.write(
                _padded_tiles(level, tell),
                shape=(*level.shape, 3),
                dtype=np.uint8,
                buffersize=_TIFF_BUFFER,
                **options,
            )


def _fill_group(
    group: Any,
    levels: Sequence[Tiled],
    provenance: Provenance | None,
    name: str,
    version: Version,
    tell: Callable[[], None],
) -> None:
    """Write levels into the group of an OME-Zarr."""
    for step, level in enumerate(levels):
        array = create_level(group, step, (3, *level.shape), version)
        for row in range(level.count[0]):
            for col in range(level.count[1]):
                array[(slice(None), *level.window(row, col).slices)] = np.moveaxis(level.read(row, col), 2, 0)
            tell()
    scale = None if provenance is None else provenance.um_per_px
    describe_levels(group, len(levels), 3, name, scale, version, None, provenance_note(provenance))


def _padded_tiles(level: Tiled, tell: Callable[[], None]) -> Iterator[Pixels]:
    """Yield tiles row by row, all of the same size."""
    for row in range(level.count[0]):
        for col in range(level.count[1]):
            tile = level.read(row, col)
            missing = ((0, TILE - tile.shape[0]), (0, TILE - tile.shape[1]), (0, 0))
            if col == level.count[1] - 1:
                tell()  # before the tile, since nobody asks for more after the last
            yield np.pad(tile, missing)


def _strips(level: Tiled, tell: Callable[[], None]) -> Iterator[Pixels]:
    """Yield rows of tiles."""
    for row in range(level.count[0]):
        yield level.strip(row)
        tell()


def _counted(progress: Tell | None, total: int) -> Callable[[], None]:
    """Return what to call after each row of tiles."""
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done / total, 1.0))

    return tell
