"""What stains a pixel holds: optical density split into hematoxylin and DAB, or hematoxylin and eosin.

Densities add up (Lambert-Beer), so a pixel's density is a sum of its stains' colors (Ruifrok and Johnston,
Anal. Quant. Cytol. Histol. 23 (2001) 291). The colors differ between laboratories and scanners. They are
read from the picture itself, from pixels of one stain alone, and leave the usual ones only as far as such
pixels are many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.stain.colors import DAB, EOSIN, HEMATOXYLIN

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Stains = Literal["hdab", "he"]

#: The usual colors of the stains, unit optical densities of red, green, blue (Ruifrok and Johnston).
USUAL = {"hdab": (HEMATOXYLIN, DAB), "he": (HEMATOXYLIN, EOSIN)}

#: Scales in um per px between which nuclei can be told one by one.
FINEST, COARSEST = 0.05, 1.0

#: Optical density from which a pixel holds stain at all, and from which it is too dark to have a color.
STAINED, TOO_DARK = 0.15, 1.3
#: Share of the second stain up to which a pixel counts as of the first, and from which as of the second; and
#: the part of each, the purest, that its color is read from.
_FIRST, _SECOND, _PUREST = 0.3, 0.5, 50
#: Densest pixels of one stain that its color is read from, as percentiles.
_DENSE = (60, 98)
#: Pixels of one stain alone that count as much as the usual color does, at least and as a share of all.
_DOUBT, _DOUBT_SHARE = 30, 2e-4
#: Palest pixels, in percent, that are glass, unless they are denser than this.
_PALEST, _DENSEST_GLASS = 5, 0.2
#: Gray levels that the channels of a pixel may differ by without its being of any color.
_COLORLESS = 2
_ROUNDS = 3

_DENSITY_OF = np.asarray(-np.log10((np.arange(256) + 1) / 256), np.float32)


@dataclass(frozen=True, eq=False)
class StainBasis:
    """The colors of a picture's stains and of its glass.

    Attributes
    ----------
    stains : "hdab" or "he"
        Which stains they are.
    vectors : ndarray
        float64 (2, 3), unit optical densities of hematoxylin and of DAB or eosin.
    glass : ndarray
        float64 (3,), optical density of glass.
    """

    stains: Stains
    vectors: npt.NDArray[np.float64]
    glass: npt.NDArray[np.float64]

    @classmethod
    def usual(cls, stains: Stains) -> StainBasis:
        """Return the usual colors, on clear glass."""
        vectors = np.array(USUAL[checked_stains(stains)])
        return cls(stains, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.zeros(3))

    def unmix(self, density: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Split optical density.

        Parameters
        ----------
        density : ndarray
            (..., 3), of red, green and blue, glass included, base 10.

        Returns
        -------
        hematoxylin, other : ndarray
            float32 (...), how much of each: least squares, none below 0. What neither stain explains is
            left out.
        """
        above = np.asarray(density, np.float32) - self.glass.astype(np.float32)
        first, second = self.vectors
        along = np.asarray(above @ self.vectors.T.astype(np.float32), np.float32)
        cosine = float(first @ second)
        sine2 = 1 - cosine**2
        a = (along[..., 0] - cosine * along[..., 1]) / sine2
        b = (along[..., 1] - cosine * along[..., 0]) / sine2
        # where one would be negative, the other alone explains the most
        only_a = np.where(b < 0, along[..., 0], a)
        only_b = np.where(a < 0, along[..., 1], b)
        hematoxylin = np.where(a < 0, 0, np.maximum(only_a, 0))
        other = np.where(b < 0, 0, np.maximum(only_b, 0))
        return np.asarray(hematoxylin, np.float32), np.asarray(other, np.float32)


def optical_density(rgb: npt.NDArray[np.uint8]) -> Floats:
    """Return the optical density to base 10, float32 in the shape of ``rgb``: 0 is white, 2.4 black."""
    return np.asarray(_DENSITY_OF[rgb], np.float32)


def estimate_basis(density: npt.NDArray[Any], stains: Stains = "hdab") -> StainBasis:
    """Read the colors of stains and glass from pixels.

    Parameters
    ----------
    density : ndarray
        (n, 3), optical densities of pixels spread evenly over a picture, best of a picture that was smoothed
        by half a micrometer or so.
    stains : "hdab" or "he"
        Which stains it holds.

    Returns
    -------
    StainBasis
        The usual colors where the picture shows none of its own.
    """
    usual = StainBasis.usual(stains)
    density = np.asarray(density, np.float64).reshape(-1, 3)
    if not len(density):
        return usual
    total = density.sum(axis=1)
    palest = np.median(density[total <= np.percentile(total, _PALEST)], axis=0)
    glass = np.minimum(palest, _DENSEST_GLASS)
    above = np.maximum(density - glass, 0)
    stained = above[(np.linalg.norm(above, axis=1) > STAINED) & (above.max(axis=1) < TOO_DARK)]
    doubt = max(_DOUBT, _DOUBT_SHARE * len(density))
    basis = StainBasis(stains, usual.vectors, np.zeros(3))
    for _ in range(_ROUNDS if len(stained) else 0):
        first, second = basis.unmix(stained)
        amount = first + second
        share = second / np.maximum(amount, 1e-6)
        alone = _purest(share, share < _FIRST), _purest(-share, share > _SECOND)
        vectors = [
            _color(stained[chosen], amount[chosen], expected, doubt)
            for chosen, expected in zip(alone, usual.vectors, strict=True)
        ]
        basis = StainBasis(stains, np.array(vectors), np.zeros(3))
    return StainBasis(stains, basis.vectors, glass)


def _purest(impurity: npt.NDArray[Any], candidates: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which candidates hold the least of the other stain."""
    if not candidates.any():
        return candidates
    most = float(np.percentile(impurity[candidates], _PUREST))
    return np.asarray(candidates & (impurity <= most), bool)


def _color(
    density: npt.NDArray[np.float64],
    amount: npt.NDArray[Any],
    expected: npt.NDArray[np.float64],
    doubt: float,
) -> npt.NDArray[np.float64]:
    """Return the unit color of pixels of one stain; the fewer they are, the nearer to the expected one."""
    if len(density) < 2:
        return expected
    low, high = np.percentile(amount, _DENSE)
    chosen = density[(amount >= low) & (amount <= high)]
    if not len(chosen):
        return expected
    unit = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    weight = len(unit) / (len(unit) + doubt)
    mixed = weight * np.median(unit, axis=0) + (1 - weight) * expected
    return np.asarray(mixed / np.linalg.norm(mixed), np.float64)


def is_gray(rgb: npt.NDArray[np.uint8]) -> bool:
    """Return whether pixels, uint8 (..., 3), have no color anywhere; blank glass has none either."""
    return bool((np.ptp(rgb, axis=-1) <= _COLORLESS).all())


def checked_stains(stains: str) -> Stains:
    """Return which stains a picture holds.

    Raises
    ------
    ImageError
        If it is none of those that can be told apart here.
    """
    if stains not in USUAL:
        raise ImageError(f"Nuclei of {stains!r} pictures cannot be found; give {' or '.join(USUAL)}.")
    return stains  # type: ignore[return-value]


def check_picture(rgb: Any) -> None:
    """Check that nuclei can be looked for in a picture.

    Raises
    ------
    ImageError
        If it is not uint8 (y, x, 3).
    """
    shape, dtype = getattr(rgb, "shape", None), getattr(rgb, "dtype", None)
    if shape is None or dtype is None:
        raise ImageError(f"A {type(rgb).__name__} is no picture; give an array of uint8 (y, x, 3).")
    size = " x ".join(map(str, shape))
    if len(shape) == 3 and shape[2] == 4:
        raise ImageError(f"The picture has four channels ({size}); give the first three alone.")
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        raise ImageError(f"The picture is gray ({size}), but stains are told by color; give one of RGB.")
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ImageError(f"The picture is {size or 'a single value'}; give one of RGB, y x x x 3.")
    if np.dtype(dtype) != np.uint8:
        raise ImageError(f"The picture holds {np.dtype(dtype)} values; bring them to uint8, 0 to 255.")


def check_scale(um_per_px: float | None) -> float:
    """Return a scale at which nuclei can be told.

    Raises
    ------
    ImageError
        If it is missing, no number, or too fine or coarse.
    """
    if um_per_px is None:
        raise ImageError("How many um a pixel of the picture has is not known; give um_per_px.")
    if not (math.isfinite(um_per_px) and FINEST <= um_per_px <= COARSEST):
        raise ImageError(
            f"At {um_per_px:g} um per px nuclei cannot be counted; give a picture of {FINEST:g} to "
            f"{COARSEST:g} um per px, or correct its scale."
        )
    return float(um_per_px)
