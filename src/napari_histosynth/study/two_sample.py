"""Whether a small network can tell drawn tissue from real, and whether labels are found again in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.labels import BACKGROUND, EPITHELIUM, NUCLEI, labels_from_he
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.study.metrics import area_under_curve, dice

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.data import Field

CROP, BATCH = 112, 32
"""Pixels a side of the crops that are judged, and crops a step."""


class Judge(nn.Module):
    """The network that tells drawn from real: four strided stages, the mean over the crop, one number."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for shallow, deep in ((3, 32), (32, 64), (64, 96), (96, 128)):
            layers += [nn.Conv2d(shallow, deep, 3, 2, 1), nn.BatchNorm2d(deep), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Turn (n, 3, y, x) in [-1, 1] into (n,), higher for what looks drawn."""
        return torch.flatten(self.layers(image))


def tell_apart(
    trained: tuple[Sequence[Field], Sequence[Field]],
    tested: tuple[Sequence[Field], Sequence[Field]],
    steps: Sequence[int],
    count: int,
    device: torch.device,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[int, float]:
    """Run the classifier two-sample test.

    A :class:`Judge` learns to tell crops of two kinds apart, half of each in every batch, in all eight
    symmetries, then judges crops of other fields.

    Parameters
    ----------
    trained, tested : pair of sequence of Field
        The first kind (real) and the second (drawn), to learn from and to be tested on. Where both kinds are
        as long, crops of the same fields come in turns.
    steps : sequence of int
        After how many steps to test.
    count : int
        Crops to test on.
    device : torch.device
        Where to compute.
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    dict of int to float
        Area under the ROC curve after each number of steps: 0.5 if the kinds cannot be told apart, 1 if they
        always can.

    Raises
    ------
    TrainingError
        If a picture is smaller than the crops.
    """
    _check_sizes([*trained, *tested])
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = Judge().to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    images, truth = _crops(tested, count, np.random.default_rng(1))
    found = {}
    for step in range(1, max(steps) + 1):
        batch, target = _crops(trained, BATCH, rng)
        network.train()
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(batch.to(device)), target.to(device).float()
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step in steps:
            network.eval()
            with torch.inference_mode():
                marks = torch.cat([network(part.to(device)) for part in torch.split(images, 128)])
            found[step] = area_under_curve(marks.cpu().numpy(), truth.numpy())
        tell(step / max(steps))
    return found


def halves(fields: Sequence[Field]) -> tuple[list[Field], list[Field]]:
    """Divide fields at random in two, to be told apart where there is nothing to tell."""
    order = np.random.default_rng(2).permutation(len(fields))
    middle = len(fields) // 2
    return [fields[i] for i in order[:middle]], [fields[i] for i in order[middle:]]


def found_again(drawn: Sequence[Field], scheme: TissueScheme, um_per_px: float) -> dict[str, float]:
    """Find nuclei and background again in drawn pictures by the recipe that makes labels (SHI-GAN, 2.1).

    Parameters
    ----------
    drawn : sequence of Field
        Drawn pictures and the label maps that they were drawn from.
    scheme : TissueScheme
        Of the label maps.
    um_per_px : float
        Micrometers a pixel.

    Returns
    -------
    dict of str to float
        Dice of ``"nuclei"`` and ``"background"`` with the labels, mean over fields; only of classes that the
        recipe knows and the scheme has.
    """
    recipe = ("background", "non-epithelium", "epithelium", "nuclei")
    if scheme.names != recipe[: scheme.n_classes]:
        return {}
    overlaps: dict[str, list[float]] = {}
    for field in drawn:
        labels = field.labels[0]
        epithelium = (labels == EPITHELIUM) | (labels == NUCLEI)
        found = labels_from_he(
            field.image, um_per_px=um_per_px, epithelium=epithelium, nuclei=scheme.n_classes > NUCLEI
        )
        for value in (NUCLEI, BACKGROUND):
            if value < scheme.n_classes and (labels == value).any():
                overlaps.setdefault(recipe[value], []).append(dice(found == value, labels == value))
    return {name: float(np.mean(values)) for name, values in overlaps.items()}


def _crops(
    kinds: tuple[Sequence[Field], Sequence[Field]], count: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return crops in all symmetries, float (n, 3, y, x), and which are of the second kind, bool (n,)."""
    images = []
    for index in range(count):
        fields = kinds[index % 2]
        picture = fields[int(rng.integers(len(fields)))].image
        y, x = (int(rng.integers(size - CROP + 1)) for size in picture.shape[:2])
        crop = np.rot90(picture[y : y + CROP, x : x + CROP], int(rng.integers(4)))
        images.append(crop[:, ::-1] if rng.integers(2) else crop)
    return from_rgb(np.stack(images), "cpu"), torch.arange(count) % 2 == 1


def _check_sizes(groups: Sequence[Sequence[Field]]) -> None:
    smallest = min(int(min(field.image.shape[:2])) for fields in groups for field in fields)
    if smallest < CROP:
        raise TrainingError(
            f"The smallest picture is {smallest} px a side; the two-sample test needs {CROP} px or more."
        )
