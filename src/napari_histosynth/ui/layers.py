"""The two layers of a canvas: labels in the colors and names of their scheme, and the picture under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import noted_scheme, scheme_note
from napari_histosynth.core.tissue import TissueClass, TissueScheme

if TYPE_CHECKING:
    from napari_histosynth.io.companion import Extent

LABELS_NAME = "Tissue"
PICTURE_NAME = "H&E"
AREA_NAME = "Area"
METADATA_KEY = "histosynth"
LOOKS_KEY = "histosynth-looks"
"""Metadata of a label map from a file: the file of the looks that were saved with it."""

STRAY_COLOR = "#ff00ff"
"""Color of values outside the scheme, which are drawn as background: they should catch the eye."""

_BRUSH_UM = 25.0
_UNIT = "um"


def label_layer_arguments(scheme: TissueScheme, um_per_px: float) -> dict[str, Any]:
    """Return the keyword arguments of a Labels layer that shows a scheme.

    Parameters
    ----------
    scheme : TissueScheme
        Scheme of the labels.
    um_per_px : float
        Micrometers a pixel.

    Returns
    -------
    dict
        Colors, class names for the status bar, scale in micrometers, and the scheme's name as metadata.
    """
    return {
        "name": LABELS_NAME,
        "colormap": scheme_colormap(scheme),
        "features": scheme_features(scheme),
        "scale": (um_per_px, um_per_px),
        "units": (_UNIT, _UNIT),
        "opacity": 1.0,
        "metadata": {METADATA_KEY: {**scheme_note(scheme), "um_per_px": um_per_px}},
    }


def picture_layer_arguments(um_per_px: float) -> dict[str, Any]:
    """Return the keyword arguments of the Image layer for the picture; see :func:`label_layer_arguments`."""
    return {
        "name": PICTURE_NAME,
        "rgb": True,
        "contrast_limits": (0, 255),
        "scale": (um_per_px, um_per_px),
        "units": (_UNIT, _UNIT),
        "interpolation2d": "linear",
        # whichever way the layer is saved, the file says that it is no photograph
        "metadata": {METADATA_KEY: {"provenance": Provenance(um_per_px=um_per_px).to_dict()}},
    }


def without_clashing_units(arguments: dict[str, Any], layers: Sequence[Any]) -> dict[str, Any]:
    """Leave units out where other layers have others: napari warns of mixtures, and draws by none."""
    if any(
        str(unit) not in ("micrometer", _UNIT) for layer in layers for unit in getattr(layer, "units", ())
    ):
        return {key: value for key, value in arguments.items() if key != "units"}
    return arguments


def scheme_colormap(scheme: TissueScheme) -> Any:
    """Return the colors of a scheme as a napari colormap; what is outside the scheme is magenta."""
    from napari.utils.colormaps import DirectLabelColormap

    colors: dict[int | None, Any] = {entry.index: entry.color for entry in scheme.classes}
    colors[None] = STRAY_COLOR
    # the eraser paints the background value
    return DirectLabelColormap(color_dict=colors, background_value=scheme.background)


def scheme_features(scheme: TissueScheme) -> dict[str, list[Any]]:
    """Return the table from which napari's status bar tells the class under the cursor."""
    return {"index": [entry.index for entry in scheme.classes], "class": list(scheme.names)}


def new_labels_layer(labels: Any, arguments: dict[str, Any], layers: Sequence[Any]) -> Any:
    """Return a Labels layer to put among others; see :func:`label_layer_arguments`."""
    from napari.layers import Labels

    return Labels(labels, **without_clashing_units(arguments, layers))


def refill(layer: Any, labels: Any, name: str) -> None:
    """Give a Labels layer that nobody has painted on other labels, and tools as a new layer has them.

    napari takes a tenth of a second to add a layer and more to remove one.
    """
    layer.contour, layer.preserve_labels, layer.contiguous = 0, False, True
    layer.data, layer.name = labels, name


def dress(layer: Any, scheme: TissueScheme, um_per_px: float) -> None:
    """Give an existing Labels layer a scheme's colors, names and metadata."""
    arguments = label_layer_arguments(scheme, um_per_px)
    layer.colormap = arguments["colormap"]
    layer.features = arguments["features"]
    layer.metadata = {**layer.metadata, **arguments["metadata"]}


def ready_brush(layer: Any, scheme: TissueScheme, um_per_px: float) -> None:
    """Set a Labels layer to paint the scheme's most telling class with a brush of 25 um."""
    layer.brush_size = float(np.clip(round(_BRUSH_UM / um_per_px), 2, 100))
    layer.selected_label = painting_class(scheme).index
    layer.mode = "paint"


def layer_scheme(layer: Any) -> TissueScheme | None:
    """Return the scheme that a layer says it is written in, if it says so and it is known or told in full."""
    note = layer.metadata.get(METADATA_KEY)
    return noted_scheme(note) if isinstance(note, dict) else None


def layer_um_per_px(layer: Any) -> float | None:
    """Return the micrometers a pixel of a layer; None if it has no such scale."""
    try:
        return float(layer.metadata[METADATA_KEY]["um_per_px"])
    except (KeyError, TypeError, ValueError):
        pass
    scale = [float(step) for step in layer.scale[-2:]]
    units = [str(unit) for unit in (getattr(layer, "units", None) or ())[-2:]]
    square = len(scale) == 2 and np.isclose(scale[0], scale[1])
    if square and (scale[0] != 1.0 or units == ["micrometer"] * 2) and set(units) <= {"micrometer", "pixel"}:
        return scale[0]
    return None


def extent_of_layer(layer: Any) -> Extent | None:
    """Return the size and scale of what a layer shows; None if it is no plane of pixels."""
    from napari_histosynth.io.companion import Extent

    data: Any = getattr(layer, "data", None)
    data = data[0] if getattr(layer, "multiscale", False) else data
    if data is None or not hasattr(data, "shape"):
        return None
    if getattr(data, "ndim", 0) - bool(getattr(layer, "rgb", False)) != 2 or not hasattr(layer, "metadata"):
        return None
    return Extent((int(data.shape[0]), int(data.shape[1])), layer_um_per_px(layer))


def ground_class(scheme: TissueScheme) -> TissueClass:
    """Return the class that a blank canvas is filled with: stroma, so that one sees tissue at once."""
    names = ("non-epithelium", "non-reactive stroma", "loose stroma")
    return _first_class(scheme, names)


def painting_class(scheme: TissueScheme) -> TissueClass:
    """Return the class that the brush starts with: epithelium, where there is some."""
    return _first_class(scheme, ("epithelium", "epithelium (proliferative)"))


def _first_class(scheme: TissueScheme, names: Sequence[str]) -> TissueClass:
    """Return the first class of those names, or the first that is not background."""
    for name in names:
        if name in scheme.names:
            return scheme.classes[scheme.index_of(name)]
    return next((entry for entry in scheme.classes if entry.index != scheme.background), scheme.classes[0])
