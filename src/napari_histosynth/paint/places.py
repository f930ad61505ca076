"""Where to crop: anywhere, or around a class drawn evenly, so that rare tissue is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.data import Field

#: Pixels of each class that are remembered of each field.
REMEMBERED = 64

#: A field with fewer pixels of a class than this is chosen for it less often.
ENOUGH = 2000


class Places:
    """Draws fields, and pixels in them.

    Parameters
    ----------
    fields : sequence of Field
        With the shares in which they are drawn.
    by_class : float
        Share of the draws that ask for a class, each that occurs as often as the others.
    seed : int
        Of the pixels remembered.
    weights : mapping of int to float, optional
        How often a class is asked for, where the others count 1: a texture that is hard to learn and seen in
        few fields wants more.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        by_class: float = 0.0,
        seed: int = 0,
        weights: Mapping[int, float] | None = None,
    ) -> None:
        shares = np.asarray([field.share for field in fields], float)
        self._even = bool(np.all(shares == shares[0]))
        self._chances = shares / shares.sum()
        self._by_class = by_class
        self._pixels: dict[tuple[int, int], npt.NDArray[np.intp]] = {}
        self._of_class: dict[int, tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]] = {}
        if by_class:
            self._remember(fields, seed)
        asked = np.asarray([(weights or {}).get(label, 1.0) for label in self._of_class])
        self._wanted = asked / asked.sum() if weights and asked.sum() else None

    def draw(self, rng: np.random.Generator) -> tuple[int, tuple[int, int] | None]:
        """Return the number of a field and, if a class was asked for, the pixel (y, x) to crop around."""
        if self._of_class and rng.random() < self._by_class:
            known = len(self._of_class)
            which = rng.integers(known) if self._wanted is None else rng.choice(known, p=self._wanted)
            label = list(self._of_class)[int(which)]
            numbers, chances = self._of_class[label]
            number = int(rng.choice(numbers, p=chances))
            pixels = self._pixels[number, label]
            y, x = pixels[int(rng.integers(len(pixels)))]
            return number, (int(y), int(x))
        if self._even:
            return int(rng.integers(len(self._chances))), None
        return int(rng.choice(len(self._chances), p=self._chances)), None

    def _remember(self, fields: Sequence[Field], seed: int) -> None:
        chances: dict[int, list[tuple[int, float]]] = {}
        for number, field in enumerate(fields):
            labels = field.labels[0]
            rng = np.random.default_rng((seed, number))
            flat = labels.ravel()
            order = np.argsort(flat, kind="stable")
            counts = np.bincount(flat)
            for label in np.flatnonzero(counts):
                first = int(counts[:label].sum())
                chosen = rng.integers(counts[label], size=REMEMBERED)
                pixels = order[first + chosen]
                self._pixels[number, int(label)] = np.stack(np.unravel_index(pixels, labels.shape), axis=1)
                weight = self._chances[number] * min(1.0, float(counts[label]) / ENOUGH)
                chances.setdefault(int(label), []).append((number, weight))
        for wanted, found in sorted(chances.items()):
            weights = np.asarray([weight for _, weight in found])
            self._of_class[wanted] = (np.asarray([n for n, _ in found]), weights / weights.sum())


def corner(
    rng: np.random.Generator, shape: tuple[int, ...], crop: int, center: tuple[int, int] | None
) -> tuple[int, int]:
    """Return the top left corner of a crop, anywhere or with ``center`` in its middle half.

    Parameters
    ----------
    rng : Generator
        Source of the choice.
    shape : tuple of int
        Of the field, (y, x, ...), no less than ``crop``.
    crop : int
        Side in pixels.
    center : tuple of int, optional
        Pixel (y, x).
    """
    places = []
    for axis in range(2):
        room = shape[axis] - crop
        if center is None:
            places.append(int(rng.integers(room + 1)))
        else:
            shift = int(rng.integers(-crop // 4, crop // 4 + 1))
            places.append(int(np.clip(center[axis] - crop // 2 + shift, 0, room)))
    return places[0], places[1]
