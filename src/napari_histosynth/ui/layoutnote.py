"""What the metadata and the files of a label map say of the layout that it is made of."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.core.tissue import Labels, TissueScheme
from napari_histosynth.ui.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari_histosynth.ui.layoutwork import Made

KEY = "layout"
"""Entry of the metadata, and of the provenance in files."""


def note_of(made: Made, model: Any, labels: Labels, **more: Any) -> dict[str, Any]:
    """Return what made a label map, as JSON can hold it.

    Parameters
    ----------
    made : Made
        The layout.
    model : LayoutModel
        What drew it.
    labels : ndarray
        uint8 (y, x), as it was put on the canvas: its hash tells whether it was edited since.
    **more
        Anything else to say.
    """
    place, layout = made.place, made.layout
    note: dict[str, Any] = {
        "synthetic": True,
        "model": model.name,
        "model_sha256": model.sha256,
        "seed": int(layout.seed),
        "grade": str(layout.grade),
        "weights": {
            grade: round(float(one), 6) for grade, one in zip(model.grades, layout.weights, strict=False)
        },
        "nuclei": made.sheet.nuclei,
        "size": [int(side) for side in labels.shape],
        "um_per_px": float(made.sheet.um_per_px),
        "labels_sha256": hashlib.sha256(np.ascontiguousarray(labels, np.uint8).data).hexdigest(),
    }
    if place.latent is not None:
        note["latent"] = [float(str(number)) for number in place.latent]
    if place.name:
        note["name"] = place.name
    return {**note, **more}


def set_note(layer: Any, note: dict[str, Any] | None) -> None:
    """Keep a note in the metadata of a Labels layer; None takes it away."""
    known = dict(layer.metadata.get(METADATA_KEY, {}))
    if note is None:
        if known.pop(KEY, None) is None:
            return
    else:
        known[KEY] = note
    layer.metadata = {**layer.metadata, METADATA_KEY: known}


def note_in(layer: Any) -> dict[str, Any] | None:
    """Return the note that a Labels layer carries, None if it is of no layout."""
    return layout_in(layer.metadata.get(METADATA_KEY))


def with_note(made: Provenance, layer: Any) -> Provenance:
    """Return what made a picture, with what its Labels layer says of the layout that it is made of."""
    note = note_in(layer)
    return made if note is None else replace(made, extra={**made.extra, KEY: note})


def labels_provenance(
    scheme: TissueScheme, um_per_px: float | None, size: tuple[int, int] | None, note: dict[str, Any] | None
) -> Provenance:
    """Return what a file of a label map says of its origin.

    Parameters
    ----------
    scheme : TissueScheme
        Of the labels.
    um_per_px : float or None
        Their scale.
    size : tuple of int or None
        Height and width.
    note : dict or None
        Of the layout that it is made of; without one, no network drew the labels.
    """
    extra: dict[str, Any] = {**scheme_note(scheme)}
    if note is not None:
        extra[KEY] = note
    return Provenance(synthetic=note is not None, um_per_px=um_per_px, size=size, extra=extra)


def layout_in(metadata: Any) -> dict[str, Any] | None:
    """Return the note in the metadata of ours that a layer has, None if there is none."""
    found = metadata.get(KEY) if isinstance(metadata, dict) else None
    return dict(found) if isinstance(found, dict) else None
