"""What takes a moment when tissue is laid out: done in threads, by the engine of layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tissue import Labels, TissueScheme, convert_labels, get_scheme
from napari_histosynth.ui.collector import collections_put_off

if TYPE_CHECKING:
    from napari_histosynth.layout.sampler import Layout, Sampler
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelCard

Tell = Callable[[float], None]
Asked = Callable[[], bool]

FAVORITE = "colon-layout"
"""Model that the dock opens with, where it is there."""

SMALLEST, LARGEST = 256, 8192
"""Sides that the dock offers, in px of the canvas."""

PLAIN_UM, PLAIN_SCHEME = 0.62, "colon-2"
"""Scale and classes of layouts that are for no canvas."""

_PLAIN = get_scheme(PLAIN_SCHEME)

NO_MODEL = (
    "No model of layouts was found; put the folder of one where models are looked for, or train one with "
    "histosynth train layout."
)
ANY = "any grade"


def ignored(_share: float) -> None:
    """Take no notice of how much is done."""


def never() -> bool:
    """Do not stop."""
    return False


@dataclass(frozen=True)
class Sheet:
    """What a layout is for.

    Attributes
    ----------
    shape : tuple of int
        Height and width in px.
    um_per_px : float
        Scale.
    scheme : TissueScheme
        Classes.
    nuclei : bool
        Whether nuclei are placed.
    """

    shape: tuple[int, int]
    um_per_px: float = PLAIN_UM
    scheme: TissueScheme = _PLAIN
    nuclei: bool = False

    @classmethod
    def of(cls, model: PaintModel, shape: tuple[int, int], nuclei: bool) -> Sheet:
        """Return that of a canvas: nuclei where they are wanted and the model knows them."""
        return cls(shape, model.um_per_px, model.scheme, nuclei and "nuclei" in model.scheme.names)


@dataclass(frozen=True, eq=False)
class Place:
    """A layout, however large it is drawn.

    Attributes
    ----------
    seed : int
        Of what is left to chance.
    grade : str
        As the model calls it; any if empty.
    latent, weights : ndarray or None
        float32 (d,) and (g,), for one that was found rather than drawn by chance.
    name : str
        What it is called, where seed and grade do not say it.
    kept : float or None
        How much of what was laid out stays as it is; as in new tissue if None.
    """

    seed: int
    grade: str = ""
    latent: npt.NDArray[np.float32] | None = None
    weights: npt.NDArray[np.float32] | None = None
    name: str = ""
    kept: float | None = None

    @property
    def caption(self) -> str:
        """What it is, in words."""
        return self.name or f"seed {self.seed}, {self.grade or ANY}"


@dataclass(frozen=True, eq=False)
class Made:
    """A layout that was drawn.

    Attributes
    ----------
    place : Place
        Which.
    layout : Layout
        Labels and picture.
    sheet : Sheet
        What for.
    """

    place: Place
    layout: Layout
    sheet: Sheet


# ---- models


def layout_cards() -> dict[str, ModelCard]:
    """Return the cards of the models of layouts that can be found, by name, the favorite first."""
    from napari_histosynth.zoo import list_models

    cards = [folder.card for folder in list_models() if folder.card.system == "layout"]
    return {card.name: card for card in sorted(cards, key=lambda card: (card.name != FAVORITE, card.name))}


def grades_of(card: ModelCard) -> tuple[str, ...]:
    """Return the grades that a model knows."""
    return tuple(str(grade) for grade in card.architecture.get("grades") or ())


def load_sampler_cached(name: str) -> Sampler:
    """Load a model, or return it if it was loaded before and its weights are the same; call it in a thread.

    Raises
    ------
    HistosynthError
        As :func:`napari_histosynth.layout.model.load_layout_model`.
    """
    from napari_histosynth.ui import warm
    from napari_histosynth.zoo import find_model

    warm.load_torch()
    folder = find_model(name)
    return _loaded(str(folder.path), folder.card.sha256)


@lru_cache(maxsize=2)
def _loaded(path: str, sha256: str) -> Sampler:
    with collections_put_off():
        from napari_histosynth.layout.model import load_layout_model
        from napari_histosynth.layout.sampler import Sampler

        return Sampler(load_layout_model(path))


# ---- layouts


def draw(sampler: Sampler, place: Place, sheet: Sheet, tell: Tell, is_cancelled: Asked) -> Made:
    """Draw a layout on a sheet.

    Raises
    ------
    HistosynthError
        If the grade is unknown, or the size does not fit.
    """
    options: dict[str, Any] = {
        "size_px": sheet.shape,
        "um_per_px": sheet.um_per_px,
        "nuclei": sheet.nuclei,
        "scheme": sheet.scheme.name,
        "progress": stoppable(tell, is_cancelled),
    }
    if place.latent is None:
        layout = sampler.sample(place.seed, grade=place.grade, **options)
        place = replace(place, grade=grade_drawn(layout, sampler.model.grades))
    else:
        assert place.weights is not None
        if place.kept is not None:
            options["kept"] = place.kept
        layout = sampler.at(place.latent, place.weights, seed=place.seed, **options)
    stoppable(tell, is_cancelled)(1.0)
    return Made(place, layout, sheet)


def between(
    sampler: Sampler, first: Made, second: Made, share: float, tell: Tell, is_cancelled: Asked
) -> Made:
    """Return what lies between two layouts on sheets of the same kind; at the ends, these."""
    if share <= 0:
        return first
    if share >= 1:
        return second
    layout = sampler.between(first.layout, second.layout, share, progress=stoppable(tell, is_cancelled))
    name = f"{share:.0%} from {first.place.caption} to {second.place.caption}"
    place = Place(layout.seed, layout.grade, layout.latent, layout.weights, name, layout.cells.kept)
    return Made(place, layout, first.sheet)


def filled(
    sampler: Sampler,
    labels: Labels,
    inside: npt.NDArray[np.bool_],
    place: Place,
    sheet: Sheet,
    locked: frozenset[int],
    tell: Tell,
    is_cancelled: Asked,
) -> Labels:
    """Return a label map of a sheet with new tissue where ``inside`` is true, joined to what is around it.

    Raises
    ------
    HistosynthError
        If nothing is inside, or the grade is unknown.
    """
    from napari_histosynth.layout.fill import fill_region

    return fill_region(
        labels,
        inside,
        sampler.model,
        seed=place.seed,
        grade=place.grade,
        um_per_px=sheet.um_per_px,
        locked=locked,
        scheme=sheet.scheme,
        nuclei=sheet.nuclei,
        progress=stoppable(tell, is_cancelled),
    )


def nearest(
    sampler: Sampler,
    image: npt.NDArray[np.uint8],
    labels: Labels,
    scheme: TissueScheme,
    um_per_px: float,
    name: str,
) -> Place:
    """Return the layout that is nearest to a picture with its labels (the encoder).

    Parameters
    ----------
    sampler : Sampler
        Has the model.
    image : ndarray
        uint8 (y, x, 3).
    labels : ndarray
        uint8 (y, x) in ``scheme``.
    scheme, um_per_px
        Of both.
    name : str
        What it is to be called.

    Raises
    ------
    HistosynthError
        If the labels cannot be told in the model's classes, or the model has no encoder.
    """
    from napari_histosynth.layout.flow import FOUND

    model = sampler.model
    told = convert_labels(labels, scheme, model.scheme)
    latent, weights = model.encode(image, told, um_per_px)
    grade = model.grades[int(np.argmax(weights))] if len(model.grades) else ""
    near = f"nearest to {name}" + (f" ({grade})" if grade else "")
    return Place(0, grade, np.asarray(latent, np.float32), np.asarray(weights, np.float32), near, FOUND)


def grade_drawn(layout: Layout, grades: tuple[str, ...]) -> str:
    """Return the grade that a layout shows most of."""
    if layout.grade or not len(grades):
        return str(layout.grade)
    return grades[int(np.argmax(layout.weights))]


def thumbnail(sampler: Sampler, place: Place, sheet: Sheet, side: int) -> tuple[npt.NDArray[np.uint8], str]:
    """Draw a layout small.

    Returns
    -------
    pictures : ndarray
        uint8 (2, side, side, 3), of its upper left square: labels in their colors, and H&E.
    grade : str
        What it shows most of.
    """
    from PIL import Image

    layout = draw(sampler, place, replace(sheet, nuclei=False), ignored, never).layout
    most = min(layout.labels.shape)
    pictures = (sheet.scheme.encode(layout.labels), layout.image)
    shrunk = [
        np.asarray(Image.fromarray(one[:most, :most]).resize((side, side), Image.Resampling.BOX))
        for one in pictures
    ]
    return np.stack(shrunk), grade_drawn(layout, sampler.model.grades)


def stoppable(tell: Tell, is_cancelled: Asked) -> Tell:
    """Return what is told the share that is done, and ends the work by raising Cancelled if that is asked."""

    def go_on(share: float) -> None:
        if is_cancelled():
            raise Cancelled("That was cancelled.")
        tell(share)

    return go_on
