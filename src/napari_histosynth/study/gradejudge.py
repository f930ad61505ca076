"""A judge of grades that has seen real tissue alone, and shares nothing with what taught the generator.

It sees pictures in the typical stain, and those it learns from in colors, brightness and sharpness that vary
more than those of laboratories do, so that neither stain nor scanner is worth reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.stain import read_stain
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.paint.restain import to_typical

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTHS = (24, 48, 72, 96)
"""Channels of the judge's stages, fine to coarse."""

_JITTER, _BLUR = 0.18, 1.2  # of optical densities, as a share; of sharpness, in pixels


@dataclass(frozen=True, eq=False)
class Example:
    """A real picture with its grade.

    Attributes
    ----------
    image : ndarray
        uint8 (y, x, 3), in the typical stain (:func:`in_typical_stain`).
    grade : float
        0 to 1.
    kind, patient : str
        Source and name of the grade; every kind is asked for as often, and in it every patient.
    """

    image: npt.NDArray[np.uint8]
    grade: float
    kind: str
    patient: str


class GradeJudge(nn.Module):
    """Tell the grade of a picture: four strided stages, mean and spread over the picture, one score.

    The score is held against a threshold between each two neighboring grades (ordinal regression with shared
    weights, CORAL: Cao et al. 2020); the expected grade follows from how likely each is passed.

    Parameters
    ----------
    levels : sequence of float
        The grades that there are, rising.
    """

    levels: Tensor

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for shallow, deep in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(shallow, deep, 3, 2, 1), nn.BatchNorm2d(deep), nn.LeakyReLU(0.2)]
        self.stages = nn.Sequential(*layers)
        self.score = nn.Linear(2 * WIDTHS[-1], 1)
        self.thresholds = nn.Parameter(torch.linspace(-2, 2, len(levels) - 1))
        self.register_buffer("levels", torch.tensor(list(levels), dtype=torch.float32))

    def passed(self, image: Tensor) -> Tensor:
        """Return logits, (n, k - 1), of each threshold being passed by pictures (n, 3, y, x) in [-1, 1]."""
        found = self.stages(image)
        mean, spread = found.mean((2, 3)), torch.sqrt(found.var((2, 3), unbiased=False) + 1e-4)
        return torch.as_tensor(self.score(torch.cat([mean, spread], 1)) - self.thresholds)

    def forward(self, image: Tensor) -> Tensor:
        """Return expected grades, (n,)."""
        steps = self.levels[1:] - self.levels[:-1]
        return self.levels[0] + (torch.sigmoid(self.passed(image)) * steps).sum(1)


def in_typical_stain(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture, uint8 (y, x, 3), as if it had been stained as slides typically are."""
    with torch.inference_mode():
        picture = to_typical(from_rgb(rgb[None], "cpu"), torch.from_numpy(read_stain(rgb)[None]))
        return np.asarray(to_rgb(picture)[0], np.uint8)


def train_judge(
    examples: Sequence[Example],
    *,
    steps: int,
    batch: int,
    crop: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
    tell: Callable[[float], None] = lambda share: None,
) -> GradeJudge:
    """Teach a judge.

    Parameters
    ----------
    examples : sequence of Example
        Real pictures of training patients, of two grades or more.
    steps, batch, crop : int
        Length of the training, crops a step, pixels a side of a crop (less where pictures are smaller).
    seed : int
        Of weights and crops.
    device : torch.device or str
        Where to train.
    tell : callable
        Told the share that is done, 0 to 1.

    Raises
    ------
    TrainingError
        If there are fewer than two grades.
    """
    levels = sorted({one.grade for one in examples})
    if len(levels) < 2:
        raise TrainingError(
            f"A judge of grades needs pictures of two grades or more, not of {len(levels)}; name more in "
            "[data.grades] of the configuration."
        )
    smallest = min(min(one.image.shape[:2]) for one in examples)
    side = min(crop, smallest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = GradeJudge(levels).to(device)
    rng = np.random.default_rng((seed, 5))
    tree: dict[str, dict[str, list[Example]]] = {}
    for one in examples:
        tree.setdefault(one.kind, {}).setdefault(one.patient, []).append(one)
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(steps, 2))
    bounds = torch.tensor(levels[1:], device=device)
    for step in range(steps):
        crops, grades = [], []
        for _ in range(batch):
            one = _drawn(tree, rng)
            crops.append(_crop(one.image, side, rng))
            grades.append(one.grade)
        image = _varied(from_rgb(np.stack(crops), device), rng)
        truth = torch.tensor(grades, device=device)[:, None] >= bounds - 1e-6
        loss = F.binary_cross_entropy_with_logits(judge.passed(image), truth.float())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        tell((step + 1) / steps)
    return judge.eval().requires_grad_(False)


def judge_pictures(
    judge: Callable[[Tensor], Tensor],
    pictures: Sequence[npt.NDArray[np.uint8]],
    device: torch.device | str = "cpu",
    *,
    stained: bool = True,
    tell: Callable[[float], None] = lambda share: None,
) -> npt.NDArray[np.float64]:
    """Return the expected grades, (n,), of whole pictures, uint8 (y, x, 3).

    ``stained`` says that they are as stained; False, that they are in the typical stain already.
    """
    grades = []
    for number, picture in enumerate(pictures):
        seen = in_typical_stain(picture) if stained else picture
        with torch.inference_mode():
            grades.append(float(judge(from_rgb(seen[None], device))[0]))
        tell((number + 1) / len(pictures))
    return np.array(grades)


def _drawn(tree: dict[str, dict[str, list[Example]]], rng: np.random.Generator) -> Example:
    """Draw a kind, a patient of it, a picture of his."""
    patients = tree[list(tree)[int(rng.integers(len(tree)))]]
    pictures = patients[list(patients)[int(rng.integers(len(patients)))]]
    return pictures[int(rng.integers(len(pictures)))]


def _crop(image: npt.NDArray[np.uint8], side: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    y, x = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
    turned = np.rot90(image[y : y + side, x : x + side], int(rng.integers(4)))
    return turned[:, ::-1] if rng.integers(2) else turned


def _varied(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary colors and brightness in optical density, and sharpness, of pictures (n, 3, y, x) in [-1, 1]."""
    n = len(image)
    density = -torch.log(((image + 1) / 2).clamp(min=1 / 256))
    scale = 1 + _JITTER * (rng.standard_normal((n, 1)) + rng.standard_normal((n, 3)))
    mixed = np.eye(3) + 0.5 * _JITTER * rng.standard_normal((n, 3, 3))
    change = torch.from_numpy(mixed * np.clip(scale, 0.5, 1.6)[:, None]).to(image)
    density = torch.einsum("nij,njyx->niyx", change, density).clamp(0, 8)
    varied = 2 * torch.exp(-density) - 1
    sigma = torch.from_numpy(rng.uniform(0.05, _BLUR, n)).to(image)
    at = torch.arange(-3, 4, device=image.device)
    kernel = torch.exp(-0.5 * (at / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = F.pad(varied.reshape(1, 3 * n, *image.shape[2:]), (3, 3, 3, 3), mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=3 * n)
    return F.conv2d(flat, kernel[:, None, None, :], groups=3 * n).reshape(image.shape)
