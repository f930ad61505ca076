"""Label maps from anywhere, brought to the scheme and scale of a model; and blank ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tissue import Labels, TissueScheme, convert_labels, get_scheme, scheme_names
from napari_histosynth.ui.layers import LOOKS_KEY, ground_class, layer_scheme, layer_um_per_px
from napari_histosynth.ui.save import saved_looks

if TYPE_CHECKING:
    from napari_histosynth.io.companion import Extent
    from napari_histosynth.paint.model import PaintModel

NUCLEI = "nuclei"


@dataclass(frozen=True, eq=False)
class Origin:
    """A label map as it was found.

    Attributes
    ----------
    labels : ndarray
        (y, x), any integer dtype.
    scheme : TissueScheme
        What it is written in, as far as is known.
    um_per_px : float
        Its scale, as far as is known.
    name : str
        What it is called.
    certain : bool
        Whether scheme and scale are known rather than guessed.
    looks : Path or None
        File of the looks that were saved with it.
    """

    labels: Any
    scheme: TissueScheme
    um_per_px: float
    name: str
    certain: bool = False
    looks: Path | None = None

    def lacks_nuclei(self, model: PaintModel) -> bool:
        """Return whether the model draws nuclei as a class, and the map can have none."""
        return NUCLEI in model.scheme.names and NUCLEI not in self.scheme.names

    def fits(self, model: PaintModel) -> bool:
        """Return whether the model can draw it as it is."""
        same = self.scheme.n_classes <= model.scheme.n_classes and all(
            ours.name == theirs.name
            for ours, theirs in zip(self.scheme.classes, model.scheme.classes, strict=False)
        )
        return same and bool(np.isclose(self.um_per_px, model.um_per_px, rtol=1e-3))

    def shape_for(self, model: PaintModel) -> tuple[int, int]:
        """Return its height and width at the model's scale."""
        from napari_histosynth.paint.resample import scaled_shape

        height, width = self.labels.shape
        return scaled_shape((height, width), self.um_per_px, model.um_per_px)


def origin_of_file(
    path: str | Path,
    model: PaintModel,
    names: Mapping[str, str | None] | None = None,
    annotated: Extent | None = None,
) -> Origin:
    """Read a label map, finding out its scheme and scale.

    Parameters
    ----------
    path : str or Path
        Any of the formats of :func:`~napari_histosynth.paint.inputs.read_label_file`.
    model : PaintModel
        What is to draw it.
    names : mapping of str to (str or None), optional
        What classes of annotations are called in the model's scheme.
    annotated : Extent, optional
        Size and scale of what a GeoJSON annotates, where neither it nor a picture beside it says.

    Raises
    ------
    HistosynthError
        If the file is no label map.
    """
    from napari_histosynth.io.companion import companion_of
    from napari_histosynth.io.geojson import read_note
    from napari_histosynth.io.kinds import file_kind
    from napari_histosynth.paint.inputs import read_label_file

    if annotated is not None and file_kind(path) == "geojson":
        known = "size" in read_note(path) or companion_of(path) is not None
        annotated = None if known else annotated
    scheme = model.scheme if names else None
    found = read_label_file(
        path, model.scheme, model.um_per_px, scheme=scheme, names=names, annotated=annotated
    )
    name, looks = Path(path).stem, saved_looks(path)
    return Origin(found.labels, found.scheme, found.um_per_px, name, not found.guessed, looks)


def origin_of_layer(layer: Any, model: PaintModel) -> Origin:
    """Take a Labels layer as a label map.

    Raises
    ------
    LabelMapError
        If it has another number of dimensions than two, several levels, or no pixels.
    """
    if getattr(layer, "multiscale", False):
        raise LabelMapError(
            f'The layer "{layer.name}" has several resolutions, and napari cannot paint on those; '
            "choose a plain Labels layer."
        )
    shape = tuple(layer.data.shape)
    if len(shape) != 2:
        raise LabelMapError(
            f'The layer "{layer.name}" has {len(shape)} dimensions ({" x ".join(map(str, shape))}), '
            "but a canvas has two; choose one plane of it."
        )
    if 0 in shape:
        raise LabelMapError(f'The layer "{layer.name}" is empty, {shape[0]} x {shape[1]} px; choose another.')
    scheme, um_per_px = layer_scheme(layer), layer_um_per_px(layer)
    certain = scheme is not None and um_per_px is not None
    if scheme is None:
        scheme = _likely_scheme(layer.data, model)
    kept = layer.metadata.get(LOOKS_KEY)
    looks = Path(kept) if isinstance(kept, str) else None
    return Origin(layer.data, scheme, um_per_px or model.um_per_px, str(layer.name), certain, looks)


def _likely_scheme(labels: Any, model: PaintModel) -> TissueScheme:
    """Return the model's scheme, or its counterpart without nuclei where none are marked in tissue."""
    name = model.scheme.name.removesuffix("-3") + "-2"
    values = np.asarray(labels)
    if NUCLEI in model.scheme.names and name in scheme_names():
        smaller = get_scheme(name)
        if values.min() >= 0 and 0 < values.max() < smaller.n_classes:
            return smaller
    return model.scheme


def fitted(origin: Origin, model: PaintModel, *, nuclei: bool, seed: int = 0) -> Labels:
    """Bring a label map to a model: its classes, its scale, and nuclei if wanted.

    Parameters
    ----------
    origin : Origin
        The label map; not changed.
    model : PaintModel
        What is to draw it.
    nuclei : bool
        Whether to scatter nuclei into its tissue.
    seed : int
        Chooses their arrangement.

    Returns
    -------
    ndarray
        New uint8 (y, x) map in the model's scheme, at its scale.

    Raises
    ------
    HistosynthError
        If it holds values outside its scheme, classes without a counterpart, or becomes too large.
    """
    from napari_histosynth.paint.canvas import MAX_SIDE
    from napari_histosynth.paint.resample import resample_labels

    shape = origin.shape_for(model)
    if max(shape) > MAX_SIDE:
        raise LabelMapError(
            f"{origin.name} would be {shape[1]:,} x {shape[0]:,} px at the {model.um_per_px:g} um/px of "
            f"{model.name}; at most {MAX_SIDE:,} px a side are drawn, so crop it or correct its scale."
        )
    labels = resample_labels(convert_labels(origin.labels, origin.scheme, model.scheme), shape)
    return with_nuclei(labels, model, seed) if nuclei else labels


def draws_the_same(one: PaintModel, other: PaintModel) -> bool:
    """Return whether two models draw the same classes at the same scale."""
    same_scale = bool(np.isclose(one.um_per_px, other.um_per_px, rtol=1e-3))
    return one.scheme.names == other.scheme.names and same_scale


def converted(labels: Any, before: PaintModel, model: PaintModel, name: str) -> Labels:
    """Bring the labels of a canvas to another model; values outside the scheme become background.

    Raises
    ------
    HistosynthError
        As :func:`fitted`.
    """
    source, _ = before.scheme.sanitize(labels)
    return fitted(Origin(source, before.scheme, before.um_per_px, name), model, nuclei=False)


def blank(
    shape: tuple[int, int], model: PaintModel, *, nuclei: bool, class_index: int, seed: int = 0
) -> Labels:
    """Return a canvas of one class, with nuclei in it if wanted, uint8 (y, x)."""
    labels = np.full(shape, class_index, np.uint8)
    return with_nuclei(labels, model, seed) if nuclei else labels


def example(name: str, shape: tuple[int, int], model: PaintModel, seed: int = 0) -> Labels:
    """Return an example tissue in the model's scheme and scale, uint8 (y, x).

    Raises
    ------
    SchemeError
        If the model's scheme has no counterpart for the example's classes.
    """
    from napari_histosynth.paint.examples import example_labels, example_scheme

    labels = example_labels(name, shape, model.um_per_px, seed)
    return convert_labels(labels, example_scheme(name), model.scheme)


def can_have_nuclei(model: PaintModel) -> bool:
    """Return whether nuclei can be scattered for a model: it has them, in epithelium and stroma."""
    return {NUCLEI, "epithelium", "non-epithelium"} <= set(model.scheme.names)


def with_nuclei(labels: Labels, model: PaintModel, seed: int) -> Labels:
    """Return a label map with nuclei scattered into it, as a new array."""
    from napari_histosynth.paint.nuclei import scatter_nuclei

    return np.asarray(scatter_nuclei(labels, um_per_px=model.um_per_px, seed=seed, scheme=model.scheme))


def default_ground(model: PaintModel) -> int:
    """Return the class that a blank canvas starts as."""
    return ground_class(model.scheme).index
