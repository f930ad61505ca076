"""Model cards: what a model is, what it was made from, and how to rebuild it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from napari_histosynth.core.errors import ModelError

#: The presets of each system.
_PRESETS = {
    "shi-gan": ("local", "paper"),
    "segmenter": ("unet",),
    "stain": ("compact", "paper", "resnet"),
    "slide": ("compact",),
    "layout": ("compact", "paper"),
}
#: Systems whose models draw from a latent.
_LATENT = ("shi-gan", "layout")


class ModelCard(BaseModel):
    """The contents of ``model.toml``; frozen, change one with ``card.model_copy(update=...)``.

    Parameters
    ----------
    name : str
        What the model is called: letters, digits, dots, hyphens and underscores.
    system : str
        What it does: "shi-gan" draws H&E from label maps, "segmenter" makes label maps of H&E, "stain" draws
        a picture in another stain, "slide" draws whole slides, "layout" draws new label maps with their H&E.
    preset : str
        "local" (every pixel depends on a known neighborhood) or "paper" (the released architecture); of a
        segmenter "unet"; of a model of stains "compact", "paper" or "resnet"; of slides "compact"; of
        layouts "compact" or "paper".
    scheme : str
        Tissue scheme of its labels: a built-in name, or a TOML file that lies beside the card; empty of a
        model of stains, which knows no labels. Of a model of slides that of its layouts.
    stains : tuple of str
        Of a model of stains, the two that it turns into one another: ``("H&E", "Ki-67")``.
    um_per_px : float
        Micrometers per pixel of its pictures, above 0.
    latent_size : int
        Components of the latent, at least 1; 0 of all models but those that draw from label maps or layouts.
    architecture : dict
        Keyword arguments of the network, over its preset's own. ``n_classes`` stands here where the network
        takes more label channels than the scheme has classes; the surplus channels are zero.
    sha256 : str
        Of ``weights.safetensors``, 64 lowercase hexadecimal digits; empty until the folder is written.
    title, data, terms, citation, trained, license : str
        Free text: one line for lists; the training data; what one may do with the weights; what to cite;
        how it was trained; a license name.
    metrics : dict of str to float or str
        Measured quality.
    repeats : tuple of str or None
        Classes of which large areas alone look repeated, as ``histosynth evaluate flat`` found; None where
        nobody measured.
    glands : bool or None
        Of a model of slides, whether crypts and glands are laid by rule into what it draws; None is yes.
    format : int
        Version of this layout: 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    system: Literal["shi-gan", "segmenter", "stain", "slide", "layout"] = "shi-gan"
    preset: Literal["local", "paper", "unet", "compact", "resnet"]
    scheme: str
    stains: tuple[str, ...] = Field(default=(), validate_default=True)
    um_per_px: float = Field(gt=0, allow_inf_nan=False)
    latent_size: int = Field(ge=0)
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    data: str = ""
    trained: str = ""
    terms: str = ""
    license: str = ""
    citation: str = ""
    architecture: dict[str, Any] = Field(default_factory=dict)
    repeats: tuple[str, ...] | None = None
    glands: bool | None = None
    metrics: dict[str, float | str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _stains_need_no_scheme(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("system") == "stain":
            return {"scheme": "", **fields}
        return fields

    @field_validator("preset")
    @classmethod
    def _preset_of_system(cls, preset: str, info: ValidationInfo) -> str:
        system = info.data.get("system")
        if system in _PRESETS and preset not in _PRESETS[system]:
            known = " or ".join(f'"{name}"' for name in _PRESETS[system])
            raise ValueError(f"the system {system!r} has the preset {known}")
        return preset

    @field_validator("scheme")
    @classmethod
    def _scheme_of_system(cls, scheme: str, info: ValidationInfo) -> str:
        if "system" not in info.data or (not scheme) == (info.data["system"] == "stain"):
            return scheme
        raise ValueError("a model has the scheme of its labels, a model of stains none")

    @field_validator("stains")
    @classmethod
    def _two_stains(cls, stains: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "system" not in info.data or len(stains) == (2 if info.data["system"] == "stain" else 0):
            return stains
        if not stains:
            raise PydanticCustomError("missing", "a model of stains names two")
        raise ValueError("a model of stains names two, other models none")

    @field_validator("latent_size")
    @classmethod
    def _latent_of_system(cls, latent_size: int, info: ValidationInfo) -> int:
        if "system" in info.data and (latent_size > 0) != (info.data["system"] in _LATENT):
            raise ValueError(
                "a model that draws from labels or makes layouts has a latent of at least 1, others one of 0"
            )
        return latent_size

    @property
    def draws(self) -> bool:
        """Whether the model draws H&E from label maps, rather than naming what is in it or staining it."""
        return self.system == "shi-gan"

    @classmethod
    def read(cls, path: str | Path) -> ModelCard:
        """Read a card.

        Parameters
        ----------
        path : str or Path
            A ``model.toml``.

        Returns
        -------
        ModelCard
            The card, all fields checked.

        Raises
        ------
        ModelError
            If the file cannot be read, is not TOML, or a field is missing, unknown or out of range.
        """
        path = Path(path)
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(
                f"The model card {path} cannot be read ({error.strerror}); choose a folder with a model.toml."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            detail = str(error).rstrip(".")
            raise ModelError(
                f"The model card {path} is not valid TOML ({detail}); mend that line."
            ) from error
        try:
            return cls(**fields)
        except ValidationError as error:
            raise ModelError(f"The model card {path} is not valid: {_first_fault(error)}.") from error

    def to_toml(self) -> str:
        """Return the card as TOML, fields always in the same order and the tables last."""
        fields = self.model_dump(mode="json")
        for key in ("scheme", "stains"):
            if not fields[key]:
                del fields[key]
        return tomli_w.dumps({key: value for key, value in fields.items() if value not in ({}, None)})


def _first_fault(error: ValidationError) -> str:
    """Say in a clause which field is wrong, why, and what stands there."""
    faults = error.errors(include_url=False)
    # a newer layout explains every other fault, so it is named before them
    fault = next((f for f in faults if f["loc"][:1] == ("format",)), faults[0])
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"the field '{field}' is missing, add it"
    if fault["type"] == "extra_forbidden":
        return f"the field '{field}' is unknown, remove it or mend its spelling"
    if field == "format":
        return f"its format is {fault['input']!r} and this version reads format 1, update napari-histosynth"
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"'{field}' is {fault['input']!r}, but {message}"
