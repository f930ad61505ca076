"""A picture file in another stain: file to file, any size, and a work that was killed goes on where it was.

Finished tiles are kept in a folder beside the output, ``.NAME.partial``, under a key of all that pixels
depend on: weights, source, scale, direction, settings. The next run with the same key takes them; one with
another key begins anew. When the output is whole, the folder goes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.atomic import reason_of
from napari_histosynth.core.errors import Cancelled, ImageError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.io.halving import TILE as FILE_TILE
from napari_histosynth.io.kinds import file_kind
from napari_histosynth.io.omezarr import Version
from napari_histosynth.io.streamed import check_streamed, save_streamed
from napari_histosynth.io.tilefolder import TileFolder, pyramid_of
from napari_histosynth.stain.sourcefile import identity_of, open_picture
from napari_histosynth.stain.translator import TILE, Translator

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.model import StainModel
    from napari_histosynth.stain.steering import Steering

#: Least side in px of a picture file that is stained: less shows no tissue.
LEAST_SIDE = 16

#: Glass, from which on a mean of colors shows no tissue: its darkest channel.
GLASS = 215

_BAND = 32  # columns of tiles that are walked through together, so that tiles are at hand for their neighbors
_WRITING = 0.05  # share of the work that writing counts as
_MEAN = 8


@dataclass(frozen=True)
class Stained:
    """What became of a picture file.

    Attributes
    ----------
    path : Path
        The output.
    shape : tuple of int
        Its height and width.
    um_per_px : float
        Its scale.
    method : str
        How statistics were taken: "local", "plain", "kin" or "position".
    drawn : int
        Tiles that the network drew in this run.
    blank : int
        Tiles that were all of one color, and were taken from one that had been drawn.
    kept : int
        Tiles of the output that an earlier run had finished.
    tiles : int
        Tiles of the output.
    remarks : tuple of str
        Sentences for the user: of transparency, of a picture that shows nothing but glass.
    """

    path: Path
    shape: tuple[int, int]
    um_per_px: float
    method: str
    drawn: int
    blank: int
    kept: int
    tiles: int
    remarks: tuple[str, ...]


def stain_file(
    model: StainModel,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    um_per_px: float | None = None,
    reverse: bool = False,
    steering: Steering | None = None,
    note: Mapping[str, Any] | None = None,
    method: str = "auto",
    tile: int = TILE,
    zarr_version: Version = "0.5",
    is_cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Stained:
    """Draw a picture file in another stain.

    Parameters
    ----------
    model : StainModel
        What draws.
    source : str or path-like
        PNG, JPEG, OME-TIFF, SVS or OME-Zarr; large ones but PNG and JPEG are read a tile at a time.
    out : str or path-like
        Ends in ``.png``, ``.ome.tif`` or ``.ome.zarr``; has the pixels of ``source``, and smaller copies
        where the format allows. It appears when it is whole.
    um_per_px : float, optional
        Micrometers a pixel of ``source``; by default what the file says.
    reverse : bool
        From the model's second stain to its first.
    steering : Steering, optional
        Says which nuclei are to be positive.
    note : mapping, optional
        What else is to stand in the provenance, such as the index asked for. It is part of the key that
        finished tiles are kept under, so it has to tell apart what ``steering`` may be.
    method, tile
        As for :class:`~napari_histosynth.stain.translator.Translator`.
    zarr_version : "0.5" or "0.4"
        Of an OME-Zarr.
    is_cancelled : callable, optional
        Asked before each tile whether to stop; what is finished is kept.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    Stained
        How it went.

    Raises
    ------
    ImageError
        If the source cannot be read, is no RGB picture of 8 bits, is too small to show tissue, or its scale
        is not known.
    ModelError
        If the model does not draw in that direction.
    SaveError
        If the name, or the disk, does not allow to write it; finished tiles are kept.
    Cancelled
        If ``is_cancelled`` returned true.
    """
    source, out = Path(source), Path(out)
    picture, stated, remarks = open_picture(source)
    scale = stated if um_per_px is None else um_per_px
    if scale is None:
        raise ImageError(f"{source} does not say how many um a pixel has; give its scale (um_per_px).")
    translator = Translator(
        model, picture, scale, reverse=reverse, steering=steering, method=method, tile=tile
    )
    if min(translator.shape) < LEAST_SIDE:
        raise ImageError(
            f"{source} is {translator.shape[1]} x {translator.shape[0]} px, too small to show tissue; give a "
            f"picture of at least {LEAST_SIDE} px a side."
        )
    check_streamed(out, translator.shape, zarr_version)
    if out.exists() and out.samefile(source):
        raise SaveError(f"Cannot write {out}: it is read at the same time; give another name.")
    known = dict(note or {})
    first, second = reversed(model.stains) if reverse else model.stains
    key = _key(translator, source, known)
    provenance = Provenance(
        model=model.name,
        model_sha256=model.sha256,
        seed=known.pop("seed", None),
        um_per_px=translator.um_per_px,
        size=translator.shape,
        extra={
            "from": source.name,
            "from_stain": first,
            "stain": second,
            "direction": "reverse" if reverse else "forward",
            "statistics": translator.method,
            **known,
        },
    )
    scratch = scratch_of(out)
    try:
        finished = _begun(scratch, key, translator.shape)
        kept, total, is_glass = _draw(translator, finished, is_cancelled, _share(progress, 0, 1 - _WRITING))
        levels = pyramid_of(finished, scratch) if file_kind(out) != "picture" else [finished]
        save_streamed(
            out,
            levels,
            provenance,
            name=second,
            zarr_version=zarr_version,
            progress=_share(progress, 1 - _WRITING, 1),
        )
    except OSError as error:
        raise SaveError(
            f"Cannot write {out}: {reason_of(error)} (what is finished is kept in {scratch})."
        ) from error
    shutil.rmtree(scratch, ignore_errors=True)
    if is_glass:
        remarks = (*remarks, f"{source} shows nothing but glass, and so does {out}.")
    return Stained(
        out,
        translator.shape,
        translator.um_per_px,
        translator.method,
        translator.drawn,
        translator.blank,
        kept,
        total,
        remarks,
    )


def scratch_of(out: str | os.PathLike[str]) -> Path:
    """Return the folder that finished tiles of an output are kept in until it is whole."""
    target = Path(os.path.realpath(out))
    return target.with_name(f".{target.name[:200]}.partial")


def _key(translator: Translator, source: Path, note: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that pixels depend on."""
    from napari_histosynth import __version__

    model = translator.model
    return {
        "version": __version__,
        "model": model.sha256,
        "model_um_per_px": model.um_per_px,
        "device": model.device.type,
        "precision": model.precision,
        "source": identity_of(source),
        "shape": list(translator.shape),
        "um_per_px": translator.um_per_px,
        "reverse": translator.reverse,
        "method": translator.method,
        "tile": translator.tile,
        "note": dict(note),
    }


def _begun(scratch: Path, key: Mapping[str, Any], shape: tuple[int, int]) -> TileFolder:
    """Return the finished tiles of an earlier run if its key is the same, else an empty folder."""
    text = json.dumps(key, sort_keys=True, default=str)
    noted = scratch / "key.json"
    try:
        same = noted.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        same = False
    if not same:
        if scratch.is_dir():
            shutil.rmtree(scratch)
        scratch.mkdir()
        unfinished = scratch / "key.tmp"
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, noted)
    return TileFolder(scratch / "level-0", shape)


def _draw(
    translator: Translator,
    finished: TileFolder,
    is_cancelled: Callable[[], bool] | None,
    progress: Callable[[float], None],
) -> tuple[int, int, bool]:
    """Draw what is missing; return how many tiles were kept, how many there are, and if all are glass."""
    total = finished.count[0] * finished.count[1]
    kept = 0
    is_glass = True
    for done, window in enumerate(_banded(translator.shape), 1):
        row, col = window.y0 // FILE_TILE, window.x0 // FILE_TILE
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("Staining was stopped; what is finished is kept for the next run.")
        if finished.find(row, col) is not None:
            kept += 1
            is_glass = False  # not known, and so not said
        else:
            finished.write(row, col, translator.translate(window, is_cancelled=is_cancelled))
            is_glass = is_glass and _shows_glass(translator.read(window))
        progress(done / total)
    return kept, total, is_glass


def _banded(shape: tuple[int, int]) -> Iterator[Window]:
    """Yield the tiles of the output in bands of columns."""
    band = _BAND * FILE_TILE
    for left in range(0, shape[1], band):
        yield from tile_windows(Window(0, shape[0], left, min(left + band, shape[1])), FILE_TILE)


def _shows_glass(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether a picture is pale all over, averaged over squares of 8 px."""
    height, width = (side // _MEAN * _MEAN for side in rgb.shape[:2])
    blocks = rgb[: height or None, : width or None].astype(np.float32)
    if height and width:
        blocks = blocks.reshape(height // _MEAN, _MEAN, width // _MEAN, _MEAN, 3).mean((1, 3))
    return bool(blocks.min() >= GLASS)


def _share(progress: Callable[[float], None] | None, low: float, high: float) -> Callable[[float], None]:
    """Return what to tell the progress of a part of the work to."""

    def tell(share: float) -> None:
        if progress is not None:
            progress(low + (high - low) * share)

    return tell
