"""Mixtures of grades, and grades that change over a canvas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

Floats = npt.NDArray[np.float32]
Fractions = npt.NDArray[np.float64]


def shares_of(mixture: Mapping[str, float] | npt.ArrayLike, model: LayoutModel) -> Floats:
    """Return a mixture as weights that sum up to 1.

    Parameters
    ----------
    mixture : mapping of str to float or array_like
        Shares by name of grade; or float (g,) or (rows, columns, g).
    model : LayoutModel
        Whose grades they are.

    Returns
    -------
    ndarray
        float32 (g,) or (rows, columns, g).

    Raises
    ------
    ModelError
        If a grade is unknown, a share negative or no number, or all are 0.
    """
    if isinstance(mixture, Mapping):
        rows = [float(share) * model.grade_weights(name) for name, share in mixture.items() if name]
        shares = np.sum(rows, axis=0) if rows else np.zeros(len(model.grades))
    else:
        try:
            shares = np.asarray(mixture, np.float64)
        except (TypeError, ValueError) as error:
            raise ModelError("Weights of grades must be numbers.") from error
    count = len(model.grades)
    if shares.ndim not in (1, 3) or shares.shape[-1] != count:
        raise ModelError(
            f"{model.name!r} takes a weight for each of {count} grades, as ({count},) or (rows, columns, "
            f"{count}), not an array of shape {shares.shape}."
        )
    if not count:
        return np.zeros(shares.shape, np.float32)
    sums = shares.sum(-1, keepdims=True)
    if not np.isfinite(shares).all() or (shares < 0).any() or (sums <= 0).any():
        raise ModelError("Weights of grades must be 0 or more, finite, and not all 0; mend the mixture.")
    return np.asarray(shares / sums, np.float32)


def laid_over(
    shares: Floats, shape: tuple[int, int], middles: tuple[Fractions, Fractions] | None = None
) -> Floats:
    """Return the weights at each latent of a lattice.

    Parameters
    ----------
    shares : ndarray
        float32 (g,), the same everywhere, or (rows, columns, g), laid over the canvas, linear in between.
    shape : tuple of int
        Rows and columns of the lattice.
    middles : tuple of ndarray, optional
        Where its rows and columns lie, as shares of the canvas's height and width; evenly if not given.

    Returns
    -------
    ndarray
        float32 (rows, columns, g), summing up to 1.
    """
    if shares.ndim == 1:
        return np.broadcast_to(shares, (*shape, len(shares))).copy()
    rows, columns = middles or (_evenly(shape[0]), _evenly(shape[1]))
    across = _along(shares.transpose(2, 0, 1), rows)  # (g, rows, columns)
    made = _along(across.transpose(0, 2, 1), columns)  # (g, columns, rows)
    return np.ascontiguousarray(made.transpose(2, 1, 0))


def _evenly(count: int) -> Fractions:
    return (np.arange(count) + 0.5) / count


def _along(planes: Floats, places: Fractions) -> Floats:
    """Read planes, (k, y, x), at places along y, shares of its length, linearly."""
    length = planes.shape[1]
    at = np.clip(places * length - 0.5, 0, length - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, length - 1)
    share = (at - low).astype(np.float32)[:, None]
    return np.asarray(planes[:, low] * (1 - share) + planes[:, high] * share, np.float32)
