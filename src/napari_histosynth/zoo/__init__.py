"""Models on disk: find, verify, load and save them; import of the checkpoints that others released.

Nothing here loads torch before tensors are asked for.
"""

from napari_histosynth.zoo.card import ModelCard
from napari_histosynth.zoo.cyclegan import import_cyclegan
from napari_histosynth.zoo.folder import (
    ModelFolder,
    find_model,
    list_models,
    model_roots,
    user_folder,
    write_folder,
)
from napari_histosynth.zoo.places import ANCHORS_NAME, ATLAS_NAME, check_places, place_names
from napari_histosynth.zoo.shigan import import_shi_gan
from napari_histosynth.zoo.state import load_state, select

__all__ = [
    "ANCHORS_NAME",
    "ATLAS_NAME",
    "ModelCard",
    "ModelFolder",
    "check_places",
    "find_model",
    "import_cyclegan",
    "import_shi_gan",
    "list_models",
    "load_state",
    "model_roots",
    "place_names",
    "select",
    "user_folder",
    "write_folder",
]
