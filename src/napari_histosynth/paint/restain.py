"""Change the stain of pictures as part of a network: from the typical stain to any, and back.

The generator draws in one stain, the typical one, whatever its latent says; a last layer without weights
gives the picture its own. So the look of a stain cannot hide in the latent, nor the latent in the stain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec

import numpy as np
import torch
from torch import Tensor

from napari_histosynth.core.stain import SPREAD, TYPICAL

P = ParamSpec("P")

#: Darkest that a picture is taken for, share of white.
_DARKEST = 1 / 256
#: Optical density beyond which nothing is seen.
_DENSEST = 8.0
#: Holds the way back where both stains are nearly one color.
_RIDGE = 0.02


def in_full_precision(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Keep a function of pictures in float32 where autocast would compute in bfloat16.

    Products of densities, rounded to 8 bits, can no longer be inverted.
    """

    @wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        first = next(arg for arg in (*args, *kwargs.values()) if isinstance(arg, Tensor))
        with torch.autocast(first.device.type, enabled=False):
            return function(*args, **kwargs)

    return computed


@in_full_precision
def restain(picture: Tensor, stain: Tensor) -> Tensor:
    """Give a picture of the typical stain another.

    Above glass, the optical density of a pixel is split into amounts of typical hematoxylin and eosin and a
    rest; the amounts become those of the new colors, the rest is scaled as both stains together are.

    Parameters
    ----------
    picture : Tensor
        float (n, 3, y, x) in [-1, 1].
    stain : Tensor
        (n, 9) or (n, 9, y, x), as :func:`~napari_histosynth.core.stain.read_stain` gives them.

    Returns
    -------
    Tensor
        float (n, 3, y, x) in [-1, 1].
    """
    if stain.ndim == 2:
        stain = stain[:, :, None, None]
    typical, spread, amounts, rest = _constants(str(picture.device))
    densities = (stain.float() * spread[:, None, None] + typical[:, None, None]).clamp(min=0)
    hematoxylin, eosin, glass = torch.split(densities, 3, 1)
    both = (hematoxylin + eosin) / (typical[:3] + typical[3:6])[:, None, None]
    above = _density(picture) - typical[6:, None, None]
    split = torch.einsum("ij,njyx->niyx", torch.cat([amounts, rest]), above)
    density = split[:, :1] * hematoxylin + split[:, 1:2] * eosin + split[:, 2:] * both + glass
    return _picture(density)


@in_full_precision
def to_typical(picture: Tensor, stain: Tensor) -> Tensor:
    """Give a picture of a known stain the typical one, nearly: the way back of :func:`restain`.

    Parameters
    ----------
    picture : Tensor
        float (n, 3, y, x) in [-1, 1].
    stain : Tensor
        (n, 9).

    Returns
    -------
    Tensor
        float (n, 3, y, x) in [-1, 1].
    """
    typical, spread, _, _ = _constants(str(picture.device))
    densities = (stain.float() * spread + typical).clamp(min=0.02)
    colors = densities[:, :6].reshape(-1, 2, 3).mT  # (n, 3, 2)
    wanted = typical[:6].reshape(2, 3).mT
    both = torch.diag_embed(wanted.sum(1) / colors.sum(2))
    ridge = _RIDGE * torch.eye(3, device=picture.device)
    change = both + (wanted - both @ colors) @ colors.mT @ torch.linalg.inv(colors @ colors.mT + ridge)
    above = _density(picture) - densities[:, 6:, None, None]
    density = torch.einsum("nij,njyx->niyx", change, above) + typical[6:, None, None]
    return _picture(density)


def _density(picture: Tensor) -> Tensor:
    return -torch.log(((picture.float() + 1) / 2).clamp(min=_DARKEST))


def _picture(density: Tensor) -> Tensor:
    # clamped before the exponential: a pixel far outside would make it infinite, and its gradient no number
    return 2 * torch.exp(-density.clamp(0, _DENSEST)) - 1


@cache
def _constants(device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the typical stain and the unit, (9,), and what splits a density: amounts (2, 3), rest (3, 3)."""
    colors = TYPICAL[:6].reshape(2, 3).T.astype(np.float64)
    amounts = np.linalg.pinv(colors)
    rest = np.eye(3) - colors @ amounts
    with torch.inference_mode(False):  # kept for training, too
        kept = [torch.tensor(a, dtype=torch.float32, device=device) for a in (TYPICAL, SPREAD, amounts, rest)]
    return kept[0], kept[1], kept[2], kept[3]
