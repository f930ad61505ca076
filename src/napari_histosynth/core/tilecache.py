"""Recent tiles, kept as long as they fit: the longest unused goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=_Sized)


class TileCache(Generic[K, V]):
    """Tiles by their place, bounded in bytes; may be used from several threads.

    Parameters
    ----------
    most_bytes : int
        How much is kept; one tile always is.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._tiles: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: K) -> V | None:
        """Return a tile, None if it is not here."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: K, tile: V) -> None:
        """Keep a tile."""
        with self._lock:
            self._drop(key)
            self._tiles[key] = tile
            self._bytes += tile.nbytes
            while self._bytes > self._most and len(self._tiles) > 1:
                self._drop(next(iter(self._tiles)))

    def forget(self, is_stale: Callable[[K], bool]) -> None:
        """Drop the tiles whose keys are found stale."""
        with self._lock:
            for key in [key for key in self._tiles if is_stale(key)]:
                self._drop(key)

    def _drop(self, key: K) -> None:
        tile = self._tiles.pop(key, None)
        if tile is not None:
            self._bytes -= tile.nbytes
