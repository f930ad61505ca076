"""Tissue schemes as TOML files.

A file looks like this; ``title``, ``background``, ``um_per_px``, ``description`` and ``aliases`` may be
left out::

    name = "kidney-3"
    title = "Kidney, 3 classes"
    um_per_px = 0.5
    background = 0

    [[classes]]
    index = 0
    name = "background"
    color = "#ffffff"

    [[classes]]
    index = 1
    name = "glomerulus"
    color = "#d62728"
    description = "tuft, mesangium and Bowman's capsule"
    aliases = ["#d62830"]

    [[classes]]
    index = 2
    name = "tubulus"
    color = "#1f77b4"
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tissue import TissueClass, TissueScheme

_MAX_BYTES = 1 << 20  # 255 classes need some 50 kB; anything longer is another kind of file
_KINDS: dict[type, str] = {str: "text", int: "a whole number", float: "a number", list: "a list"}
_SCHEME_KEYS: dict[str, type] = {
    "name": str,
    "title": str,
    "um_per_px": float,
    "background": int,
    "classes": list,
}
_CLASS_KEYS: dict[str, type] = {"index": int, "name": str, "color": str, "description": str, "aliases": list}


def scheme_from_toml(path: str | os.PathLike[str]) -> TissueScheme:
    """Read a scheme from a TOML file.

    Raises
    ------
    SchemeError
        If the file cannot be read, is not TOML, or does not describe a scheme.
    """
    path = Path(path)
    content = _load(path)
    try:
        return _scheme_of(content)
    except SchemeError as error:
        raise SchemeError(f"{path}: {error}") from None


def scheme_from_text(text: str) -> TissueScheme:
    """Read a scheme from the text of a TOML file, as :func:`scheme_to_toml` returns it.

    Raises
    ------
    SchemeError
        If the text is not TOML, or does not describe a scheme.
    """
    try:
        return _scheme_of(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SchemeError(f"The scheme is not TOML: {str(error).rstrip('.')}.") from None


def _scheme_of(content: dict[str, Any]) -> TissueScheme:
    """Return the scheme that a TOML file describes."""
    _check_keys(content, _SCHEME_KEYS, required=("name", "classes"), where="the scheme")
    classes = tuple(_read_class(entry, position) for position, entry in enumerate(content["classes"]))
    return TissueScheme(
        name=content["name"],
        title=content.get("title", content["name"]),
        classes=classes,
        background=content.get("background", 0),
        um_per_px=content.get("um_per_px"),
    )


def scheme_to_toml(scheme: TissueScheme) -> str:
    """Return a scheme as the text of a TOML file."""
    import tomli_w

    content: dict[str, Any] = {"name": scheme.name, "title": scheme.title}
    if scheme.um_per_px is not None:
        content["um_per_px"] = float(scheme.um_per_px)
    content["background"] = scheme.background
    content["classes"] = [_written_class(entry) for entry in scheme.classes]
    return tomli_w.dumps(content)


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise SchemeError(f"There is no scheme file {path}; check the path.") from None
    except OSError as error:
        raise SchemeError(f"The scheme file {path} cannot be read: {error.strerror or error}.") from None
    if len(raw) > _MAX_BYTES:
        raise SchemeError(f"{path} is larger than 1 MB and therefore no scheme file; choose a .toml file.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemeError(f"{path} is not a TOML file: {str(error).rstrip('.')}.") from None


def _read_class(entry: object, position: int) -> TissueClass:
    where = f"class number {position + 1}"
    if not isinstance(entry, dict):
        raise SchemeError(f"{where} is not a table; write each class under a line [[classes]].")
    _check_keys(entry, _CLASS_KEYS, required=("index", "name", "color"), where=where)
    aliases = entry.get("aliases", [])
    if not all(isinstance(alias, str) for alias in aliases):
        raise SchemeError(f'the aliases of {where} must be colors in quotes, like ["#d62830"].')
    return TissueClass(
        entry["index"], entry["name"], entry["color"], entry.get("description", ""), tuple(aliases)
    )


def _check_keys(table: dict[str, Any], known: dict[str, type], required: tuple[str, ...], where: str) -> None:
    """Raise SchemeError for a key that is missing, unknown or of the wrong type."""
    for key in required:
        if key not in table:
            raise SchemeError(f'{where} has no "{key}"; add it.')
    for key, value in table.items():
        if key not in known:
            raise SchemeError(f'{where} has an unknown key "{key}"; the keys are {", ".join(known)}.')
        kind = known[key]
        fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
        if not fits:
            raise SchemeError(f'"{key}" of {where} is {value!r}; it must be {_KINDS[kind]}.')


def _written_class(entry: TissueClass) -> dict[str, Any]:
    """Return the table of a class, without what is left at its default."""
    table: dict[str, Any] = {"index": entry.index, "name": entry.name, "color": entry.color}
    if entry.description:
        table["description"] = entry.description
    if entry.aliases:
        table["aliases"] = list(entry.aliases)
    return table
