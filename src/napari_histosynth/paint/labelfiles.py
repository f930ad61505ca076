"""Label maps from OME-TIFF, OME-Zarr and annotations of QuPath, whose scheme and scale may be unknown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, UnknownClassError
from napari_histosynth.core.scheme_note import noted_scheme
from napari_histosynth.core.tissue import Labels, TissueScheme, get_scheme
from napari_histosynth.io import Loaded, open_ome_zarr, open_tiff, read_geojson
from napari_histosynth.io.companion import Extent, companion_of, extent_of_picture
from napari_histosynth.io.geojson import foreign_classes, read_note
from napari_histosynth.io.kinds import file_kind
from napari_histosynth.io.omezarr import LABELS_NAME
from napari_histosynth.paint.inputs import LabelFile, candidates, without_unused_nuclei

_ANNOTATED = ("colon-3", "colon-10")  # the others' classes are among those of colon-3


def read_pyramid(
    path: str | os.PathLike[str],
    model_scheme: TissueScheme,
    model_um_per_px: float,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
) -> LabelFile:
    """Read the label map of an OME-TIFF or OME-Zarr, of class indices or class colors.

    Of an OME-Zarr that holds a picture, the label map beside it is read.

    Parameters
    ----------
    path, model_scheme, model_um_per_px, scheme, um_per_px
        As for :func:`napari_histosynth.paint.inputs.read_label_file`.

    Raises
    ------
    ImageError
        If the file cannot be read.
    LabelMapError
        If it fits no scheme.
    """
    loaded = _opened(path)
    scheme = scheme or loaded.scheme
    guessed = []
    if scheme is not None:
        labels = _labels(path, loaded, scheme)
    else:
        guessed.append("scheme")
        labels, scheme = _first_that_fits(path, loaded, candidates(model_scheme, loaded.kind == "labels"))
    um_per_px = um_per_px or loaded.um_per_px
    if um_per_px is None:
        um_per_px = scheme.um_per_px or model_um_per_px
        guessed.append("um_per_px")
    return LabelFile(labels, scheme, um_per_px, tuple(guessed))


def read_annotations(
    path: str | os.PathLike[str],
    model_scheme: TissueScheme,
    model_um_per_px: float,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    annotated: str | os.PathLike[str] | Extent | None = None,
    names: Mapping[str, str | None] | None = None,
) -> LabelFile:
    """Draw annotations of QuPath as a label map, onto the picture that they belong to.

    The scheme is that which is given, else that which the file names, else the first of the model's, colon-3
    and colon-10 that has all of its classes. Size and scale are the file's own, else those of the picture.

    Parameters
    ----------
    path, model_scheme, model_um_per_px, scheme, um_per_px, annotated, names
        As for :func:`napari_histosynth.paint.inputs.read_label_file`.

    Raises
    ------
    ImageError, AnnotationError
        If the file, or its picture, cannot be read, or its annotations not be drawn.
    """
    note = read_note(path)
    extent: Extent | None = None
    if annotated is not None:
        extent = annotated if isinstance(annotated, Extent) else extent_of_picture(annotated)
    elif "size" not in note:
        extent = companion_of(path)
    guessed = []
    own = scheme or noted_scheme(note)
    if own is None:
        guessed.append("scheme")
    shape = None if extent is None else extent.shape
    if own is not None:
        tried: Sequence[TissueScheme] = (own,)
    else:
        offered = (get_scheme(name) for name in _ANNOTATED if name != model_scheme.name)
        tried = (model_scheme, *offered)
    loaded = _drawn(path, tried, shape, names or {})
    labels = loaded.labels(path)
    found = loaded.scheme
    assert found is not None
    um_per_px = um_per_px or loaded.um_per_px or (extent.um_per_px if extent else None)
    if um_per_px is None:
        um_per_px = found.um_per_px or model_um_per_px
        guessed.append("um_per_px")
    return LabelFile(labels, found, um_per_px, tuple(guessed))


def unknown_classes(path: str | os.PathLike[str], model_scheme: TissueScheme) -> tuple[str, ...]:
    """Return the names of classes in a file of annotations that someone has to explain.

    Parameters
    ----------
    path : str or path-like
        GeoJSON.
    model_scheme : TissueScheme
        Of the model that is to draw it.

    Returns
    -------
    tuple of str
        Names that the model's scheme does not have; none where the file names its scheme, or all are classes
        of one that is tried.

    Raises
    ------
    ImageError, AnnotationError
        If the file cannot be read.
    """
    if noted_scheme(read_note(path)) is not None:
        return ()
    foreign = foreign_classes(path, model_scheme)
    if any(not foreign_classes(path, get_scheme(name)) for name in _ANNOTATED):
        return ()
    return foreign


def _opened(path: str | os.PathLike[str]) -> Loaded:
    """Open a TIFF or zarr; of a zarr that holds a picture with a label map, the label map."""
    if file_kind(path) == "tiff":
        return open_tiff(path)
    loaded = open_ome_zarr(path)
    beside = Path(path, "labels", LABELS_NAME)
    return open_ome_zarr(beside) if loaded.kind == "picture" and beside.is_dir() else loaded


def _labels(path: str | os.PathLike[str], loaded: Loaded, scheme: TissueScheme) -> Labels:
    """Return the label map in a scheme: its indices, or what its colors stand for."""
    if loaded.kind == "labels":
        return loaded.labels(path, scheme)
    try:
        return scheme.decode(loaded.pixels(path))
    except LabelMapError as error:
        raise type(error)(f"{path}: {error}") from None


def _first_that_fits(
    path: str | os.PathLike[str], loaded: Loaded, schemes: Iterable[TissueScheme]
) -> tuple[Labels, TissueScheme]:
    """Return the label map in the first scheme that holds it; the error is that of the first one."""
    values = Loaded(loaded.kind, (loaded.pixels(path),))  # read once, not once a scheme
    first: HistosynthError | None = None
    for scheme in schemes:
        try:
            labels = _labels(path, values, scheme)
        except LabelMapError as error:
            first = first or error
        else:
            return labels, without_unused_nuclei(labels, scheme)
    raise first or ImageError(f"{path} fits no scheme; name one.")


def _drawn(
    path: str | os.PathLike[str],
    schemes: Sequence[TissueScheme],
    shape: tuple[int, int] | None,
    names: Mapping[str, str | None],
) -> Loaded:
    """Return annotations drawn in the first scheme that has all of their classes."""
    first: UnknownClassError | None = None
    for scheme in schemes:
        fitting = dict(names)
        if len(schemes) > 1:  # the class may be another scheme's
            fitting = {theirs: ours for theirs, ours in names.items() if ours is None or ours in scheme.names}
        try:
            return read_geojson(path, scheme, shape, names=fitting)
        except UnknownClassError as error:
            first = first or error
    assert first is not None
    raise first
