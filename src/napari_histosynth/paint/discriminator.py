"""Discriminators that judge a picture beside its label map, at several scales (SHI-GAN, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrizations


class PatchDiscriminator(nn.Module):
    """A fully convolutional judge of overlapping patches (pix2pixHD's layout).

    Parameters
    ----------
    channels : int
        Of the input: 3 for the picture and one for each class.
    widths : sequence of int
        Channels of the convolutions.
    strides : sequence of int
        Stride of each; kernels are 4 px where the stride is 2, 3 px where it is 1.
    instance_norm : bool
        Normalize each picture's features, as the paper does, except in the first convolution.
    spectral_norm : bool
        Bound the convolutions by their spectral norms; without, it learns faster what is hard to tell.
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int] = (32, 64, 128, 192),
        strides: Sequence[int] = (2, 2, 2, 1),
        instance_norm: bool = True,
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        self.instance_norm = instance_norm
        bounded = parametrizations.spectral_norm if spectral_norm else _unbounded
        ins = [channels, *widths[:-1]]
        self.convs = nn.ModuleList(
            bounded(nn.Conv2d(shallow, deep, 4 if stride == 2 else 3, stride, padding=1))
            for shallow, deep, stride in zip(ins, widths, strides, strict=True)
        )
        self.verdict = bounded(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge a picture with labels, (n, 3 + k, y, x).

        Returns
        -------
        verdict : Tensor
            (n, 1, y', x'), high where a patch looks real.
        features : list of Tensor
            What each convolution saw.
        """
        features = []
        for index, conv in enumerate(self.convs):
            x = conv(x)
            if self.instance_norm and index:
                x = F.instance_norm(x)
            x = F.leaky_relu(x, 0.2)
            features.append(x)
        return self.verdict(x), features


def _unbounded(module: nn.Module) -> nn.Module:
    return module


class MultiScaleDiscriminator(nn.Module):
    """Judges at full and half resolution, and one that watches grain and chromatin without any stride.

    Parameters
    ----------
    n_classes : int
        Classes of the label maps.
    widths : sequence of int
        Channels of the two patch discriminators.
    fine_widths : sequence of int
        Channels of the fine one; empty leaves it out.
    fine_crop : int
        Side in pixels of the middle that the fine one looks at.
    instance_norm : sequence of bool
        As in :class:`PatchDiscriminator`, at full and at half resolution. A normalized discriminator hardly
        sees the stain, so the paper's choice is kept at full resolution only: one of them must notice colors
        that no stain has.
    spectral_norm : bool
        As in :class:`PatchDiscriminator`.
    """

    def __init__(
        self,
        n_classes: int,
        widths: Sequence[int] = (32, 64, 128, 192),
        fine_widths: Sequence[int] = (24, 32, 48),
        fine_crop: int = 64,
        instance_norm: Sequence[bool] = (True, False),
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        self.fine_crop = fine_crop
        strides = [2] * (len(widths) - 1) + [1]
        self.coarse = nn.ModuleList(
            PatchDiscriminator(3 + n_classes, widths, strides, normalized, spectral_norm)
            for normalized in instance_norm
        )
        self.fine = (
            PatchDiscriminator(3 + n_classes, fine_widths, [1] * len(fine_widths), False, spectral_norm)
            if fine_widths
            else None
        )

    def forward(self, image: Tensor, labels: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Judge pictures.

        Parameters
        ----------
        image : Tensor
            (n, 3, y, x) in [-1, 1].
        labels : Tensor
            (n, k, y, x), one-hot.

        Returns
        -------
        list of (Tensor, list of Tensor)
            Verdict and features of each discriminator.
        """
        x = torch.cat([image, labels.to(image.dtype)], 1)
        judged = [self.coarse[0](x), self.coarse[1](F.avg_pool2d(x, 2))]
        if self.fine is not None:
            top, left = ((size - self.fine_crop) // 2 for size in x.shape[-2:])
            middle = x[..., max(top, 0) :, max(left, 0) :][..., : self.fine_crop, : self.fine_crop]
            judged.append(self.fine(middle))
        return judged
