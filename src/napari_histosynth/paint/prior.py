"""Where the latents of real tissue lie: what random looks are drawn from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Latents that are remembered.
REMEMBERED = 512


class LatentPrior(nn.Module):
    """Random looks as mixtures of two real ones.

    The pull of the KL term towards N(0, I) has to be weak, or the latent forgets the stain. Latents of real
    pictures then lie in clumps, one for each stain, and a normal distribution - N(0, I), or one fitted to
    them - reaches far outside, where tissue is drawn in colors that no stain has. On the line between two
    real latents it is not: random looks, in training and after, are points on such lines.

    Parameters
    ----------
    latent_size : int
        Length of the latent.
    """

    bank: Tensor
    seen: Tensor

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.register_buffer("bank", torch.zeros(REMEMBERED, latent_size))
        self.register_buffer("seen", torch.tensor(0))

    @torch.no_grad()
    def update(self, latents: Tensor) -> None:
        """Remember latents (n, d) of real pictures, as the encoder means them, in place of the oldest."""
        places = (int(self.seen) + torch.arange(len(latents))) % REMEMBERED
        self.bank[places.to(self.bank.device)] = latents.detach().to(self.bank.dtype)
        self.seen += len(latents)

    @property
    def known(self) -> Tensor:
        """The latents that are remembered, (n, d)."""
        return self.bank[: min(int(self.seen), REMEMBERED)]

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Draw latents (count, d) with torch's generator; N(0, I) before any is known."""
        known = len(self.known)
        device = self.bank.device
        if known == 0:
            return torch.randn(count, self.bank.shape[1], device=device)
        first, second = torch.randint(known, (2, count), device=device)
        return torch.lerp(self.bank[first], self.bank[second], torch.rand(count, 1, device=device))
