"""A slide as a file: OME-Zarr, pyramidal OME-TIFF, or PNG of a part, a strip at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.io.halving import PYRAMID_FROM
from napari_histosynth.io.halving import TILE as FILE_TILE
from napari_histosynth.io.kinds import save_picture_as
from napari_histosynth.io.loaded import Loaded, plausible_scale
from napari_histosynth.io.omezarr import Version
from napari_histosynth.io.slide import read_field
from napari_histosynth.io.streamed import save_streamed
from napari_histosynth.slide.levels import LEVELS, UM_PER_PX, level_shape, um_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


class Source(Protocol):
    """What is written: a :class:`~napari_histosynth.slide.pyramid.Slide`, perhaps with something over it."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px of level 0."""

    def read(self, level: int, window: Window) -> Pixels:
        """Return a window of a level, uint8 (y, x, 3), drawn to the end."""


class LevelArray:
    """A level as an array that is read when it is sliced, and drawn where it is not finished.

    Parameters
    ----------
    source : Source
        The slide.
    level : int
        0 to 8.
    """

    dtype, ndim = np.dtype(np.uint8), 3

    def __init__(self, source: Source, level: int) -> None:
        self._source, self._level = source, level
        self.shape = (*level_shape(source.size, level), 3)

    def __getitem__(self, key: tuple[slice, ...]) -> Pixels:
        rows, columns, *channels = key
        y0, y1, _ = rows.indices(self.shape[0])
        x0, x1, _ = columns.indices(self.shape[1])
        pixels = self._source.read(self._level, Window(y0, y1, x0, x1))
        return pixels[..., channels[0]] if channels else pixels


class Part:
    """A window of a level in tiles of 512 px, as files have them.

    Parameters
    ----------
    source : Source
        The slide.
    level : int
        0 to 8.
    window : Window
        In px of the level, on the slide.
    is_cancelled : callable, optional
        Asked before each tile whether to stop.
    """

    def __init__(
        self,
        source: Source,
        level: int,
        window: Window,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._source, self._level, self._window, self._is_cancelled = source, level, window, is_cancelled
        self.shape = window.shape
        self.count = -(-window.height // FILE_TILE), -(-window.width // FILE_TILE)

    def window(self, row: int, col: int) -> Window:
        """Return where a tile lies in the part."""
        top, left = row * FILE_TILE, col * FILE_TILE
        return Window(top, top + FILE_TILE, left, left + FILE_TILE).clip(self.shape)

    def read(self, row: int, col: int) -> Pixels:
        """Return a tile, drawn if it is missing."""
        if self._is_cancelled is not None and self._is_cancelled():
            raise Cancelled("Saving was stopped; no file was written.")
        return self._source.read(self._level, self.window(row, col).shift(self._window.y0, self._window.x0))

    def strip(self, row: int) -> Pixels:
        """Return a row of tiles side by side."""
        return np.concatenate([self.read(row, col) for col in range(self.count[1])], axis=1)


def export_slide(
    source: Source,
    path: str | os.PathLike[str],
    provenance: Provenance,
    *,
    zarr_version: Version = "0.5",
    is_cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write all of a slide; what is missing is drawn.

    Parameters
    ----------
    source : Source
        The slide.
    path : str or path-like
        Ends in ``.ome.tif`` or ``.ome.zarr``, or, for what is small enough, in ``.png``. It appears when it
        is whole.
    provenance : Provenance
        Noted in the file; :meth:`~napari_histosynth.slide.store.SlideKey.provenance`.
    zarr_version : "0.5" or "0.4"
        Of an OME-Zarr.
    is_cancelled : callable, optional
        Asked before each tile whether to stop.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Raises
    ------
    SaveError
        If the name or the disk does not allow it, or the store cannot be written.
    Cancelled
        If ``is_cancelled`` returned true.
    """
    levels = [
        Part(source, level, Window.of_shape(level_shape(source.size, level)), is_cancelled)
        for level in range(_file_levels(source.size))
    ]
    save_streamed(path, levels, provenance, zarr_version=zarr_version, progress=progress)


def export_window(
    source: Source,
    path: str | os.PathLike[str],
    window: Window,
    provenance: Provenance,
    *,
    level: int = 0,
    zarr_version: Version = "0.5",
    is_cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[int, int]:
    """Write a part of a level; what is missing of it is drawn.

    Parameters
    ----------
    source, path, zarr_version, is_cancelled, progress
        As for :func:`export_slide`. An OME-TIFF or OME-Zarr holds the one level.
    window : Window
        In px of level 0; what lies off the slide is left out.
    provenance : Provenance
        Of the slide; scale, size and place of the part are noted.
    level : int
        0 to 8.

    Returns
    -------
    tuple of int
        Height and width of what was written.

    Raises
    ------
    ImageError
        If there is no such level, or no pixel of it in the window.
    SaveError, Cancelled
        As for :func:`export_slide`.
    """
    inside = on_level(source.size, window, level)
    part = Part(source, level, inside, is_cancelled)
    save_streamed(
        path, [part], part_note(provenance, level, inside), zarr_version=zarr_version, progress=progress
    )
    return part.shape


def on_level(size: tuple[int, int], window: Window, level: int) -> Window:
    """Return what a window of level 0 covers of a level, in its px.

    Raises
    ------
    ImageError
        If there is no such level, or no pixel of the slide in the window.
    """
    if not 0 <= level < LEVELS:
        raise ImageError(f"A slide has levels 0 to {LEVELS - 1}, not {level}.")
    inside = window.clip(size)
    if inside.is_empty:
        raise ImageError(
            f"The window {tuple(window)} holds no pixel of the slide, which has {size[1]:,} x {size[0]:,}; "
            "choose a part of it."
        )
    return inside.coarsen(2**level)


def part_note(provenance: Provenance, level: int, window: Window) -> Provenance:
    """Return the provenance of a window of a level, in px of the level."""
    return replace(
        provenance,
        um_per_px=um_of(level),
        size=window.shape,
        extra={**provenance.extra, "level": level, "window": list(window)},
    )


def _file_levels(size: tuple[int, int]) -> int:
    """Return how many levels a file holds: down to 512 px, as all files here."""
    if max(size) < PYRAMID_FROM:
        return 1
    return 1 + next(
        (level for level in range(LEVELS) if max(level_shape(size, level)) <= FILE_TILE), LEVELS - 1
    )


def export_at(
    source: Source,
    path: str | os.PathLike[str],
    window: Window,
    provenance: Provenance,
    um_per_px: float,
    *,
    zarr_version: Version = "0.5",
) -> tuple[int, int]:
    """Write a part at any scale, resampled from the level that has its detail; what is missing is drawn.

    Parameters
    ----------
    source, path, zarr_version
        As for :func:`export_slide`.
    window : Window
        In px of level 0; what lies off the slide is left out.
    provenance : Provenance
        Of the slide; scale, size and place of the part are noted.
    um_per_px : float
        Micrometers a pixel of the file.

    Returns
    -------
    tuple of int
        Height and width of what was written.

    Raises
    ------
    ImageError
        If the window is off the slide, the scale impossible, or the picture beyond 16,384 px a side.
    SaveError
        As for :func:`export_slide`.
    """
    inside = on_level(source.size, window, 0)
    lazy = Loaded("picture", tuple(LevelArray(source, level) for level in range(LEVELS)), UM_PER_PX)
    pixels = read_field(lazy, inside, um_per_px)
    made = replace(
        provenance,
        um_per_px=um_per_px,
        size=(pixels.shape[0], pixels.shape[1]),
        extra={**provenance.extra, "level": 0, "window": list(inside)},
    )
    save_picture_as(path, pixels, made, zarr_version=zarr_version)
    return pixels.shape[0], pixels.shape[1]


def level_for(um_per_px: float) -> int:
    """Return the coarsest level that has the detail of a scale.

    Raises
    ------
    ImageError
        If the scale is no positive number.
    """
    if plausible_scale(um_per_px) is None:
        raise ImageError(f"A scale of {um_per_px} um per px is impossible; give a positive number.")
    return max((level for level in range(LEVELS) if um_of(level) <= um_per_px), default=0)
