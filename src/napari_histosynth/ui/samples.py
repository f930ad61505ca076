"""Sample data for napari's File menu: example label maps, ready for the dock."""

from __future__ import annotations

from typing import Any

from napari_histosynth.ui.layers import label_layer_arguments

_UM_PER_PX = 0.62  # where the scheme has none: that of GlaS, and so of the models trained on it
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


def mucosa() -> list[LayerData]:
    """Return mucosa on muscularis mucosae, in ten classes, as a Labels layer."""
    return _example("mucosa")


def colitis() -> list[LayerData]:
    """Return inflamed mucosa with its crypts cut across, in ten classes, as a Labels layer."""
    return _example("colitis")


def dysplasia() -> list[LayerData]:
    """Return an adenoma with mucin, in ten classes, as a Labels layer."""
    return _example("dysplasia")


def invasion() -> list[LayerData]:
    """Return carcinoma that grows into muscle, in ten classes, as a Labels layer."""
    return _example("invasion")


def mucinous() -> list[LayerData]:
    """Return a mucinous carcinoma, in ten classes, as a Labels layer."""
    return _example("mucinous")


def wall() -> list[LayerData]:
    """Return the wall from submucosa to fat, in ten classes, as a Labels layer."""
    return _example("wall")


def _example(name: str) -> list[LayerData]:
    """Return an example label map as napari takes sample data."""
    from napari_histosynth.paint.examples import example_labels, example_scheme, example_title

    scheme = example_scheme(name)
    um_per_px = scheme.um_per_px or _UM_PER_PX
    arguments = label_layer_arguments(scheme, um_per_px)
    arguments["name"] = example_title(name)
    return [(example_labels(name, _SHAPE, um_per_px), arguments, "labels")]
