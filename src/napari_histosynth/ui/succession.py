"""One canvas after another: which layers the next one gets, and what becomes of those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui import layers
from napari_histosynth.ui.layoutnote import set_note
from napari_histosynth.ui.protect import protection_of

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.ui.stage import Stage


def layer_for(
    labels: Labels,
    name: str,
    translate: Sequence[float] | None,
    model: PaintModel,
    viewer: Any,
    before: Stage | None,
) -> Any:
    """Return the layer for a new canvas: that of the one before, if nobody has painted on it.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x) in the model's scheme and scale.
    name : str
        What the layer is called.
    translate : sequence of float or None
        Where the middle of its first pixel lies (y, x), in micrometers; at 0 by default.
    model : PaintModel
        What is to draw it.
    viewer : napari.Viewer
        Where the layers are.
    before : Stage or None
        The canvas before, of which nobody takes notice any more.
    """
    if translate is None and before is not None and before.fits(model.scheme, model.um_per_px):
        before.sheet.removed = True
        layers.refill(before.labels, labels, name)
        set_note(before.labels, None)
        protection_of(before.labels).lock(())
        return before.labels
    arguments = {**layers.label_layer_arguments(model.scheme, model.um_per_px), "name": name}
    if translate is not None:
        arguments["translate"] = translate
    return layers.new_labels_layer(labels, arguments, viewer.layers)


def pieces_of(stage: Stage, model: PaintModel) -> list[Callable[[], None]]:
    """Return what puts the layers of a canvas into the viewer, ready to paint, one at a time."""

    def get_ready() -> None:
        if stage.labels in stage.viewer.layers:
            layers.ready_brush(stage.labels, model.scheme, model.um_per_px)
            stage.viewer.layers.selection.active = stage.labels

    return [stage.insert_labels, stage.remove_replaced, stage.insert_picture, get_ready]
