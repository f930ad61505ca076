"""A way that a slider goes along in the latent: between two styles, or from a third in their direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.space import Style, between, check_style, moved


@dataclass(frozen=True, eq=False)
class Way:
    """A way from one style to another, or the same step taken from elsewhere.

    Attributes
    ----------
    first, second : ndarray
        float32 (d,), the styles at 0 and at 1.
    spherical : bool
        Along the great circle, not the straight line; without a say where a style is carried.
    carried : ndarray or None
        float32 (d,), a style C that the way is applied to: at ``t`` it is ``C + t (second - first)``.

    Raises
    ------
    ModelError
        If the styles differ in length or hold what is no finite number.
    """

    first: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    spherical: bool = False
    carried: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Check the styles once, so that moving along the way cannot fail."""
        lengths = set()
        for name in ("first", "second", "carried"):
            style = getattr(self, name)
            if style is not None:
                checked = np.asarray(check_style(style), np.float32)
                lengths.add(len(checked))
                object.__setattr__(self, name, checked)
        if len(lengths) > 1:
            known = " and ".join(str(length) for length in sorted(lengths))
            raise ModelError(f"Styles of {known} numbers are of different models.")

    def at(self, t: float) -> Style:
        """Return the style at a share of the way.

        Parameters
        ----------
        t : float
            0 for the beginning, 1 for the end; up to :data:`~napari_histosynth.latent.space.BEYOND` outside.

        Returns
        -------
        ndarray
            float32 (d,).

        Raises
        ------
        ModelError
            If ``t`` is out of range.
        """
        if self.carried is not None:
            return moved(self.carried, self.first, self.second, t)
        return between(self.first, self.second, t, spherical=self.spherical)
