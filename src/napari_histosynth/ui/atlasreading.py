"""Reading what a map of looks shows: latents and named places of a model, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.latent.anchors import Anchors
from napari_histosynth.latent.atlas import Atlas

if TYPE_CHECKING:
    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.latent.owner import LatentOwner
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelFolder


@dataclass(frozen=True, eq=False)
class ReadMap:
    """What was read.

    Attributes
    ----------
    atlas : Atlas or None
        The map, if there is one that fits.
    named : Anchors
        The named places.
    problem : str
        One sentence on why there is no map; empty if there is one.
    remarks : tuple of str
        One sentence for each file that was left out.
    """

    atlas: Atlas | None
    named: Anchors
    problem: str = ""
    remarks: tuple[str, ...] = ()


def read_map(model: PaintModel, path: str | Path | None = None) -> ReadMap:
    """Read the map and the named places of a model, from beside its weights and from the user's own.

    Parameters
    ----------
    model : PaintModel
        Whose; a map of other weights is left out with a sentence.
    path : str or Path, optional
        Where it was loaded from; it is found by its name where nothing is said.
    """
    from napari_histosynth.core.errors import ModelError
    from napari_histosynth.zoo import find_model

    try:
        folder = find_model(path or model.name)
    except ModelError as error:
        return ReadMap(None, Anchors(model.name, model.sha256), str(error))
    return read_map_in(folder, model, "looks", path or model.name)


def read_map_in(folder: ModelFolder, model: LatentOwner, what: str, called: str | Path) -> ReadMap:
    """Read the map and the named places in a model's folder.

    Parameters
    ----------
    folder : ModelFolder
        Where the model lies.
    model : LatentOwner
        The model.
    what : str
        What the map is of, for the sentence that says there is none.
    called : str or Path
        What the model is called in the shell.
    """
    from napari_histosynth.latent.known import known_anchors, known_atlas

    told: list[str] = []

    def tell(error: ModelError) -> None:
        told.append(str(error))

    atlas = known_atlas(folder, model, tell)
    problem = told.pop() if told else ""
    if atlas is None and not problem:
        problem = (
            f"{model.name} has no map of its {what} yet; make one from its training data with "
            f"'histosynth atlas build --model {called} --data DIR'."
        )
    return ReadMap(atlas, known_anchors(folder, model, tell), problem, tuple(told))
