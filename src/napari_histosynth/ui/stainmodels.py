"""Models of two stains: which there are, and those that were loaded, for all parts of the dock."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.ui.collector import collections_put_off

if TYPE_CHECKING:
    from napari_histosynth.stain.model import StainModel
    from napari_histosynth.zoo import ModelCard

FAVORITE = "ki67-he"
"""Model that the dock opens with, where it is there."""

NO_MODEL = (
    "No model of two stains was found; put the folder of one where models are looked for, or train one with "
    "histosynth train stain."
)


def stain_cards() -> dict[str, ModelCard]:
    """Return the cards of the models of two stains that can be found, by name, the favorite first."""
    from napari_histosynth.zoo import list_models

    cards = [folder.card for folder in list_models() if folder.card.stains]
    return {card.name: card for card in sorted(cards, key=lambda card: (card.name != FAVORITE, card.name))}


def load_stain_cached(name_or_path: str | Path) -> StainModel:
    """Load a model, or return it if it was loaded before and its weights are the same; call it in a thread.

    Raises
    ------
    HistosynthError
        As :func:`napari_histosynth.stain.model.load_stain_model`.
    """
    from napari_histosynth.ui import warm
    from napari_histosynth.zoo import find_model

    warm.load_torch()
    folder = find_model(name_or_path)
    return _loaded(str(folder.path), folder.card.sha256)


@lru_cache(maxsize=2)
def _loaded(path: str, sha256: str) -> StainModel:
    with collections_put_off():
        from napari_histosynth.stain.model import load_stain_model

        return load_stain_model(path)
