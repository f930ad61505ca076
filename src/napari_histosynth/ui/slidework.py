"""What takes a moment when a slide is begun, kept or opened: done in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.slide.levels import UM_PER_PX
from napari_histosynth.slide.overlay import FOLDER, Overlay
from napari_histosynth.ui.collector import collections_put_off
from napari_histosynth.ui.jobs import Asked, Tell
from napari_histosynth.ui.slidelevels import SlideLevels

if TYPE_CHECKING:
    from napari_histosynth.slide.model import SlideModel
    from napari_histosynth.zoo import ModelCard

KINDS = {"any": "any", "biopsies": "biopsies", "polyp": "polyp", "resection": "resection"}
"""What a slide may show, and how it is called."""

SETTINGS = {"fast": "fast", "diffusion": "diffusion (slow)"}

FAVORITE = "colon-slide"
"""Model that the dock opens with, where it is there."""

NO_MODEL = (
    "No model of slides was found; put the folder of one where models are looked for, or train one with "
    "histosynth train slide."
)


@dataclass(frozen=True)
class Recipe:
    """A slide that somebody asks for.

    Attributes
    ----------
    seed : int
        Which.
    size : tuple of int
        Height and width in px of level 0.
    kind : str
        What it shows: one of :data:`KINDS`.
    setting : str
        How it is drawn: one of :data:`SETTINGS`.
    model : str or Path
        Name or folder of a model.
    """

    seed: int
    size: tuple[int, int]
    kind: str = "any"
    setting: str = "fast"
    model: str | Path = FAVORITE


def pixels_of(millimeters: float) -> int:
    """Return how many px of level 0 a length has."""
    return round(millimeters * 1000 / UM_PER_PX)


def slide_cards() -> dict[str, ModelCard]:
    """Return the cards of the models of slides that can be found, by name, the favorite first."""
    from napari_histosynth.zoo import list_models

    cards = [folder.card for folder in list_models() if folder.card.system == "slide"]
    return {card.name: card for card in sorted(cards, key=lambda card: (card.name != FAVORITE, card.name))}


def load_slide_cached(name_or_path: str | Path) -> SlideModel:
    """Load a model, or return it if it was loaded before and its weights are the same; call it in a thread.

    Raises
    ------
    HistosynthError
        As :func:`napari_histosynth.slide.model.load_slide_model`.
    """
    from napari_histosynth.ui import warm
    from napari_histosynth.zoo import find_model

    warm.load_torch()
    folder = find_model(name_or_path)
    return _loaded(str(folder.path), folder.card.sha256)


@lru_cache(maxsize=2)
def _loaded(path: str, sha256: str) -> SlideModel:
    with collections_put_off():
        from napari_histosynth.slide.model import load_slide_model

        return load_slide_model(path)


def new_layout(recipe: Recipe) -> npt.NDArray[np.uint8]:
    """Draw the layout of a slide, uint8 (y, x) at 32 um a px."""
    from napari_histosynth.slide.layout import draw_layout

    return draw_layout(recipe.seed, recipe.size, kind=recipe.kind)  # type: ignore[arg-type]


def new_slide(
    recipe: Recipe, layout: npt.NDArray[np.uint8] | None, tell: Tell, is_cancelled: Asked
) -> SlideLevels:
    """Begin a slide, up to its sketch.

    Raises
    ------
    HistosynthError
        If the model or the size does not allow it.
    """
    from napari_histosynth.slide.pyramid import Slide

    model = load_slide_cached(recipe.model)
    go_on(tell, 0.4, is_cancelled)
    layout = new_layout(recipe) if layout is None else layout
    go_on(tell, 0.7, is_cancelled)
    slide = Slide(model, recipe.seed, recipe.size, layout=layout, setting=recipe.setting)  # type: ignore[arg-type]
    levels = SlideLevels(slide)
    go_on(tell, 1.0, is_cancelled)
    return levels


def keep_slide(levels: SlideLevels, path: Path, tell: Tell, is_cancelled: Asked) -> Path:
    """Keep a slide in a folder from now on, with what is drawn and painted already.

    Raises
    ------
    HistosynthError
        If the folder cannot be written; what is in it then is a slide that can be opened.
    """
    from napari_histosynth.slide.lattice import Place

    slide = levels.slide
    there = [tile for tile in levels.everything() if slide.has(*tile)]
    slide.begin_store(path)
    levels.overlay.keep_in(path / FOLDER)
    for count, tile in enumerate(there):
        go_on(tell, count / len(there), is_cancelled)
        if slide.has(*tile):  # else memory let go of it meanwhile
            slide.store.put(Place(*tile), slide.tile(*tile))
    levels.look_again()
    return path


def open_slide(path: Path, tell: Tell, is_cancelled: Asked) -> SlideLevels:
    """Open a slide that is kept in a folder.

    Raises
    ------
    HistosynthError
        If there is none, it is damaged, or its model is not to be had.
    """
    from napari_histosynth.slide.pyramid import Slide
    from napari_histosynth.slide.store import SlideStore

    store = SlideStore.open(path)
    model: Any = load_slide_cached(store.key.model)
    go_on(tell, 0.6, is_cancelled)
    levels = SlideLevels(Slide.of_store(store, model), Overlay(path / FOLDER))
    go_on(tell, 1.0, is_cancelled)
    return levels


def go_on(tell: Tell, share: float, is_cancelled: Asked) -> None:
    """Tell how far work is, unless it is to stop.

    Raises
    ------
    Cancelled
        If it is.
    """
    if is_cancelled():
        raise Cancelled("That was cancelled.")
    tell(share)
