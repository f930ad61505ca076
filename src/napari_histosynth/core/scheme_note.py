"""What a file or layer says of the classes of its label map, so that a scheme of one's own goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.tissue import TissueScheme, get_scheme, scheme_names

NAME, DEFINITION = "scheme", "scheme_toml"
"""Members of a note: the scheme's name, and its definition where it is not built in."""


def scheme_note(scheme: TissueScheme) -> dict[str, str]:
    """Return what to write beside a label map: the scheme's name, and all of it if it is not built in.

    Parameters
    ----------
    scheme : TissueScheme
        Classes of the label map.

    Returns
    -------
    dict of str to str
        ``{"scheme": name}``, with ``"scheme_toml"`` for a scheme of one's own.
    """
    if scheme.name in scheme_names() and get_scheme(scheme.name) == scheme:
        return {NAME: scheme.name}
    return {NAME: scheme.name, DEFINITION: scheme.to_toml()}


def noted_scheme(note: Mapping[str, Any]) -> TissueScheme | None:
    """Return the scheme that a note tells of, None if it names none that is known here.

    Parameters
    ----------
    note : mapping
        What :func:`scheme_note` gave, or the ``extra`` of a provenance.
    """
    from napari_histosynth.core.scheme_file import scheme_from_text

    name, definition = note.get(NAME), note.get(DEFINITION)
    try:
        if isinstance(definition, str):
            return scheme_from_text(definition)
        return get_scheme(name) if name in scheme_names() else None
    except HistosynthError:
        return None
