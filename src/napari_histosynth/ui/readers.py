"""Files that napari opens through us: label maps in the colors of their scheme, H&E as RGB in micrometers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_histosynth.core.errors import AnnotationError, HistosynthError, PixelKindError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import noted_scheme, scheme_note
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.ui.layers import (
    LOOKS_KEY,
    METADATA_KEY,
    extent_of_layer,
    label_layer_arguments,
    layer_scheme,
    picture_layer_arguments,
)
from napari_histosynth.ui.save import saved_looks

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str], list[LayerData]]

_LARGEST_IN_MEMORY = 4096
"""Pictures without smaller copies are read at once up to this side."""

_SCHEMES = ("colon-3", "colon-10")  # the others' classes are among those of colon-3


def get_tiff_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for a TIFF if it is RGB of 8 bits or a label map of ours."""
    from napari_histosynth.io import open_tiff

    return _pyramid_reader(path, open_tiff)


def get_zarr_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for an OME-Zarr if it is RGB of 8 bits or a label map of ours."""
    from napari_histosynth.io import open_ome_zarr

    if not isinstance(path, str) or not Path(path).name.lower().endswith(".zarr"):
        return None
    return _pyramid_reader(path, open_ome_zarr)


def get_png_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for a PNG if this package wrote it."""
    from napari_histosynth.io.png import peek_png

    return _read_png if isinstance(path, str) and peek_png(path) is not None else None


def get_geojson_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for annotations of QuPath."""
    return _read_geojson if isinstance(path, str) else None


def _pyramid_reader(path: str | Sequence[str], opener: Callable[[str], Any]) -> Reader | None:
    """Return a reader unless a file is sound but none of ours; damage is told when it is read."""
    if not isinstance(path, str):
        return None
    try:
        found = opener(path)
    except PixelKindError:
        return None
    except HistosynthError:
        pass
    else:
        if found.kind == "labels" and found.scheme is None:
            return None

    def read(path: str) -> list[LayerData]:
        loaded = opener(path)
        if loaded.kind == "labels":
            labels = loaded.labels(path)
            return [_labels_layer(path, labels, loaded.scheme, loaded.um_per_px)]
        levels = list(loaded.levels)
        if len(levels) == 1 and max(loaded.shape) <= _LARGEST_IN_MEMORY:
            levels = [loaded.pixels(path)]
        return [_picture_layer(path, levels, loaded.um_per_px, loaded.provenance)]

    return read


def _read_png(path: str) -> list[LayerData]:
    """Read a PNG of ours."""
    from napari_histosynth.io.png import peek_png, read_image

    found = peek_png(path)
    kind, made = found or ("picture", None)
    um_per_px = made.um_per_px if made else None
    if kind == "labels" and made is not None:
        own = noted_scheme(made.extra)
        tried = map(get_scheme, _SCHEMES) if own is None else [own]
        return [_labels_layer(path, *_read_by_scheme(path, tried), um_per_px)]
    return [_picture_layer(path, [read_image(path)], um_per_px, made)]


def _read_by_scheme(path: str, schemes: Iterable[TissueScheme]) -> tuple[Any, TissueScheme]:
    """Read the PNG of a label map by the first scheme that it fits."""
    from napari_histosynth.io import read_labels

    first: HistosynthError | None = None
    for scheme in schemes:
        try:
            return read_labels(path, scheme), scheme
        except HistosynthError as error:
            first = first or error
    assert first is not None
    raise first


def _read_geojson(path: str) -> list[LayerData]:
    """Read annotations: onto the picture beside the file, or that of the selected layer."""
    from napari_histosynth.io import read_geojson

    shape, um_per_px, scheme = _annotated(path)
    first: AnnotationError | None = None
    # the file's own scheme first, then the layer's, then whichever has all of its classes
    for choice in (None, scheme, *map(get_scheme, _SCHEMES)):
        if choice is None and not _names_scheme(path):
            continue
        try:
            loaded = read_geojson(path, choice, shape)
        except AnnotationError as error:
            first = first or error
        else:
            scale = loaded.um_per_px or um_per_px
            return [_labels_layer(path, loaded.levels[0], loaded.scheme, scale)]
    assert first is not None
    raise first


def _names_scheme(path: str) -> bool:
    """Return whether annotations name a scheme that is known."""
    from napari_histosynth.io.geojson import read_note

    return noted_scheme(read_note(path)) is not None


def _annotated(path: str) -> tuple[tuple[int, int] | None, float | None, TissueScheme | None]:
    """Return size, scale and scheme of what annotations belong to, as far as they can be found.

    The file's own note decides; then a picture of the same name beside it; then the selected layer.
    """
    from napari_histosynth.io.companion import companion_of
    from napari_histosynth.io.geojson import read_note

    if "size" in read_note(path):
        return None, None, None
    if (beside := companion_of(path)) is not None:
        return beside.shape, beside.um_per_px, None
    import napari

    viewer = napari.current_viewer()
    layer = None if viewer is None else viewer.layers.selection.active
    extent = extent_of_layer(layer)
    if layer is None or extent is None:
        return None, None, None
    return extent.shape, extent.um_per_px, layer_scheme(layer)


def _labels_layer(path: str, labels: Any, scheme: TissueScheme | None, um_per_px: float | None) -> LayerData:
    """Return a label map as napari takes it."""
    looks = saved_looks(path)
    kept = {} if looks is None else {LOOKS_KEY: str(looks)}
    if scheme is None:
        return labels, {"name": _name(path), "metadata": kept}, "labels"
    arguments = label_layer_arguments(scheme, um_per_px or 1.0)
    if um_per_px is None:
        arguments = _without_scale(arguments)
        arguments["metadata"] = {METADATA_KEY: scheme_note(scheme)}
    arguments["metadata"] |= kept
    return labels, {**arguments, "name": _name(path)}, "labels"


def _picture_layer(
    path: str, levels: list[Any], um_per_px: float | None, made: Provenance | None
) -> LayerData:
    """Return a picture as napari takes it."""
    arguments = picture_layer_arguments(um_per_px or 1.0)
    if um_per_px is None:
        arguments = _without_scale(arguments)
    if made is not None:
        arguments["metadata"] = {METADATA_KEY: {"provenance": made.to_dict()}}
    arguments["name"] = _name(path)
    if len(levels) > 1:
        return levels, {**arguments, "multiscale": True}, "image"
    return levels[0], arguments, "image"


def _without_scale(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key not in ("scale", "units")}


def _name(path: str) -> str:
    """Return what a layer is called: the file's name without its endings."""
    name = Path(path).name
    for ending in (".ome.tiff", ".ome.tif", ".ome.zarr", ".geojson", ".svs", ".png", ".zarr"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name
