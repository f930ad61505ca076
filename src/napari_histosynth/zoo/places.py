"""Files beside the weights that belong to them: named places in the latent, and the map of latents.

The engines of :mod:`napari_histosynth.latent` read and write them; here it is only told whether they are of
the weights that they lie beside. A model without them draws as well as ever.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_histosynth.core.errors import ModelError
from napari_histosynth.zoo.folder import ModelFolder

#: Names of the files.
ANCHORS_NAME, ATLAS_NAME = "anchors.json", "atlas.safetensors"

_HEADER_LIMIT = 10_000_000  # bytes of the header of a map


def check_places(folder: ModelFolder) -> None:
    """Make sure that the places and the map beside a model's weights, if there are any, are of these weights.

    Raises
    ------
    ModelError
        If one is damaged, or was made with other weights.
    """
    for name, read in ((ANCHORS_NAME, _anchors_note), (ATLAS_NAME, _atlas_note)):
        path = folder.path / name
        if not path.exists():
            continue
        try:
            sha256 = str(read(path)["model_sha256"])
        except OSError as error:
            raise ModelError(f"{folder.where} has a {name} that cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{folder.where} has a damaged {name}; make it anew with 'histosynth atlas build'."
            ) from error
        if sha256 != folder.card.sha256:
            raise ModelError(
                f"{folder.where} has a {name} of other weights ({sha256[:12]}); make it anew with "
                "'histosynth atlas build'."
            )


def place_names(folder: ModelFolder) -> list[str]:
    """Return the names of the places that a model ships, in order; none where they cannot be read."""
    try:
        return [str(entry["name"]) for entry in _anchors_note(folder.path / ANCHORS_NAME)["anchors"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _anchors_note(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def _atlas_note(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(size) if size <= _HEADER_LIMIT else b""
    return dict(json.loads(json.loads(header)["__metadata__"]["note"]))
