"""The segmentation network: H&E in, a class for each pixel out (SHI-GAN, section 2.6).

A U-Net of residual blocks as in the paper: three down-sampling blocks (a convolution, a residual block,
pooling), a bridge, three up-sampling blocks (bilinear up-sampling, a convolution, a residual block). Two
things differ, both for speed on a CPU. The picture is folded from 2 x 2 pixels into channels before the first
block and unfolded after the last, which loses nothing, costs a quarter, and lets each pixel see twice as
far. And the convolution that merges an up-sampling block with its skip is 1 x 1.

Batch statistics normalize, not those of a picture: once they are frozen, what a pixel is called does not
depend on the window it is seen in.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Pixels a side that are folded into channels.
FOLD = 2


class SegmentationNet(nn.Module):
    """Name the class of each pixel of an H&E picture.

    Parameters
    ----------
    n_classes : int
        Classes to choose from.
    widths : sequence of int
        Channels of the down-sampling blocks, from fine to coarse, and of the bridge; the paper's
        three blocks and bridge are four numbers.
    """

    def __init__(self, n_classes: int, widths: Sequence[int] = (24, 48, 96, 160)) -> None:
        super().__init__()
        self.n_classes, self.widths = n_classes, tuple(widths)
        shallow = [3 * FOLD**2, *widths[:-1]]
        self.down = nn.ModuleList(
            Block(before, after, 3) for before, after in zip(shallow, widths, strict=True)
        )
        self.up = nn.ModuleList(Block(deep + fine, fine, 1) for fine, deep in pairwise(widths))
        self.verdict = nn.Conv2d(widths[0], n_classes * FOLD**2, 1)

    @property
    def stride(self) -> int:
        """Pixels of the picture a pixel of the bridge; the sides of the input must be multiples of it."""
        return int(FOLD * 2 ** (len(self.widths) - 1))

    @property
    def receptive_field(self) -> int:
        """Pixels that can matter to a pixel, on each side of it at most: 147 with four widths."""
        return max(
            max(at - first, last - at) for at in range(self.stride) for first, last in [self._reads(at)]
        )

    @property
    def halo(self) -> int:
        """The receptive field, rounded up to whole strides: what a window must be grown by to be exact."""
        return -(-self.receptive_field // self.stride) * self.stride

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits of the classes.

        Parameters
        ----------
        image : Tensor
            (n, 3, y, x) in [-1, 1], y and x multiples of :attr:`stride`.

        Returns
        -------
        Tensor
            (n, k, y, x), not normalized. Within :attr:`halo` of a border they depend on its being there.
        """
        x = F.pixel_unshuffle(image, FOLD)
        skips = []
        for block in self.down[:-1]:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for block, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], 1))
        return F.pixel_shuffle(self.verdict(x), FOLD)

    def frozen(self) -> SegmentationNet:
        """Return a copy that is ready to use: normalization folded into the convolutions, no gradients."""
        twin = copy.deepcopy(self).eval().requires_grad_(False)
        for block in (*twin.down, *twin.up):
            for layer in (block.enter, block.residue[0], block.residue[2]):
                layer[0], layer[1] = fuse_conv_bn_eval(layer[0], layer[1]), nn.Identity()
        return twin

    def _reads(self, at: int) -> tuple[int, int]:
        """Return the first and last pixel of a row that the pixel ``at`` of it depends on."""
        first = last = at // FOLD
        for _ in self.up:  # from the verdict to the bridge: a residual block reads 2 px, bilinear 1 px
            first, last = (first - 3) // 2, (last + 3) // 2
        for _ in self.down[1:]:  # and from there to the picture: a convolution and a residual block, pooling
            first, last = (first - 3) * 2, (last + 3) * 2 + 1
        return (first - 3) * FOLD, (last + 3) * FOLD + FOLD - 1


class Block(nn.Module):
    """A convolution to the wanted number of channels, then a residual block of two 3 x 3 convolutions."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.enter = _normalized(before, after, kernel)
        self.residue = nn.Sequential(_normalized(after, after, 3), nn.ReLU(), _normalized(after, after, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Turn (n, before, y, x) into (n, after, y, x)."""
        x = F.relu(self.enter(x))
        return F.relu(x + self.residue(x))


def _normalized(before: int, after: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the size, and its normalization."""
    conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(after))
