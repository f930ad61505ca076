"""The named places that a model ships, those that its user added, and the map of its latents."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.anchors import ANCHORS_NAME, Anchor, Anchors, joined, read_anchors
from napari_histosynth.latent.atlas import ATLAS_NAME, Atlas, read_atlas

if TYPE_CHECKING:
    from napari_histosynth.latent.owner import LatentOwner
    from napari_histosynth.zoo import ModelFolder


def known_anchors(
    folder: ModelFolder, model: LatentOwner, on_error: Callable[[ModelError], None] | None = None
) -> Anchors:
    """Return the places that lie beside a model's weights, and those of this user, which come last.

    Parameters
    ----------
    folder : ModelFolder
        Where the model lies.
    model : LatentOwner
        The model.
    on_error : callable, optional
        Told why a file is left out, so that a model whose places are stale is of use still.

    Raises
    ------
    ModelError
        Without ``on_error``: if a file of them is damaged or belongs to other weights.
    """
    known = Anchors(model.name, model.sha256)
    for path in (folder.path / ANCHORS_NAME, user_anchors_path(model)):
        if path.exists():
            try:
                known = joined(known, read_anchors(path, model))
            except ModelError as error:
                if on_error is None:
                    raise
                on_error(error)
    return known


def known_atlas(
    folder: ModelFolder, model: LatentOwner, on_error: Callable[[ModelError], None] | None = None
) -> Atlas | None:
    """Return the map of latents that lies beside a model's weights; None where there is none.

    Parameters
    ----------
    folder : ModelFolder
        Where the model lies.
    model : LatentOwner
        The model.
    on_error : callable, optional
        Told why a map is left out.

    Raises
    ------
    ModelError
        Without ``on_error``: if it is damaged or belongs to other weights.
    """
    path = folder.path / ATLAS_NAME
    if not path.exists():
        return None
    try:
        return read_atlas(path, model)
    except ModelError as error:
        if on_error is None:
            raise
        on_error(error)
        return None


def keep_anchor(model: LatentOwner, place: Anchor) -> Path:
    """Add a place to those of this user, in place of one of the same name; returns the file."""
    path = user_anchors_path(model)
    own = read_anchors(path, model) if path.exists() else Anchors(model.name, model.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    own.added(place).write(path)
    return path


def user_anchors_path(model: LatentOwner) -> Path:
    """Return the file of this user's places in a model: one for each set of weights; it need not exist."""
    from platformdirs import user_data_path

    folder = user_data_path("napari-histosynth", appauthor=False) / "anchors"
    return folder / f"{model.name}-{model.sha256[:12]}.json".replace(os.sep, "_")
