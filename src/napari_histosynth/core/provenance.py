"""What made a picture, written into every output and marked as synthetic."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from napari_histosynth.core.errors import HistosynthError


class ProvenanceError(HistosynthError):
    """A record of provenance is malformed."""


@cache
def _installed_version() -> str:
    """Return the version of this package, or ``"unknown"`` when it runs without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-histosynth")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True)
class Provenance:
    """How a picture came about: enough to draw it again, and to tell it from a photograph.

    Nothing in it depends on when or where it was made unless the caller adds it, so that the same command
    gives the same bytes.

    Parameters
    ----------
    synthetic : bool
        Whether the pixels were drawn by a network; true unless said otherwise.
    software, version : str
        What drew it.
    model, model_sha256 : str, optional
        Name of the model, and hash of its weights.
    seed, latent_seed : int, optional
        Seed of the noise, and of the latent where it was sampled.
    latent_sha256 : str, optional
        Hash of the latent's bytes, float32 little endian, where it was given.
    um_per_px : float, optional
        Scale of the picture in micrometers per pixel, above 0.
    size : tuple of int, optional
        Height and width of the picture, in pixels.
    created : str, optional
        When it was made, ISO 8601; not set by default.
    extra : dict
        Anything else that JSON can hold.

    Raises
    ------
    ProvenanceError
        If the scale is not a positive number.
    """

    synthetic: bool = True
    software: str = "napari-histosynth"
    version: str = field(default_factory=_installed_version)
    model: str | None = None
    model_sha256: str | None = None
    seed: int | None = None
    latent_seed: int | None = None
    latent_sha256: str | None = None
    um_per_px: float | None = None
    size: tuple[int, int] | None = None
    created: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.um_per_px is not None and not (math.isfinite(self.um_per_px) and self.um_per_px > 0):
            raise ProvenanceError(
                f"A scale of {self.um_per_px} um per px is impossible; give a positive number."
            )
        if self.size is not None:
            object.__setattr__(self, "size", tuple(int(side) for side in self.size))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are set, in a fixed order, as JSON can hold them."""
        record: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is None or (entry.name == "extra" and not value):
                continue
            record[entry.name] = list(value) if isinstance(value, tuple) else value
        return record

    def to_json(self, indent: int | None = None) -> str:
        """Return the record as JSON, with the same text for the same content.

        Raises
        ------
        ProvenanceError
            If ``extra`` holds what JSON cannot.
        """
        record = self.to_dict()
        try:
            # Extras in alphabetical order at every depth; the rest keeps the order of the fields.
            extra = json.dumps(self.extra, sort_keys=True, allow_nan=False, default=_plain)
            if self.extra:
                record["extra"] = json.loads(extra)
            return json.dumps(record, indent=indent, allow_nan=False, default=_plain)
        except (TypeError, ValueError) as error:
            raise ProvenanceError(f"The provenance cannot be written as JSON: {error}.") from None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Provenance:
        """Build a record from what :meth:`to_dict` returned; keys of later versions go to ``extra``.

        Raises
        ------
        ProvenanceError
            If a value has the wrong type.
        """
        known = {entry.name for entry in fields(cls)}
        extra = record.get("extra", {})
        if not isinstance(extra, Mapping):
            raise ProvenanceError(f'"extra" of the provenance is {extra!r}; it must be an object.')
        values = {key: value for key, value in record.items() if key in known}
        values["extra"] = {**extra, **{key: value for key, value in record.items() if key not in known}}
        _check_types(values)
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read a record that :meth:`to_json` wrote.

        Raises
        ------
        ProvenanceError
            If the text is not such a record.
        """
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProvenanceError(f"The provenance is not JSON: {error}.") from None
        if not isinstance(record, dict):
            raise ProvenanceError(f"The provenance is a JSON {type(record).__name__}; it must be an object.")
        return cls.from_dict(record)


_TYPES: dict[str, tuple[type, ...]] = {
    "synthetic": (bool,),
    "software": (str,),
    "version": (str,),
    "model": (str,),
    "model_sha256": (str,),
    "seed": (int,),
    "latent_seed": (int,),
    "latent_sha256": (str,),
    "um_per_px": (int, float),
    "size": (list, tuple),
    "created": (str,),
    "extra": (dict,),
}


def _check_types(values: Mapping[str, Any]) -> None:
    """Raise ProvenanceError for a value that is not of its field's type."""
    for key, value in values.items():
        optional = key not in ("synthetic", "software", "version", "extra")
        fits = isinstance(value, _TYPES[key]) and (bool in _TYPES[key] or not isinstance(value, bool))
        if key == "size" and fits:
            fits = len(value) == 2 and all(type(side) is int and side >= 0 for side in value)
        if not (fits or (value is None and optional)):
            raise ProvenanceError(f'"{key}" of the provenance is {value!r}, which it cannot be.')


def _plain(value: object) -> object:
    """Return NumPy scalars and arrays, and paths, as JSON can hold them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
