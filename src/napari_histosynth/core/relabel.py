"""From the classes of one scheme to those of another; the table stands in ``tissue.convert_labels``."""

from __future__ import annotations

import numpy as np

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tissue import Labels, TissueScheme

_NUCLEI = "nuclei"
_COARSER = {
    "mucin": "epithelium",
    "epithelium (mature)": "epithelium",
    "epithelium (proliferative)": "epithelium",
    "necrosis": "non-epithelium",
    "reactive stroma": "non-epithelium",
    "non-reactive stroma": "non-epithelium",
    "loose stroma": "non-epithelium",
    "muscle": "non-epithelium",
    "blood": "non-epithelium",
    "inflammatory cells": "non-epithelium",
}


def relabel(labels: Labels, source: TissueScheme, target: TissueScheme) -> Labels:
    """Rewrite a checked label map of ``source``, uint8 (y, x), in the classes of ``target``.

    Raises
    ------
    SchemeError
        If a class that the label map holds has no counterpart.
    """
    held = np.flatnonzero(np.bincount(labels.ravel(), minlength=source.n_classes))
    nuclei = next((k for k in held if source.names[k] == _NUCLEI and _NUCLEI not in target.names), None)
    if nuclei is not None:
        labels = _without_nuclei(labels, int(nuclei), source)
        held = np.flatnonzero(np.bincount(labels.ravel(), minlength=source.n_classes))
    table = np.zeros(source.n_classes, dtype=np.uint8)
    for index in held:
        table[index] = _counterpart(int(index), source, target)
    return table[labels]


def _counterpart(index: int, source: TissueScheme, target: TissueScheme) -> int:
    """Return the class of ``target`` for a class of ``source``."""
    if index == source.background:
        return target.background
    name = source.names[index]
    for candidate in (name, _COARSER.get(name, name)):
        if candidate in target.names:
            return target.index_of(candidate)
    raise SchemeError(
        f'The class "{name}" of {source.name} has no counterpart in {target.name}; relabel it first, '
        f"or choose a model for {source.name}."
    )


def _without_nuclei(labels: Labels, nuclei: int, source: TissueScheme) -> Labels:
    """Give each pixel of nuclei the nearest class that is neither nuclei nor background."""
    from scipy.ndimage import distance_transform_edt

    inside = labels == nuclei
    tissue = ~inside & (labels != source.background)
    if not tissue.any():
        # Nuclei and nothing around them: tissue for certain, and nothing says that it is a gland.
        fallback = "non-epithelium" if "non-epithelium" in source.names else source.names[source.background]
        return np.where(inside, np.uint8(source.index_of(fallback)), labels)
    rows, columns = distance_transform_edt(~tissue, return_distances=False, return_indices=True)
    return np.where(inside, labels[rows, columns], labels)
