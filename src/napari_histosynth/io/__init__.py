"""Pictures and label maps on disk."""

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.io.png import (
    read_image,
    read_labels,
    read_provenance,
    save_image,
    save_labels,
    save_provenance,
)

__all__ = [
    "atomic_path",
    "read_image",
    "read_labels",
    "read_provenance",
    "save_image",
    "save_labels",
    "save_provenance",
]
