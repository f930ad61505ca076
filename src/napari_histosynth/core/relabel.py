"""From the classes of one scheme to those of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.colors import look_up
from napari_histosynth.core.errors import SchemeError

if TYPE_CHECKING:
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


def convert_labels(labels: npt.ArrayLike, source: TissueScheme, target: TissueScheme) -> Labels:
    """Rewrite a label map of one scheme in the classes of another.

    Classes go by this table, first match first:

    ==========================================  ==================================================
    class of the source                         class of the target
    ==========================================  ==================================================
    the background                              the background
    any class                                   the class of the same name
    mucin, epithelium (mature), epithelium      epithelium
    (proliferative)
    necrosis, reactive stroma, non-reactive     non-epithelium
    stroma, loose stroma, muscle, blood,
    inflammatory cells
    nuclei                                      at each pixel, the nearest tissue class: a nucleus
                                                is neither background nor another nucleus
    ==========================================  ==================================================

    So ``prostate-2`` and ``colon-2``, and ``prostate-3`` and ``colon-3``, have equal indices; two classes
    become three by keeping their indices (nuclei are added by ``paint.nuclei``), three become two by
    giving nuclei to what surrounds them, and ``colon-10`` becomes two or three classes. There is no way
    from two or three classes to ten: what kind of stroma it is, such a map does not say.

    Parameters
    ----------
    labels : array_like
        (y, x) label map in ``source``, any integer dtype.
    source, target : TissueScheme
        Schemes to read and to write.

    Returns
    -------
    ndarray
        New uint8 (y, x) array in ``target``.

    Raises
    ------
    SchemeError
        If a class that the label map holds has no counterpart in ``target``.
    LabelMapError
        If the label map does not fit ``source``.
    """
    checked = source.check(labels)
    if _NUCLEI in source.names and _NUCLEI not in target.names:
        checked = _without_nuclei(checked, source)
    table = np.zeros(source.n_classes, dtype=np.uint8)
    for index in range(source.n_classes):
        if (checked == index).any():
            table[index] = _counterpart(index, source, target)
    return look_up(table, checked)


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


def _without_nuclei(labels: Labels, source: TissueScheme) -> Labels:
    """Give each pixel of nuclei the nearest class that is neither nuclei nor background."""
    from scipy.ndimage import distance_transform_edt

    inside = labels == source.index_of(_NUCLEI)
    if not inside.any():
        return labels
    tissue = ~inside & (labels != source.background)
    if not tissue.any():
        # Nuclei and nothing around them: tissue for certain, and nothing says that it is a gland.
        fallback = "non-epithelium" if "non-epithelium" in source.names else source.names[source.background]
        return np.where(inside, np.uint8(source.index_of(fallback)), labels)
    rows, columns = distance_transform_edt(~tissue, return_distances=False, return_indices=True)
    filled = labels.copy()
    filled[inside] = labels[rows[inside], columns[inside]]
    return filled
