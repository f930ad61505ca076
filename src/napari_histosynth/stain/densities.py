"""Optical densities of stains in tensors, for losses: how much hematoxylin, how much DAB."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def optical_density(image: Tensor) -> Tensor:
    """Return the optical density, 0 for white, of pictures (n, 3, y, x) in [-1, 1]."""
    light = (image.float() + 1) * 127.5
    return -torch.log((light.clamp(0, 255) + 1) / 256)


def unmix(image: Tensor, *stains: tuple[float, float, float]) -> Tensor:
    """Return how much of each stain pictures hold, by least squares, none below 0.

    Parameters
    ----------
    image : Tensor
        (n, 3, y, x) in [-1, 1].
    *stains : tuple of float
        Optical densities of each, two or three.

    Returns
    -------
    Tensor
        float32 (n, stains, y, x).
    """
    colors = F.normalize(torch.tensor(stains, dtype=torch.float32, device=image.device), dim=1)
    inverse = torch.linalg.pinv(colors)  # (3, stains)
    return torch.einsum("ncyx,cs->nsyx", optical_density(image), inverse).clamp(min=0)


def smoothed(x: Tensor, pixels: float) -> Tensor:
    """Blur (n, c, y, x) by a normal curve of that standard deviation, in px."""
    reach = max(1, round(2.5 * pixels))
    place = torch.arange(-reach, reach + 1, dtype=torch.float32, device=x.device)
    tap = torch.exp(-0.5 * (place / pixels) ** 2)
    tap = tap / tap.sum()
    channels = x.shape[1]
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, tap.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, tap.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
