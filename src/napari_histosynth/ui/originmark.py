"""What made the H&E, kept in its layer's metadata, so that it is in the file however the layer is saved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.ui.layers import METADATA_KEY


def keep_origin(painter: Any) -> None:
    """Write model, hash and seeds into the H&E layer of a painter whenever they change.

    Parameters
    ----------
    painter : Painter
        Its signals are followed as long as it lives.
    """

    def mark() -> None:
        stage = painter.stage
        if stage is not None and painter.model is not None:
            note = stage.picture.metadata.get(METADATA_KEY, {})
            record = origin_of(painter).to_dict()
            stage.picture.metadata = {
                **stage.picture.metadata,
                METADATA_KEY: {**note, "provenance": record},
            }

    def mark_when_drawn(done: float) -> None:
        if done >= 1.0:  # looks may have been placed meanwhile
            mark()

    for signal in (painter.canvas_changed, painter.look_changed, painter.model_changed):
        signal.connect(mark)
    painter.progressed.connect(mark_when_drawn)


def origin_of(painter: Any) -> Provenance:
    """Return what makes the picture that a painter shows: as a file of it says."""
    from napari_histosynth.paint.canvas import Canvas

    model, look, placed = painter.model, painter.looks.present, painter.desk.placed
    # what a canvas says of its origin does not depend on its labels, but for their size
    given = look.style_for(model)
    canvas = Canvas(
        model,
        np.zeros((64, 64), np.uint8),
        latent=None if given is None else look.latent(model),
        seed=look.seed,
        latent_seed=look.latent_seed,
    )
    canvas.note = look.note(model)
    made = canvas.provenance()
    extra: dict[str, Any] = {**made.extra, **scheme_note(model.scheme)}
    if not placed.is_plain:
        extra["looks"] = [
            {"name": one.name, "seed": one.seed, "picture": one.picture} for one in placed.looks
        ]
        extra["places"] = len(placed.places)
        made = replace(made, latent_sha256=None)
    return replace(made, size=painter.stage.shape, extra=extra)
