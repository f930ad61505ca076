"""What a CycleGAN of stains is asked for beside deceiving its judges (paper, section 3.2, and more)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.stain.colors import DAB, HEMATOXYLIN
from napari_histosynth.stain.densities import Color, optical_density, smoothed, unmixed

#: Window of SSIM, px, as Wang et al. (2004).
SSIM_SIGMA = 1.5
#: DAB that a positive nucleus has at least, and anything else at most, optical density; and how much density
#: in a positive nucleus may be of neither color.
BROWN, NOT_BROWN, OFF_COLOR = 1.4, 0.15, 0.3
#: Density, its length over the three colors, that cytoplasm and stroma of Ki-67 have at most.
UNSTAINED = 0.45
#: Density, summed over the colors, up to which a pixel of the source is glass, and one drawn is pale.
GLASS, PALE = 0.25, 0.35


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean structural similarity of pictures (n, c, y, x) in [-1, 1]; 1 for the same."""
    a, b = (one.float() + 1) / 2, (other.float() + 1) / 2
    mean_a, mean_b = smoothed(a, SSIM_SIGMA), smoothed(b, SSIM_SIGMA)
    variance_a = smoothed(a * a, SSIM_SIGMA) - mean_a**2
    variance_b = smoothed(b * b, SSIM_SIGMA) - mean_b**2
    covariance = smoothed(a * b, SSIM_SIGMA) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    light = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (light * (2 * covariance + c2) / (variance_a + variance_b + c2)).mean()


def nuclear_density(image: Tensor, second: bool) -> Tensor:
    """Return how dark nuclei are, (n, 1, y, x), smoothed over 1.5 px.

    Parameters
    ----------
    image : Tensor
        (n, 3, y, x) in [-1, 1].
    second : bool
        Whether the picture is stained for Ki-67, where whatever is dark is a nucleus. In H&E it is red light
        that nuclei absorb and eosin lets pass.
    """
    density = optical_density(image)
    seen = density.mean(1, keepdim=True).clamp(max=1.2) if second else density[:, :1]
    return smoothed(seen, SSIM_SIGMA)


def structure_loss(he: Tensor, ki67: Tensor) -> Tensor:
    """Return how little nuclei of both pictures go together: 1 - Pearson's correlation of their densities.

    Of picture pairs (n, 3, y, x); nothing is said of how dark nuclei are, only of where.
    """
    a, b = (nuclear_density(x, second).flatten(1) for x, second in ((he, False), (ki67, True)))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    scale = (a.square().sum(1) * b.square().sum(1)).sqrt().clamp(min=1e-3)
    return (1 - (a * b).sum(1) / scale).mean()


def glass_loss(source: Tensor, drawn: Tensor) -> Tensor:
    """Return how far glass of the source (n, 3, y, x) is from pale in what is drawn from it."""
    glass = (optical_density(source).sum(1) < GLASS).float()
    above = F.relu(optical_density(drawn).sum(1) - PALE)
    return (glass * above).sum() / glass.sum().clamp(min=64.0)


def steering_loss(drawn: Tensor, planes: Tensor, blue: Color = HEMATOXYLIN, brown: Color = DAB) -> Tensor:
    """Return how far DAB is from its place and its color, and how dark it is between nuclei.

    Parameters
    ----------
    drawn : Tensor
        (n, 3, y, x) in [-1, 1], stained for Ki-67.
    planes : Tensor
        (n, 3, y, x): positive nuclei, negative ones, and whether they are known.
    blue, brown : tuple of float
        Optical densities of negative and positive nuclei: scanners and laboratories differ.
    """
    amounts, off_color = unmixed(drawn, blue, brown)
    dab = smoothed(amounts[:, 1:], 1.0)
    positive, known = planes[:, :1], planes[:, 2:]
    near = F.max_pool2d(positive, 5, 1, 2)  # a nucleus may be drawn a little larger than it was found
    wrong = F.relu(BROWN - dab) + F.relu(off_color - OFF_COLOR)
    missed = (wrong * positive * known).sum() / (positive * known).sum().clamp(min=64.0)
    elsewhere = (1 - near) * known
    spilled = (F.relu(dab - NOT_BROWN) * elsewhere).sum() / elsewhere.sum().clamp(min=64.0)
    between = known * (1 - F.max_pool2d(planes[:, :2].amax(1, keepdim=True), 7, 1, 3))
    density = smoothed(optical_density(drawn), 2.0).square().sum(1, keepdim=True).add(1e-8).sqrt()
    dark = (F.relu(density - UNSTAINED) * between).sum() / between.sum().clamp(min=64.0)
    return missed + 4 * spilled + 2 * dark
