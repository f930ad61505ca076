"""What is done in the background when a field of a slide becomes a canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import Labels, convert_labels
from napari_histosynth.io import Loaded, read_field

if TYPE_CHECKING:
    from napari_histosynth.paint.lookfile import LookPlan
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.paint.weak import Hints

LEAST, LARGEST = 64, 16_384
"""Pixels a side that a canvas has."""

_READ = 0.2  # share of the work that is reading


@dataclass(frozen=True, eq=False)
class Order:
    """A field that is wanted: of which slide, where, the slide's scale, whether its look, too; what it is.

    ``hints`` is what the tissue is known to be, for models of ten classes.
    """

    slide: Loaded
    window: Window
    slide_um_per_px: float
    name: str
    look: bool
    hints: Hints | None = None

    def shape_for(self, model: PaintModel) -> tuple[int, int]:
        """Return height and width of the canvas."""
        factor = self.slide_um_per_px / model.um_per_px
        return round(self.window.height * factor), round(self.window.width * factor)


@dataclass(frozen=True, eq=False)
class Made:
    """What came of an order: labels in the model's scheme, the field's pixels, its latent and its origin."""

    labels: Labels
    picture: npt.NDArray[np.uint8]
    latent: npt.NDArray[np.float32] | None
    provenance: Provenance
    name: str


def check(order: Order, model: PaintModel) -> None:
    """Raise ImageError for a field that is too small, too large, or off the slide."""
    from napari_histosynth.paint.tenclasses import MOST_PX, takes_ten_classes

    height, width = order.shape_for(model)
    largest = MOST_PX if takes_ten_classes(model.scheme) else LARGEST
    if order.window.clip(order.slide.shape).is_empty:
        raise ImageError("The rectangle lies off the slide; move it onto tissue.")
    if min(height, width) < LEAST or max(height, width) > largest:
        raise ImageError(
            f"The field would be a canvas of {width:,} x {height:,} px; {LEAST} to {largest:,} px a side are "
            "possible, so make the rectangle larger or smaller."
        )


def work(
    order: Order, model: PaintModel, cancel: Callable[[], bool], progress: Callable[[float], None]
) -> Made | None:
    """Read a field, label it, and read its look; None if it was cancelled.

    Raises
    ------
    HistosynthError
        If the slide cannot be read, or its classes have no counterpart in the model's.
    """
    from napari_histosynth.paint.fromhe import labels_of
    from napari_histosynth.paint.inputs import latent_of_picture
    from napari_histosynth.paint.tenclasses import takes_ten_classes
    from napari_histosynth.paint.weak import UNKNOWN, hints_of

    try:
        picture = read_field(
            order.slide,
            order.window,
            model.um_per_px,
            slide_um_per_px=order.slide_um_per_px,
            shape=order.shape_for(model),
        )
        progress(_READ)
        if cancel():
            return None
        found = labels_of(
            picture,
            model.um_per_px,
            tissue=(order.hints or hints_of(UNKNOWN)) if takes_ten_classes(model.scheme) else None,
            cancel=cancel,
            progress=lambda done: progress(_READ + (1 - _READ) * done),
        )
        labels = convert_labels(found.labels, found.scheme, model.scheme)
        latent = latent_of_picture(picture, model.um_per_px, model) if order.look else None
    except Cancelled:
        return None
    if cancel():
        return None
    y0, _, x0, _ = order.window
    made = Provenance(
        synthetic=False,
        um_per_px=model.um_per_px,
        size=(labels.shape[0], labels.shape[1]),
        extra={"slide": order.name, "x": x0, "y": y0, "slide_um_per_px": order.slide_um_per_px},
    )
    return Made(labels, picture, latent, made, f"{order.name} at {x0}, {y0}")


def look_plan(
    shape: tuple[int, ...], latent: npt.NDArray[np.float32] | None, name: str, um_per_px: float
) -> LookPlan | None:
    """Return what draws a canvas in the look of a picture: that look at one point, so everywhere.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the canvas.
    latent : ndarray or None
        float32 (d,), the look; None gives None.
    name : str
        What the look is called.
    um_per_px : float
        Scale of the canvas.
    """
    from napari_histosynth.paint.lookfile import LookPlan, NamedLook
    from napari_histosynth.paint.lookmap import Place

    if latent is None:
        return None
    height, width = shape
    look = NamedLook(latent, name, None, name)
    return LookPlan(um_per_px, (look,), (Place(height / 2, width / 2, 1),))
