"""Nuclei of two pictures of one tissue: which are in both, which were lost, which invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.findnuclei import Nuclei

WITHIN_UM = 4.0
"""Distance of centers up to which two nuclei may be the same: about the radius of a small one."""


@dataclass(frozen=True, eq=False)
class Match:
    """Which nuclei of a first and of a second picture are the same.

    Attributes
    ----------
    pairs : ndarray
        int64 (n, 2), number of the nucleus in the first and in the second, from 0.
    lost : ndarray
        int64, nuclei of the first that the second has not.
    invented : ndarray
        int64, nuclei of the second that the first has not.
    distance_um : ndarray
        float64 (n,), of the pairs' centers.
    """

    pairs: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]
    invented: npt.NDArray[np.int64]
    distance_um: npt.NDArray[np.float64]

    @property
    def matched(self) -> int:
        """How many nuclei are in both."""
        return len(self.pairs)

    @property
    def share_lost(self) -> float:
        """Share of the first picture's nuclei that are lost; NaN if it has none."""
        return _share(len(self.lost), self.matched)

    @property
    def share_invented(self) -> float:
        """Share of the second picture's nuclei that are invented; NaN if it has none."""
        return _share(len(self.invented), self.matched)

    @property
    def f1(self) -> float:
        """Twice the matched over the nuclei of both; NaN if there are none."""
        total = 2 * self.matched + len(self.lost) + len(self.invented)
        return 2 * self.matched / total if total else float("nan")


def match_nuclei(first: Nuclei, second: Nuclei, *, within_um: float = WITHIN_UM) -> Match:
    """Match the nuclei of two pictures of one tissue, the nearest first, each at most once.

    Parameters
    ----------
    first, second : Nuclei
        Of pictures that cover the same area; their scales may differ.
    within_um : float
        Greatest distance of centers, positive.

    Returns
    -------
    Match

    Raises
    ------
    ImageError
        If the distance is none.
    """
    from scipy.spatial import cKDTree

    if not 0 < within_um < float("inf"):
        raise ImageError(f"Nuclei within {within_um:g} um cannot be matched; give a positive distance.")
    places = [
        (np.stack([nuclei.y, nuclei.x], axis=-1).astype(np.float64) + 0.5) * nuclei.um_per_px
        for nuclei in (first, second)
    ]
    pairs: list[tuple[int, int]] = []
    apart: list[float] = []
    taken = np.zeros(len(first), bool), np.zeros(len(second), bool)
    if len(first) and len(second):
        near = cKDTree(places[0]).sparse_distance_matrix(cKDTree(places[1]), within_um, output_type="ndarray")
        for i, j, distance in np.sort(near, order=("v", "i", "j")):
            if not (taken[0][i] or taken[1][j]):
                taken[0][i] = taken[1][j] = True
                pairs.append((int(i), int(j)))
                apart.append(float(distance))
    return Match(
        np.array(pairs, np.int64).reshape(-1, 2),
        np.flatnonzero(~taken[0]),
        np.flatnonzero(~taken[1]),
        np.array(apart, np.float64),
    )


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else float("nan")
