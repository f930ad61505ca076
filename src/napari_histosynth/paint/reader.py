"""A segmentation network that learns beside the generator whether labels are found again in what is drawn.

Discriminators judge whether a crop looks like tissue; whether it is the tissue that the labels ask for they
judge but faintly. A network that names the class of each pixel says so pixel by pixel, as the discriminator
of OASIS does (Sushko et al., ICLR 2021), but it is taught by real crops alone: the generator then cannot
agree with it on signs of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.paint.lesson import Lesson
from napari_histosynth.paint.unet import SegmentationNet

#: Channels, fine to coarse: a quarter of the shipped segmenter's work.
WIDTHS = (16, 32, 64, 96)


class Reader(SegmentationNet):
    """Name the class of each pixel of a crop.

    Parameters
    ----------
    n_classes : int
        Of the scheme.
    """

    learning_rate = 1e-3

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes, WIDTHS)

    def error(self, image: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy.

        Parameters
        ----------
        image : Tensor
            (n, 3, y, x) in [-1, 1], y and x multiples of 16.
        labels : Tensor
            int64 (n, y, x).
        """
        return F.cross_entropy(self(image).float(), labels)

    def teach(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Return the error on real crops and on drawn ones, of those crops that have their finest labels."""
        finest = torch.from_numpy(np.flatnonzero(lesson.batch["detail"] == 0)).to(lesson.image.device)
        if len(finest) == 0:
            return lesson.image.new_zeros(()), lesson.image.new_zeros(())
        labels, asked = lesson.labels[finest].argmax(1), lesson.asked[finest].argmax(1)
        return self.error(lesson.image[finest], labels), self.error(lesson.drawn[finest], asked)
