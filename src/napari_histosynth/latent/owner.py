"""Whose latents a map or named places hold: what reading and writing them asks of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class LatentOwner(Protocol):
    """A model, as far as its latents go; every :class:`~napari_histosynth.paint.model.PaintModel` is one."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of its weights."""
        ...

    @property
    def style_size(self) -> int:
        """Numbers of a style: a latent without the stain."""
        ...

    @property
    def latent_size(self) -> int:
        """Numbers of a latent, stain included."""
        ...


@dataclass(frozen=True)
class Owner:
    """An owner of latents that have no stain.

    Attributes
    ----------
    name : str
        Of the model.
    sha256 : str
        Of its weights.
    style_size : int
        Numbers of a latent.
    """

    name: str
    sha256: str
    style_size: int

    @property
    def latent_size(self) -> int:
        """Numbers of a latent, the same."""
        return self.style_size
