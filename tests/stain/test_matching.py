"""Nuclei of two pictures matched."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.findnuclei import Nuclei
from napari_histosynth.stain.matching import match_nuclei


def _nuclei(places: list[tuple[float, float]], um: float = 1.0) -> Nuclei:
    """Return nuclei at places in um."""
    y, x = (np.array(places, np.float32).reshape(-1, 2) / np.float32(um) - np.float32(0.5)).T
    zeros = np.zeros(len(places), np.float32)
    return Nuclei(y, x, zeros, zeros, zeros, zeros > 0, um)


def test_nearest_pairs_go_first_and_each_nucleus_once() -> None:
    first = _nuclei([(10, 10), (10, 13), (50, 50)])
    second = _nuclei([(10, 12.5), (80, 80)])
    match = match_nuclei(first, second)
    assert match.pairs.tolist() == [[1, 0]]
    assert match.lost.tolist() == [0, 2]
    assert match.invented.tolist() == [1]
    assert match.distance_um == pytest.approx([0.5], abs=1e-5)
    assert (match.share_lost, match.share_invented) == (pytest.approx(2 / 3), 0.5)
    assert match.f1 == pytest.approx(2 / 5)


def test_pictures_may_have_different_scales() -> None:
    places = [(float(y), float(x)) for y in range(5, 100, 10) for x in range(5, 100, 10)]
    match = match_nuclei(_nuclei(places, 0.25), _nuclei(places, 0.5), within_um=0.1)
    assert match.pairs.tolist() == sorted(match.pairs.tolist())
    assert (match.matched, match.f1) == (100, 1.0)


def test_what_is_further_apart_is_lost_and_invented() -> None:
    match = match_nuclei(_nuclei([(0, 0)]), _nuclei([(0, 4.2)]))
    assert (match.matched, match.lost.tolist(), match.invented.tolist()) == (0, [0], [0])
    assert match_nuclei(_nuclei([(0, 0)]), _nuclei([(0, 4.2)]), within_um=5).matched == 1


def test_nothing_matches_nothing() -> None:
    match = match_nuclei(_nuclei([]), _nuclei([]))
    assert match.matched == 0
    assert math.isnan(match.f1)
    assert math.isnan(match.share_lost)
    assert match_nuclei(_nuclei([(1, 1)]), _nuclei([])).share_lost == 1


def test_an_impossible_distance_is_refused() -> None:
    with pytest.raises(ImageError, match="within 0 um"):
        match_nuclei(_nuclei([(0, 0)]), _nuclei([(0, 0)]), within_um=0)
