"""The encoder: an H&E picture becomes the mean and log-variance of its latent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.paint.restain import to_typical


class StyleEncoder(nn.Module):
    """Read the look of a picture of any size: stain, texture, grade - not where things are.

    Strided convolutions; the mean and spread of each level's features over the picture, so that the
    latent does not depend on the arrangement. (The encoder in SHI-GAN's released code flattens a 256 px
    map instead.)

    Parameters
    ----------
    latent_size : int
        Length of the latent.
    widths : sequence of int
        Channels of each strided level.
    """

    def __init__(self, latent_size: int = 64, widths: Sequence[int] = (32, 64, 128, 192)) -> None:
        super().__init__()
        self.latent_size = latent_size
        channels = [3, *widths]
        self.convs = nn.ModuleList(
            nn.Conv2d(shallow, deep, 4 if index else 3, stride=2, padding=1)
            for index, (shallow, deep) in enumerate(pairwise(channels))
        )
        described = 2 * sum(widths[1:])
        self.describe = nn.Linear(described, 256)
        self.mean = nn.Linear(256, latent_size)
        self.log_variance = nn.Linear(256, latent_size)

    def forward(self, image: Tensor, stain: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode pictures.

        Parameters
        ----------
        image : Tensor
            (n, 3, y, x) in [-1, 1], at least 16 px a side.
        stain : Tensor, optional
            (n, 9), where the stain is no part of the latent: the picture is seen in the typical stain.

        Returns
        -------
        mean, log_variance : Tensor
            (n, d) each, without the stain.
        """
        x = image if stain is None else to_typical(image, stain)
        summary = []
        for index, conv in enumerate(self.convs):
            x = F.leaky_relu(conv(x), 0.2)
            if index:
                features = x.float()
                mean = features.mean((2, 3))
                spread = torch.sqrt(features.var((2, 3), unbiased=False) + 1e-4)
                summary += [mean, spread]
        described = F.leaky_relu(self.describe(torch.cat(summary, 1)), 0.2)
        return self.mean(described).float(), self.log_variance(described).float().clamp(-10, 10)
