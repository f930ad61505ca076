"""A picture of any size as a folder of tiles, each whole or not there: what a long work has done so far."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window
from napari_histosynth.io.halving import PYRAMID_FROM, TILE, halved

Pixels = npt.NDArray[np.uint8]


class Tiled(Protocol):
    """A picture that is had in tiles."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""

    @property
    def count(self) -> tuple[int, int]:
        """Rows and columns of tiles."""

    def window(self, row: int, col: int) -> Window:
        """Return where a tile lies."""

    def read(self, row: int, col: int) -> Pixels:
        """Return a tile, uint8 (y, x, 3); those at the lower and right borders are smaller."""

    def strip(self, row: int) -> Pixels:
        """Return a row of tiles side by side, uint8 (y, width, 3)."""


class TileFolder:
    """Tiles of an RGB picture, deflated, one a file.

    Parameters
    ----------
    path : Path
        Folder; made where it is not there, with the folders above it.
    shape : tuple of int
        Height and width of the picture.
    tile : int
        Side of the tiles in px; those at the lower and right borders are smaller.
    """

    def __init__(self, path: Path, shape: tuple[int, int], tile: int = TILE) -> None:
        self.path, self.shape, self.tile = path, shape, tile
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def count(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.shape[0] // self.tile), -(-self.shape[1] // self.tile)

    def window(self, row: int, col: int) -> Window:
        """Return where a tile lies."""
        top, left = row * self.tile, col * self.tile
        return Window(top, top + self.tile, left, left + self.tile).clip(self.shape)

    def has(self, row: int, col: int) -> bool:
        """Return whether a tile is there; its file may still turn out to be damaged."""
        return self._file(row, col).is_file()

    def write(self, row: int, col: int, pixels: Pixels) -> None:
        """Keep a tile, uint8 (y, x, 3); it is there when all of it is written.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        file = self._file(row, col)
        temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        try:
            temporary.write_bytes(zlib.compress(np.ascontiguousarray(pixels).tobytes(), 1))
            os.replace(temporary, file)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def find(self, row: int, col: int) -> Pixels | None:
        """Return a tile, None if it is not there or damaged."""
        window = self.window(row, col)
        try:
            content = zlib.decompress(self._file(row, col).read_bytes())  # tells damage by a check sum
            return np.frombuffer(content, np.uint8).reshape(*window.shape, 3)
        except (OSError, zlib.error, ValueError):
            return None

    def read(self, row: int, col: int) -> Pixels:
        """Return a tile that has to be there.

        Raises
        ------
        OSError
            If it is not, or damaged.
        """
        found = self.find(row, col)
        if found is None:
            raise FileNotFoundError(
                errno.ENOENT, f"a finished tile is gone from {self.path}; start again to draw it anew"
            )
        return found

    def strip(self, row: int) -> Pixels:
        """Return a row of tiles side by side, uint8 (y, width, 3)."""
        return np.concatenate([self.read(row, col) for col in range(self.count[1])], axis=1)

    def _file(self, row: int, col: int) -> Path:
        return self.path / f"{row}-{col}"


def pyramid_of(finest: TileFolder, scratch: Path) -> list[TileFolder]:
    """Return a picture and its smaller copies, as :func:`~napari_histosynth.io.halving.levels_of` makes them.

    Parameters
    ----------
    finest : TileFolder
        All tiles are there.
    scratch : Path
        Where the copies are kept, each in a folder; what is there already is taken.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    levels = [finest]
    if max(finest.shape) >= PYRAMID_FROM:
        while max(levels[-1].shape) > TILE:
            levels.append(_halved(levels[-1], scratch / f"level-{len(levels)}"))
    return levels


def _halved(finer: TileFolder, path: Path) -> TileFolder:
    """Return a picture half the size, from four tiles each."""
    height, width = (-(-side // 2) for side in finer.shape)
    coarser = TileFolder(path, (height, width), finer.tile)
    half = finer.tile // 2
    for row in range(coarser.count[0]):
        for col in range(coarser.count[1]):
            if coarser.find(row, col) is not None:
                continue
            window = coarser.window(row, col)
            pixels = np.empty((*window.shape, 3), np.uint8)
            for down in range(2):
                for right in range(2):
                    there = 2 * row + down, 2 * col + right
                    if there[0] < finer.count[0] and there[1] < finer.count[1]:
                        part = halved(finer.read(*there))
                        top, left = down * half, right * half
                        pixels[top : top + part.shape[0], left : left + part.shape[1]] = part
            coarser.write(row, col, pixels)
    return coarser
