"""The named places that a model ships, and those that its user added."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.latent.anchors import ANCHORS_NAME, Anchor, Anchors, joined, read_anchors

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelFolder


def known_anchors(folder: ModelFolder, model: PaintModel) -> Anchors:
    """Return the places that lie beside a model's weights, and those of this user, which come last.

    Parameters
    ----------
    folder : ModelFolder
        Where the model lies.
    model : PaintModel
        The model.

    Raises
    ------
    ModelError
        If a file of them is damaged or belongs to other weights.
    """
    known = Anchors(model.name, model.sha256)
    for path in (folder.path / ANCHORS_NAME, user_anchors_path(model)):
        if path.exists():
            known = joined(known, read_anchors(path, model))
    return known


def keep_anchor(model: PaintModel, place: Anchor) -> Path:
    """Add a place to those of this user, in place of one of the same name; returns the file."""
    path = user_anchors_path(model)
    own = read_anchors(path, model) if path.exists() else Anchors(model.name, model.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    own.added(place).write(path)
    return path


def user_anchors_path(model: PaintModel) -> Path:
    """Return the file of this user's places in a model: one for each set of weights; it need not exist."""
    from platformdirs import user_data_path

    folder = user_data_path("napari-histosynth", appauthor=False) / "anchors"
    return folder / f"{model.name}-{model.sha256[:12]}.json".replace(os.sep, "_")
