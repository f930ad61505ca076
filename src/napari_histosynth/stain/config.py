"""What a training of two stains is made of, read from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from napari_histosynth.paint.config import CardSection, LoopSection, Section, read_toml


class StainModelSection(Section):
    """The model to make."""

    name: str
    title: str = ""
    preset: Literal["compact", "paper", "resnet"] = "compact"
    stains: tuple[str, str] = ("H&E", "Ki-67")
    um_per_px: float = Field(gt=0)
    architecture: dict[str, Any] = Field(default_factory=dict)


class PicturesSection(Section):
    """Pictures of one stain."""

    path: str  # file, or pattern of files, in the data folder: "colon-slides/*/regions_0.5um/*.jpg"
    um_per_px: float = Field(gt=0)
    share: float = Field(1.0, gt=0)  # of the crops of its stain
    held_out: tuple[str, ...] = ()  # files whose path in the data folder holds one of these are left out
    held_out_right: float = Field(0.0, ge=0, lt=1)  # share of each picture, at its right, that is left out


class StainDataSection(Section):
    """Pictures of both stains, and how they are varied; nothing is paired."""

    first: tuple[PicturesSection, ...]
    second: tuple[PicturesSection, ...]
    zoom: tuple[float, float] = (0.85, 1.18)
    elastic: float = Field(1.5, ge=0)  # um, how far a place is moved by a smooth change of shape
    jitter: tuple[float, float] = (0.1, 0.03)  # change of densities of each stain, a share


class StainLossSection(Section):
    """Weights of the losses (paper, section 3.2); what the paper does not have is said in the comments."""

    adversarial: Literal["least-squares", "log"] = "least-squares"  # the paper's is "log"
    cycle: float = Field(5.0, ge=0)
    ssim: float = Field(5.0, ge=0)
    identity: float = Field(0.0, ge=0)  # a picture of the other stain stays as it is
    hematoxylin: float = Field(
        0.0, ge=0
    )  # nuclei stay where they are: densities of both pictures go together
    glass: float = Field(0.0, ge=0)  # glass and lumen stay pale
    steering: float = Field(0.0, ge=0)  # nuclei are brown where they were asked to be, and nothing else is
    pool: int = Field(50, ge=0)  # drawn pictures that discriminators are shown again


class StainOptimizerSection(Section):
    """Adam and its schedule."""

    learning_rate: float = Field(2e-4, gt=0)
    discriminator_learning_rate: float = Field(2e-4, gt=0)
    betas: tuple[float, float] = (0.5, 0.999)
    schedule: Literal["linear", "paper"] = "linear"
    steps_per_epoch: int = Field(15_000, gt=0)  # of the paper's schedule: x0.9 every second epoch
    average: float = Field(0.998, ge=0, lt=1)


class StainDiscriminatorSection(Section):
    """The judges of both stains."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    instance_norm: bool = True


class StainConfig(Section):
    """A whole run: model, data, losses, optimizer, discriminators, loop, card."""

    model: StainModelSection
    data: StainDataSection
    loss: StainLossSection = StainLossSection()
    optimizer: StainOptimizerSection = StainOptimizerSection()
    discriminator: StainDiscriminatorSection = StainDiscriminatorSection()
    loop: LoopSection
    card: CardSection = CardSection()

    @property
    def steering(self) -> int:
        """Planes of steering that the generator of the second stain takes."""
        return int(self.model.architecture.get("steering", 0))


def read_stain_config(path: Path) -> StainConfig:
    """Read and check the configuration of a training of two stains; see :func:`~.paint.config.read_toml`."""
    return read_toml(path, StainConfig)
