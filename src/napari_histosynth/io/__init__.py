"""Pictures and label maps on disk."""

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.io.geojson import read_geojson, save_geojson
from napari_histosynth.io.kinds import save_labels_as, save_picture_as
from napari_histosynth.io.loaded import Loaded
from napari_histosynth.io.omezarr import open_ome_zarr, save_ome_zarr
from napari_histosynth.io.png import (
    read_image,
    read_labels,
    read_provenance,
    save_image,
    save_labels,
    save_provenance,
)
from napari_histosynth.io.slide import open_slide, read_field
from napari_histosynth.io.tiff import open_tiff, save_ome_tiff

__all__ = [
    "Loaded",
    "atomic_path",
    "open_ome_zarr",
    "open_slide",
    "open_tiff",
    "read_field",
    "read_geojson",
    "read_image",
    "read_labels",
    "read_provenance",
    "save_geojson",
    "save_image",
    "save_labels",
    "save_labels_as",
    "save_ome_tiff",
    "save_ome_zarr",
    "save_picture_as",
    "save_provenance",
]
