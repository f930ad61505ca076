"""Paint tissue, get histology: label maps become H&E in napari, in the shell and in Python.

The names below are the whole public face for scripts. Each is loaded when it is first used, so that importing
the package (and napari finding the plugin) loads neither torch nor Qt.

>>> import napari_histosynth as hs
>>> model = hs.load_model("colon-3class")  # doctest: +SKIP
>>> image = hs.Canvas(model, labels, seed=0).render()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_histosynth.core.stain import read_stain
    from napari_histosynth.core.tissue import TissueScheme, get_scheme
    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.paint.model import PaintModel, load_model
    from napari_histosynth.paint.segment import Segmenter, load_segmenter
    from napari_histosynth.stain.ki67 import Ki67Count, count_ki67
    from napari_histosynth.stain.model import StainModel, load_stain_model
    from napari_histosynth.stain.translator import Translator
    from napari_histosynth.zoo import list_models

__version__ = "0.1.0"

__all__ = [
    "Canvas",
    "Ki67Count",
    "PaintModel",
    "Segmenter",
    "StainModel",
    "TissueScheme",
    "Translator",
    "__version__",
    "count_ki67",
    "get_scheme",
    "list_models",
    "load_model",
    "load_segmenter",
    "load_stain_model",
    "read_stain",
]

_HOMES = {
    "Canvas": "napari_histosynth.paint.canvas",
    "Ki67Count": "napari_histosynth.stain.ki67",
    "PaintModel": "napari_histosynth.paint.model",
    "Segmenter": "napari_histosynth.paint.segment",
    "StainModel": "napari_histosynth.stain.model",
    "TissueScheme": "napari_histosynth.core.tissue",
    "Translator": "napari_histosynth.stain.translator",
    "count_ki67": "napari_histosynth.stain.ki67",
    "get_scheme": "napari_histosynth.core.tissue",
    "list_models": "napari_histosynth.zoo",
    "load_model": "napari_histosynth.paint.model",
    "load_segmenter": "napari_histosynth.paint.segment",
    "load_stain_model": "napari_histosynth.stain.model",
    "read_stain": "napari_histosynth.core.stain",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home on first use, and keep it."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
