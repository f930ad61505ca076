"""Where the latents of real tissue lie: what random looks are drawn from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: How much of the running moments survives a step.
MEMORY = 0.998


class LatentPrior(nn.Module):
    """A running Gaussian fit of the latents that the encoder gives.

    The pull of the KL term towards N(0, I) has to be weak, or the latent forgets the stain; latents of real
    pictures then fill a part of that ball only, and a random one far from them draws tissue in colors that no
    stain has. Random looks, in training and after, come from this fit instead.

    Parameters
    ----------
    latent_size : int
        Length of the latent.
    """

    mean: Tensor
    covariance: Tensor

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_size))
        self.register_buffer("covariance", torch.eye(latent_size))

    @torch.no_grad()
    def update(self, latents: Tensor) -> None:
        """Take in latents (n, d) that were drawn around real pictures' means."""
        if len(latents) == 0:
            return
        apart = latents.detach().float() - self.mean
        with torch.autocast(apart.device.type, enabled=False):
            self.covariance.lerp_(apart.T @ apart / len(apart), 1 - MEMORY)
        self.mean.lerp_(self.mean + apart.mean(0), 1 - MEMORY)

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Draw latents (count, d) with torch's generator."""
        standard = torch.randn(count, len(self.mean), device=self.mean.device)
        with torch.autocast(standard.device.type, enabled=False):
            return self.mean + standard @ self.factor().T

    def factor(self) -> Tensor:
        """Return the lower triangular (d, d) matrix that turns standard normal numbers into latents."""
        ridge = 1e-4 * torch.eye(len(self.mean), device=self.mean.device)
        factor: Tensor = torch.linalg.cholesky(self.covariance + ridge)
        return factor
