"""What a training of slides is made of, read from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from napari_histosynth.paint.config import CardSection, LoopSection, Section, read_toml


class SlideModelSection(Section):
    """The model to make."""

    name: str
    title: str = ""
    setting: Literal["fast", "diffusion"] = "fast"  # which of the two networks of a model is trained
    preset: Literal["compact"] = "compact"
    scheme: Literal["slide-layout"] = "slide-layout"
    um_per_px: float = Field(0.5, ge=0.5, le=0.5)  # of full magnification
    architecture: dict[str, Any] = Field(default_factory=dict)  # of the refiner
    diffusion: dict[str, Any] = Field(default_factory=dict)  # of the diffusion U-Net
    start: str = ""  # a model whose weights to begin with, and whose other network is kept


class SlideDataSection(Section):
    """Whole slides at three magnifications, and how they are varied."""

    path: str = "colon-slides"  # in the data folder: SLIDE/overview_8um.*, fields_2um/, regions_0.5um/
    held_out: tuple[str, ...] = ()  # slides
    tumor: tuple[str, ...] = ()  # slides whose epithelium is a tumor's
    muscle: tuple[str, ...] = ()  # slides that reach down to muscle
    steps: tuple[float, float, float, float] = (0.15, 0.25, 0.3, 0.3)  # chances of steps, coarse to fine
    jitter: float = Field(0.06, ge=0)  # of the density of the stain, a share
    doubt: float = Field(0.02, ge=0)  # noise on what parents say at most, a share of the range
    chain: float = Field(0.0, ge=0, le=1)  # share of crops whose parents the network draws itself
    own: float = Field(0.0, ge=0, le=1)  # share at 0.5 um whose parents are of slides that the start draws
    own_children: int = Field(0, ge=0)  # parts of each such field whose child the start's diffusion draws


class SlideLossSection(Section):
    """Weights of the losses of the refiner."""

    features: float = Field(10.0, ge=0)  # features of discriminators as in the real child
    fine_pixels: float = Field(0.0, ge=0)  # at 0.5 um: colors as in the real child, L1
    fine_adversarial: float = Field(1.0, ge=0)  # at 0.5 um: how much discriminators count
    coherence: float = Field(10.0, ge=0)  # what has to be given back of the parent's colors, L1
    texture: float = Field(0.0, ge=0)  # local power in bands of spatial frequency


class SlideOptimizerSection(Section):
    """Adam, the averaging of weights, and where statistics stop moving."""

    learning_rate: float = Field(3e-4, gt=0)
    discriminator_learning_rate: float = Field(3e-4, gt=0)
    betas: tuple[float, float] = (0.5, 0.99)
    average: float = Field(0.998, ge=0, lt=1)
    still: float = Field(0.6, gt=0, le=1)  # share of the run after which normalization keeps its statistics


class SlideDiscriminatorSection(Section):
    """Widths of the discriminators."""

    widths: tuple[int, ...] = (32, 64, 96, 128)
    fine_widths: tuple[int, ...] = (24, 32, 48)
    fine_crop: int = 64
    instance_norm: tuple[bool, bool] = (True, True)
    spectral_norm: bool = False


class SlideConfig(Section):
    """A whole run: model, data, losses, optimizer, discriminators, loop, card."""

    model: SlideModelSection
    data: SlideDataSection = SlideDataSection()
    loss: SlideLossSection = SlideLossSection()
    optimizer: SlideOptimizerSection = SlideOptimizerSection()
    discriminator: SlideDiscriminatorSection = SlideDiscriminatorSection()
    loop: LoopSection
    card: CardSection = CardSection()


def read_slide_config(path: Path) -> SlideConfig:
    """Read and check the configuration of a training of slides; see :func:`~.paint.config.read_toml`."""
    return read_toml(path, SlideConfig)
