"""Ways between latents: from one grade to another, beyond, and among several (the paper's Figure 3).

All of it works on *styles*: latents without the stain that some models keep at their end, so that moving from
one grade to another leaves the stain alone. Where a model has no stain apart, the style is all of its latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError

Style = npt.NDArray[np.float32]

#: How far beyond both ends of a way tissue may be drawn. Named places tell their grade to the full already: a
#: quarter of the way past them lies no tissue that anyone graded, and farther colors and textures come apart.
BEYOND = 0.25


def between(first: npt.ArrayLike, second: npt.ArrayLike, t: float, *, spherical: bool = False) -> Style:
    """Return the style a share of the way from one to another.

    Parameters
    ----------
    first, second : array_like
        float (d,).
    t : float
        0 for the first, 1 for the second; outside for what lies beyond, up to :data:`BEYOND`.
    spherical : bool
        Along the great circle about the origin, lengths interpolated, instead of the straight line. A latent
        of a normal distribution has its usual length all along it; on a straight line it is shorter halfway.

    Returns
    -------
    ndarray
        float32 (d,).

    Raises
    ------
    ModelError
        If the styles differ in length, hold what is no number, or ``t`` is out of range.
    """
    a, b = (check_style(one) for one in (first, second))
    if a.shape != b.shape:
        raise ModelError(f"Styles of {len(a)} and {len(b)} numbers are of different models.")
    if not -BEYOND <= t <= 1 + BEYOND:
        raise ModelError(f"The share of the way must be {-BEYOND:g} to {1 + BEYOND:g}, not {t:g}.")
    line = a + t * (b - a)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if not spherical or min(lengths) < 1e-6:
        return np.asarray(line, np.float32)
    angle = np.arccos(np.clip(a @ b / (lengths[0] * lengths[1]), -1, 1))
    if angle < 1e-4 or angle > np.pi - 1e-4:  # no circle, or many
        return np.asarray(line, np.float32)
    ways = np.sin((1 - t) * angle) / lengths[0] * a + np.sin(t * angle) / lengths[1] * b
    length = lengths[0] + t * (lengths[1] - lengths[0])
    return np.asarray(max(length, 0.0) / np.sin(angle) * ways, np.float32)


def moved(style: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, t: float) -> Style:
    """Move a style as one is moved from a first to a second: ``style + t (second - first)``.

    Parameters
    ----------
    style, first, second : array_like
        float (d,).
    t : float
        How far, from ``-(1 + BEYOND)`` to ``1 + BEYOND``.

    Returns
    -------
    ndarray
        float32 (d,).

    Raises
    ------
    ModelError
        If the styles differ in length, hold what is no number, or ``t`` is out of range.
    """
    start, a, b = (check_style(one) for one in (style, first, second))
    if not start.shape == a.shape == b.shape:
        raise ModelError(f"Styles of {len(start)}, {len(a)} and {len(b)} numbers are of different models.")
    if not abs(t) <= 1 + BEYOND:
        raise ModelError(f"The share of the way must be {-1 - BEYOND:g} to {1 + BEYOND:g}, not {t:g}.")
    return np.asarray(start + t * (b - a), np.float32)


def among(styles: Sequence[npt.ArrayLike], weights: Sequence[float]) -> Style:
    """Return the weighted mean of several styles.

    Parameters
    ----------
    styles : sequence of array_like
        float (d,) each.
    weights : sequence of float
        One for each, not negative, not all 0; only their proportions matter.

    Returns
    -------
    ndarray
        float32 (d,).

    Raises
    ------
    ModelError
        If there is not one weight for each style, a weight is negative or no number, or the styles differ in
        length.
    """
    checked = [check_style(one) for one in styles]
    shares = np.asarray(weights, np.float64)
    if len({one.shape for one in checked}) != 1 or shares.shape != (len(checked),):
        raise ModelError(
            f"A mixture needs styles of one length and a weight for each, not {len(checked)} styles and "
            f"{shares.size} weights."
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise ModelError(f"Weights of a mixture must be 0 or more and not all 0, not {list(weights)}.")
    return np.asarray(np.stack(checked).T @ (shares / shares.sum()), np.float32)


def corner_weights(y: float, x: float, corners: int) -> npt.NDArray[np.float64]:
    """Return how much of each corner there is at a place on a pad.

    Parameters
    ----------
    y, x : float
        0 to 1 down and to the right; outside is taken to the nearest place inside.
    corners : int
        3: a triangle with its first corner at the top, the second bottom left, the third bottom right. 4: the
        corners of a square, in reading order.

    Returns
    -------
    ndarray
        (corners,), 0 or more, summing up to 1.
    """
    y, x = min(max(y, 0.0), 1.0), min(max(x, 0.0), 1.0)
    if corners == 4:
        return np.array([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    if corners == 3:
        right = min(max(x - (1 - y) / 2, 0.0), y)
        return np.array([1 - y, y - right, right])
    raise ModelError(f"A pad has 3 or 4 corners, not {corners}.")


def check_style(style: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a style as float64 (d,).

    Raises
    ------
    ModelError
        If it is no vector of finite numbers.
    """
    try:
        numbers = np.asarray(style, np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError("A latent must be a row of numbers.") from error
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ModelError(f"A latent must be a row of numbers, not an array of shape {numbers.shape}.")
    if not np.isfinite(numbers).all():
        raise ModelError("A latent must hold finite numbers; this one holds NaN or infinity.")
    return numbers
