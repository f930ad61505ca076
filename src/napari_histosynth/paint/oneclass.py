"""Large areas of one class alone: where a generator has nothing but noise to go by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tissue import TissueScheme

if TYPE_CHECKING:
    import numpy.typing as npt

LARGE_UM = 200.0
"""Squares of one class of this side are large: the generator's field of view holds nothing else."""


def large_flat_classes(
    labels: npt.NDArray[np.integer], classes: Iterable[int], um_per_px: float, side_um: float = LARGE_UM
) -> list[int]:
    """Return the classes that fill a large square all alone.

    Parameters
    ----------
    labels : ndarray
        (y, x) of any integer dtype.
    classes : iterable of int
        Classes that are asked about.
    um_per_px : float
        Micrometers a pixel.
    side_um : float
        What is large, in micrometers. Every square of one and a half times this side is found, and none that
        is smaller than this.

    Returns
    -------
    list of int
        Those found, in the order asked.
    """
    cell = max(1, -(-round(side_um / um_per_px) // 2))  # two cells are the side, rounded up
    rows, columns = labels.shape[0] // cell, labels.shape[1] // cell
    if rows < 2 or columns < 2:
        return []
    first = labels[: rows * cell : cell, : columns * cell : cell]
    alike = np.ones((rows, columns), bool)
    for row in range(rows):  # by strips, so that a large canvas is not copied
        strip = labels[row * cell : (row + 1) * cell, : columns * cell].reshape(cell, columns, cell)
        alike[row] = (strip == first[row][None, :, None]).all(axis=(0, 2))
    found = []
    for index in classes:
        pure = alike & (first == index)
        if (pure[:-1, :-1] & pure[1:, :-1] & pure[:-1, 1:] & pure[1:, 1:]).any():
            found.append(index)
    return found


def repeating_areas(
    labels: npt.NDArray[np.integer], scheme: TissueScheme, repeats: Iterable[str] | None, um_per_px: float
) -> list[str]:
    """Return which classes that a model repeats itself on fill a large area of a label map alone.

    Parameters
    ----------
    labels : ndarray
        (y, x), in the model's scheme and at its scale.
    scheme : TissueScheme
        The model's.
    repeats : iterable of str or None
        Names of the classes, from the model's card; those that the scheme lacks are passed over.
    um_per_px : float
        Micrometers a pixel.
    """
    known = [scheme.index_of(name) for name in repeats or () if name in scheme.names]
    return [scheme.names[index] for index in large_flat_classes(labels, known, um_per_px)] if known else []


def repetition_warning(model: str, names: list[str]) -> str:
    """Say in one sentence that a model repeats itself on classes, and what helps."""
    which = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"{model} repeats its texture on large areas of {which} alone; break them up with other classes to "
        "hide it."
    )
