"""What a pathologist grades by, so measured that a generator can learn from it: signs of the grade.

A network that judges grades can be pleased in ways that no pathologist would take for a grade. These few
measures of epithelium cannot: how much hematoxylin there is, how much of it nuclei cover, how large these
are, and how far they stand out. How real tissue changes in them with the grade is known before training;
where the same labels are drawn in two grades, the drawn tissue has to change as much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.stain import STAIN_SIZE, TYPICAL, hematoxylin_weights
from napari_histosynth.paint.restain import to_typical

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.data import Field
    from napari_histosynth.paint.lesson import Lesson

#: Brightness in [0, 1] from which epithelium is lumen or mucin after all.
LUMEN = 0.85
#: Share of a picture that must be epithelium for its signs to say something.
LEAST = 0.15
#: Hematoxylin from which a pixel is nucleus, and how soft that border is; 1 is the color of nuclei.
NUCLEUS, SOFT = 0.55, 0.08
#: Pixels of the blur before anything is measured, so that no grain passes for nuclei.
BLUR = 1.0
#: Pictures of a source from which its tissue tells how signs change with the grade.
FEWEST = 12
#: Names of the signs.
NAMES = ("hematoxylin", "nuclear share", "size of nuclei", "contrast")
#: Beyond so many standard deviations a miss counts by its amount, no longer by its square.
HUBER = 1.0


def signs_of(picture: Tensor, stain: Tensor | None, epithelium: Tensor) -> tuple[Tensor, Tensor]:
    """Measure the epithelium of pictures.

    Parameters
    ----------
    picture : Tensor
        (n, 3, y, x) in [-1, 1].
    stain : Tensor, optional
        (n, 9), theirs; the typical one when absent.
    epithelium : Tensor
        (n, y, x), 0 to 1, where the labels say epithelium.

    Returns
    -------
    signs : Tensor
        (n, 4): hematoxylin in epithelium, 1 as in nuclei; the share that nuclei cover; the logarithm of
        their size, twice their area over their outline in pixels; the standard deviation of hematoxylin.
    share : Tensor
        (n,), how much of each picture is epithelium.
    """
    with torch.autocast(picture.device.type, enabled=False):
        return _measured(picture.float() if stain is None else to_typical(picture, stain), epithelium)


def _measured(x: Tensor, epithelium: Tensor) -> tuple[Tensor, Tensor]:
    x = _blurred(x)
    unmix, glass = _unmixing(str(x.device))
    shown = (x + 1) / 2
    density = -torch.log(shown.clamp(min=1 / 256)) - glass[:, None, None]
    amount = torch.einsum("c,ncyx->nyx", unmix, density).clamp(min=0)
    tissue = epithelium * (shown.mean(1) < LUMEN)
    area = tissue.sum((1, 2))
    whole = area.clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return (values * tissue).sum((1, 2)) / whole

    nuclear = torch.sigmoid((amount - NUCLEUS) / SOFT)
    down = F.pad(nuclear.diff(dim=1), (0, 0, 0, 1))
    across = F.pad(nuclear.diff(dim=2), (0, 1))
    outline = mean(torch.sqrt(down**2 + across**2 + 1e-4))
    hematoxylin, covered = mean(amount), mean(nuclear)
    contrast = torch.sqrt((mean(amount**2) - hematoxylin**2).clamp(min=1e-4))
    size = torch.log(2 * (covered + 0.02) / outline.clamp(min=0.01))
    return torch.stack([hematoxylin, covered, size, contrast], 1), area / epithelium[0].numel()


class Signs(nn.Module):
    """Ask of what is drawn in two grades that it differs as real tissue does.

    Parameters
    ----------
    fields : sequence of Field
        Real tissue, some of it graded.
    grades : mapping of str to float
        What its grades count, 0 to 1.
    scheme : TissueScheme
        Of the label maps.
    stains : sequence of ndarray, optional
        Their stains, (9,) each.

    Attributes
    ----------
    change, spread : Tensor
        (4,), how much each sign rises from grade 0 to 1, and its standard deviation among pictures of a
        grade. Both are found within each source and averaged by how often it is shown: laboratories
        differ in focus and section, and have tissue of different grades.
    """

    change: Tensor
    spread: Tensor
    told: Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        grades: Mapping[str, float],
        scheme: TissueScheme,
        stains: Sequence[npt.NDArray[np.float32]] | None = None,
    ) -> None:
        super().__init__()
        told = torch.tensor([float(name.startswith("epithelium")) for name in scheme.names])
        self.register_buffer("told", told)
        change, spread = self._learned(fields, grades, stains)
        self.register_buffer("change", change)
        self.register_buffer("spread", spread)

    def epithelium(self, labels: Tensor) -> Tensor:
        """Return where labels (n, k, y, x) say epithelium, (n, y, x)."""
        return torch.einsum("k,nkyx->nyx", self.told, labels.float())

    def teach(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Return 0, for nothing is learned here, and how far pairs of drawn crops are from real tissue."""
        nothing = lesson.drawn.new_zeros(())
        if lesson.pairs is None or len(lesson.pairs.low) == 0:
            return nothing, nothing
        pairs = lesson.pairs
        epithelium = self.epithelium(lesson.asked)
        found = []
        for chosen in (pairs.low, pairs.high):
            stain = lesson.latent[chosen, -STAIN_SIZE:] if "stain" in lesson.batch else None
            found.append(signs_of(lesson.drawn[chosen], stain, epithelium[chosen]))
        (low, share), (high, _) = found
        wanted = self.change * (pairs.grade_high - pairs.grade_low)[:, None]
        missed = F.smooth_l1_loss(
            (high - low) / self.spread, wanted / self.spread, reduction="none", beta=HUBER
        ).mean(1)
        counted = (share > LEAST).float()
        return nothing, (missed * counted).sum() / counted.sum().clamp(min=1)

    @torch.no_grad()
    def _learned(
        self,
        fields: Sequence[Field],
        grades: Mapping[str, float],
        stains: Sequence[npt.NDArray[np.float32]] | None,
    ) -> tuple[Tensor, Tensor]:
        found: dict[str, list[tuple[float, npt.NDArray[np.float64]]]] = defaultdict(list)
        shown: dict[str, float] = defaultdict(float)
        for number, field in enumerate(fields):
            if field.grade not in grades:
                continue
            picture = torch.from_numpy(np.array(field.image)).permute(2, 0, 1)[None].float() / 127.5 - 1
            labels = self.told[torch.from_numpy(np.ascontiguousarray(field.labels[0])).long()][None]
            stain = None if stains is None else torch.from_numpy(stains[number])[None]
            signs, share = signs_of(picture, stain, labels)
            if share[0] > LEAST:
                shown[field.source] += field.share
                found[field.source].append((grades[field.grade], signs[0].double().numpy()))
        slopes, rests, counts = [], [], []
        for source, pairs in found.items():
            grade, signs_ = np.array([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
            if len(grade) < FEWEST or np.ptp(grade) < 0.5:
                continue
            away = grade - grade.mean()
            slope = away @ (signs_ - signs_.mean(0)) / (away @ away)
            slopes.append(slope)
            rests.append((signs_ - signs_.mean(0) - away[:, None] * slope).var(0))
            counts.append(shown[source])
        if not counts:
            return torch.zeros(len(NAMES)), torch.ones(len(NAMES))
        slope = np.average(slopes, axis=0, weights=counts)
        spread = np.sqrt(np.average(rests, axis=0, weights=counts))
        return torch.tensor(slope, dtype=torch.float32), torch.tensor(spread, dtype=torch.float32)


def _blurred(x: Tensor) -> Tensor:
    places = torch.arange(-3, 4, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (places / BLUR) ** 2)
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    x = F.pad(x, (3, 3, 3, 3), mode="reflect")
    x = F.conv2d(x, kernel.view(1, 1, 7, 1).expand(channels, -1, -1, -1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, 1, 7).expand(channels, -1, -1, -1), groups=channels)


def _unmixing(device: str) -> tuple[Tensor, Tensor]:
    """Return what makes hematoxylin of a typical density, and the density of glass; (3,) each."""
    densities = np.maximum(TYPICAL, 0.02).reshape(3, 3).astype(np.float64)
    return (
        torch.tensor(hematoxylin_weights(densities), dtype=torch.float32, device=device),
        torch.tensor(densities[2], dtype=torch.float32, device=device),
    )
