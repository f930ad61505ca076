"""From a real picture to its latent: as the encoder says, then fitted until drawn tissue looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import Cancelled, ImageError, ModelError
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.paint.network import LocalGenerator
from napari_histosynth.paint.texture import texture_loss

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel

#: Side in pixels of the crops that are compared; a picture must be that large.
CROP = 160
#: Crops compared at each step, and in the end.
_AT_ONCE, _JUDGED = 2, 6
#: How far a step moves, in units of a latent.
_RATE = 0.05
#: Keeps the latent near what the encoder said: far from all that was trained on, pictures fall apart.
_PULL = 0.02


@dataclass(frozen=True, eq=False)
class Refined:
    """A latent that was fitted to a picture.

    Attributes
    ----------
    latent : ndarray
        float32 (d,), the stain included where the model has it apart.
    error, error_before : float
        How far tissue drawn in it, and in what the encoder had said, is from the picture: mean difference of
        8 px averages in gray levels, 0 to 255.
    texture, texture_before : float
        The same for texture: mean difference of the logarithm of local power; 0.7 is a factor of two.
    """

    latent: npt.NDArray[np.float32]
    error: float
    error_before: float
    texture: float
    texture_before: float


def refine_latent(
    model: PaintModel,
    rgb: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    *,
    steps: int = 60,
    tell: Callable[[float], None] = lambda share: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Refined:
    """Fit the latent of a picture whose labels are known.

    The stain, where the model has it apart, is read from the picture and stays. The rest begins as the
    encoder says and is moved until crops drawn from the labels have the colors and grain of the picture.

    Parameters
    ----------
    model : PaintModel
        A local one with an encoder.
    rgb : ndarray
        uint8 (y, x, 3), H&E at the model's scale, at least 160 px a side.
    labels : ndarray
        uint8 (y, x) of the model's scheme: what is where in the picture.
    steps : int
        How long.
    tell : callable
        Told the share that is done.
    is_cancelled : callable
        Asked before each step.

    Raises
    ------
    ModelError
        If the model is of another kind.
    ImageError
        If the picture is too small, or the labels have another size.
    Cancelled
        If it was asked to stop.
    """
    generator = model.generator
    if not isinstance(generator, LocalGenerator):
        raise ModelError(
            f"The look of {model.name!r} cannot be fitted; choose a model of the preset 'local'."
        )
    rgb = np.asarray(rgb)
    first = model.encode(rgb)
    if min(rgb.shape[:2]) < CROP:
        raise ImageError(
            f"A picture to fit a look to must be {CROP} px a side or more at {model.um_per_px:g} um/px, not "
            f"{rgb.shape[0]} x {rgb.shape[1]}."
        )
    if labels.shape != rgb.shape[:2]:
        raise ImageError(
            f"The labels are {labels.shape}, the picture {rgb.shape[:2]}; they must be of one size."
        )
    crops = _Crops(model, generator, rgb, labels)
    start = torch.from_numpy(first).to(model.device)
    style = start[: model.style_size].clone().requires_grad_()
    origin, stain = style.detach().clone(), start[model.style_size :]
    optimizer = torch.optim.Adam([style], _RATE)
    before = crops.judge(start)
    for step in range(steps):
        if is_cancelled():
            raise Cancelled("Fitting the look was cancelled; the canvas keeps its own.")
        colors, grain = crops.compare(torch.cat([style, stain]), step, _AT_ONCE)
        loss = 5 * colors + grain + _PULL * ((style - origin) ** 2).mean()
        (style.grad,) = torch.autograd.grad(loss, [style])
        optimizer.step()
        tell((step + 1) / (steps + 1))
    latent = torch.cat([style.detach(), stain])
    after = crops.judge(latent)
    if 5 * after[0] / 127.5 + after[1] > 5 * before[0] / 127.5 + before[1]:
        latent, after = start, before  # it did not help
    tell(1.0)
    return Refined(np.asarray(latent.cpu().numpy(), np.float32), after[0], before[0], after[1], before[1])


class _Crops:
    """Crops of a picture, and of what is drawn from its labels."""

    def __init__(
        self,
        model: PaintModel,
        generator: LocalGenerator,
        rgb: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.uint8],
    ) -> None:
        self.model, self.generator, self.rgb = model, generator, rgb
        self.labels = np.pad(labels, generator.margin, mode="symmetric")

    def compare(self, latent: Tensor, number: int, count: int) -> tuple[Tensor, Tensor]:
        """Return how far crops are in color and in texture; ``number`` chooses them and their noise."""
        rng = np.random.default_rng((number, count))
        reach = CROP + 2 * self.generator.margin
        pictures, maps = [], []
        for _ in range(count):
            y, x = (int(rng.integers(side - CROP + 1)) for side in self.rgb.shape[:2])
            pictures.append(self.rgb[y : y + CROP, x : x + CROP])
            maps.append(self.labels[y : y + reach, x : x + reach])
        device, dtype = self.model.device, self.model.dtype
        image = from_rgb(np.stack(pictures), device)
        index = torch.from_numpy(np.stack(maps)).to(device).long().clamp(max=self.generator.n_classes - 1)
        one_hot = F.one_hot(index, self.generator.n_classes).permute(0, 3, 1, 2).to(dtype)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            drawn = self.generator(one_hot, latent.to(dtype).expand(count, -1)).float()
        return F.l1_loss(F.avg_pool2d(drawn, 8), F.avg_pool2d(image, 8)), texture_loss(drawn, image)

    def judge(self, latent: Tensor) -> tuple[float, float]:
        """Return the differences over crops that were not fitted: gray levels, and logarithm of power."""
        with torch.no_grad():
            colors, grain = self.compare(latent, 1_000_000, _JUDGED)
        return float(colors) * 127.5, float(grain)
