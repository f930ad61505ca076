"""Gaussian noise that is a function of position: any window, any order, the same bits.

A counter-based hash of ``(seed, stream, level, y, x)`` picks one of 65,536 quantiles of the standard
normal. Only integer arithmetic and a table are involved, so every machine draws the same bits. Modulo
2**32, and with ``mix`` the bijection below::

    key    = mix(mix(mix(seed) ^ (seed >> 32)) + mix(stream + 0x9E3779B9) + mix(level + 0x3C6EF372))
    row    = mix(y * 0x9E3779B1 ^ key)
    column = x * 0x85EBCA77 + mix(key + 0x165667B1)
    hash   = mix(mix(row ^ column) + row)
    value  = normal quantile of ((hash >> 16) + 0.5) / 65536, rounded to a multiple of 2**-17
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.tiles import Window

_MASK = 0xFFFFFFFF


def _mix(value: int) -> int:
    """Scramble 32 bits; a bijection with good avalanche (multipliers found by exhaustive search)."""
    value &= _MASK
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & _MASK
    value = ((value ^ (value >> 15)) * 0x846CA68B) & _MASK
    return value ^ (value >> 16)


def _mix_array(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Scramble an array in place, like :func:`_mix`."""
    values ^= values >> np.uint32(16)
    values *= np.uint32(0x7FEB352D)
    values ^= values >> np.uint32(15)
    values *= np.uint32(0x846CA68B)
    values ^= values >> np.uint32(16)
    return values


@lru_cache(maxsize=1)
def _quantiles() -> npt.NDArray[np.float32]:
    """Return the midpoints of 65,536 equally likely slices of the standard normal, float32 (65536,)."""
    upper = [NormalDist().inv_cdf((k + 0.5) / 65536) for k in range(32768, 65536)]
    half = np.asarray(upper, dtype=np.float64)
    # float32 holds 24 bits: rounding to 20 hides the last-bit differences between math libraries
    half = np.round(half * 2.0**17) / 2.0**17
    return np.concatenate([-half[::-1], half]).astype(np.float32)


def gaussian(seed: int, stream: int, level: int, window: Window) -> npt.NDArray[np.float32]:
    """Draw standard normal noise for a window of an endless plane.

    Parameters
    ----------
    seed : int
        Chooses the plane; any Python integer, of which 64 bits count.
    stream : int
        Chooses one of many independent fields of a seed (a network's noise inputs, say), 0 to 2**32 - 1.
    level : int
        Pyramid level; fields of different levels are independent, 0 to 2**32 - 1.
    window : Window
        Pixels wanted, in the coordinates of that level; may reach below zero.

    Returns
    -------
    ndarray
        float32 (height, width), mean 0, standard deviation 1, magnitude at most 4.33.
    """
    key = _mix(_mix(_mix(seed) ^ (seed >> 32 & _MASK)) + _mix(stream + 0x9E3779B9) + _mix(level + 0x3C6EF372))
    rows = (np.arange(window.y0, window.y1, dtype=np.int64) & _MASK).astype(np.uint32)
    columns = (np.arange(window.x0, window.x1, dtype=np.int64) & _MASK).astype(np.uint32)
    rows = _mix_array(rows * np.uint32(0x9E3779B1) ^ np.uint32(key))
    columns = columns * np.uint32(0x85EBCA77) + np.uint32(_mix(key + 0x165667B1))
    hashed = _mix_array(_mix_array(rows[:, None] ^ columns[None, :]) + rows[:, None])
    noise: npt.NDArray[np.float32] = _quantiles()[hashed >> np.uint32(16)]
    return noise
