from __future__ import annotations

import numpy as np

from napari_histosynth.core.tilecache import TileCache


def test_the_longest_unused_goes_first() -> None:
    cache: TileCache[int, np.ndarray] = TileCache(30)
    for key in range(3):
        cache.put(key, np.zeros(10, np.uint8))
    assert cache.get(0) is not None
    cache.put(3, np.zeros(10, np.uint8))
    assert [key for key in range(4) if cache.get(key) is not None] == [0, 2, 3]


def test_one_tile_is_kept_however_large() -> None:
    cache: TileCache[int, np.ndarray] = TileCache(1)
    cache.put(0, np.zeros(10, np.uint8))
    cache.put(1, np.zeros(10, np.uint8))
    assert cache.get(1) is not None
    assert len(cache) == 1


def test_what_is_replaced_or_forgotten_takes_no_room() -> None:
    cache: TileCache[int, np.ndarray] = TileCache(30)
    for _ in range(5):
        cache.put(0, np.zeros(10, np.uint8))
    cache.put(1, np.zeros(20, np.uint8))
    assert len(cache) == 2
    cache.forget(lambda key: key == 1)
    cache.put(2, np.zeros(20, np.uint8))
    assert len(cache) == 2
    assert cache.get(0) is not None
