"""Teach the latent the grade of a tumor, and the generator to draw it (the paper's Figure 3 as a handle).

Nobody tells a generator that a latent should hold the grade; it may as well hold the microscope. Where
pathologists graded the pictures, two small parts are trained beside the others: a linear function of the
latent learns to tell the grade, so that it lies along one direction; and a network that sees pictures alone,
all in the typical stain, learns to grade real crops, and judges whether what is drawn shows the grade that
its latent tells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.lesson import Lesson, stain_of, unsure

#: Channels of the network that grades pictures.
WIDTHS = (24, 48, 96, 128)
#: How far a latent is moved at most: while nothing is learned yet, all grades lie on one point.
FARTHEST = 3.0
#: Share of the covariance of styles that is made even, so that few styles give a direction as well.
EVEN = 0.1


class Grader(nn.Module):
    """Grade pictures and latents, 0 to 1.

    Parameters
    ----------
    style_size : int
        Numbers of a latent without its stain.
    """

    learning_rate = 5e-4

    def __init__(self, style_size: int) -> None:
        super().__init__()
        self.style_size = style_size
        self.of_latent = nn.Linear(style_size, 1)
        self.of_picture = StyleEncoder(1, WIDTHS)

    @torch.no_grad()
    def remember(self, told: Tensor) -> None:
        """Take over how the latents of a model tell the grade, (style_size + 1,): weights, and a constant."""
        if len(told) == self.style_size + 1:
            self.of_latent.weight.copy_(told[None, :-1])
            self.of_latent.bias.copy_(told[-1:])

    def tell(self, style: Tensor) -> Tensor:
        """Return the grades, (n,), that latents (n, d) tell."""
        return torch.as_tensor(self.of_latent(style.float()))[:, 0]

    def see(self, picture: Tensor, stain: Tensor | None) -> Tensor:
        """Return the grades, (n,), that pictures (n, 3, y, x) of known stains (n, 9) show."""
        return torch.as_tensor(self.of_picture(picture, stain)[0])[:, 0]

    @torch.no_grad()
    def spread(self, latents: Tensor, known: Tensor, grades: Tensor | None = None) -> Tensor:
        """Move latents (n, d), stain included, until they tell grades, drawn evenly from 0 to 1 if not given.

        Layouts give the grade away: nearly all crops are drawn in a look of their own grade, and the ends of
        the scale on few layouts. Random looks moved like this show the discriminators every grade on every
        layout. They move the way in which real styles change with the grade (:meth:`way`), as the named
        places of a model do: the shortest way to another reading leaves the cloud of real styles, where
        nobody showed the generator what tissue is.

        Parameters
        ----------
        latents : Tensor
            (n, d), what to move.
        known : Tensor
            (m, d), latents of real pictures.
        grades : Tensor, optional
            (n,), what they shall tell.
        """
        if grades is None:
            grades = torch.rand(len(latents), device=latents.device)
        style, stain = latents[:, : self.style_size].float(), latents[:, self.style_size :]
        way = self.way(known)
        length = way.norm().clamp(min=1e-6)
        step = (grades - self.tell(style)) * length
        moved = style + step.clamp(-FARTHEST, FARTHEST)[:, None] * way / length
        return torch.cat([moved.to(latents.dtype), stain], 1)

    @torch.no_grad()
    def way(self, known: Tensor) -> Tensor:
        """Return how a style moves when the grade that it tells rises by 1, (style_size,).

        The covariance of real styles times the weights that tell the grade (Haufe et al., NeuroImage 87
        (2014) 96-110); along the weights alone while no two styles are known.
        """
        weights = self.of_latent.weight[0].float()
        if len(known) > 1:
            covariance = torch.cov(known[:, : self.style_size].float().T)
            even = covariance.diagonal().mean() * torch.eye(self.style_size, device=weights.device)
            way = torch.lerp(covariance, even, EVEN) @ weights
        else:
            way = weights
        return way / (way @ weights).clamp(min=1e-6)

    def teach(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Return how wrong it grades real crops, and how wrong it finds latents and what is drawn in them."""
        grade = torch.from_numpy(lesson.batch["grade"]).to(lesson.image.device)
        stain = stain_of(lesson.batch, lesson.image.device)
        style, own = lesson.latent[:, : self.style_size], lesson.latent[:, self.style_size :]
        seen = self.see(lesson.image, unsure(stain))
        shown = self.see(lesson.drawn, None if stain is None else unsure(own))
        told, learned = self.tell(lesson.mean), self.tell(lesson.mean.detach())
        graded = grade[: len(told)]
        taught = distance(seen, grade) + distance(learned, graded)
        return taught, distance(told, graded) + distance(shown, self.tell(style).detach())


def distance(found: Tensor, grade: Tensor) -> Tensor:
    """Return how far grades (n,) are from those that are known, squared, on average; 0 where none is."""
    known = ~torch.isnan(grade)
    if not known.any():
        return found.sum() * 0
    return F.mse_loss(found[known], grade[known])
