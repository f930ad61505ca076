"""Crops of pairs that are turned, scaled and bent a little: few specimens show many arrangements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

if TYPE_CHECKING:
    import numpy.typing as npt

#: Waves that bend a crop, each way.
_WAVES = 4


def warped(
    rng: np.random.Generator, planes: npt.NDArray[np.float32], size: int, amount: float
) -> npt.NDArray[np.float32]:
    """Return a crop from a chance place, turned, scaled and bent by chance.

    Parameters
    ----------
    rng : Generator
        Chance.
    planes : ndarray
        float32 (y, x, channels). Beyond their borders they come back mirrored.
    size : int
        Pixels a side of the crop.
    amount : float
        How much: scales differ by up to this share, turns by up to as many radians, and slow waves move a
        pixel by about a tenth of this share of the crop's side.

    Returns
    -------
    ndarray
        float32 (size, size, channels), read linearly.
    """
    scale = np.exp(rng.uniform(-amount, amount))
    angle = rng.uniform(-amount, amount)
    waves = np.cos(np.pi * np.arange(_WAVES) * (np.arange(size)[:, None] + 0.5) / size)  # (size, waves)
    heights = rng.normal(size=(2, _WAVES, _WAVES)) / (1 + np.add.outer(np.arange(_WAVES), np.arange(_WAVES)))
    moved = np.einsum("yi,kij,xj->kyx", waves, heights, waves, optimize=True)
    line = np.arange(size) - (size - 1) / 2
    places = np.stack(np.meshgrid(line, line, indexing="ij")) * scale + 0.1 * amount * size * moved
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = np.einsum("ij,jyx->iyx", turn, places)
    sides = np.array(planes.shape[:2])
    spare = np.maximum(sides - size * scale, 0)
    places += ((sides - 1) / 2 + rng.uniform(-0.5, 0.5, 2) * spare)[:, None, None]
    # as torch has it: x first, from -1 to 1, borders of pixels at both
    grid = ((2 * places + 1) / sides[:, None, None] - 1)[::-1].transpose(1, 2, 0).astype(np.float32)
    made = F.grid_sample(
        torch.from_numpy(planes.transpose(2, 0, 1))[None],
        torch.from_numpy(np.ascontiguousarray(grid))[None],
        padding_mode="reflection",
        align_corners=False,
    )
    return np.asarray(made[0].permute(1, 2, 0).numpy())
