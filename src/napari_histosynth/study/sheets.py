"""Picture sheets: what was drawn beside what is real, and beside the nearest of what was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.io.sheet import TILE_PX, contact_sheet
from napari_histosynth.study.features import WINDOW, Described

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.data import Field

ROWS = 6


def looks_sheet(
    real: Sequence[Field], looks: Mapping[str, Sequence[Field]], scheme: TissueScheme, footer: str
) -> npt.NDArray[np.uint8]:
    """Lay out labels, real tissue, and what was drawn from the labels in several looks.

    One field of each patient, then others until the sheet has six rows; the middle of each, pixel by pixel.

    Parameters
    ----------
    real : sequence of Field
        Real fields.
    looks : mapping of str to sequence of Field
        Drawn fields in the same order, by the title of their column.
    scheme : TissueScheme
        Of the label maps.
    footer : str
        Written below.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).
    """
    first = {field.group: number for number, field in reversed(list(enumerate(real)))}
    chosen = [*sorted(first.values()), *(n for n in range(len(real)) if n not in first.values())][:ROWS]
    rows = {}
    for number in chosen:
        pictures = [scheme.encode(real[number].labels[0]), real[number].image]
        pictures += [drawn[number].image for drawn in looks.values()]
        rows[f"{real[number].name} (patient {real[number].group})"] = [_middle(one) for one in pictures]
    return contact_sheet(rows, ["label map", "real", *looks], footer)


def neighbors_sheet(
    drawn: Sequence[Field],
    trained: Sequence[Field],
    pairs: dict[str, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], float]]],
    footer: str,
) -> npt.NDArray[np.uint8]:
    """Lay out drawn windows beside their nearest training windows.

    Parameters
    ----------
    drawn, trained : sequence of Field
        The pictures that windows are cut from.
    pairs : dict of str to list of tuple
        By the name of the distance, the same number of: place of the drawn window, place of the training
        window (number of picture, y, x), distance.
    footer : str
        Written below.

    Returns
    -------
    ndarray
        uint8 (y, x, 3).
    """
    columns, rows = [], {}
    for name in pairs:
        columns += [f"drawn, nearest in {name}", "training"]
    for row in range(min(len(found) for found in pairs.values())):
        pictures, said = [], []
        for found in pairs.values():
            query, known, distance = found[row]
            pictures += [_cut(drawn, query), _cut(trained, known)]
            said.append(f"{drawn[query[0]].name} to {trained[known[0]].name}: {distance:.2f}")
        rows[f"{row + 1}.  " + "      ".join(said)] = pictures
    return contact_sheet(rows, columns, footer)


def closest_pairs(
    queries: Described, known: Described, distances: npt.NDArray[np.float32], which: npt.NDArray[np.int64]
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], float]]:
    """Return the closest pair of each picture, closest first, at most six: the most suspicious there are."""
    pairs, seen = [], set()
    for index in np.argsort(distances, kind="stable"):
        picture = int(queries.place[index, 0])
        if picture not in seen:
            seen.add(picture)
            pairs.append((queries.place[index], known.place[which[index]], float(distances[index])))
    return pairs[:ROWS]


def _middle(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the middle of a picture, as large as a tile of a sheet or as the picture allows."""
    side = min(TILE_PX, *picture.shape[:2])
    y, x = ((length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def _cut(fields: Sequence[Field], place: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    number, y, x = (int(value) for value in place)
    return np.ascontiguousarray(fields[number].image[y : y + WINDOW, x : x + WINDOW])
