"""Sample data for napari's File menu: example label maps, ready for the dock."""

from __future__ import annotations

from typing import Any

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.layers import label_layer_arguments

_UM_PER_PX = 0.62  # that of GlaS, and so of the models trained on it
_SHAPE = (1024, 1024)

LayerData = tuple[Any, dict[str, Any], str]


def crypts_cross() -> list[LayerData]:
    """Return healthy mucosa with its crypts cut across, as a Labels layer."""
    return _example("crypts-cross")


def crypts_along() -> list[LayerData]:
    """Return healthy mucosa with its crypts cut lengthwise, as a Labels layer."""
    return _example("crypts-along")


def adenoma() -> list[LayerData]:
    """Return a tubular adenoma, as a Labels layer."""
    return _example("adenoma")


def moderate() -> list[LayerData]:
    """Return a moderately differentiated carcinoma, as a Labels layer."""
    return _example("moderate")


def poor() -> list[LayerData]:
    """Return a poorly differentiated carcinoma, as a Labels layer."""
    return _example("poor")


def _example(name: str) -> list[LayerData]:
    """Return an example label map as napari takes sample data."""
    from napari_histosynth.paint.examples import example_labels, example_title

    arguments = label_layer_arguments(get_scheme("colon-3"), _UM_PER_PX)
    arguments["name"] = example_title(name)
    return [(example_labels(name, _SHAPE, _UM_PER_PX), arguments, "labels")]
