"""What networks that learn beside the generator, from real crops alone, are shown at each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: How wrong networks are told the stain, in units of the spread of stains.
DOUBT = 0.25


@dataclass(frozen=True)
class Pairs:
    """Drawn crops that share labels, texture and stain, and differ in grade alone.

    Attributes
    ----------
    low, high : Tensor
        int64 (p,), which crops they are: those of the lower grades, and the same in the higher.
    grade_low, grade_high : Tensor
        (p,), the grades that their latents tell.
    """

    low: Tensor
    high: Tensor
    grade_low: Tensor
    grade_high: Tensor


@dataclass(frozen=True)
class Lesson:
    """A step's crops, real and drawn.

    Attributes
    ----------
    image, drawn : Tensor
        (n, 3, y, x) in [-1, 1]: real, and drawn.
    labels, asked : Tensor
        (n, k, y, x), one-hot: those of the real crops, and those that were drawn from, the same but for
        pairs, of which both are drawn from the labels of one.
    mean : Tensor
        (m, d), what the encoder says of the first m real crops, without the stain.
    latent : Tensor
        (n, d) or (n, d + 9), what the crops were drawn in.
    batch : mapping
        As the sampler gives it.
    pairs : Pairs, optional
        Which of the drawn crops differ in grade alone, where signs of the grade are asked for.
    """

    image: Tensor
    drawn: Tensor
    labels: Tensor
    asked: Tensor
    mean: Tensor
    latent: Tensor
    batch: Mapping[str, Any]
    pairs: Pairs | None = None


def stain_of(batch: Mapping[str, Any], device: torch.device | str) -> Tensor | None:
    """Return the stains of a batch, (n, 9), where the model has them apart."""
    return torch.from_numpy(batch["stain"]).to(device) if "stain" in batch else None


def unsure(stain: Tensor | None) -> Tensor | None:
    """Vary stains that a network is told, so that it cannot go by what is left of the real ones."""
    return None if stain is None else stain + DOUBT * torch.randn_like(stain)
