"""Looks over a canvas as a file: a JSON of looks and points, with a PNG of painted regions beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import ModelError
from napari_histosynth.paint.lookmap import Place
from napari_histosynth.paint.lookplan import DEFAULT_WIDTH_UM as DEFAULT_WIDTH_UM
from napari_histosynth.paint.lookplan import MOST_LOOKS as MOST_LOOKS
from napari_histosynth.paint.lookplan import ClassStrengths as ClassStrengths
from napari_histosynth.paint.lookplan import LookPlan as LookPlan
from napari_histosynth.paint.lookplan import NamedLook as NamedLook
from napari_histosynth.paint.strengthmap import strengths_by_name

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.model import PaintModel

_FORMAT = "histosynth-looks-1"
_GOLDEN = 0.618034  # hues in steps of the golden section stay apart however many there are


def look_color(number: int) -> str:
    """Return the color that stands for look ``number`` (from 1) on screen and in files, ``#rrggbb``."""
    import colorsys

    value = (0.95, 0.75, 0.55)[(number - 1) // 8 % 3]
    rgb = colorsys.hsv_to_rgb((0.58 + (number - 1) * _GOLDEN) % 1, 0.75, value)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)


def region_scheme() -> TissueScheme:
    """Return the scheme that maps of regions are written in: 0 is the canvas's own look, n look n."""
    from napari_histosynth.core.tissue import TissueClass, TissueScheme

    own = TissueClass(0, "own look", "#ffffff")
    looks = [TissueClass(number, f"look {number}", look_color(number)) for number in range(1, MOST_LOOKS + 1)]
    return TissueScheme("looks", "Looks", (own, *looks))


def save_look_plan(path: str | os.PathLike[str], plan: LookPlan, model: PaintModel) -> list[Path]:
    """Write a plan: the JSON, and the PNG of its regions beside it if it has some.

    Parameters
    ----------
    path : str or path-like
        The JSON; the regions become ``<its stem>.png``.
    plan : LookPlan
        What to write.
    model : PaintModel
        What the latents are for; its hash stands in the file.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    SaveError
        If a file cannot be written; what was there stays.
    """
    from napari_histosynth.io import save_labels

    path = Path(path)
    record: dict[str, Any] = {
        "format": _FORMAT,
        "model": model.name,
        "model_sha256": model.sha256,
        "um_per_px": plan.um_per_px,
        "width_um": plan.width_um,
    }
    if plan.own is not None:
        record["own"] = _look_record(plan.own)
    if plan.strengths is not None:
        record["strengths"] = {
            "start": _look_record(plan.strengths.start),
            "classes": plan.strengths.classes,
        }
    record["looks"] = [_look_record(look) for look in plan.looks]
    record["points"] = [
        {"y": at.y, "x": at.x, "look": at.look, "radius_um": at.radius_um, "share": at.share}
        for at in plan.places
    ]
    written = [path]
    if plan.regions is not None:
        picture = path.with_suffix(".png")
        save_labels(picture, plan.regions, region_scheme())
        record["regions"] = picture.name
        written.append(picture)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return written


def read_look_plan(
    path: str | os.PathLike[str], model: PaintModel, um_per_px: float | None = None
) -> LookPlan:
    """Read a plan that was saved, or written by hand; docs/looks.md has the format.

    Parameters
    ----------
    path : str or path-like
        The JSON. Pictures that it names lie beside it.
    model : PaintModel
        What is to draw: it turns seeds and pictures into latents.
    um_per_px : float, optional
        Scale of positions and regions where the file does not say it; the model's when absent.

    Raises
    ------
    ModelError
        If the file cannot be read, is malformed, or is for another model.
    HistosynthError
        If a picture that it names cannot be read.
    """
    path = Path(path)
    try:
        record = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelError(f"The look map {path} cannot be read: {reason}; choose another file.") from None
    except ValidationError as error:
        raise ModelError(f"The look map {path} is not valid: {_fault(error)}.") from None
    all_of_canvas = [record.own, None if record.strengths is None else record.strengths.start]
    has_latents = any(look.latent is not None for look in [*record.looks, *all_of_canvas] if look is not None)
    if (record.model_sha256 or model.sha256) != model.sha256 or (has_latents and not record.model_sha256):
        made = f"for the model {record.model!r}" if record.model else "without the model's hash"
        raise ModelError(
            f"The look map {path} was made {made}, whose looks are not those of this {model.name!r}; choose "
            "that model, or make the looks anew."
        )
    looks = tuple(_named(look, model, path) for look in record.looks)
    beyond = max((point.look for point in record.points), default=0)
    if beyond > len(looks):
        raise ModelError(
            f"The look map {path} has a point of look {beyond}, but only {len(looks)} looks; add that look, "
            "or mend the number."
        )
    regions = None
    if record.regions is not None:
        from napari_histosynth.io import read_labels

        regions = read_labels(path.parent / record.regions, region_scheme())
    scale = record.um_per_px or um_per_px or model.um_per_px
    places = tuple(Place(**point.model_dump()) for point in record.points)
    own = None if record.own is None else _named(record.own, model, path)
    strengths = None if record.strengths is None else _strengths(record, model, path)
    return LookPlan(scale, looks, places, regions, record.width_um, own, strengths)


class _Look(BaseModel):
    """A look in the file: one of seed, latent and picture."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = ""
    seed: int | None = Field(default=None, ge=0)
    latent: list[float] | None = None
    picture: str | None = None


class _Point(BaseModel):
    """A point in the file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    y: float
    x: float
    look: int = Field(ge=0, le=MOST_LOOKS)
    radius_um: float | None = Field(default=None, gt=0)
    share: float = Field(default=1.0, ge=0, le=1)


class _Strengths(BaseModel):
    """Strengths by class in the file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    start: _Look
    classes: dict[str, Annotated[float, Field(ge=0, le=1)]]


class _File(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: str = Field(pattern=f"^{_FORMAT}$")
    model: str | None = None
    model_sha256: str | None = None
    um_per_px: float | None = Field(default=None, gt=0)
    width_um: float = Field(default=DEFAULT_WIDTH_UM, ge=0)
    own: _Look | None = None
    strengths: _Strengths | None = None
    looks: list[_Look] = Field(default_factory=list, max_length=MOST_LOOKS)
    points: list[_Point] = Field(default_factory=list)
    regions: str | None = None


def _fault(error: ValidationError) -> str:
    """Say in a clause what is wrong first."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "json_invalid":
        return "it is no JSON, mend or choose another"
    if fault["type"] == "missing":
        return f"the field '{where}' is missing, add it"
    if fault["type"] == "extra_forbidden":
        return f"the field '{where}' is unknown, remove it or mend its spelling"
    if where == "format":
        return f"its format is {fault['input']!r} and this version reads '{_FORMAT}'"
    return f"'{where}' is {fault['input']!r}, but {fault['msg'][:1].lower()}{fault['msg'][1:]}"


def _named(look: _Look, model: PaintModel, path: Path) -> NamedLook:
    """Return a look of the file with its latent."""
    if look.latent is not None:
        latent = np.asarray(look.latent, np.float32)
        if latent.shape != (model.latent_size,):
            raise ModelError(
                f"A look of {path} has {len(latent)} numbers, but {model.name!r} takes {model.latent_size}; "
                "give it as many."
            )
        return NamedLook(latent, look.name, look.seed, look.picture)
    if look.seed is not None:
        return NamedLook(model.sample_latent(look.seed), look.name, look.seed)
    if look.picture is not None:
        from napari_histosynth.paint.inputs import latent_of_file

        return NamedLook(latent_of_file(path.parent / look.picture, model), look.name, None, look.picture)
    raise ModelError(f"A look of {path} says neither seed nor latent nor picture; give it one of them.")


def _strengths(record: _File, model: PaintModel, path: Path) -> ClassStrengths:
    """Return the strengths by class of a file that has some."""
    assert record.strengths is not None
    if record.own is None:
        raise ModelError(
            f"The look map {path} has strengths by class but no 'own' look they lead to; add it."
        )
    try:
        strengths_by_name(record.strengths.classes, model.scheme.names)
    except ModelError as error:
        raise ModelError(f"The look map {path} does not fit {model.name!r}: {error}") from error
    return ClassStrengths(_named(record.strengths.start, model, path), dict(record.strengths.classes))


def _look_record(look: NamedLook) -> dict[str, Any]:
    """Return a look as the file holds it: its seed if that is enough, else the latent."""
    record: dict[str, Any] = {"name": look.name}
    if look.seed is not None:
        return {**record, "seed": look.seed}
    if look.picture is not None:
        record["picture"] = look.picture
    # the shortest digits that give the same float32 again
    return {**record, "latent": [float(str(value)) for value in np.asarray(look.latent, np.float32)]}
