"""What a person says of the fields that weak labels are made for, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.weak import Area, Grade, Hints

Polygon = tuple[tuple[float, float], ...]


class _Area(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tissue: str
    polygon: Polygon = ()


class _Field(BaseModel):
    model_config = ConfigDict(extra="forbid")
    grade: Grade = "mature"
    pools: bool = False
    skip: bool = False
    no_glands: tuple[Polygon, ...] = ()
    areas: tuple[_Area, ...] = ()


@dataclass(frozen=True)
class FieldNotes:
    """What is known of one field.

    Attributes
    ----------
    hints : Hints
        For the rules.
    skip : bool
        Whether to leave the field out (crushed, out of focus).
    no_glands : tuple
        Polygons of shares of the field's width and height in which a mask of epithelium is wrong; one
        without corners is all of the field.
    """

    hints: Hints = field(default_factory=Hints)
    skip: bool = False
    no_glands: tuple[Polygon, ...] = ()


class Notes:
    """Notes on fields by name; those on a slide hold for all of its fields.

    Parameters
    ----------
    path : Path, optional
        TOML file with a table for each slide and field ("slide/field"); keys are ``grade`` ("mature",
        "proliferative", "carcinoma", "mixed"), ``pools``, ``skip``, ``no_glands`` (polygons) and
        ``areas`` (tables of ``tissue``, a class of ``colon-10``, and ``polygon``). Without it nothing
        is known.

    Raises
    ------
    TrainingError
        If the file is missing or wrong; the sentence names the field and the key.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._fields: dict[str, FieldNotes] = {}
        if path is None:
            return
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise TrainingError(f"The notes on fields {path} cannot be read: {error.strerror}.") from error
        except tomllib.TOMLDecodeError as error:
            raise TrainingError(f"The notes on fields {path} are not valid TOML: {error}.") from error
        numbers = {entry.name: entry.index for entry in get_scheme("colon-10").classes}
        for name, table in tables.items():
            slide = tables.get(name.partition("/")[0], {}) if "/" in name else {}
            self._fields[name] = _notes(path, name, {**slide, **table}, numbers)

    def of(self, slide: str, region: str) -> FieldNotes:
        """Return what is known of a field, else of its slide, else nothing."""
        return self._fields.get(f"{slide}/{region}") or self._fields.get(slide) or FieldNotes()


def _notes(path: Path, name: str, table: object, numbers: dict[str, int]) -> FieldNotes:
    try:
        read = _Field.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"In {path}, {key!r} of {name!r} is wrong: {first['msg']}.") from error
    for area in read.areas:
        if area.tissue not in numbers:
            raise TrainingError(
                f"In {path}, {name!r} names the tissue {area.tissue!r}; there are {', '.join(numbers)}."
            )
    areas = tuple(Area(numbers[area.tissue], area.polygon) for area in read.areas)
    return FieldNotes(Hints(read.grade, read.pools, areas), read.skip, read.no_glands)
