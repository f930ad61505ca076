"""Models and the engines built on them; what is loaded stays loaded, for other docks too."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui.collector import collections_put_off
from napari_histosynth.ui.look import Look
from napari_histosynth.ui.lookdesk import LookDesk

if TYPE_CHECKING:
    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.paint.model import PaintModel

FAVORITE = "colon-3class"
"""Model that a dock opens with, where it is there."""


def load_cached(name_or_path: str | Path, device: str = "auto", precision: str = "auto") -> PaintModel:
    """Load a paint model, or return it if it was loaded before and its weights are the same.

    Parameters
    ----------
    name_or_path, device, precision
        As for :func:`napari_histosynth.paint.model.load_model`.

    Raises
    ------
    HistosynthError
        As :func:`napari_histosynth.paint.model.load_model`.
    """
    from napari_histosynth.ui import warm
    from napari_histosynth.zoo import find_model

    warm.load_torch()
    folder = find_model(name_or_path)
    model = _loaded(str(folder.path), folder.card.sha256, device, precision)
    warm.load_for_layers()
    return model


class ModelLoader:
    """Loads models for a device and in a number format that can be chosen.

    Attributes
    ----------
    device, precision : str
        What the next model is loaded with; see :mod:`napari_histosynth.core.device`.
    last : str or Path or None
        What was loaded last.
    used : tuple of str
        Device and precision that it was loaded with.
    """

    def __init__(self) -> None:
        self.device = self.precision = "auto"
        self.last: str | Path | None = None
        self.used = ("auto", "auto")

    def __call__(self, name_or_path: str | Path) -> PaintModel:
        """Load a model."""
        wanted = (self.device, self.precision)
        model = load_cached(name_or_path, *wanted)
        self.last, self.used = name_or_path, wanted
        return model


def model_names() -> list[str]:
    """Return the names of the models that draw and can be found, the favorite first."""
    from napari_histosynth.zoo import list_models

    names = (folder.name for folder in list_models(draws=True))
    return sorted(names, key=lambda name: (name != FAVORITE, name))


def engine_maker(model: PaintModel, look: Look, desk: LookDesk) -> Callable[[Labels], Canvas]:
    """Return what builds the engine for a model, a look and what is placed on it, on labels given to it.

    The drawing thread calls it: sampling a latent takes a moment.
    """
    return lambda labels: desk.canvas(model, look, labels)


@lru_cache(maxsize=3)
def _loaded(path: str, sha256: str, device: str, precision: str) -> PaintModel:
    """Load from a folder; the hash is part of the key, so that new weights are read."""
    with collections_put_off():
        from napari_histosynth.paint.model import load_model

        return load_model(path, device=device, precision=precision)
