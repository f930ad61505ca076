"""Convolutions that see single pixels, at the end of networks that see several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def pixel_convolutions(before: int, width: int, after: int) -> nn.Sequential:
    """Return three convolutions of 3 x 3 pixels that change nothing until they have learned.

    A network that reads and tells several pixels at once leaves noise in them; these, beside it, take it out.

    Parameters
    ----------
    before, width, after : int
        Channels of what they see, between them, and of what they add.
    """
    from torch import nn

    inner = [
        nn.Conv2d(before, width, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.SiLU(),
    ]
    last = nn.Conv2d(width, after, 3, padding=1)
    nn.init.zeros_(last.weight)
    return nn.Sequential(*inner, last)
