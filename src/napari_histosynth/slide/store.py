"""Finished tiles of a slide on disk: an OME-Zarr that any reader can open while it grows.

Levels 0 to 8 are arrays of zarr 3, a chunk a tile of 256 px; a tile is finished when its chunk's file is
there. Files are written under another name and then put in place, so that a kill leaves whole ones, and
each carries a check sum, so that a damaged one counts as missing. Two processes may draw into one store: a
tile is the same whoever draws it, and the later one replaces the earlier. What is not drawn yet is white.
The layout is the label map ``layout``; the attributes hold all that pixels depend on, and a store is
never gone on with by another model.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_histosynth.core.atomic import reason_of
from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.slide.lattice import Place, counts
from napari_histosynth.slide.laying import GLANDS
from napari_histosynth.slide.levels import LAYOUT_LEVEL, LEVELS, TILE, UM_PER_PX, level_shape, um_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.model import SlideModel

    Pixels = npt.NDArray[np.uint8]

#: Version of what is written here; a store of a later one is refused.
FORMAT = 2
#: Group of the layout; not in ``labels``, whose maps have as many levels as the picture.
LAYOUT_NAME = "layout"

_NOTE = "slide"  # in the attributes, beside the provenance
_UNDRAWN = 255
_LEFT_OVER_S = 3600.0  # a file that is being written is not a day old


@dataclass(frozen=True)
class SlideKey:
    """All that the pixels of a slide depend on.

    Attributes
    ----------
    model, model_sha256, precision : str
        Name of the model, hash of its weights, number format it draws in.
    seed : int
        Which slide.
    size : tuple of int
        Height and width in px of level 0.
    setting : "fast" or "diffusion"
        How it is drawn.
    steps : int or None
        Of the diffusion.
    layout_sha256 : str
        Hash of the layout.
    glands : int
        Version of the rule by which glands are laid; 0 if none are.
    """

    model: str
    model_sha256: str
    precision: str
    seed: int
    size: tuple[int, int]
    setting: Literal["fast", "diffusion"]
    steps: int | None
    layout_sha256: str
    glands: int = GLANDS

    def provenance(self, note: Mapping[str, Any] | None = None, level: int = 0) -> Provenance:
        """Return what is noted in files that show a level of the slide."""
        extra = {"setting": self.setting, "precision": self.precision, "layout_sha256": self.layout_sha256}
        if self.glands:
            extra["glands"] = str(self.glands)
        if self.steps is not None:
            extra["steps"] = str(self.steps)
        return Provenance(
            model=self.model,
            model_sha256=self.model_sha256,
            seed=self.seed,
            um_per_px=um_of(level),
            size=level_shape(self.size, level),
            extra=extra | dict(note or {}),
        )


class SlideStore:
    """The tiles of a slide in a folder; any thread and process may use it.

    Make one with :meth:`create`, open one with :meth:`open`.

    Parameters
    ----------
    path : Path
        The folder.
    key : SlideKey
        Of the slide.
    note : mapping
        What else its provenance says.

    Attributes
    ----------
    path, key, note
        As given.
    """

    def __init__(self, path: Path, key: SlideKey, note: Mapping[str, Any] | None = None) -> None:
        self.path, self.key, self.note = path, key, dict(note or {})
        self._known: set[Place] = set()  # finished for certain; of the others the disk is asked

    @classmethod
    def create(
        cls, path: Path, key: SlideKey, layout: Pixels, note: Mapping[str, Any] | None = None
    ) -> SlideStore:
        """Make an empty store; it appears when it is whole.

        Parameters
        ----------
        path : Path
            Ends in ``.zarr``, best ``.ome.zarr``; nothing may be there.
        key : SlideKey
            Of the slide.
        layout : ndarray
            uint8 (y, x), its layout.
        note : mapping, optional
            What else the provenance is to say.

        Raises
        ------
        SaveError
            If something is there, or the folder cannot be written.
        """
        from zarr.codecs import ZstdCodec

        from napari_histosynth.core.scheme_note import scheme_note
        from napari_histosynth.core.tissue import get_scheme
        from napari_histosynth.io.omezarr import (
            KEY,
            create_level,
            describe_levels,
            new_group,
            provenance_note,
        )
        from napari_histosynth.slide.layout import SCHEME

        if path.exists():
            raise SaveError(
                f"Cannot make a slide in {path}: something is there; give another name, or draw "
                "on what is there."
            )
        with new_group(path, "0.5") as group:
            for level in range(LEVELS):
                create_level(
                    group,
                    level,
                    (3, *level_shape(key.size, level)),
                    "0.5",
                    tile=TILE,
                    fill_value=_UNDRAWN,
                    compressors=ZstdCodec(level=3, checksum=True),
                )
            extra = provenance_note(key.provenance(note))
            describe_levels(group, LEVELS, 3, "H&E", UM_PER_PX, "0.5", None, extra)
            group.attrs[KEY] = extra | {_NOTE: {"format": FORMAT, **asdict(key)}}
            mapped = group.create_group(LAYOUT_NAME)
            create_level(mapped, 0, layout.shape, "0.5")[...] = layout
            scheme = get_scheme(SCHEME)
            describe_levels(mapped, 1, 2, "Layout", um_of(LAYOUT_LEVEL), "0.5", scheme, scheme_note(scheme))
        return cls(path, key, note)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> SlideStore:
        """Open a store.

        Raises
        ------
        SaveError
            If it is none, damaged, or of a later version.
        """
        path = Path(path)
        try:
            held = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]["histosynth"]
            told = dict(held[_NOTE])
            version = told.pop("format")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SaveError(
                f"{path} is no slide of 'histosynth slide new'; check the path, or begin one there."
            ) from error
        if not isinstance(version, int) or version > FORMAT:
            raise SaveError(
                f"{path} is a slide of format {version} and this version knows {FORMAT}; update "
                "napari-histosynth."
            )
        if version == 1:
            told["glands"] = 0  # it knew none
        glands = told.get("glands", GLANDS)
        if glands not in (0, GLANDS):
            raise SaveError(
                f"{path} has glands of version {glands} and this version lays version {GLANDS}; begin the "
                "slide anew, or draw it with the version that began it."
            )
        try:
            key = SlideKey(**{**told, "size": tuple(told["size"])})
            extra = held.get("provenance", {}).get("extra", {})
        except (TypeError, KeyError, AttributeError) as error:
            raise SaveError(f"{path} does not say what it was drawn with; begin the slide anew.") from error
        return cls(path, key, {name: value for name, value in extra.items() if not hasattr(key, name)})

    def check(self, key: SlideKey) -> None:
        """Make sure that the store is of a slide.

        Raises
        ------
        SaveError
            If it is of another.
        """
        mine, asked = asdict(self.key), asdict(key)
        for name, value in mine.items():
            if name != "model" and asked[name] != value:
                told = name.replace("_", " ").replace("sha256", "(its hash)")
                raise SaveError(
                    f"{self.path} is a slide with {told} {_short(value)}, not {_short(asked[name])}; "
                    "give the same, or another name."
                )

    def check_model(self, model: SlideModel) -> None:
        """Make sure that a model is the one that the slide was begun with.

        Raises
        ------
        SaveError
            If it is another, or draws in another precision.
        """
        if model.sha256 != self.key.model_sha256:
            raise SaveError(
                f"{self.path} was begun with the model {self.key.model!r} of hash "
                f"{_short(self.key.model_sha256)}, and {model.name!r} has {_short(model.sha256)}; give that "
                "model."
            )
        if model.precision != self.key.precision:
            raise SaveError(
                f"{self.path} was begun in {self.key.precision}, not {model.precision}; draw it in the same."
            )

    def layout(self) -> Pixels:
        """Return the layout, uint8 (y, x).

        Raises
        ------
        SaveError
            If it is damaged.
        """
        import zarr

        try:
            held: Any = zarr.open_group(self.path, mode="r")[f"{LAYOUT_NAME}/0"]
            layout: Pixels = np.asarray(held[...])
            same = hash_of(layout) == self.key.layout_sha256
        except Exception:  # zarr raises whatever damage leads to
            same = False
        if not same:
            raise SaveError(f"The layout in {self.path} is damaged; begin the slide anew with the same seed.")
        return layout

    # ---- tiles

    def has(self, place: Place) -> bool:
        """Return whether a tile is finished; its file may still turn out to be damaged."""
        if place in self._known:
            return True
        if self._file(place).is_file():
            self._known.add(place)
            return True
        return False

    def get(self, place: Place) -> Pixels | None:
        """Return a finished tile, uint8 (y, x, 3), None if it is missing or damaged."""
        from numcodecs import Zstd

        chunk, inside = self._chunk(place.level), self._inside(place)
        try:
            raw = Zstd().decode(self._file(place).read_bytes())
            planes = np.frombuffer(raw, np.uint8).reshape(chunk)
        except (OSError, RuntimeError, ValueError):
            self._known.discard(place)
            return None
        self._known.add(place)
        return np.ascontiguousarray(np.moveaxis(planes[:, : inside[0], : inside[1]], 0, 2))

    def put(self, place: Place, tile: Pixels) -> None:
        """Write a finished tile; it is there when all of it is written.

        Raises
        ------
        SaveError
            If it cannot be written; what was finished before is.
        """
        from numcodecs import Zstd

        planes = np.full(self._chunk(place.level), _UNDRAWN, np.uint8)
        planes[:, : tile.shape[0], : tile.shape[1]] = np.moveaxis(tile, 2, 0)
        file = self._file(place)
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            if not self.path.is_dir():
                raise FileNotFoundError(f"the folder {self.path.name} is gone")
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(Zstd(level=3, checksum=True).encode(planes))
            os.replace(temporary, file)
        except OSError as error:
            raise SaveError(
                f"Cannot write to {self.path}: {reason_of(error)} (what is finished is kept)."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        self._known.add(place)

    def finished(self, level: int) -> npt.NDArray[np.bool_]:
        """Return which tiles of a level are finished, bool (rows, columns)."""
        there = np.zeros(counts(self.key.size, level), np.bool_)
        for row, name in self._files(level):
            if re.fullmatch(r"\d+", name) and row < there.shape[0] and int(name) < there.shape[1]:
                there[row, int(name)] = True
        return there

    def tidy(self) -> None:
        """Remove what killed processes left half written, once it is an hour old."""
        for level in range(LEVELS):
            for row, name in self._files(level):
                file = self._row(level, row) / name
                if name.startswith("."):
                    with contextlib.suppress(OSError):
                        if time.time() - file.stat().st_mtime > _LEFT_OVER_S:
                            file.unlink()

    def _files(self, level: int) -> Iterator[tuple[int, str]]:
        """Yield the rows of a level and the names of files in them."""
        for row in range(counts(self.key.size, level)[0]):
            try:
                names = os.listdir(self._row(level, row))
            except OSError:
                continue
            yield from ((row, name) for name in names)

    def _chunk(self, level: int) -> tuple[int, int, int]:
        height, width = level_shape(self.key.size, level)
        return 3, min(TILE, height), min(TILE, width)

    def _inside(self, place: Place) -> tuple[int, int]:
        """Return the height and width of a tile on the slide."""
        return place.window.clip(level_shape(self.key.size, place.level)).shape

    def _row(self, level: int, row: int) -> Path:
        return self.path / str(level) / "c" / "0" / str(row)

    def _file(self, place: Place) -> Path:
        return self._row(place.level, place.row) / str(place.col)


def hash_of(layout: Pixels) -> str:
    """Return the hash of a layout."""
    head = f"{layout.shape[0]} {layout.shape[1]} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(layout, np.uint8).tobytes()).hexdigest()


def _short(value: object) -> str:
    """Return a value as a sentence has it: hashes by their beginning."""
    if isinstance(value, (tuple, list)):
        return f"{value[1]:,} x {value[0]:,} px"
    return f"{value}"[:12]
