"""A look that varies over the canvas: latents at places and in regions, blended smoothly."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window, tile_windows

if TYPE_CHECKING:
    from napari_histosynth.paint.lookregions import Regions

Field = npt.NDArray[np.float32]

_BLOCK = 24  # cells: what is compared at once, so that changes far apart stay apart


@dataclass(frozen=True)
class Place:
    """A point that carries a look.

    Attributes
    ----------
    y, x : float
        Where, in pixels; (0, 0) is the middle of the first pixel. May lie outside the canvas.
    look : int
        Number of the look, from 1; 0 is the canvas's own.
    radius_um : float or None
        The look holds up to this distance, like a spot. None: wherever no other such point is nearer.
    share : float
        How much of the look there is, 0 to 1; the rest is the canvas's own.
    """

    y: float
    x: float
    look: int
    radius_um: float | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        """Hold plain numbers, whatever array or table they come from: their text is hashed."""
        for name, kind in (("y", float), ("x", float), ("look", int), ("share", float)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if self.radius_um is not None:
            object.__setattr__(self, "radius_um", float(self.radius_um))


class LookMap:
    """Latents that vary over a canvas.

    The canvas's own look is the ground. Points without a radius divide all of it between them, each pixel
    going to the nearest; points with one are spots upon that; painted regions lie on top. Wherever one look
    meets another it gives way over ``width_um``, smoothly and exactly that far: what is farther off has no
    say at all, so that moving one thing changes nothing but its surroundings.

    In between, the latent is a weighted mean of those that meet. Mixtures of two real latents are what
    models learn to draw (:mod:`napari_histosynth.paint.prior`); three meet in few places.

    Parameters
    ----------
    own : ndarray
        float32 (d,), the look where nothing else is said.
    looks : sequence of ndarray
        float32 (d,) each: looks 1, 2, ...
    places : sequence of Place
        Points that carry looks; one with a number that there is no look for is left out.
    regions : Regions, optional
        Painted regions; a number that there is no look for is the canvas's own.
    width_um : float
        Over which distance one look gives way to another. As wide as two points are apart, the look changes
        all the way from one to the other.
    um_per_px : float
        Micrometers a pixel of the canvas.
    stride : int
        Pixels a cell: those of the generator's coarsest level.

    Raises
    ------
    ModelError
        If the latents differ in length.
    """

    def __init__(
        self,
        own: npt.ArrayLike,
        looks: Sequence[npt.ArrayLike] = (),
        *,
        places: Sequence[Place] = (),
        regions: Regions | None = None,
        width_um: float = 150.0,
        um_per_px: float,
        stride: int,
    ) -> None:
        latents = [np.asarray(latent, np.float32) for latent in (own, *looks)]
        if any(latent.ndim != 1 or latent.shape != latents[0].shape for latent in latents):
            raise ModelError(
                f"The looks of a map must be latents of one length, not {[entry.shape for entry in latents]}."
            )
        self.latents: Field = np.stack(latents)
        self.places = tuple(place for place in places if 0 <= place.look < len(latents))
        self.regions = regions
        self.width_um, self.um_per_px, self.stride = max(0.0, float(width_um)), float(um_per_px), int(stride)

    @property
    def latent_size(self) -> int:
        """Length of the latents."""
        return int(self.latents.shape[1])

    @property
    def sha256(self) -> str:
        """Hash of everything that the latents follow from."""
        facts = (self.places, self.width_um, self.um_per_px, self.stride)
        digest = hashlib.sha256(repr(facts).encode())
        digest.update(np.ascontiguousarray(self.latents, "<f4").tobytes())
        if self.regions is not None:
            digest.update(self.regions.sha256.encode())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return what a record of provenance says of the map."""
        return {
            "sha256": self.sha256,
            "looks": len(self.latents) - 1,
            "points": len(self.places),
            "regions": list(self.regions.numbers) if self.regions is not None else [],
            "width_um": self.width_um,
        }

    def cells(self, window: Window) -> Field:
        """Return the latents of a window of cells.

        Parameters
        ----------
        window : Window
            Of cells, at any place, beyond the canvas as well; cell (i, j) covers the pixels from
            (i, j) * stride on.

        Returns
        -------
        ndarray
            float32 (d, height, width), the same bits however a larger window is cut.
        """
        latents = np.zeros((self.latent_size, *window.shape), np.float32)
        for weight, latent in zip(self.weights(window), self.latents, strict=True):
            if weight.any():
                latents += weight * latent[:, None, None]
        return latents

    def weights(self, window: Window) -> Field:
        """Return how much each look has a say in a window of cells.

        Parameters
        ----------
        window : Window
            Of cells, as for :meth:`cells`.

        Returns
        -------
        ndarray
            float32 (looks + 1, height, width), 0 to 1, their sum 1; the canvas's own look is the first.
        """
        weights = np.zeros((len(self.latents), *window.shape), np.float64)
        weights[0] = 1
        self._divide(weights, window)
        self._dot(weights, window)
        if self.regions is not None:
            painted = self.regions.memberships(window)
            painted = {number: field for number, field in painted.items() if number < len(weights)}
            if painted:
                covered = np.zeros(window.shape)
                for field in painted.values():
                    covered += field
                weights *= np.maximum(0, 1 - covered)
                for number, field in painted.items():
                    weights[number] += field
        return weights.astype(np.float32)

    def changes(self, other: LookMap, grid: Window) -> list[Window]:
        """Find out where another map gives other latents.

        Parameters
        ----------
        other : LookMap
            Of the same canvas. Regions that both share do not count.
        grid : Window
            Where to look, in cells.

        Returns
        -------
        list of Window
            Of cells, inside ``grid``; what lies outside of them is the same to the bit.
        """
        count = max(len(self.latents), len(other.latents))
        replaced = [
            look
            for look in range(count)
            if look >= min(len(self.latents), len(other.latents))
            or not np.array_equal(self.latents[look], other.latents[look])
        ]
        same_places = (self.places, self.width_um) == (other.places, other.width_um)
        if same_places and self.regions is other.regions and not replaced:
            return []
        moved: list[Place] | None = None  # anywhere
        if self.width_um == other.width_um and self.regions is other.regions and not replaced:
            here_of, there_of = Counter(self.places), Counter(other.places)
            moved = [*(here_of - there_of), *(there_of - here_of)]
        found = []
        for block in tile_windows(grid, _BLOCK):
            if moved is not None and not (self._reached(moved, block) or other._reached(moved, block)):
                continue
            here, there = (_padded(each.weights(block), count) for each in (self, other))
            changed = (here != there).any(axis=0)
            for look in replaced:
                changed |= (here[look] > 0) | (there[look] > 0)
            box = Window.of_mask(changed)
            if not box.is_empty:
                found.append(box.shift(block.y0, block.x0))
        return found

    def _reached(self, places: Sequence[Place], block: Window) -> bool:
        """Return whether any of some places could have a say in a block of cells: quick, never wrongly no."""
        middle = ((block.y0 + block.y1) * self.stride / 2, (block.x0 + block.x1) * self.stride / 2)
        reach = (np.hypot(*block.shape) + 2) * self.stride / 2 * self.um_per_px

        def away(place: Place) -> float:
            return float(np.hypot(place.y - middle[0], place.x - middle[1])) * self.um_per_px

        nearest = min((away(place) for place in self.places if place.radius_um is None), default=np.inf)
        return any(
            away(place) - reach - (nearest + reach if place.radius_um is None else place.radius_um)
            < self.width_um
            for place in places
        )

    def _divide(self, weights: npt.NDArray[np.float64], window: Window) -> None:
        """Give all of the canvas to the points without a radius, each pixel to the nearest."""
        places = [place for place in self.places if place.radius_um is None]
        if not places:
            return
        distances = list(self._distances(places, window))
        nearest = np.minimum.reduce(distances)
        says = [self._say(distance - nearest) for distance in distances]
        total = _sum(says)
        weights[0] = 0
        for place, say in zip(places, says, strict=True):
            share = say / total
            weights[place.look] += share * _within(place.share)
            weights[0] += share * (1 - _within(place.share))

    def _dot(self, weights: npt.NDArray[np.float64], window: Window) -> None:
        """Lay the points with a radius on top, as spots."""
        places = [place for place in self.places if place.radius_um is not None]
        if not places:
            return
        # how far outside of each spot's rim; the ground is as far outside of itself as one is inside a spot
        outside = [
            distance - float(place.radius_um or 0)
            for place, distance in zip(places, self._distances(places, window), strict=True)
        ]
        nearest = np.minimum.reduce(outside)
        says = [self._say(distance - np.minimum(nearest, -nearest)) for distance in outside]
        ground = self._say(-nearest - np.minimum(nearest, -nearest))
        total = ground + _sum(says)
        weights *= ground / total
        for place, say in zip(places, says, strict=True):
            share = say / total
            weights[place.look] += share * _within(place.share)
            weights[0] += share * (1 - _within(place.share))

    def _distances(self, places: Sequence[Place], window: Window) -> Iterator[npt.NDArray[np.float64]]:
        """Yield the distance in um of each cell's middle from each place."""
        middle = (self.stride - 1) / 2
        y = np.arange(window.y0, window.y1)[:, None] * float(self.stride) + middle
        x = np.arange(window.x0, window.x1)[None, :] * float(self.stride) + middle
        for place in places:
            yield np.sqrt((y - place.y) ** 2 + (x - place.x) ** 2) * self.um_per_px

    def _say(self, behind: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what say a look has that is so many um behind the nearest: 1 at 0, none from the width on.

        A smooth step, flat at both ends, so that neither a border nor its far side shows as an edge.
        """
        left = np.clip(1 - behind / max(self.width_um, 1e-9), 0, 1)
        return np.asarray(left * left * (3 - 2 * left))


def _sum(fields: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Add fields in their order: one that is 0 leaves the bits of the others as they are."""
    total = np.zeros_like(fields[0])
    for field in fields:
        total += field
    return total


def _within(share: float) -> float:
    return min(1.0, max(0.0, float(share)))


def _padded(weights: Field, count: int) -> Field:
    """Return weights with looks that have no say added."""
    return np.pad(weights, ((0, count - len(weights)), (0, 0), (0, 0)))
