"""Optical densities of stains in tensors, for losses: how much hematoxylin, how much DAB."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

#: Optical densities of red, green and blue; their length does not matter.
Color = tuple[float, float, float]


def optical_density(image: Tensor) -> Tensor:
    """Return the optical density, 0 for white, of pictures (n, 3, y, x) in [-1, 1]."""
    light = (image.float() + 1) * 127.5
    return -torch.log((light.clamp(0, 255) + 1) / 256)


def unmixed(image: Tensor, *stains: Color) -> tuple[Tensor, Tensor]:
    """Return how much of each stain pictures hold, by least squares, none below 0, and what is of no stain.

    Parameters
    ----------
    image : Tensor
        (n, 3, y, x) in [-1, 1].
    *stains : tuple of float
        Optical densities of each, two or three.

    Returns
    -------
    amounts : Tensor
        float32 (n, stains, y, x).
    rest : Tensor
        float32 (n, 1, y, x), length of the density that they leave over.
    """
    colors = F.normalize(torch.tensor(stains, dtype=torch.float32, device=image.device), dim=1)
    inverse = torch.linalg.pinv(colors)  # (3, stains)
    density = optical_density(image)
    amounts = torch.einsum("ncyx,cs->nsyx", density, inverse).clamp(min=0)
    rest = density - torch.einsum("nsyx,sc->ncyx", amounts, colors)
    return amounts, (rest.square().sum(1, keepdim=True) + 1e-8).sqrt()


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
