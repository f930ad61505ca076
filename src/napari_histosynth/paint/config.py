"""What a paint training run is made of, read from a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_histosynth.core.errors import TrainingError

Config = TypeVar("Config", bound=BaseModel)


class Section(BaseModel):
    """A table of a configuration: no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section):
    """The model to make."""

    name: str
    title: str = ""
    preset: Literal["local", "paper"] = "local"
    scheme: str
    um_per_px: float = Field(gt=0)
    latent_size: int = Field(64, gt=0)
    architecture: dict[str, Any] = {}
    start: str = ""  # name or folder of a model to begin with; empty begins with random weights


class SourceSection(Section):
    """One of several sources of pictures (:mod:`napari_histosynth.paint.sources`)."""

    kind: Literal["folder", "glas", "ebhi-seg", "colon-slides"] = "folder"
    path: str = "."  # in the data folder
    um_per_px: float = Field(gt=0)
    share: float = Field(1.0, gt=0)  # of the crops
    held_out: tuple[str, ...] = ()  # patients, specimens, slides, or slide/field
    hold_out_one_in: int = Field(0, ge=0)  # of the groups, by a hash of their names
    table: str = ""  # of kind "folder"
    name_column: str = "name"
    group_column: str = "patient ID"
    notes: str = ""  # what a person says of the fields; beside this TOML
    epithelium: str = ""  # folder of masks where the pictures have none; beside this TOML


class DataSection(Section):
    """Where pictures come from, who is held out, how they are varied."""

    sources: tuple[SourceSection, ...] = ()  # instead of one folder
    by_class: float = Field(0.0, ge=0, le=1)  # share of the crops around a class drawn evenly
    class_weights: dict[str, Annotated[float, Field(gt=0)]] = {}  # or not evenly: others count 1

    table: str = ""
    name_column: str = "name"
    group_column: str = "patient ID"
    held_out: tuple[str, ...] = ()
    grade_column: str = ""
    grades: dict[str, float] = {}  # what the latent must tell: grades by name, 0 to 1
    detail: tuple[float, ...] = (0.5, 0.35, 0.15)
    jitter: float = Field(0.06, ge=0)


class LossSection(Section):
    """Weights of the losses (paper, section 2.3; what the paper leaves out is said in the comments)."""

    adversarial: Literal["hinge", "least-squares"] = "hinge"
    perceptual: float = 10.0  # VGG-19's last convolution if its weights are at hand, else the discriminators'
    vgg19: str = ""  # path of VGG-19 weights; empty looks into torch hub's cache
    color: float = 5.0  # L1 of 8 px averages: holds the stain of the encoded picture
    texture: float = 0.0  # local power in bands of spatial frequency: holds the grain
    grade: float = Field(0.0, ge=0)  # the latent tells the grade, and what is drawn shows it
    signs: float = Field(0.0, ge=0)  # drawn in two grades, epithelium differs as that of real tissue does
    labels: float = Field(0.0, ge=0)  # a segmentation network, taught by real crops, must find them again
    kl: float = 0.003  # keeps latents of pictures near N(0, I)
    prior: float = Field(0.25, ge=0, lt=1)  # share of a batch in random looks instead of encoded ones


class OptimizerSection(Section):
    """Adam and its schedule."""

    learning_rate: float = Field(2e-4, gt=0)
    discriminator_learning_rate: float = Field(2e-4, gt=0)
    betas: tuple[float, float] = (0.0, 0.99)
    schedule: Literal["linear", "paper"] = "linear"
    average: float = 0.999


class DiscriminatorSection(Section):
    """Widths of the discriminators."""

    widths: tuple[int, ...] = (32, 64, 128, 192)
    fine_widths: tuple[int, ...] = (24, 32, 48)
    fine_crop: int = 64
    instance_norm: tuple[bool, bool] = (True, False)
    ahead: int = Field(0, ge=0)  # steps that they learn alone, for runs that start from a good model
    grade: bool = False  # told the grade beside the labels; needs data.grades


class LoopSection(Section):
    """Length and size of the run."""

    steps: int = Field(gt=0)
    batch: int = Field(4, gt=0)
    crop: int = Field(192, gt=0)
    checkpoint_every: int = Field(250, gt=0)
    sheet_every: int = Field(1000, ge=0)
    precision: Literal["auto", "bf16-mixed", "32-true"] = "auto"
    seed: int = 0


class CardSection(Section):
    """What the model's card must say about the data."""

    data: str = ""
    terms: str = ""
    license: str = ""
    citation: str = ""


class PaintConfig(Section):
    """A whole run: model, data, losses, optimizer, discriminators, loop, card."""

    model: ModelSection
    data: DataSection = DataSection()
    loss: LossSection = LossSection()
    optimizer: OptimizerSection = OptimizerSection()
    discriminator: DiscriminatorSection = DiscriminatorSection()
    loop: LoopSection
    card: CardSection = CardSection()

    @model_validator(mode="after")
    def _grades_are_known(self) -> Self:
        if self.loss.grade and not self.data.grades:
            raise ValueError("loss.grade needs data.grades, which says what each grade counts")
        if self.loss.signs and not self.loss.grade:
            raise ValueError("loss.signs needs loss.grade, which makes latents tell a grade")
        if self.discriminator.grade and not self.loss.grade:
            raise ValueError("discriminator.grade needs loss.grade, which makes latents tell a grade")
        return self


def read_config(path: Path) -> PaintConfig:
    """Read and check the configuration of a paint training; see :func:`read_toml`."""
    config = read_toml(path, PaintConfig)
    return config.model_copy(update={"data": _beside(config.data, path.parent)})


def read_toml(path: Path, kind: type[Config]) -> Config:
    """Read and check a training configuration.

    Parameters
    ----------
    path : Path
        TOML file.
    kind : type
        What it configures.

    Raises
    ------
    TrainingError
        If the file is missing, is not TOML, or a value does not fit; the sentence names the key.
    """
    try:
        with path.open("rb") as file:
            return kind.model_validate(tomllib.load(file))
    except OSError as error:
        raise TrainingError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"The configuration {path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"In the configuration {path}, {key!r} is wrong: {first['msg']}.") from error


def _beside(data: DataSection, folder: Path) -> DataSection:
    """Make the paths of files that lie beside the configuration whole."""

    def whole(name: str) -> str:
        return str(folder / name) if name else ""

    sources = tuple(
        source.model_copy(update={"notes": whole(source.notes), "epithelium": whole(source.epithelium)})
        for source in data.sources
    )
    return data.model_copy(update={"sources": sources})
