"""How far the shapes of drawn label maps are from those of real ones, beside real from real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.study.layoutshapes import NAMES

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.study.layoutmaterial import Piece

    Floats = npt.NDArray[np.float64]

DRAWS = 40
"""Random draws that each distance is the mean of: all sets of one size, since the distance depends on it."""

FEWEST = 4
"""Windows that a set must have."""


def wasserstein(one: Floats, other: Floats) -> float:
    """Return the earth mover's distance of two samples, (n,) and (m,), in their own unit.

    The area between their cumulative distributions.
    """
    places = np.sort(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(values), places[:-1], "right") / len(values) for values in (one, other)]
    return float(np.abs(below[0] - below[1]) @ np.diff(places))


def likeness(
    drawn: Mapping[str, Floats],
    trained: Sequence[Piece],
    held_out: Sequence[Piece],
    of_trained: Floats,
    of_held_out: Floats,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare drawn with real label maps, over all grades and in each.

    Over all grades the sets have the grades of the held-out windows. In a grade that nobody was held out of,
    training patients are divided at random in two, and drawn is compared with one half, as the other is.

    Parameters
    ----------
    drawn : mapping of str to ndarray
        For each grade float64 (n, k): the measures of :data:`~napari_histosynth.study.layoutshapes.NAMES`.
    trained, held_out : sequence of Piece
        Real windows.
    of_trained, of_held_out : ndarray
        float64 (n, k), theirs.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        For "all" and each grade: ``windows``, ``patients`` and ``held_out`` of what is compared with, and by
        measure ``drawn`` and ``real`` (Wasserstein-1 over the spread of all real windows; None where there
        are too few), ``means`` of drawn and of real.
    """
    rng = np.random.default_rng(seed)
    everything = np.concatenate([of_trained, of_held_out])
    columns = [_numbers(column) for column in everything.T]
    spread = np.array([max(1e-9, float(column.std())) if len(column) else 1.0 for column in columns])
    found = {"all": _overall(drawn, trained, held_out, of_trained, of_held_out, spread, rng)}
    for grade, own in drawn.items():
        here = [one.grade == grade for one in held_out]
        known = [one.grade == grade for one in trained]
        if sum(here) >= FEWEST and sum(known) >= FEWEST:
            reference, other = of_held_out[here], of_trained[known]
            sets = [_alike(rng, own, other, reference) for _ in range(DRAWS)]
            patients = {one.group for one in held_out if one.grade == grade}
            found[grade] = _row(sets, own, reference, spread, len(patients), held_out=True)
            continue
        groups = np.array([one.group for one in trained])[known]
        rows = of_trained[known]
        sets = [_alike(rng, own, *_halved(rows, groups, rng)) for _ in range(DRAWS)]
        found[grade] = _row(sets, own, rows, spread, len(set(groups)), held_out=False)
    return found


def rows_of(found: Sequence[Mapping[str, float]]) -> Floats:
    """Return measures as rows in the order of :data:`~napari_histosynth.study.layoutshapes.NAMES`, (n, k)."""
    return np.array([[one[name] for name in NAMES] for one in found], np.float64).reshape(-1, len(NAMES))


Sets = tuple["Floats", "Floats", "Floats"]  # drawn, other real, what both are compared with


def _overall(
    drawn: Mapping[str, Floats],
    trained: Sequence[Piece],
    held_out: Sequence[Piece],
    of_trained: Floats,
    of_held_out: Floats,
    spread: Floats,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compare over all grades, drawn and training windows having the grades of the held-out ones."""
    grades = np.array([one.grade for one in held_out])
    known = np.array([one.grade for one in trained])
    common = np.isin(grades, [grade for grade in drawn if (known == grade).any()])
    reference, grades = of_held_out[common], grades[common]
    sets = []
    for _ in range(DRAWS if len(grades) else 0):
        own = np.stack([drawn[grade][rng.integers(len(drawn[grade]))] for grade in grades])
        other = np.stack([of_trained[rng.choice(np.flatnonzero(known == grade))] for grade in grades])
        sets.append((own, other, reference))
    everything = np.concatenate([drawn[grade] for grade in drawn if grade in grades] or [of_trained[:0]])
    patients = len({one.group for one in held_out})
    return _row(sets, everything, reference, spread, patients, held_out=True)


def _alike(rng: np.random.Generator, drawn: Floats, other: Floats, reference: Floats) -> Sets:
    """Draw as many of drawn and of other."""
    n = min(len(drawn), len(other), max(len(reference), FEWEST))
    return drawn[rng.choice(len(drawn), n, False)], other[rng.choice(len(other), n, False)], reference


def _halved(rows: Floats, groups: npt.NDArray[Any], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Divide rows by patient into two halves that hold something; of a single patient there are none."""
    names = rng.permutation(np.unique(groups))
    first = np.isin(groups, names[: len(names) // 2])
    return rows[first], rows[~first]


def _row(
    sets: Sequence[Sets], drawn: Floats, reference: Floats, spread: Floats, patients: int, *, held_out: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {"windows": len(reference), "patients": patients, "held_out": held_out}
    for column, name in enumerate(NAMES):
        distances: dict[str, list[float]] = {"drawn": [], "real": []}
        for own, other, beside in sets:
            target = _numbers(beside[:, column])
            for key, values in (("drawn", _numbers(own[:, column])), ("real", _numbers(other[:, column]))):
                if len(values) and len(target):
                    distances[key].append(wasserstein(values, target) / spread[column])
        found[name] = {
            **{key: float(np.mean(each)) if each else None for key, each in distances.items()},
            "means": [_mean(drawn[:, column]), _mean(reference[:, column])],
        }
        if (
            not held_out and not distances["real"] and len(reference)
        ):  # of one patient: no real to compare with
            own, target = _numbers(drawn[:, column]), _numbers(reference[:, column])
            if len(own) and len(target):
                found[name]["drawn"] = wasserstein(own, target) / spread[column]
    return found


def _numbers(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _mean(values: Floats) -> float | None:
    there = _numbers(values)
    return float(there.mean()) if len(there) else None
