"""The refiner: one network that draws every magnification of a slide from the one before it.

URCDM draws each of three magnifications by a cascade of three U-Nets of its own, and its authors wish for one
cascade for all of them. This network takes every step of four, 128 to 32 to 8 to 2 to 0.5 um a pixel, in one
evaluation a tile; it is told which step it takes. It is local: every pixel depends on a known neighborhood of
the parent, the layout and the noise, so that a window of a picture is a picture of a window, and tiles join
in any order (see :mod:`napari_histosynth.paint.network`, whose blocks it is made of).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.network import LevelPlan, LocalGenerator, cropped
from napari_histosynth.slide.levels import DRAWN, STEP

if TYPE_CHECKING:
    from typing import Self

#: Classes of a layout: glass, tissue, mucosa, tumor, muscle.
LAYOUT_CLASSES = 5
#: Steps from one drawn level to the next: to level 6, 4, 2 and 0.
STEPS = len(DRAWN) - 1
#: What the network draws is added to the parent, at most so much of it.
REACH = 1.5


class Refiner(nn.Module):
    """Draw a window four times finer than its parent, in one evaluation.

    Parameters
    ----------
    widths, hidden : sequence of int
        Of the five levels of the network, coarse to fine; see
        :class:`~napari_histosynth.paint.network.LocalGenerator`.
    """

    def __init__(
        self,
        widths: Sequence[int] = (96, 96, 72, 40, 20),
        hidden: Sequence[int] = (48, 48, 40, 24, 16),
    ) -> None:
        super().__init__()
        self.body = LocalGenerator(3 + LAYOUT_CLASSES, STEPS, widths, hidden)

    @property
    def margin(self) -> int:
        """Pixels beyond each side of a window, at its own level, where it reads the parent and the layout."""
        return self.body.margin + STEP  # enlarging looks one pixel of the parent further

    @property
    def stride(self) -> int:
        """Corners of windows are multiples of this."""
        return self.body.stride

    def frozen(self, dtype: torch.dtype = torch.float32) -> Self:
        """Return a copy for drawing: statistics folded away, weights in ``dtype``, channels last."""
        copied = type(self).__new__(type(self))
        nn.Module.__init__(copied)
        copied.body = self.body.frozen(dtype)
        return copied

    def forward(
        self,
        parent: Tensor,
        layout: Tensor,
        step: Tensor,
        noise: Sequence[Tensor] | None = None,
        doubt: Tensor | None = None,
    ) -> Tensor:
        """Draw windows whose corners are multiples of :attr:`stride`.

        Parameters
        ----------
        parent : Tensor
            (n, 3, h / 4, w / 4) in [-1, 1], of the window grown by :attr:`margin`.
        layout : Tensor
            (n, 5, h / 4, w / 4), class fractions over the same extent.
        step : Tensor
            int64 (n,), which step: 0 to level 6, 3 to level 0.
        noise : sequence of Tensor, optional
            As :meth:`~napari_histosynth.paint.network.LocalGenerator.forward` takes it; drawn from torch's
            generator when absent.
        doubt : Tensor, optional
            Added to the parent where it steers what is drawn, not where it is drawn upon. In training, so
            that little is made of how sharp or noisy a parent is: drawn ones are not quite like real ones.

        Returns
        -------
        Tensor
            (n, 3, h - 2 margin, w - 2 margin), about [-1, 1]; averaged over 4 x 4 pixels it is the parent.
        """
        return given_back(*self.draw(parent, layout, step, noise, doubt))

    def draw(
        self,
        parent: Tensor,
        layout: Tensor,
        step: Tensor,
        noise: Sequence[Tensor] | None = None,
        doubt: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Draw windows, and say what they lost of the parent's colors; arguments as of :meth:`forward`.

        Returns
        -------
        picture : Tensor
            (n, 3, h - 2 margin, w - 2 margin).
        lost : Tensor
            (n, 3, ...), at the parent's scale: what :meth:`forward` gives back, or colors would drift from
            level to level. It learns to lose little.
        """
        plan = self.body.plan_inside(*(STEP * (side - 2) for side in parent.shape[-2:]))
        parent, layout = parent.float(), layout.float()
        fractions = self._fractions(torch.cat([parent if doubt is None else parent + doubt, layout], 1), plan)
        rim, inside = self.margin // STEP, plan[-1].outputs.grow(-1)
        if doubt is None:
            upon = cropped(fractions[-1][:, :3], plan[-1].labels, inside)
        else:
            around = slice(rim - 1, 1 - rim)
            upon = enlarged(parent[..., around, around])[..., STEP:-STEP, STEP:-STEP]
        dtype = self.body.start_labels.weight.dtype
        told = F.one_hot(step, STEPS).to(dtype)
        drawn = self.body.draw([one.to(dtype) for one in fractions], told, noise, plan).float()
        picture = upon + REACH * drawn
        return picture, parent[..., rim:-rim, rim:-rim] - F.avg_pool2d(picture, STEP)

    def _fractions(self, told: Tensor, plan: Sequence[LevelPlan]) -> list[Tensor]:
        """Return what is told of a parent at each level of the network, coarse to fine, as far as it is read.

        The same as enlarging all of it four times and averaging that down, at a fifth of the cost.
        """
        told = told.contiguous(memory_format=torch.channels_last)
        held = Window.of_shape(told.shape[-2:]).shift(*([-self.margin // STEP] * 2))
        fractions, pooled = [], told
        for level in reversed(plan):
            if level.stride < STEP:
                times = STEP // level.stride
                part = level.labels.coarsen(times).grow(1)
                origin, at_level = part.refine(times), enlarged(cropped(told, held, part), times)
            elif level.stride == STEP:
                pooled = at_level = F.avg_pool2d(enlarged(told, 2), 2)[..., 1:-1, 1:-1]
                origin = held = held.grow(-1)
            else:
                pooled = at_level = F.avg_pool2d(pooled, 2)
                origin = held = held.coarsen(2)
            fractions.append(cropped(at_level, origin, level.labels))
        return fractions[::-1]


def given_back(picture: Tensor, lost: Tensor) -> Tensor:
    """Give pictures what they lost of their parents' colors, both as :meth:`Refiner.draw` returns them.

    The same for all pixels of one of the parent's: anything smoother would look beyond the window.
    """
    return picture + F.interpolate(lost, scale_factor=float(STEP), mode="nearest")


def enlarged(picture: Tensor, times: int = STEP) -> Tensor:
    """Enlarge (n, c, y, x) so many times, bilinearly."""
    return F.interpolate(picture, scale_factor=float(times), mode="bilinear", align_corners=False)


def build_refiner(preset: str = "compact", **changes: Any) -> Refiner:
    """Build an untrained refiner.

    Parameters
    ----------
    preset : str
        "compact".
    **changes
        Over the preset's own widths.

    Raises
    ------
    ModelError
        If the preset is unknown.
    """
    if preset != "compact":
        raise ModelError(f'A refiner of slides has the preset "compact", not {preset!r}.')
    try:
        refiner = Refiner(**changes)
    except TypeError as error:
        raise ModelError(f"A refiner cannot be built from {changes}: {error}.") from error
    with torch.no_grad():  # an untrained refiner hardly does more than enlarge
        refiner.body.to_rgb.weight.mul_(0.1)
    return refiner
